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

// TestMarksOfRandomWorlds: calls differ in cost by much more than fixes save, days
// differ, weekends are quiet, and all agents become dearer. Verdicts on what changed
// nothing must not claim a saving, and large savings must be seen. BURN_WORLDS says
// how many worlds; the table is logged.
func TestMarksOfRandomWorlds(t *testing.T) {
	ways := []struct {
		name    string
		cost    float64 // of a call afterwards
		traffic float64 // afterwards
		repeats int     // of each request before, once afterwards
	}{{"nothing", 1, 1, 1}, {"half the traffic", 1, 0.5, 1}, {"twice the traffic", 1, 2, 1}, {"dearer", 1.5, 1, 1}, {"cut by half", 0.5, 1, 1}, {"cut by 70 %", 0.3, 1, 1}, {"repeats answered by a cache", 1, 1, 3}}
	const each, untouched = 3, 12
	verdicts := map[string]map[string]int{}
	saved := map[string]*[2]float64{} // as told, and in fact
	first, worlds := number(t, "BURN_FIRST_WORLD", 0), number(t, "BURN_WORLDS", 1)
	for seed := first; seed < first+worlds; seed++ {
		rnd := rand.New(rand.NewPCG(uint64(seed), 8))
		w := newWorld(t)
		marked := at("2026-11-15 09:30:00")
		var marks []analyze.Mark
		fact := map[string]float64{}
		for n := range each*len(ways) + untouched {
			name, way := fmt.Sprint("agent-", n), ways[0]
			if n < each*len(ways) {
				way = ways[n%len(ways)]
				marks = append(marks, analyze.Mark{At: marked, Agent: name, Text: way.name})
			}
			mean, calls := 0.002*math.Exp(2*rnd.Float64()), 10+rnd.Float64()*15
			request := uint64(0)
			for day := range 42 {
				date := at("2026-10-18 00:00:00").AddDate(0, 0, day)
				level, much := math.Exp(0.1*rnd.NormFloat64()), calls*math.Exp(0.2*rnd.NormFloat64())
				if date.After(marked) {
					much *= way.traffic
				}
				if date.Weekday() == time.Sunday || date.Weekday() == time.Saturday {
					much /= 4
				}
				// A request and its repeats come within minutes.
				for range int(max(1, much/float64(way.repeats)+rnd.Float64())) {
					when := date.Add(time.Duration(rnd.Int64N(int64(23 * time.Hour)))).Truncate(time.Millisecond)
					request++
					for i := range way.repeats {
						at := when.Add(time.Duration(i) * 5 * time.Minute)
						price := mean * level * math.Exp(0.6*rnd.NormFloat64())
						if at.After(marked) {
							price *= 1.1
							fact[name] += price * (1 - way.cost)
							if i > 0 {
								fact[name] += price
								continue
							}
							price *= way.cost
						}
						w.putAt(at, cell{"agent": name, "cost_usd": cost(price), "fp_request": uint64(n)<<32 + request})
					}
				}
			}
		}
		r := w.run(analyze.Options{Period: analyze.Period{Since: marked.AddDate(0, 0, -1), Until: at("2026-11-29 00:00:00")}, Marks: marks, Need: analyze.Split})
		for _, m := range r.Marks {
			if verdicts[m.Text] == nil {
				verdicts[m.Text], saved[m.Text] = map[string]int{}, &[2]float64{}
			}
			verdicts[m.Text][m.Verdict]++
			saved[m.Text][0] += m.Saved.Float()
			saved[m.Text][1] += fact[m.Agent]
		}
		w.db.Close()
	}
	var table strings.Builder
	for _, way := range ways {
		v := verdicts[way.name]
		fmt.Fprintf(&table, "%-28s worked %d  partly %d  no effect %d  too early %d   saved $%.2f, in fact $%.2f\n", way.name, v[analyze.Worked], v[analyze.Partly], v[analyze.NoEffect], v[analyze.TooEarly],
			saved[way.name][0], saved[way.name][1])
		claims := v[analyze.Worked] + v[analyze.Partly]
		switch fixed := way.cost < 1 || way.repeats > 1; {
		case !fixed && claims*10 > each*worlds:
			t.Errorf("%s: %d of %d are said to have saved something", way.name, claims, each*worlds)
		case fixed && claims*10 < 9*each*worlds:
			t.Errorf("%s: only %d of %d are said to have saved something", way.name, claims, each*worlds)
		}
	}
	t.Logf("%d worlds\n%s", worlds, table.String())
}
