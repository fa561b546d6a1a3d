-- Which requests came again, and not at once? burn keeps the answer in the table
-- asked_again, which finding_repeated reads.
SELECT fp_request
FROM history
WHERE fp_request <> 0 AND cost_usd > 0
GROUP BY fp_request
HAVING min(ts) + to_seconds(repeat_seconds()) < max(ts)
