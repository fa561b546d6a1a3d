package report_test

import (
	"fmt"
	"strings"
	"testing"

	"burn/analyze"
	"burn/report"
)

// TestForecastTile: the head says how all budgets stand, not only the month's on
// all spending.
func TestForecastTile(t *testing.T) {
	for _, c := range []struct {
		name    string
		keep    func(b analyze.Budget) bool
		change  func(b *analyze.Budget)
		tile    string
		verdict string
	}{
		{"none", func(analyze.Budget) bool { return false }, nil, "Month-end forecast</h2><b>-</b><p>no budget set: add budget: 2000</p>", ""},
		{"the month's and others", func(analyze.Budget) bool { return true }, nil,
			`Month-end forecast</h2><b data-usd="2540">$2,540.00</b><p>budget $2,000.00, crossed on 19 Sep; 1 of 2 other budgets at risk</p>`, "Budget $2,000.00 crossed on 19 Sep."},
		{"the day's", func(b analyze.Budget) bool { return b.Scope == analyze.ScopeTotal }, func(b *analyze.Budget) { b.Per = analyze.PerDay },
			`Forecast for the day</h2><b data-usd="2540">$2,540.00</b><p>budget $2,000.00 a day, crossed on 19 Sep</p>`, "Budget $2,000.00 a day crossed on 19 Sep."},
		{"an agent's and a team's", func(b analyze.Budget) bool { return b.Scope != analyze.ScopeTotal }, nil,
			"Budgets</h2><b>1 at risk</b><p>of 2 budgets; chat-gate: $612.25 of $700.00 a month, forecast $713.00; none on all spending</p>", ""},
		{"a team's that holds", func(b analyze.Budget) bool { return b.Scope == analyze.ScopeTeam }, nil,
			"Budgets</h2><b>1 holds</b><p>of 1 budget; team unknown: $1.25 of $50.00 a day; none on all spending</p>", ""},
		{"an agent's that is crossed", func(b analyze.Budget) bool { return b.Scope != analyze.ScopeTotal }, func(b *analyze.Budget) { b.State = analyze.BudgetCrossed },
			"Budgets</h2><b>2 crossed</b><p>of 2 budgets; chat-gate: $612.25 of $700.00 a month, forecast $713.00; none on all spending</p>", "Over their budgets: chat-gate, team unknown."},
		{"others that were crossed before", func(b analyze.Budget) bool { return true }, func(b *analyze.Budget) {
			switch b.Scope {
			case analyze.ScopeAgent:
				b.State = analyze.BudgetCrossed
			case analyze.ScopeTeam:
				b.Over = []analyze.Over{{Since: b.Since, At: b.Since.AddDate(0, 0, 20)}}
			}
		}, `crossed on 19 Sep; 1 of 2 other budgets crossed, 1 before</p>`, "Budget $2,000.00 crossed on 19 Sep. Over its budget: chat-gate."},
		{"one that was crossed before", func(b analyze.Budget) bool { return b.Scope == analyze.ScopeTeam }, func(b *analyze.Budget) {
			b.Over = []analyze.Over{{Since: b.Since, At: b.Since.AddDate(0, 0, 20)}}
		}, "Budgets</h2><b>1 crossed before</b>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := pageWorld(nil)
			all := r.Budgets
			r.Budgets = nil
			for _, b := range all {
				if c.keep(b) {
					if c.change != nil {
						c.change(&b)
					}
					r.Budgets = append(r.Budgets, b)
				}
			}
			r.Marks = nil // the verdict names them too
			text := page(t, r, report.HTMLOptions{})
			if !strings.Contains(text, c.tile) {
				_, got, _ := strings.Cut(text, `<div class="tiles">`)
				t.Errorf("tiles are %.900s, want %s", got, c.tile)
			}
			_, verdict, _ := strings.Cut(text, `<p class="verdict">`)
			if verdict, _, _ = strings.Cut(verdict, "</p>"); c.verdict != "" && verdict != c.verdict || c.verdict == "" && strings.Contains(verdict, "udget") && !strings.Contains(verdict, "<") {
				t.Errorf("verdict %q, want %q", verdict, c.verdict)
			}
		})
	}
}

// TestHeatIsOfOneHour: what happens each day alike has one colour, also where the
// period has five Tuesdays and four Thursdays.
func TestHeatIsOfOneHour(t *testing.T) {
	r := pageWorld(nil) // 30 days from a Tuesday on
	r.ByWeekdayHour = nil
	for d, days := range []int64{4, 5, 5, 4, 4, 4, 4} {
		for h := range 24 {
			r.ByWeekdayHour = append(r.ByWeekdayHour, analyze.Row{Key: fmt.Sprintf("%d-%02d", d+1, h), Cost: micro(days * 1_000_000), Requests: days})
		}
	}
	_, heat, _ := strings.Cut(page(t, r, report.HTMLOptions{}), `<table class="heat">`)
	heat, _, _ = strings.Cut(heat, "</table>")
	if n := strings.Count(heat, `class="h9"`); n != 7*24 {
		t.Errorf("%d of 168 hours have the same colour", n)
	}
	if !strings.Contains(heat, `title="Tue 03:00 $5.00" data-usd="5"`) {
		t.Error("an hour's amount is not that of the period")
	}
}
