-- Which calls read the most beyond ten tokens for each one they write? The worst
-- five.
WITH worst AS (
  SELECT *, input_tokens - 10 * CAST(output_tokens AS BIGINT) AS beyond_tokens
  FROM calls
  WHERE output_tokens > 0 AND input_tokens > 10 * CAST(output_tokens AS BIGINT) AND NOT gap
  ORDER BY beyond_tokens DESC, ts, boot, seq
  LIMIT 5
)
SELECT
  ts AS started_at, agent_word(agent_id) AS agent, user_word(user_id) AS "user", model_word(model_id) AS model,
  input_tokens, output_tokens, beyond_tokens, cost_usd, estimated, boot, seq
FROM worst
ORDER BY beyond_tokens DESC, started_at, boot, seq
