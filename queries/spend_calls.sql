-- Which calls cost something, in order of time?
-- For the moment at which a budget was crossed. Quarters of an hour are numbered
-- from 1970.
SELECT
  epoch_us(ts) // 900000000 AS quarter, ts AS started_at, boot, seq, agent_word(agent_id) AS agent, user_word(user_id) AS "user",
  model_word(model_id) AS model, team_word(team_id) AS team, cost_usd
FROM spending
WHERE cost_usd <> 0
ORDER BY started_at, boot, seq
