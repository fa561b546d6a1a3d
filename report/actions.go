package report

import (
	"fmt"
	"slices"

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
	"retries": "failed, paid and made again", "abandoned": "nobody waited for it", "schedule": "done by an earlier run", "same_work": "duplicate of another agent's work",
	"repeated": "answered before", "history": "bloat: long history, short answer", "cache": "its beginning could be cached", "batch": "could be batched",
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
		g.rows = append(g.rows, []string{Clean(t.ID), costCell(t.Cost, guessedPart(t)), plural(int64(len(t.Calls)), "call"), "", "", "", ""})
		for _, c := range dearestCalls(t.Calls, listedActionCalls) {
			guessed := analyze.USD{}
			if c.Estimated {
				guessed = c.Cost
			}
			g.rows = append(g.rows, []string{"", costCell(c.Cost, guessed), named(c.Agent), named(c.Model), Tokens(c.InputTokens), Tokens(c.OutputTokens), blamed[c.Kind]})
		}
	}
	if hidden := len(actions) - limit; hidden > 0 && len(g.rows) > 0 {
		g.notes = []string{fmt.Sprintf("%s: --format json lists up to 1,000, with all their calls", plural(int64(hidden), "more action"))}
	}
	return g
}

// dearestCalls are the n dearest of calls, in their order.
func dearestCalls(calls []analyze.Call, n int) []analyze.Call {
	if len(calls) <= n {
		return calls
	}
	order := make([]int, len(calls))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return calls[b].Cost.Cmp(calls[a].Cost) })
	order = order[:n]
	slices.Sort(order)
	list := make([]analyze.Call, n)
	for i, at := range order {
		list[i] = calls[at]
	}
	return list
}

// costCell is an amount with the mark of its estimated part.
func costCell(cost, estimated analyze.USD) string {
	if mark := est(cost, estimated); mark != "" {
		return Cents(cost) + " (" + mark + ")"
	}
	return Cents(cost)
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
