-- Which requests were asked before, by the same caller of the same model, and
-- answered? What comes within a minute may be samples taken on purpose.
WITH again AS MATERIALIZED (
  SELECT boot, seq, ts, caller_id, model_id, fp_request, cost_usd, due, embeds, failed, fp_input <> 0 AND text_bytes >= repeat_bytes() OR embeds AS worth
  FROM traffic
  WHERE fp_request <> 0 AND fp_request IN (FROM asked_again) AND cost_usd > 0
), askable AS (
  SELECT * FROM again WHERE worth
), firsts AS (
  SELECT caller_id, model_id, fp_request, min(ts) AS first_at
  FROM askable
  ANTI JOIN (SELECT boot, seq FROM charge WHERE place = 1) USING (boot, seq)
  WHERE NOT failed
  GROUP BY caller_id, model_id, fp_request
)
SELECT
  boot, seq, ts, caller_id, CAST(0 AS UBIGINT) AS other_id, CASE WHEN embeds THEN 'certain' ELSE 'likely' END AS class, cost_usd,
  cost_usd AS avoidable_usd,
  epoch_ms(ts) - epoch_ms(first_at) AS repeated_after_ms,
  CAST(embeds AS BIGINT) AS embedding
FROM askable
JOIN firsts USING (caller_id, model_id, fp_request)
WHERE due AND ts > first_at + to_seconds(repeat_seconds())
