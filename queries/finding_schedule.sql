-- Which calls of a job that runs by the clock ask again what an earlier run asked?
-- A single short text (a health check) is not work that is done again.
WITH asked AS (
  SELECT t.boot, t.seq, t.ts, t.caller_id, t.fp_request, t.cost_usd, t.due, s.run, s.started_at, t.fp_input <> 0 AND text_bytes >= repeat_bytes() AS long
  FROM traffic t
  JOIN scheduled s ON s.caller_id = t.caller_id AND s.minute = date_trunc('minute', t.ts)
  WHERE s.on_time AND t.fp_request <> 0 AND t.cost_usd > 0 AND NOT t.failed
), firsts AS (
  SELECT caller_id, fp_request, min(run) AS first_run
  FROM asked
  GROUP BY ALL
  HAVING min(run) < max(run)
), jobs AS (
  SELECT caller_id, count(*) >= schedule_runs() AS many
  FROM firsts
  GROUP BY caller_id
)
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, 'certain' AS class, cost_usd,
  cost_usd AS avoidable_usd,
  CAST(minute(started_at) AS BIGINT) AS start_minute,
  CAST(run AS BIGINT) AS run
FROM asked
JOIN firsts USING (caller_id, fp_request)
JOIN jobs USING (caller_id)
WHERE due AND run > first_run AND (long OR many)
