//go:build cgo

package analyze_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

// TestPlantedWasteIsFound makes random worlds of innocent agents and of agents with
// one kind of waste each, of random size, and compares what findings claim, call by
// call, with what was planted. The planted dollars are worked out here, from what
// the maker of a call knows, and not from any query. BURN_WORLDS says how many
// worlds; the table is logged.
func TestPlantedWasteIsFound(t *testing.T) {
	worlds, first := number(t, "BURN_WORLDS", 6), number(t, "BURN_FIRST_WORLD", 0)
	planted, claimed, right := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for seed := first; seed < first+worlds; seed++ {
		m := newMaker(t, uint64(seed))
		m.build()
		r := m.w.find(analyze.Options{Period: m.period})
		took := m.w.charges()
		for key, n := range m.planted {
			planted[key.kind] += n
			right[key.kind] += min(n, took[key])
			if got := took[key]; got < n/2 {
				m.missed[key.kind+" of "+m.agents[key.seq]] += n - got
			}
		}
		for key, n := range took {
			claimed[key.kind] += n
			if over := n - m.planted[key]; over > n/2 {
				m.missed[key.kind+" claimed of "+m.agents[key.seq]] += over
			}
		}
		var lines []string
		for what, n := range m.missed {
			lines = append(lines, fmt.Sprintf("%s: $%.4f", what, float64(n)/1e12))
		}
		if len(lines) > 0 {
			slices.Sort(lines)
			t.Logf("world %d (named %v, %d calls): %s", seed, m.named, r.Totals.Requests, strings.Join(lines, "; "))
		}
		m.w.db.Close()
	}
	var table strings.Builder
	for _, kind := range analyze.Kinds() {
		precision, recall := 1.0, 1.0
		if claimed[kind] > 0 {
			precision = float64(right[kind]) / float64(claimed[kind])
		}
		if planted[kind] > 0 {
			recall = float64(right[kind]) / float64(planted[kind])
		}
		fmt.Fprintf(&table, "%-13s planted $%10.4f  claimed $%10.4f  wrongly $%9.4f  precision %.4f  recall %.4f\n", kind, float64(planted[kind])/1e12, float64(claimed[kind])/1e12,
			float64(claimed[kind]-right[kind])/1e12, precision, recall)
		if planted[kind] == 0 || precision < 0.98 || recall < 0.98 {
			t.Errorf("%s: planted %d, precision %.4f, recall %.4f", kind, planted[kind], precision, recall)
		}
	}
	t.Logf("%d worlds\n%s", worlds, table.String())
}

// TestFindingsInPartsAreTheSame: many calls and actions are looked at part by part, and what
// can be asked side by side is.
func TestFindingsInPartsAreTheSame(t *testing.T) {
	m := newMaker(t, 7)
	m.repeated()
	m.cache()
	m.schedule()
	m.bloat()
	m.steps()
	want := m.w.run(analyze.Options{Period: m.period})
	if len(want.Findings) < 4 || len(want.Traces) < 10 || want.Scenes.Actions < 10 {
		t.Fatalf("findings %+v, %d traces of %d", want.Findings, len(want.Traces), want.Scenes.Actions)
	}
	analyze.InPartsOf(t, 100)
	m.w.db.SetMaxOpenConns(2)
	got := m.w.run(analyze.Options{Period: m.period})
	if !reflect.DeepEqual(got.Findings, want.Findings) {
		t.Errorf("in parts %+v\nat once %+v", got.Findings, want.Findings)
	}
	if !reflect.DeepEqual(got.Traces, want.Traces) || !reflect.DeepEqual(got.Scenes, want.Scenes) {
		t.Errorf("in parts %+v, %+v\nat once %+v, %+v", got.Traces, got.Scenes, want.Traces, want.Scenes)
	}
}

// plantKey is a call and the finding that is to charge it.
type plantKey struct {
	seq  uint64
	kind string
}

// maker builds one world.
type maker struct {
	w       *world
	rnd     *rand.Rand
	period  analyze.Period
	named   bool // calls say their agent
	planted map[plantKey]int64
	missed  map[string]int64
	agents  map[uint64]string // by seq
	next    uint64            // of fingerprints
	team    int               // agents so far
}

func newMaker(t *testing.T, seed uint64) *maker {
	m := &maker{w: newWorld(t), rnd: rand.New(rand.NewPCG(seed, 99)), planted: map[plantKey]int64{}, missed: map[string]int64{}, agents: map[uint64]string{}, next: seed << 32}
	m.period = period("2026-11-08 00:00:00", "2026-11-22 00:00:00")
	m.named = m.rnd.IntN(3) > 0
	for _, p := range rates {
		m.w.rate("p", p.model, p.in, p.read, p.write, p.out)
	}
	m.w.exec("UPDATE rate SET sibling = 'small', sibling_input_pico = 100000000, sibling_read_pico = 10000000, sibling_write_pico = 125000000, sibling_output_pico = 500000000 WHERE request_model_id = ?", m.w.id("request_model", "big"))
	return m
}

// rates are millionths of a dollar per 1,000 tokens, so 1e-9 of one per token.
var rates = []struct {
	model                string
	in, read, write, out int64
}{{"mid", 3000, 300, 3750, 15000}, {"low", 800, 80, 1000, 4000}, {"auto", 1250, 125, 1250, 10000}, {"big", 5000, 500, 6250, 25000}}

const picoPerRate = 1000 // 1e-12 USD per token, for each unit of a rate

// kind is one call to be made: what it is made of, and what is planted in it.
type made struct {
	at            time.Time
	set           cell
	in, out       int64
	read, written int64
	kind          string
	part          func(cost int64) int64 // of the cost; nil: all
}

// agent makes the calls of one agent, with a key, a program and, unless the calls
// have their own, a system prompt.
func (m *maker) agent(what string, rate int, calls []made) {
	m.team++
	name := fmt.Sprintf("%s-%d", what, m.team)
	p := rates[rate]
	for _, c := range calls {
		cost := ((c.in-c.read-c.written)*p.in + c.read*p.read + c.written*p.write + c.out*p.out) * picoPerRate
		set := cell{"agent": "", "key_id": "key-" + name, "user_agent": "sdk", "fp_system": 1_000_000 + m.team, "request_model": p.model,
			"input_tokens": c.in, "output_tokens": c.out, "cache_read_tokens": c.read, "cache_write_tokens": c.written,
			"system_bytes": 600, "input_bytes": max(300, 4*c.in-600), "cost_usd": fmt.Sprintf("%d.%012d", cost/1e12, cost%1e12)}
		if m.named {
			set["agent"] = name
		}
		set = set.with(c.set)
		if set["cost_usd"] == "0" {
			cost = 0
		}
		m.w.put(c.at.Format("02 15:04:05.000"), set)
		m.agents[m.w.seq] = name
		if c.kind == "" || c.at.Before(m.period.Since) {
			continue
		}
		part := cost
		if c.part != nil {
			part = c.part(cost)
		}
		m.planted[plantKey{m.w.seq, c.kind}] = part
	}
}

// charges is what findings took, by call and kind.
func (w *world) charges() map[plantKey]int64 {
	w.t.Helper()
	rows, err := w.db.Query("SELECT place, seq, CAST(saved_usd * 1000000000000 AS BIGINT) FROM charge")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	took := map[plantKey]int64{}
	for rows.Next() {
		var place int
		var seq uint64
		var n int64
		if err := rows.Scan(&place, &seq, &n); err != nil {
			w.t.Fatal(err)
		}
		took[plantKey{seq, analyze.Kinds()[place-1]}] += n
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return took
}

func (m *maker) fp() uint64 { m.next++; return m.next*0x9e3779b97f4a7c15>>1 + 1 }

func (m *maker) between(lo, hi int) int { return lo + m.rnd.IntN(hi-lo+1) }

// any is a moment of the period or the week before, at no minute of its own.
func (m *maker) any() time.Time {
	return at("2026-11-01 00:00:00").Add(time.Duration(m.rnd.Int64N(int64(21 * 24 * time.Hour)))).Truncate(time.Millisecond)
}

// plain is an innocent call: a request of its own.
func (m *maker) plain(when time.Time) made {
	return made{at: when, in: int64(m.between(200, 3500)), out: int64(m.between(70, 600)), set: cell{"fp_input": m.fp(), "fp_request": m.fp()}}
}

func (m *maker) some(n int) (list []made) {
	for range n {
		list = append(list, m.plain(m.any()))
	}
	return list
}

// again is the same request at another time.
func again(c made, after time.Duration) made {
	c.at, c.set, c.kind, c.part = c.at.Add(after), maps.Clone(c.set), "", nil
	return c
}

func (m *maker) build() {
	wastes := []func(){m.retries, m.abandoned, m.schedule, m.sameWork, m.repeated, m.history, m.cache, m.batch, m.bloat, m.dearer}
	for _, plant := range wastes {
		if m.rnd.IntN(5) < 3 {
			plant()
		}
	}
	for _, innocent := range []func(){m.hourly, m.steps, m.coder, m.retrieval, m.chat, m.health, m.samples, m.trial, m.teamPrompt, m.loop} {
		if m.rnd.IntN(3) > 0 {
			innocent()
		}
	}
}
