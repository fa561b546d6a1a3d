-- Which calls were numbered by a proxy but never read? Per proxy process: the
-- newest number it gave out, less the numbers read, less the calls folded into
-- gap lines, less the calls that were begun and not seen to end (open).
WITH counted AS (
  SELECT boot, max(hi) AS newest, sum(hi - lo + 1) AS calls FROM seen WHERE kind = '' GROUP BY boot
), told AS (
  SELECT boot, max(last_seq) AS newest FROM event GROUP BY boot
), folded AS (
  SELECT boot, sum(requests) AS calls FROM call WHERE gap GROUP BY boot
), begun AS (
  SELECT DISTINCT boot, seq FROM event WHERE kind = 'open'
), unended AS (
  SELECT boot, count(*) AS calls, max(seq) AS newest
  FROM begun
  WHERE NOT EXISTS (SELECT 1 FROM seen WHERE seen.boot = begun.boot AND seen.kind = '' AND begun.seq BETWEEN lo AND hi)
  GROUP BY boot
)
SELECT
  coalesce(sum(greatest(0,
    CAST(greatest(coalesce(counted.newest, 0), coalesce(told.newest, 0), coalesce(unended.newest, 0)) AS HUGEINT)
    - coalesce(counted.calls, 0) - coalesce(folded.calls, 0) - coalesce(unended.calls, 0))), 0) AS missing_seq,
  coalesce(sum(unended.calls), 0) AS open_calls
FROM counted
FULL JOIN told USING (boot)
FULL JOIN folded USING (boot)
FULL JOIN unended USING (boot)
