//go:build cgo

package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"burn/analyze"
)

// TestChangesNameTheirCause: one thing differs between October and November, and
// one part is the whole difference.
func TestChangesNameTheirCause(t *testing.T) {
	w := newWorld(t)
	w.rate("p", "m", 1000, 100, 1250, 5000)
	w.tier("p", "m", "priority", 2000, 200, 2500, 10000)
	w.rate("p", "small", 100, 10, 125, 500)
	cases := []struct {
		name       string
		old, fresh cell
		oldN, n    int
		kind, want string
		part       func(analyze.AgentChange) analyze.USD
	}{
		{"twice the calls", cell{}, cell{}, 10, 20, "changed", "0.015", func(c analyze.AgentChange) analyze.USD { return c.Volume }},
		{"twice the input", cell{}, cell{"input_tokens": 2000, "cost_usd": "0.0025"}, 10, 10, "changed", "0.01", func(c analyze.AgentChange) analyze.USD { return c.Size }},
		{"input from the cache", cell{}, cell{"cache_read_tokens": 900, "cost_usd": "0.00069"}, 10, 10, "changed", "-0.0081", func(c analyze.AgentChange) analyze.USD { return c.Size }},
		{"a fee per call", cell{}, cell{"cost_usd": "0.0115"}, 10, 10, "changed", "0.1", func(c analyze.AgentChange) analyze.USD { return c.Size }},
		{"prices doubled", cell{}, cell{"cost_usd": "0.003", "service_tier": "priority"}, 10, 10, "changed", "0.015", func(c analyze.AgentChange) analyze.USD { return c.Price }},
		{"a discount of the provider", cell{"cost_basis": "reported"}, cell{"cost_basis": "reported", "cost_usd": "0.0012"}, 10, 10, "changed", "-0.003", func(c analyze.AgentChange) analyze.USD { return c.Price }},
		{"a cheaper model", cell{}, cell{"request_model": "small", "cost_usd": "0.00015"}, 10, 10, "changed", "-0.0135", func(c analyze.AgentChange) analyze.USD { return c.Mix }},
		{"new", nil, cell{}, 0, 10, "new", "0.015", func(c analyze.AgentChange) analyze.USD { return c.Presence }},
		{"gone", cell{}, nil, 10, 0, "gone", "-0.015", func(c analyze.AgentChange) analyze.USD { return c.Presence }},
		{"failures that cost nothing", cell{}, cell{"cost_basis": "none", "status": 429, "cost_usd": "0", "input_tokens": 0, "output_tokens": 0}, 10, 10, "changed", "-0.015", func(c analyze.AgentChange) analyze.USD { return c.Volume }},
		{"no price before", cell{"cost_usd": nil, "cost_basis": "unknown_model"}, cell{}, 10, 10, "changed", "0.015", func(c analyze.AgentChange) analyze.USD { return c.Unpriced }},
		{"no price any more", cell{}, cell{"cost_usd": nil, "cost_basis": "unknown_model"}, 10, 10, "changed", "-0.015", func(c analyze.AgentChange) analyze.USD { return c.Unpriced }},
		{"never a price", cell{"cost_usd": nil, "cost_basis": "unknown_model"}, cell{"cost_usd": nil, "cost_basis": "unknown_model"}, 10, 20, "changed", "0", analyze.AgentChange.Sum},
	}
	for n, c := range cases {
		w.lane = fmt.Sprint(n, laneEnd)
		for i := range c.oldN {
			w.put(fmt.Sprintf("03 10:00:%02d", i), cell{"cost_usd": "0.0015"}.with(c.old))
		}
		for i := range c.n {
			w.put(fmt.Sprintf("13 10:00:%02d", i), cell{"cost_usd": "0.0015"}.with(c.fresh))
		}
	}
	before := period("2026-11-01 00:00:00", "2026-11-10 00:00:00")
	r := w.run(analyze.Options{Period: period("2026-11-10 00:00:00", "2026-11-20 00:00:00"), Compare: &before})
	byAgent := map[string]analyze.AgentChange{}
	for _, change := range r.Changes {
		byAgent[change.Agent] = change
	}
	if len(byAgent) != len(cases) {
		t.Errorf("%d agents changed, want %d: %+v", len(byAgent), len(cases), r.Changes)
	}
	for n, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := byAgent[fmt.Sprint(n, laneEnd, "a")]
			if got.Kind != c.kind || c.part(got).String() != c.want || got.Change.String() != c.want || got.Sum().Cmp(got.Change) != 0 || (got.Why == "") != (c.want == "0") {
				t.Errorf("%+v, want %s %s", got, c.kind, c.want)
			}
			if unpriced := func(c cell) bool { return c["cost_basis"] == "unknown_model" }; got.Before.Known() == unpriced(c.old) || got.After.Known() == unpriced(c.fresh) {
				t.Errorf("%s before, %s after: known where nothing has a price, or unknown where something has", got.Before, got.After)
			}
		})
	}
}

// TestChangesAddUp: in random worlds the parts of every agent add up to its
// change, and all changes to that of the totals, to the last digit.
func TestChangesAddUp(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t)
		for m := range 3 {
			w.rate("p", fmt.Sprint("m", m), rnd.Int64N(9000), rnd.Int64N(900), rnd.Int64N(9000), rnd.Int64N(90000))
		}
		for i := range 300 {
			c := cell{"agent": fmt.Sprint("a", rnd.IntN(5)), "request_model": fmt.Sprint("m", rnd.IntN(5)), "input_tokens": 1 + rnd.IntN(9999), "output_tokens": rnd.IntN(999),
				"cost_usd": fmt.Sprintf("0.%012d", rnd.Int64N(1e11)), "cost_basis": []string{"computed", "reported", "none"}[rnd.IntN(3)]}
			switch {
			case c["cost_basis"] == "none":
				c["cost_usd"] = "0"
			case rnd.IntN(6) == 0:
				c["cost_usd"], c["cost_basis"] = nil, "unknown_model"
			}
			w.put(fmt.Sprintf("%02d 10:00:00", 1+i%20), c)
		}
		before := period("2026-11-01 00:00:00", "2026-11-08 00:00:00")
		r := w.run(analyze.Options{Period: period("2026-11-08 00:00:00", "2026-11-30 00:00:00"), Compare: &before, Need: analyze.Split})
		if checkChanges(t, fmt.Sprint("seed ", seed), r); len(r.Changes) != 5 {
			t.Errorf("seed %d: %d agents change", seed, len(r.Changes))
		}
	}
	// Caches, tiers, discounts, failures and models without a price.
	m := newMixer(121)
	middle := m.since.Add(m.until.Sub(m.since) / 2)
	for _, named := range []bool{true, false} {
		r := m.into(t, named).run(analyze.Options{Period: analyze.Period{Since: middle, Until: m.until}, Compare: &analyze.Period{Since: m.since, Until: middle}, Need: analyze.Split})
		checkChanges(t, fmt.Sprint("mixed, named ", named), r)
		var parts analyze.Parts
		for _, c := range r.Changes {
			parts = parts.Add(c.Parts)
		}
		if !named && (len(r.Changes) != 1 || parts.Mix.Pico().Sign() == 0) {
			t.Errorf("changes %+v", r.Changes)
		}
	}
}

func checkChanges(t *testing.T, name string, r *analyze.Result) {
	t.Helper()
	var sum analyze.USD
	for _, c := range r.Changes {
		if c.Sum().Cmp(c.Change) != 0 || c.After.Sub(c.Before).Cmp(c.Change) != 0 {
			t.Errorf("%s: parts of %+v add up to %s", name, c, c.Sum())
		}
		sum = sum.Add(c.Change)
	}
	if want := r.Totals.Cost.Sub(r.Previous.Cost); len(r.Changes) == 0 || sum.Cmp(want) != 0 {
		t.Errorf("%s: %d agents change by %s, the totals by %s", name, len(r.Changes), sum, want)
	}
}

// with is c with what set says.
func (c cell) with(set cell) cell {
	for name, v := range set {
		c[name] = v
	}
	return c
}
