-- What does one user action cost, call by call? The 1,000 dearest of at least two
-- calls (of sessions, which have many more calls, the 100 dearest), where trace_rank 1
-- is the dearest. Words are looked up last, for the few calls that are left.
WITH dearest AS (
  FROM action
  ORDER BY action_usd DESC NULLS LAST, action_hash
  LIMIT 1000
), names AS (
  SELECT hash, min(name) AS name
  FROM name
  WHERE hash IN (SELECT action_hash FROM dearest)
  GROUP BY hash
), ranked AS MATERIALIZED (
  SELECT
    action_hash, grouped_by,
    coalesce(name, printf('%016x', action_hash)) AS trace_id,
    action_usd AS trace_usd,
    row_number() OVER (ORDER BY action_usd DESC NULLS LAST, coalesce(name, printf('%016x', action_hash)), action_hash) AS trace_rank
  FROM dearest
  LEFT JOIN names ON hash = action_hash
)
SELECT
  trace_rank, trace_id, grouped_by, trace_usd,
  ts AS started_at,
  agent_word(agent_id) AS agent, user_word(user_id) AS "user", model_word(model_id) AS model,
  endpoint_word(endpoint_id) AS endpoint, step_word(step_id) AS step, status, end_word(end_id) AS "end",
  latency_ms, input_tokens, cache_read_tokens, output_tokens, cost_usd, estimated,
  printf('%016x', boot) AS call_boot, seq AS call_seq, action_hash AS trace_key,
  -- What tells which call is part of which.
  span_hash, parent_hash, response_hash, prev_response_hash, fp_turn_0, fp_turn_1, fp_turn_2, fp_turn_3, tool_calls
FROM (
  FROM calls JOIN ranked ON grouped_by = 'trace' AND trace_hash = action_hash
  UNION ALL
  FROM calls JOIN ranked ON grouped_by = 'session' AND trace_rank <= 100 AND session_hash = action_hash
)
ORDER BY trace_rank, started_at, call_boot, call_seq
