-- The views that queries read. burn writes the tables period (one row) and words
-- (one row) and the views before each run and leaves them, so a query file can
-- be pasted into a DuckDB shell on the database afterwards.
-- {{since}}, {{until}}, {{offset}} and {{filter}} are filled in by SetPeriod
-- with timestamps and numbers only, never with a caller's text.

-- One list of words per kind of dim, so that a name is a list look-up. One row
-- crossed with the calls costs nothing to plan; a subquery or a join per name
-- costs milliseconds in every query. The numbers beside the lists let queries
-- compare and group by id: an absent agent is the agent "unknown", and a model
-- is one group whether it was read from the request or from the response.
CREATE OR REPLACE TABLE words AS
WITH team AS (
  SELECT id, word, min(id) OVER (PARTITION BY word) AS first
  FROM (SELECT id, coalesce(nullif(json_extract_string(nullif(name, ''), '$.team'), ''), 'unknown') AS word FROM dim WHERE kind = 'tags')
)
SELECT
  list(name ORDER BY id) FILTER (WHERE kind = 'upstream') AS upstream,
  list(name ORDER BY id) FILTER (WHERE kind = 'provider') AS provider,
  list(name ORDER BY id) FILTER (WHERE kind = 'operation') AS operation,
  list(name ORDER BY id) FILTER (WHERE kind = 'endpoint') AS endpoint,
  list(name ORDER BY id) FILTER (WHERE kind = 'method') AS method,
  list(name ORDER BY id) FILTER (WHERE kind = 'error_type') AS error_type,
  list(name ORDER BY id) FILTER (WHERE kind = 'end') AS "end",
  list(name ORDER BY id) FILTER (WHERE kind = 'request_model') AS request_model,
  list(name ORDER BY id) FILTER (WHERE kind = 'response_model') AS response_model,
  list(name ORDER BY id) FILTER (WHERE kind = 'service_tier') AS service_tier,
  list(name ORDER BY id) FILTER (WHERE kind = 'speed') AS speed,
  list(name ORDER BY id) FILTER (WHERE kind = 'geo') AS geo,
  list(name ORDER BY id) FILTER (WHERE kind = 'finish_reason') AS finish_reason,
  list(name ORDER BY id) FILTER (WHERE kind = 'org') AS org,
  list(name ORDER BY id) FILTER (WHERE kind = 'project') AS project,
  list(coalesce(nullif(name, ''), 'unknown') ORDER BY id) FILTER (WHERE kind = 'agent') AS agent,
  list(name ORDER BY id) FILTER (WHERE kind = 'agent_source') AS agent_source,
  list(coalesce(nullif(name, ''), 'unknown') ORDER BY id) FILTER (WHERE kind = 'user') AS "user",
  list(name ORDER BY id) FILTER (WHERE kind = 'step') AS step,
  list(name ORDER BY id) FILTER (WHERE kind = 'tags') AS tags,
  (SELECT list(word ORDER BY id) FROM team) AS team,
  (SELECT list(first ORDER BY id) FROM team) AS team_of,
  list(name ORDER BY id) FILTER (WHERE kind = 'key_id') AS key_id,
  list(name ORDER BY id) FILTER (WHERE kind = 'client') AS client,
  list(name ORDER BY id) FILTER (WHERE kind = 'user_agent') AS user_agent,
  list(name ORDER BY id) FILTER (WHERE kind = 'usage_source') AS usage_source,
  list(name ORDER BY id) FILTER (WHERE kind = 'flags') AS flags,
  list(name ORDER BY id) FILTER (WHERE kind = 'cost_basis') AS cost_basis,
  list(coalesce(nullif(name, ''), 'unknown') ORDER BY id) FILTER (WHERE kind = 'request_model') AS asked_name,
  coalesce(min(id) FILTER (WHERE kind = 'agent' AND name = 'unknown'), 0) AS unknown_agent,
  coalesce(min(id) FILTER (WHERE kind = 'user' AND name = 'unknown'), 0) AS unknown_user,
  coalesce(min(id) FILTER (WHERE kind = 'end' AND name = 'complete'), 0) AS complete,
  coalesce(min(id) FILTER (WHERE kind = 'cost_basis' AND name = 'none'), 0) AS nothing_to_bill,
  (SELECT list(coalesce(served.id, same.id + 1000000000) ORDER BY asked.id)
     FROM (SELECT id, coalesce(nullif(name, ''), 'unknown') AS word FROM dim WHERE kind = 'request_model') asked
     JOIN (SELECT min(id) AS id, coalesce(nullif(name, ''), 'unknown') AS word FROM dim WHERE kind = 'request_model' GROUP BY ALL) same USING (word)
     LEFT JOIN (SELECT min(id) AS id, name AS word FROM dim WHERE kind = 'response_model' GROUP BY ALL) served USING (word)) AS asked_model
FROM dim;

-- The word of an id after grouping by it: cheaper than grouping by words.
CREATE OR REPLACE MACRO agent_word(i) AS (SELECT agent FROM words)[i + 1];
CREATE OR REPLACE MACRO user_word(i) AS (SELECT "user" FROM words)[i + 1];
CREATE OR REPLACE MACRO endpoint_word(i) AS (SELECT endpoint FROM words)[i + 1];
CREATE OR REPLACE MACRO team_word(i) AS coalesce((SELECT team FROM words)[i + 1], 'unknown');
CREATE OR REPLACE MACRO provider_word(i) AS (SELECT provider FROM words)[i + 1];
CREATE OR REPLACE MACRO step_word(i) AS (SELECT step FROM words)[i + 1];
CREATE OR REPLACE MACRO end_word(i) AS (SELECT "end" FROM words)[i + 1];
CREATE OR REPLACE MACRO model_word(i) AS
  CASE WHEN i >= 1000000000 THEN (SELECT asked_name FROM words)[i - 1000000000 + 1] ELSE (SELECT response_model FROM words)[i + 1] END;

-- A whole number of 1e-12 USD as an exact amount.
CREATE OR REPLACE MACRO dollars(pico) AS
  CAST(CAST(pico AS DECIMAL(24, 0)) * CAST(0.000000000001 AS DECIMAL(13, 12)) AS DECIMAL(36, 12));

-- The n values of x with the least keys.
CREATE OR REPLACE MACRO sample_of(x, key, n) AS arg_min(x, key, n);

-- answered: the client got a whole good answer; failed: it did not (of a gap
-- line nobody knows); unpriced: it costs something and no price is known.
CREATE OR REPLACE VIEW every_call AS
SELECT
  boot, seq, part, requests, gap, ts, ts + to_seconds({{offset}}) AS local_ts, latency_us / 1000 AS latency_ms, ttft_us / 1000 AS ttft_ms,
  w.upstream[upstream_id + 1] AS upstream, w.provider[provider_id + 1] AS provider,
  w.operation[operation_id + 1] AS operation, w.endpoint[endpoint_id + 1] AS endpoint, w.method[method_id + 1] AS method,
  status, end_id = w.complete AND status < 400 AND NOT gap AND part = 0 AS answered,
  NOT gap AND (status >= 400 OR end_id <> w.complete) AS failed,
  status IN (429, 529) AS rate_limited,
  w.error_type[error_type_id + 1] AS error_type, w."end"[end_id + 1] AS "end", stream,
  w.request_model[request_model_id + 1] AS request_model, w.response_model[response_model_id + 1] AS response_model,
  CASE WHEN response_model_id <> 0 THEN w.response_model[response_model_id + 1] ELSE w.asked_name[request_model_id + 1] END AS model,
  CASE WHEN response_model_id <> 0 THEN response_model_id ELSE w.asked_model[request_model_id + 1] END AS model_id,
  w.service_tier[service_tier_id + 1] AS service_tier, w.speed[speed_id + 1] AS speed, w.geo[geo_id + 1] AS geo,
  w.finish_reason[finish_reason_id + 1] AS finish_reason,
  response_hash, prev_response_hash, w.org[org_id + 1] AS org, w.project[project_id + 1] AS project, retry,
  w.agent[agent_id + 1] AS agent,
  CASE WHEN agent_id = 0 THEN w.unknown_agent ELSE agent_id END AS agent_id, w.agent_source[agent_source_id + 1] AS agent_source,
  w."user"[user_id + 1] AS "user",
  CASE WHEN user_id = 0 THEN w.unknown_user ELSE user_id END AS user_id,
  provider_id, endpoint_id, step_id, end_id, upstream_id, request_model_id, response_model_id, service_tier_id, speed_id, geo_id,
  key_id_id, client_id, user_agent_id,
  session_hash, trace_hash, span_hash, parent_hash, w.step[step_id + 1] AS step, w.tags[tags_id + 1] AS tags, w.team_of[tags_id + 1] AS team_id,
  w.key_id[key_id_id + 1] AS key_id, w.client[client_id + 1] AS client, w.user_agent[user_agent_id + 1] AS user_agent,
  CASE WHEN estimated AND NOT gap THEN 'estimated' ELSE w.usage_source[usage_source_id + 1] END AS usage_source,
  w.flags[flags_id + 1] AS flags, flags_id <> 0 AND contains(w.flags[flags_id + 1], 'inconsistent') AS inconsistent,
  input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
  output_tokens, reasoning_tokens, citation_tokens,
  audio_input_tokens, audio_cache_read_tokens, audio_output_tokens, image_input_tokens, image_output_tokens,
  web_searches, billed_requests, seconds, sub_usage,
  cost_usd, w.cost_basis[cost_basis_id + 1] AS cost_basis,
  cost_usd IS NULL AND cost_basis_id <> w.nothing_to_bill AS unpriced, estimated,
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
