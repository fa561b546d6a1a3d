-- How many tokens do calls read and write? A sample of each agent's calls, the same
-- on every run, for the picture.
WITH sampled AS (
  SELECT agent_id, sample_of({'boot': boot, 'seq': seq, 'input_tokens': input_tokens, 'output_tokens': output_tokens}, hash(boot, seq), 45) AS calls
  FROM calls
  WHERE input_tokens > 0 AND output_tokens > 0 AND NOT gap
  GROUP BY agent_id
), listed AS (
  SELECT agent_id, unnest(calls) AS call
  FROM sampled
)
SELECT
  agent_word(agent_id) AS agent, call.input_tokens AS input_tokens, call.output_tokens AS output_tokens, call.boot AS boot, call.seq AS seq
FROM listed
ORDER BY agent, boot, seq
