package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"burn/analyze"
)

// Markdown writes the tables of Text as Markdown, top rows each (0: all).
func Markdown(w io.Writer, r *analyze.Result, top int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "**%s**\n\n%s\n", escapeMarkdown(Sentence(r)), escapeMarkdown(PeriodLine(r)))
	if r.Totals.Requests > 0 {
		if g := findingGrid(r); len(g.rows) > 0 {
			writeMarkdown(b, g)
		} else {
			fmt.Fprintf(b, "\n%s\n", escapeMarkdown(noFindings(r)))
		}
		for _, g := range grids(r, top, false) {
			writeMarkdown(b, g)
		}
		if len(r.Budgets) > 0 {
			writeMarkdown(b, budgetGrid(r, top))
		}
		for _, s := range r.Spikes[:min(len(r.Spikes), shownSpikes)] {
			fmt.Fprintf(b, "\n%s\n", escapeMarkdown(SpikeLine(s)))
		}
		if p := r.Totals.PeakHour; p != nil && p.Cost.Pico().Sign() > 0 {
			fmt.Fprintf(b, "\nDearest hour of day: %s:00 with %s.\n", p.Hour, escapeMarkdown(marked(p.Cost, p.Estimated)))
		}
	}
	for _, line := range closing(r) {
		line = escapeMarkdown(line)
		if strings.HasPrefix(line, warning) {
			line = "**" + line + "**"
		}
		fmt.Fprintf(b, "\n%s\n", line)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func writeMarkdown(b *bufio.Writer, g grid) {
	for i := len(g.cols) - 1; i >= 0; i-- {
		if g.cols[i].bar {
			remove(&g, i)
		}
	}
	b.WriteString("\n")
	if g.title != "" {
		fmt.Fprintf(b, "%s:\n\n", escapeMarkdown(g.title))
	}
	heads, rules := make([]string, len(g.cols)), make([]string, len(g.cols))
	for i, c := range g.cols {
		heads[i], rules[i] = c.head, "---"
		if c.right {
			rules[i] = "---:"
		}
	}
	writeRow := func(row []string) {
		b.WriteString("|")
		for _, cell := range row {
			b.WriteString(" " + escapeMarkdown(cell) + " |")
		}
		b.WriteString("\n")
	}
	writeRow(heads)
	b.WriteString("| " + strings.Join(rules, " | ") + " |\n")
	for _, row := range g.rows {
		writeRow(row)
	}
	if g.foot != nil {
		writeRow(g.foot)
	}
	for _, note := range g.notes {
		fmt.Fprintf(b, "\n%s\n", escapeMarkdown(note))
	}
}

// escapeMarkdown makes one line of text stand for itself: no cell ends early, no
// emphasis, link, code or HTML begins. Line ends were made visible by Clean.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range Clean(s) {
		if strings.ContainsRune("\\|`*_[]<>&~#", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
