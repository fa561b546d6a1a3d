-- What views and queries need to name things. burn writes it at the start of each
-- run, before the views, and leaves it.

-- One list of words per kind of dim, so that a name is a list look-up. One row
-- crossed with the calls costs nothing to plan; a subquery or a join per name
-- costs milliseconds in every query. The numbers beside the lists let queries
-- compare and group by id: an absent agent is the agent "unknown", and a model
-- is one group whether it was read from the request or from the response. No word
-- has the number 4294967295.
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
  coalesce(min(id) FILTER (WHERE kind = 'end' AND name = 'client_abort'), 4294967295) AS client_abort,
  coalesce(min(id) FILTER (WHERE kind = 'operation' AND name = 'embeddings'), 4294967295) AS embeddings,
  coalesce(min(id) FILTER (WHERE kind = 'usage_source' AND name = 'reported'), 4294967295) AS reported,
  coalesce(min(id) FILTER (WHERE kind = 'usage_source' AND name = 'derived'), 4294967295) AS derived,
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
