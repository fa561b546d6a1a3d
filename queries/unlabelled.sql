-- Which programs call without saying for which agent?
SELECT
  user_agent AS program,
  sum(requests) AS requests,
  sum(cost_usd) AS cost_usd
FROM calls
WHERE agent_id = (SELECT unknown_agent FROM words)
GROUP BY user_agent
ORDER BY requests DESC, program
