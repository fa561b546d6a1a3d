-- Which models' counts contradict each other? They are priced as they are.
SELECT
  provider_word(provider_id) AS provider,
  model_word(model_id) AS model,
  sum(requests) AS requests
FROM calls
WHERE inconsistent
GROUP BY provider_id, model_id
ORDER BY requests DESC, provider, model
