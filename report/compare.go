package report

import (
	"bufio"
	"fmt"
	"io"

	"burn/analyze"
)

// Comparison writes two periods side by side: category, before, after.
func Comparison(w io.Writer, before, after *analyze.Result) error {
	p := painter{w: bufio.NewWriter(w)}
	p.table(comparison(before, after))
	return p.flush()
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
	add("Cost per 1,000 calls", perThousand(b.Cost, b.Requests), perThousand(a.Cost, a.Requests), changeOf(b.Cost.Float()/float64(max(b.Requests, 1)), a.Cost.Float()/float64(max(a.Requests, 1))))
	add("Dearest agent", dearest(before), dearest(after), "")
	add("Dearest hour of day", peakText(b), peakText(a), "")
	if b.PeakHour != nil && a.PeakHour != nil {
		money("Cost of hour "+b.PeakHour.Hour+":00", hourCost(before, b.PeakHour.Hour), hourCost(after, b.PeakHour.Hour))
	}
	count("Agents above 10 : 1 input to output", int64(len(before.Waste)), int64(len(after.Waste)))
	count("Rate-limited calls", b.RateLimited, a.RateLimited)
	return g
}

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
