package analyze

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Forecast is what a day, week or month will have cost at its end: what is spent,
// and for each hour to come the mean of the same hours of the four weeks before.
// In four of five cases the truth is expected between Low and High.
type Forecast struct {
	Cost USD `json:"cost_usd"`
	Low  USD `json:"low_usd"`
	High USD `json:"high_usd"`
}

const (
	weeklyDays = 14   // from so many days of history on, weekdays are told apart
	leastDays  = 3    // with fewer there is no forecast
	oneInTen   = 1.28 // standard deviations that one normal value in ten exceeds
)

// forecast tells what will be spent until a moment, and what that rests on.
func (w watcher) forecast(series map[int64]bill, spent USD, per string, until time.Time) (*Forecast, string) {
	if !w.end.Before(until) {
		return nil, "the " + per + " is over"
	}
	hours, start := w.hours(series)
	days := w.end.Sub(start).Hours() / 24
	if hours == nil || days < leastDays {
		return nil, fmt.Sprintf("too little data for a forecast: %s of calls, %d are needed", daysText(max(days, 0), hours == nil), leastDays)
	}
	p := newPattern(hours, start, w.end, w.zone, days >= weeklyDays)
	mean, spread := p.until(w.end, until)
	already := spent.Float()
	f := Forecast{Cost: cents(already + mean), Low: cents(already + math.Max(0, mean-oneInTen*spread)), High: cents(already + mean + oneInTen*spread)}
	note := "by weekday and hour of day, from " + daysText(days, false)
	if days < weeklyDays {
		note = "by hour of day alone, from " + daysText(days, false) + ": " + strconv.Itoa(weeklyDays) + " are needed to tell weekdays apart"
	}
	return &f, note
}

func daysText(days float64, none bool) string {
	switch n := int(days); {
	case none || days <= 0:
		return "0 days"
	case days < leastDays:
		return strconv.FormatFloat(math.Floor(days*10)/10, 'f', 1, 64) + " days"
	default:
		return strconv.Itoa(n) + " days"
	}
}

// cents rounds dollars to an amount; forecasts are never exacter.
func cents(v float64) USD {
	u, err := ParseUSD(strconv.FormatFloat(math.Max(v, 0), 'f', 2, 64))
	if err != nil { // not a number: there is no such history
		return USD{}
	}
	return u
}

// hours sums a series by hour since 1970, as far back as forecasts look, and
// tells when the first of them began; nil if there is none.
func (w watcher) hours(series map[int64]bill) (map[int64]float64, time.Time) {
	from := w.end.AddDate(0, 0, -historyDays)
	var sum map[int64]float64
	first := int64(math.MaxInt64)
	for q, b := range series {
		if h := q / 4; h*3600 >= from.Unix() && (h+1)*3600 <= w.end.Unix() {
			if sum == nil {
				sum = map[int64]float64{}
			}
			sum[h] += b.cost.Float()
		}
		first = min(first, q/4)
	}
	if start := time.Unix(first*3600, 0); start.After(from) {
		return sum, start
	}
	return sum, time.Unix((from.Unix()+3599)/3600*3600, 0)
}

// pattern is what an hour usually costs, and how much days differ from that.
type pattern struct {
	zone   *time.Location
	weekly bool
	mean   map[int]float64 // by slot
	daily  float64         // standard deviation of a day's cost from what was expected
	days   float64         // of history
}

func (p pattern) slot(hour int64) int {
	t := time.Unix(hour*3600, 0).In(p.zone)
	if p.weekly {
		return int(t.Weekday())*24 + t.Hour()
	}
	return t.Hour()
}

func newPattern(hours map[int64]float64, start, end time.Time, zone *time.Location, weekly bool) pattern {
	p := pattern{zone: zone, weekly: weekly, mean: map[int]float64{}, days: end.Sub(start).Hours() / 24}
	first, last := start.Unix()/3600, end.Unix()/3600
	count := map[int]float64{}
	for h := first; h < last; h++ {
		p.mean[p.slot(h)] += hours[h]
		count[p.slot(h)]++
	}
	for slot, n := range count {
		p.mean[slot] /= n
	}
	// What 24 hours differed from the mean of their slots; of few, the mean is
	// close to each, which the factor undoes.
	var sum, n float64
	for h := first; h+24 <= last; h += 24 {
		off := 0.0
		for i := h; i < h+24; i++ {
			off += hours[i] - p.mean[p.slot(i)]
		}
		sum, n = sum+off*off, n+1
	}
	samples := p.days
	if weekly {
		samples /= 7
	}
	if n > 0 {
		p.daily = math.Sqrt(sum / n * samples / math.Max(samples-1, 0.5))
	}
	return p
}

// until expects what is spent between two moments, and by which standard
// deviation that may be off: each day's own, and that of the means.
func (p pattern) until(from, until time.Time) (mean, spread float64) {
	for t := from; t.Before(until); {
		hour := t.Unix() / 3600
		next := time.Unix((hour+1)*3600, 0)
		if next.After(until) {
			next = until
		}
		mean += p.mean[p.slot(hour)] * next.Sub(t).Hours()
		t = next
	}
	days := until.Sub(from).Hours() / 24
	return mean, p.daily * math.Sqrt(days+days*days/p.days)
}
