-- Which calls does each finding charge, and how much of each one's cost?
SELECT
  place, class, caller_id, other_id, boot, seq, calls.ts AS started_at, agent, "user", model, status, "end",
  input_tokens, cache_read_tokens, output_tokens, calls.cost_usd AS cost_usd, calls.estimated AS estimated, saved_usd, first_evidence, second_evidence
FROM charge
JOIN calls USING (boot, seq)
ORDER BY place, started_at, boot, seq
