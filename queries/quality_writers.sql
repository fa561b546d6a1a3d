-- What did proxies say about writing their own files? Their counters only grow,
-- so the largest of each process counts. One row.
WITH told AS (
  SELECT boot, max(dropped) AS dropped, max(write_errors) AS write_errors, max(lost_lines) AS lost_lines
  FROM event
  GROUP BY boot
)
SELECT
  coalesce(sum(dropped), 0) AS dropped,
  coalesce(sum(write_errors), 0) AS write_errors,
  coalesce(sum(lost_lines), 0) AS lost_lines
FROM told
