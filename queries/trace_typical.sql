-- What does a user action of two calls or more typically cost? The amount that half
-- of them stay below.
SELECT count(*) AS traces, quantile_disc(action_usd, 0.5) AS typical_usd
FROM action
WHERE action_usd IS NOT NULL
