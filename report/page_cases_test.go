package report_test

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

// many is a result of n agents and users of their own, over days; the money is
// spread so that each table adds up.
func many(agents, users, days int) *analyze.Result {
	return manyNamed(agents, users, days, func(kind string, i int) string {
		if kind == "agent" {
			return fmt.Sprintf("agent-%03d", i)
		}
		return fmt.Sprintf("u-%05d", i)
	})
}

// manyNamed is many with names of one's own for kind agent and user.
func manyNamed(agents, users, days int, name func(kind string, i int) string) *analyze.Result {
	r := pageWorld([]string{"a"})
	since := r.Period.Since
	r.Period.Until = since.AddDate(0, 0, days)
	r.ByAgent, r.ByUser, r.ByDay, r.Trend, r.ByHour, r.ByWeekdayHour = nil, nil, nil, nil, nil, nil
	r.Scenes, r.Findings, r.Traces, r.Waste, r.Streams, r.Marks, r.Budgets, r.Changes, r.Strangers = analyze.Scenes{}, nil, nil, nil, nil, nil, nil, nil, nil
	r.Compared, r.Previous, r.PreviousAgents, r.Before = nil, nil, nil, nil
	var total analyze.USD
	hours, week := map[string]analyze.USD{}, map[string]analyze.USD{}
	for a := range agents {
		var sum analyze.USD
		for d := range days {
			at := since.AddDate(0, 0, d)
			cost := micro(int64(1_234_567/(a+1) + 1009*d + a))
			r.Trend = append(r.Trend, analyze.TrendPoint{Key: at.Format(time.DateOnly), Agent: name("agent", a), Cost: cost})
			h := fmt.Sprintf("%02d", (d+a)%24)
			hours[h] = hours[h].Add(cost)
			w := fmt.Sprintf("%d-%s", (int(at.Weekday())+6)%7+1, h)
			week[w] = week[w].Add(cost)
			sum = sum.Add(cost)
		}
		r.ByAgent = append(r.ByAgent, analyze.AgentRow{Row: analyze.Row{Key: name("agent", a), Cost: sum, Requests: int64(days), InputTokens: 1000, OutputTokens: 10}})
		total = total.Add(sum)
	}
	slices.SortStableFunc(r.ByAgent, func(x, y analyze.AgentRow) int { return y.Cost.Cmp(x.Cost) })
	for h := range 24 {
		key := fmt.Sprintf("%02d", h)
		if c, ok := hours[key]; ok {
			r.ByHour = append(r.ByHour, analyze.Row{Key: key, Cost: c, Requests: 1})
		}
		for d := range 7 {
			if c, ok := week[fmt.Sprintf("%d-%s", d+1, key)]; ok {
				r.ByWeekdayHour = append(r.ByWeekdayHour, analyze.Row{Key: fmt.Sprintf("%d-%s", d+1, key), Cost: c, Requests: 1})
			}
		}
	}
	r.Totals = analyze.Totals{Cost: total, Requests: int64(agents * days), InputTokens: 1000, OutputTokens: 10, Agents: int64(agents), Avoidable: r.Totals.Avoidable, Estimated: usd("0")}
	each, rest := new(big.Int).QuoRem(total.Pico(), big.NewInt(int64(users)), new(big.Int))
	for u := range users {
		n := new(big.Int).Set(each)
		if u == 0 {
			n.Add(n, rest)
		}
		r.ByUser = append(r.ByUser, analyze.Row{Key: name("user", u), Cost: picoUSD(n), Requests: 1})
	}
	whole := analyze.Row{Key: "m", Cost: total, Requests: r.Totals.Requests}
	r.ByModel, r.ByEndpoint, r.ByTeam = []analyze.Row{whole}, []analyze.Row{whole}, []analyze.Row{whole}
	scenes(r)
	return r
}

// one is a period with a single call.
func one() *analyze.Result {
	r := many(1, 1, 1)
	r.TrendHourly = true
	r.Trend = []analyze.TrendPoint{{Key: "2026-09-01 03:00", Agent: "agent-000", Cost: r.Totals.Cost}}
	r.Scenes = analyze.Scenes{AgentHours: []analyze.TrendPoint{{Key: "03", Agent: "agent-000", Cost: r.Totals.Cost}}, Sample: []analyze.Prompt{{Agent: "agent-000", Input: 1, Output: 1}}}
	return r
}

// priceless is a period in which nothing has a price.
func priceless() *analyze.Result {
	r := one()
	r.Totals.Cost, r.Totals.PeakHour, r.Trend[0].Cost, r.Scenes.AgentHours[0].Cost, r.ByAgent[0].Cost = analyze.USD{}, nil, analyze.USD{}, analyze.USD{}, analyze.USD{}
	for _, rows := range [][]analyze.Row{r.ByUser, r.ByModel, r.ByEndpoint, r.ByTeam, r.ByHour, r.ByWeekdayHour} {
		rows[0].Cost = analyze.USD{}
	}
	r.Quality.UnpricedRequests = 1
	return r
}

// sections are all parts of a page with something in it, in order.
var sections = []string{"fix", "change", "trend", "who", "when", "waste", "traces", "marks", "trust"}

// TestCasesInABrowser opens pages of few and of very many things, on a desk and on
// a telephone: whole, small, quiet, legible, and with sums that are the headline's.
func TestCasesInABrowser(t *testing.T) {
	b := newBrowser(t)
	for _, c := range []struct {
		name   string
		result *analyze.Result
		text   []string
	}{
		{"case study", pageWorld(nil), []string{"Budgets and alerts"}},
		{"one call", one(), []string{"No change marked.", "the mean is $0.05 an hour, and 1 of 24 hours has spending.", "This period is not compared", "No call above 10\u00a0:\u00a01.", "No trace header or session seen on two calls or more", "No waste above $5 found in 1 call. Checked: "}},
		{"no price", priceless(), []string{"Nothing in this period has a price."}},
		{"no headers", pageWorld([]string{"unknown"}), []string{"All calls carry no agent header: set X-Agent-ID", "(no agent header)"}},
		{"300 agents", many(300, 40, 30), []string{"all 280 others"}},
		{"30,000 users", many(12, 30_000, 30), []string{"all 29,990 others"}},
		{"100 days", many(40, 40, 100), []string{"100 of 100 days"}},
		{"a year", many(9, 40, 365), []string{"53 of 53 weeks"}},
		{"long names in every table", crowded("x", 60, 300, 100), []string{"To stay below 600 kB, pictures have no labels under the pointer"}},
	} {
		for _, width := range []int{1280, 390} {
			t.Run(fmt.Sprintf("%s %d", c.name, width), func(t *testing.T) {
				b.t = t
				text := page(t, c.result, report.HTMLOptions{})
				if len(text) >= 600_000 {
					t.Errorf("page of %d bytes, want under 600 kB", len(text))
				}
				for _, want := range c.text {
					if !strings.Contains(text, want) {
						t.Errorf("page does not say %q", want)
					}
				}
				file := write(t, text)
				b.open(file, width, "light", true)
				if strings.Contains(text, `id="charts"`) {
					b.drawn()
				}
				b.shot(fmt.Sprintf("case-%s-%d", strings.ReplaceAll(c.name, " ", "-"), width))
				var got struct {
					Scroll   int
					Faint    []string
					Wide     []string
					Sections []string
					Marks    []string
				}
				b.eval(strings.ReplaceAll(inspect, "WIDTH", strconv.Itoa(width)), &got)
				if got.Scroll > width || len(got.Wide) > 0 {
					t.Errorf("page is %d wide in a window of %d: %q", got.Scroll, width, got.Wide)
				}
				if len(got.Faint) > 0 {
					t.Errorf("text below a contrast of 4.5: %q", got.Faint)
				}
				if len(got.Marks) > 0 {
					t.Errorf("marks below a contrast of 3: %q", got.Marks)
				}
				want := slices.Clone(sections)
				if len(c.result.Budgets)+len(c.result.Spikes) > 0 {
					want = slices.Insert(want, len(want)-1, "budgets")
				}
				if !slices.Equal(got.Sections, want) {
					t.Errorf("sections %q, want %q", got.Sections, want)
				}
				b.sums(c.result)
				for _, complaint := range b.complaints(file) {
					t.Error(complaint)
				}
			})
		}
	}
}

// sums adds up the exact amounts that tables show, in the page itself, and holds
// them to the headline.
func (b *browser) sums(r *analyze.Result) {
	b.t.Helper()
	var got map[string][]string
	b.eval(`(() => {
		const all = (at, name) => [...document.querySelectorAll(at)].map(e => e.dataset[name]).filter(v => v);
		const sums = {heat: all('.heat td', 'usd'), hours: all('#when details td', 'usd'), trend: all('#trend tbody td', 'usd'),
			savings: all('#fix [data-counted]', 'saving'), changes: all('.changes tbody td', 'change'), after: all('#change details tbody td', 'usd'), tile: all('.tile:first-child b', 'usd'),
			change: all('.changes tfoot td', 'change')};
		document.querySelectorAll('#who table').forEach(t => {
			const head = t.previousElementSibling.textContent;
			sums[head] = [...t.querySelectorAll('tbody td')].map(e => e.dataset.usd).filter(v => v);
		});
		return sums;
	})()`, &got)
	add := func(list []string) (sum analyze.USD) {
		for _, v := range list {
			sum = sum.Add(usd(v))
		}
		return sum
	}
	want := map[string]analyze.USD{"Agents": r.Totals.Cost, "Models": r.Totals.Cost, "Users": r.Totals.Cost, "Endpoints": r.Totals.Cost, "tile": r.Totals.Cost,
		"trend": r.Totals.Cost, "hours": r.Totals.Cost, "savings": r.Totals.Avoidable.Certain.Add(r.Totals.Avoidable.Likely)}
	if r.Period.Until.Sub(r.Period.Since) > 24*time.Hour {
		want["heat"] = r.Totals.Cost
	}
	if slices.ContainsFunc(r.ByTeam, func(row analyze.Row) bool { return row.Key != "unknown" }) {
		want["Teams"] = r.Totals.Cost
	}
	if len(r.Changes) > 0 {
		want["changes"] = add(got["change"])
	}
	for name, w := range want {
		if name == "savings" && len(r.Findings) == 0 {
			continue
		}
		if len(got[name]) == 0 && w.Pico().Sign() != 0 {
			b.t.Errorf("%s holds no amounts", name)
		}
		if sum := add(got[name]); sum.Pico().Cmp(w.Pico()) != 0 {
			b.t.Errorf("%s adds up to %s, want %s", name, sum, w)
		}
	}
}
