-- What does each user action of two calls or more cost? An action is what has one
-- trace id. burn keeps the answer in the table action, which traces and
-- trace_typical read.
SELECT trace_hash AS action_hash, sum(cost_usd) AS action_usd, 'trace' AS grouped_by
FROM calls
WHERE trace_hash <> 0
GROUP BY trace_hash
HAVING sum(requests) >= 2
