package analyze

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"time"
)

// Spike is an hour, or several in a row, or a day in which an agent spent more
// than twice the most of the four weeks before: hours are compared with those of
// the same time of day and the two before and after, days with days. Of two weeks
// or more one exception is left out; an agent that began less than a week before
// has no history.
type Spike struct {
	Kind  string    `json:"kind"` // hour or day
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Agent string    `json:"agent"`
	Cost  USD       `json:"cost_usd"`
	Most  USD       `json:"most_usd"` // of the hours or days compared with; of hours in a row, of the first
}

const (
	spikeFactor = 2
	spikeFloor  = 1  // dollars above the most, at least
	spikeDays   = 7  // of history, at least
	exceptDays  = 14 // from so many on, the most is the second most

	// MostSpikes is how many spikes a Result has at most, the dearest.
	MostSpikes = 20
)

// spikes finds those that begin at since or later, dearest first.
func (w watcher) spikes(since time.Time) []Spike {
	list := []Spike{}
	agents := w.spent.by[ScopeAgent]
	for _, agent := range slices.Sorted(maps.Keys(agents)) {
		days, hours := map[int64]USD{}, map[int64]USD{}
		start := time.Unix(slices.Min(slices.Collect(maps.Keys(agents[agent])))*int64(quarter/time.Second), 0)
		for q, b := range agents[agent] {
			t := time.Unix(q*int64(quarter/time.Second), 0)
			hours[t.Unix()/3600] = hours[t.Unix()/3600].Add(b.cost)
			day := w.day(t)
			days[day] = days[day].Add(b.cost)
		}
		spikes := w.days(agent, days, start, since)
		for _, s := range w.rows(agent, hours, start, since) {
			if !slices.ContainsFunc(spikes, func(d Spike) bool { return !s.Since.Before(d.Since) && s.Since.Before(d.Until) }) {
				spikes = append(spikes, s)
			}
		}
		list = append(list, spikes...)
	}
	slices.SortFunc(list, func(a, b Spike) int {
		return cmp.Or(b.Cost.Sub(b.Most).Cmp(a.Cost.Sub(a.Most)), a.Since.Compare(b.Since), cmp.Compare(a.Agent, b.Agent))
	})
	return list[:min(len(list), MostSpikes)]
}

// day numbers the days of the zone.
func (w watcher) day(t time.Time) int64 {
	y, m, d := t.In(w.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func (w watcher) days(agent string, cost map[int64]USD, start, since time.Time) (list []Spike) {
	for _, day := range slices.Sorted(maps.Keys(cost)) {
		t := time.Unix(day*86400, 0).UTC()
		begin := days(t.Year(), t.Month(), t.Day(), 1, w.zone)
		if begin.begin.Before(since) {
			continue
		}
		var past []USD
		for d := max(day-historyDays, w.day(start)+1); d < day; d++ { // the first day may not be whole
			past = append(past, cost[d])
		}
		if most, ok := most(past, len(past)); ok && far(cost[day], most) {
			list = append(list, Spike{Kind: "day", Since: begin.begin, Until: begin.end, Agent: agent, Cost: cost[day], Most: most})
		}
	}
	return list
}

// rows finds hours, neighbours as one spike.
func (w watcher) rows(agent string, cost map[int64]USD, start, since time.Time) (list []Spike) {
	var past []USD
	for _, hour := range slices.Sorted(maps.Keys(cost)) {
		begin := time.Unix(hour*3600, 0).In(w.zone)
		if begin.Before(since) || cost[hour].Cmp(leastSpike) < 0 {
			continue
		}
		past = past[:0]
		n := 0
		for back := int64(1); back <= historyDays && hour-24*back-2 >= start.Unix()/3600; back++ {
			n++
			for near := int64(-2); near <= 2; near++ {
				past = append(past, cost[hour-24*back+near])
			}
		}
		most, ok := most(past, n)
		if !ok || !far(cost[hour], most) {
			continue
		}
		if last := len(list) - 1; last >= 0 && list[last].Until.Equal(begin) {
			list[last].Until, list[last].Cost = begin.Add(time.Hour), list[last].Cost.Add(cost[hour])
			continue
		}
		list = append(list, Spike{Kind: "hour", Since: begin, Until: begin.Add(time.Hour), Agent: agent, Cost: cost[hour], Most: most})
	}
	return list
}

// most is the largest of past amounts, of many days the second largest; false if
// the days are too few.
func most(past []USD, days int) (USD, bool) {
	if days < spikeDays {
		return USD{}, false
	}
	var first, second USD
	for _, c := range past {
		switch {
		case c.Cmp(first) > 0:
			first, second = c, first
		case c.Cmp(second) > 0:
			second = c
		}
	}
	if days >= exceptDays {
		first = second
	}
	return first.Add(USD{pico: zeroPico}), true
}

// leastSpike is the least amount that can be spikeFloor above another.
var leastSpike = USD{pico: new(big.Int).Mul(big.NewInt(spikeFloor), one)}

// far reports whether cost is far above the most.
func far(cost, most USD) bool {
	limit := most
	for range spikeFactor - 1 {
		limit = limit.Add(most)
	}
	return cost.Cmp(limit) > 0 && cost.Sub(most).Float() >= spikeFloor
}
