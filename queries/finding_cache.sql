-- Which calls begin like another one of the last minutes and pay for it in full?
-- The level is the longest beginning, in bytes, that an earlier call of the same
-- model and key had: prefixes show it to within a factor of two; equal tools and
-- system prompts in full; and all of the earlier call where the later one goes on
-- with its conversation. What was not yet written within the lifetime would pay the
-- surcharge of writing it. Who reads from the cache uses it: what such a call writes is taken
-- for new, and it must have left out more than bytes can err in telling tokens.
-- Writing the same again and reading nothing is no use. A failed call that was paid
-- and made again is not one that others follow: without it there is nothing to read.
WITH near AS (
  SELECT boot, seq, ts, caller_id, model_id, key_id_id, provider_id, cost_usd, due, measured, input_tokens, text_bytes,
    CASE WHEN cache_read_tokens > 0 THEN CAST(cache_read_tokens AS BIGINT) + cache_write_tokens ELSE 0 END AS cached_tokens,
    system_bytes, tools_bytes, history_bytes, input_pico, read_pico, write_pico, cache_minimum,
    fp_prefix_4k, fp_prefix_8k, fp_prefix_16k, fp_prefix_32k, fp_prefix_64k, fp_prefix_128k,
    fp_turn_0, fp_turn_1, fp_turn_2, fp_turn_3,
    CAST(tools_bytes AS BIGINT) + system_bytes AS head_bytes,
    CASE WHEN cache_read_tokens = 0 AND fp_system <> 0 AND CAST(tools_bytes AS BIGINT) + system_bytes > 4096 THEN hash(fp_tools, fp_system) ELSE 0 END AS fp_head
  FROM rated
  SEMI JOIN near_call USING (boot, seq)
  WHERE fp_prefix_4k <> 0
), numbered AS MATERIALIZED (
  SELECT *, row_number() OVER (ORDER BY ts, boot, seq) AS n FROM near
), long AS MATERIALIZED (
  -- Only what is sorted and compared; the rest comes back by n.
  SELECT n, ts, model_id, key_id_id, provider_id, level, prefix, billed AND cached_tokens * 100 < least(level, text_bytes) * input_tokens // text_bytes * cache_read_pct() AS pays
  FROM (
    SELECT n, ts, model_id, key_id_id, provider_id, due AND measured AS billed, cached_tokens, text_bytes, input_tokens,
      unnest([4096, 8192, 16384, 32768, 65536, 131072, head_bytes]) AS level,
      unnest([fp_prefix_4k, fp_prefix_8k, fp_prefix_16k, fp_prefix_32k, fp_prefix_64k, fp_prefix_128k, fp_head]) AS prefix
    FROM numbered
  )
  WHERE prefix <> 0
), shared AS (
  SELECT model_id, key_id_id, provider_id, prefix, row_number() OVER () AS beginning
  FROM long
  GROUP BY model_id, key_id_id, provider_id, prefix
  HAVING count(*) > 1 AND bool_or(pays)
), follower AS (
  SELECT n, level, lag(ts) OVER before >= ts - to_minutes(cache_minutes()) AS follows,
    NOT coalesce(lag(ts, 2) OVER before >= lag(ts) OVER before - to_minutes(cache_minutes()), false) AS after_head
  FROM (SELECT n, ts, level, beginning FROM long JOIN shared USING (model_id, key_id_id, provider_id, prefix))
  WINDOW before AS (PARTITION BY beginning ORDER BY n)
), longest AS (
  SELECT n, max(level) AS level, arg_max(after_head, level) AS after_head
  FROM follower
  WHERE follows
  GROUP BY n
), grown AS (
  SELECT later.n, max(struct_pack(level := CAST(earlier.text_bytes AS BIGINT), n := earlier.n)) AS earlier
  FROM (SELECT n, ts, model_id, key_id_id, provider_id, unnest([fp_turn_1, fp_turn_2, fp_turn_3]) AS turn FROM numbered WHERE fp_turn_1 <> 0) later
  JOIN numbered earlier ON earlier.fp_turn_0 = turn AND earlier.model_id = later.model_id AND earlier.key_id_id = later.key_id_id AND earlier.provider_id = later.provider_id
  WHERE turn <> 0 AND earlier.n < later.n AND earlier.ts >= later.ts - to_minutes(cache_minutes())
  GROUP BY later.n
), onward AS (
  -- The first that goes on with a call pays for writing what was new in that.
  SELECT n, earlier.n AS earlier, earlier.level AS level, row_number() OVER (PARTITION BY earlier.n ORDER BY n) = 1 AS writes
  FROM grown
  LEFT JOIN longest USING (n)
  WHERE earlier.level > coalesce(longest.level, 0)
), begins AS MATERIALIZED (
  SELECT n, coalesce(o.level, l.level) AS level, o.earlier, CASE WHEN o.earlier IS NULL THEN after_head ELSE writes END AS writes
  FROM longest l
  FULL JOIN onward o USING (n)
), best AS (
  SELECT numbered.*, b.level, least(b.level, text_bytes) * input_tokens // text_bytes AS prefix_tokens,
    CASE WHEN b.writes THEN greatest(0, b.level - coalesce(before.level, 0)) ELSE 0 END AS written_bytes
  FROM numbered
  JOIN begins b USING (n)
  LEFT JOIN begins before ON before.n = b.earlier
)
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, 'likely' AS class, cost_usd,
  usd((CAST(prefix_tokens AS HUGEINT) - cached_tokens) * (input_pico - read_pico)
    - CAST(least(written_bytes, text_bytes) * input_tokens // text_bytes AS HUGEINT) * greatest(0, write_pico - input_pico)) AS avoidable_usd,
  CAST(prefix_tokens AS BIGINT) AS prefix_tokens,
  CASE WHEN level * 2 < tools_bytes THEN 1 WHEN level * 2 < CAST(tools_bytes AS BIGINT) + system_bytes THEN 2
    WHEN level * 2 < CAST(tools_bytes AS BIGINT) + system_bytes + history_bytes THEN 3 ELSE 4 END AS broken_by
FROM best
WHERE due AND measured AND prefix_tokens >= cache_minimum AND cached_tokens * 100 < prefix_tokens * cache_read_pct()
