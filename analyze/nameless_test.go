//go:build cgo

package analyze_test

import (
	"testing"
	"time"

	"burn/analyze"
)

// TestLinksOfNamelessCallers: a caller without a name and with a clock in its system
// prompt is told by its model, but a trace of any of its models shows that it and
// another one are steps of one action.
func TestLinksOfNamelessCallers(t *testing.T) {
	for _, c := range []struct {
		name    string
		trace   string // of both callers
		program string // of the call with the other model
		system  int    // of that call
		want    int    // findings
	}{
		{"nothing in common", "", "sdk", 99_999, 1},
		{"a trace of the other model", "t", "sdk", 99_999, 0},
		{"a trace of another program", "t", "curl", 99_999, 1},
		{"a trace of a call without a system prompt", "t", "sdk", 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.rate("p", "m", 1000, 100, 1250, 5000)
			for i := range 120 {
				day := at("2026-11-03 10:00:00").AddDate(0, 0, i%5).Add(time.Duration(i) * time.Minute)
				says := cell{"agent": "", "user_agent": "sdk", "fp_input": mark(i)}
				w.putAt(day, says.with(cell{"fp_request": mark(i), "fp_system": 1000 + i}))
				w.putAt(day, says.with(cell{"fp_request": mark(1000 + i), "fp_system": 7, "cost_usd": "0.02"}))
			}
			when := at("2026-11-05 10:00:00")
			w.putAt(when, cell{"agent": "", "user_agent": c.program, "fp_request": mark(5000), "fp_system": c.system, "request_model": "other", "trace": c.trace})
			w.putAt(when, cell{"agent": "", "user_agent": "sdk", "fp_request": mark(5001), "fp_system": 7, "fp_input": mark(5001), "trace": c.trace})
			r := w.find(analyze.Options{Period: november})
			n := 0
			for _, f := range r.Findings {
				if f.Kind == "same_work" {
					n++
				}
			}
			if n != c.want {
				t.Errorf("%d findings of same work, want %d", n, c.want)
			}
		})
	}
}

// TestTrialOfANamelessCaller: one program that asks two models the same for an hour is
// on trial, but two programs that do are two callers.
func TestTrialOfANamelessCaller(t *testing.T) {
	for _, c := range []struct {
		name, program string // that asks the second model
		want          int
	}{{"one program", "sdk", 0}, {"two programs", "curl", 1}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.rate("p", "m", 1000, 100, 1250, 5000)
			w.rate("p", "other", 800, 80, 1000, 4000)
			w.put("03 10:00:00", cell{"agent": "", "user_agent": "sdk", "fp_request": mark(9000)}) // so that an hour is not all there is
			for i := range 120 {
				says := cell{"agent": "", "fp_input": mark(i), "fp_request": mark(i), "fp_system": 77}
				when := at("2026-11-05 10:00:00").Add(time.Duration(i) * 20 * time.Second)
				w.putAt(when, says.with(cell{"user_agent": "sdk"}))
				w.putAt(when.Add(90*time.Second), says.with(cell{"user_agent": c.program, "request_model": "other"}))
			}
			n := 0
			for _, f := range w.find(analyze.Options{Period: november}).Findings {
				if f.Kind == "same_work" {
					n++
				}
			}
			if n != c.want {
				t.Errorf("%d findings of same work, want %d", n, c.want)
			}
		})
	}
}
