//go:build cgo

package report

import (
	"fmt"
	"strings"
	"time"

	"burn/analyze"
)

// budgetPart is who is over a limit or spends more than ever; with neither it is
// not shown.
type budgetPart struct {
	Answer string
	Rows   []budgetRow
	Spikes []spikeRow
}

type budgetRow struct {
	Scope, Per, State, Note string
	Limit, Spent            amount
	Forecast                string
	Width                   string // of the spent part of the limit, in percent
	Hot                     bool
}

type spikeRow struct {
	Agent, Color, When string
	Cost, Most         amount
}

// pageSpikes is how many spikes are listed.
const pageSpikes = 5

func (p *page) budgets(r *analyze.Result, colors palette) {
	b := &p.Budgets
	over, risk := 0, 0
	for _, x := range r.Budgets {
		row := newBudgetRow(r, x)
		switch {
		case x.Crossed(r.Period.Since):
			over++
		case x.State == analyze.BudgetAtRisk:
			risk++
		}
		b.Rows = append(b.Rows, row)
	}
	for i, s := range r.Spikes {
		if i == pageSpikes {
			break
		}
		b.Spikes = append(b.Spikes, spikeRow{agentName(s.Agent), colors.of(s.Agent), PeriodText(analyze.Between{Since: s.Since, Until: s.Until}), money(s.Cost, analyze.USD{}), money(s.Most, analyze.USD{})})
	}
	var parts []string
	switch n := len(b.Rows); {
	case n == 0:
		parts = append(parts, "No budget is set.")
	case over == 0 && risk == 0:
		parts = append(parts, "All of "+plural(int64(n), "budget")+" hold.")
		if n == 1 {
			parts[0] = "The budget holds."
		}
	default:
		parts = append(parts, fmt.Sprintf("Of %s, %d crossed and %d will be at this pace.", plural(int64(n), "budget"), over, risk))
	}
	if n := len(r.Spikes); n > 0 {
		parts = append(parts, plural(int64(n), "time")+" an agent spent far more than in its own history.")
	}
	b.Answer = noBreak(strings.Join(parts, " "))
}

func newBudgetRow(r *analyze.Result, x analyze.Budget) budgetRow {
	row := budgetRow{Scope: "everything", Per: "per " + x.Per + ", " + PeriodText(analyze.Between{Since: x.Since, Until: x.Until}), Limit: money(x.Limit, analyze.USD{}), Spent: money(x.Spent, x.Estimated),
		Forecast: "-", State: "holds", Hot: x.State != analyze.BudgetOK || x.Crossed(r.Period.Since)}
	if x.Scope != analyze.ScopeTotal {
		row.Scope = x.Scope + " " + label(x.Key)
		if x.Scope == analyze.ScopeAgent {
			row.Scope = agentName(x.Key)
		}
	}
	switch {
	case x.State == analyze.BudgetCrossed:
		row.State = "crossed"
		if x.CrossedAt != nil {
			row.State += " " + x.CrossedAt.In(r.Period.Since.Location()).Format("2 Jan 15:04")
		}
	case x.State == analyze.BudgetAtRisk:
		row.State = "at risk"
	case row.Hot:
		row.State = "holds now, crossed before"
	}
	row.Note = label(x.ForecastNote)
	if f := x.Forecast; f != nil {
		row.Forecast = noBreak(Money(f.Cost) + " (" + Money(f.Low) + " to " + Money(f.High) + ")")
	}
	if n := len(x.Over); n > 0 {
		o := x.Over[n-1]
		row.Note += "; " + plural(int64(n), x.Per) + " over it, " + agentName(o.Agent) + " spent most: " + Money(o.AgentCost)
	}
	row.Note = noBreak(strings.TrimPrefix(row.Note, "; "))
	if limit := x.Limit.Float(); limit > 0 {
		row.Width = num(min(100*x.Spent.Float()/limit, 100))
	} else {
		row.Width = "100"
	}
	return row
}

// monthBudget is the limit on all spending of a month.
func monthBudget(r *analyze.Result) *analyze.Budget {
	for i, b := range r.Budgets {
		if b.Scope == analyze.ScopeTotal && b.Per == analyze.PerMonth {
			return &r.Budgets[i]
		}
	}
	return nil
}

// forecastTile is what the month comes to, beside its budget.
func forecastTile(r *analyze.Result) tile {
	t := tile{Name: "Month-end forecast", Value: "-", Note: "no budget set: add budget: 2000"}
	b := monthBudget(r)
	if b == nil {
		return t
	}
	t.Note = "budget " + Money(b.Limit)
	switch {
	case b.Forecast != nil:
		t.Value, t.USD = Money(b.Forecast.Cost), b.Forecast.Cost.String()
	case !b.Until.After(r.Period.Until):
		t.Name, t.Value, t.USD = "Spend in "+b.Since.Format("January"), Money(b.Spent), b.Spent.String()
	default:
		t.Note += ", " + label(b.ForecastNote)
	}
	if b.State == analyze.BudgetCrossed && b.CrossedAt != nil {
		t.Note += ", crossed on " + b.CrossedAt.In(r.Period.Since.Location()).Format("2 Jan")
	}
	t.Hot = b.State != analyze.BudgetOK
	return t
}

// budgetLine is the day's part of a budget over the trend, where that goes by day.
func budgetLine(r *analyze.Result, keys []string) (line, bool) {
	if trendUnit(r) != "day" {
		return line{}, false
	}
	for _, b := range r.Budgets {
		if b.Scope != analyze.ScopeTotal || b.Per == analyze.PerWeek {
			continue
		}
		l := line{Name: "budget a day", Color: "hot"}
		for _, k := range keys {
			v := b.Limit.Float()
			if day, err := time.Parse(time.DateOnly, k); err == nil && b.Per == analyze.PerMonth {
				v /= float64(time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day())
			}
			l.Data = append(l.Data, microns(v))
		}
		return l, true
	}
	return line{}, false
}
