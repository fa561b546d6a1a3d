-- Which streams were paid though the client left before they ended?
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, 'likely' AS class, cost_usd,
  cost_usd AS avoidable_usd,
  CAST(output_tokens AS BIGINT) AS output_tokens,
  CAST(latency_ms AS BIGINT) AS waited_ms
FROM traffic
WHERE due AND aborted AND stream AND NOT (measured AND finish_reason_id <> 0)
