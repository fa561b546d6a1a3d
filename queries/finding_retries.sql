-- Which calls failed, were paid, and were made again? Or were cut at max_tokens
-- and made again with a higher limit.
WITH failed AS MATERIALIZED (
  SELECT boot, seq, ts, latency_ms, caller_id, cost_usd, fp_request, key_id_id, max_tokens,
    status >= 500 OR NOT ended AND NOT (measured AND finish_reason_id <> 0) AS broken
  FROM traffic
  WHERE due AND fp_request <> 0 AND (status >= 500 OR NOT ended OR finish_reason IN ('length', 'max_tokens', 'MAX_TOKENS'))
), later AS (
  SELECT ts, fp_request, key_id_id, max_tokens
  FROM traffic
  WHERE fp_request IN (SELECT fp_request FROM failed)
)
SELECT
  f.boot, f.seq, any_value(f.ts) AS ts, f.caller_id, CAST(0 AS UBIGINT) AS other_id, 'certain' AS class, any_value(f.cost_usd) AS cost_usd,
  any_value(f.cost_usd) AS avoidable_usd,
  min(epoch_ms(later.ts) - epoch_ms(f.ts)) AS repeated_after_ms,
  CASE WHEN any_value(f.broken) THEN 0 ELSE 1 END AS cut_at_limit
FROM failed f
JOIN later ON later.fp_request = f.fp_request AND later.key_id_id = f.key_id_id AND later.ts > f.ts
  AND (f.broken AND epoch_ms(later.ts) <= epoch_ms(f.ts) + f.latency_ms + 60000 * retry_minutes()
    OR NOT f.broken AND f.max_tokens > 0 AND (later.max_tokens > f.max_tokens OR later.max_tokens = 0) AND later.ts <= f.ts + INTERVAL 1 DAY)
GROUP BY f.boot, f.seq, f.caller_id
