//go:build cgo

package analyze_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

func budget(t *testing.T, text string) analyze.BudgetRule {
	t.Helper()
	b, err := analyze.ParseBudget(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseBudget(t *testing.T) {
	for text, want := range map[string]string{
		"2000": "2000 month", "80/day": "80 day", "$1,250.50/week": "1250.5 week", " 0.000000000001 / month": "0.000000000001 month", "0": "0 month",
		"1,250,000/day": "1250000 day", "2,5": "", "12,34": "", "1,25,000": "", "": "", "-5": "", "5/year": "", "much": "", "5/": "", "NaN": "", "1e3": "", "0.0000000000001": "",
	} {
		b, err := analyze.ParseBudget(text)
		got := ""
		if err == nil {
			got = b.Limit.String() + " " + b.Per
		}
		if got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestCheckBudget(t *testing.T) {
	for _, b := range []analyze.BudgetRule{
		{Scope: "planet", Key: "x", Per: "day", Limit: usd("1")},
		{Scope: "agent", Per: "day", Limit: usd("1")},
		{Scope: "total", Key: "x", Per: "day", Limit: usd("1")},
		{Scope: "user", Key: "x", Per: "year", Limit: usd("1")},
		{Scope: "user", Key: "x", Per: "day"},
	} {
		if b.Check() == nil {
			t.Errorf("%+v is accepted", b)
		}
	}
}

// TestBudgetsByScope: each scope counts its own calls, globs share a limit, and
// the run's filters and period leave budgets alone.
func TestBudgetsByScope(t *testing.T) {
	w := newWorld(t)
	w.add(
		call{ts: at("2026-10-31 23:59:59.999"), agent: "chat-a", cost: "100"},
		call{ts: at("2026-11-01 00:00:00"), agent: "chat-a", user: "u", served: "m", tags: `{"team":"support"}`, cost: "1.000000000001"},
		call{ts: at("2026-11-02 08:00:00"), agent: "chat-b", user: "u", served: "m-2", tags: `{"env":"p","team":"sales"}`, cost: "2", estimated: true},
		call{ts: at("2026-11-09 08:00:00"), agent: "job*", user: "v", served: "m", cost: "4"},
		call{ts: at("2026-11-23 08:00:00"), agent: "job", cost: "8"},
		call{ts: at("2026-11-23 08:00:00"), agent: "free"},
	)
	rule := func(scope, key, per string) analyze.BudgetRule {
		return analyze.BudgetRule{Scope: scope, Key: key, Per: per, Limit: usd("2.5")}
	}
	r := w.run(analyze.Options{Period: period("2026-11-22 00:00:00", "2026-11-23 12:00:00"), Filter: analyze.Filter{Agents: []string{"nobody"}},
		Budgets: []analyze.BudgetRule{rule("total", "", "month"), rule("agent", "chat-*", "month"), rule("user", "u", "month"), rule("model", "m", "month"),
			rule("team", "support", "month"), rule("total", "", "week"), rule("total", "", "day"), rule("agent", "free", "month")},
		Agents: map[string]analyze.Agent{"job*": {Budget: usd("3.99")}, "job": {Budget: usd("8")}, "none": {}}})
	var got []string
	for _, b := range r.Budgets {
		got = append(got, fmt.Sprintf("%s %s %s %s of %s est %s %s %s", b.Scope, b.Key, b.Per, b.Spent, b.Limit, b.Estimated, b.State, b.Since.Format("2 Jan")))
	}
	want := []string{
		"total  month 15.000000000001 of 2.5 est 2 crossed 1 Nov",
		"agent chat-* month 3.000000000001 of 2.5 est 2 crossed 1 Nov",
		"user u month 3.000000000001 of 2.5 est 2 crossed 1 Nov",
		"model m month 5.000000000001 of 2.5 est 0 crossed 1 Nov",
		"team support month 1.000000000001 of 2.5 est 0 ok 1 Nov",
		"total  week 8 of 2.5 est 0 crossed 23 Nov",
		"total  day 8 of 2.5 est 0 crossed 23 Nov",
		"agent free month 0 of 2.5 est 0 ok 1 Nov",
		"agent job month 8 of 8 est 0 ok 1 Nov",
		"agent job* month 4 of 3.99 est 0 crossed 1 Nov",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Totals.Requests != 0 {
		t.Errorf("the views were left at %d calls", r.Totals.Requests)
	}
}

// TestBudgetCrossing: the moment is that of the call that passed the limit, in a
// zone whose days do not begin with an hour of UTC.
func TestBudgetCrossing(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Kathmandu") // UTC+5:45
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.add(
		call{ts: at("2026-11-09 18:14:59"), agent: "a", cost: "50"}, // 23:59:59 of the 9th there
		call{ts: at("2026-11-09 18:15:00"), agent: "b", cost: "2"},
		call{ts: at("2026-11-10 03:01:00"), agent: "b", cost: "2.999999999999"},
		call{ts: at("2026-11-10 03:02:00"), agent: "b", cost: "0.000000000001"},
		call{ts: at("2026-11-10 03:03:00"), agent: "c", cost: "0.000000000001"},
		call{ts: at("2026-11-10 03:04:00"), agent: "c", cost: "1"},
		call{ts: at("2026-11-11 03:04:00"), agent: "c", cost: "1"},
	)
	p := analyze.Period{Since: at("2026-11-08 00:00:00"), Until: at("2026-11-11 12:00:00"), Zone: zone}
	r := w.run(analyze.Options{Period: p, Budgets: []analyze.BudgetRule{budget(t, "5/day")}})
	b := r.Budgets[0]
	if b.State != analyze.BudgetOK || b.CrossedAt != nil || b.Spent.String() != "1" || len(b.Over) != 2 || !r.BudgetCrossed() {
		t.Fatalf("%s", dump(b))
	}
	o := b.Over[1]
	if got := o.At.Format(time.RFC3339); got != "2026-11-10T08:48:00+05:45" || o.Spent.String() != "6.000000000001" || o.Agent != "b" || o.AgentCost.String() != "5" || o.AgentBefore.Known() {
		t.Errorf("%s", dump(o))
	}
	// One that was crossed before the period is no news of it, but still is one
	// while its month lasts.
	p.Since = at("2026-11-11 00:00:00")
	if r := w.run(analyze.Options{Period: p, Budgets: []analyze.BudgetRule{budget(t, "5/day")}}); r.BudgetCrossed() {
		t.Errorf("%s", dump(r.Budgets))
	}
	if r := w.run(analyze.Options{Period: p, Budgets: []analyze.BudgetRule{budget(t, "5/month")}}); !r.BudgetCrossed() || r.Budgets[0].CrossedAt == nil {
		t.Errorf("%s", dump(r.Budgets))
	}
}

// weeks adds calls: $1 in each hour of a working day from 8 to 18, nothing else.
func weeks(w *world, since time.Time, days int) {
	var list []call
	for h := range days * 24 {
		c := call{ts: since.Add(time.Duration(h) * time.Hour), agent: "office", cost: "0"}
		if wd := c.ts.Weekday(); wd != time.Saturday && wd != time.Sunday && c.ts.Hour() >= 8 && c.ts.Hour() < 18 {
			c.cost = "1"
		}
		list = append(list, c)
	}
	w.add(list...)
}

func TestForecastKnowsWeekdaysAndHours(t *testing.T) {
	w := newWorld(t)
	weeks(w, at("2026-10-19 00:00:00"), 32) // four weeks and, until Thursday night, four days
	r := w.run(analyze.Options{Period: period("2026-11-18 00:00:00", "2026-11-20 00:00:00"), Budgets: []analyze.BudgetRule{budget(t, "205"), budget(t, "50/week")}})
	month, week := r.Budgets[0], r.Budgets[1]
	// 14 working days so far; 7 more to come: Friday, five, Monday.
	if month.Spent.String() != "140" || month.State != analyze.BudgetAtRisk || month.Forecast == nil || month.Forecast.Cost.String() != "210" {
		t.Errorf("%s", dump(month))
	}
	if f := month.Forecast; f.Low.Cmp(usd("209")) < 0 || f.High.Cmp(usd("211")) > 0 || !strings.Contains(month.ForecastNote, "weekday") {
		t.Errorf("%s", dump(month))
	}
	if week.Spent.String() != "40" || week.State != analyze.BudgetOK || week.Forecast.Cost.String() != "50" { // the weekend costs nothing
		t.Errorf("%s", dump(week))
	}
	// The month is over: nothing to forecast.
	r = w.run(analyze.Options{Period: period("2026-10-01 00:00:00", "2026-11-01 00:00:00"), Budgets: []analyze.BudgetRule{budget(t, "205")}})
	if b := r.Budgets[0]; b.Forecast != nil || b.ForecastNote != "the month is over" {
		t.Errorf("%s", dump(b))
	}
}

func TestForecastSaysWhenThereIsTooLittle(t *testing.T) {
	w := newWorld(t)
	weeks(w, at("2026-11-09 00:00:00"), 12)
	run := func(until string) analyze.Budget {
		return w.run(analyze.Options{Period: period("2026-11-09 00:00:00", until), Budgets: []analyze.BudgetRule{budget(t, "500")}}).Budgets[0]
	}
	if b := run("2026-11-11 12:00:00"); b.Forecast != nil || b.ForecastNote != "too little data for a forecast: 2.5 days of calls, 3 are needed" {
		t.Errorf("%s", dump(b))
	}
	// Five working days of twelve: without weekdays, each day costs the mean.
	if b := run("2026-11-19 00:00:00"); b.Forecast == nil || b.Forecast.Cost.String() != "176" || !strings.Contains(b.ForecastNote, "by hour of day alone, from 10 days") ||
		b.Forecast.Low.Cmp(usd("165")) > 0 || b.Forecast.High.Cmp(usd("185")) < 0 {
		t.Errorf("%s", dump(b))
	}
	if b := newWorld(t).run(analyze.Options{Period: november, Budgets: []analyze.BudgetRule{budget(t, "500")}}).Budgets[0]; b.Forecast != nil || !strings.Contains(b.ForecastNote, "0 days of calls") {
		t.Errorf("%s", dump(b))
	}
}

func TestSpikes(t *testing.T) {
	w := newWorld(t)
	weeks(w, at("2026-10-19 00:00:00"), 32)
	w.add(
		call{ts: at("2026-11-10 03:10:00"), agent: "office", cost: "3"},   // an hour that never cost
		call{ts: at("2026-11-10 04:10:00"), agent: "office", cost: "2.5"}, // and the next one
		call{ts: at("2026-11-12 12:10:00"), agent: "office", cost: "0.9"}, // not twice the most
		call{ts: at("2026-11-17 09:10:00"), agent: "office", cost: "30"},  // makes the day one
		call{ts: at("2026-11-18 09:10:00"), agent: "young", cost: "30"},   // has no history of its own
	)
	r := w.run(analyze.Options{Period: period("2026-11-02 00:00:00", "2026-11-20 00:00:00")})
	var got []string
	for _, s := range r.Spikes {
		got = append(got, fmt.Sprintf("%s %s %s–%s %s most %s", s.Kind, s.Agent, s.Since.Format("2 Jan 15:04"), s.Until.Format("2 Jan 15:04"), s.Cost, s.Most))
	}
	want := []string{
		"day office 17 Nov 00:00–18 Nov 00:00 40 most 10.9",
		"hour office 10 Nov 03:00–10 Nov 05:00 5.5 most 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r := w.run(analyze.Options{Period: period("2026-11-19 00:00:00", "2026-11-20 00:00:00")}); len(r.Spikes) != 0 {
		t.Errorf("%s", dump(r.Spikes))
	}
}

// TestUnpricedCallsSpendNothing: a quarter of an hour in which no call has a price
// is no amount, and those beside it count.
func TestUnpricedCallsSpendNothing(t *testing.T) {
	w := newWorld(t)
	w.add(
		call{ts: at("2026-11-02 10:00:00"), agent: "a"},
		call{ts: at("2026-11-02 10:15:00"), agent: "a", cost: "2"},
		call{ts: at("2026-11-02 10:15:01"), agent: "a"},
		call{ts: at("2026-11-02 10:30:00"), agent: "b"},
	)
	r := w.run(analyze.Options{Period: november, Budgets: []analyze.BudgetRule{budget(t, "5/day"), budget(t, "1/month")}})
	for i, want := range []string{"0", "2"} {
		if got := r.Budgets[i].Spent.String(); got != want {
			t.Errorf("budget %d: spent %s, want %s", i, got, want)
		}
	}
	if over := r.Budgets[1].Over; len(over) != 1 || !over[0].At.Equal(at("2026-11-02 10:15:00")) || over[0].Agent != "a" {
		t.Errorf("crossed %s, want at the only call with a price", dump(over))
	}
}
