//go:build cgo

package analyze_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

// TestMarksGetTheirVerdict: a mark of 15 November 12:00 in a world whose agents
// cost 30 % more from then on, seen at the end of the month or of a day.
func TestMarksGetTheirVerdict(t *testing.T) {
	at15 := at("2026-11-15 12:00:00")
	for _, c := range []struct {
		name    string
		factor  float64 // what became of the agent's cost per call, the trend left out
		volume  int     // calls of the marked agent in an hour after it, 2 before
		repeats int     // how often each request came before the mark, once after
		days    int     // seen so long after the mark
		alone   bool    // no other agents
		left    bool    // the agent goes on sending long histories
		verdict string
		per     string
		saved   float64 // dollars, to 2 %
	}{
		{"cut by 80 %", 0.2, 2, 1, 14, false, false, analyze.Worked, "call", 14 * 48 * 0.013 * 0.8},
		{"cut by 80 %, nobody else", 0.2, 2, 1, 14, true, false, analyze.Worked, "call", 14 * 48 * 0.01 * (1 - 0.2*1.3)},
		{"cut by 5 %", 0.95, 2, 1, 14, false, false, analyze.Partly, "call", 14 * 48 * 0.013 * 0.05},
		{"cut by 40 %, most of it still there", 0.6, 2, 1, 14, false, true, analyze.Partly, "call", 14 * 48 * 0.013 * 0.4},
		{"nothing changed", 1, 2, 1, 14, false, false, analyze.NoEffect, "call", 0},
		{"half the traffic", 1, 1, 1, 14, false, false, analyze.NoEffect, "call", 0},
		{"dearer", 1.5, 2, 1, 14, false, false, analyze.NoEffect, "call", -14 * 48 * 0.013 * 0.5},
		{"two days ago", 0.2, 2, 1, 2, false, false, analyze.TooEarly, "call", 2 * 48 * 0.013 * 0.8},
		{"repeats answered by a cache", 1, 1, 4, 14, false, false, analyze.Worked, "request", 14 * 24 * 0.013 * 3},
		{"gone", 1, 0, 1, 14, false, false, analyze.Worked, "call", 14 * 48 * 0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.rate("p", "m", 1000, 100, 1250, 5000)
			rnd := rand.New(rand.NewPCG(3, 4))
			for hour := range 29 * 24 {
				now := at("2026-11-01 00:20:00").Add(time.Duration(hour) * time.Hour)
				trend, factor, n := 1.0, 1.0, 2
				if now.After(at15) {
					trend, factor, n = 1.3, c.factor, c.volume
				}
				for i := range n {
					request := 1 + 1000*hour + i
					if !now.After(at15) {
						request = 1 + (2*hour+i)/c.repeats
					}
					set := cell{"agent": "fixed", "fp_request": request, "cost_usd": cost(0.01 * trend * factor * (0.95 + 0.1*rnd.Float64()))}
					if c.left {
						set = set.with(cell{"history_bytes": 60_000, "recent_bytes": 1000, "input_bytes": 1000, "input_tokens": 15_000, "output_tokens": 5})
					}
					w.put(now.Add(time.Duration(i)*time.Minute).Format("02 15:04:05"), set)
				}
				if !c.alone {
					w.put(now.Format("02 15:04:05"), cell{"agent": "other", "cost_usd": cost(0.03 * trend * (0.95 + 0.1*rnd.Float64()))})
				}
			}
			seen := at15.AddDate(0, 0, c.days)
			r := w.run(analyze.Options{Need: analyze.Split, Period: analyze.Period{Since: at15.AddDate(0, 0, -1), Until: seen}, Filter: analyze.Filter{Agents: []string{"fix*"}},
				Marks: []analyze.Mark{{At: at15, Agent: "fixed", Text: "fix"}, {At: at15, Agent: "hidden", Text: "another"}, {At: seen.AddDate(0, 0, 1), Agent: "fixed", Text: "later"}}})
			if len(r.Marks) != 1 {
				t.Fatalf("marks %+v", r.Marks)
			}
			m := r.Marks[0]
			if m.Verdict != c.verdict || m.Per != c.per || m.Why == "" || math.Abs(m.Saved.Float()-c.saved) > 0.02*math.Abs(c.saved)+0.12 {
				t.Errorf("verdict %q per %s, saved %s: %+v", m.Verdict, m.Per, m.Saved, m)
			}
			if why := map[string]string{"dearer": "the cost per 1,000 calls rose", "nothing changed": "the cost per 1,000 calls did not fall beyond what days differ by",
				"two days ago": "only 94 billed calls on 2 days since: a verdict needs 3 days"}[c.name]; why != "" && m.Why != why || m.Rose() != (c.name == "dearer") {
				t.Errorf("%q, rose %v", m.Why, m.Rose())
			}
			if c.verdict == analyze.Worked && c.volume > 0 && (m.ChangePct == nil || *m.ChangeLowPct > *m.ChangePct || *m.ChangePct > *m.ChangeHighPct || m.SavedLow.Cmp(m.Saved) > 0 || m.Saved.Cmp(m.SavedHigh) > 0) {
				t.Errorf("intervals of %+v", m)
			}
			if want := int64(1); c.volume > 0 && !c.alone && (m.Untouched != want || math.Abs(*m.UntouchedPct-30) > 2) {
				t.Errorf("others %+v", m)
			}
		})
	}
}

func cost(dollars float64) string { return fmt.Sprintf("%.9f", dollars) }

// TestMarkOfAnAgentNobodyKnows: and of one whose earlier mark bounds it.
func TestMarkOfAnAgentNobodyKnows(t *testing.T) {
	w := newWorld(t)
	w.each("02 00:00:00", time.Hour, 600, func(i int) cell { return cell{"agent": "a", "cost_usd": cost(0.01 / float64(1+i/200))} })
	marks := []analyze.Mark{{At: at("2026-11-10 08:00:00"), Agent: "a", Text: "one"}, {At: at("2026-11-12 08:00:00"), Agent: "typo", Text: "?"}, {At: at("2026-11-18 16:00:00"), Agent: "a", Text: "two"}}
	r := w.run(analyze.Options{Period: november, Marks: marks})
	if len(r.Marks) != 3 || r.Marks[1].Verdict != analyze.TooEarly || r.Marks[1].Saved.Known() {
		t.Fatalf("%+v", r.Marks)
	}
	if why := r.Marks[1].Why; why != "this agent made no billed call in the 28 days before, and none since: is its name right?" || !r.Marks[1].Silent() {
		t.Errorf("%q", why)
	}
	for _, i := range []int{0, 2} {
		if m := r.Marks[i]; m.Verdict != analyze.Worked || m.DaysBefore > 9 || m.DaysAfter > 9 || *m.ChangePct > -30 {
			t.Errorf("mark %d: %+v", i, m)
		}
	}
}

// TestStillAvoidableIsWhatFindingsCharge: of the marked agent, named or not, after
// the mark, and nothing that only a test can show.
func TestStillAvoidableIsWhatFindingsCharge(t *testing.T) {
	for _, named := range []bool{true, false} {
		m := newMaker(t, 11)
		m.named = named
		m.repeated()
		m.history()
		m.dearer()
		agent, when := m.agents[1], at("2026-11-12 00:00:00")
		if !named {
			agent = "unknown"
		}
		r := m.w.run(analyze.Options{Period: m.period, Marks: []analyze.Mark{{At: when, Agent: agent, Text: "t"}}})
		var want analyze.USD
		row := m.w.db.QueryRow("SELECT CAST(sum(saved_usd) AS VARCHAR) FROM charge JOIN calls USING (boot, seq) WHERE agent = ? AND calls.ts >= ? AND place < 10", agent, when)
		if err := row.Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := r.Marks[0].StillLeft; want.Pico().Sign() <= 0 || got.Cmp(want) != 0 {
			t.Errorf("named %v: still avoidable %s, findings charge %s", named, got, want)
		}
	}
}

// TestMarksAreTheSameUnderAFilter: agents that were changed too are no comparison,
// also where their marks are hidden.
func TestMarksAreTheSameUnderAFilter(t *testing.T) {
	w := newWorld(t)
	for _, agent := range []string{"fixed", "other", "touched"} {
		w.each("02 00:00:00", time.Hour, 600, func(i int) cell {
			dollars := 0.01
			if i > 300 && agent != "other" {
				dollars = 0.006
			}
			return cell{"agent": agent, "cost_usd": cost(dollars)}
		})
	}
	opt := analyze.Options{Period: november, Marks: []analyze.Mark{{At: at("2026-11-14 12:30:00"), Agent: "fixed", Text: "fix"}, {At: at("2026-11-14 12:40:00"), Agent: "touched", Text: "too"}}}
	all := w.run(opt)
	opt.Filter.Agents = []string{"fixed"}
	some := w.run(opt)
	if len(all.Marks) != 2 || len(some.Marks) != 1 {
		t.Fatalf("%+v\n%+v", all.Marks, some.Marks)
	}
	if a, b := all.Marks[0], some.Marks[0]; a.Untouched != 1 || b.Untouched != 1 || a.Saved.Cmp(b.Saved) != 0 || a.Verdict != analyze.Worked {
		t.Errorf("%+v\nunder a filter %+v", a, b)
	}
}

// TestMarkOfTheSameHour: the hour of a mark counts for neither side, but an agent with
// calls in it has made some.
func TestMarkOfTheSameHour(t *testing.T) {
	w := newWorld(t)
	w.each("20 10:00:00", time.Minute, 40, func(i int) cell { return cell{"agent": "new", "fp_request": mark(i)} })
	at := at("2026-11-20 10:20:00")
	r := w.run(analyze.Options{Period: november, Marks: []analyze.Mark{{At: at, Agent: "new", Text: "fix"}, {At: at, Agent: "nwe", Text: "typo"}}})
	if len(r.Marks) != 2 {
		t.Fatalf("%+v", r.Marks)
	}
	for i, want := range []string{"but for the hour of the mark", "is its name right?"} {
		if m := r.Marks[i]; !strings.Contains(m.Why, want) || m.Silent() != (i == 1) || m.Verdict != analyze.TooEarly {
			t.Errorf("%s: %s: %s", m.Agent, m.Verdict, m.Why)
		}
	}
}
