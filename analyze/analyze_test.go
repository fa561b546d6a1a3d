//go:build cgo

package analyze_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"burn/analyze"
)

var november = period("2026-11-01 00:00:00", "2026-12-01 00:00:00")

func row(t *testing.T, rows []analyze.Row, key string) analyze.Row {
	t.Helper()
	for _, r := range rows {
		if r.Key == key {
			return r
		}
	}
	t.Fatalf("no row %q in %+v", key, rows)
	return analyze.Row{}
}

func agents(r *analyze.Result) []analyze.Row {
	var rows []analyze.Row
	for _, a := range r.ByAgent {
		rows = append(rows, a.Row)
	}
	return rows
}

func TestMeaningOfCounts(t *testing.T) {
	w := newWorld(t)
	day := at("2026-11-10 14:30:00")
	w.add(
		call{ts: day, agent: "a", cost: "0.5", input: 100, cacheRead: 40, cacheWrite: 10, output: 50, reasons: 5, latency: 100},
		call{ts: day, agent: "a", cost: "0.25", input: 1, output: 1, latency: 300},
		call{ts: day, agent: "a", cost: "0", status: 429, latency: 9000},
		call{ts: day, agent: "a", cost: "0", status: 529},
		call{ts: day, agent: "a", cost: "0", status: 500},
		call{ts: day, agent: "a", cost: "0.1", end: "client_abort", latency: 9000},
		call{ts: day, agent: "a", cost: "1", gap: true, requests: 7, estimated: true, input: 70, output: 7},
		call{ts: day, agent: "b", input: 30, output: 3, latency: 50},
		call{ts: at("2026-10-31 23:59:59"), agent: "a", cost: "9"},
		call{ts: at("2026-12-01 00:00:00"), agent: "a", cost: "9"},
	)
	r := w.run(analyze.Options{Period: november})
	a := row(t, agents(r), "a")
	p50, p95 := 200.0, 290.0
	want := analyze.Row{Key: "a", Cost: usd("1.85"), Requests: 13, InputTokens: 171, CacheReadTokens: 40, CacheWriteTokens: 10,
		OutputTokens: 58, ReasoningTokens: 5, AvgTokens: 229.0 / 13, Errors: 4, RateLimited: 2, Estimated: usd("1"), P50: &p50, P95: &p95}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("agent a:\n got %s\nwant %s", dump(a), dump(want))
	}
	b := row(t, agents(r), "b")
	if b.Cost.Known() || b.Requests != 1 || b.Unpriced != 1 || b.AvgTokens != 33 {
		t.Errorf("agent b: %s, want one unpriced call of 33 tokens", dump(b))
	}
	if got := r.Quality; got.GapRequests != 7 || got.EstimatedRequests != 7 || got.UnpricedRequests != 1 {
		t.Errorf("quality %+v, want 7 gap, 7 estimated, 1 unpriced", got)
	}
	if got := r.Totals.Estimated; got.Cmp(usd("1")) != 0 {
		t.Errorf("estimated %s, want 1", got)
	}
	if r.Totals.Agents != 2 {
		t.Errorf("agents %d, want 2", r.Totals.Agents)
	}
	if want := []analyze.Unpriced{{Model: "unknown", Requests: 1, Tokens: 33}}; !reflect.DeepEqual(r.Unpriced, want) {
		t.Errorf("unpriced %+v, want %+v", r.Unpriced, want)
	}
}

func TestFreeCallsAreNotUnpriced(t *testing.T) {
	w := newWorld(t)
	w.add(
		call{ts: at("2026-11-02 00:00:00"), agent: "a", basis: "none"},
		call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "0", basis: "free_local"},
	)
	r := w.run(analyze.Options{Period: november})
	if len(r.Unpriced) != 0 || r.Quality.UnpricedRequests != 0 || r.Totals.Cost.Cmp(usd("0")) != 0 {
		t.Errorf("unpriced %+v, %d requests, cost %s; want none and 0", r.Unpriced, r.Quality.UnpricedRequests, r.Totals.Cost)
	}
}

func TestMissingNamesAreUnknownAndOneGroup(t *testing.T) {
	w := newWorld(t)
	day := at("2026-11-10 14:30:00")
	w.add(
		call{ts: day, cost: "1"},
		call{ts: day, agent: "unknown", user: "unknown", requested: "unknown", cost: "2"},
		call{ts: day, agent: "unknown", user: "unknown", served: "unknown", cost: "4"},
		call{ts: day, agent: "x", user: "x", requested: "asked", served: "Served", cost: "8"},
		call{ts: day, agent: "x", user: "x", requested: "Served", cost: "16"},
		call{ts: day, agent: "x", user: "x", requested: "asked", cost: "32"},
	)
	r := w.run(analyze.Options{Period: november})
	for _, c := range []struct {
		table string
		rows  []analyze.Row
		want  string
	}{
		{"agent", agents(r), "x=56 unknown=7 "},
		{"user", r.ByUser, "x=56 unknown=7 "},
		{"model", r.ByModel, "asked=32 Served=24 unknown=7 "},
	} {
		got := ""
		for _, row := range c.rows {
			got += row.Key + "=" + row.Cost.String() + " "
		}
		if got != c.want {
			t.Errorf("by %s: %s, want %s", c.table, got, c.want)
		}
	}
}

func TestWasteIsTheMeanOfRatiosAboveTen(t *testing.T) {
	w := newWorld(t)
	day := at("2026-11-10 14:30:00")
	w.add(
		call{ts: day, agent: "mean", input: 100, output: 10, cost: "1"}, // 10
		call{ts: day, agent: "mean", input: 40, output: 2, cost: "2"},   // 20: mean 15, sums 140 : 12
		call{ts: day, agent: "mean", input: 9999, output: 0, cost: "4"}, // no output: not in it
		call{ts: day, agent: "ten", input: 100, output: 10, cost: "1"},
		call{ts: day, agent: "big", input: 1000, output: 50, cost: "1"}, // 20
		call{ts: day, agent: "gap", input: 1000, output: 1, requests: 9, gap: true, cost: "1"},
		call{ts: day, agent: "unpriced", input: 11, output: 1},
	)
	got := w.run(analyze.Options{Period: november}).Waste
	want := []analyze.Waste{
		{Agent: "big", Ratio: 20, InputTokens: 1000, OutputTokens: 50, Cost: usd("1"), Estimated: usd("0")},
		{Agent: "mean", Ratio: 15, InputTokens: 140, OutputTokens: 12, Cost: usd("3"), Estimated: usd("0")},
		{Agent: "unpriced", Ratio: 11, InputTokens: 11, OutputTokens: 1, Estimated: usd("0")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("waste:\n got %s\nwant %s", dump(got), dump(want))
	}
}

func TestSessionsAndTraces(t *testing.T) {
	w := newWorld(t)
	day := at("2026-11-10 14:30:00")
	w.add(
		call{ts: day.Add(2 * time.Second), agent: "b", trace: "t1", session: "s1", cost: "0.2", input: 5, step: "second", latency: 7},
		call{ts: day, agent: "a", trace: "t1", session: "s1", cost: "0.1", served: "m", endpoint: "/v1/x", user: "u"},
		call{ts: day, agent: "a", trace: "alone", session: "s2", cost: "5"},
		call{ts: day, agent: "a", trace: "dear", cost: "1"},
		call{ts: day.Add(time.Second), agent: "a", trace: "dear", cost: "1"},
		call{ts: day, agent: "a", trace: "unpriced"},
		call{ts: day.Add(time.Second), agent: "a", trace: "unpriced"},
		call{ts: day, agent: "a", cost: "3"},
	)
	r := w.run(analyze.Options{Period: november})
	got := ""
	for _, tr := range r.Traces {
		got += fmt.Sprintf("%s %s=%s:", tr.By, tr.ID, tr.Cost)
		for _, c := range tr.Calls {
			got += c.Agent
		}
		got += " "
	}
	if want := "trace dear=2:aa trace t1=0.3:ab trace unpriced=:aa "; got != want {
		t.Errorf("traces %s, want %s", got, want)
	}
	first := r.Traces[1].Calls[0]
	want := analyze.Call{At: day, Agent: "a", User: "u", Model: "m", Endpoint: "/v1/x", Status: 200, End: "complete", Cost: usd("0.1"), Boot: "0000000000000001", Seq: 2, Subtree: usd("0.1")}
	if dump(first) != dump(want) {
		t.Errorf("call of a trace:\n got %s\nwant %s", dump(first), dump(want))
	}
	got = ""
	for _, s := range r.BySession {
		got += s.Key + "=" + s.Cost.String() + " "
	}
	if want := "s2=5 s1=0.3 "; got != want {
		t.Errorf("sessions %s, want %s", got, want)
	}
}

// TestSessionsAreActions: where no trace has two calls, calls of one session are one
// action, and findings are told of their calls.
func TestSessionsAreActions(t *testing.T) {
	w := newWorld(t)
	day := at("2026-11-10 14:30:00")
	w.add(
		call{ts: day, agent: "a", session: "s1", cost: "0.1"},
		call{ts: day.Add(time.Second), agent: "b", session: "s1", trace: "alone", cost: "0.4"},
		call{ts: day, agent: "a", session: "s2", cost: "5"},
		call{ts: day, agent: "a", cost: "5"},
	)
	w.putAt(day, cell{"agent": "c", "session": "s3", "cost_usd": "30", "end": "client_abort", "stream": true, "finish_reason": ""})
	w.putAt(day.Add(time.Second), cell{"agent": "c", "session": "s3", "cost_usd": "1"})
	w.exec(`INSERT INTO call SELECT c.* REPLACE (2 AS boot, r.range AS seq, 99 AS session_hash) FROM call c, range(10001) r WHERE c.seq = 1`)
	w.exec(`INSERT INTO call SELECT c.* REPLACE (3 AS boot, r.range AS seq, 100 + r.range // 2 AS session_hash, 0.1 AS cost_usd) FROM call c, range(240) r WHERE c.boot = 1 AND c.seq = 1`)
	r := w.run(analyze.Options{Period: november})
	if len(r.Traces) != 100 || r.Scenes.Actions != 122 {
		t.Errorf("%d of %d sessions listed, want 100 of 122: none of more than 10,000 calls", len(r.Traces), r.Scenes.Actions)
	}
	got := ""
	for _, tr := range r.Traces[:min(2, len(r.Traces))] {
		got += fmt.Sprintf("%s %s=%s:", tr.By, tr.ID, tr.Cost)
		for _, c := range tr.Calls {
			got += c.Agent + c.Kind
		}
		got += " "
	}
	if want := "session s3=31:cabandonedc session s1=0.5:ab "; got != want {
		t.Errorf("actions %s, want %s", got, want)
	}
	if r.Scenes.TypicalAction.String() != "0.2" {
		t.Errorf("%d actions, half of them below %s", r.Scenes.Actions, r.Scenes.TypicalAction)
	}
}

func TestEmptyPeriodIsNoError(t *testing.T) {
	w := newWorld(t)
	for _, last := range []time.Time{{}, at("2026-10-05 10:00:00")} {
		if !last.IsZero() {
			w.add(call{ts: last, agent: "a", cost: "1"})
		}
		r := w.run(analyze.Options{Period: november})
		if r.Totals.Requests != 0 || r.Totals.Cost.Known() || r.Totals.PeakHour != nil || !r.LastCall.Equal(last) {
			t.Errorf("totals %s, last call %s; want nothing and %s", dump(r.Totals), r.LastCall, last)
		}
		b := dump(r)
		for _, key := range []string{"by_agent", "by_session", "traces", "waste", "unpriced", "findings", "marks", "budgets"} {
			if !bytes.Contains([]byte(b), []byte(`"`+key+`":[]`)) {
				t.Errorf("%s is no empty array in %s", key, b)
			}
		}
	}
}

func TestCompareGivesTheEarlierTotals(t *testing.T) {
	w := newWorld(t)
	w.add(
		call{ts: at("2026-10-15 03:00:00"), agent: "old", cost: "3"},
		call{ts: at("2026-10-15 04:00:00"), agent: "a", cost: "1"},
		call{ts: at("2026-11-15 05:00:00"), agent: "a", cost: "2"},
	)
	before := period("2026-10-01 00:00:00", "2026-11-01 00:00:00")
	r := w.run(analyze.Options{Period: november, Compare: &before})
	if r.Previous.Cost.Cmp(usd("4")) != 0 || r.Previous.Agents != 2 || r.Previous.PeakHour.Hour != "03" {
		t.Errorf("previous %s, want $4 of 2 agents, dearest at 03", dump(r.Previous))
	}
	if r.Totals.Cost.Cmp(usd("2")) != 0 || r.Totals.PeakHour.Hour != "05" {
		t.Errorf("totals %s, want $2, dearest at 05", dump(r.Totals))
	}
	if got := r.PreviousAgents["old"]; got.Cmp(usd("3")) != 0 {
		t.Errorf("previous cost of agent old %s, want 3", got)
	}
	var n int
	if err := w.db.QueryRow("SELECT count(*) FROM calls").Scan(&n); err != nil || n != 1 {
		t.Errorf("the views show %d calls, %v; want the 1 of the period itself", n, err)
	}
}

func TestFiltersKeepWhatTheirGlobsMatch(t *testing.T) {
	w := newWorld(t)
	day := at("2026-11-10 14:30:00")
	w.add(
		call{ts: day, agent: "web-a", user: "ann", served: "gpt-5", requested: "gpt", endpoint: "/v1/chat/completions", cost: "1"},
		call{ts: day, agent: "web-b", user: "bob", requested: "openai/gpt-5", endpoint: "/v1/messages", cost: "2"},
		call{ts: day, requested: "claude", endpoint: "/v1/messages", cost: "4"},
		call{ts: day, cost: "8"},
	)
	for _, c := range []struct {
		name   string
		filter analyze.Filter
		want   string
	}{
		{"no filter", analyze.Filter{}, "15"},
		{"agent prefix", analyze.Filter{Agents: []string{"web-*"}}, "3"},
		{"either agent", analyze.Filter{Agents: []string{"web-a", "unknown"}}, "13"},
		{"unknown user", analyze.Filter{Users: []string{"unk*"}}, "12"},
		{"served before asked", analyze.Filter{Models: []string{"gpt"}}, ""},
		{"slash inside", analyze.Filter{Models: []string{"*gpt-5"}}, "3"},
		{"unknown model", analyze.Filter{Models: []string{"unknown"}}, "8"},
		{"endpoint", analyze.Filter{Endpoints: []string{"/v1/*"}}, "7"},
		{"both must hold", analyze.Filter{Agents: []string{"web-*"}, Endpoints: []string{"/v1/messages"}}, "2"},
		{"no such agent", analyze.Filter{Agents: []string{"nobody"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := w.run(analyze.Options{Period: november, Filter: c.filter}).Totals.Cost.String(); got != c.want {
				t.Errorf("cost %q, want %q", got, c.want)
			}
		})
	}
}

func TestAgentsFileIsJoined(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "1"}, call{ts: at("2026-11-02 00:00:00"), agent: "b", cost: "2"})
	file := map[string]analyze.Agent{"a": {Name: "A", Owner: "ann", Purpose: "answers"}, "z": {}, "c": {}}
	r := w.run(analyze.Options{Period: november, Agents: file})
	if r.ByAgent[0].Agent != (analyze.Agent{}) || r.ByAgent[1].Agent != (analyze.Agent{Name: "A", Owner: "ann", Purpose: "answers"}) {
		t.Errorf("agents %s", dump(r.ByAgent))
	}
	if got := dump(r.Roster); got != dump(analyze.Roster{Unregistered: []string{"b"}, Silent: []string{"c", "z"}}) {
		t.Errorf("roster %s", got)
	}
	if got := w.run(analyze.Options{Period: november, Agents: file, Filter: analyze.Filter{Agents: []string{"a"}}}).Roster; len(got.Unregistered)+len(got.Silent) != 0 {
		t.Errorf("with a filter %s", dump(got))
	}
	if got := w.run(analyze.Options{Period: november}).Roster; got != nil {
		t.Errorf("without a file %s", dump(got))
	}
}

// TestStreamsWithoutUsage: only what a request could have asked for is listed.
func TestStreamsWithoutUsage(t *testing.T) {
	w := newWorld(t)
	silent := call{ts: at("2026-11-02 00:00:00"), agent: "a", provider: "openai", requested: "m", endpoint: "/v1/chat/completions", cost: "1", stream: true, estimated: true}
	with := func(change func(*call)) call {
		c := silent
		change(&c)
		return c
	}
	w.add(silent, silent,
		with(func(c *call) { c.cost = "" }),
		with(func(c *call) { c.agent, c.cost = "b", "5" }),
		with(func(c *call) { c.agent, c.estimated = "reported", false }),
		with(func(c *call) { c.agent, c.stream = "not a stream", false }),
		with(func(c *call) { c.agent, c.end = "cut", "client_abort" }),
		with(func(c *call) { c.agent, c.status = "failed", 500 }),
		with(func(c *call) { c.agent, c.gap = "sums", true }),
		with(func(c *call) { c.agent, c.ts = "earlier", at("2026-10-02 00:00:00") }),
	)
	want := []analyze.Stream{
		{Agent: "b", Provider: "openai", Model: "m", Endpoint: "/v1/chat/completions", Requests: 1, Cost: usd("5")},
		{Agent: "a", Provider: "openai", Model: "m", Endpoint: "/v1/chat/completions", Requests: 3, Cost: usd("2")},
	}
	if got := w.run(analyze.Options{Period: november}).Streams; !reflect.DeepEqual(got, want) {
		t.Errorf("streams\n     %s\nwant %s", dump(got), dump(want))
	}
}

// TestSumsAgree: whichever way the money is divided, it adds up to the last digit.
func TestSumsAgree(t *testing.T) {
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	var calls []call
	for range 3000 {
		c := call{
			ts:    at("2026-10-20 00:00:00").Add(time.Duration(rnd.Int64N(int64(50 * 24 * time.Hour)))),
			agent: pick("", "unknown", "a", "b", "c"), user: pick("", "u1", "u2", "u3"), provider: pick("openai", "anthropic"),
			requested: pick("", "m1", "m2"), served: pick("", "m1", "m3"), endpoint: pick("", "/v1/a", "/v1/b"),
			end: pick("complete", "complete", "timeout"), status: []int{200, 200, 429, 500, 529}[rnd.IntN(5)],
			session: pick("", "s1", "s2"), trace: pick("", "", "t1", "t2"), requests: 1,
			input: rnd.IntN(1e6), output: rnd.IntN(1e4), cacheRead: rnd.IntN(10), cacheWrite: rnd.IntN(10), reasons: rnd.IntN(10),
			cost: fmt.Sprintf("%d.%012d", rnd.IntN(1000), rnd.Int64N(1e12)), latency: rnd.Float64() * 1e4, estimated: rnd.IntN(9) == 0,
		}
		if rnd.IntN(20) == 0 {
			c.cost = ""
		}
		if rnd.IntN(30) == 0 {
			c.gap, c.requests, c.status, c.end = true, 1+rnd.IntN(50), 0, ""
		}
		calls = append(calls, c)
	}
	w.add(calls...)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, filter := range []analyze.Filter{{}, {Agents: []string{"a", "unknown"}}, {Models: []string{"m3"}}} {
		p := november
		p.Zone = berlin
		r := w.run(analyze.Options{Period: p, Filter: filter})
		tables := map[string][]analyze.Row{"agent": agents(r), "user": r.ByUser, "model": r.ByModel, "endpoint": r.ByEndpoint,
			"day": r.ByDay, "hour": r.ByHour, "time": r.ByTime, "weekday and hour": r.ByWeekdayHour}
		total := r.Totals
		if total.Requests == 0 {
			t.Fatal("no calls: the test shows nothing")
		}
		want := analyze.Row{Cost: total.Cost, Requests: total.Requests, InputTokens: total.InputTokens, CacheReadTokens: total.CacheReadTokens,
			CacheWriteTokens: total.CacheWriteTokens, OutputTokens: total.OutputTokens, ReasoningTokens: total.ReasoningTokens,
			Errors: total.Errors, RateLimited: total.RateLimited, Estimated: total.Estimated}
		for name, rows := range tables {
			if got := sum(rows); !reflect.DeepEqual(got, want) {
				t.Errorf("filter %v: sum by %s is\n     %s\nwant %s", filter, name, dump(got), dump(want))
			}
		}
		var trend, guessed analyze.USD
		for _, p := range r.Trend {
			trend, guessed = trend.Add(p.Cost), guessed.Add(p.Estimated)
		}
		if trend.Cmp(total.Cost) != 0 || guessed.Cmp(total.Estimated) != 0 {
			t.Errorf("filter %v: trend sums to %s, %s of it estimated, want %s, %s", filter, trend, guessed, total.Cost, total.Estimated)
		}
		if again := w.run(analyze.Options{Period: p, Filter: filter}); dump(again) != dump(r) {
			t.Errorf("filter %v: a second run differs", filter)
		}
		tables0 := w.run(analyze.Options{Period: p, Filter: filter, Need: analyze.Pictures})
		if !reflect.DeepEqual(tables0.ByAgent, r.ByAgent) || !reflect.DeepEqual(tables0.Totals, r.Totals) || len(tables0.BySession) != 0 {
			t.Errorf("filter %v: a run for tables has other agents or totals, or sessions", filter)
		}
	}
}

func sum(rows []analyze.Row) analyze.Row {
	var s analyze.Row
	for _, r := range rows {
		s.Cost = s.Cost.Add(r.Cost)
		s.Requests += r.Requests
		s.InputTokens += r.InputTokens
		s.CacheReadTokens += r.CacheReadTokens
		s.CacheWriteTokens += r.CacheWriteTokens
		s.OutputTokens += r.OutputTokens
		s.ReasoningTokens += r.ReasoningTokens
		s.Errors += r.Errors
		s.RateLimited += r.RateLimited
		s.Estimated = s.Estimated.Add(r.Estimated)
	}
	return s
}

// TestClockChanges: days of 23 and 25 hours hold their hours, and no more.
func TestClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, since string
		hours       int
		two         int64 // calls at local hour 02
	}{
		{"spring has no hour 02", "2026-03-29", 23, 0},
		{"autumn has it twice", "2026-10-25", 25, 2},
		{"an ordinary day", "2026-07-01", 24, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			begin, _ := time.ParseInLocation(time.DateOnly, c.since, berlin)
			end := begin.AddDate(0, 0, 1)
			for ts := begin.Add(-5 * time.Hour); ts.Before(end.Add(5 * time.Hour)); ts = ts.Add(time.Hour) {
				w.add(call{ts: ts, agent: "a", cost: "1"})
			}
			p := analyze.Period{Since: begin.AddDate(0, 0, -1), Until: end.AddDate(0, 0, 1), Zone: berlin}
			r := w.run(analyze.Options{Period: p})
			if got := row(t, r.ByDay, c.since); got.Requests != int64(c.hours) {
				t.Errorf("day has %d calls, want %d, one an hour", got.Requests, c.hours)
			}
			p = analyze.Period{Since: begin, Until: end, Zone: berlin}
			r = w.run(analyze.Options{Period: p})
			var two int64
			for _, h := range r.ByHour {
				if h.Key == "02" {
					two = h.Requests
				}
			}
			if two != c.two || sum(r.ByHour).Requests != int64(c.hours) || len(r.ByTime) != c.hours {
				t.Errorf("hour 02 has %d calls of %d in %d UTC hours; want %d of %d", two, sum(r.ByHour).Requests, len(r.ByTime), c.two, c.hours)
			}
		})
	}
}

func TestKeysOfTime(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-11-22 23:30:00"), agent: "a", cost: "1"}) // Sunday; Monday 00:30 in Berlin
	berlin, _ := time.LoadLocation("Europe/Berlin")
	p := november
	p.Zone = berlin
	r := w.run(analyze.Options{Period: p})
	got := []string{r.ByDay[0].Key, r.ByHour[0].Key, r.ByTime[0].Key, r.ByWeekdayHour[0].Key, r.Totals.PeakHour.Hour, r.Period.TZ}
	if want := []string{"2026-11-23", "00", "2026-11-22T23", "1-00", "00", "Europe/Berlin"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

func TestPeakHourIsTheEarlierOfEquals(t *testing.T) {
	w := newWorld(t)
	for _, ts := range []string{"2026-11-02 17:00:00", "2026-11-03 09:00:00", "2026-11-04 12:00:00"} {
		w.add(call{ts: at(ts), agent: "a", cost: "1"})
	}
	w.add(call{ts: at("2026-11-05 12:00:00"), agent: "a"})
	if p := w.run(analyze.Options{Period: november}).Totals.PeakHour; p.Hour != "09" || p.Cost.Cmp(usd("1")) != 0 {
		t.Errorf("peak %+v, want 09", p)
	}
}

func TestQuality(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO meta VALUES ('prices_at', '2026-08-21'), ('installation', 'test'), ('read_at', '2026-11-02T01:00:00Z'), ('beyond_calls', '7'), ('beyond_since', '2026-10-01T00:00:00Z')")
	w.insert("file", map[string]any{"id": 1, "lines": 20, "accepted": 15, "rejected": 2, "duplicates": 1, "other_kinds": 2, "torn": 1})
	w.exec("INSERT INTO reject VALUES (1, 3, 'bad json', ''), (1, 4, 'no seq', '')")
	// Boot 1 gave out 1 to 20: 1–9 and 12 were read, 3 are in a gap, 15 and 21 are open.
	w.exec("INSERT INTO seen VALUES (1, '', 1, 9), (1, '', 12, 12), (1, 'gap', 1, 1), (2, '', 1, 5)")
	event := "INSERT INTO event VALUES (?, ?, ?, TIMESTAMP '2026-11-02', ?, 0, 0, 0, 0, 0, '', '')"
	w.exec(event, 1, "beat", 1, 20)
	w.exec(event, 1, "open", 5, 0)
	w.exec(event, 1, "open", 15, 0)
	w.exec(event, 1, "open", 21, 0)
	w.exec(event, 2, "stop", 1, 5)
	// The counters of a process only grow: its largest count.
	w.exec("INSERT INTO event VALUES (1, 'beat', 2, TIMESTAMP '2026-11-02', 20, 4, 5, 6, 7, 8, '', ''), (2, 'beat', 1, TIMESTAMP '2026-11-02', 5, 1, 1, 1, 1, 1, '', '')")
	w.add(call{boot: 1, seq: 1, ts: at("2026-11-02 00:00:00"), gap: true, requests: 3, cost: "1"})
	got := w.run(analyze.Options{Period: november}).Quality
	want := analyze.Quality{Files: 1, Lines: 21, Accepted: 15, Rejected: map[string]int64{"bad json": 1, "no seq": 1}, Duplicates: 1, Torn: 1, OtherKinds: 2,
		MissingSeq: 6, OpenCalls: 2, GapRequests: 3, EstimatedRequests: 3, PriceTableDate: "2026-08-21",
		WriteErrors: 7, LostLines: 9, Dropped: 6, BeyondRebuild: 7, BeyondRebuildSince: "2026-10-01T00:00:00Z"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("quality\n got %+v\nwant %+v", got, want)
	}
}

func TestResultAsJSON(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "0.000000000001"})
	b, err := json.Marshal(w.run(analyze.Options{Period: november}))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	keys := []string{"schema", "generated_at", "period", "compared", "totals", "previous", "by_agent", "by_user", "by_model", "by_endpoint", "by_team", "by_session",
		"by_day", "by_hour", "by_time", "by_weekday_hour", "waste", "findings", "traces", "marks", "budgets", "unpriced", "inconsistent", "streams_without_usage", "quality", "changes", "spikes", "unknown_callers", "agents_file", "filter"}
	for _, k := range keys {
		if _, ok := doc[k]; !ok {
			t.Errorf("no key %s", k)
		}
	}
	if len(doc) != len(keys) {
		t.Errorf("%d keys, want %d", len(doc), len(keys))
	}
	a := doc["by_agent"].([]any)[0].(map[string]any)
	for _, k := range []string{"key", "cost_usd", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
		"reasoning_tokens", "avg_tokens", "errors", "rate_limited", "estimated_usd", "unpriced_requests", "p50_ms", "p95_ms", "name", "owner", "purpose"} {
		if _, ok := a[k]; !ok {
			t.Errorf("no key %s in by_agent", k)
		}
	}
	if a["cost_usd"] != "0.000000000001" || doc["schema"] != "burn.analyze/1" || doc["compared"] != nil {
		t.Errorf("cost %v, schema %v, compared %v", a["cost_usd"], doc["schema"], doc["compared"])
	}
	if p := doc["period"].(map[string]any); p["since"] != "2026-11-01T00:00:00Z" || p["tz"] != "UTC" {
		t.Errorf("period %v", p)
	}
}

func dump(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestQuantilesAreFinite(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "1", latency: 1e12}, call{ts: at("2026-11-02 00:00:00"), agent: "b", status: 500})
	r := w.run(analyze.Options{Period: november})
	if a := row(t, agents(r), "a"); a.P95 == nil || *a.P95 != 1e12 {
		t.Errorf("p95 of a: %v", a.P95)
	}
	if b := row(t, agents(r), "b"); b.P50 != nil {
		t.Errorf("p50 of b: %v, want none: it has no good call", *b.P50)
	}
}
