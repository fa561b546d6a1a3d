-- When was the last call recorded, in any period? NULL if never.
SELECT max(ts) AS last_at
FROM call
