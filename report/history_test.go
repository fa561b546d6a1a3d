//go:build cgo

package report_test

import (
	"bytes"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"

	"burn/analyze"
	"burn/report"
)

// TestMailSaysWhatChangedAndWhatWorked: beside what to fix, as the weekly review
// is to.
func TestMailSaysWhatChangedAndWhatWorked(t *testing.T) {
	var raw bytes.Buffer
	if _, err := letter(t, world(nil)).WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(&raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err != nil {
		t.Fatal(err)
	}
	_, contents := parts(t, "", m.Header.Get("Content-Type"), "", m.Body)
	for i, want := range [][]string{
		{"What changed, and why", "Did the fix work", "prototype-bot", "worked"},
		{"What changed</h2>", "gone: 7,360 calls before", "Did the last fix work?</h2>", "max_history: 5", "1 of 2 marked changes worked at least partly", "$247.60"},
	} {
		for _, s := range want {
			if !strings.Contains(string(contents[i]), s) {
				t.Errorf("part %d does not say %q:\n%s", i, s, contents[i])
			}
		}
	}
}

// TestSubjectNamesARiseThatMatters: a change that rounds to nothing is no news.
func TestSubjectNamesARiseThatMatters(t *testing.T) {
	r := world(nil)
	if s := report.Subject(r); !strings.HasSuffix(s, " - chat-gate +98 %") {
		t.Errorf("%q", s)
	}
	first := world(nil)
	first.Previous.Requests = 0 // all are new
	if s := report.Subject(first); strings.Contains(s, " - ") || !strings.Contains(s, ", no waste found") {
		t.Errorf("%q", s)
	}
	r.Changes = r.Changes[1:] // one is gone, one new with $12.50
	if s := report.Subject(r); strings.Contains(s, " - ") {
		t.Errorf("%q", s)
	}
}

// TestBudgetsThatHoldAreNoAlarm: a mail says it without the colour of alerts.
func TestBudgetsThatHoldAreNoAlarm(t *testing.T) {
	r := world(nil)
	r.Spikes = nil
	for i := range r.Budgets {
		r.Budgets[i].Scope, r.Budgets[i].State, r.Budgets[i].Over = analyze.ScopeAgent, analyze.BudgetOK, nil
	}
	m := posted(t, r)
	_, contents := parts(t, "", m.Header.Get("Content-Type"), "", m.Body)
	for _, text := range contents[:2] {
		if !strings.Contains(string(text), "None of 3 budgets is crossed.") || strings.Contains(string(text), "#fdf1e7") {
			t.Errorf("%s", text)
		}
	}
}

// TestAFilterIsNamed: whoever is sent a report of some calls sees which, and no limit
// of all spending is drawn over it.
func TestAFilterIsNamed(t *testing.T) {
	r := world(nil)
	if s := report.PeriodLine(r); strings.Contains(s, "only") {
		t.Errorf("%q", s)
	}
	r.Filter = &analyze.Filter{Agents: []string{"chat-*", "cron"}, Models: []string{"gpt\x1b"}}
	const only = `agent chat-* or cron, model gpt\x1b`
	if s := report.PeriodLine(r); !strings.HasSuffix(s, "; only "+only) {
		t.Errorf("%q", s)
	}
	if s := report.Subject(r); !strings.Contains(s, " days of "+only) {
		t.Errorf("%q", s)
	}
	var whole, some bytes.Buffer
	for b, filter := range map[*bytes.Buffer]*analyze.Filter{&whole: nil, &some: r.Filter} {
		x := *r
		x.Filter = filter
		if err := report.HTML(b, &x, report.HTMLOptions{Version: "0"}); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(whole.String(), "budget a day") || strings.Contains(some.String(), "budget a day") {
		t.Error("the line of a budget belongs over all spending alone")
	}
	if !strings.Contains(some.String(), "an invoice counts all calls, this report only those of agent chat-* or cron") {
		t.Error("the page sets a part beside the invoice")
	}
}

// TestNothingPassesTheFilters is not the same as nothing recorded.
func TestNothingPassesTheFilters(t *testing.T) {
	r := empty()
	r.Filter = &analyze.Filter{Agents: []string{"nobody"}}
	if s := report.Sentence(r); !strings.HasPrefix(s, "No call in 1 Sep – 30 Sep 2026 passes the filters: leave out --agent") {
		t.Errorf("%q", s)
	}
}
