-- What findings read, beside calls and history. burn makes these views and
-- tables before it looks for findings, and leaves them.

-- A caller is an agent; calls without one are grouped by what else they have in
-- common. Machines come and go behind one program, so the address counts only
-- where there is no key. A system prompt that changes from call to call, or day to
-- day (a clock or the date in it), tells nothing: only those that outlast a day, or
-- half of all there is, are used, else the model.
CREATE OR REPLACE TABLE lasting_system AS
SELECT fp_system
FROM history
WHERE NOT named AND fp_system <> 0 AND NOT gap
GROUP BY fp_system
HAVING count(*) >= 3 AND max(ts) - min(ts) >= (
  SELECT least(INTERVAL 25 HOUR, (max(ts) - min(ts)) / 2)
  FROM history
  WHERE NOT named AND NOT gap);

-- text_bytes is all text of the request; due marks calls of the period that cost
-- something, the only ones that findings may charge. shifting marks calls whose
-- caller is told by the model, for their system prompt changes; program_id is what
-- such callers of one program have in common. A call that said why it
-- finished has its answer, even if the client was gone by then: it has not failed.
CREATE OR REPLACE VIEW traffic AS
SELECT
  h.* REPLACE (failed AND (status >= 400 OR finish_reason_id = 0 OR NOT measured) AS failed),
  CASE WHEN named THEN CAST(h.agent_id AS UBIGINT)
    ELSE hash(coalesce(s.fp_system, 0), CASE WHEN s.fp_system IS NULL THEN model_id END, key_id_id, user_agent_id,
      CASE WHEN key_id_id = 0 THEN client_id END) | 9223372036854775808 END AS caller_id,
  CAST(system_bytes AS BIGINT) + tools_bytes + history_bytes + input_bytes AS text_bytes,
  cost_usd > 0 AND ts >= (SELECT since_at FROM period) AS due,
  NOT named AND h.fp_system <> 0 AND s.fp_system IS NULL AS shifting,
  hash(key_id_id, user_agent_id, CASE WHEN key_id_id = 0 THEN client_id END) AS program_id
FROM history h
LEFT JOIN lasting_system s ON s.fp_system = CASE WHEN named THEN 0 ELSE h.fp_system END
WHERE NOT gap;

-- The agent of a caller: all that are told by something else have none.
CREATE OR REPLACE MACRO caller_agent(caller_id) AS
  CASE WHEN caller_id >= 9223372036854775808 THEN 'unknown' ELSE agent_word(CAST(caller_id AS BIGINT)) END;

-- The calls whose model has a price, with what 1,000 more tokens would cost them.
CREATE OR REPLACE VIEW rated AS
SELECT
  t.*,
  r.input_pico, r.read_pico, r.write_pico, r.output_pico, r.batch_multiplier, r.cache_minimum, r.sibling,
  r.sibling_input_pico, r.sibling_read_pico, r.sibling_write_pico, r.sibling_output_pico
FROM traffic t
JOIN rate r USING (upstream_id, provider_id, request_model_id, response_model_id, service_tier_id, speed_id, geo_id)
WHERE t.ts >= r.from_at AND t.ts < r.until_at AND t.input_tokens BETWEEN r.least_tokens AND r.most_tokens;

-- 1e-12 USD per 1,000 tokens times tokens as an exact amount, rounded down.
-- Dividing 64 bits takes a tenth of the time of 128, and nearly all fit.
CREATE OR REPLACE MACRO usd(thousandths) AS
  CAST(CAST(CASE WHEN CAST(thousandths AS HUGEINT) BETWEEN 0 AND 9223372036854775807 THEN CAST(CAST(thousandths AS BIGINT) // 1000 AS HUGEINT)
    ELSE greatest(0, CAST(thousandths AS HUGEINT) // 1000) END AS DECIMAL(24, 0)) * CAST(0.000000000001 AS DECIMAL(13, 12)) AS DECIMAL(18, 12));

-- What findings took, call by call: place is the finding's order, other_id the
-- second caller, or the model, that it is about.
CREATE OR REPLACE TABLE charge (
  place UTINYINT NOT NULL, class VARCHAR NOT NULL, boot UBIGINT NOT NULL, seq UBIGINT NOT NULL, ts TIMESTAMP NOT NULL,
  caller_id UBIGINT NOT NULL, other_id UBIGINT NOT NULL,
  cost_usd DECIMAL(18, 12) NOT NULL, saved_usd DECIMAL(18, 12) NOT NULL, first_evidence BIGINT, second_evidence BIGINT
);

-- One turn of picking, one after the other, the windows of five minutes of the hour
-- in which most calls start: dial has calls and runs by minute of the hour (those
-- of windows already picked are 0), what the picked windows cover, and the minutes
-- they begin at. Only windows with enough runs count.
CREATE OR REPLACE MACRO around(minutes, m) AS
  minutes[m + 1] + minutes[(m + 1) % 60 + 1] + minutes[(m + 2) % 60 + 1] + minutes[(m + 3) % 60 + 1] + minutes[(m + 4) % 60 + 1];
CREATE OR REPLACE MACRO outside(minutes, start) AS [CASE WHEN (m - start + 60) % 60 < 5 THEN 0 ELSE minutes[m + 1] END FOR m IN range(60)];
CREATE OR REPLACE MACRO take_window(dial, best) AS CASE WHEN best.calls = 0 THEN dial ELSE {
  'calls': outside(dial.calls, best.start), 'runs': outside(dial.runs, best.start),
  'covered': dial.covered + best.calls, 'windows': list_append(dial.windows, best.start)} END;
CREATE OR REPLACE MACRO pick_window(dial) AS
  list_transform([list_max([{'calls': CASE WHEN around(dial.runs, m) >= schedule_runs() THEN around(dial.calls, m) ELSE 0 END, 'late': -m, 'start': m} FOR m IN range(60)])],
    lambda best: take_window(dial, best))[1];
