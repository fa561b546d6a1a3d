-- Which two callers answer the same inputs? The side that costs less can go.
-- Pairs are first looked for among an eighth of the inputs and a sixteenth of
-- the lines, picked by their hash, so that the exact comparison is made for few callers.
WITH picked AS (
  SELECT DISTINCT caller_id, unnest([
    CASE WHEN hash(fp_input) & 7 = 0 THEN fp_input ELSE 0 END, CASE WHEN hash(fp_part_0) & 15 = 0 AND fp_part_1 <> 0 THEN fp_part_0 ELSE 0 END,
    CASE WHEN hash(fp_part_1) & 15 = 0 THEN fp_part_1 ELSE 0 END, CASE WHEN hash(fp_part_2) & 15 = 0 THEN fp_part_2 ELSE 0 END,
    CASE WHEN hash(fp_part_3) & 15 = 0 THEN fp_part_3 ELSE 0 END]) AS doc
  FROM traffic
  WHERE cost_usd > 0 AND (fp_input <> 0 AND hash(fp_input) & 7 = 0 OR fp_part_0 <> 0 AND hash(fp_part_0) & 15 = 0 AND fp_part_1 <> 0
    OR fp_part_1 <> 0 AND hash(fp_part_1) & 15 = 0 OR fp_part_2 <> 0 AND hash(fp_part_2) & 15 = 0 OR fp_part_3 <> 0 AND hash(fp_part_3) & 15 = 0)
), near_doc AS (
  SELECT caller_id, doc FROM picked WHERE doc <> 0
), shared_doc AS (
  SELECT doc FROM near_doc GROUP BY doc HAVING min(caller_id) <> max(caller_id) AND count(*) <= 50
), shared_near AS (
  SELECT caller_id, doc FROM near_doc WHERE doc IN (FROM shared_doc)
), size AS (
  SELECT caller_id, count(*) AS docs FROM near_doc GROUP BY caller_id
), pair AS (
  -- Two lines of four in half of the inputs would be a sixth, of few a twentieth by chance.
  SELECT a.caller_id AS a, b.caller_id AS b
  FROM shared_near a
  JOIN shared_near b USING (doc)
  JOIN size x ON x.caller_id = a.caller_id
  JOIN size y ON y.caller_id = b.caller_id
  WHERE a.caller_id < b.caller_id
  GROUP BY ALL
  HAVING count(*) * 80 >= same_inputs() AND count(*) * 1000 >= greatest(any_value(x.docs), any_value(y.docs)) * same_share_pct()
), suspect AS MATERIALIZED (
  SELECT a AS caller_id FROM pair UNION SELECT b FROM pair
), work AS MATERIALIZED (
  SELECT boot, seq, ts, caller_id, fp_input, cost_usd, output_tokens, due
  FROM traffic
  WHERE caller_id IN (FROM suspect) AND fp_input <> 0 AND cost_usd > 0
), volume AS (
  SELECT caller_id, count(*) AS calls FROM work GROUP BY caller_id
), input AS MATERIALIZED (
  -- Values in too many of a caller's calls are its template, not its input.
  SELECT caller_id, fp_input, n
  FROM (SELECT caller_id, fp_input, count(*) AS n FROM work GROUP BY caller_id, fp_input)
  JOIN volume USING (caller_id)
  WHERE n * 100 <= calls * common_pct() OR n <= common_calls()
), compared AS MATERIALIZED (
  -- Each input of a, and whether it stands under b as it is.
  SELECT p.a, p.b, x.fp_input, y.fp_input IS NOT NULL AS same
  FROM (SELECT a, b FROM pair UNION ALL SELECT b, a FROM pair) p
  JOIN input x ON x.caller_id = p.a
  LEFT JOIN input y ON y.caller_id = p.b AND y.fp_input = x.fp_input
), lines AS MATERIALIZED (
  -- Needed only where some inputs are not the same.
  SELECT caller_id, fp_input, any_value(fp_part_0) AS part_0, any_value(fp_part_1) AS part_1, any_value(fp_part_2) AS part_2, any_value(fp_part_3) AS part_3
  FROM traffic
  WHERE EXISTS (FROM compared WHERE NOT same) AND caller_id IN (FROM suspect) AND fp_input <> 0 AND cost_usd > 0
  GROUP BY caller_id, fp_input
), lined AS MATERIALIZED (
  SELECT caller_id, fp_input, n, part
  FROM (SELECT caller_id, fp_input, unnest([part_0, part_1, part_2, part_3]) AS part FROM lines)
  JOIN input USING (caller_id, fp_input)
  WHERE part <> 0
), rest AS MATERIALIZED (
  SELECT a, b, c.fp_input, part
  FROM compared c
  JOIN lined l ON l.caller_id = c.a AND l.fp_input = c.fp_input
  WHERE NOT same
), theirs AS (
  SELECT DISTINCT part
  FROM lined
  WHERE (part, caller_id) IN (SELECT (part, b) FROM rest)
), sought AS MATERIALIZED (
  -- The lines of the others that b has too.
  SELECT a, b, fp_input, part FROM rest WHERE part IN (FROM theirs) GROUP BY ALL
), laid AS MATERIALIZED (
  -- All that has one of these lines, so that it can be told from templates.
  SELECT caller_id, fp_input, part, any_value(n) AS n
  FROM lined
  WHERE part IN (SELECT part FROM sought GROUP BY part)
  GROUP BY caller_id, fp_input, part
), line AS MATERIALIZED (
  SELECT caller_id, fp_input, part
  FROM laid
  JOIN (
    SELECT caller_id, part
    FROM laid
    JOIN volume USING (caller_id)
    GROUP BY ALL
    HAVING (sum(n) * 100 <= any_value(calls) * common_pct() OR sum(n) <= common_calls()) AND count(*) <= 50
  ) USING (caller_id, part)
), matched AS MATERIALIZED (
  SELECT a, b, fp_input FROM compared WHERE same
  UNION ALL
  SELECT DISTINCT a, b, fp_input
  FROM (
    SELECT x.a, x.b, x.fp_input
    FROM sought x
    JOIN line mine ON mine.caller_id = x.a AND mine.fp_input = x.fp_input AND mine.part = x.part
    JOIN line y ON y.caller_id = x.b AND y.part = x.part
    GROUP BY x.a, x.b, x.fp_input, y.fp_input
    HAVING count(*) >= 2
  )
), inputs AS (
  SELECT caller_id, count(*) AS inputs FROM input GROUP BY caller_id
), half AS (
  SELECT a, b, count(*) AS shared, CAST(count(*) * 100 // any_value(inputs) AS BIGINT) AS pct
  FROM matched
  JOIN inputs ON inputs.caller_id = a
  GROUP BY a, b
  HAVING count(*) >= same_inputs() AND count(*) * 100 >= any_value(inputs) * same_share_pct()
), side AS (
  SELECT a, b, any_value(h.shared) AS shared, any_value(h.pct) AS pct, sum(w.cost_usd) AS matched_usd, sum(CAST(w.output_tokens AS BIGINT)) AS output_tokens, count(*) AS calls
  FROM half h
  JOIN matched m USING (a, b)
  JOIN work w ON w.caller_id = m.a AND w.fp_input = m.fp_input
  GROUP BY a, b
), less AS MATERIALIZED (
  SELECT x.a, x.b, x.shared, x.pct
  FROM side x
  JOIN side y ON y.a = x.b AND y.b = x.a
  WHERE (x.matched_usd < y.matched_usd OR x.matched_usd = y.matched_usd AND x.a > y.a)
    AND x.output_tokens * y.calls <= same_output_factor() * y.output_tokens * x.calls
    AND y.output_tokens * x.calls <= same_output_factor() * x.output_tokens * y.calls
), paired AS MATERIALIZED (
  SELECT list(caller_id) AS callers FROM (SELECT a AS caller_id FROM less UNION SELECT b FROM less) HAVING count(*) > 0
), shifty AS MATERIALIZED (
  SELECT DISTINCT caller_id, program_id FROM traffic, paired WHERE shifting AND list_contains(callers, caller_id)
), linking AS MATERIALIZED (
  -- Calls that cost nothing link as well.
  SELECT caller_id, unnest([trace_hash, session_hash]) AS link
  FROM traffic, paired
  WHERE (trace_hash <> 0 OR session_hash <> 0) AND list_contains(callers, caller_id)
  UNION ALL
  -- A program may ask other models now and then: what links these links all of it.
  SELECT s.caller_id, unnest([trace_hash, session_hash]) AS link
  FROM traffic t
  JOIN shifty s ON s.program_id = t.program_id
  WHERE shifting AND (trace_hash <> 0 OR session_hash <> 0)
  UNION ALL
  -- One prompt of a program for two models, for a short time: a trial of them.
  SELECT DISTINCT caller_id, hash(fp_system, program_id) FROM traffic, paired WHERE shifting AND list_contains(callers, caller_id)
), linked AS (
  -- Steps of one action: a router, a guard and an answerer see one user turn.
  SELECT DISTINCT a, b
  FROM less
  JOIN linking x ON x.caller_id = a
  WHERE link <> 0 AND (b, link) IN (SELECT (caller_id, link) FROM linking)
), loser AS MATERIALIZED (
  -- Who shares inputs with several gives each to the one it shares the most with.
  SELECT a, b, shared, pct, row_number() OVER (PARTITION BY a ORDER BY shared DESC, b) AS turn
  FROM less
  ANTI JOIN linked USING (a, b)
), given AS (
  SELECT a, fp_input, min(turn) AS turn
  FROM matched
  JOIN loser USING (a, b)
  GROUP BY a, fp_input
)
SELECT
  boot, seq, ts, caller_id, loser.b AS other_id, 'likely' AS class, cost_usd,
  cost_usd AS avoidable_usd,
  shared AS shared_inputs,
  pct AS shared_pct
FROM work w
JOIN given ON given.a = w.caller_id AND given.fp_input = w.fp_input
JOIN loser ON loser.a = given.a AND loser.turn = given.turn
WHERE due
