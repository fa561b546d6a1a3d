//go:build cgo

package analyze_test

import (
	"fmt"
	"testing"
	"time"

	"burn/analyze"
)

// TestScenesAgreeWithTables: what pages draw is the same money as in the tables.
func TestScenesAgreeWithTables(t *testing.T) {
	w := newWorld(t)
	w.each("03 10:30:00", 7*time.Hour, 60, func(i int) cell {
		c := cell{"agent": fmt.Sprintf("a%d", i%3), "fp_request": 1 + i%10, "fp_input": 1 + i%10, "input_tokens": 500 + 300*i, "output_tokens": 100, "trace": fmt.Sprintf("t%d", i%25)}
		if i%2 == 0 {
			c["tags"] = `{"team":"red"}`
		}
		if i%5 == 0 {
			c["tags"] = `{"env":"prod"}`
		}
		return c
	})
	w.put("02 00:00:00", cell{"gap": true, "requests": 10, "input_tokens": 900_000})
	w.put("02 00:00:01", cell{"output_tokens": 0})
	r := w.run(analyze.Options{Period: period("2026-11-02 00:00:00", "2026-11-22 00:00:00"), Compare: &analyze.Period{Since: at("2026-10-01 00:00:00"), Until: at("2026-11-04 00:00:00")}})

	var hours, teams, above analyze.USD
	for _, p := range r.Scenes.AgentHours {
		hours = hours.Add(p.Cost)
	}
	for _, row := range r.ByTeam {
		teams = teams.Add(row.Cost)
	}
	if hours.Cmp(r.Totals.Cost) != 0 || teams.Cmp(r.Totals.Cost) != 0 {
		t.Errorf("by hour and agent %s, by team %s, want %s", hours, teams, r.Totals.Cost)
	}
	if len(r.ByTeam) != 2 || r.ByTeam[0].Key != "unknown" || r.ByTeam[0].Requests != 36+11 || r.ByTeam[1].Key != "red" || r.ByTeam[1].Requests != 24 {
		t.Errorf("teams %+v", r.ByTeam)
	}
	if len(r.Scenes.Sample) != 60 {
		t.Errorf("a sample of %d, want all 60 calls that read and write", len(r.Scenes.Sample))
	}
	n := int64(0)
	for _, p := range r.Scenes.Sample {
		if p.Input > 10*p.Output {
			n++
			above = above.Add(usd("0.01"))
		}
	}
	if a := r.Scenes.AboveTen; a.Requests != n || n == 0 || a.Cost.Cmp(above) != 0 || a.Unpriced != 0 {
		t.Errorf("above 10 : 1 are %d calls of %s, want %d of %s", a.Requests, a.Cost, n, above)
	}
	big := r.Scenes.Big
	if len(big) != 5 || big[0].Input != 500+300*59 || big[4].Input != 500+300*55 || !big[0].At.Equal(at("2026-11-03 10:30:00").Add(59*7*time.Hour)) {
		t.Errorf("biggest prompts %+v", big)
	}
	if r.Scenes.Actions != 25 || r.Scenes.TypicalAction.Cmp(usd("0.02")) != 0 {
		t.Errorf("%d actions, typically of %s", r.Scenes.Actions, r.Scenes.TypicalAction)
	}
	if len(r.Findings) == 0 {
		t.Fatal("no findings: the test shows nothing")
	}
	for _, f := range r.Findings {
		for name, points := range map[string][]analyze.ProofPoint{"days": f.Proof.Days, "hours": f.Proof.Hours} {
			var cost, saving analyze.USD
			var calls int64
			for _, p := range points {
				cost, saving, calls = cost.Add(p.Cost), saving.Add(p.Saving), calls+p.Calls
			}
			if cost.Cmp(f.Cost) != 0 || saving.Cmp(f.Saving) != 0 || calls != f.Calls {
				t.Errorf("%s by %s: %d calls of %s save %s, want %d of %s saving %s", f.ID, name, calls, cost, saving, f.Calls, f.Cost, f.Saving)
			}
		}
	}
	blamed, all := 0, 0
	for _, tr := range r.Traces {
		for _, c := range tr.Calls {
			all++
			if c.Kind == r.Findings[0].Kind && c.Finding == r.Findings[0].ID {
				blamed++
			}
		}
	}
	if blamed == 0 || blamed == all {
		t.Errorf("%d of %d calls of traces are told to be charged by a finding", blamed, all)
	}
	if b := r.Before; b == nil || len(b.ByUser) != 1 || len(b.ByModel) != 1 || len(b.ByEndpoint) != 1 || len(b.ByTeam) == 0 || len(b.Trend) == 0 {
		t.Errorf("compared period %+v", r.Before)
	}
}

// TestScenesOfNothing: a period without a call has no pictures, and is no error.
func TestScenesOfNothing(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-10-02 00:00:00"), agent: "a", cost: "1"})
	r := w.run(analyze.Options{Period: november})
	s := r.Scenes
	if len(s.AgentHours)+len(s.Sample)+len(s.Big) > 0 || s.AboveTen.Requests != 0 || s.Actions != 0 || len(r.ByTeam) != 0 {
		t.Errorf("scenes %+v", s)
	}
}
