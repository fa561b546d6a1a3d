package report

import (
	"strconv"
	"strings"
	"time"

	"burn/analyze"
)

// dollarsText writes a limit as people type it: $2,000, $0.50.
func dollarsText(u analyze.USD) string { return strings.TrimSuffix(Money(u), ".00") }

// budgetName is whose budget it is: Budget, Budget of agent digest-cron.
func budgetName(b analyze.Budget) string {
	if b.Scope == analyze.ScopeTotal {
		return "Budget"
	}
	return "Budget of " + b.Scope + " " + named(b.Key)
}

// unitText names a day, week or month: on 23 Nov 2026, in the week of 23 Nov 2026,
// in November 2026.
func unitText(per string, since time.Time) string {
	switch per {
	case analyze.PerDay:
		return "on " + since.Format("2 Jan 2006")
	case analyze.PerWeek:
		return "in the week of " + since.Format("2 Jan 2006")
	}
	return "in " + since.Format("January 2006")
}

// BudgetLine says how a budget stands, in one sentence.
func BudgetLine(b analyze.Budget) string {
	s := budgetName(b) + " " + dollarsText(b.Limit)
	if b.Per != analyze.PerMonth {
		s += " a " + b.Per
	}
	switch {
	case b.State == analyze.BudgetCrossed && b.CrossedAt != nil:
		when := b.CrossedAt.Format("2 Jan")
		if b.Per == analyze.PerDay {
			when = b.CrossedAt.Format("2 Jan 15:04")
		}
		s += " crossed on " + when + ", " + marked(b.Spent, b.Estimated) + " spent"
	case b.State == analyze.BudgetAtRisk:
		s += " will be crossed: " + marked(b.Spent, b.Estimated) + " spent"
	default:
		s += ": " + marked(b.Spent, b.Estimated) + " spent " + unitText(b.Per, b.Since)
	}
	if f := b.Forecast; f != nil {
		s += "; forecast for the " + b.Per + " " + dollarsText(f.Cost) + " (" + dollarsText(f.Low) + " – " + dollarsText(f.High) + ")"
	} else if b.State != analyze.BudgetCrossed {
		s += "; " + b.ForecastNote
	}
	if n := earlier(b); n > 0 {
		s += "; crossed on " + plural(int64(n), b.Per) + " before"
	}
	return s + "."
}

// earlier counts the days, weeks or months before this one that were over.
func earlier(b analyze.Budget) int {
	n := len(b.Over)
	if n > 0 && b.Over[n-1].Since.Equal(b.Since) {
		n--
	}
	return n
}

// SpikeLine says what was far above an agent's own history.
func SpikeLine(s analyze.Spike) string {
	when := s.Since.Format("2 Jan 15:04") + "–" + s.Until.Format("15:04")
	per := " an hour at that time of day"
	if s.Kind == "day" {
		when, per = s.Since.Format("2 Jan 2006"), " a day"
	}
	return "Spike: " + named(s.Agent) + " " + Money(s.Cost) + " on " + when + "; usually at most " + Money(s.Most) + per + " in the four weeks before."
}

// shownSpikes is how many spikes are worth a line.
const shownSpikes = 3

// alertLine is a sentence on budgets or spikes; Hot if it asks for attention.
type alertLine struct {
	Text string
	Hot  bool
}

// alertsOf are the lines below the tables: the total's budget always, others
// where there is something to say, and spikes.
func alertsOf(r *analyze.Result) (lines []alertLine) {
	fine := 0
	for _, b := range r.Budgets {
		calm := b.State == analyze.BudgetOK && earlier(b) == 0
		if b.Scope != analyze.ScopeTotal && calm {
			fine++
			continue
		}
		lines = append(lines, alertLine{BudgetLine(b), !calm})
	}
	switch {
	case fine == 1 && len(lines) == 0:
		lines = append(lines, alertLine{"The one budget is not crossed.", false})
	case fine > 0 && len(lines) == 0:
		lines = append(lines, alertLine{"None of " + plural(int64(fine), "budget") + " is crossed.", false})
	case fine > 0:
		lines = append(lines, alertLine{plural(int64(fine), "other budget") + " not crossed.", false})
	}
	shown, hidden := first(r.Spikes, shownSpikes)
	for _, s := range shown {
		lines = append(lines, alertLine{SpikeLine(s), true})
	}
	if hidden > 0 {
		lines = append(lines, alertLine{"and " + plural(hidden, "smaller spike") + ": --format json lists all.", false})
	}
	return lines
}

func (p *painter) alerts(r *analyze.Result) {
	for _, line := range alertsOf(r) {
		p.prose(line.Text, p.plain)
	}
}

// budgetGrid is the table of all budgets, for Markdown.
func budgetGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Budgets", cols: []column{{head: "Budget"}, {head: "Per"}, {head: "Limit", right: true}, {head: "Spent", right: true}, {head: "Forecast", right: true}, {head: "State"}}}
	shown, hidden := first(r.Budgets, top)
	for _, b := range shown {
		forecast := "-"
		if b.Forecast != nil {
			forecast = Money(b.Forecast.Cost)
		}
		g.rows = append(g.rows, []string{strings.TrimSpace(b.Scope + " " + Clean(b.Key)), b.Per, Money(b.Limit), marked(b.Spent, b.Estimated), forecast, stateText(r, b)})
	}
	if hidden > 0 {
		g.notes = []string{plural(hidden, "more budget")}
	}
	return g
}

// stateText is how a budget stands, in the words of page and table.
func stateText(r *analyze.Result, b analyze.Budget) string {
	switch {
	case b.State == analyze.BudgetCrossed && b.CrossedAt != nil:
		return "crossed " + b.CrossedAt.In(r.Period.Since.Location()).Format("2 Jan 15:04")
	case b.State == analyze.BudgetCrossed:
		return "crossed"
	case b.State == analyze.BudgetAtRisk:
		return "at risk"
	case b.Crossed(r.Period.Since):
		return "holds now, crossed before"
	}
	return "holds"
}

// budgets writes the tables budgets, budgets_over and spikes.
func (c *sheet) budgets(r *analyze.Result) {
	for _, b := range r.Budgets {
		set := cells{"kind": b.Scope, "class": b.State, "title": b.Per, "ts": stamp(b.Since), "limit_usd": b.Limit.String(), "cost_usd": b.Spent.String(),
			"estimated_usd": b.Estimated.String(), "evidence": b.ForecastNote}
		if b.CrossedAt != nil {
			set["value"] = stamp(*b.CrossedAt)
		}
		if f := b.Forecast; f != nil {
			set["forecast_usd"], set["low_usd"], set["high_usd"] = f.Cost.String(), f.Low.String(), f.High.String()
		}
		c.row("budgets", b.Key, set)
		for i, o := range b.Over {
			c.row("budgets_over", b.Key, cells{"kind": b.Scope, "title": b.Per, "ts": stamp(o.Since), "value": stamp(o.At), "limit_usd": b.Limit.String(), "cost_usd": o.Spent.String(),
				"agent": o.Agent, "before_usd": o.AgentBefore.String(), "class": strconv.Itoa(i + 1)})
		}
	}
	for _, s := range r.Spikes {
		c.row("spikes", s.Agent, cells{"agent": s.Agent, "kind": s.Kind, "ts": stamp(s.Since), "value": stamp(s.Until), "cost_usd": s.Cost.String(), "limit_usd": s.Most.String()})
	}
}
