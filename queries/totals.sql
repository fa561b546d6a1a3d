-- What did it cost altogether? Always one row.
SELECT
  sum(cost_usd) AS cost_usd,
  coalesce(sum(requests), 0) AS requests,
  coalesce(sum(input_tokens), 0) AS input_tokens,
  coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
  coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
  coalesce(sum(output_tokens), 0) AS output_tokens,
  coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
  coalesce((sum(input_tokens) + sum(output_tokens)) / sum(requests), 0) AS avg_tokens,
  coalesce(sum(CASE WHEN failed THEN requests ELSE 0 END), 0) AS errors,
  coalesce(sum(CASE WHEN rate_limited THEN requests ELSE 0 END), 0) AS rate_limited,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd,
  count(DISTINCT agent_id) AS agents,
  coalesce(sum(CASE WHEN gap THEN requests ELSE 0 END), 0) AS gap_requests,
  coalesce(sum(CASE WHEN estimated OR gap THEN requests ELSE 0 END), 0) AS estimated_requests,
  coalesce(sum(CASE WHEN unpriced THEN requests ELSE 0 END), 0) AS unpriced_requests,
  coalesce(sum(CASE WHEN inconsistent THEN requests ELSE 0 END), 0) AS inconsistent_requests
FROM calls
