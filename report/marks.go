package report

import (
	"math"
	"strconv"
	"strings"

	"burn/analyze"
)

// markGrid is what came of the changes that were marked, the newest first.
func markGrid(r *analyze.Result, top int) grid {
	g := grid{title: "Did the fix work: cost per 1,000 calls, against agents that were not touched", cols: []column{
		{head: "Marked", drop: dropShare}, {head: "Agent"}, {head: "Verdict"}, {head: "Saved", right: true}, {head: "Before", right: true, drop: dropRequests}, {head: "After", right: true, drop: dropRequests},
		{head: "Change", right: true}, {head: "95 %", right: true, drop: dropRatio}, {head: "What", drop: dropP95},
	}}
	for i := len(r.Marks) - 1; i >= 0; i-- {
		if top > 0 && len(g.rows) >= top {
			g.notes = append(g.notes, plural(int64(i+1), "earlier mark")+": --format json lists all")
			break
		}
		m := r.Marks[i]
		change, interval := "-", "-"
		if m.ChangePct != nil {
			change = signedPercent(*m.ChangePct)
			interval = signedPercent(*m.ChangeLowPct) + " … " + signedPercent(*m.ChangeHighPct)
		}
		if m.Per == "request" {
			change += " *"
		}
		g.rows = append(g.rows, []string{m.At.Format("2 Jan 2006 15:04"), Clean(m.Agent), verdictText(m), savedText(m.Saved), knownMoney(m.Before), knownMoney(m.After), change, interval, Clean(m.Text)})
		if m.Verdict != analyze.Worked {
			g.notes = append(g.notes, Clean(m.Agent)+": "+m.Why)
		}
	}
	for _, m := range r.Marks {
		if m.Per == "request" {
			g.notes = append(g.notes, "* per 1,000 requests that differ within a day, for it is calls that were saved")
			break
		}
	}
	return g
}

// verdictText is the verdict in a word or two.
func verdictText(m analyze.Mark) string {
	switch {
	case m.Rose():
		return "rose"
	case m.Verdict == analyze.TooEarly && m.Silent():
		return "no calls"
	}
	return m.Verdict
}

// savedText is what was saved, "-" where that is less than half a cent, or not known.
func savedText(u analyze.USD) string {
	if math.Abs(u.Float()) < 0.005 {
		return "-"
	}
	return Money(u)
}

func knownMoney(u analyze.USD) string {
	if !u.Known() {
		return "-"
	}
	return Money(u)
}

// signedPercent writes a change of percent points without places: -80 %, +4 %.
func signedPercent(pct float64) string {
	s := strconv.FormatFloat(pct, 'f', 0, 64)
	switch {
	case s == "0" || s == "-0":
		return "±0 %"
	case !strings.HasPrefix(s, "-"):
		s = "+" + s
	}
	return s + " %"
}
