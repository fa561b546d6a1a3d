-- Which endpoint of the providers costs what?
SELECT
  endpoint_word(endpoint_id) AS key,
  sum(cost_usd) AS cost_usd,
  sum(requests) AS requests,
  sum(input_tokens) AS input_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(cache_write_tokens) AS cache_write_tokens,
  sum(output_tokens) AS output_tokens,
  sum(reasoning_tokens) AS reasoning_tokens,
  (sum(input_tokens) + sum(output_tokens)) / sum(requests) AS avg_tokens,
  sum(CASE WHEN failed THEN requests ELSE 0 END) AS errors,
  sum(CASE WHEN rate_limited THEN requests ELSE 0 END) AS rate_limited,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd,
  sum(CASE WHEN unpriced THEN requests ELSE 0 END) AS unpriced_requests,
  (quantile_cont(latency_ms, [0.5, 0.95]) FILTER (WHERE answered))[1] AS p50_ms,
  (quantile_cont(latency_ms, [0.5, 0.95]) FILTER (WHERE answered))[2] AS p95_ms
FROM calls
GROUP BY endpoint_id
ORDER BY cost_usd DESC NULLS LAST, requests DESC, key
