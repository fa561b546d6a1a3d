-- When is what each finding charges spent? Its calls by day and by hour of day;
-- the other of the two is NULL. For the pictures.
SELECT
  place, class, caller_id, other_id,
  strftime(CAST(local_ts AS DATE), '%Y-%m-%d') AS day, hour(local_ts) AS hour, count(*) AS calls,
  sum(charge.cost_usd) AS cost_usd, sum(saved_usd) AS saved_usd
FROM charge
JOIN calls USING (boot, seq)
GROUP BY GROUPING SETS ((place, class, caller_id, other_id, CAST(local_ts AS DATE)), (place, class, caller_id, other_id, hour(local_ts)))
ORDER BY place, class, caller_id, other_id, day NULLS LAST, hour
