-- burn's database: a cache of the log files, rebuilt from them at any time.
-- Storage tables are lean: text of few values is a number into dim, text of
-- many values is a 64-bit hash with its spelling in name, fingerprints are
-- 64-bit integers. Queries never read these tables; they read the view calls
-- (views.sql), which has the words back.

-- What the database was made with (schema, burn, prices, prices_at, installation, generation), when all files
-- were last read (read_at), and how many calls, since when, are in no file any more (beyond_calls, beyond_since).
CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);

-- What the last run printed, for the next one if nothing is new: see answer.go.
CREATE TABLE answer (key VARCHAR, body BLOB, exit INTEGER);

-- One row per distinct content read: a file is its first line, not its name.
-- lines = accepted + rejected + duplicates + other_kinds; a torn tail is not
-- behind position yet and counted in torn alone.
CREATE TABLE file (
  id        UINTEGER NOT NULL,
  identity  UBIGINT NOT NULL,  -- hash of the start line, else of the first 4 KiB
  head_len  UINTEGER NOT NULL, -- how many decoded bytes identity covers
  tail_hash UBIGINT NOT NULL,  -- hash of the tail_len decoded bytes before position
  tail_len  UINTEGER NOT NULL,
  position  UBIGINT NOT NULL,  -- decoded bytes read so far, always behind a newline
  boot      UBIGINT NOT NULL,  -- of its start line, 0 if it has none
  number    UINTEGER NOT NULL, -- of its start line
  start_ms  BIGINT NOT NULL,   -- when its process started it, 0 without start line
  problem   VARCHAR NOT NULL,  -- why the rest could not be read, if so
  oldest_ms BIGINT NOT NULL,   -- times of the first and the last of its lines, 0 without any
  newest_ms BIGINT NOT NULL,
  lines UBIGINT NOT NULL, accepted UBIGINT NOT NULL, rejected UBIGINT NOT NULL,
  duplicates UBIGINT NOT NULL, other_kinds UBIGINT NOT NULL, torn UBIGINT NOT NULL
);

-- Where files were last seen, to pass over unchanged ones without opening them.
CREATE TABLE path (path VARCHAR NOT NULL, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, settled BOOLEAN NOT NULL, file_id UINTEGER NOT NULL);

-- Rejected lines: position and reason, never their content.
CREATE TABLE reject (file_id UINTEGER NOT NULL, line UBIGINT NOT NULL, reason VARCHAR NOT NULL, detail VARCHAR NOT NULL);

-- Identities already counted, as closed ranges of seq per boot and kind.
CREATE TABLE seen (boot UBIGINT NOT NULL, kind VARCHAR NOT NULL, lo UBIGINT NOT NULL, hi UBIGINT NOT NULL);

-- start, open, beat and stop lines.
CREATE TABLE event (
  boot UBIGINT NOT NULL, kind VARCHAR NOT NULL, seq UBIGINT NOT NULL, ts TIMESTAMP NOT NULL,
  last_seq UBIGINT NOT NULL, refused UBIGINT NOT NULL, dropped UBIGINT NOT NULL,
  write_errors UBIGINT NOT NULL, skipped UBIGINT NOT NULL, lost_lines UBIGINT NOT NULL,
  agent VARCHAR NOT NULL, model VARCHAR NOT NULL
);

-- Words of few values: id counts 0, 1, 2 … within a kind. Id 0 is ''.
CREATE TABLE dim (kind VARCHAR NOT NULL, id UINTEGER NOT NULL, name VARCHAR NOT NULL);

-- Words of many values (sessions, traces): may hold a spelling twice.
CREATE TABLE name (hash UBIGINT NOT NULL, name VARCHAR NOT NULL);

-- One row per billed or recorded call, and one per gap line. How small numbers
-- are packed is given: trying every way takes a tenth of the time of reading
-- log files. Runs (rle) are for what few calls have.
CREATE TABLE call (
  boot UBIGINT NOT NULL, seq UBIGINT NOT NULL, part UINTEGER USING COMPRESSION rle NOT NULL,
  requests UINTEGER USING COMPRESSION rle NOT NULL, -- 1; a gap line stands for more
  gap BOOLEAN USING COMPRESSION rle NOT NULL,
  ts TIMESTAMP NOT NULL, latency_us UBIGINT NOT NULL, ttft_us UBIGINT NOT NULL,
  upstream_id UINTEGER USING COMPRESSION bitpacking NOT NULL, provider_id UINTEGER USING COMPRESSION bitpacking NOT NULL, operation_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  endpoint_id UINTEGER USING COMPRESSION bitpacking NOT NULL, method_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  status USMALLINT USING COMPRESSION bitpacking NOT NULL, error_type_id UINTEGER USING COMPRESSION bitpacking NOT NULL, end_id UINTEGER USING COMPRESSION bitpacking NOT NULL, stream BOOLEAN USING COMPRESSION bitpacking NOT NULL,
  request_model_id UINTEGER USING COMPRESSION bitpacking NOT NULL, response_model_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  service_tier_id UINTEGER USING COMPRESSION bitpacking NOT NULL, speed_id UINTEGER USING COMPRESSION bitpacking NOT NULL, geo_id UINTEGER USING COMPRESSION bitpacking NOT NULL, finish_reason_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  response_hash UBIGINT NOT NULL, prev_response_hash UBIGINT NOT NULL,
  org_id UINTEGER USING COMPRESSION bitpacking NOT NULL, project_id UINTEGER USING COMPRESSION bitpacking NOT NULL, retry UINTEGER USING COMPRESSION rle NOT NULL,
  agent_id UINTEGER USING COMPRESSION bitpacking NOT NULL, agent_source_id UINTEGER USING COMPRESSION bitpacking NOT NULL, user_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  session_hash UBIGINT NOT NULL, trace_hash UBIGINT NOT NULL, span_hash UBIGINT NOT NULL, parent_hash UBIGINT NOT NULL,
  step_id UINTEGER USING COMPRESSION bitpacking NOT NULL, tags_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  key_id_id UINTEGER USING COMPRESSION bitpacking NOT NULL, client_id UINTEGER USING COMPRESSION bitpacking NOT NULL, user_agent_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  usage_source_id UINTEGER USING COMPRESSION bitpacking NOT NULL, flags_id UINTEGER USING COMPRESSION bitpacking NOT NULL,
  -- What the record itself said where its usage is missing or partial, else 0:
  -- estimates start from it again on every run that brings new lines.
  seen_input_tokens UINTEGER USING COMPRESSION rle NOT NULL, seen_output_tokens UINTEGER USING COMPRESSION rle NOT NULL,
  input_tokens UINTEGER USING COMPRESSION bitpacking NOT NULL, cache_read_tokens UINTEGER USING COMPRESSION bitpacking NOT NULL,
  cache_write_tokens UINTEGER USING COMPRESSION bitpacking NOT NULL, cache_write_1h_tokens UINTEGER USING COMPRESSION rle NOT NULL,
  output_tokens UINTEGER USING COMPRESSION bitpacking NOT NULL, reasoning_tokens UINTEGER USING COMPRESSION bitpacking NOT NULL, citation_tokens UINTEGER USING COMPRESSION rle NOT NULL,
  audio_input_tokens UINTEGER USING COMPRESSION rle NOT NULL, audio_cache_read_tokens UINTEGER USING COMPRESSION rle NOT NULL, audio_output_tokens UINTEGER USING COMPRESSION rle NOT NULL,
  image_input_tokens UINTEGER USING COMPRESSION rle NOT NULL, image_output_tokens UINTEGER USING COMPRESSION rle NOT NULL,
  web_searches UINTEGER USING COMPRESSION rle NOT NULL, billed_requests UINTEGER USING COMPRESSION rle NOT NULL, seconds VARCHAR, sub_usage VARCHAR,
  cost_usd DECIMAL(18,12),    -- NULL: no price
  cost_basis_id UINTEGER USING COMPRESSION bitpacking NOT NULL, -- computed, reported, free_local, none; NULL cost: unknown_model, missing, overflow
  estimated BOOLEAN USING COMPRESSION rle NOT NULL,
  request_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL, response_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL, events UINTEGER USING COMPRESSION bitpacking NOT NULL, output_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL,
  messages UINTEGER USING COMPRESSION bitpacking NOT NULL, tools UINTEGER USING COMPRESSION bitpacking NOT NULL, max_tokens UINTEGER USING COMPRESSION bitpacking NOT NULL, tool_calls UINTEGER USING COMPRESSION bitpacking NOT NULL,
  system_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL, tools_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL, history_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL,
  recent_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL, input_bytes UINTEGER USING COMPRESSION bitpacking NOT NULL,
  fp_system UBIGINT NOT NULL, fp_tools UBIGINT NOT NULL, fp_input UBIGINT NOT NULL, fp_request UBIGINT NOT NULL,
  fp_turn_0 UBIGINT NOT NULL, fp_turn_1 UBIGINT NOT NULL, fp_turn_2 UBIGINT NOT NULL, fp_turn_3 UBIGINT NOT NULL,
  fp_prefix_4k UBIGINT NOT NULL, fp_prefix_8k UBIGINT NOT NULL, fp_prefix_16k UBIGINT NOT NULL,
  fp_prefix_32k UBIGINT NOT NULL, fp_prefix_64k UBIGINT NOT NULL, fp_prefix_128k UBIGINT NOT NULL,
  fp_part_0 UBIGINT NOT NULL, fp_part_1 UBIGINT NOT NULL, fp_part_2 UBIGINT NOT NULL, fp_part_3 UBIGINT NOT NULL
);

-- The rows of call that were read by GET, as their records said it. In call
-- itself the usage of an answer that another record has billed is zero.
CREATE TABLE retrieved AS FROM call LIMIT 0;

-- What 1,000 more tokens cost in a call of these names, time and size, in 1e-12
-- USD: for the parts of calls that findings are about. The sibling is a cheaper
-- model of the same maker, '' if there is none.
CREATE TABLE rate (
  upstream_id UINTEGER NOT NULL, provider_id UINTEGER NOT NULL, request_model_id UINTEGER NOT NULL, response_model_id UINTEGER NOT NULL,
  service_tier_id UINTEGER NOT NULL, speed_id UINTEGER NOT NULL, geo_id UINTEGER NOT NULL,
  from_at TIMESTAMP NOT NULL, until_at TIMESTAMP NOT NULL, -- half-open
  least_tokens BIGINT NOT NULL, most_tokens BIGINT NOT NULL, -- of input, both included
  input_pico BIGINT NOT NULL, read_pico BIGINT NOT NULL, write_pico BIGINT NOT NULL, output_pico BIGINT NOT NULL,
  batch_multiplier DECIMAL(9,6), -- NULL: no batch price, or not at the list price
  cache_minimum BIGINT NOT NULL, -- tokens of the shortest prefix that is cached
  sibling VARCHAR NOT NULL,
  sibling_input_pico BIGINT NOT NULL, sibling_read_pico BIGINT NOT NULL, sibling_write_pico BIGINT NOT NULL, sibling_output_pico BIGINT NOT NULL
);

-- The calls whose session no header says: it was found from what they continue.
-- named tells that it is called after its first call.
CREATE TABLE inferred (boot UBIGINT NOT NULL, seq UBIGINT NOT NULL, session_hash UBIGINT NOT NULL, named BOOLEAN NOT NULL);
