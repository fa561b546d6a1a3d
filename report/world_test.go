package report_test

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"burn/analyze"
)

func usd(s string) analyze.USD {
	u, err := analyze.ParseUSD(s)
	if err != nil {
		panic(err)
	}
	return u
}

// micro makes an amount of a number of millionths of a dollar.
func micro(n int64) analyze.USD {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return usd(fmt.Sprintf("%s%d.%06d", sign, n/1e6, n%1e6))
}

// hostile are names that attack each way of showing them.
var hostile = []string{
	`</script><script>document.title='pwned'</script>`,
	`__f__function(){document.title='pwned'}__f__`,
	`<!--<script>`,
	`<img src=x onerror="document.title='pwned'">`,
	"line\u2028sep\u2029ends",
	`"'><b>&amp;`,
	"\x1b]52;c;cm0gLXJmIC8=\x07\x1b[2J\r\nforged",
	"\u202egnp.exe\u200b\ufeff",
	"=HYPERLINK(\"http://x\")",
	"@SUM(1)",
	"+1",
	"-1",
	"\tTAB",
	"pipe|tick`star*under_[link](javascript:alert(1))",
	"{a|b} {{.Scripts}} ${x}",
	"漢字とかな",
	"e\u0301🙂👩‍👩‍👧",
	"bad\xff\xfeutf8",
}

// world is a result of made-up data shaped like the case study: the names are the
// agents of it, dearest first; seven where names is nil.
func world(names []string) *analyze.Result {
	if names == nil {
		names = []string{"chat-gate", "digest-cron", "doc-classifier", "ticket-router", "query-rewriter", "reply-writer", "unknown"}
	}
	since := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	inOff, outOff := 3.1, 12.0
	r := &analyze.Result{
		Schema: analyze.Schema, GeneratedAt: time.Date(2026, 10, 1, 6, 0, 0, 0, time.UTC),
		Period:       analyze.Span{Between: analyze.Between{Since: since, Until: since.AddDate(0, 0, 30)}, TZ: "UTC"},
		Roster:       &analyze.Roster{Unregistered: slices.DeleteFunc(slices.Clone(names[1:]), func(s string) bool { return s == "unknown" }), Silent: []string{"old-bot"}},
		Installation: "test",
		Quality: analyze.Quality{Files: 12, Lines: 143_204, Accepted: 143_000, Rejected: map[string]int64{"not JSON": 3}, OtherKinds: 201,
			EstimatedRequests: 812, UnpricedRequests: 40, MissingSeq: 2, PriceTableDate: "2026-08-21", InconsistentRequests: 1, EstimateInputErrorPct: &inOff, EstimateOutputErrorPct: &outOff},
		Waste:    []analyze.Waste{{Agent: names[0], Ratio: 1478.25, InputTokens: 106_000_000, OutputTokens: 2_470_000, Cost: usd("592.29"), Estimated: usd("29.9")}},
		Unpriced: []analyze.Unpriced{{Provider: "openai", Model: "gpt-x-preview", Requests: 40, Tokens: 51_234}},
		Streams: []analyze.Stream{
			{Agent: names[0], Provider: "openai", Model: "gpt-4o", Endpoint: "/v1/chat/completions", Requests: 800, Cost: usd("29.5")},
			{Agent: "voice", Provider: "gcp.gemini", Model: "gemini-2.5-flash", Endpoint: "/v1beta/models/*", Requests: 12, Cost: usd("0.4")},
		},
		Findings: []analyze.Finding{}, Traces: []analyze.Trace{}, Marks: []analyze.Mark{}, Budgets: budgets(names, since),
		Spikes: []analyze.Spike{{Kind: "hour", Since: since.Add(300 * time.Hour), Until: since.Add(302 * time.Hour), Agent: names[0], Cost: usd("41.02"), Most: usd("6.5")}},
	}
	fill(r, names, since)
	zero := usd("0")
	r.Totals.Avoidable = analyze.Avoidable{Certain: zero, Likely: zero, Test: zero}
	guess(r)
	r.Traces = append(r.Traces, analyze.Trace{ID: "9834398461c143c20f74b077870d45da", By: "trace", Cost: usd("0.298011"), Calls: []analyze.Call{
		{At: since.Add(26*time.Hour + 5*time.Second), Agent: names[0], User: "u-8", Model: "claude-opus-4-5", Endpoint: "/v1/messages", Status: 200, End: "complete",
			LatencyMS: 4321, InputTokens: 55_100, OutputTokens: 5, Cost: usd("0.275800"), Kind: "history", Finding: "history-724a9f", Boot: "00000000deadbeef", Seq: 17, Subtree: usd("0.298011")},
		{At: since.Add(26*time.Hour + 10*time.Second), Agent: names[1%len(names)], Step: "rewrite", Model: "claude-opus-4-5", Status: 429, End: "complete",
			LatencyMS: 812, InputTokens: 622, OutputTokens: 107, Cost: usd("0.022211"), Estimated: true, Boot: "00000000deadbeef", Seq: 18,
			ParentBoot: "00000000deadbeef", ParentSeq: 17, ParentBy: "span", Depth: 1, Subtree: usd("0.022211")},
	}})
	before := r.Totals
	before.Cost, before.Requests = micro(1_848_000_000), 120_000
	before.PeakHour = &analyze.PeakHour{Hour: "11", Cost: usd("99.5")}
	r.Previous, r.Compared = &before, &analyze.Between{Since: since.AddDate(0, 0, -30), Until: since}
	r.PreviousAgents = map[string]analyze.USD{names[0]: usd("308.5")}
	r.Changes = changes(names)
	r.Marks = marks(names[0], since)
	r.Strangers = []analyze.Stranger{
		{System: "00c1a5ad0000002a", KeyID: "9f86d081884c7d65", Client: "10.0.0.7", Program: "OpenAI/Python", Calls: 812, Cost: usd("41.5"), First: since, Last: since.AddDate(0, 0, 29),
			Resembles: names[0], Shared: []string{"system prompt", "model", "hours"}},
		{Client: "10.0.0.9", Program: "curl", Calls: 3, Cost: usd("0.02"), First: since, Last: since, Shared: []string{}},
	}
	return r
}

// marks are two made-up ones.
func marks(agent string, since time.Time) []analyze.Mark {
	change, low, high, others := -60.5, -63.25, -57.5, 1.5
	return []analyze.Mark{
		{At: since.AddDate(0, 0, 9).Add(9 * time.Hour), Agent: agent, Text: "max_history: 5", Verdict: analyze.Worked, Why: "the cost per 1,000 calls fell", Per: "call",
			Before: usd("44.8"), After: usd("17.96"), Expected: usd("45.472"), ChangePct: &change, ChangeLowPct: &low, ChangeHighPct: &high, CallsBefore: 13_000, CallsAfter: 9000,
			DaysBefore: 9, DaysAfter: 20, Untouched: 5, UntouchedPct: &others, Saved: usd("247.6"), SavedLow: usd("235.5"), SavedHigh: usd("258.9"), StillLeft: usd("0"),
			Daily: []analyze.Day{{Day: -1, Calls: 440, Cost: usd("19.7")}, {Day: 0, Calls: 450, Cost: usd("8.1")}}},
		{At: since.AddDate(0, 0, 28), Agent: "voice", Text: "smaller model", Verdict: analyze.TooEarly, Why: "only 12 billed calls in 2 days since", Per: "call", CallsBefore: 300, CallsAfter: 12,
			DaysBefore: 28, DaysAfter: 2, Daily: []analyze.Day{}},
	}
}

// budgets are made-up ones, one in each state.
func budgets(names []string, since time.Time) []analyze.Budget {
	until, at := since.AddDate(0, 1, 0), since.AddDate(0, 0, 18).Add(9*time.Hour+62*time.Second)
	base := analyze.Budget{Per: analyze.PerMonth, Since: since, Until: until, Estimated: usd("0"), State: analyze.BudgetOK, Over: []analyze.Over{},
		ForecastNote: "by weekday and hour of day, from 28 days"}
	total, agent, team := base, base, base
	total.Scope, total.Limit, total.Spent, total.Estimated, total.State, total.CrossedAt = analyze.ScopeTotal, usd("2000"), usd("2196.120000000001"), usd("29.9"), analyze.BudgetCrossed, &at
	total.Forecast = &analyze.Forecast{Cost: usd("2540"), Low: usd("2470.5"), High: usd("2610.25")}
	total.Over = append(total.Over, analyze.Over{Since: since, Until: until, Spent: total.Spent, At: at, Agent: names[0], AgentCost: usd("612.25"), AgentBefore: usd("308.5")})
	agent.Scope, agent.Key, agent.Limit, agent.Spent, agent.State = analyze.ScopeAgent, names[0], usd("700"), usd("612.25"), analyze.BudgetAtRisk
	agent.Forecast = &analyze.Forecast{Cost: usd("713"), Low: usd("690"), High: usd("741.5")}
	team.Scope, team.Key, team.Per, team.Until, team.Limit, team.Spent = analyze.ScopeTeam, names[len(names)-1], analyze.PerDay, since.AddDate(0, 0, 1), usd("50"), usd("1.25")
	team.ForecastNote = "too little data for a forecast: 1.2 days of calls, 3 are needed"
	return []analyze.Budget{total, agent, team}
}

// changes are made-up ones that add up, of three agents.
func changes(names []string) []analyze.AgentChange {
	zero := usd("0")
	list := []analyze.AgentChange{
		{Agent: names[0], Kind: analyze.Changed, Before: usd("308.5"), After: usd("612.25"), Parts: analyze.Parts{Price: usd("-10.5"), Volume: usd("20"), Size: usd("290.25"), Mix: usd("4"), Presence: zero, Unpriced: zero},
			Requests: 143_000, PreviousRequests: 139_000, AvgTokens: 48_000.25, PreviousAvgTokens: 31_000, Why: "48,000 tokens per call, before 31,000"},
		{Agent: "prototype-bot", Kind: analyze.Gone, Before: usd("37.08"), After: zero, Parts: analyze.Parts{Price: zero, Volume: zero, Size: zero, Mix: zero, Presence: usd("-37.08"), Unpriced: zero},
			PreviousRequests: 7360, PreviousAvgTokens: 3320, Why: "gone: 7,360 calls before"},
		{Agent: names[len(names)-1], Kind: analyze.New, Before: zero, After: usd("12.5"), Parts: analyze.Parts{Price: zero, Volume: zero, Size: zero, Mix: zero, Presence: usd("12.5"), Unpriced: zero},
			Requests: 900, AvgTokens: 620, Why: "new: 900 calls"},
	}
	for i := range list {
		list[i].Change = list[i].After.Sub(list[i].Before)
	}
	return list
}

// guess makes $29.90 of the dearest agent's money an estimate, in every table.
func guess(r *analyze.Result) {
	part := micro(29_900_000)
	r.Totals.Estimated, r.ByAgent[0].Estimated, r.Totals.PeakHour.Estimated = part, part, part
	for _, rows := range [][]analyze.Row{r.ByUser, r.ByModel, r.ByEndpoint, r.ByTeam, r.ByDay, r.ByHour, r.ByTime, r.ByWeekdayHour} {
		rows[0].Estimated = part
	}
	for i := range r.Trend {
		if r.Trend[i].Agent == r.ByAgent[0].Key {
			r.Trend[i].Estimated = part
			break
		}
	}
}

// fill spreads money over agents, days and hours so that each table adds up.
func fill(r *analyze.Result, names []string, since time.Time) {
	var days [30]int64
	var hours [24]int64
	var week [7][24]int64
	rest := int64(0)
	for i, name := range names {
		row := analyze.AgentRow{Row: analyze.Row{Key: name, Errors: int64(3 * i), RateLimited: int64(i)}}
		if i == 0 {
			row.Agent = analyze.Agent{Name: "Gate", Owner: "customer chat", Purpose: "decides whether a person must take over"}
		}
		var sum int64
		for d := range days {
			var day int64
			for h := range hours {
				n := int64(1_000_000/(i+2)) + int64(37*d*h+i)
				if i == 1 && h >= 7 && h <= 14 {
					n += int64(h-6) * 400_000
				}
				day += n
				hours[h] += n
				week[(d+1)%7][h] += n // 1 September 2026 is a Tuesday
			}
			days[d] += day
			sum += day
			r.Trend = append(r.Trend, analyze.TrendPoint{Key: since.AddDate(0, 0, d).Format(time.DateOnly), Agent: name, Cost: micro(day)})
		}
		p50, p95 := 812.5, 5300.25
		row.Cost, row.Requests, row.InputTokens, row.OutputTokens = micro(sum), int64(143_000/(i+1)), 40_000_000, int64(1_000_000*(i+1))
		row.CacheReadTokens, row.P50, row.P95 = 1_000_000, &p50, &p95
		row.AvgTokens = float64(row.InputTokens+row.OutputTokens) / float64(row.Requests)
		r.ByAgent = append(r.ByAgent, row)
		t := &r.Totals
		t.Cost, t.Requests = t.Cost.Add(row.Cost), t.Requests+row.Requests
		t.InputTokens, t.OutputTokens, t.CacheReadTokens = t.InputTokens+row.InputTokens, t.OutputTokens+row.OutputTokens, t.CacheReadTokens+row.CacheReadTokens
		t.Errors, t.RateLimited, t.Agents = t.Errors+row.Errors, t.RateLimited+row.RateLimited, t.Agents+1
		rest += sum
	}
	slices.SortStableFunc(r.ByAgent, func(a, b analyze.AgentRow) int { return b.Cost.Cmp(a.Cost) })
	r.Totals.AvgTokens = float64(r.Totals.InputTokens+r.Totals.OutputTokens) / float64(r.Totals.Requests)
	whole := analyze.Row{Cost: r.Totals.Cost, Requests: r.Totals.Requests, InputTokens: r.Totals.InputTokens, OutputTokens: r.Totals.OutputTokens}
	whole.Key = "claude-opus-4-5-20251101"
	r.ByModel = []analyze.Row{whole}
	whole.Key = "/v1/messages"
	r.ByEndpoint = []analyze.Row{whole}
	third := new(big.Int).Div(big.NewInt(rest), big.NewInt(3)).Int64()
	r.ByUser = []analyze.Row{
		{Key: "unknown", Cost: micro(rest - third), Requests: r.Totals.Requests - 100, InputTokens: whole.InputTokens, OutputTokens: whole.OutputTokens},
		{Key: "u-20931", Cost: micro(third), Requests: 100},
	}
	r.ByTeam = []analyze.Row{
		{Key: "support", Cost: micro(rest - third), Requests: r.Totals.Requests - 100, InputTokens: whole.InputTokens, OutputTokens: whole.OutputTokens},
		{Key: "unknown", Cost: micro(third), Requests: 100},
	}
	r.BySession = []analyze.Row{{Key: "s-1", Cost: micro(5), Requests: 2}}
	for d, n := range days {
		r.ByDay = append(r.ByDay, analyze.Row{Key: since.AddDate(0, 0, d).Format(time.DateOnly), Cost: micro(n), Requests: 10})
	}
	best := 0
	for h, n := range hours {
		r.ByHour = append(r.ByHour, analyze.Row{Key: fmt.Sprintf("%02d", h), Cost: micro(n), Requests: 10})
		if n > hours[best] {
			best = h
		}
	}
	r.Totals.PeakHour = &analyze.PeakHour{Hour: fmt.Sprintf("%02d", best), Cost: micro(hours[best])}
	for d := range week {
		for h, n := range week[d] {
			r.ByWeekdayHour = append(r.ByWeekdayHour, analyze.Row{Key: fmt.Sprintf("%d-%02d", d+1, h), Cost: micro(n), Requests: 10})
		}
	}
	r.ByTime = []analyze.Row{{Key: "2026-09-01T00", Cost: r.Totals.Cost, Requests: r.Totals.Requests}}
}

// empty is a period in which nothing was recorded.
func empty() *analyze.Result {
	r := world([]string{"a"})
	e := &analyze.Result{Schema: r.Schema, GeneratedAt: r.GeneratedAt, Period: r.Period, LastCall: time.Date(2026, 8, 3, 4, 5, 6, 0, time.UTC)}
	e.Quality.PriceTableDate = "2026-08-21"
	return e
}
