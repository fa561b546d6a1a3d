-- What does one user action cost, call by call? The 1,000 dearest traces of at
-- least two calls, where trace_rank 1 is the dearest. Words are looked up last,
-- for the few calls that are left.
WITH trace AS (
  SELECT trace_hash, sum(cost_usd) AS trace_usd
  FROM calls
  WHERE trace_hash <> 0
  GROUP BY trace_hash
  HAVING sum(requests) >= 2
  ORDER BY trace_usd DESC NULLS LAST, trace_hash
  LIMIT 1000
), names AS (
  SELECT hash, min(name) AS name
  FROM name
  WHERE hash IN (SELECT trace_hash FROM trace)
  GROUP BY hash
), ranked AS (
  SELECT
    trace_hash,
    coalesce(name, printf('%016x', trace_hash)) AS trace_id,
    trace_usd,
    row_number() OVER (ORDER BY trace_usd DESC NULLS LAST, coalesce(name, printf('%016x', trace_hash)), trace_hash) AS trace_rank
  FROM trace
  LEFT JOIN names ON hash = trace_hash
)
SELECT
  trace_rank, trace_id, trace_usd,
  ts AS started_at,
  agent_word(agent_id) AS agent, user_word(user_id) AS "user", model_word(model_id) AS model,
  endpoint_word(endpoint_id) AS endpoint, step_word(step_id) AS step, status, end_word(end_id) AS "end",
  latency_ms, input_tokens, cache_read_tokens, output_tokens, cost_usd, estimated,
  printf('%016x', boot) AS call_boot, seq AS call_seq, trace_hash AS trace_key
FROM calls
JOIN ranked USING (trace_hash)
ORDER BY trace_rank, started_at, call_boot, call_seq
