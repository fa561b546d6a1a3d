package report

import (
	"fmt"
	"slices"
	"strings"

	"burn/analyze"
)

// How much of the dearest actions a table shows, whatever --top says: they are
// examples.
const (
	listedActions     = 3
	listedActionCalls = 5
)

// blamed are short words for the finding that charges a call, by its kind.
var blamed = map[string]string{
	"retries": "failed, paid and made again", "abandoned": "nobody waited for it", "schedule": "done by an earlier run", "same_work": "duplicate of another agent",
	"repeated": "answered before", "history": "bloat: history, short answer", "cache": "its beginning could be cached", "batch": "could be batched",
	"bloat": "bloat: long prompt, short answer", "dearer_model": "a cheaper model may do",
}

// actionGrid is the dearest user actions with their dearest calls, in order of
// start, and which of them are to blame.
func actionGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Dearest user actions, call by call", cols: []column{
		{head: "Action"}, {head: "Cost", right: true}, {head: "Agent"}, {head: "Model", drop: dropPerThousand},
		{head: "In", right: true, drop: dropRatio}, {head: "Out", right: true, drop: dropRatio}, {head: "To blame"},
	}}
	actions := r.Traces
	limit := listedActions
	if top > 0 {
		limit = min(limit, top)
	}
	for _, t := range actions[:min(len(actions), limit)] {
		if !t.Cost.Known() {
			break
		}
		g.rows = append(g.rows, []string{Clean(t.ID), costCell(t.Cost, guessedPart(t)), callsOf(t), "", "", "", ""})
		for _, c := range dearestCalls(t, listedActionCalls) {
			guessed := analyze.USD{}
			if c.Estimated {
				guessed = c.Cost
			}
			g.rows = append(g.rows, []string{"", costCell(c.Cost, guessed), indent(c.Depth) + named(c.Agent), named(c.Model), Tokens(c.InputTokens), Tokens(c.OutputTokens), blamed[c.Kind]})
		}
	}
	if hidden := max(int64(len(actions)), r.Scenes.Actions) - int64(limit); hidden > 0 && len(g.rows) > 0 {
		more := "more actions" // how many is not asked for tables alone
		if r.Scenes.Actions > 0 {
			more = plural(hidden, "more action")
		}
		most := "1,000"
		if actions[0].By == analyze.BySession {
			most = "100"
		}
		g.notes = []string{fmt.Sprintf("%s: --format json lists up to %s, with all their calls", more, most)}
	}
	return g
}

// dearestCalls are the n dearest calls of t in the order of its tree. Each one's
// depth counts those above it that are among them.
func dearestCalls(t analyze.Trace, n int) []analyze.Call {
	order := t.Tree()
	dear := slices.Clone(order)
	slices.SortStableFunc(dear, func(a, b int) int { return t.Calls[b].Cost.Cmp(t.Calls[a].Cost) })
	dear = dear[:min(n, len(dear))]
	var list, above []analyze.Call // above: the listed ones around the call that is looked at
	for _, i := range order {
		c := t.Calls[i]
		for len(above) > 0 && above[len(above)-1].Depth >= c.Depth {
			above = above[:len(above)-1]
		}
		if slices.Contains(dear, i) {
			above = append(above, c)
			c.Depth = len(above) - 1
			list = append(list, c)
		}
	}
	return list
}

// indent stands before a call that is part of another one.
func indent(depth int) string {
	if depth == 0 {
		return ""
	}
	return strings.Repeat("↳", depth) + " "
}

// costCell is an amount with the mark of its estimated part.
func costCell(cost, estimated analyze.USD) string {
	if mark := est(cost, estimated); mark != "" {
		return Cents(cost) + " (" + mark + ")"
	}
	return Cents(cost)
}

// callsOf counts the calls of a trace, and those of them that are in no sum.
func callsOf(t analyze.Trace) string {
	var unpriced int64
	for _, c := range t.Calls {
		if !c.Cost.Known() {
			unpriced++
		}
	}
	s := plural(int64(len(t.Calls)), "call")
	if unpriced > 0 {
		s += " (" + Count(unpriced) + " not priced)"
	}
	return s
}

// guessedPart sums the calls of a trace that were estimated.
func guessedPart(t analyze.Trace) (sum analyze.USD) {
	for _, c := range t.Calls {
		if c.Estimated {
			sum = sum.Add(c.Cost)
		}
	}
	return sum
}
