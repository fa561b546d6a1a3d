-- Which calls cost something, in order of time?
-- For the moment at which a budget was crossed. Quarters of an hour are numbered
-- from 1970.
SELECT epoch_us(ts) // 900000000 AS quarter, ts AS started_at, boot, seq, agent, "user", model, team_word(team_id) AS team, cost_usd
FROM calls
WHERE cost_usd <> 0
ORDER BY started_at, boot, seq
