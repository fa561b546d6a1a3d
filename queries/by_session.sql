-- What does one session cost? Calls without a session are left out.
WITH sessions AS (
  SELECT
    session_hash,
    sum(cost_usd) AS cost_usd,
    sum(requests) AS requests,
    sum(input_tokens) AS input_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(output_tokens) AS output_tokens,
    sum(reasoning_tokens) AS reasoning_tokens,
    sum(CASE WHEN failed THEN requests ELSE 0 END) AS errors,
    sum(CASE WHEN rate_limited THEN requests ELSE 0 END) AS rate_limited,
    coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd,
    sum(CASE WHEN unpriced THEN requests ELSE 0 END) AS unpriced_requests,
    (quantile_cont(latency_ms, [0.5, 0.95]) FILTER (WHERE answered))[1] AS p50_ms,
    (quantile_cont(latency_ms, [0.5, 0.95]) FILTER (WHERE answered))[2] AS p95_ms
  FROM calls
  WHERE session_hash <> 0
  GROUP BY session_hash
), names AS (
  SELECT hash, min(name) AS name
  FROM name
  WHERE hash IN (SELECT session_hash FROM sessions)
  GROUP BY hash
)
SELECT
  coalesce(name, printf('%016x', session_hash)) AS key,
  cost_usd, requests, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  (input_tokens + output_tokens) / requests AS avg_tokens,
  errors, rate_limited, estimated_usd, unpriced_requests, p50_ms, p95_ms
FROM sessions
LEFT JOIN names ON hash = session_hash
ORDER BY cost_usd DESC NULLS LAST, requests DESC, key
