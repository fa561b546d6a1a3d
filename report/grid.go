package report

import (
	"strings"

	"burn/analyze"
)

// A grid is one table for people, in text and in Markdown: cells are finished
// text, cleaned. Columns with drop above 0 may be left out where there is no
// room, the smallest first.
type grid struct {
	title string
	notes []string // lines below the table
	cols  []column
	rows  [][]string
	foot  []string // a last row for the sum, or nil
}

type column struct {
	head  string
	right bool // figures
	drop  int
	bar   bool // holds a bar drawn with block characters
}

// The order in which columns give way on a narrow terminal.
const (
	dropP95 = iota + 1
	dropRatio
	dropPerThousand
	dropRequests
	dropShare
	dropChange
	dropLast // of a sheet with columns of its own
)

// grids are the tables of a run, each cut to top rows (0: not cut).
func grids(r *analyze.Result, top int, compact bool) []grid {
	list := []grid{agentGrid(r, top)}
	if compared(r) && r.Beside != nil {
		g := comparison(r.Beside, r)
		g.title = "The two periods"
		list = append(list, g)
	}
	if compact {
		if g := unpricedGrid(r, top); len(g.rows) > 0 {
			list = append(list, g)
		}
		return list
	}
	for _, g := range []grid{
		changesSince(r, top),
		markGrid(r, top),
		rowGrid("Model", r.ByModel, r, top),
		strangerGrid(r, top),
		rowGrid("User", r.ByUser, r, top),
		rowGrid("Endpoint", r.ByEndpoint, r, top),
		wasteGrid(r, top),
		actionGrid(r, top),
		streamGrid(r, top),
		unpricedGrid(r, top),
		inconsistentGrid(r, top),
	} {
		if len(g.rows) > 0 {
			list = append(list, g)
		}
	}
	return list
}

func agentGrid(r *analyze.Result, top int) grid {
	rows := make([]analyze.Row, len(r.ByAgent))
	for i, a := range r.ByAgent {
		rows[i] = a.Row
	}
	g := rowGrid("Agent", rows, r, top)
	g.cols = append(g.cols, column{head: "p95", right: true, drop: dropP95})
	shown, _ := cut(rows, top)
	for i := range g.rows {
		p95 := ""
		if i < len(shown) {
			p95 = Millis(r.ByAgent[i].P95)
		}
		g.rows[i] = append(g.rows[i], p95)
	}
	g.foot = append(g.foot, "")
	if !compared(r) {
		return g
	}
	at := 2 // after the cost and its mark
	if g.cols[at].head == "est." {
		at++
	}
	g.cols = insert(g.cols, at, column{head: "vs prev.", right: true, drop: dropChange})
	for i := range g.rows {
		change := ""
		if i < len(shown) {
			change = changeSince(r.ByAgent[i].Cost, r.ByAgent[i].Key, r.PreviousAgents)
		}
		g.rows[i] = insert(g.rows[i], at, change)
	}
	g.foot = insert(g.foot, at, Change(r.Totals.Cost, r.Previous.Cost))
	return g
}

func insert[T any](list []T, at int, v T) []T {
	return append(list[:at:at], append([]T{v}, list[at:]...)...)
}

// rowGrid is the common table of a by-table: what is beyond top is one row.
func rowGrid(name string, rows []analyze.Row, r *analyze.Result, top int) grid {
	g := grid{cols: []column{
		{head: name}, {head: "Cost", right: true}, {head: "Share", right: true, drop: dropShare}, {head: "", drop: dropShare, bar: true},
		{head: "Requests", right: true, drop: dropRequests},
		{head: "$/1k req", right: true, drop: dropPerThousand}, {head: "In : out", right: true, drop: dropRatio},
	}}
	shown, rest := cut(rows, top)
	for _, row := range shown {
		g.rows = append(g.rows, rowCells(named(row.Key), row, r.Totals.Cost))
	}
	if rest.Requests > 0 {
		g.rows = append(g.rows, rowCells(rest.Key, rest, r.Totals.Cost))
	}
	t := r.Totals
	g.foot = rowCells("Total", analyze.Row{Cost: t.Cost, Requests: t.Requests, InputTokens: t.InputTokens, OutputTokens: t.OutputTokens, Unpriced: r.Quality.UnpricedRequests}, t.Cost)
	g.foot[3] = ""
	if t.Estimated.Pico().Sign() > 0 {
		g.mark(shown, rest, t)
	}
	return g
}

// mark adds the column that says which part of the cost is estimated. It never
// gives way: a figure without it would pass for measured.
func (g *grid) mark(shown []analyze.Row, rest analyze.Row, t analyze.Totals) {
	const at = 2 // after the cost
	g.cols = insert(g.cols, at, column{head: "est.", right: true})
	for i := range g.rows {
		row := rest
		if i < len(shown) {
			row = shown[i]
		}
		g.rows[i] = insert(g.rows[i], at, estCell(row.Cost, row.Estimated))
	}
	g.foot = insert(g.foot, at, estCell(t.Cost, t.Estimated))
}

// estCell is est under a head that says so.
func estCell(cost, estimated analyze.USD) string {
	if mark := est(cost, estimated); mark != "est." {
		return strings.TrimSuffix(mark, " est.")
	}
	return "100 %"
}

func rowCells(key string, row analyze.Row, whole analyze.USD) []string {
	f, _ := fraction(row.Cost, whole)
	return []string{key, Money(row.Cost), Share(row.Cost, whole), bar(f, barWidth), Count(row.Requests),
		perThousand(row.Cost, row.Requests-row.Unpriced), Ratio(row.InputTokens, row.OutputTokens)}
}

// cut splits rows after top and adds up the rest; a single one has its own place
// where the sum would stand.
func cut(rows []analyze.Row, top int) (shown []analyze.Row, rest analyze.Row) {
	if top <= 0 || len(rows) <= top+1 {
		return rows, rest
	}
	for _, row := range rows[top:] {
		rest.Cost = rest.Cost.Add(row.Cost)
		rest.Requests += row.Requests
		rest.InputTokens += row.InputTokens
		rest.OutputTokens += row.OutputTokens
		rest.Estimated = rest.Estimated.Add(row.Estimated)
		rest.Unpriced += row.Unpriced
	}
	rest.Key = "all " + plural(int64(len(rows)-top), "other")
	return rows[:top], rest
}

func wasteGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Big prompts, small answers: more than 10 tokens read for each one written, on average per call", cols: []column{
		{head: "Agent"}, {head: "Cost", right: true}, {head: "In : out per call", right: true},
		{head: "Input", right: true, drop: dropRequests}, {head: "Output", right: true, drop: dropRequests},
	}}
	shown, hidden := first(r.Waste, top)
	var marks []string
	any := false
	for _, w := range shown {
		g.rows = append(g.rows, []string{Clean(w.Agent), Money(w.Cost), ratio(w.Ratio), Tokens(w.InputTokens), Tokens(w.OutputTokens)})
		marks = append(marks, estCell(w.Cost, w.Estimated))
		any = any || w.Estimated.Pico().Sign() > 0
	}
	if any {
		g.cols = insert(g.cols, 2, column{head: "est.", right: true})
		for i := range g.rows {
			g.rows[i] = insert(g.rows[i], 2, marks[i])
		}
	}
	if hidden > 0 {
		g.notes = []string{plural(hidden, "more agent")}
	}
	return g
}

// first cuts a list to top rows (0: all) and counts the others.
func first[T any](list []T, top int) (shown []T, hidden int64) {
	if top <= 0 || len(list) <= top {
		return list, 0
	}
	return list[:top], int64(len(list) - top)
}

func streamGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Streams without usage: what they cost is estimated", cols: []column{
		{head: "Agent"}, {head: "Cost, est.", right: true}, {head: "Requests", right: true, drop: dropRequests}, {head: "Model", drop: dropChange},
	}}
	shown, hidden := first(r.Streams, top)
	for _, s := range shown {
		g.rows = append(g.rows, []string{named(s.Agent), Money(s.Cost), Count(s.Requests), named(s.Model)})
	}
	if hidden > 0 {
		g.notes = append(g.notes, plural(hidden, "more row"))
	}
	for _, fix := range streamFixes(r.Streams) {
		g.notes = append(g.notes, "Fix: "+fix)
	}
	return g
}

func unpricedGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Not priced: these tokens are in no dollar figure", cols: []column{
		{head: "Model"}, {head: "Provider"}, {head: "Requests", right: true}, {head: "Tokens", right: true},
	}}
	shown, hidden := first(r.Unpriced, top)
	for _, u := range shown {
		g.rows = append(g.rows, []string{named(u.Model), named(u.Provider), Count(u.Requests), Tokens(u.Tokens)})
	}
	if hidden > 0 {
		g.notes = append(g.notes, plural(hidden, "more model"))
	}
	if len(shown) > 0 {
		g.notes = append(g.notes, "Why: "+explainCommand(shown[0]))
	}
	return g
}

func inconsistentGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Counts that contradict each other: priced as they are", cols: []column{
		{head: "Model"}, {head: "Provider"}, {head: "Requests", right: true},
	}}
	shown, hidden := first(r.Inconsistent, top)
	for _, x := range shown {
		g.rows = append(g.rows, []string{named(x.Model), named(x.Provider), Count(x.Requests)})
	}
	if hidden > 0 {
		g.notes = append(g.notes, plural(hidden, "more model"))
	}
	return g
}

// barWidth is the length of a full bar in characters.
const barWidth = 12

// bar draws a fraction of width in eighths of a character.
func bar(f float64, width int) string {
	eighths := int(f*float64(width)*8 + 0.5)
	if eighths <= 0 {
		return ""
	}
	eighths = min(eighths, width*8)
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return s
}
