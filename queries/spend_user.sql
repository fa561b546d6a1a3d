-- How much did each user spend in each quarter of an hour?
-- Quarters are numbered from 1970. Days of every time zone begin with one.
SELECT
  epoch_us(ts) // 900000000 AS quarter,
  user_word(user_id) AS key,
  sum(cost_usd) AS cost_usd,
  coalesce(sum(CASE WHEN estimated THEN cost_usd END), 0) AS estimated_usd
FROM spending
GROUP BY epoch_us(ts) // 900000000, user_id
ORDER BY quarter, key
