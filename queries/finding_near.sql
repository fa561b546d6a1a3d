-- Which calls begin like another one of the last or the next minutes, where one of
-- them could pay less for it? burn keeps the answer in the table near_call, which
-- finding_cache reads. Whoever shares more shares the first 4 KiB too. A failed call
-- that was paid and made again is none of them. Only calls of the period are charged;
-- what a call could read was written within the lifetime before it, and whether that
-- call was the first with it shows in one lifetime more, as does what it went on with.
WITH begun AS MATERIALIZED (
  SELECT boot, seq, ts, fp_prefix_4k, model_id, key_id_id, provider_id,
    due AND measured AND (cache_read_tokens = 0 OR (CAST(cache_read_tokens AS BIGINT) + cache_write_tokens) * 100 < CAST(input_tokens AS BIGINT) * cache_read_pct()) AS may_pay
  FROM rated
  ANTI JOIN (SELECT boot, seq FROM charge WHERE place = 1) failed USING (boot, seq)
  WHERE ts >= since() - to_minutes(3 * cache_minutes()) AND fp_prefix_4k <> 0 AND cost_usd > 0 AND input_tokens >= cache_minimum AND text_bytes > 0 AND read_pico < input_pico
), shared AS (
  SELECT fp_prefix_4k FROM begun GROUP BY fp_prefix_4k HAVING count(*) > 1 AND bool_or(may_pay)
)
SELECT boot, seq
FROM begun
WHERE fp_prefix_4k IN (FROM shared)
WINDOW again AS (PARTITION BY fp_prefix_4k, model_id, key_id_id, provider_id ORDER BY ts, boot, seq)
QUALIFY lag(ts) OVER again >= ts - to_minutes(cache_minutes()) OR lead(ts) OVER again <= ts + to_minutes(cache_minutes())
