-- When did each agent call last, in any period?
SELECT
  agent_word(agent_id) AS agent,
  max(ts) AS last_at
FROM every_call
GROUP BY agent_id
ORDER BY agent
