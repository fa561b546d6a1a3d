-- The runs of callers that call by a clock: calls with short gaps between them
-- are one run, and most calls lie in runs that start at the same few minutes of
-- the hour. One row per minute that has calls. A run that is not on_time began
-- at another minute.
CREATE OR REPLACE TABLE scheduled AS
WITH minutes AS (
  SELECT caller_id, date_trunc('minute', ts) AS minute, min(ts) AS first_at, max(ts) AS last_at, count(*) AS calls
  FROM traffic
  GROUP BY ALL
), begun AS (
  SELECT caller_id, minute, calls,
    CASE WHEN coalesce(first_at - lag(last_at) OVER (PARTITION BY caller_id ORDER BY minute) > to_seconds(run_gap_seconds()), true) THEN first_at END AS begins_at
  FROM minutes
), placed AS MATERIALIZED (
  -- A run is known by when it started: cheaper than to count runs.
  SELECT caller_id, minute, calls, last_value(begins_at IGNORE NULLS) OVER (PARTITION BY caller_id ORDER BY minute) AS started_at
  FROM begun
), runs AS MATERIALIZED (
  SELECT caller_id, started_at, minute(started_at) AS start, CAST(sum(calls) AS BIGINT) AS calls
  FROM placed
  GROUP BY ALL
), starts AS (
  SELECT caller_id, start, sum(calls) AS calls, count(*) AS runs
  FROM runs
  WHERE caller_id IN (SELECT caller_id FROM runs GROUP BY caller_id HAVING count(*) >= schedule_runs())
  GROUP BY ALL
), dial AS (
  SELECT caller_id, list(coalesce(calls, 0) ORDER BY start) AS calls, list(coalesce(runs, 0) ORDER BY start) AS runs
  FROM (SELECT DISTINCT caller_id FROM starts) CROSS JOIN (SELECT range AS start FROM range(60))
  LEFT JOIN starts USING (caller_id, start)
  GROUP BY caller_id
), picked AS (
  SELECT caller_id, list_sum(calls) AS total,
    list_reduce([{'calls': calls, 'runs': runs, 'covered': CAST(0 AS HUGEINT), 'windows': CAST([] AS BIGINT[])} FOR i IN range(schedule_windows() + 1)],
      lambda dial, again: pick_window(dial)) AS dial
  FROM dial
), clockwork AS MATERIALIZED (
  SELECT caller_id, dial.windows AS windows
  FROM picked
  WHERE dial.covered * 100 >= total * schedule_share_pct()
), numbered AS (
  SELECT caller_id, started_at, row_number() OVER (PARTITION BY caller_id ORDER BY started_at) AS run, calls AS run_calls,
    len([m FOR m IN windows IF (start - m + 60) % 60 < 5]) > 0 AS on_time
  FROM runs
  JOIN clockwork USING (caller_id)
)
SELECT caller_id, minute, run, started_at, run_calls, on_time
FROM placed
JOIN numbered USING (caller_id, started_at);
