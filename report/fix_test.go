package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

func TestPriceWarning(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	for _, c := range []struct{ name, date, want string }{
		{"today", "2026-11-23", ""},
		{"60 days", "2026-09-25", ""},
		{"from the future", "2027-01-01", ""},
		{"61 days", "2026-09-23", "prices of 2026-09-23 are 61 days old: newer ones may differ; update burn, or give yours with --prices FILE"},
		{"unknown", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := now
			if c.name == "60 days" {
				at = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			}
			if got := report.PriceWarning(c.date, at); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	r := world(nil)
	r.GeneratedAt = now
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return report.Text(b, r, report.TextOptions{Compact: true}) },
		"markdown": func(b *bytes.Buffer) error { return report.Markdown(b, r, 0) },
		"html":     func(b *bytes.Buffer) error { return report.HTML(b, r, report.HTMLOptions{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(b.String(), "Warning: prices of 2026-08-21 are 94 days old") {
			t.Errorf("%s does not warn of old prices, %v", name, err)
		}
	}
}

func TestUnpricedLine(t *testing.T) {
	for _, c := range []struct {
		name string
		list []analyze.Unpriced
		want string
	}{
		{"nothing", nil, ""},
		{"one", []analyze.Unpriced{{Provider: "openai", Model: "gpt-x", Requests: 1, Tokens: 1234}},
			"not priced: 1 call, 1,234 tokens: gpt-x of openai; they are in no sum: burn prices explain gpt-x --provider openai"},
		{"names that a shell or a terminal would obey", []analyze.Unpriced{{Provider: "", Model: "a'b;rm -rf /\x1b", Requests: 2, Tokens: 1}, {}, {}},
			`not priced: 2 calls, 1 tokens: a'b;rm -rf /\x1b of (none) and 2 other models; they are in no sum: burn prices explain 'a'\''b;rm -rf /\x1b' --provider ''`},
		{"a name like a flag", []analyze.Unpriced{{Provider: "p", Model: "--help", Requests: 2}},
			"not priced: 2 calls, 0 tokens: --help of p; they are in no sum: burn prices explain '--help' --provider p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := report.UnpricedLine(&analyze.Result{Unpriced: c.list}); got != c.want {
				t.Errorf("got\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// TestNothingEstimatedIsNotMarked: marks mean something only where they are rare.
func TestNothingEstimatedIsNotMarked(t *testing.T) {
	r := world(nil)
	zero := usd("0")
	r.Totals.Estimated, r.Totals.PeakHour.Estimated, r.Waste[0].Estimated, r.Streams = zero, zero, zero, nil
	r.Previous.Estimated, r.Budgets[0].Estimated = zero, zero
	r.Traces[0].Calls[1].Estimated = false
	for _, rows := range [][]analyze.Row{r.ByUser, r.ByModel, r.ByEndpoint, r.ByTeam, r.ByHour, r.ByWeekdayHour} {
		rows[0].Estimated = zero
	}
	for i := range r.Trend {
		r.Trend[i].Estimated = zero
	}
	r.ByAgent[0].Estimated = zero
	var text, page bytes.Buffer
	if err := report.Text(&text, r, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := report.HTML(&page, r, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "est.") {
		t.Error("the tables mark an estimate")
	}
	if n := strings.Count(page.String(), "\u00a0est.") + strings.Count(page.String(), "<small>est."); n > 1 { // "0 % est." of the tile
		t.Errorf("the page marks %d estimates", n)
	}
}
