//go:build cgo

package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"burn/analyze"
)

// markPart is what became of changes that were marked, the newest first.
type markPart struct {
	Answer string
	Saved  bool // money is known to be saved
	Rows   []markRow
	More   string
}

type markRow struct {
	Agent, Color, Text, At, Verdict, Why, Change string
	Per                                          string // what a thousand of is compared
	Before, After, Expected, Left                amount
	Saved, Lost                                  amount // one of them, or neither
	BeforeWidth, AfterWidth                      string
	Good                                         bool
	Bar                                          string        // class of what was after the mark
	Strip                                        template.HTML // the days before and after
}

// shownMarks is how many marks are worth a picture.
const shownMarks = 8

func (p *page) marks(r *analyze.Result, colors palette) {
	m := &p.Marks
	if len(r.Marks) == 0 {
		m.Answer = "No change marked. After a fix: burn mark AGENT -m \"what\"; later reports say whether it worked."
		return
	}
	var saved analyze.USD
	worked, rose := 0, 0
	for i := len(r.Marks) - 1; i >= 0; i-- {
		x := r.Marks[i]
		if x.Verdict == analyze.Worked || x.Verdict == analyze.Partly {
			worked++
			saved = saved.Add(x.Saved)
		}
		if x.Rose() {
			rose++
		}
		if len(m.Rows) == shownMarks {
			m.More = plural(int64(i+1), "earlier mark") + ": --format json lists all"
			continue
		}
		m.Rows = append(m.Rows, newMarkRow(x, colors, r.Period.Until))
	}
	m.Answer = noBreak(fmt.Sprintf("%d of %s worked at least partly.", worked, plural(int64(len(r.Marks)), "marked change")))
	if m.Saved = saved.Pico().Sign() > 0; saved.Known() {
		m.Answer = noBreak(fmt.Sprintf("%d of %s worked at least partly: %s saved so far.", worked, plural(int64(len(r.Marks)), "marked change"), Money(saved)))
	}
	if rose > 0 {
		m.Answer += fmt.Sprintf(" After %d of them the cost rose.", rose)
	}
}

func newMarkRow(x analyze.Mark, colors palette, until time.Time) markRow {
	row := markRow{Agent: agentName(x.Agent), Color: colors.of(x.Agent), Text: label(x.Text), At: x.At.Format("2 Jan 2006 15:04"), Verdict: verdictText(x), Why: noBreak(label(x.Why)),
		Good: x.Verdict == analyze.Worked || x.Verdict == analyze.Partly, Per: "calls"}
	if x.Per == "request" {
		row.Per = "requests that differ within a day"
	}
	row.Why = sentenceCase(row.Why)
	if row.Why != "" && !strings.HasSuffix(row.Why, ".") && !strings.HasSuffix(row.Why, "?") {
		row.Why += "."
	}
	if x.Before.Known() && x.After.Known() {
		most := max(x.Before.Float(), x.After.Float())
		row.Before, row.After = money(x.Before, analyze.USD{}), money(x.After, analyze.USD{})
		row.BeforeWidth, row.AfterWidth = width(x.Before.Float(), most), width(x.After.Float(), most)
	}
	if x.ChangePct != nil && x.ChangeLowPct != nil && x.ChangeHighPct != nil {
		row.Change = signedPercent(*x.ChangePct)
		if low, high := signedPercent(*x.ChangeLowPct), signedPercent(*x.ChangeHighPct); low != high {
			row.Change += " (interval of 95 %: " + low + " … " + high + ")"
		}
		row.Change = noBreak(row.Change)
	}
	switch {
	case savedText(x.Saved) == "-":
	case x.Saved.Pico().Sign() > 0:
		row.Saved = money(x.Saved, analyze.USD{})
	default:
		row.Lost = amount{Text: strings.TrimPrefix(Money(x.Saved), "-"), Exact: x.Saved.String()}
	}
	if x.StillLeft.Known() && x.StillLeft.Pico().Sign() > 0 {
		row.Left = money(x.StillLeft, analyze.USD{})
	}
	days := "all" // the class of days since, as before where nothing changed
	switch row.Bar = "cn"; {
	case row.Good:
		row.Bar, days = "down", "down"
	case x.Rose():
		row.Bar, days = "up", "up"
	}
	row.Strip = strip(x.Daily, int64(until.Sub(x.At).Hours()/24), days)
	return row
}

// strip draws what the agent cost by day, from the mark on in the colour of a class;
// the mark is the line between. Where nothing was spent since, it goes on for that many
// days.
func strip(days []analyze.Day, since int64, class string) template.HTML {
	if len(days) < 2 {
		return ""
	}
	lo, hi := days[0].Day, days[0].Day
	most := 0.0
	for _, d := range days {
		lo, hi = min(lo, d.Day), max(hi, d.Day)
		most = max(most, d.Cost.Float())
	}
	if hi < 0 {
		hi = min(-lo, since) - 1
	}
	if most == 0 || hi-lo > 2000 {
		return ""
	}
	var before, after strings.Builder
	for _, d := range days {
		b := &before
		if d.Day >= 0 {
			b = &after
		}
		if v := d.Cost.Float(); v > 0 {
			h := max(30*v/most, 0.6)
			fmt.Fprintf(b, "M%d %sh4v%sh-4z", 5*(d.Day-lo), num(30-h), num(h))
		}
	}
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d 30" preserveAspectRatio="none" aria-hidden="true"><path class="all" d="%s"/><path class="%s" d="%s"/><path class="over l-ink" d="M%s 0V30"/></svg>`,
		5*(hi-lo+1), before.String(), class, after.String(), num(float64(-5*lo)-0.5)))
}

// shownFlags is how many marks the trend can hold.
const shownFlags = 12

// markFlags are the newest marks inside the picture's time.
func markFlags(r *analyze.Result, keys []string) (list []flag) {
	at := make(map[string]int, len(keys))
	for i, k := range keys {
		at[k] = i
	}
	layout := "2006-01-02"
	if r.TrendHourly {
		layout = "2006-01-02 15:00"
	}
	for _, m := range r.Marks {
		if i, ok := at[trendKey(m.At.In(r.Period.Since.Location()).Format(layout), r)]; ok && !m.At.Before(r.Period.Since) && m.At.Before(r.Period.Until) {
			list = append(list, flag{i, agentName(m.Agent) + ": " + label(m.Text)})
		}
	}
	return list[max(0, len(list)-shownFlags):]
}
