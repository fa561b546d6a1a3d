-- When is what each finding charges spent? Its calls by day and by hour of day;
-- the other of the two is NULL. For the pictures. Hours are summed first.
WITH hourly AS (
  SELECT
    place, class, caller_id, other_id, date_trunc('hour', local_time(ts)) AS local_hour, count(*) AS calls,
    sum(cost_usd) AS cost_usd, sum(saved_usd) AS saved_usd
  FROM charge
  GROUP BY ALL
)
SELECT
  place, class, caller_id, other_id,
  strftime(CAST(local_hour AS DATE), '%Y-%m-%d') AS day, hour(local_hour) AS hour, CAST(sum(calls) AS BIGINT) AS calls,
  sum(cost_usd) AS cost_usd, sum(saved_usd) AS saved_usd
FROM hourly
GROUP BY GROUPING SETS ((place, class, caller_id, other_id, CAST(local_hour AS DATE)), (place, class, caller_id, other_id, hour(local_hour)))
ORDER BY place, class, caller_id, other_id, day NULLS LAST, hour
