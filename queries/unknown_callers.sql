-- Who calls without saying for which agent, and which agent do they resemble?
-- Calls without an agent are grouped by system prompt, key, address and program.
-- A system prompt that comes only once or twice (a clock in it) tells nothing.
-- Beside each of the 1,000 dearest groups stand up to five agents, by what they
-- share: each thing counts by how telling it is (weight) and by how few agents
-- have it, for the part of the group's calls that have it too.
WITH lasting AS (
  SELECT fp_system FROM calls WHERE NOT named AND fp_system <> 0 GROUP BY fp_system HAVING count(*) >= 3
), stranger AS MATERIALIZED (
  SELECT
    CASE WHEN fp_system IN (FROM lasting) THEN fp_system ELSE 0 END AS system, key_id_id, client_id, user_agent_id,
    fp_tools, model_id, endpoint_id, hour(ts) AS hour,
    sum(requests) AS requests, sum(cost_usd) AS cost_usd, min(ts) AS first_at, max(ts) AS last_at
  FROM calls
  WHERE NOT named
  GROUP BY ALL
), caller AS MATERIALIZED (
  SELECT
    system, key_id_id, client_id, user_agent_id, sum(requests) AS requests, sum(cost_usd) AS cost_usd, min(first_at) AS first_at, max(last_at) AS last_at,
    row_number() OVER (ORDER BY sum(cost_usd) DESC NULLS LAST, sum(requests) DESC, system, key_id_id, client_id, user_agent_id) AS place
  FROM stranger
  GROUP BY system, key_id_id, client_id, user_agent_id
  QUALIFY place <= 1000
), named AS MATERIALIZED (
  SELECT
    agent_id, CASE WHEN fp_system IN (FROM lasting) THEN fp_system ELSE 0 END AS system, key_id_id, client_id, user_agent_id,
    CASE WHEN fp_tools IN (SELECT fp_tools FROM stranger) THEN fp_tools ELSE 0 END AS fp_tools, model_id, endpoint_id, hour(ts) AS hour, sum(requests) AS requests
  FROM calls
  WHERE named AND EXISTS (FROM caller)
  GROUP BY ALL
), trait AS (
  SELECT place, trait.kind, trait.value, sum(s.requests) / any_value(caller.requests) AS part
  FROM (SELECT *, unnest([
      {'kind': 'system prompt', 'value': system}, {'kind': 'tools', 'value': fp_tools}, {'kind': 'key', 'value': CAST(key_id_id AS UBIGINT)},
      {'kind': 'address', 'value': CAST(client_id AS UBIGINT)}, {'kind': 'program', 'value': CAST(user_agent_id AS UBIGINT)},
      {'kind': 'model', 'value': CAST(model_id AS UBIGINT)}, {'kind': 'endpoint', 'value': CAST(endpoint_id AS UBIGINT)},
      {'kind': 'hours', 'value': CAST(hour + 1 AS UBIGINT)}]) AS trait FROM stranger) s
  JOIN caller USING (system, key_id_id, client_id, user_agent_id)
  WHERE trait.value <> 0
  GROUP BY ALL
), known AS (
  SELECT agent_id, kind, value, requests / sum(requests) OVER (PARTITION BY agent_id, kind) AS part, count(*) OVER (PARTITION BY kind, value) AS agents
  FROM (
    SELECT agent_id, trait.kind, trait.value, sum(requests) AS requests
    FROM (SELECT agent_id, requests, unnest([
      {'kind': 'system prompt', 'value': system}, {'kind': 'tools', 'value': fp_tools}, {'kind': 'key', 'value': CAST(key_id_id AS UBIGINT)},
      {'kind': 'address', 'value': CAST(client_id AS UBIGINT)}, {'kind': 'program', 'value': CAST(user_agent_id AS UBIGINT)},
      {'kind': 'model', 'value': CAST(model_id AS UBIGINT)}, {'kind': 'endpoint', 'value': CAST(endpoint_id AS UBIGINT)},
      {'kind': 'hours', 'value': CAST(hour + 1 AS UBIGINT)}]) AS trait FROM named)
    GROUP BY ALL
  )
  WHERE value <> 0
), weight AS (
  FROM (VALUES ('system prompt', 8), ('tools', 4), ('key', 3), ('address', 2), ('program', 2), ('model', 2), ('endpoint', 1), ('hours', 1)) w(kind, weight)
), alike AS (
  SELECT place, agent_id, kind, any_value(weight) * sum(CASE WHEN kind = 'hours' THEN least(trait.part, known.part) ELSE trait.part / agents END) AS points,
    sum(CASE WHEN kind = 'hours' THEN least(trait.part, known.part) ELSE trait.part END) >= 0.5 AS mostly
  FROM trait
  JOIN known USING (kind, value)
  JOIN weight USING (kind)
  GROUP BY place, agent_id, kind
), candidate AS (
  SELECT place, agent_id, CAST(sum(points) AS DECIMAL(18, 6)) AS points, coalesce(string_agg(kind, ', ' ORDER BY weight DESC, kind) FILTER (WHERE mostly), '') AS shared
  FROM alike
  JOIN weight USING (kind)
  GROUP BY place, agent_id
  QUALIFY row_number() OVER (PARTITION BY place ORDER BY CAST(sum(points) AS DECIMAL(18, 6)) DESC, agent_word(agent_id)) <= 5
)
SELECT
  place, CASE WHEN system = 0 THEN '' ELSE printf('%016x', system) END AS system, (SELECT key_id FROM words)[key_id_id + 1] AS key_id,
  (SELECT client FROM words)[client_id + 1] AS client, (SELECT user_agent FROM words)[user_agent_id + 1] AS program,
  requests, cost_usd, first_at, last_at,
  CASE WHEN agent_id IS NULL THEN '' ELSE agent_word(agent_id) END AS agent, coalesce(points, 0) AS points, coalesce(shared, '') AS shared
FROM caller
LEFT JOIN candidate USING (place)
ORDER BY place, points DESC, agent
