package demo

// Documents come in evenly from 06 to 14 o'clock in Before, 26 an hour, and
// are numbered over the month.

const (
	firstRun       = 7 // o'clock
	runs           = 8 // a day
	runMinute      = 5
	documentsAnRun = documentsPerDay / runs
)

// appendDigestRuns appends the eight runs of a day of Before. The run at 07:05
// reads what came in since 06:00, each later one everything since then again:
// one call per document, one after the other.
func (st *story) appendDigestRuns(calls []call, day int) []call {
	n := uint64(day * (documentsRead + rateLimited/days))
	for run := range runs {
		at := st.hourStart(day, firstRun+run) + runMinute*60_000
		at += int64(3_000 * unit(seedTime, digest.id, uint64(day), uint64(run)))
		documents := documentsAnRun * (run + 1)
		// Refused calls lie in the second half, when the quota is used up.
		refused, nextRefused := refusals(run), documents/2
		for i := range documents {
			document := day*documentsPerDay + i
			retry := int64(0)
			if i == nextRefused && refused > 0 {
				refused--
				nextRefused += documents / 10
				c := st.documentCall(n, document, at)
				c.fail(tooMany)
				calls = append(calls, c)
				n++
				at = c.end() + 15_000 + int64(15_000*unit(seedTime, c.id))
				retry = 1
			}
			c := st.documentCall(n, document, at)
			c.retry = retry
			calls = append(calls, c)
			n++
			at = c.end() + 200 + int64(1_500*unit(seedTime, c.id))
		}
	}
	return calls
}

// refusals is how many calls of a run meet the rate limit.
func refusals(run int) int {
	switch run {
	case runs - 1:
		return limitedAtPeak
	case runs - 2:
		return limitedBefore
	}
	return 0
}

// appendDocuments appends an hour of After: each document once, from a queue.
func (st *story) appendDocuments(calls []call, day, hour int) []call {
	first, n := st.deals[&digest].slot(day, hour)
	for i := first; i < first+n; i++ {
		calls = append(calls, st.documentCall(uint64(i), i, st.within(&digest, uint64(i), day, hour)))
	}
	return calls
}

// documentCall summarises a document; the same document is the same request.
func (st *story) documentCall(n uint64, document int, at int64) call {
	c := st.newCall(&digest, n, at)
	c.size(digest.input[st.month], uint64(document), n)
	c.single()
	c.lastText = seed(fpInput, digest.id, uint64(st.month), uint64(document))
	c.requestText = seed(fpRequest, digest.id, uint64(st.month), uint64(document))
	return c
}
