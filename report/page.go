//go:build cgo

package report

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"burn/analyze"
)

// page is what assets/page.html shows: finished text, so that the template only
// places it.
type page struct {
	Policy  string
	Style   template.HTML
	Scripts template.HTML

	Version, Command, Installation   string
	Period, Made, Headline, Sentence string
	Empty                            bool

	Tiles []tile

	FindingAnswer, MoreFindings string
	Findings                    []finding

	Trend struct {
		figure
		Unit  string
		Query string
		Rows  []keyCost
	}
	WhoAnswer                        string
	Agents, Models, Users, Endpoints table
	Hours                            figure
	HourRows                         []hourRow
	Heat                             *heat
	WasteAnswer                      string
	Waste                            []wasteRow
	TraceAnswer                      string
	Traces                           []trace
	StreamAnswer                     string
	Streams                          []streamRow
	UnpricedAnswer                   string
	Unpriced                         []unpricedRow
	TrustAnswer                      string
	Trust                            []check
}

type tile struct{ Name, Value, USD, Note string }

// amount is money as shown, as it is, and which part of it is estimated.
type amount struct{ Text, Exact, Est string }

func money(u, estimated analyze.USD) amount {
	return amount{noBreak(Money(u)), u.String(), noBreak(est(u, estimated))}
}

type figure struct {
	Chart, Answer, Caption string
	Picture                *picture
}

type keyCost struct {
	Key  string
	Cost amount
}

type table struct {
	Title, Head                                 string
	Compared, Full                              bool
	Rows                                        []tableRow
	Total                                       amount
	TotalChange                                 string
	TotalRequests, TotalPerThousand, TotalRatio string
}

type tableRow struct {
	Name, Note                        string
	Color, Width                      string
	Cost                              amount
	Share, Change                     string
	Requests, PerThousand, Ratio, P95 string
}

type hourRow struct {
	Key                       string
	Cost                      amount
	Requests, Errors, Limited string
}

type wasteRow struct {
	Name                 string
	Cost                 amount
	Ratio, Input, Output string
}

type streamRow struct {
	Agent, Model, Requests, Fix string
	Cost                        amount
}

type unpricedRow struct{ Model, Provider, Requests, Tokens, Command string }

type check struct {
	Name, Value string
	Hot         bool
}

func newPage(r *analyze.Result, opt HTMLOptions) *page {
	p := &page{
		Version: opt.Version, Command: Clean(opt.Command), Installation: label(r.Installation),
		Period: PeriodLine(r), Made: r.GeneratedAt.Format("2 Jan 2006 15:04"),
		Headline: PeriodText(r.Period.Between), Sentence: noBreak(Sentence(r)),
		Empty: r.Totals.Requests == 0,
	}
	p.trust(r)
	if p.Empty {
		return p
	}
	colors := newPalette(r.ByAgent)
	p.Tiles = tiles(r)
	p.findings(r)
	p.trend(r, colors)
	p.who(r, colors, opt.Top)
	p.when(r)
	p.waste(r, opt.Top)
	p.traces(r, colors)
	p.streams(r, opt.Top)
	p.unpriced(r, opt.Top)
	return p
}

// label makes a foreign name fit to be shown: cleaned, and cut where it is absurd.
func label(s string) string {
	const most = 160
	s = Clean(s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// noBreak keeps a figure and its unit on one line.
func noBreak(s string) string {
	return strings.NewReplacer(" %", "\u00a0%", " : 1", "\u00a0:\u00a01", " M", "\u00a0M", " G", "\u00a0G", " ms", "\u00a0ms").Replace(s)
}

func tiles(r *analyze.Result) []tile {
	t := r.Totals
	spend := tile{Name: "Spend", Value: Money(t.Cost), USD: t.Cost.String(), Note: "no earlier period"}
	switch {
	case compared(r):
		spend.Note = noBreak(Change(t.Cost, r.Previous.Cost) + " vs " + Money(r.Previous.Cost))
	case r.Previous != nil:
		spend.Note = "nothing in the earlier period"
	}
	if mark := est(t.Cost, t.Estimated); mark != "" {
		spend.Note = noBreak(mark) + ", " + spend.Note
	}
	peak := tile{Name: "Dearest hour of day", Value: "-", Note: "nothing priced"}
	if h := t.PeakHour; h != nil {
		peak = tile{Name: "Dearest hour of day", Value: h.Hour + ":00", Note: noBreak(marked(h.Cost, h.Estimated) + ", " + Share(h.Cost, t.Cost) + " of all")}
	}
	requests := tile{Name: "Requests", Value: Count(t.Requests), Note: perThousand(t.Cost, t.Requests) + " per 1,000"}
	if t.Errors > 0 {
		requests.Note += ", " + plural(t.Errors, "error")
	}
	tokens := tile{Name: "Tokens in / out", Value: noBreak(Tokens(t.InputTokens) + " / " + Tokens(t.OutputTokens)), Note: "no input"}
	if t.InputTokens > 0 {
		tokens.Note = noBreak(percent(float64(t.CacheReadTokens)/float64(t.InputTokens)) + " of input from cache")
	}
	measured := tile{Name: "Measured", Value: "-", Note: "nothing priced"}
	if f, ok := fraction(t.Estimated, t.Cost); ok {
		measured.Value, measured.Note = noBreak(percent(1-f)), noBreak("of spend, "+percent(f)+" est.")
	}
	return []tile{spend, requests, tokens, peak, measured}
}

func (p *page) trend(r *analyze.Result, colors palette) {
	pic := trend(r, colors)
	t := &p.Trend
	t.Chart, t.Picture, t.Unit, t.Query = "trend", &pic, "Day", "trend_day"
	t.Caption = "US dollars per day (" + r.Period.TZ + "), stacked by agent."
	switch {
	case r.TrendHourly:
		t.Unit, t.Query = "Hour", "trend_hour"
		t.Caption = "US dollars per hour (" + r.Period.TZ + "), stacked by agent."
	case len(pic.Keys) > 0 && len(pic.Keys[0]) == len("2006-01"):
		t.Unit = "Month"
		t.Caption = "US dollars per month (" + r.Period.TZ + "), stacked by agent."
	}
	guessed := map[string]analyze.USD{}
	for _, point := range r.Trend {
		key := trendKey(point.Key, r)
		guessed[key] = guessed[key].Add(point.Estimated)
	}
	best := 0
	for k, key := range pic.Keys {
		sum := pic.total(k)
		if sum.Known() {
			t.Rows = append(t.Rows, keyCost{key, money(sum, guessed[key])})
		}
		if sum.Cmp(pic.total(best)) > 0 {
			best = k
		}
	}
	if len(pic.Keys) == 0 || !pic.total(best).Known() {
		t.Answer = "Nothing in this period has a price."
		return
	}
	t.Answer = noBreak(fmt.Sprintf("The dearest %s is %s with %s; %s of %s have spending.",
		strings.ToLower(t.Unit), keyText(pic.Keys[best]), marked(pic.total(best), guessed[pic.Keys[best]]), Count(int64(len(t.Rows))), plural(int64(len(pic.Keys)), strings.ToLower(t.Unit))))
}

func (p *page) who(r *analyze.Result, colors palette, top int) {
	p.Agents = agentTable(r, colors, top)
	p.Models = smallTable("Models", "Model", r.ByModel, r, top)
	p.Users = smallTable("Users", "User", r.ByUser, r, top)
	p.Endpoints = smallTable("Endpoints", "Endpoint", r.ByEndpoint, r, top)
	first := r.ByAgent[0]
	switch {
	case len(r.ByAgent) == 1 && first.Key == "unknown":
		p.WhoAnswer = "All calls carry no agent header: set X-Agent-ID in each caller, and this table tells them apart."
	case len(r.ByAgent) == 1:
		p.WhoAnswer = label(first.Key) + " is the only agent."
	default:
		p.WhoAnswer = noBreak(fmt.Sprintf("%s agents; %s is the dearest with %s, %s of all.",
			Count(int64(len(r.ByAgent))), label(first.Key), marked(first.Cost, first.Estimated), Share(first.Cost, r.Totals.Cost)))
	}
}

func agentTable(r *analyze.Result, colors palette, top int) table {
	rows := make([]analyze.Row, len(r.ByAgent))
	for i, a := range r.ByAgent {
		rows[i] = a.Row
	}
	t := newTable("Agents", "Agent", rows, r, top)
	t.Full, t.Compared = true, compared(r)
	for i := range t.Rows {
		row := &t.Rows[i]
		if i >= min(top, len(rows)) {
			row.Color = otherColor // the row of all others
			continue
		}
		a := r.ByAgent[i]
		row.Color, row.Note = colors.of(a.Key), agentNote(a, r.Registered)
		if t.Compared {
			row.Change = noBreak(Change(a.Cost, r.PreviousAgents[a.Key]))
		}
	}
	return t
}

// agentNote is the second line of an agent: who owns it and what for.
func agentNote(a analyze.AgentRow, registered bool) string {
	switch {
	case a.Key == "unknown":
		return "no agent header"
	case a.Agent == (analyze.Agent{}) && registered:
		return "not in the agents file"
	}
	var parts []string
	for _, s := range []string{a.Name, a.Owner, a.Purpose} {
		if s != "" && s != a.Key {
			parts = append(parts, label(s))
		}
	}
	return strings.Join(parts, " · ")
}

// shownSmall is the most rows of a table that stands beside another one.
const shownSmall = 10

func smallTable(title, head string, rows []analyze.Row, r *analyze.Result, top int) table {
	t := newTable(title, head, rows, r, min(top, shownSmall))
	for i := range t.Rows {
		if t.Rows[i].Name == "unknown" && head == "User" {
			t.Rows[i].Note = "no user header"
		}
	}
	return t
}

func newTable(title, head string, rows []analyze.Row, r *analyze.Result, top int) table {
	all := r.Totals
	t := table{Title: title, Head: head, Total: money(all.Cost, all.Estimated), TotalRequests: Count(all.Requests),
		TotalPerThousand: perThousand(all.Cost, all.Requests), TotalRatio: noBreak(Ratio(all.InputTokens, all.OutputTokens))}
	if compared(r) {
		t.TotalChange = noBreak(Change(all.Cost, r.Previous.Cost))
	}
	shown, rest := cut(rows, top)
	if rest.Requests > 0 {
		shown = append(shown[:len(shown):len(shown)], rest)
	}
	var most float64
	for _, row := range shown {
		most = max(most, row.Cost.Float())
	}
	for _, row := range shown {
		t.Rows = append(t.Rows, tableRow{
			Name: label(named(row.Key)), Color: plainColor, Width: width(row.Cost.Float(), most), Cost: money(row.Cost, row.Estimated), Share: noBreak(Share(row.Cost, all.Cost)),
			Requests: Count(row.Requests), PerThousand: perThousand(row.Cost, row.Requests),
			Ratio: noBreak(Ratio(row.InputTokens, row.OutputTokens)), P95: noBreak(Millis(row.P95)),
		})
	}
	return t
}

// width is the length of a bar in percent of the longest.
func width(v, most float64) string {
	if most <= 0 || v <= 0 {
		return "0"
	}
	return strconv.FormatFloat(100*v/most, 'f', 2, 64)
}

func (p *page) waste(r *analyze.Result, top int) {
	if len(r.Waste) == 0 {
		p.WasteAnswer = noBreak("No agent reads more than 10 tokens for each one it writes, on average per call.")
		return
	}
	worst := r.Waste[0]
	for _, w := range r.Waste {
		if w.Ratio > worst.Ratio {
			worst = w
		}
	}
	p.WasteAnswer = noBreak(fmt.Sprintf("%s %s more than 10 tokens for each one written; %s reads %s on average per call.",
		plural(int64(len(r.Waste)), "agent"), verb(len(r.Waste), "reads", "read"), label(worst.Agent), ratio(worst.Ratio)))
	for i, w := range r.Waste {
		if i == top {
			break
		}
		p.Waste = append(p.Waste, wasteRow{label(w.Agent), money(w.Cost, w.Estimated), noBreak(ratio(w.Ratio)), noBreak(Tokens(w.InputTokens)), noBreak(Tokens(w.OutputTokens))})
	}
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (p *page) streams(r *analyze.Result, top int) {
	if len(r.Streams) == 0 {
		p.StreamAnswer = "None: every stream that ended well said what it used."
		return
	}
	var calls int64
	var cost analyze.USD
	for i, s := range r.Streams {
		calls, cost = calls+s.Requests, cost.Add(s.Cost)
		if i < top {
			p.Streams = append(p.Streams, streamRow{label(named(s.Agent)), label(named(s.Model)), Count(s.Requests), streamFix(s), money(s.Cost, s.Cost)})
		}
	}
	p.StreamAnswer = noBreak(fmt.Sprintf("%s ended well without saying what they used: %s is an estimate, and the fix makes it exact.",
		plural(calls, "stream"), Money(cost)))
}

func (p *page) unpriced(r *analyze.Result, top int) {
	if len(r.Unpriced) == 0 {
		p.UnpricedAnswer = "Nothing: every call of this period has a price or costs nothing."
		return
	}
	var tokens int64
	for i, u := range r.Unpriced {
		tokens += u.Tokens
		if i < top {
			p.Unpriced = append(p.Unpriced, unpricedRow{label(u.Model), label(u.Provider), Count(u.Requests), noBreak(Tokens(u.Tokens)), label(explainCommand(u))})
		}
	}
	p.UnpricedAnswer = noBreak(fmt.Sprintf("%s with %s tokens in %s: what they cost is unknown, and they are in no sum above.",
		plural(r.Quality.UnpricedRequests, "call"), Tokens(tokens), plural(int64(len(r.Unpriced)), "model")))
}

func (p *page) trust(r *analyze.Result) {
	q := r.Quality
	add := func(name, value string, hot bool) { p.Trust = append(p.Trust, check{name, noBreak(value), hot}) }
	count := func(name string, n int64) { add(name, Count(n), n > 0) }
	if r.Totals.Requests > 0 {
		measured := r.Totals.Requests - q.EstimatedRequests
		add("Calls whose usage the provider reported or that had none", Count(measured)+" of "+Count(r.Totals.Requests), false)
		add("Calls estimated (est.)", Count(q.EstimatedRequests)+" · "+Money(r.Totals.Estimated), q.EstimatedRequests > 0)
		count("Calls known only as sums", q.GapRequests)
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
	count("Lines torn", q.Torn)
	count("Calls numbered by a proxy and missing from the files", q.MissingSeq)
	count("Calls begun and not seen to end", q.OpenCalls)
	count("Lines lost in files that were deleted or cut while written", q.LostLines)
	count("Errors of proxies writing their files", q.WriteErrors)
	if q.BeyondRebuild > 0 {
		add("Calls in the database alone, since their files were deleted", Count(q.BeyondRebuild)+", the oldest of "+label(q.BeyondRebuildSince), false)
	}
	count("Calls with counts that contradict each other", q.InconsistentRequests)
	if off := estimateError(q); off != "" {
		add("Estimates, tried on calls that reported, are off by", off, false)
	}
	date := "unknown"
	if q.PriceTableDate != "" {
		date = label(q.PriceTableDate)
	}
	old := PriceWarning(q.PriceTableDate, r.GeneratedAt)
	add("Date of the price table", date, old != "")
	p.TrustAnswer = noBreak(strings.TrimPrefix(TrustLine(r), "Trust: "))
	if p.TrustAnswer != "" {
		first, n := utf8.DecodeRuneInString(p.TrustAnswer)
		p.TrustAnswer = strings.ToUpper(string(first)) + p.TrustAnswer[n:]
	}
	if old != "" {
		p.TrustAnswer += " Warning: " + old + "."
	}
}

// keyText writes a key of the trend for people: 21 Sep 2026, 21 Sep 14:00, Sep 2026.
func keyText(key string) string {
	for _, f := range []struct{ layout, text string }{
		{"2006-01-02 15:04", "2 Jan 15:04"}, {time.DateOnly, "2 Jan 2006"}, {"2006-01", "Jan 2006"},
	} {
		if t, err := time.Parse(f.layout, key); err == nil {
			return t.Format(f.text)
		}
	}
	return key
}

// stampText is a moment for people, to the second.
func stampText(t time.Time) string { return t.Format("2 Jan 15:04:05") }
