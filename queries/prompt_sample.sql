-- How many tokens do calls read and write? A sample of each agent's calls, the same
-- on every run, for the picture: those with the least hashes.
WITH sampled AS (
  SELECT agent_id, min(hash(boot, seq), 45) AS picked
  FROM calls
  WHERE input_tokens > 0 AND output_tokens > 0 AND NOT gap
  GROUP BY agent_id
)
SELECT
  agent_word(agent_id) AS agent, input_tokens, output_tokens, boot, seq
FROM calls
JOIN (SELECT agent_id, unnest(picked) AS picked FROM sampled) USING (agent_id)
WHERE input_tokens > 0 AND output_tokens > 0 AND NOT gap AND picked = hash(boot, seq)
ORDER BY agent, boot, seq
