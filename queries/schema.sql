-- burn's database: a cache of the log files, rebuilt from them at any time.
-- Storage tables are lean: text of few values is a number into dim, text of
-- many values is a 64-bit hash with its spelling in name, fingerprints are
-- 64-bit integers. Queries never read these tables; they read the view calls
-- (views.sql), which has the words back.

-- What the database was made with (schema, burn, prices, prices_at, installation, generation), when all files
-- were last read (read_at), and how many calls, since when, are in no file any more (beyond_calls, beyond_since).
CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);

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
CREATE TABLE name (hash UBIGINT NOT NULL, name VARCHAR USING COMPRESSION uncompressed NOT NULL);

-- One row per billed or recorded call, and one per gap line. How small numbers
-- are packed is given: trying every way takes a tenth of the time of reading
-- log files. Runs (rle) are for what few calls have. Only cost_usd, seconds and
-- sub_usage are ever NULL; the other columns do not say so because DuckDB would
-- look at every value again. A word of all kinds but users has at most 10,000
-- fellows, so that its number takes two bytes.
CREATE TABLE call (
  boot UBIGINT USING COMPRESSION bitpacking, seq UBIGINT USING COMPRESSION bitpacking, part UINTEGER USING COMPRESSION rle,
  requests UINTEGER USING COMPRESSION rle, -- 1; a gap line stands for more
  gap BOOLEAN USING COMPRESSION rle,
  ts TIMESTAMP USING COMPRESSION bitpacking, latency_us UBIGINT USING COMPRESSION bitpacking, ttft_us UBIGINT USING COMPRESSION bitpacking,
  upstream_id USMALLINT USING COMPRESSION bitpacking, provider_id USMALLINT USING COMPRESSION bitpacking, operation_id USMALLINT USING COMPRESSION bitpacking,
  endpoint_id USMALLINT USING COMPRESSION bitpacking, method_id USMALLINT USING COMPRESSION bitpacking,
  status USMALLINT USING COMPRESSION bitpacking, error_type_id USMALLINT USING COMPRESSION bitpacking, end_id USMALLINT USING COMPRESSION bitpacking, stream BOOLEAN USING COMPRESSION bitpacking,
  request_model_id USMALLINT USING COMPRESSION bitpacking, response_model_id USMALLINT USING COMPRESSION bitpacking,
  service_tier_id USMALLINT USING COMPRESSION bitpacking, speed_id USMALLINT USING COMPRESSION bitpacking, geo_id USMALLINT USING COMPRESSION bitpacking, finish_reason_id USMALLINT USING COMPRESSION bitpacking,
  response_hash UBIGINT, prev_response_hash UBIGINT,
  org_id USMALLINT USING COMPRESSION bitpacking, project_id USMALLINT USING COMPRESSION bitpacking, retry UINTEGER USING COMPRESSION rle,
  agent_id USMALLINT USING COMPRESSION bitpacking, agent_source_id USMALLINT USING COMPRESSION bitpacking, user_id UINTEGER USING COMPRESSION bitpacking,
  session_hash UBIGINT, trace_hash UBIGINT, span_hash UBIGINT, parent_hash UBIGINT,
  step_id USMALLINT USING COMPRESSION bitpacking, tags_id USMALLINT USING COMPRESSION bitpacking,
  key_id_id USMALLINT USING COMPRESSION bitpacking, client_id USMALLINT USING COMPRESSION bitpacking, user_agent_id USMALLINT USING COMPRESSION bitpacking,
  usage_source_id USMALLINT USING COMPRESSION bitpacking, flags_id USMALLINT USING COMPRESSION bitpacking,
  -- What the record itself said where its usage is missing or partial, else 0:
  -- estimates start from it again on every run that brings new lines.
  seen_input_tokens UINTEGER USING COMPRESSION rle, seen_output_tokens UINTEGER USING COMPRESSION rle,
  input_tokens UINTEGER USING COMPRESSION bitpacking, cache_read_tokens UINTEGER USING COMPRESSION bitpacking,
  cache_write_tokens UINTEGER USING COMPRESSION bitpacking, cache_write_1h_tokens UINTEGER USING COMPRESSION rle,
  output_tokens UINTEGER USING COMPRESSION bitpacking, reasoning_tokens UINTEGER USING COMPRESSION bitpacking, citation_tokens UINTEGER USING COMPRESSION rle,
  audio_input_tokens UINTEGER USING COMPRESSION rle, audio_cache_read_tokens UINTEGER USING COMPRESSION rle, audio_output_tokens UINTEGER USING COMPRESSION rle,
  image_input_tokens UINTEGER USING COMPRESSION rle, image_output_tokens UINTEGER USING COMPRESSION rle,
  web_searches UINTEGER USING COMPRESSION rle, billed_requests UINTEGER USING COMPRESSION rle, seconds VARCHAR USING COMPRESSION dictionary, sub_usage VARCHAR USING COMPRESSION dictionary,
  cost_usd DECIMAL(18,12) USING COMPRESSION bitpacking,    -- NULL: no price
  cost_basis_id USMALLINT USING COMPRESSION bitpacking, -- computed, reported, free_local, none; NULL cost: unknown_model, missing, overflow
  estimated BOOLEAN USING COMPRESSION rle,
  request_bytes UINTEGER USING COMPRESSION bitpacking, response_bytes UINTEGER USING COMPRESSION bitpacking, events UINTEGER USING COMPRESSION bitpacking, output_bytes UINTEGER USING COMPRESSION bitpacking,
  messages UINTEGER USING COMPRESSION bitpacking, tools UINTEGER USING COMPRESSION bitpacking, max_tokens UINTEGER USING COMPRESSION bitpacking, tool_calls UINTEGER USING COMPRESSION bitpacking,
  system_bytes UINTEGER USING COMPRESSION bitpacking, tools_bytes UINTEGER USING COMPRESSION bitpacking, history_bytes UINTEGER USING COMPRESSION bitpacking,
  recent_bytes UINTEGER USING COMPRESSION bitpacking, input_bytes UINTEGER USING COMPRESSION bitpacking,
  fp_system UBIGINT, fp_tools UBIGINT, fp_input UBIGINT, fp_request UBIGINT,
  fp_turn_0 UBIGINT, fp_turn_1 UBIGINT, fp_turn_2 UBIGINT, fp_turn_3 UBIGINT,
  fp_prefix_4k UBIGINT, fp_prefix_8k UBIGINT, fp_prefix_16k UBIGINT,
  fp_prefix_32k UBIGINT, fp_prefix_64k UBIGINT, fp_prefix_128k UBIGINT,
  fp_part_0 UBIGINT, fp_part_1 UBIGINT, fp_part_2 UBIGINT, fp_part_3 UBIGINT
);

-- The rows of call that were read by GET, as their records said it. In call
-- itself the usage of an answer that another record has billed is zero.
CREATE TABLE retrieved AS FROM call LIMIT 0;

-- What 1,000 more tokens cost in a call of these names, time and size, in 1e-12
-- USD: for the parts of calls that findings are about. The sibling is a cheaper
-- model of the same maker, '' if there is none.
CREATE TABLE rate (
  upstream_id USMALLINT NOT NULL, provider_id USMALLINT NOT NULL, request_model_id USMALLINT NOT NULL, response_model_id USMALLINT NOT NULL,
  service_tier_id USMALLINT NOT NULL, speed_id USMALLINT NOT NULL, geo_id USMALLINT NOT NULL,
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
