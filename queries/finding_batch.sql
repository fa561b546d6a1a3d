-- Which calls belong to a job that runs at most daily, so that nobody waits for
-- them, and pay the price of at once? Half is usual for the batch endpoint.
WITH run AS (
  SELECT caller_id, run, any_value(started_at) AS started_at, any_value(run_calls) AS calls, bool_and(on_time) AS on_time
  FROM scheduled
  GROUP BY ALL
), spaced AS (
  SELECT *, started_at - lag(started_at) OVER (PARTITION BY caller_id ORDER BY run) AS since_last
  FROM run
), daily AS (
  SELECT caller_id, count(*) AS runs
  FROM spaced
  GROUP BY caller_id
  HAVING count(*) >= schedule_runs() AND bool_and(on_time) AND min(since_last) >= to_hours(batch_hours())
    AND min(calls) * 100 >= max(calls) * batch_largest_pct()
), work AS MATERIALIZED (
  SELECT boot, seq, caller_id, cost_usd, batch_multiplier, runs
  FROM rated
  JOIN daily USING (caller_id)
  WHERE due AND NOT stream AND batch_multiplier < 1
), taken AS (
  SELECT boot, seq, sum(saved_usd) AS usd FROM charge SEMI JOIN work USING (boot, seq) WHERE place < 8 GROUP BY ALL
)
SELECT
  boot, seq, caller_id, CAST(0 AS UBIGINT) AS other_id, 'likely' AS class, cost_usd,
  CAST(CAST(cost_usd - coalesce(taken.usd, 0) AS DECIMAL(18, 12)) * CAST(1 - batch_multiplier AS DECIMAL(9, 6)) AS DECIMAL(18, 12)) AS avoidable_usd,
  runs AS runs,
  CAST(NULL AS BIGINT) AS nothing
FROM work
LEFT JOIN taken USING (boot, seq)
