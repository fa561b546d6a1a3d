-- What does each session of two calls or more cost? Where no trace id has two calls
-- burn keeps this answer in the table action.
SELECT session_hash AS action_hash, sum(cost_usd) AS action_usd, 'session' AS grouped_by
FROM calls
WHERE session_hash <> 0
GROUP BY session_hash
HAVING sum(requests) >= 2
