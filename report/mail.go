//go:build cgo

package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"

	"github.com/wneessen/go-mail"

	"burn/analyze"
)

//go:embed assets/mail.html
var mailHTML string

var mailTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("mail").Parse(mailHTML)) })

// Subject is the decision in one line: burn: $2,300 in 30 days (+24 %), $1,380
// avoidable - digest-cron +92 %.
func Subject(r *analyze.Result) string {
	t := r.Totals
	if t.Requests == 0 {
		return "burn: nothing recorded in " + lengthText(r.Period.Between)
	}
	whole := func(u analyze.USD) string {
		if u.Float() < 10 {
			return Money(u)
		}
		return sign(u) + "$" + rounded(u, 0)
	}
	s := "burn: no price known"
	if t.Cost.Known() {
		s = "burn: " + whole(t.Cost)
	}
	s += " in " + lengthText(r.Period.Between)
	if only := filterText(r); only != "" {
		s += " of " + only
	}
	if fullyCompared(r) && t.Cost.Known() {
		s += " (" + Change(t.Cost, r.Previous.Cost) + ")"
	}
	if avoidable := t.Avoidable.Certain.Add(t.Avoidable.Likely); avoidable.Pico().Sign() > 0 {
		s += ", " + whole(avoidable) + " avoidable"
	} else if t.Cost.Pico().Sign() > 0 && r.Quality.FindingsSkipped == "" {
		s += ", no waste found"
	}
	if failures(t) != "" {
		s += ", " + verb(int(min(t.Requests, 2)), "the one call", "all "+plural(t.Requests, "call")) + " failed"
	}
	switch {
	case slices.ContainsFunc(r.Budgets, func(b analyze.Budget) bool { return b.State == analyze.BudgetCrossed }):
		s += ", over budget"
	case r.BudgetCrossed():
		s += ", a budget was crossed"
	}
	if c := risen(r); c != "" {
		s += " - " + c
	}
	return s
}

// risen names the agent whose cost rose most, "" if none did by a hundredth of all
// spending, or if all are new.
func risen(r *analyze.Result) string {
	if !fullyCompared(r) {
		return ""
	}
	var most analyze.AgentChange
	for _, c := range r.Changes {
		if c.Change.Pico().Sign() > 0 && (most.Agent == "" || c.Change.Cmp(most.Change) > 0) {
			most = c
		}
	}
	if most.Agent == "" || 100*most.Change.Float() < r.Totals.Cost.Float() {
		return ""
	}
	return named(most.Agent) + " " + Change(most.After, most.Before)
}

// Mail makes the message: text and HTML, with the trend as a picture and the whole
// page attached. Equal data and options give an equal Message-ID.
func Mail(r *analyze.Result, opt MailOptions) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	if err := m.From(opt.From); err != nil {
		return nil, fmt.Errorf("mail from %q: %w", Clean(opt.From), err)
	}
	if err := m.To(opt.To...); err != nil {
		return nil, fmt.Errorf("mail to: %w", err)
	}
	m.Subject(Subject(r))
	m.SetDateWithValue(r.GeneratedAt)
	m.SetMessageIDWithValue(MessageID(r, opt))
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")

	var text, body, page bytes.Buffer
	if err := Text(&text, r, TextOptions{Top: 5, Width: 72}); err != nil {
		return nil, err
	}
	picture, top, guessed, agents, err := trendPNG(r)
	if err != nil {
		return nil, err
	}
	if err := mailTemplate().Execute(&body, newMailBody(r, opt, len(picture) > 0, marked(top, guessed), agents)); err != nil {
		return nil, fmt.Errorf("write mail: %w", err)
	}
	if err := HTML(&page, r, opt.HTML); err != nil {
		return nil, err
	}
	m.SetBodyString(mail.TypeTextPlain, text.String())
	m.AddAlternativeString(mail.TypeTextHTML, body.String())
	if len(picture) > 0 {
		err = m.EmbedReader("trend.png", bytes.NewReader(picture), mail.WithFileContentID("<"+pictureID+">"), mail.WithFileContentType("image/png"))
	}
	err = errors.Join(err, m.AttachReader("report.html", &page, mail.WithFileContentType(mail.TypeTextHTML)))
	if err != nil {
		return nil, fmt.Errorf("write mail: %w", err)
	}
	return m, nil
}

const pictureID = "trend.png"

// mailBody is what the template shows.
type mailBody struct {
	Sentence, Period, Caption, CID, Version, Command, Checked, Classes string
	Total, TotalChange                                                 string
	Changed                                                            string // why the bill differs
	Marked                                                             string // what became of changes that were marked
	Changes, Marks                                                     []mailLine
	Alerts                                                             []alertLine
	Trust                                                              []string
	Findings                                                           []mailFinding
	Agents                                                             []mailAgent
	Compared, Picture                                                  bool
}

type mailFinding struct{ Save, Title, Class, Evidence, Do string }

// mailLine is an amount, whose it is, and why.
type mailLine struct{ Amount, Name, Why string }

type mailAgent struct {
	Name, Owner, Cost, Change, Share, Color string
	Bar                                     int // per cent of the column
}

// mailRows and mailLines bound the tables of a mail, and mailName what a foreign
// name may take: the body stays below what mail programs cut off.
const (
	mailRows  = 10
	mailLines = 4
	mailName  = 80
)

func newMailBody(r *analyze.Result, opt MailOptions, picture bool, top string, agents []string) mailBody {
	b := mailBody{Sentence: Sentence(r), Period: PeriodLine(r), CID: pictureID, Version: opt.HTML.Version, Command: opt.HTML.Command, Compared: compared(r), Picture: picture,
		Alerts: alertsOf(r), Trust: closing(r), Total: marked(r.Totals.Cost, r.Totals.Estimated)}
	if r.Totals.Requests == 0 {
		return b
	}
	if len(b.Alerts) > mailRows {
		b.Alerts = append(b.Alerts[:mailRows:mailRows], alertLine{plural(int64(len(b.Alerts)-mailRows), "more line") + " in the attached report.", false})
	}
	shown, _, _ := fixFirst(r)
	for _, f := range shown {
		b.Findings = append(b.Findings, mailFinding{Money(f.Saving), Clean(f.Title), f.Class, Clean(f.Evidence), Clean(f.Fix)})
	}
	b.Classes = sentenceCase(classNote(shown)) + "."
	if len(shown) == 0 {
		b.Checked = noFindings(r)
	}
	b.history(r)
	rows := make([]analyze.Row, len(r.ByAgent))
	for i, a := range r.ByAgent {
		rows[i] = a.Row
	}
	first, rest := cut(rows, mailRows)
	add := func(row analyze.Row, name, owner, change, colour string) {
		f, _ := fraction(row.Cost, r.Totals.Cost)
		b.Agents = append(b.Agents, mailAgent{shortName(name), shortName(owner), marked(row.Cost, row.Estimated), change, Share(row.Cost, r.Totals.Cost), colour, int(f*70 + 0.5)})
	}
	for i, row := range first {
		change := ""
		if b.Compared {
			change = changeSince(row.Cost, row.Key, r.PreviousAgents)
		}
		add(row, named(row.Key), Clean(r.ByAgent[i].Owner), change, mailColors[min(i, len(mailColors)-1)])
	}
	if rest.Requests > 0 {
		add(rest, rest.Key, "", "", mailColors[len(mailColors)-1])
	}
	if b.Compared {
		b.TotalChange = Change(r.Totals.Cost, r.Previous.Cost)
	}
	names := make([]string, len(agents))
	for i, a := range agents {
		names[i] = shortName(named(a))
	}
	b.Caption = "By " + trendUnit(r) + ", " + PeriodText(r.Period.Between) + "; the highest bar is " + top + ". From below: " + strings.Join(names, ", ")
	if len(r.ByAgent) > len(agents) {
		b.Caption += ", others grey"
	}
	b.Caption += "."
	return b
}

// history fills what changed since the compared period, and whether what was done
// about it worked, as the page says it.
func (b *mailBody) history(r *analyze.Result) {
	var p page
	if compared(r) {
		p.changes(r, palette{})
		b.Changed = p.Change.Answer
		shown := len(p.Change.Rows)
		if shown > mailLines+1 {
			shown = mailLines
		}
		for _, row := range p.Change.Rows[:shown] {
			b.Changes = append(b.Changes, mailLine{row.Change.Text, shortName(row.Name), shortName(row.Why)})
		}
		if len(p.Change.Rows) > shown {
			var rest analyze.AgentChange
			for _, x := range r.Changes[shown:] {
				rest = addChange(rest, x)
			}
			b.Changes = append(b.Changes, mailLine{noBreak(signed(rest.Change)), "all " + plural(int64(len(r.Changes)-shown), "other"), ""})
		}
	}
	if len(r.Marks) == 0 {
		return
	}
	p.marks(r, palette{})
	b.Marked = p.Marks.Answer
	slices.SortStableFunc(p.Marks.Rows, func(x, y markRow) int { // what worked is what they are read for
		switch {
		case x.Good == y.Good:
			return 0
		case x.Good:
			return -1
		}
		return 1
	})
	for _, row := range p.Marks.Rows[:min(len(p.Marks.Rows), mailLines)] {
		b.Marks = append(b.Marks, mailLine{row.Saved.Text + less(row.Lost.Text), shortName(row.Agent) + ": " + shortName(row.Text), sentenceCase(row.Verdict) + ". " + shortName(row.Why)})
	}
}

// less is an amount below nothing, "" of none.
func less(s string) string {
	if s == "" {
		return ""
	}
	return "-" + s
}

func shortName(s string) string {
	if runes := []rune(s); len(runes) > mailName {
		return string(runes[:mailName-1]) + "…"
	}
	return s
}
