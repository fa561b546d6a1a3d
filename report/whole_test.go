//go:build cgo

package report_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

// mailBody is the HTML that readers of a mail see first.
func mailBody(t *testing.T, r *analyze.Result) string {
	t.Helper()
	m := posted(t, r)
	_, contents := parts(t, "", m.Header.Get("Content-Type"), "", m.Body)
	return strings.ReplaceAll(html.UnescapeString(string(contents[1])), "\u00a0", " ")
}

// TestWhatIsEstimatedIsMarked: in What changed, beside the earlier period's cost, in
// a mail's sum and in lines about budgets as everywhere else.
func TestWhatIsEstimatedIsMarked(t *testing.T) {
	r := pageWorld(nil)
	before := *r.Previous
	before.Estimated = usd("184.8")
	r.Previous = &before
	for i := range r.ByAgent {
		if r.ByAgent[i].Key == "chat-gate" {
			r.ByAgent[i].Estimated = usd("29.9")
		}
	}
	for i := range r.Trend {
		r.Trend[i].Estimated = r.Trend[i].Cost
	}
	says := plain(page(t, r, report.HTMLOptions{}))
	for _, want := range []string{"vs $1,848.00 (10.0 % est.)", "Before: 10.0 % est.; after: 1.8 % est. ", "Total +$279.17 $345.58 53.5 % est.", "+$303.75 $308.50 $612.25 4.9 % est."} {
		if !strings.Contains(says, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	body := mailBody(t, r)
	for _, want := range []string{"$1,699.97 (1.8 % est.)</td>", "Before: 10.0 % est.; after: 1.8 % est.", "the highest bar is $57.70 (est.)"} {
		if !strings.Contains(body, want) {
			_, got, _ := strings.Cut(body, "highest bar")
			t.Errorf("mail does not say %q: …%.90s", want, got)
		}
	}
	r.Budgets[0].Over[0].Estimated, r.Budgets[0].Over[0].AgentEstimated = usd("29.9"), usd("29.9")
	if got := report.BudgetAlerts(r); got[0].Line != "budget crossed: $2,196.12 (1.4 % est.) of $2,000.00 in September 2026; chat-gate $612.25 (+98 %, 4.9 % est.)" {
		t.Errorf("%q", got)
	}
}

// TestMarksThatDidNotWork: a rise is called and drawn as one, what is no amount is not
// saved, and an agent without calls is said to have made none.
func TestMarksThatDidNotWork(t *testing.T) {
	r := pageWorld(nil)
	pct := func(v float64) *float64 { return &v }
	days := []analyze.Day{{Day: -1, Calls: 50, Cost: usd("1")}, {Day: 0, Calls: 50, Cost: usd("1.5")}}
	at := r.Period.Since.AddDate(0, 0, 9)
	r.Marks = []analyze.Mark{
		{At: at, Agent: "worse", Text: "w", Verdict: analyze.NoEffect, Why: "the cost per 1,000 calls rose", Per: "call", Before: usd("9.25"), After: usd("14.25"), Saved: usd("-4.79"),
			ChangePct: pct(54), ChangeLowPct: pct(53), ChangeHighPct: pct(55), CallsBefore: 90, CallsAfter: 90, Daily: days},
		{At: at, Agent: "same", Text: "s", Verdict: analyze.NoEffect, Per: "call", Before: usd("10.5"), After: usd("10.5"), Saved: usd("-0.0001"),
			ChangePct: pct(0), ChangeLowPct: pct(-1), ChangeHighPct: pct(1), CallsBefore: 90, CallsAfter: 90, Daily: days},
		{At: at, Agent: "nobody", Text: "n", Verdict: analyze.TooEarly, Why: "is its name right?", Per: "call"},
	}
	text := page(t, r, report.HTMLOptions{})
	_, text, _ = strings.Cut(text, `<section id="marks">`)
	text, _, _ = strings.Cut(text, "</section>")
	if strings.Count(text, `class="up"`) != 2 || strings.Contains(text, `class="down"`) {
		t.Errorf("page %s", text)
	}
	says := plain(text)
	for _, want := range []string{"worse: w rose", "More spent since: $4.79", "same: s no effect", "nobody: n no calls", "Is its name right? ", "After 1 of them the cost rose."} {
		if !strings.Contains(says, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	if strings.Contains(says, "$0.01") || strings.Contains(says, "?.") {
		t.Errorf("page says %s", says)
	}
	if body := mailBody(t, r); !strings.Contains(body, ">-$4.79<") || !strings.Contains(body, "Rose. The cost per 1,000 calls rose.") {
		t.Error("mail does not say that it rose")
	}
}

// TestChangesAreWhole: what is not listed stands in one row, so that the table adds up;
// of a mail's marks the one that worked comes first.
func TestChangesAreWhole(t *testing.T) {
	r := pageWorld(nil)
	zero := usd("0")
	still := analyze.AgentChange{Kind: analyze.Changed, Before: usd("10"), After: usd("10"), Change: zero, Parts: analyze.Parts{Price: zero, Volume: zero, Size: zero, Mix: zero, Presence: zero, Unpriced: zero}}
	for _, name := range []string{"still-a", "still-b", "still-c"} {
		still.Agent = name
		r.Changes = append(r.Changes, still)
	}
	var b strings.Builder
	if err := report.Text(&b, r, report.TextOptions{Top: 10}); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, "all 3 others $30.00 $30.00 - ") || strings.Contains(text, "still-a") {
		t.Errorf("tables %s", text)
	}
	body := mailBody(t, r)
	if !strings.Contains(body, "all 2 others") {
		t.Errorf("mail %s", body)
	}
	worked, early := strings.Index(body, "max_history: 5"), strings.Index(body, "smaller model")
	if worked < 0 || early < worked {
		t.Errorf("marks at %d and %d", worked, early)
	}
	r.Changes = r.Changes[:4]
	b.Reset()
	if err := report.Text(&b, r, report.TextOptions{Top: 10}); err != nil || !strings.Contains(b.String(), "still-a") {
		t.Errorf("%v %s", err, b.String())
	}
}

// TestInvoicesCountDaysInUTC: a period of other days says which flags give those of an
// invoice.
func TestInvoicesCountDaysInUTC(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		since, until time.Time
		want         string
	}{
		{time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), "set $1,699.97 beside the invoice of the same days in UTC"},
		{time.Date(2026, 9, 1, 0, 0, 0, 0, berlin), time.Date(2026, 10, 1, 0, 0, 0, 0, berlin), "ask with --since 2026-09-01 --until 2026-10-01 --tz UTC"},
		{time.Date(2026, 9, 1, 11, 17, 0, 0, berlin), time.Date(2026, 9, 8, 11, 17, 0, 0, berlin), "ask with --since 2026-09-01 --until 2026-09-08 --tz UTC"},
		{time.Date(2026, 9, 1, 11, 17, 0, 0, berlin), time.Date(2026, 9, 1, 12, 17, 0, 0, berlin), "ask with --since 2026-09-01 --until 2026-09-02 --tz UTC"},
	} {
		r := pageWorld(nil)
		r.Period.Since, r.Period.Until = c.since, c.until
		if says := plain(page(t, r, report.HTMLOptions{})); !strings.Contains(says, c.want) {
			t.Errorf("%s to %s: page does not say %q", c.since, c.until, c.want)
		}
	}
}

// TestAnEmptyPeriodStops: where nothing was recorded nothing is to be trusted, unless
// calls may be missing.
func TestAnEmptyPeriodStops(t *testing.T) {
	r := empty()
	r.GeneratedAt = r.GeneratedAt.AddDate(1, 0, 0)
	for _, torn := range []int64{0, 1} {
		r.Quality.Torn = torn
		var text, md strings.Builder
		if err := report.Text(&text, r, report.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := report.Markdown(&md, r, 0); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{text.String(), md.String(), mailBody(t, r)} {
			if strings.Contains(s, "Trust:") != (torn > 0) || strings.Contains(s, "Warning:") {
				t.Errorf("%d torn lines: %s", torn, s)
			}
		}
	}
}

// TestWordsOfTestsAndWeeks: tests alone are not another amount, those that are not
// listed are in no sum, and a week is named by its Monday.
func TestWordsOfTestsAndWeeks(t *testing.T) {
	r := many(9, 9, 365)
	test := analyze.Finding{Kind: "dearer_model", Class: analyze.Test, Agents: []string{"agent-000"}, Saving: usd("50"), Cost: usd("60")}
	for i := range 70 {
		test.ID = fmt.Sprintf("dearer-model-%06d", i)
		r.Findings = append(r.Findings, test)
	}
	r.Totals.Avoidable = analyze.Avoidable{Certain: usd("0"), Likely: usd("0"), Test: usd("3500")}
	says := plain(page(t, r, report.HTMLOptions{}))
	for _, want := range []string{"No certain or likely waste found in 3,285 calls. $3,500.00 needs a test.", "13 other findings, 13 of them tests, in no sum", "The dearest week is that of 23 Aug 2027 with "} {
		if !strings.Contains(says, want) {
			t.Errorf("page does not say %q", want)
		}
	}
}

// TestMailFitsItsReader: one long word makes no mail wider than its reader's window; the
// caption names grey only where there are others.
func TestMailFitsItsReader(t *testing.T) {
	b := newBrowser(t)
	r := world([]string{strings.Repeat("W", 128), "b"})
	body := mailBody(t, r)
	if strings.Contains(body, "others grey") || !strings.Contains(mailBody(t, world(nil)), ", others grey.") {
		t.Error("the caption names others where there are none, or none where there are")
	}
	for _, width := range []int{600, 390} {
		b.open(write(t, body), width, "light", true)
		var wide int
		b.eval(`document.documentElement.scrollWidth`, &wide)
		if wide > width {
			t.Errorf("mail is %d wide in a window of %d", wide, width)
		}
	}
}

// TestEveryMoneyCellIsExact: each cell that shows dollars has them exactly as well.
func TestEveryMoneyCellIsExact(t *testing.T) {
	text, _, _ := strings.Cut(page(t, pageWorld(nil), report.HTMLOptions{}), `<section id="trust">`)
	n, exact := 0, regexp.MustCompile(` data-(?:usd|exact|saving|change|part|saved)="`)
	for _, m := range regexp.MustCompile(`<(?:td|b)([^>]*)>[^<]*\$\d[^<]*<`).FindAllStringSubmatch(text, -1) {
		if n++; !exact.MatchString(m[1]) {
			t.Errorf("no exact amount in %s", m[0])
		}
	}
	if n < 150 {
		t.Errorf("%d cells with money", n)
	}
}
