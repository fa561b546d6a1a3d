-- The views that queries read. burn writes the table period (one row) and the
-- views before each run, on top of words.sql, and leaves them, so a query file can
-- be pasted into a DuckDB shell on the database afterwards.
-- {{since}}, {{until}}, {{offset}}, {{filter}}, {{spent}}, {{spent_until}} and the
-- numbers of a few words are filled in by SetPeriod with timestamps and numbers
-- only, never with a caller's text.

-- UTC in the report's time zone, exact in the period and the week before.
CREATE OR REPLACE MACRO local_time(ts) AS ts + to_seconds({{offset}});

-- When the period begins.
CREATE OR REPLACE MACRO since() AS TIMESTAMP '{{since}}';

-- answered: the client got a whole good answer; failed: it did not (of a gap
-- line nobody knows); unpriced: it costs something and no price is known; named: it
-- says for which agent; ended, aborted: to its end, or until the client left;
-- measured: its usage is the provider's. They are conditions on numbers, not on
-- words, so that calls which do not meet them are not even read.
CREATE OR REPLACE VIEW every_call AS
SELECT
  boot, seq, part, requests, gap, ts, local_time(ts) AS local_ts, latency_us / 1000 AS latency_ms, ttft_us / 1000 AS ttft_ms,
  w.upstream[upstream_id + 1] AS upstream, w.provider[provider_id + 1] AS provider,
  w.operation[operation_id + 1] AS operation, operation_id = {{embeddings}} AS embeds, w.endpoint[endpoint_id + 1] AS endpoint, w.method[method_id + 1] AS method,
  status, end_id = {{complete}} AND status < 400 AND NOT gap AND part = 0 AS answered,
  NOT gap AND (status >= 400 OR end_id <> {{complete}}) AS failed, end_id = {{complete}} AS ended, end_id = {{client_abort}} AS aborted,
  status IN (429, 529) AS rate_limited,
  w.error_type[error_type_id + 1] AS error_type, w."end"[end_id + 1] AS "end", stream,
  w.request_model[request_model_id + 1] AS request_model, w.response_model[response_model_id + 1] AS response_model,
  CASE WHEN response_model_id <> 0 THEN w.response_model[response_model_id + 1] ELSE w.asked_name[request_model_id + 1] END AS model,
  CASE WHEN response_model_id <> 0 THEN response_model_id ELSE w.asked_model[request_model_id + 1] END AS model_id,
  w.service_tier[service_tier_id + 1] AS service_tier, w.speed[speed_id + 1] AS speed, w.geo[geo_id + 1] AS geo,
  w.finish_reason[finish_reason_id + 1] AS finish_reason,
  response_hash, prev_response_hash, w.org[org_id + 1] AS org, w.project[project_id + 1] AS project, retry,
  w.agent[agent_id + 1] AS agent,
  CASE WHEN agent_id = 0 THEN {{unknown_agent}} ELSE agent_id END AS agent_id, agent_id NOT IN (0, {{unknown_agent}}) AS named,
  w.agent_source[agent_source_id + 1] AS agent_source,
  w."user"[user_id + 1] AS "user",
  CASE WHEN user_id = 0 THEN {{unknown_user}} ELSE user_id END AS user_id,
  provider_id, endpoint_id, step_id, end_id, finish_reason_id, cost_basis_id, upstream_id, request_model_id, response_model_id, service_tier_id, speed_id, geo_id,
  key_id_id, client_id, user_agent_id,
  session_hash, trace_hash, span_hash, parent_hash, w.step[step_id + 1] AS step, w.tags[tags_id + 1] AS tags, w.team_of[tags_id + 1] AS team_id,
  w.key_id[key_id_id + 1] AS key_id, w.client[client_id + 1] AS client, w.user_agent[user_agent_id + 1] AS user_agent,
  CASE WHEN estimated AND NOT gap THEN 'estimated' ELSE w.usage_source[usage_source_id + 1] END AS usage_source,
  NOT gap AND NOT estimated AND usage_source_id IN ({{reported}}, {{derived}}) AS measured,
  w.flags[flags_id + 1] AS flags, flags_id <> 0 AND contains(w.flags[flags_id + 1], 'inconsistent') AS inconsistent,
  input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
  output_tokens, reasoning_tokens, citation_tokens,
  audio_input_tokens, audio_cache_read_tokens, audio_output_tokens, image_input_tokens, image_output_tokens,
  web_searches, billed_requests, seconds, sub_usage,
  cost_usd, w.cost_basis[cost_basis_id + 1] AS cost_basis,
  cost_usd IS NULL AND cost_basis_id <> {{nothing_to_bill}} AS unpriced, estimated,
  request_bytes, response_bytes, events, output_bytes, messages, tools, max_tokens, tool_calls,
  system_bytes, tools_bytes, history_bytes, recent_bytes, input_bytes,
  fp_system, fp_tools, fp_input, fp_request, fp_turn_0, fp_turn_1, fp_turn_2, fp_turn_3,
  fp_prefix_4k, fp_prefix_8k, fp_prefix_16k, fp_prefix_32k, fp_prefix_64k, fp_prefix_128k,
  fp_part_0, fp_part_1, fp_part_2, fp_part_3
FROM call, words w
WHERE {{filter}};

CREATE OR REPLACE VIEW calls AS
SELECT * FROM every_call WHERE ts >= TIMESTAMP '{{since}}' AND ts < TIMESTAMP '{{until}}';

CREATE OR REPLACE VIEW history AS
SELECT * FROM every_call WHERE ts >= TIMESTAMP '{{since}}' - INTERVAL 7 DAY AND ts < TIMESTAMP '{{until}}';

-- What calls cost, of all callers whatever the filter, and of the weeks before as
-- well: for budgets, forecasts and spikes.
CREATE OR REPLACE VIEW spending AS
SELECT
  boot, seq, ts, cost_usd, estimated,
  CASE WHEN agent_id = 0 THEN {{unknown_agent}} ELSE agent_id END AS agent_id,
  CASE WHEN user_id = 0 THEN {{unknown_user}} ELSE user_id END AS user_id,
  CASE WHEN response_model_id <> 0 THEN response_model_id ELSE w.asked_model[request_model_id + 1] END AS model_id,
  w.team_of[tags_id + 1] AS team_id
FROM call, words w
WHERE ts >= TIMESTAMP '{{spent}}' AND ts < TIMESTAMP '{{spent_until}}';
