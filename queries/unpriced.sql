-- Which models have no price? Their tokens are in no dollar figure.
SELECT
  provider_word(provider_id) AS provider,
  model_word(model_id) AS model,
  sum(requests) AS requests,
  sum(input_tokens) + sum(output_tokens) AS tokens
FROM calls
WHERE unpriced
GROUP BY provider_id, model_id
ORDER BY tokens DESC, requests DESC, provider, model
