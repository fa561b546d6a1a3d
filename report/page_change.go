//go:build cgo

package report

import (
	"fmt"
	"math"
	"strings"

	"burn/analyze"
)

// changes is why the bill differs from the compared period's.
type changes struct {
	Answer string
	Parts  []string // heads of the columns of causes that play a part
	Rows   []changeRow
	Total  changeRow
}

type changeRow struct {
	Name, Why, Color string
	X, Width         string // of the bar, of 200 with nothing at 100
	Class            string // hot, good or neither: up, down, as it was
	Before, After    amount
	Change           amount
	Parts            []amount
}

// shownChanges is how many agents are worth a row.
const shownChanges = 10

func signedAmount(u analyze.USD) amount { return amount{Text: noBreak(signed(u)), Exact: u.String()} }

func (p *page) changes(r *analyze.Result, colors palette) {
	c := &p.Change
	if !compared(r) {
		c.Answer = "First period: nothing to compare yet."
		if r.Compared == nil {
			c.Answer = "This period is not compared with another: --compare previous does."
		}
		return
	}
	switch {
	case !r.Totals.Cost.Known() && !r.Previous.Cost.Known():
		c.Answer = "Neither period has anything with a price."
		return
	case len(r.Changes) == 0 || r.Totals.Cost.Pico().Sign() == 0 && r.Previous.Cost.Pico().Sign() == 0:
		c.Answer = "Neither period has anything that costs."
		return
	}
	var sum analyze.AgentChange
	list := make([]analyze.AgentChange, 0, shownChanges+1)
	most := 0.0
	rest := analyze.AgentChange{}
	var fresh, gone []string
	for i, x := range r.Changes {
		sum = addChange(sum, x)
		switch x.Kind {
		case analyze.New:
			fresh = append(fresh, agentName(x.Agent))
		case analyze.Gone:
			gone = append(gone, agentName(x.Agent))
		}
		if i < shownChanges || len(r.Changes) == shownChanges+1 {
			list = append(list, x)
			continue
		}
		rest = addChange(rest, x)
	}
	others := len(r.Changes) > len(list)
	if n := len(r.Changes) - len(list); others {
		rest.Agent = "all " + plural(int64(n), "other")
		list = append(list, rest)
	}
	for _, x := range list {
		most = max(most, x.Change.Float(), -x.Change.Float())
	}
	used := usedParts(r.Changes)
	for _, u := range used {
		c.Parts = append(c.Parts, u.head)
	}
	before, after := estimates(r.Before), estimates(r)
	for i, x := range list {
		row := newChangeRow(x, used, most)
		row.Before, row.After = money(x.Before, before[x.Agent]), money(x.After, after[x.Agent])
		row.Name, row.Color = agentName(x.Agent), colors.of(x.Agent)
		if others && i == len(list)-1 {
			row.Name, row.Color = x.Agent, otherColor
			var was, is analyze.USD
			for _, hidden := range r.Changes[i:] {
				was, is = was.Add(before[hidden.Agent]), is.Add(after[hidden.Agent])
			}
			row.Before, row.After = money(x.Before, was), money(x.After, is)
		}
		c.Rows = append(c.Rows, row)
	}
	c.Total = newChangeRow(sum, used, 0)
	c.Total.Before, c.Total.After = money(sum.Before, r.Previous.Estimated), money(sum.After, r.Totals.Estimated)
	c.Answer = noBreak(strings.Join(append([]string{changeAnswer(r, sum, used, fresh, gone)}, estimatedNote(*r.Previous, r.Totals)...), " "))
}

// estimates are what of each agent's cost is estimated.
func estimates(r *analyze.Result) map[string]analyze.USD {
	of := map[string]analyze.USD{}
	if r != nil {
		for _, a := range r.ByAgent {
			of[a.Key] = a.Estimated
		}
	}
	return of
}

func addChange(a, b analyze.AgentChange) analyze.AgentChange {
	a.Before, a.After, a.Change, a.Parts = a.Before.Add(b.Before), a.After.Add(b.After), a.Change.Add(b.Change), a.Parts.Add(b.Parts)
	return a
}

func newChangeRow(x analyze.AgentChange, used []changePart, most float64) changeRow {
	row := changeRow{Why: noBreak(label(x.Why)), Before: money(x.Before, analyze.USD{}), After: money(x.After, analyze.USD{}), Change: signedAmount(x.Change),
		X: "100", Width: "0"}
	switch x.Change.Pico().Sign() {
	case 1:
		row.Class = "hot"
	case -1:
		row.Class = "good"
	}
	for _, part := range used {
		row.Parts = append(row.Parts, signedAmount(part.pick(x.Parts)))
	}
	if v := x.Change.Float(); most > 0 {
		wide := 100 * max(v, -v) / most
		row.Width = num(wide)
		if v < 0 {
			row.X = num(100 - wide)
		}
	}
	return row
}

func changeAnswer(r *analyze.Result, sum analyze.AgentChange, used []changePart, fresh, gone []string) string {
	var b strings.Builder
	top := r.Changes[0]
	way := "The bill is as it was"
	switch sum.Change.Pico().Sign() {
	case 1:
		way = "The bill rose by " + Money(sum.Change)
	case -1:
		way = "The bill fell by " + strings.TrimPrefix(Money(sum.Change), "-")
	}
	what := "the largest change is"
	if top.Change.Pico().Sign() == sum.Change.Pico().Sign() && 2*math.Abs(top.Change.Float()) > math.Abs(sum.Change.Float()) {
		what = "most of it is"
	}
	fmt.Fprintf(&b, "%s (%s); %s %s with %s", way, Change(r.Totals.Cost, r.Previous.Cost), what, agentName(top.Agent), signed(top.Change))
	if top.Why != "" {
		b.WriteString(": " + label(top.Why))
	}
	b.WriteString(".")
	if partly(r) {
		b.WriteString(" The earlier period is " + recordedSince(r) + ", so some of this may be no change.")
	}
	var parts []string
	for _, u := range used {
		if v := u.pick(sum.Parts); v.Pico().Sign() != 0 {
			parts = append(parts, strings.ToLower(u.head)+" "+signed(v))
		}
	}
	if len(parts) > 1 {
		b.WriteString(" In all: " + strings.Join(parts, ", ") + ".")
	}
	for _, x := range []struct {
		names []string
		word  string
	}{{fresh, "New"}, {gone, "Gone"}} {
		if len(x.names) == 0 {
			continue
		}
		shown, hidden := first(x.names, 5)
		fmt.Fprintf(&b, " %s: %s", x.word, strings.Join(shown, ", "))
		if hidden > 0 {
			b.WriteString(" and " + plural(hidden, "other agent"))
		}
		b.WriteString(".")
	}
	return b.String()
}
