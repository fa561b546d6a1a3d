-- What does each session of two calls or more cost? Where no trace id has two calls
-- burn keeps this answer in the table action. What has more than 10,000 calls is a
-- program's session, not a user's.
SELECT session_hash AS action_hash, sum(cost_usd) AS action_usd, 'session' AS grouped_by
FROM calls
WHERE session_hash <> 0
GROUP BY session_hash
HAVING sum(requests) BETWEEN 2 AND 10000
