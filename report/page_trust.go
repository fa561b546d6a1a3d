//go:build cgo

package report

import (
	"fmt"
	"strings"
	"time"

	"burn/analyze"
)

// trustPart is how far the figures can be trusted.
type trustPart struct {
	Answer         string
	Checks         []check
	StreamAnswer   string
	Streams        []streamRow
	MoreStreams    string
	UnpricedAnswer string
	Unpriced       []unpricedRow
	MoreUnpriced   string
}

type check struct {
	Name, Value string
	Hot         bool
}

type streamRow struct {
	Agent, Model, Requests, Fix string
	Cost                        amount
}

type unpricedRow struct{ Model, Provider, Requests, Tokens, Command string }

func (p *page) trust(r *analyze.Result, opt HTMLOptions) {
	q := r.Quality
	add := func(name, value string, hot bool) {
		p.Trust.Checks = append(p.Trust.Checks, check{name, noBreak(value), hot})
	}
	count := func(name string, n int64) { add(name, Count(n), n > 0) }
	if r.Totals.Requests > 0 {
		measured := r.Totals.Requests - q.EstimatedRequests
		add("Calls measured: by the provider's own counts, or with nothing to bill", Count(measured)+" of "+Count(r.Totals.Requests), false)
		add("Calls estimated (est.): the provider said nothing, burn counted bytes", Count(q.EstimatedRequests)+" · "+Money(r.Totals.Estimated), q.EstimatedRequests > 0)
		count("Calls known only as sums, because their lines could not be written", q.GapRequests)
		count("Calls not priced", q.UnpricedRequests)
		add("Calls that failed", Count(r.Totals.Errors)+", "+Count(r.Totals.RateLimited)+" of them rate-limited", false)
	}
	add("Lines read, of all times", Count(q.Lines)+" in "+plural(q.Files, "file"), false)
	for _, reason := range sortedReasons(q) {
		add("Lines rejected: "+label(reason), Count(q.Rejected[reason]), true)
	}
	if len(q.Rejected) == 0 {
		count("Lines rejected", 0)
	}
	add("Lines read twice and counted once", Count(q.Duplicates), false)
	count("Lines torn: cut off in the middle", q.Torn)
	count("Calls numbered by a proxy and missing from the files", q.MissingSeq)
	count("Calls begun and not seen to end", q.OpenCalls)
	count("Lines lost in files that were deleted or cut while written", q.LostLines)
	count("Errors of proxies writing their files", q.WriteErrors)
	count("Log files damaged and read in part", q.DamagedFiles)
	count("Log files and directories that could not be read", q.UnreadFiles)
	if q.LostCalls > 0 {
		add("Calls lost when the database was made anew, for their files were gone", Count(q.LostCalls)+", the oldest of "+label(q.LostSince), true)
	}
	if q.BeyondRebuild > 0 {
		add("Calls in the database alone, since their files were deleted", Count(q.BeyondRebuild)+", the oldest of "+label(q.BeyondRebuildSince), false)
	}
	count("Calls with counts that contradict each other", q.InconsistentRequests)
	if off := estimateError(q); off != "" {
		add("Estimates, tried on calls that reported, are off by", off, false)
	}
	if r.Totals.Requests > 0 {
		beside := "set " + Money(r.Totals.Cost) + " beside the invoice of the same days in UTC"
		if only := filterText(r); only != "" {
			beside = "an invoice counts all calls, this report only those of " + only
		} else if !r.Totals.Cost.Known() {
			beside = "nothing recorded has a price"
		} else if flags := utcDays(r.Period); flags != "" {
			beside = "an invoice counts whole days in UTC, this period is none: ask with " + flags
		}
		add("Provider's invoice minus recorded", "not compared: "+beside, false)
	}
	date := "unknown"
	if q.PriceTableDate != "" {
		date = label(q.PriceTableDate)
	}
	old := PriceWarning(q.PriceTableDate, r.GeneratedAt)
	add("Date of the price table", date, old != "")
	add("Made by", "burn "+opt.Version, false)
	p.Trust.Answer = noBreak(strings.TrimPrefix(TrustLine(r), "Trust: "))
	p.Trust.Answer = sentenceCase(p.Trust.Answer)
	if old != "" {
		p.Trust.Answer += " Warning: " + old + "."
	}
	if !p.Empty {
		p.streams(r, opt.Top)
		p.unpriced(r, opt.Top)
	}
}

// utcDays are the flags that ask for the whole UTC days nearest to a period, "" if it
// is made of such days.
func utcDays(p analyze.Span) string {
	if midnight(p.Since.UTC()) && midnight(p.Until.UTC()) {
		return ""
	}
	since, until := p.Since, p.Until
	if !midnight(since) || !midnight(until) { // no days of its own zone either
		since, until = since.UTC(), until.UTC()
	}
	if sameDay(since, until) {
		until = until.AddDate(0, 0, 1)
	}
	return "--since " + since.Format(time.DateOnly) + " --until " + until.Format(time.DateOnly) + " --tz UTC"
}

func (p *page) streams(r *analyze.Result, top int) {
	if len(r.Streams) == 0 {
		p.Trust.StreamAnswer = "None: every stream that ended well said what it used."
		return
	}
	var calls int64
	var cost analyze.USD
	for i, s := range r.Streams {
		calls, cost = calls+s.Requests, cost.Add(s.Cost)
		if i < top {
			p.Trust.Streams = append(p.Trust.Streams, streamRow{label(named(s.Agent)), label(named(s.Model)), Count(s.Requests), streamFix(s), money(s.Cost, s.Cost)})
		}
	}
	if n := len(r.Streams) - top; n > 0 {
		p.Trust.MoreStreams = "and " + plural(int64(n), "more row") + ": --format json lists all"
	}
	p.Trust.StreamAnswer = noBreak(fmt.Sprintf("%s ended well without saying what they used: %s is an estimate, and the fix makes it exact.",
		plural(calls, "stream"), Money(cost)))
}

func (p *page) unpriced(r *analyze.Result, top int) {
	if len(r.Unpriced) == 0 {
		p.Trust.UnpricedAnswer = "Nothing: every call of this period has a price or costs nothing."
		return
	}
	var tokens int64
	for i, u := range r.Unpriced {
		tokens += u.Tokens
		if i < top {
			p.Trust.Unpriced = append(p.Trust.Unpriced, unpricedRow{label(u.Model), label(u.Provider), Count(u.Requests), noBreak(Tokens(u.Tokens)), label(explainCommand(u))})
		}
	}
	if n := len(r.Unpriced) - top; n > 0 {
		p.Trust.MoreUnpriced = "and " + plural(int64(n), "more model") + ": --format json lists all"
	}
	p.Trust.UnpricedAnswer = noBreak(fmt.Sprintf("%s with %s tokens in %s: what they cost is unknown, and they are in no sum above.",
		plural(r.Quality.UnpricedRequests, "call"), Tokens(tokens), plural(int64(len(r.Unpriced)), "model")))
}
