-- During how many calls was a proxy's clock set? Their times may be wrong.
SELECT coalesce(sum(requests), 0) AS requests
FROM calls
WHERE contains(flags, 'clock_jump')
