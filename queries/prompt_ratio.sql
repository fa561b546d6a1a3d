-- How many calls read more than ten tokens for each one they write, and what do
-- they cost?
SELECT
  sum(requests) AS requests,
  sum(cost_usd) AS cost_usd,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd,
  coalesce(sum(CASE WHEN unpriced THEN requests ELSE 0 END), 0) AS unpriced_requests
FROM calls
WHERE output_tokens > 0 AND input_tokens > 10 * CAST(output_tokens AS BIGINT) AND NOT gap
