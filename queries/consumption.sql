-- Of what kinds of tokens, at which prices, do each agent's costs consist, model
-- by model? For the split of a change into its causes. How a row's calls were
-- priced is their basis: rated ones have a list price per token, reported ones
-- cost what the provider said, unrated ones have a cost but no price per token,
-- unpriced ones no cost, and none had nothing to bill. A _list_usd is tokens
-- times list price, a _price_usd the list price of 1,000 tokens, on average.
WITH priced AS (
  SELECT
    agent_id, model_id, requests, cost_usd, output_tokens, cache_read_tokens, cache_write_tokens,
    CAST(input_tokens AS BIGINT) - cache_read_tokens - cache_write_tokens AS plain_tokens,
    CASE WHEN cost_basis = 'none' THEN 'none' WHEN cost_usd IS NULL THEN 'unpriced' WHEN input_pico IS NULL THEN 'unrated'
      WHEN cost_basis = 'reported' THEN 'reported' ELSE 'rated' END AS basis,
    input_pico, read_pico, write_pico, output_pico
  FROM calls c
  LEFT JOIN rate r ON r.upstream_id = c.upstream_id AND r.provider_id = c.provider_id AND r.request_model_id = c.request_model_id
    AND r.response_model_id = c.response_model_id AND r.service_tier_id = c.service_tier_id AND r.speed_id = c.speed_id AND r.geo_id = c.geo_id
    AND c.ts >= r.from_at AND c.ts < r.until_at AND CASE WHEN c.gap THEN 0 ELSE c.input_tokens END BETWEEN r.least_tokens AND r.most_tokens
), summed AS (
  SELECT
    agent_id, model_id, basis, sum(requests) AS requests, sum(cost_usd) AS cost_usd,
    sum(plain_tokens) AS plain_tokens, sum(cache_read_tokens) AS read_tokens, sum(cache_write_tokens) AS write_tokens, sum(output_tokens) AS output_tokens,
    sum(CAST(plain_tokens AS HUGEINT) * input_pico) AS plain, sum(CAST(cache_read_tokens AS HUGEINT) * read_pico) AS read,
    sum(CAST(cache_write_tokens AS HUGEINT) * write_pico) AS write, sum(CAST(output_tokens AS HUGEINT) * output_pico) AS output,
    sum(input_pico) // count(*) AS plain_rate, sum(read_pico) // count(*) AS read_rate, sum(write_pico) // count(*) AS write_rate, sum(output_pico) // count(*) AS output_rate
  FROM priced
  GROUP BY agent_id, model_id, basis
)
SELECT
  agent_word(agent_id) AS agent, model_word(model_id) AS model, basis, requests, cost_usd,
  plain_tokens, read_tokens, write_tokens, output_tokens,
  dollars(plain // 1000) AS plain_list_usd, dollars(read // 1000) AS read_list_usd, dollars(write // 1000) AS write_list_usd, dollars(output // 1000) AS output_list_usd,
  dollars(plain_rate) AS plain_price_usd, dollars(read_rate) AS read_price_usd, dollars(write_rate) AS write_price_usd, dollars(output_rate) AS output_price_usd
FROM summed
ORDER BY agent, model, basis
