-- What did agents cost before and after each mark, day by day? A day counts 24
-- hours from the mark, 0 being the first after it and -1 the last before it. The
-- hour of the mark itself is neither. burn writes the table mark (n, agent, marked_at,
-- since_at, until_at) before each run. Calls that had nothing to bill, or have no
-- price, are left out. works counts the different requests of a day, of the
-- marked agent alone and only where requests have a fingerprint.
WITH hourly AS (
  SELECT agent_id, date_trunc('hour', ts) AS hour, sum(requests) AS calls, sum(cost_usd) AS cost_usd
  FROM every_call
  WHERE ts >= (SELECT min(since_at) FROM mark) AND ts < (SELECT max(until_at) FROM mark) AND cost_usd IS NOT NULL AND cost_basis <> 'none'
  GROUP BY ALL
), days AS (
  SELECT n, agent_id, CAST(floor((epoch(hour) - epoch(marked_at)) / 86400) AS BIGINT) AS day, sum(calls) AS calls, sum(cost_usd) AS cost_usd
  FROM hourly
  JOIN mark ON hour >= since_at AND hour < until_at AND date_trunc('hour', marked_at) <> hour
  GROUP BY ALL
), marked AS (
  SELECT n, marked_at, since_at, until_at,
    CASE WHEN agent = 'unknown' THEN (SELECT unknown_agent FROM words) ELSE (SELECT min(id) FROM dim WHERE kind = 'agent' AND name = mark.agent) END AS agent_id
  FROM mark
), works AS (
  SELECT n, marked.agent_id, CAST(floor((epoch(date_trunc('hour', ts)) - epoch(marked_at)) / 86400) AS BIGINT) AS day, count(DISTINCT fp_request) AS works
  FROM every_call
  JOIN marked ON every_call.agent_id = marked.agent_id AND ts >= since_at AND ts < until_at AND date_trunc('hour', marked_at) <> date_trunc('hour', ts)
  WHERE fp_request <> 0 AND cost_usd IS NOT NULL AND cost_basis <> 'none'
  GROUP BY ALL
)
SELECT CAST(n AS BIGINT) AS n, agent_word(agent_id) AS agent, day, calls, cost_usd, coalesce(works, 0) AS works
FROM days
LEFT JOIN works USING (n, agent_id, day)
ORDER BY n, agent, day
