-- Which short answers could a cheaper model of the same maker give? Only a test
-- can tell.
WITH short AS MATERIALIZED (
  SELECT boot, seq, ts, caller_id, model_id, cost_usd, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
    sibling_input_pico, sibling_read_pico, sibling_write_pico, sibling_output_pico
  FROM rated
  WHERE due AND sibling <> '' AND output_tokens > 0 AND output_tokens < short_output_tokens() AND tools = 0 AND NOT failed
), taken AS (
  SELECT boot, seq, sum(saved_usd) AS usd FROM charge SEMI JOIN short USING (boot, seq) WHERE place < 10 GROUP BY ALL
)
SELECT
  boot, seq, ts, caller_id, CAST(model_id AS UBIGINT) AS other_id, 'test' AS class, cost_usd,
  CAST(greatest(0, cost_usd - coalesce(taken.usd, 0)
    - usd((CAST(input_tokens AS HUGEINT) - cache_read_tokens - cache_write_tokens) * sibling_input_pico + CAST(cache_read_tokens AS HUGEINT) * sibling_read_pico
      + CAST(cache_write_tokens AS HUGEINT) * sibling_write_pico + CAST(output_tokens AS HUGEINT) * sibling_output_pico + 999)) AS DECIMAL(18, 12)) AS avoidable_usd,
  CAST(input_tokens AS BIGINT) AS input_tokens,
  CAST(output_tokens AS BIGINT) AS output_tokens
FROM short
LEFT JOIN taken USING (boot, seq)
