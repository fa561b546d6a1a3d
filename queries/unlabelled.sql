-- Which programs call without saying for which agent?
SELECT
  user_agent AS program,
  sum(requests) AS requests,
  sum(cost_usd) AS cost_usd
FROM calls
WHERE NOT named
GROUP BY user_agent
ORDER BY requests DESC, program
