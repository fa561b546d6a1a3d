package report

import (
	"fmt"
	"strings"

	"burn/analyze"
)

// strangerGrid is who calls without an agent, and whom each resembles.
func strangerGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Calls without an agent, and which agent they resemble", cols: []column{
		{head: "Program"}, {head: "Cost", right: true}, {head: "Requests", right: true, drop: dropRequests}, {head: "Resembles"},
		{head: "By", drop: dropShare}, {head: "Key", drop: dropRatio}, {head: "Address", drop: dropP95}, {head: "System prompt", drop: dropP95},
	}}
	shown, hidden := first(r.Strangers, top)
	for _, s := range shown {
		g.rows = append(g.rows, []string{named(s.Program), Money(s.Cost), Count(s.Calls), orDash(s.Resembles), strings.Join(s.Shared, ", "), orDash(s.KeyID), orDash(s.Client), orDash(s.System)})
	}
	if hidden > 0 {
		g.notes = []string{plural(hidden, "more group") + ": --format json lists all"}
	}
	return g
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return Clean(s)
}

// resemblances are lines for the doctor: whom the dearest unlabelled callers resemble.
func resemblances(r *analyze.Result) (lines []string) {
	for _, s := range r.Strangers {
		if s.Resembles != "" && len(lines) < 3 {
			lines = append(lines, fmt.Sprintf("%s (%s, key %s, from %s) resembles %s by %s: give it that name, or its own", named(s.Program), plural(s.Calls, "call"),
				orDash(s.KeyID), orDash(s.Client), Clean(s.Resembles), strings.Join(s.Shared, ", ")))
		}
	}
	return lines
}
