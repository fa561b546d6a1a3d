-- The views that queries read. burn writes period (one row) and zone (one row
-- per stretch of equal offset from UTC) before each run and leaves them, so a
-- query file can be pasted into a DuckDB shell on the database afterwards.
-- {{since}}, {{until}}, {{offset}} and {{filter}} are filled in by SetPeriod
-- with timestamps and numbers only, never with a caller's text.
-- The names come from one list per kind, built once per query and left out by
-- the planner where a query does not use them: cheaper than a join per name.
CREATE OR REPLACE MACRO word(k, i) AS (SELECT list(name ORDER BY id) FROM dim WHERE kind = k)[i + 1];

CREATE OR REPLACE VIEW every_call AS
SELECT
  boot, seq, part, requests, gap, ts, ts + to_seconds({{offset}}) AS local_ts, latency_ms, ttft_ms,
  word('upstream', upstream_id) AS upstream, word('provider', provider_id) AS provider,
  word('operation', operation_id) AS operation, word('endpoint', endpoint_id) AS endpoint, word('method', method_id) AS method,
  status, word('error_type', error_type_id) AS error_type, word('end', end_id) AS "end", stream,
  word('request_model', request_model_id) AS request_model, word('response_model', response_model_id) AS response_model,
  coalesce(nullif(word('response_model', response_model_id), ''), nullif(word('request_model', request_model_id), ''), 'unknown') AS model,
  word('service_tier', service_tier_id) AS service_tier, word('speed', speed_id) AS speed, word('geo', geo_id) AS geo,
  word('finish_reason', finish_reason_id) AS finish_reason,
  response_hash, prev_response_hash, word('org', org_id) AS org, word('project', project_id) AS project, retry,
  coalesce(nullif(word('agent', agent_id), ''), 'unknown') AS agent, word('agent_source', agent_source_id) AS agent_source,
  coalesce(nullif(word('user', user_id), ''), 'unknown') AS "user",
  session_hash, trace_hash, span_hash, parent_hash, word('step', step_id) AS step, word('tags', tags_id) AS tags,
  word('key_id', key_id_id) AS key_id, word('client', client_id) AS client, word('user_agent', user_agent_id) AS user_agent,
  word('usage_source', usage_source_id) AS usage_source, word('flags', flags_id) AS flags,
  input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
  output_tokens, reasoning_tokens, citation_tokens,
  audio_input_tokens, audio_cache_read_tokens, audio_output_tokens, image_input_tokens, image_output_tokens,
  web_searches, billed_requests, seconds, sub_usage,
  cost_usd, word('cost_basis', cost_basis_id) AS cost_basis, estimated,
  request_bytes, response_bytes, events, output_bytes, messages, tools, max_tokens, tool_calls,
  system_bytes, tools_bytes, history_bytes, recent_bytes, input_bytes,
  fp_system, fp_tools, fp_input, fp_request, fp_turn_0, fp_turn_1, fp_turn_2, fp_turn_3,
  fp_prefix_4k, fp_prefix_8k, fp_prefix_16k, fp_prefix_32k, fp_prefix_64k, fp_prefix_128k,
  fp_part_0, fp_part_1, fp_part_2, fp_part_3
FROM call
WHERE {{filter}};

CREATE OR REPLACE VIEW calls AS
SELECT * FROM every_call WHERE ts >= TIMESTAMP '{{since}}' AND ts < TIMESTAMP '{{until}}';

CREATE OR REPLACE VIEW history AS
SELECT * FROM every_call WHERE ts >= TIMESTAMP '{{since}}' - INTERVAL 7 DAY AND ts < TIMESTAMP '{{until}}';
