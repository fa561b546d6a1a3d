//go:build cgo

package report_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"burn/analyze"
	"burn/report"
)

// failed is a period in which no call succeeded, so that nothing was billed.
func failed() *analyze.Result {
	r := many(2, 3, 8)
	zero := usd("0")
	r.Quality, r.Totals.Avoidable = analyze.Quality{}, analyze.Avoidable{}
	r.Totals.Cost, r.Totals.Errors, r.Totals.PeakHour = zero, r.Totals.Requests, &analyze.PeakHour{Hour: "00", Cost: zero}
	for i := range r.ByAgent {
		r.ByAgent[i].Cost, r.ByAgent[i].Errors, r.ByAgent[i].Owner = zero, r.ByAgent[i].Requests, "platform"
	}
	for _, rows := range [][]analyze.Row{r.ByUser, r.ByModel, r.ByEndpoint, r.ByTeam, r.ByHour, r.ByWeekdayHour} {
		for i := range rows {
			rows[i].Cost, rows[i].Errors = zero, rows[i].Requests
		}
	}
	for _, points := range [][]analyze.TrendPoint{r.Trend, r.Scenes.AgentHours} {
		for i := range points {
			points[i].Cost = zero
		}
	}
	r.Scenes.AboveTen = analyze.Row{Requests: 3, Cost: zero}
	r.Scenes.Big = nil
	return r
}

// plain is what a page says, without its marks.
func plain(text string) string {
	text = regexp.MustCompile(`(?s)<(script|style|svg).*?</(script|style|svg)>`).ReplaceAllString(text, "")
	text = html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, " "))
	return regexp.MustCompile(`[ \x{a0}\n]+`).ReplaceAllString(text, " ")
}

// TestNoSentenceHasHoles: where there is no money, because all calls failed or none
// has a price, the report says that, and draws and shares out nothing.
func TestNoSentenceHasHoles(t *testing.T) {
	unknown := priceless()
	unknown.Totals.Avoidable = analyze.Avoidable{}
	unknown.Previous, unknown.Compared = &analyze.Totals{Requests: 3}, &analyze.Between{Since: unknown.Period.Since.AddDate(0, 0, -1), Until: unknown.Period.Since}
	unknown.Changes = []analyze.AgentChange{{Agent: "agent-000", Kind: analyze.Changed}}
	unknown.Scenes.AboveTen = analyze.Row{Requests: 1}
	for _, c := range []struct {
		name    string
		result  *analyze.Result
		want    []string
		subject string
	}{
		{"all failed", failed(), []string{"(16 calls). All of them failed.", "2 agents. Nothing in this period cost anything.", "together they cost nothing.", "nothing to pay, 16 errors",
			"8 calls, none of which succeeded · platform"}, "burn: $0.00 in 8 days, all 16 calls failed"},
		{"no price", unknown, []string{"agent-000 is the only agent. Nothing in this period has a price.", "none of them has a price.", "not compared: nothing recorded has a price",
			"nothing priced in the earlier period", "Neither period has anything with a price."}, "burn: no price known in 1 day"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := page(t, c.result, report.HTMLOptions{})
			says := plain(text)
			for _, want := range c.want {
				if !strings.Contains(says, want) {
					t.Errorf("page does not say %q", want)
				}
			}
			for _, hole := range []string{"- of all", "- per 1,000", "(-)", "with -", "even spread", "is the dearest", "have spending", "spends not priced", "cost not priced", "set not priced", "vs not priced"} {
				if strings.Contains(says, hole) {
					t.Errorf("page says %q", hole)
				}
			}
			for _, empty := range []string{`data-chart="trend"`, `data-chart="hours"`, `class="heat"`} {
				if strings.Contains(text, empty) {
					t.Errorf("page has %s", empty)
				}
			}
			if got := report.Subject(c.result); got != c.subject {
				t.Errorf("subject %q, want %q", got, c.subject)
			}
		})
	}
}

// TestWhatHasNoPriceIsNotFree: calls without a price are no part of a mean, have no
// share, and are called so in the hours of the week and in actions.
func TestWhatHasNoPriceIsNotFree(t *testing.T) {
	r := many(2, 1, 2)
	r.Totals.Cost, r.Quality.UnpricedRequests = usd("1"), 2
	r.ByAgent[0].Cost, r.ByAgent[0].Requests = usd("1"), 2
	r.ByAgent[1].Cost, r.ByAgent[1].Requests, r.ByAgent[1].Unpriced = analyze.USD{}, 2, 2
	r.ByModel = []analyze.Row{{Key: "mixed", Cost: usd("1"), Requests: 4, Unpriced: 2}}
	r.ByWeekdayHour = []analyze.Row{{Key: "1-05", Requests: 2}}
	r.Scenes.AboveTen = analyze.Row{Requests: 3, Cost: usd("0.5"), Unpriced: 2}
	r.Traces = []analyze.Trace{{ID: "t", By: "trace", Cost: usd("0.5"), Calls: []analyze.Call{{Cost: usd("0.5"), End: "complete"}, {End: "complete"}}}}
	before := r.Totals
	r.Previous, r.Compared = &before, &analyze.Between{Since: r.Period.Since.AddDate(0, 0, -2), Until: r.Period.Since}
	r.PreviousAgents = map[string]analyze.USD{r.ByAgent[0].Key: {}, r.ByAgent[1].Key: usd("3")}
	says := plain(page(t, r, report.HTMLOptions{}))
	for _, want := range []string{"$500.00 per 1,000 with a price", "agent-000 $1.00 100 % - 2 $500.00", "agent-001 not priced - - 2 -", "mixed $1.00 100 %", "Total $1.00 ±0 % 4 $500.00", "Mon nothing nothing nothing nothing nothing not priced nothing",
		"The dearest action cost $0.5000 in 2 calls (1 not priced).", "together they cost $0.50, 50 % of all, not counting 2 without a price."} {
		if !strings.Contains(says, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	var b strings.Builder
	if err := report.Text(&b, r, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, "Total $1.00 ±0 % 100 % 4 $500.00") || !strings.Contains(text, "agent-001 not priced - - 2 - ") || strings.Contains(text, "$250.00") {
		t.Errorf("tables %s", text)
	}
}
