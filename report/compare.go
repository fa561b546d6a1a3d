package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"burn/analyze"
)

// Comparison writes two periods side by side, category, before, after, and what
// changed agent by agent. Both are of runs with analyze.Split.
func Comparison(w io.Writer, before, after *analyze.Result, width int) error {
	p := painter{w: bufio.NewWriter(w), opt: TextOptions{Width: width}}
	p.table(comparison(before, after))
	if g := changeGrid(analyze.Changes(before, after), 0); len(g.rows) > 0 {
		g.notes = estimatedNote(before.Totals, after.Totals)
		p.line("")
		p.table(g)
	}
	return p.flush()
}

// changePart is a column of changeGrid.
type changePart struct {
	head string
	pick func(analyze.Parts) analyze.USD
}

// usedParts are the causes that play a part in any of the changes.
func usedParts(changes []analyze.AgentChange) []changePart {
	parts := []changePart{
		{"New, gone", func(p analyze.Parts) analyze.USD { return p.Presence }},
		{"Volume", func(p analyze.Parts) analyze.USD { return p.Volume }},
		{"Size", func(p analyze.Parts) analyze.USD { return p.Size }},
		{"Models", func(p analyze.Parts) analyze.USD { return p.Mix }},
		{"Price", func(p analyze.Parts) analyze.USD { return p.Price }},
		{"Unpriced", func(p analyze.Parts) analyze.USD { return p.Unpriced }},
	}
	used := parts[:0]
	for _, part := range parts {
		if slices.ContainsFunc(changes, func(c analyze.AgentChange) bool { return part.pick(c.Parts).Pico().Sign() != 0 }) {
			used = append(used, part)
		}
	}
	return used
}

// changeGrid is why each agent's cost changed, the largest changes first, top of
// them (0: all): the parts of each row add up to its change.
func changeGrid(changes []analyze.AgentChange, top int) grid {
	g := grid{title: "What changed, and why", cols: []column{
		{head: "Agent"}, {head: "Before", right: true, drop: dropRequests}, {head: "After", right: true, drop: dropRequests}, {head: "Change", right: true},
	}}
	var all analyze.Parts
	var before, after, change analyze.USD
	for _, c := range changes {
		all = all.Add(c.Parts)
		before, after, change = before.Add(c.Before), after.Add(c.After), change.Add(c.Change)
	}
	used := usedParts(changes)
	for _, part := range used {
		g.cols = append(g.cols, column{head: part.head, right: true, drop: dropShare})
	}
	g.cols = append(g.cols, column{head: "Why", drop: dropP95})
	row := func(name string, before, after, change analyze.USD, p analyze.Parts, why string) []string {
		cells := []string{name, Money(before), Money(after), signed(change)}
		for _, part := range used {
			cells = append(cells, signed(part.pick(p)))
		}
		return append(cells, why)
	}
	if len(used) == 0 {
		return g
	}
	shown, rest := splitChanges(changes, used, top)
	for _, c := range shown {
		g.rows = append(g.rows, row(named(c.Agent), c.Before, c.After, c.Change, c.Parts, Clean(c.Why)))
	}
	if len(rest) > 0 {
		var p analyze.Parts
		var b, a, d analyze.USD
		for _, c := range rest {
			p, b, a, d = p.Add(c.Parts), b.Add(c.Before), a.Add(c.After), d.Add(c.Change)
		}
		g.rows = append(g.rows, row("all "+plural(int64(len(rest)), "other"), b, a, d, p, ""))
	}
	if len(g.rows) > 0 {
		g.foot = row("Total", before, after, change, all, "")
	}
	return g
}

// splitChanges picks the top changes that have a cause; the others, and agents whose
// cost is as it was, are the rest. A single one has its own place.
func splitChanges(changes []analyze.AgentChange, used []changePart, top int) (shown, rest []analyze.AgentChange) {
	for _, c := range changes {
		caused := slices.ContainsFunc(used, func(part changePart) bool { return part.pick(c.Parts).Pico().Sign() != 0 })
		if caused && (top <= 0 || len(shown) < top) {
			shown = append(shown, c)
		} else {
			rest = append(rest, c)
		}
	}
	if len(rest) == 1 {
		return append(shown, rest...), nil
	}
	return shown, rest
}

// changesSince is changeGrid of a run, empty if it had nothing to compare with.
func changesSince(r *analyze.Result, top int) grid {
	if !compared(r) {
		return grid{}
	}
	g := changeGrid(r.Changes, top)
	g.notes = estimatedNote(*r.Previous, r.Totals)
	return g
}

// estimatedNote says which part of either period's cost is estimated.
func estimatedNote(before, after analyze.Totals) []string {
	b, a := est(before.Cost, before.Estimated), est(after.Cost, after.Estimated)
	if b == "" && a == "" {
		return nil
	}
	or := func(s string) string {
		if s == "" {
			return "all measured"
		}
		return s
	}
	return []string{strings.TrimSuffix("Before: "+or(b)+"; after: "+or(a), ".") + "."}
}

// signed writes an amount with its sign: +$12.30, -$4.00, "-" for nothing.
func signed(u analyze.USD) string {
	switch u.Pico().Sign() {
	case 0:
		return "-"
	case 1:
		return "+" + Money(u)
	}
	return Money(u)
}

func comparison(before, after *analyze.Result) grid {
	b, a := before.Totals, after.Totals
	g := grid{cols: []column{{head: "Category"}, {head: "Before", right: true}, {head: "After", right: true}, {head: "Change", right: true}}}
	add := func(name, was, is, change string) { g.rows = append(g.rows, []string{name, was, is, change}) }
	count := func(name string, was, is int64) {
		add(name, Count(was), Count(is), changeOf(float64(was), float64(is)))
	}
	money := func(name string, was, is analyze.USD) { add(name, Money(was), Money(is), Change(is, was)) }

	add("Period", PeriodText(before.Period.Between), PeriodText(after.Period.Between), "")
	money("Total cost", b.Cost, a.Cost)
	if b.Estimated.Add(a.Estimated).Pico().Sign() > 0 {
		money("of it estimated", b.Estimated, a.Estimated)
	}
	count("Calls", b.Requests, a.Requests)
	count("Agents", b.Agents, a.Agents)
	count("Tokens per call", round(b.AvgTokens), round(a.AvgTokens))
	money("Waste from duplicates", duplicates(before), duplicates(after))
	money("Looks avoidable", b.Avoidable.Certain.Add(b.Avoidable.Likely), a.Avoidable.Certain.Add(a.Avoidable.Likely))
	add("Cost per 1,000 calls", perThousand(b.Cost, priced(before)), perThousand(a.Cost, priced(after)),
		changeOf(b.Cost.Float()/float64(priced(before)), a.Cost.Float()/float64(priced(after))))
	add("Dearest agent", dearest(before), dearest(after), "")
	add("Dearest hour of day", peakText(b), peakText(a), "")
	if b.PeakHour != nil && a.PeakHour != nil {
		money("Cost of hour "+b.PeakHour.Hour+":00", hourCost(before, b.PeakHour.Hour), hourCost(after, b.PeakHour.Hour))
	}
	count("Agents in:out > 10 : 1", int64(len(before.Waste)), int64(len(after.Waste)))
	count("Rate-limited calls", b.RateLimited, a.RateLimited)
	return g
}

// priced counts the calls that have a price, at least 1.
func priced(r *analyze.Result) int64 { return max(r.Totals.Requests-r.Quality.UnpricedRequests, 1) }

func round(f float64) int64 { return int64(f + 0.5) }

// changeOf is Change for plain figures.
func changeOf(was, is float64) string {
	switch {
	case was == 0 && is == 0:
		return "-"
	case was == 0:
		return "new"
	case is == 0:
		return "gone"
	}
	n := round(max(is-was, was-is) / was * 100)
	switch {
	case n == 0:
		return "±0 %"
	case is < was:
		return "-" + Count(n) + " %"
	}
	return "+" + Count(n) + " %"
}

func dearest(r *analyze.Result) string {
	if len(r.ByAgent) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s %s", Clean(r.ByAgent[0].Key), Money(r.ByAgent[0].Cost))
}

func peakText(t analyze.Totals) string {
	if t.PeakHour == nil {
		return "-"
	}
	return t.PeakHour.Hour + ":00 " + Money(t.PeakHour.Cost)
}

func hourCost(r *analyze.Result, hour string) analyze.USD {
	for _, h := range r.ByHour {
		if h.Key == hour {
			return h.Cost
		}
	}
	var none analyze.USD
	return none
}
