-- Which calls belong to a job that runs at most daily, so that nobody waits for
-- them, and pay the price of at once? Half is usual for the batch endpoint. Runs
-- at other minutes, and small ones between two of the job's, are not the job's: of
-- an agent's calls there may be as many as a schedule allows. Steps of one run that
-- wait for each other's answers, in a loop of tools or a dialogue, cannot be sent at once.
WITH run AS (
  SELECT caller_id, run, any_value(started_at) AS started_at, any_value(run_calls) AS calls, bool_and(on_time) AS on_time
  FROM scheduled
  GROUP BY ALL
), sized AS (
  SELECT *, sum(calls) OVER (PARTITION BY caller_id) AS caller_calls,
    on_time AND calls * 100 >= max(CASE WHEN on_time THEN calls END) OVER (PARTITION BY caller_id) * batch_largest_pct() AS large
  FROM run
), own AS (
  SELECT *
  FROM sized
  WHERE on_time
  WINDOW before AS (PARTITION BY caller_id ORDER BY run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    after AS (PARTITION BY caller_id ORDER BY run ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
  QUALIFY large OR NOT coalesce(started_at - max(CASE WHEN large THEN started_at END) OVER before < to_hours(batch_hours()), false)
    AND NOT coalesce(min(CASE WHEN large THEN started_at END) OVER after - started_at < to_hours(batch_hours()), false)
), spaced AS (
  SELECT *, started_at - lag(started_at) OVER (PARTITION BY caller_id ORDER BY run) AS since_last
  FROM own
), daily AS MATERIALIZED (
  SELECT caller_id, count(*) AS runs
  FROM spaced
  GROUP BY caller_id
  HAVING count(*) >= schedule_runs() AND bool_and(large) AND min(since_last) >= to_hours(batch_hours())
    AND sum(calls) * 100 >= any_value(caller_calls) * schedule_share_pct()
), made AS MATERIALIZED (
  -- By a list of callers: where there is no such job no call is read.
  SELECT boot, seq, ts, date_trunc('minute', ts) AS minute, caller_id, cost_usd, batch_multiplier, due AND NOT stream AND batch_multiplier < 1 AS could,
    fp_turn_0, fp_turn_1, fp_turn_2, fp_turn_3, response_hash, prev_response_hash
  FROM rated, (SELECT list(caller_id) AS callers FROM daily HAVING count(*) > 0) jobs
  WHERE list_contains(callers, caller_id)
), placed AS MATERIALIZED (
  SELECT *
  FROM made
  JOIN scheduled USING (caller_id, minute)
  JOIN own USING (caller_id, run)
  JOIN daily USING (caller_id)
), asked AS (
  SELECT DISTINCT caller_id, run, turn
  FROM (SELECT caller_id, run, unnest([fp_turn_1, fp_turn_2, fp_turn_3]) AS turn FROM placed WHERE fp_turn_1 <> 0)
  WHERE turn <> 0
), continued AS MATERIALIZED (
  SELECT DISTINCT p.caller_id, p.run, turn
  FROM placed p
  JOIN asked a ON a.caller_id = p.caller_id AND a.run = p.run AND turn = fp_turn_0
), answered AS MATERIALIZED (
  SELECT DISTINCT prev_response_hash AS answer FROM placed WHERE prev_response_hash <> 0
), work AS MATERIALIZED (
  SELECT boot, seq, ts, caller_id, cost_usd, batch_multiplier, runs
  FROM placed
  WHERE could AND prev_response_hash = 0 AND response_hash NOT IN (FROM answered)
    AND (caller_id, run, fp_turn_0) NOT IN (FROM continued) AND (caller_id, run, fp_turn_1) NOT IN (FROM continued)
    AND (caller_id, run, fp_turn_2) NOT IN (FROM continued) AND (caller_id, run, fp_turn_3) NOT IN (FROM continued)
), taken AS (
  SELECT boot, seq, sum(saved_usd) AS usd FROM charge SEMI JOIN work USING (boot, seq) WHERE place < 8 GROUP BY ALL
)
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, 'likely' AS class, cost_usd,
  CAST(CAST(cost_usd - coalesce(taken.usd, 0) AS DECIMAL(18, 12)) * CAST(1 - batch_multiplier AS DECIMAL(9, 6)) AS DECIMAL(18, 12)) AS avoidable_usd,
  runs AS runs,
  CAST(NULL AS BIGINT) AS nothing
FROM work
LEFT JOIN taken USING (boot, seq)
