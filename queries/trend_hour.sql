-- How does each agent's spending change from hour to hour? For the picture of a
-- period of two days or less, in hours of the report's time zone.
SELECT
  strftime(date_trunc('hour', local_ts), '%Y-%m-%d %H:00') AS key,
  agent_word(agent_id) AS agent,
  sum(cost_usd) AS cost_usd,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd
FROM calls
GROUP BY date_trunc('hour', local_ts), agent_id
ORDER BY key, agent
