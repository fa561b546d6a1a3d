-- What does a user action of two calls or more typically cost? The amount that half
-- of them stay below.
WITH trace AS (
  SELECT sum(cost_usd) AS cost_usd
  FROM calls
  WHERE trace_hash <> 0
  GROUP BY trace_hash
  HAVING sum(requests) >= 2
)
SELECT count(*) AS traces, quantile_disc(cost_usd, 0.5) AS typical_usd
FROM trace
WHERE cost_usd IS NOT NULL
