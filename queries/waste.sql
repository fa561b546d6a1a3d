-- Which agents send big prompts for small answers? The mean over calls of input
-- per output token, where it is above ten. The mean is taken over decimals, so
-- that it does not depend on the order in which rows are added.
SELECT
  agent_word(agent_id) AS agent,
  sum(CAST(input_tokens / output_tokens AS DECIMAL(18, 6))) / count(*) AS ratio,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cost_usd) AS cost_usd,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd
FROM calls
WHERE output_tokens > 0 AND NOT gap
GROUP BY agent_id
HAVING sum(CAST(input_tokens / output_tokens AS DECIMAL(18, 6))) > 10 * count(*)
ORDER BY input_tokens DESC, agent
