-- Which calls were numbered by a proxy but never read? Per proxy process: the
-- newest number that is due, less the numbers read, less the calls folded into
-- gap lines, less the calls that were begun and not seen to end (open). A
-- number is due when its call has had ten seconds to end or to be noted as
-- open: before that it may be on its way. How late it is, is judged by the
-- newest line of the same process, so that a copied file is not blamed for what
-- came later, and by the time of reading, if nothing has come of the process for
-- an hour, or for two beats while another has started. A process that said stop
-- owes everything.
WITH read_at AS (
  SELECT max(TRY_CAST(value AS TIMESTAMP)) AS at FROM meta WHERE key = 'read_at'
), counted AS (
  SELECT boot, max(hi) AS newest FROM seen WHERE kind = '' GROUP BY boot
), process AS (
  SELECT boot, max(ts) AS last_at, bool_or(kind = 'stop') AS stopped FROM event GROUP BY boot
), newest_start AS (
  SELECT max(ts) AS at FROM event WHERE kind = 'start'
), judged AS (
  SELECT boot, stopped OR coalesce(read_at.at >= last_at + CASE WHEN newest_start.at > last_at THEN INTERVAL 20 SECOND ELSE INTERVAL 1 HOUR END, false) AS ended,
    CASE WHEN stopped THEN last_at + INTERVAL 1 DAY WHEN ended THEN read_at.at ELSE last_at END - INTERVAL 10 SECOND AS until_at
  FROM process, newest_start, read_at
), told AS (
  SELECT boot, max(last_seq) AS newest FROM event JOIN judged USING (boot) WHERE ts <= until_at GROUP BY boot
), due AS (
  SELECT boot, greatest(
    coalesce(told.newest, 0),
    CASE WHEN coalesce(judged.ended, judged.boot IS NULL) THEN coalesce(counted.newest, 0) ELSE 0 END) AS newest
  FROM counted FULL JOIN judged USING (boot) LEFT JOIN told USING (boot)
), came AS (
  SELECT boot, sum(CASE WHEN lo > due.newest THEN 0 ELSE least(hi, due.newest) - lo + 1 END) AS calls
  FROM seen JOIN due USING (boot) WHERE kind = '' GROUP BY boot
), folded AS (
  SELECT boot, sum(requests) AS calls FROM call WHERE gap GROUP BY boot
), begun AS (
  SELECT DISTINCT boot, seq FROM event WHERE kind = 'open'
), unended AS (
  SELECT boot, count(*) AS calls, count(*) FILTER (WHERE seq <= due.newest) AS due_calls
  FROM begun LEFT JOIN due USING (boot)
  WHERE NOT EXISTS (SELECT 1 FROM seen WHERE seen.boot = begun.boot AND seen.kind = '' AND begun.seq BETWEEN lo AND hi)
  GROUP BY boot
)
SELECT
  coalesce(sum(greatest(0, CAST(due.newest AS HUGEINT) - coalesce(came.calls, 0) - coalesce(folded.calls, 0) - coalesce(unended.due_calls, 0))), 0) AS missing_seq,
  (SELECT coalesce(sum(calls), 0) FROM unended) AS open_calls
FROM due
LEFT JOIN came USING (boot)
LEFT JOIN folded USING (boot)
LEFT JOIN unended USING (boot)
