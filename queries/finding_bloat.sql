-- Which long prompts get a short answer, for no reason that shows? Half of the
-- input is the most that is taken for avoidable.
WITH long AS MATERIALIZED (
  SELECT boot, seq, ts, caller_id, cost_usd, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, input_pico, read_pico, write_pico
  FROM rated
  WHERE due AND input_tokens >= bloat_input_tokens() AND input_tokens > bloat_ratio() * output_tokens
    AND output_tokens > 0 AND output_tokens < short_output_tokens() AND session_hash = 0 AND tools = 0 AND NOT failed
    AND NOT embeds
), taken AS (
  SELECT boot, seq FROM charge SEMI JOIN long USING (boot, seq) WHERE place < 9
)
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, 'likely' AS class, cost_usd,
  usd(least(
    least(CAST(input_tokens AS HUGEINT) - bloat_ratio() * output_tokens, CAST(input_tokens AS HUGEINT) - cache_read_tokens - cache_write_tokens) * input_pico,
    ((CAST(input_tokens AS HUGEINT) - cache_read_tokens - cache_write_tokens) * input_pico + CAST(cache_read_tokens AS HUGEINT) * read_pico
      + CAST(cache_write_tokens AS HUGEINT) * write_pico) // 2)) AS avoidable_usd,
  CAST(input_tokens AS BIGINT) AS input_tokens,
  CAST(output_tokens AS BIGINT) AS output_tokens
FROM long
ANTI JOIN taken USING (boot, seq)
