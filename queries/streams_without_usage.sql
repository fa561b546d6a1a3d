-- Whose streams ended well but did not say what they used? Their tokens are
-- estimates. By agent, model and endpoint.
SELECT
  agent_word(agent_id) AS agent,
  provider_word(provider_id) AS provider,
  model_word(model_id) AS model,
  endpoint_word(endpoint_id) AS endpoint,
  sum(requests) AS requests,
  sum(cost_usd) AS cost_usd
FROM calls
WHERE estimated AND stream AND answered
GROUP BY agent_id, provider_id, model_id, endpoint_id
ORDER BY cost_usd DESC NULLS LAST, requests DESC, agent, provider, model, endpoint
