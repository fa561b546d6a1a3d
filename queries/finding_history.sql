-- Which calls send a long history for a short answer? All but the last five
-- messages could stay at home, as far as they were not read from the cache.
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, 'likely' AS class, cost_usd,
  usd(greatest(0, (CAST(history_bytes AS HUGEINT) - recent_bytes) * input_tokens // text_bytes
    - greatest(0, CAST(cache_read_tokens AS HUGEINT) - (CAST(system_bytes AS HUGEINT) + tools_bytes) * input_tokens // text_bytes)) * input_pico) AS avoidable_usd,
  CAST(input_tokens AS BIGINT) AS input_tokens,
  CAST(output_tokens AS BIGINT) AS output_tokens
FROM rated
WHERE due AND history_bytes >= history_bytes_min() AND CAST(history_bytes AS BIGINT) * 100 >= text_bytes * history_share_pct()
  AND tools = 0 AND history_bytes > recent_bytes
  AND (output_tokens < short_output_tokens() OR CAST(output_tokens AS BIGINT) * 100 < input_tokens * history_output_pct())
