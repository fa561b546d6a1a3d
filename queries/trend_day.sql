-- How does each agent's spending change from day to day? For the picture.
SELECT
  strftime(CAST(local_ts AS DATE), '%Y-%m-%d') AS key,
  agent_word(agent_id) AS agent,
  sum(cost_usd) AS cost_usd,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd
FROM calls
GROUP BY CAST(local_ts AS DATE), agent_id
ORDER BY key, agent
