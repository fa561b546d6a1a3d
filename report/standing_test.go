//go:build cgo

package report_test

import (
	"strings"
	"testing"

	"burn/analyze"
	"burn/report"
)

// TestBudgetsHaveOneStateEverywhere: the page's rows and answer, Markdown and the
// mail's subject say the same of a budget that was crossed and holds again; nobody is
// blamed whose name was not asked for.
func TestBudgetsHaveOneStateEverywhere(t *testing.T) {
	r := pageWorld(nil)
	at := r.Period.Since.AddDate(0, 0, 20)
	b := analyze.Budget{Scope: analyze.ScopeUser, Key: "u*", Per: analyze.PerDay, Since: r.Period.Since, Until: r.Period.Until, Limit: usd("3"), Spent: usd("1"), State: analyze.BudgetOK,
		ForecastNote: "from 27 days", Over: []analyze.Over{{Since: at, At: at, Spent: usd("4")}}}
	r.Budgets = []analyze.Budget{b}
	says := plain(page(t, r, report.HTMLOptions{}))
	for _, want := range []string{"Of 1 budget, 1 was crossed before.", "1 day over it $1.00", "holds now, crossed before"} {
		if !strings.Contains(says, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	if strings.Contains(says, "(none) spent most") {
		t.Error("page blames nobody")
	}
	var md strings.Builder
	if err := report.Markdown(&md, r, 5); err != nil || !strings.Contains(md.String(), "| holds now, crossed before |") {
		t.Errorf("%v, Markdown %s", err, md.String())
	}
	if s := report.Subject(r); !strings.Contains(s, ", a budget was crossed") {
		t.Errorf("subject %q", s)
	}
}
