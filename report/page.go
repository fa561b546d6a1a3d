//go:build cgo

package report

import (
	"html/template"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"burn/analyze"
)

// page is what assets/page.html shows: finished text, so that the template only
// places it. Each part of it is filled in a file of its own.
type page struct {
	Policy  string
	Style   template.HTML
	Scripts template.HTML

	Version, Command, Base, Installation string
	Period, Made, Headline, Room         string
	Sentence, Avoidable, Verdict         string // the first line, the part of it to stress, and what else there is to say at once
	Empty                                bool

	Tiles   []tile
	Fix     fixes
	Change  changes
	Trend   trendPart
	Who     whoPart
	When    whenPart
	Prompts promptPart
	Actions actionPart
	Marks   markPart
	Budgets budgetPart
	Trust   trustPart

	unpacked int  // by how many bytes the plain script is longer than the packed one
	still    bool // the pictures stay as drawn without scripts
	options  map[string]chartOption
}

type tile struct {
	Name, Value, USD, Note string
	Hot                    bool // asks for attention
}

// amount is money as shown, as it is, and which part of it is estimated.
type amount struct{ Text, Exact, Est string }

func money(u, estimated analyze.USD) amount {
	return amount{noBreak(Money(u)), u.String(), noBreak(est(u, estimated))}
}

// figure is a picture, as drawn without scripts, with its caption.
type figure struct {
	Chart, Caption string // Chart is the name of the picture that scripts draw
	Picture        drawing
	Legend         []legend
}

type drawing interface {
	SVG() template.HTML
	Ticks() []string
	Marks() []string
}

type legend struct {
	Name, Color string
	Line        bool
}

func newPage(r *analyze.Result, opt HTMLOptions, space room) *page {
	note := space.note(opt.Top)
	r, opt = space.fit(r, opt)
	p := &page{
		Version: opt.Version, Command: command(opt.Command), Base: Clean(opt.Base), Installation: installation(r.Installation),
		Room: note, still: space.still,
		Period: PeriodLine(r), Made: r.GeneratedAt.Format("2 Jan 2006 15:04"),
		Headline: PeriodText(r.Period.Between),
		Empty:    r.Totals.Requests == 0, options: map[string]chartOption{},
	}
	if p.Base == "" {
		p.Base = "burn analyze"
	}
	p.verdict(r)
	p.trust(r, opt)
	if p.Empty {
		return p
	}
	colors := newPalette(r.ByAgent)
	p.Tiles = tiles(r)
	p.fixes(r, space.small)
	p.changes(r, colors)
	p.trend(r, colors)
	p.who(r, colors, opt.Top)
	p.when(r, colors)
	p.prompts(r, colors)
	p.actions(r, colors)
	p.marks(r, colors)
	if p.Marks.Saved {
		p.Verdict = strings.TrimPrefix(p.Verdict+" "+p.Marks.Answer, " ")
	}
	p.budgets(r, colors)
	return p
}

// verdict cuts the sentence that everything starts with where it turns to what is
// avoidable.
func (p *page) verdict(r *analyze.Result) {
	const turn = " About "
	s := noBreak(Sentence(r))
	p.Sentence = s
	if i := strings.Index(s, turn); i >= 0 && !p.Empty {
		p.Sentence, p.Avoidable = s[:i], s[i+1:]
	}
	var more []string
	if !p.Empty && p.Avoidable == "" && r.Quality.FindingsSkipped == "" && unspent(r) == "" {
		more = append(more, "No certain or likely waste was found.")
	}
	if !p.Empty {
		more = append(more, overBudget(r)...)
	}
	if !p.Empty && r.Compared == nil {
		more = append(more, "This period is not compared with an earlier one.")
	}
	p.Verdict = strings.Join(more, " ")
}

// unspent says why there is no money to draw or to share out, "" if there is.
func unspent(r *analyze.Result) string {
	switch {
	case !r.Totals.Cost.Known():
		return "Nothing in this period has a price."
	case r.Totals.Cost.Pico().Sign() != 0:
		return ""
	case r.Quality.UnpricedRequests > 0:
		return "Nothing that has a price cost anything in this period."
	}
	return "Nothing in this period cost anything."
}

// how is what makes a section again.
type how struct {
	Command string
	Queries []string
}

// How names the command and the queries behind a section.
func (p *page) How(rows string, queries ...string) how {
	return how{p.Base + " --format csv | grep -E '^(table|" + rows + "),'", queries}
}

// label makes a foreign name fit to be shown. What is absurdly long is cut before,
// by room.
func label(s string) string { return Clean(s) }

// command makes the command that was typed fit to be shown; globs and files may
// be many.
func command(s string) string {
	const most = 4000
	s = Clean(s)
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return s
}

// installation is an id as short as people can tell it from others.
func installation(id string) string {
	if id = label(id); len(id) > 16 && strings.IndexFunc(id, func(r rune) bool { return r > 'Z' || r < '2' }) < 0 {
		return id[:8]
	}
	return id
}

// agentName is label, with words for calls that no header names.
func agentName(key string) string {
	if key == "unknown" {
		return "(no agent header)"
	}
	return label(named(key))
}

// dayMonth is a day and its month: 1 Sep.
var dayMonth = regexp.MustCompile(`\b(\d\d?) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b`)

// noBreak keeps a figure and its unit on one line, and a day and its month.
func noBreak(s string) string {
	s = dayMonth.ReplaceAllString(s, "$1\u00a0$2")
	return strings.NewReplacer(" %", "\u00a0%", " : 1", "\u00a0:\u00a01", " M", "\u00a0M", " G", "\u00a0G", " k ", "\u00a0k ", " ms", "\u00a0ms").Replace(s)
}

func tiles(r *analyze.Result) []tile {
	t := r.Totals
	spend := tile{Name: "Spend", Value: Money(t.Cost), USD: t.Cost.String(), Note: "no earlier period"}
	switch {
	case partly(r):
		spend.Note = "the earlier period is " + recordedSince(r)
	case compared(r) && t.Cost.Known() && r.Previous.Cost.Known():
		spend.Note = noBreak(Change(t.Cost, r.Previous.Cost) + " vs " + marked(r.Previous.Cost, r.Previous.Estimated))
		spend.Hot = t.Cost.Cmp(r.Previous.Cost) > 0
	case compared(r) && r.Previous.Cost.Known():
		spend.Note = noBreak(marked(r.Previous.Cost, r.Previous.Estimated) + " in the earlier period")
	case compared(r):
		spend.Note = "nothing priced in the earlier period"
	case r.Previous != nil:
		spend.Note = "nothing in the earlier period"
	}
	if mark := est(t.Cost, t.Estimated); mark != "" {
		spend.Note = noBreak(mark) + ", " + spend.Note
	}
	requests := tile{Name: "Requests", Value: Count(t.Requests), Note: "nothing priced"}
	switch {
	case t.Cost.Pico().Sign() != 0 && r.Quality.UnpricedRequests > 0:
		requests.Note = perThousand(t.Cost, priced(r)) + " per 1,000 with a price"
	case t.Cost.Pico().Sign() != 0:
		requests.Note = perThousand(t.Cost, t.Requests) + " per 1,000"
	case t.Cost.Known():
		requests.Note = "nothing to pay"
	}
	if t.Errors > 0 {
		requests.Note += ", " + plural(t.Errors, "error")
	}
	tokens := tile{Name: "Tokens in / out", Value: noBreak(Tokens(t.InputTokens) + " / " + Tokens(t.OutputTokens)), Note: "no input"}
	if t.InputTokens > 0 {
		tokens.Note = noBreak(percent(float64(t.CacheReadTokens)/float64(t.InputTokens)) + " of input from cache")
	}
	measured := tile{Name: "Measured", Value: "-", Note: "nothing to measure"}
	if f, ok := fraction(t.Estimated, t.Cost); ok {
		measured.Value, measured.Note = noBreak(percent(1-f)), noBreak("of spend, "+percent(f)+" est.")
	}
	if n := r.Quality.UnpricedRequests; n > 0 {
		measured.Note += ", " + plural(n, "call") + " not priced"
		measured.Hot = true
	}
	return []tile{spend, forecastTile(r), requests, tokens, measured}
}

// keyText writes a key of the trend for people: 21 Sep 2026, 21 Sep 14:00, Sep 2026.
func keyText(key string) string {
	for _, f := range []struct{ layout, text string }{
		{"2006-01-02 15:04", "2 Jan 15:04"}, {time.DateOnly, "2 Jan 2006"}, {"2006-01", "Jan 2006"},
	} {
		if t, err := time.Parse(f.layout, key); err == nil {
			return t.Format(f.text)
		}
	}
	return key
}

// axisText is the label of a key of the trend: Mon 21 Sep, 21 Sep 14:00, Sep 2026; a
// week has the date of its Monday.
func axisText(key, unit string) string {
	s := keyText(key)
	if t, err := time.Parse(time.DateOnly, key); err == nil {
		if s = t.Format("2 Jan"); unit == "day" {
			s = t.Format("Mon 2 Jan")
		}
	}
	return s
}

// stampText is a moment for people, to the second.
func stampText(t time.Time) string { return t.Format("2 Jan 15:04:05") }
