-- What are the sums of each hour, in the report's time zone, of what is alike?
-- Columns are named as in calls: what sums over calls gives the same over these far
-- fewer rows. burn keeps them in the table hourly, and asks that where it can. Of how
-- long calls took it knows nothing. Hours are counted from the year 1, because
-- division rounds towards 0.
WITH counted AS (
  SELECT
    (epoch_us(local_ts) + 62135596800000000) // 3600000000 AS hour, agent_id, model_id, endpoint_id, team_id, failed, rate_limited, estimated, unpriced,
    sum(requests) AS requests,
    sum(cost_usd) AS cost_usd,
    sum(input_tokens) AS input_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(output_tokens) AS output_tokens,
    sum(reasoning_tokens) AS reasoning_tokens
  FROM calls
  GROUP BY ALL
)
SELECT * EXCLUDE (hour), make_timestamp(hour * 3600000000 - 62135596800000000) AS local_ts, false AS answered, CAST(NULL AS DOUBLE) AS latency_ms
FROM counted
