package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"burn/analyze"
)

// shownFindings is how many findings are worth reading; the rest is one line.
const shownFindings = 7

// smallFinding is what a finding must save, in dollars, to be shown, unless it is
// a hundredth of all spending.
const smallFinding = 5

// fixFirst picks the findings to show: certain and likely ones, dearest first,
// then tests. What is left out is counted and summed, tests apart: their savings
// are no part of what looks avoidable.
func fixFirst(r *analyze.Result) (shown []analyze.Finding, hidden int64, left analyze.USD) {
	list := slices.Clone(r.Findings)
	slices.SortStableFunc(list, func(a, b analyze.Finding) int {
		switch testA, testB := a.Class == analyze.Test, b.Class == analyze.Test; {
		case testA != testB && testA:
			return 1
		case testA != testB:
			return -1
		}
		return b.Saving.Cmp(a.Saving)
	})
	for _, f := range list {
		large := f.Saving.Float() >= smallFinding || f.Saving.Float()*100 >= r.Totals.Cost.Float()
		if len(shown) < shownFindings && large {
			shown = append(shown, f)
			continue
		}
		hidden++
		if f.Class != analyze.Test {
			left = left.Add(f.Saving)
		}
	}
	return shown, hidden, left
}

// classNote says what the classes of shown findings mean.
func classNote(shown []analyze.Finding) string {
	var parts []string
	for _, c := range [][2]string{
		{analyze.Certain, "certain: follows from the records"}, {analyze.Likely, "likely: rests on one assumption"}, {analyze.Test, "test: needs a trial, and is in no sum"},
	} {
		if slices.ContainsFunc(shown, func(f analyze.Finding) bool { return f.Class == c[0] }) {
			parts = append(parts, c[1])
		}
	}
	return strings.Join(parts, "; ")
}

// noFindings says what was looked for in vain.
func noFindings(r *analyze.Result) string {
	if why := r.Quality.FindingsSkipped; why != "" {
		return "Waste was not looked for: " + why + "."
	}
	s := "No waste above $5 found in " + plural(r.Totals.Requests, "call") + ". Checked: " + strings.Join(analyze.Checked(), ", ") + "."
	if _, hidden, left := fixFirst(r); left.Pico().Sign() > 0 {
		s += " " + sentenceCase(strings.TrimPrefix(moreFindings(hidden, left), "and ")) + "."
	}
	return s
}

// Wrapped breaks a sentence between words into lines of at most width columns; 0
// is no limit.
func Wrapped(s string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case width > 0 && twwidth.Width(line)+1+twwidth.Width(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// moreFindings is the line for findings that are not shown, "" if there are none.
func moreFindings(hidden int64, left analyze.USD) string {
	if hidden == 0 {
		return ""
	}
	s := "and " + plural(hidden, "smaller finding")
	if left.Pico().Sign() > 0 {
		s += ", together " + Money(left)
	}
	return s + ": --format json lists all"
}

// findings writes what to fix first: the money, the title and the class in
// columns; below them what to do, and how to see the calls.
func (p *painter) findings(r *analyze.Result) {
	shown, hidden, left := fixFirst(r)
	if len(shown) == 0 && p.opt.Compact {
		return
	}
	p.line("")
	if len(shown) == 0 {
		p.prose(noFindings(r), p.plain)
		return
	}
	const what = "What to fix first"
	amount, title := len("Save"), len(what)
	for _, f := range shown {
		amount, title = max(amount, len(Money(f.Saving))), max(title, twwidth.Width(Clean(f.Title)))
	}
	indent := strings.Repeat(" ", amount+3)
	room := math.MaxInt
	if p.opt.Width > 0 {
		room = max(p.opt.Width-len(indent), nameWidth)
		title = min(title, max(room-len("  certain"), nameWidth))
	}
	titled := func(s string) string { return s + strings.Repeat(" ", title-twwidth.Width(s)) }
	below := func(s string, style func(string) string) {
		for _, line := range Wrapped(s, room) {
			p.line(indent + style(middle(line, room)))
		}
	}
	p.line(p.dim(fmt.Sprintf(" %*s  %s  %s", amount, "Save", titled(what), "Class")))
	for _, f := range shown {
		words := Wrapped(Clean(f.Title), title)
		p.line(fmt.Sprintf(" %*s  ", amount, Money(f.Saving)) + p.bold(titled(middle(words[0], title))) + "  " + f.Class)
		for _, line := range words[1:] {
			p.line(indent + p.bold(middle(line, title)))
		}
		if p.opt.Compact {
			continue
		}
		below(Clean(f.Evidence), p.dim)
		below("Do: "+Clean(f.Fix), p.plain)
		below("Calls: --explain "+f.ID, p.dim)
	}
	if more := moreFindings(hidden, left); more != "" {
		below(more, p.dim)
	}
	if !p.opt.Compact {
		below(classNote(shown), p.dim)
	}
}

// findingGrid is the list as one table, for Markdown.
func findingGrid(r *analyze.Result) grid {
	g := grid{title: "What to fix first", cols: []column{
		{head: "Save", right: true}, {head: "What"}, {head: "Evidence"}, {head: "Do"}, {head: "Class"}, {head: "Finding"},
	}}
	shown, hidden, left := fixFirst(r)
	for _, f := range shown {
		g.rows = append(g.rows, []string{Money(f.Saving), Clean(f.Title), Clean(f.Evidence), Clean(f.Fix), f.Class, f.ID})
	}
	if more := moreFindings(hidden, left); more != "" {
		g.notes = append(g.notes, more)
	}
	g.notes = append(g.notes, classNote(shown))
	return g
}

// duplicates is what the kinds of findings cost that do work twice.
func duplicates(r *analyze.Result) analyze.USD {
	sum, _ := analyze.ParseUSD("0")
	for _, f := range r.Findings {
		switch f.Kind {
		case "retries", "schedule", "same_work", "repeated":
			sum = sum.Add(f.Saving)
		}
	}
	return sum
}
