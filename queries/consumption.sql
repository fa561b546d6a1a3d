-- Of what kinds of tokens, at which prices, do each agent's costs consist, model
-- by model? For the split of a change into its causes. How a row's calls were
-- priced is their basis: rated ones have a list price per token, reported ones
-- cost what the provider said, unrated ones have a cost but no price per token,
-- unpriced ones no cost, and none had nothing to bill. A _list_usd is tokens
-- times list price, a _price_usd the list price of 1,000 tokens, on average.
-- Calls of one price are summed first, and then multiplied by it.
WITH priced AS (
  SELECT
    agent_id, model_id, cost_basis_id, cost_usd IS NULL AS costless, input_pico, read_pico, write_pico, output_pico, count(*) AS calls,
    sum(requests) AS requests, sum(cost_usd) AS cost_usd, sum(CAST(input_tokens AS BIGINT) - cache_read_tokens - cache_write_tokens) AS plain_tokens,
    sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens) AS cache_write_tokens, sum(output_tokens) AS output_tokens
  FROM calls c
  LEFT JOIN rate r ON r.upstream_id = c.upstream_id AND r.provider_id = c.provider_id AND r.request_model_id = c.request_model_id
    AND r.response_model_id = c.response_model_id AND r.service_tier_id = c.service_tier_id AND r.speed_id = c.speed_id AND r.geo_id = c.geo_id
    AND c.ts >= r.from_at AND c.ts < r.until_at AND CASE WHEN c.gap THEN 0 ELSE c.input_tokens END BETWEEN r.least_tokens AND r.most_tokens
  GROUP BY ALL
), based AS (
  SELECT *, CASE WHEN said = 'none' THEN 'none' WHEN costless THEN 'unpriced' WHEN input_pico IS NULL THEN 'unrated' WHEN said = 'reported' THEN 'reported' ELSE 'rated' END AS basis
  FROM (SELECT *, (SELECT cost_basis FROM words)[cost_basis_id + 1] AS said FROM priced)
), summed AS (
  SELECT
    agent_id, model_id, basis, sum(requests) AS requests, sum(cost_usd) AS cost_usd,
    sum(plain_tokens) AS plain_tokens, sum(cache_read_tokens) AS read_tokens, sum(cache_write_tokens) AS write_tokens, sum(output_tokens) AS output_tokens,
    sum(plain_tokens * input_pico) AS plain, sum(cache_read_tokens * read_pico) AS read, sum(cache_write_tokens * write_pico) AS write, sum(output_tokens * output_pico) AS output,
    sum(calls * input_pico) // sum(calls) AS plain_rate, sum(calls * read_pico) // sum(calls) AS read_rate,
    sum(calls * write_pico) // sum(calls) AS write_rate, sum(calls * output_pico) // sum(calls) AS output_rate
  FROM based
  GROUP BY agent_id, model_id, basis
)
SELECT
  agent_word(agent_id) AS agent, model_word(model_id) AS model, basis, requests, cost_usd,
  plain_tokens, read_tokens, write_tokens, output_tokens,
  dollars(plain // 1000) AS plain_list_usd, dollars(read // 1000) AS read_list_usd, dollars(write // 1000) AS write_list_usd, dollars(output // 1000) AS output_list_usd,
  dollars(plain_rate) AS plain_price_usd, dollars(read_rate) AS read_price_usd, dollars(write_rate) AS write_price_usd, dollars(output_rate) AS output_price_usd
FROM summed
ORDER BY agent, model, basis
