-- What was read from the log files since the database was made? One row, where
-- lines = accepted + rejected + duplicates + torn + other_kinds.
SELECT
  count(*) AS files,
  coalesce(sum(lines) + sum(torn), 0) AS lines,
  coalesce(sum(accepted), 0) AS accepted,
  coalesce(sum(duplicates), 0) AS duplicates,
  coalesce(sum(torn), 0) AS torn,
  coalesce(sum(other_kinds), 0) AS other_kinds,
  count(*) FILTER (WHERE problem <> '') AS damaged
FROM file
