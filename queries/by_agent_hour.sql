-- Which agent spends at which hour of day? For the picture.
SELECT
  printf('%02d', hour(local_ts)) AS key,
  agent_word(agent_id) AS agent,
  sum(cost_usd) AS cost_usd,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd
FROM calls
GROUP BY hour(local_ts), agent_id
ORDER BY key, agent
