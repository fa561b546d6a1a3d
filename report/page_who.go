//go:build cgo

package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"burn/analyze"
)

// whoPart is who spends it. Teams are left out where no call names one.
type whoPart struct {
	Answer                                  string
	Snippet                                 string // what a caller must send, where none says who it is
	Agents, Users, Models, Endpoints, Teams table
	HasTeams                                bool
	TeamNote, RosterNote                    string
	Strangers                               []strangerRow
	MoreStrangers                           string
}

// strangerRow is calls without an agent that have something in common.
type strangerRow struct {
	Program, Note, Resembles, Requests string
	Cost                               amount
}

// shownStrangers is how many groups of callers without a name are listed.
const shownStrangers = 10

type table struct {
	Title, Head               string
	Compared, Full            bool
	Rows                      []tableRow
	Total                     amount
	TotalChange               string
	TotalRequests, TotalRatio string
	TotalPerThousand          amount
}

type tableRow struct {
	Name, Note           string
	Color, Width         string
	Cost                 amount
	Share, Change        string
	Requests, Ratio, P95 string
	PerThousand          amount
}

func (p *page) who(r *analyze.Result, colors palette, top int) {
	w := &p.Who
	w.Agents = agentTable(r, colors, top)
	before := r.Before
	if before == nil {
		before = &analyze.Result{}
	}
	w.Models = smallTable("Models", "Model", r.ByModel, before.ByModel, r, top)
	w.Users = smallTable("Users", "User", r.ByUser, before.ByUser, r, top)
	w.Endpoints = smallTable("Endpoints", "Endpoint", r.ByEndpoint, before.ByEndpoint, r, top)
	w.Teams = smallTable("Teams", "Team", r.ByTeam, before.ByTeam, r, top)
	w.HasTeams = slices.ContainsFunc(r.ByTeam, func(row analyze.Row) bool { return row.Key != "unknown" })
	if !w.HasTeams {
		w.TeamNote = "Teams: no call carries the tag team. Send one, for example with the header Helicone-Property-Team, and teams are listed here."
	}
	w.RosterNote = noBreak(RosterLine(r))
	w.strangers(r)
	first := r.ByAgent[0]
	switch {
	case len(r.ByAgent) == 1 && first.Key == "unknown":
		w.Answer = "All calls carry no agent header: set X-Agent-ID in each caller, and this table tells them apart."
		w.Snippet = `client = OpenAI(base_url="http://localhost:9090/v1", default_headers={"X-Agent-ID": "ticket-router"})`
	case unspent(r) != "" && len(r.ByAgent) == 1:
		w.Answer = agentName(first.Key) + " is the only agent. " + unspent(r)
	case unspent(r) != "":
		w.Answer = Count(int64(len(r.ByAgent))) + " agents. " + unspent(r)
	case len(r.ByAgent) == 1:
		w.Answer = noBreak(agentName(first.Key) + " is the only agent and spends " + marked(first.Cost, first.Estimated) + ".")
	default:
		w.Answer = noBreak(fmt.Sprintf("%s agents; %s is the dearest with %s, %s of all.",
			Count(int64(len(r.ByAgent))), agentName(first.Key), marked(first.Cost, first.Estimated), Share(first.Cost, r.Totals.Cost)))
	}
}

func (w *whoPart) strangers(r *analyze.Result) {
	shown, hidden := first(r.Strangers, shownStrangers)
	for _, s := range shown {
		row := strangerRow{Program: label(named(s.Program)), Resembles: "nobody known", Requests: Count(s.Calls), Cost: money(s.Cost, analyze.USD{})}
		for _, x := range []struct{ what, value string }{{"key", s.KeyID}, {"from", s.Client}, {"system prompt with the fingerprint", s.System}} {
			if x.value != "" {
				row.Note += " · " + x.what + " " + label(x.value)
			}
		}
		row.Note = strings.TrimPrefix(row.Note, " · ")
		if s.Resembles != "" {
			row.Resembles = label(s.Resembles) + ", by " + label(strings.Join(s.Shared, ", "))
		}
		w.Strangers = append(w.Strangers, row)
	}
	if hidden > 0 {
		w.MoreStrangers = plural(hidden, "more group") + ": --format json lists all"
	}
}

func agentTable(r *analyze.Result, colors palette, top int) table {
	rows := make([]analyze.Row, len(r.ByAgent))
	about := make(map[string]analyze.AgentRow, len(r.ByAgent))
	for i, a := range r.ByAgent {
		rows[i] = a.Row
		about[a.Key] = a
	}
	t, shown := newTable("Agents", "Agent", rows, r.PreviousAgents, r, top)
	t.Full = true
	for i, row := range shown {
		a, ok := about[row.Key]
		if !ok || i == len(rows) {
			t.Rows[i].Color = otherColor // the row of all others
			continue
		}
		t.Rows[i].Color = colors.of(a.Key)
		t.Rows[i].Note = strings.Trim(t.Rows[i].Note+" · "+agentNote(a, r.Roster), " ·")
	}
	return t
}

// agentNote is the second line of an agent: who owns it and what for.
func agentNote(a analyze.AgentRow, list *analyze.Roster) string {
	switch {
	case a.Key == "unknown":
		return "set X-Agent-ID in these callers"
	case list != nil && slices.Contains(list.Unregistered, a.Key):
		return "not in the agents file"
	}
	var parts []string
	for _, s := range []string{a.Name, a.Owner, a.Purpose} {
		if s != "" && s != a.Key {
			parts = append(parts, label(s))
		}
	}
	return strings.Join(parts, " · ")
}

// shownSmall is the most rows of a table that stands beside another one.
const shownSmall = 10

func smallTable(title, head string, rows, before []analyze.Row, r *analyze.Result, top int) table {
	was := make(map[string]analyze.USD, len(before))
	for _, row := range before {
		was[row.Key] = row.Cost
	}
	t, shown := newTable(title, head, rows, was, r, min(top, shownSmall))
	t.Compared = t.Compared && r.Before != nil
	for i, row := range shown {
		if row.Key == "unknown" && head != "Model" && head != "Endpoint" {
			t.Rows[i].Name = "(no " + strings.ToLower(head) + " header)"
			if head == "Team" {
				t.Rows[i].Name = "(no team tag)"
			}
		}
	}
	return t
}

// newTable is a table of the top rows and one of all others; calls without a name
// always have a row of their own. It returns the rows behind it too.
func newTable(title, head string, rows []analyze.Row, before map[string]analyze.USD, r *analyze.Result, top int) (table, []analyze.Row) {
	all := r.Totals
	t := table{Title: title, Head: head, Compared: compared(r), Total: money(all.Cost, all.Estimated), TotalRequests: Count(all.Requests),
		TotalPerThousand: rate(all.Cost, priced(r)), TotalRatio: noBreak(Ratio(all.InputTokens, all.OutputTokens))}
	if t.Compared {
		t.TotalChange = noBreak(Change(all.Cost, r.Previous.Cost))
	}
	at := slices.IndexFunc(rows, func(row analyze.Row) bool { return row.Key == "unknown" })
	if at >= top {
		rows = slices.Clone(rows)
		nameless := rows[at]
		rows = slices.Insert(slices.Delete(rows, at, at+1), top, nameless)
		top++
	}
	shown, rest := cut(rows, top)
	if rest.Requests > 0 {
		shown = append(shown[:len(shown):len(shown)], rest)
	}
	var most float64
	for _, row := range shown {
		most = max(most, row.Cost.Float())
	}
	for i, row := range shown {
		name := label(named(row.Key))
		if head == "Agent" {
			name = agentName(row.Key)
		}
		x := tableRow{
			Name: name, Color: plainColor, Width: width(row.Cost.Float(), most), Cost: money(row.Cost, row.Estimated), Share: noBreak(Share(row.Cost, all.Cost)),
			Requests: Count(row.Requests), PerThousand: rate(row.Cost, row.Requests-row.Unpriced),
			Ratio: noBreak(Ratio(row.InputTokens, row.OutputTokens)), P95: noBreak(Millis(row.P95)),
		}
		if t.Compared && (rest.Requests == 0 || i < len(shown)-1) {
			x.Change = noBreak(changeSince(row.Cost, row.Key, before))
		}
		if row.Errors == row.Requests && row.Requests > 0 {
			x.Note = plural(row.Requests, "call") + ", none of which succeeded"
		}
		t.Rows = append(t.Rows, x)
	}
	return t, shown
}

// rate is what a thousand requests cost.
func rate(u analyze.USD, requests int64) amount {
	return amount{Text: perThousand(u, requests), Exact: perThousandOf(u, requests).String()}
}

// width is the length of a bar in percent of the longest.
func width(v, most float64) string {
	if most <= 0 || v <= 0 {
		return "0"
	}
	return strconv.FormatFloat(100*v/most, 'f', 2, 64)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
