-- Why were lines rejected?
SELECT reason, count(*) AS lines
FROM reject
GROUP BY reason
ORDER BY lines DESC, reason
