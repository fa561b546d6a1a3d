//go:build cgo

package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"burn/analyze"
)

// budgetPart is who is over a limit or spends more than ever; with neither it is
// not shown.
type budgetPart struct {
	Answer, More string
	Common       string // what is so of all rows
	Rows         []budgetRow
	Spikes       []spikeRow
}

type budgetRow struct {
	Scope, Per, State, Note string
	Limit, Spent            amount
	Forecast                amount
	Width                   string // of the spent part of the limit, in percent
	Hot                     bool
}

type spikeRow struct {
	Agent, Color, When string
	Cost, Most         amount
}

// pageBudgets and pageSpikes are how many budgets and spikes are listed.
const pageBudgets, pageSpikes = 40, 5

func (p *page) budgets(r *analyze.Result, colors palette) {
	b := &p.Budgets
	shown, hidden := first(urgentFirst(r), pageBudgets)
	for _, x := range shown {
		b.Rows = append(b.Rows, newBudgetRow(r, x))
	}
	b.together()
	if hidden > 0 {
		b.More = "and " + plural(hidden, "more budget") + ": --format json lists all"
	}
	for i, s := range r.Spikes {
		if i == pageSpikes {
			break
		}
		b.Spikes = append(b.Spikes, spikeRow{agentName(s.Agent), colors.of(s.Agent), PeriodText(analyze.Between{Since: s.Since, Until: s.Until}), money(s.Cost, analyze.USD{}), money(s.Most, analyze.USD{})})
	}
	parts := []string{standing(r)}
	if n := len(r.Spikes); n > 0 {
		times := plural(int64(n), "time")
		if n == analyze.MostSpikes {
			times += " or more"
		}
		parts = append(parts, times+" an agent spent far more than in its own history.")
	}
	b.Answer = noBreak(strings.Join(parts, " "))
}

// standing says how many budgets are crossed, were in the period, and will be.
func standing(r *analyze.Result) string {
	over, past, risk := states(r, r.Budgets)
	n := len(r.Budgets)
	switch {
	case n == 0:
		return "No budget is set."
	case over+past+risk == 0 && n == 1:
		return "The budget holds."
	case over+past+risk == 0:
		return "All " + plural(int64(n), "budget") + " hold."
	}
	var parts []string
	for _, x := range []struct {
		n               int
		one, many, rest string
	}{{over, "is crossed", "are crossed", ""}, {past, "was crossed", "were crossed", " before"}, {risk, "will be crossed", "will be crossed", " at this pace"}} {
		if x.n == 0 {
			continue
		}
		words := verb(x.n, x.one, x.many)
		if len(parts) > 0 {
			words = strings.TrimSuffix(words, " crossed")
		}
		parts = append(parts, fmt.Sprintf("%d %s%s", x.n, words, x.rest))
	}
	s := "Of " + plural(int64(n), "budget") + ", " + parts[0]
	for i, part := range parts[1:] {
		s += verb(len(parts)-1-i, " and ", ", ") + part
	}
	return s + "."
}

// together says once, below the table, what would stand in each row: the time that
// the budgets are of, and what most forecasts come from.
func (b *budgetPart) together() {
	pers, notes := map[string]int{}, map[string]int{}
	per, note, ranges := "", "", false
	for _, row := range b.Rows {
		if pers[row.Per]++; pers[row.Per] == len(b.Rows) {
			per = row.Per
		}
		if notes[row.Note]++; row.Note != "" && notes[row.Note] > max(notes[note], 1) {
			note = row.Note
		}
		ranges = ranges || row.Forecast.Exact != ""
	}
	if per != "" {
		b.Common = "All are " + per + ". "
	}
	if note != "" && ranges {
		b.Common += "Forecasts: " + note + ". "
	} else if note != "" {
		b.Common += sentenceCase(note) + "."
	}
	if ranges {
		b.Common += "In four of five cases the truth lies in a forecast's range."
	}
	b.Common = noBreak(b.Common)
	for i := range b.Rows {
		row := &b.Rows[i]
		if per != "" {
			row.Per = ""
		}
		if row.Note == note {
			row.Note = ""
		}
	}
}

// urgency is 0 for a budget that is crossed, then it was in the period, will be, holds.
func urgency(r *analyze.Result, b analyze.Budget) int {
	switch {
	case b.State == analyze.BudgetCrossed:
		return 0
	case b.Crossed(r.Period.Since):
		return 1
	case b.State == analyze.BudgetAtRisk:
		return 2
	}
	return 3
}

// urgentFirst are the budgets as they were given, but those that are crossed first,
// then those that were in the period, then those that will be.
func urgentFirst(r *analyze.Result) []analyze.Budget {
	list := slices.Clone(r.Budgets)
	slices.SortStableFunc(list, func(a, b analyze.Budget) int { return urgency(r, a) - urgency(r, b) })
	return list
}

func newBudgetRow(r *analyze.Result, x analyze.Budget) budgetRow {
	row := budgetRow{Scope: "everything", Per: "per " + x.Per + ", " + PeriodText(analyze.Between{Since: x.Since, Until: x.Until}), Limit: money(x.Limit, analyze.USD{}), Spent: money(x.Spent, x.Estimated),
		Forecast: amount{Text: "-"}, State: stateText(r, x), Hot: x.State != analyze.BudgetOK || x.Crossed(r.Period.Since)}
	if x.Scope != analyze.ScopeTotal {
		row.Scope = x.Scope + " " + label(x.Key)
		if x.Scope == analyze.ScopeAgent {
			row.Scope = agentName(x.Key)
		}
	}
	row.Note = label(x.ForecastNote)
	if f := x.Forecast; f != nil {
		row.Forecast = amount{Text: noBreak(Money(f.Cost) + " (" + Money(f.Low) + " to " + Money(f.High) + ")"), Exact: f.Cost.String()}
	}
	if n := len(x.Over); n > 0 && (n > 1 || x.Scope != analyze.ScopeAgent) {
		o := x.Over[n-1]
		row.Note += "; " + plural(int64(n), x.Per) + " over it"
		if o.Agent != "" { // of users, models and teams nobody asks which agent it was
			row.Note += ", " + agentName(o.Agent) + " spent most: " + marked(o.AgentCost, o.AgentEstimated)
		}
	}
	row.Note = noBreak(strings.TrimPrefix(row.Note, "; "))
	if limit := x.Limit.Float(); limit > 0 {
		row.Width = num(min(100*x.Spent.Float()/limit, 100))
	} else {
		row.Width = "100"
	}
	return row
}

// totalBudget is the limit on all spending that the page's head names: the month's,
// else the week's, else the day's; nil if there is none.
func totalBudget(r *analyze.Result) *analyze.Budget {
	for _, per := range []string{analyze.PerMonth, analyze.PerWeek, analyze.PerDay} {
		for i, b := range r.Budgets {
			if b.Scope == analyze.ScopeTotal && b.Per == per {
				return &r.Budgets[i]
			}
		}
	}
	return nil
}

// forecastTile is what the month comes to, beside its budget; without one on all
// spending, how the others stand.
func forecastTile(r *analyze.Result) tile {
	b := totalBudget(r)
	switch {
	case len(r.Budgets) == 0:
		return tile{Name: "Month-end forecast", Value: "-", Note: "no budget set: add budget: 2000"}
	case b == nil:
		return budgetsTile(r)
	}
	t := tile{Name: "Month-end forecast", Value: "-", Note: "budget " + Money(b.Limit)}
	if b.Per != analyze.PerMonth {
		t.Name = "Forecast for the " + b.Per
		t.Note += " a " + b.Per
	}
	switch {
	case b.Forecast != nil:
		t.Value, t.USD = Money(b.Forecast.Cost), b.Forecast.Cost.String()
	case !b.Until.After(r.Period.Until):
		t.Name, t.Value, t.USD = "Spend "+unitText(b.Per, b.Since), Money(b.Spent), b.Spent.String()
		if b.Per == analyze.PerMonth {
			t.Name = "Spend in " + b.Since.Format("January")
		}
	default:
		t.Note += ", " + label(b.ForecastNote)
	}
	if b.State == analyze.BudgetCrossed && b.CrossedAt != nil {
		t.Note += ", crossed on " + b.CrossedAt.In(r.Period.Since.Location()).Format("2 Jan")
	}
	t.Hot = b.State != analyze.BudgetOK
	others := slices.DeleteFunc(slices.Clone(r.Budgets), func(x analyze.Budget) bool { return x.Scope == b.Scope && x.Per == b.Per && x.Limit.Cmp(b.Limit) == 0 })
	if state, n := worst(r, others); state != "hold" {
		t.Note += fmt.Sprintf("; %d of %s %s", n, plural(int64(len(others)), "other budget"), state)
		if over, past, _ := states(r, others); over > 0 && past > 0 {
			t.Note += fmt.Sprintf(", %d before", past)
		}
		t.Hot = true
	}
	return t
}

// budgetsTile is how the budgets of agents, users, models and teams stand, and the
// one that asks most for attention.
func budgetsTile(r *analyze.Result) tile {
	state, n := worst(r, r.Budgets)
	t := tile{Name: "Budgets", Value: fmt.Sprintf("%d %s", n, state), Hot: state != "hold"}
	if n == 1 && !t.Hot {
		t.Value = "1 holds"
	}
	b := tightest(r)
	row := newBudgetRow(r, b)
	t.Note = "of " + plural(int64(len(r.Budgets)), "budget") + "; " + middle(row.Scope, longName) + ": " + row.Spent.Text + " of " + row.Limit.Text + " a " + b.Per
	if b.Forecast != nil {
		t.Note += ", forecast " + Money(b.Forecast.Cost)
	}
	t.Note = noBreak(t.Note) + "; none on all spending"
	return t
}

// tightest is the budget that asks most for attention: of those in the worst state
// the one of which most is spent.
func tightest(r *analyze.Result) analyze.Budget {
	list := urgentFirst(r)
	best := list[0]
	for _, b := range list[1:] {
		if urgency(r, b) == urgency(r, best) && b.Spent.Float()*best.Limit.Float() > best.Spent.Float()*b.Limit.Float() {
			best = b
		}
	}
	return best
}

// states counts the budgets that are crossed, those that were earlier in the period
// and hold now, and those that will be.
func states(r *analyze.Result, list []analyze.Budget) (over, past, risk int) {
	var n [4]int
	for _, b := range list {
		n[urgency(r, b)]++
	}
	return n[0], n[1], n[2]
}

// worst is the state that asks most for attention, and how many budgets are in it;
// "hold" if all do.
func worst(r *analyze.Result, list []analyze.Budget) (state string, n int) {
	switch over, past, risk := states(r, list); {
	case over > 0:
		return "crossed", over
	case past > 0:
		return "crossed before", past
	case risk > 0:
		return "at risk", risk
	}
	return "hold", len(list)
}

// budgetLine is the day's part of a budget over the trend, where that goes by day and
// shows all spending.
func budgetLine(r *analyze.Result, keys []string) (line, bool) {
	if trendUnit(r) != "day" || r.Filter != nil {
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

// overBudget says below the first sentence which limit is crossed.
func overBudget(r *analyze.Result) (lines []string) {
	total := totalBudget(r)
	if total != nil && total.State == analyze.BudgetCrossed && total.CrossedAt != nil {
		line := "Budget " + Money(total.Limit)
		if total.Per != analyze.PerMonth {
			line += " a " + total.Per
		}
		lines = append(lines, line+" crossed on "+total.CrossedAt.In(r.Period.Since.Location()).Format("2 Jan")+".")
	}
	var over []string
	for _, b := range r.Budgets {
		if b.Scope != analyze.ScopeTotal && b.State == analyze.BudgetCrossed {
			over = append(over, middle(newBudgetRow(r, b).Scope, longName))
		}
	}
	if len(over) > 0 {
		lines = append(lines, "Over "+verb(len(over), "its budget", "their budgets")+": "+some(over)+".")
	}
	return lines
}
