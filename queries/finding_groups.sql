-- What is avoidable, finding by finding? A row per kind, class, caller and the
-- second caller or model.
WITH found AS MATERIALIZED (
  SELECT
    place, class, caller_id, other_id, count(*) AS calls, sum(cost_usd) AS cost_usd, sum(saved_usd) AS saving_usd,
    CAST((sum(first_evidence) + count(first_evidence) // 2) // count(first_evidence) AS BIGINT) AS first_mean,
    CAST((sum(second_evidence) + count(second_evidence) // 2) // count(second_evidence) AS BIGINT) AS second_mean,
    min(first_evidence) AS first_least, count(DISTINCT CASE WHEN place = 3 THEN second_evidence END) AS second_values,
    mode(CASE WHEN place = 7 THEN second_evidence END) AS second_usual
  FROM charge
  GROUP BY ALL
), part AS (
  -- By ids first: words of few rows are compared.
  SELECT caller_id, agent_id, key_id_id, user_agent_id, min(fp_system) AS system, count(*) FILTER (WHERE ts >= (SELECT since_at FROM period)) AS calls
  FROM traffic
  GROUP BY ALL
), caller AS (
  SELECT caller_id, min(agent_word(agent_id)) AS agent, coalesce(min((SELECT key_id FROM words)[key_id_id + 1]), '') AS key_id,
    coalesce(min((SELECT user_agent FROM words)[user_agent_id + 1]), '') AS program, min(system) AS system, CAST(sum(calls) AS BIGINT) AS calls
  FROM part
  WHERE caller_id IN (SELECT caller_id FROM found) OR caller_id IN (SELECT other_id FROM found WHERE place = 4)
  GROUP BY caller_id
), guessed AS (
  SELECT place, class, caller_id, other_id, sum(saved_usd) AS estimated_usd
  FROM charge
  SEMI JOIN (SELECT boot, seq FROM calls WHERE estimated) USING (boot, seq)
  GROUP BY ALL
), siblings AS (
  SELECT model_id, max(sibling) AS sibling
  FROM rated
  -- A list, so that other models are left out before prices are looked up.
  WHERE sibling <> '' AND list_contains((SELECT list(other_id) FROM found WHERE place = 10), CAST(model_id AS UBIGINT))
  GROUP BY model_id
)
SELECT
  place, class, caller.agent AS agent, caller.key_id AS key_id, caller.program AS program, caller.calls AS agent_calls,
  CASE WHEN place = 4 THEN coalesce(other.agent, '') ELSE '' END AS other_agent,
  coalesce(other.key_id, '') AS other_key, coalesce(other.program, '') AS other_program,
  CASE WHEN place = 10 THEN model_word(CAST(other_id & 4294967295 AS BIGINT)) ELSE '' END AS model, coalesce(sibling, '') AS sibling,
  found.calls AS calls, cost_usd, saving_usd, coalesce(estimated_usd, 0) AS estimated_usd, first_mean, second_mean, first_least, second_values, second_usual,
  printf('%016x', caller.system) AS system, CAST(found.caller_id AS VARCHAR) AS caller_text, CAST(found.other_id AS VARCHAR) AS other_text
FROM found
JOIN caller USING (caller_id)
LEFT JOIN caller other ON place = 4 AND other.caller_id = other_id
LEFT JOIN guessed USING (place, class, caller_id, other_id)
LEFT JOIN siblings ON place = 10 AND siblings.model_id = other_id
ORDER BY saving_usd DESC, place, class, agent, key_id, program, other_agent, model, caller.system
