-- When was the first call recorded, in any period? NULL if never.
SELECT min(ts) AS first_at
FROM call
