//go:build cgo

package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

// says reports whether the page of r says something, spaces being equal.
func says(t *testing.T, r *analyze.Result, want string) bool {
	t.Helper()
	return strings.Contains(strings.ReplaceAll(page(t, r, report.HTMLOptions{}), "\u00a0", " "), want)
}

// TestPartlyRecordedPeriod: where recording began within the compared period, its
// cost is no measure, and everything that would measure by it says so instead.
func TestPartlyRecordedPeriod(t *testing.T) {
	r := world(nil)
	if s := report.Sentence(r) + report.PeriodLine(r) + report.Subject(r); strings.Contains(s, "recorded only since") || !strings.Contains(report.Sentence(r), "-8 %") {
		t.Errorf("%q", s)
	}
	r.FirstCall = r.Compared.Since.Add(60 * time.Hour)
	if s := report.PeriodLine(r); strings.Contains(s, "recorded only") {
		t.Errorf("two and a half of thirty days are no matter: %q", s)
	}
	r.FirstCall = r.Compared.Since.Add(25*24*time.Hour + 3*time.Hour)
	if s := report.PeriodLine(r); !strings.HasSuffix(s, "compared with the 30 days before (recorded only since 27 Aug 03:00)") {
		t.Errorf("%q", s)
	}
	for _, s := range []string{report.Sentence(r), report.Subject(r)} {
		if strings.Contains(s, "-8 %") {
			t.Errorf("%q", s)
		}
	}
	for _, want := range []string{"the earlier period is recorded only since 27 Aug 03:00", "The earlier period is recorded only since 27 Aug 03:00, so some of this may be no change."} {
		if !says(t, r, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestMostOfAChange is said of what is most of it.
func TestMostOfAChange(t *testing.T) {
	for change, want := range map[string]string{"303.75": "most of it is chat-gate with +$303.75", "100": "the largest change is chat-gate with +$100.00", "-20": "the largest change is chat-gate with -$20.00"} {
		r := world(nil)
		r.Changes[0].Change = usd(change)
		r.Changes[1].Change = usd("279.17")
		for i := range r.Changes[2:] {
			r.Changes[2+i].Change = usd("0")
		}
		if change == "303.75" {
			r.Changes[1].Change = usd("-24.58")
		}
		if !says(t, r, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestMeansAreOfThePeriod: hours and days that it covers in part count as parts.
func TestMeansAreOfThePeriod(t *testing.T) {
	r := world(nil)
	r.Totals.Cost = usd("300")
	if !says(t, r, "the mean is $10.00 a day") {
		t.Error("of 30 whole days")
	}
	r.Period.Since, r.Period.Until = r.Period.Since.Add(12*time.Hour), r.Period.Until.Add(-12*time.Hour)
	if !says(t, r, "the mean is $10.34 a day") || !says(t, r, "an even spread would be $12.50 an hour") {
		t.Error("of 29 days")
	}
	r.Period.Until, r.TrendHourly = r.Period.Since.Add(150*time.Minute), true
	if !says(t, r, "an even spread would be $120.00 an hour") {
		t.Error("of two and a half hours")
	}
}

// TestSmallFindingsAreCounted: what the first sentence calls avoidable is somewhere,
// also where no finding is worth a line.
func TestSmallFindingsAreCounted(t *testing.T) {
	r := world(nil)
	r.Findings = []analyze.Finding{{ID: "a", Class: analyze.Likely, Saving: usd("4"), Cost: usd("5")}, {ID: "b", Class: analyze.Certain, Saving: usd("3.50"), Cost: usd("5")}}
	r.Totals.Avoidable = analyze.Avoidable{Certain: usd("3.50"), Likely: usd("4"), Test: usd("0")}
	var b bytes.Buffer
	if err := report.Text(&b, r, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "dearer models than needed. 2 smaller findings, together $7.50: --format json lists all."; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, &b)
	}
}

// TestMoreActions: a number is given where it is known.
func TestMoreActions(t *testing.T) {
	for actions, want := range map[int64]string{0: "more actions: --format json lists", 11_200: "11,197 more actions: --format json lists"} {
		r := world(nil)
		for len(r.Traces) < 5 {
			r.Traces = append(r.Traces, r.Traces[0])
		}
		r.Scenes.Actions = actions
		var b bytes.Buffer
		if err := report.Text(&b, r, report.TextOptions{Top: 10}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "\n "+want) && !strings.Contains(b.String(), "\n"+want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}
