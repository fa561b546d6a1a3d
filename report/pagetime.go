//go:build cgo

package report

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"burn/analyze"
)

// trendPart is since when money is spent.
type trendPart struct {
	figure
	Answer      string
	Unit, Query string
	Compared    bool
	Rows        []trendRow
}

type trendRow struct {
	Key    string
	Cost   amount
	Before amount
}

// whenPart is at which hour, and whether by a clock or by people.
type whenPart struct {
	Answer  string
	Hours   figure
	Rows    []hourRow
	Heat    *heat
	Limited string // a sentence on rate limits
	Errors  *sparkRow
}

type hourRow struct {
	Key                       string
	Cost                      amount
	Requests, Errors, Limited string
}

func (p *page) trend(r *analyze.Result, colors palette) {
	t := &p.Trend
	unit := trendUnit(r)
	t.Query = "trend_day"
	if r.TrendHourly {
		t.Query = "trend_hour"
	}
	if t.Answer = unspent(r); t.Answer != "" {
		return
	}
	pic := trend(r, colors)
	p.options["trend"] = pic.option()
	t.Chart, t.Picture, t.Unit = "trend", &pic, sentenceCase(unit)
	t.Caption = "US dollars per " + unit + " (" + r.Period.TZ + "), stacked by agent."
	t.Legend = legends(&pic)
	guessed := map[string]analyze.USD{}
	for _, point := range r.Trend {
		key := trendKey(point.Key, r)
		guessed[key] = guessed[key].Add(point.Estimated)
	}
	before := costsBefore(r, len(pic.Keys))
	t.Compared = len(before) > 0
	best, zero := 0, picos(new(big.Int)) // where nothing was spent before, that is nothing
	for k, key := range pic.Keys {
		sum := pic.total(k)
		row := trendRow{Key: key, Cost: money(sum, guessed[key])}
		if k < len(before) {
			row.Before = money(before[k].Add(zero), analyze.USD{})
		}
		if sum.Known() {
			t.Rows = append(t.Rows, row)
		}
		if sum.Cmp(pic.total(best)) > 0 {
			best = k
		}
	}
	of := ""
	if unit == "week" {
		of = "that of "
	}
	t.Answer = noBreak(fmt.Sprintf("The dearest %s is %s%s with %s; the mean is %s %s %s, and %s of %s %s spending.",
		unit, of, keyText(pic.Keys[best]), marked(pic.total(best), guessed[pic.Keys[best]]), perThousand(r.Totals.Cost, int64(math.Round(1000*unitsOf(r, pic.Keys)))), article(unit), unit,
		Count(int64(len(t.Rows))), plural(int64(len(pic.Keys)), unit), verb(len(t.Rows), "has", "have")))
}

// unitsOf is how many hours, days, weeks or months of the trend's keys the period
// covers: of the first and the last it may be a part.
func unitsOf(r *analyze.Result, keys []string) float64 {
	since, until := r.Period.Since, r.Period.Until
	layout, months, days := time.DateOnly, 0, 1
	switch trendUnit(r) {
	case "hour":
		return until.Sub(since).Hours()
	case "week":
		days = 7
	case "month":
		layout, months, days = "2006-01", 1, 0
	}
	unit := func(key string) (begin, end time.Time) {
		begin, err := time.ParseInLocation(layout, key, since.Location())
		if err != nil {
			return since, until // no key of the trend's
		}
		return begin, begin.AddDate(0, months, days)
	}
	n := float64(len(keys))
	begin, end := unit(keys[0])
	n -= float64(max(0, since.Sub(begin))) / float64(end.Sub(begin))
	begin, end = unit(keys[len(keys)-1])
	return n - float64(max(0, end.Sub(until)))/float64(end.Sub(begin))
}

// article is a or an, as a unit of time wants it.
func article(unit string) string {
	if unit == "hour" {
		return "an"
	}
	return "a"
}

func legends(pic *picture) (list []legend) {
	for _, s := range pic.Series {
		list = append(list, legend{Name: s.Name, Color: s.Color})
	}
	for _, l := range pic.Lines {
		list = append(list, legend{l.Name, l.Color, true})
	}
	if len(pic.Flags) > 0 {
		list = append(list, legend{"marked change", "hot", true})
	}
	return list
}

// heat is the table of weekday by hour of day; levels go from 0 to 9.
type heat struct {
	Hours []heatHour
	Days  []heatDay
	Scale []int
}

type heatHour struct {
	Name string
	Odd  bool // left out where there is no room
}

type heatDay struct {
	Name  string
	Cells []heatCell
}

type heatCell struct {
	Level      int
	Text       string // for who hears the table's heads
	Title, USD string
}

const levels = 9

var weekdays = [...]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

func (p *page) when(r *analyze.Result, colors palette) {
	w := &p.When
	if w.Answer = unspent(r); w.Answer == "" {
		pic := hours(r, colors)
		p.options["hours"] = pic.option()
		w.Hours = figure{Chart: "hours", Picture: &pic, Legend: legends(&pic),
			Caption: "US dollars by hour of day (" + r.Period.TZ + "), all days of the period added up, stacked by agent."}
	}
	if h := r.Totals.PeakHour; h != nil && w.Answer == "" {
		spread := min(24, r.Period.Until.Sub(r.Period.Since).Hours()) // hours of day there are
		w.Answer = noBreak(fmt.Sprintf("%s:00 is the dearest hour of day with %s, %s of all; an even spread would be %s an hour.",
			h.Hour, marked(h.Cost, h.Estimated), Share(h.Cost, r.Totals.Cost), perThousand(r.Totals.Cost, int64(math.Round(1000*spread)))))
		if mean := r.Totals.Cost.Float() / spread; h.Cost.Float() < evenHours*mean {
			w.Answer = noBreak(fmt.Sprintf("Spending is even over the day: the dearest hour, %s:00, has %s, and the mean of all is %s.",
				h.Hour, marked(h.Cost, h.Estimated), perThousand(r.Totals.Cost, int64(math.Round(1000*spread)))))
		}
		w.Answer += clockwork(r)
	}
	var limited [24]int64
	var worst, sum int64
	for _, h := range r.ByHour {
		w.Rows = append(w.Rows, hourRow{h.Key + ":00", money(h.Cost, h.Estimated), Count(h.Requests), Count(h.Errors), Count(h.RateLimited)})
		if i, err := strconv.Atoi(h.Key); err == nil && i >= 0 && i < len(limited) {
			limited[i] = h.RateLimited
			worst, sum = max(worst, h.RateLimited), sum+h.RateLimited
		}
	}
	w.Limited = "No call was refused for a rate limit."
	if sum > 0 {
		row := sparkRow{all: make([]float64, 24), hot: make([]float64, 24)}
		for i, n := range limited {
			row.hot[i] = float64(n)
			row.all[i] = float64(n)
		}
		w.Errors = &row
		w.Limited = noBreak(fmt.Sprintf("%s refused for a rate limit (429 or 529), most at %02d:00: %s.", plural(sum, "call"), slices.Index(limited[:], worst), Count(worst)))
	}
	if r.Period.Until.Sub(r.Period.Since) > 24*time.Hour && unspent(r) == "" {
		w.Heat = heatMap(r)
	}
}

// evenHours is how many times the mean the dearest hour of an even day may cost.
const evenHours = 1.1

// clockwork names agents that run by a clock, where a finding shows it.
func clockwork(r *analyze.Result) string {
	var names []string
	for _, f := range r.Findings {
		if name := agentName(f.Agents[0]); (f.Kind == "schedule" || f.Kind == "batch") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	shown, hidden := first(names, 3)
	s := " " + strings.Join(shown, ", ")
	if hidden > 0 {
		s += " and " + plural(hidden, "other agent")
	}
	return s + " " + verb(len(names), "runs", "run") + " by a clock."
}

// occurrences counts how often each hour of the week begins in a period, or goes on
// where it begins: of five Thursdays and four Mondays, none is dearer for that.
func occurrences(b analyze.Between) map[string]float64 {
	times := map[string]float64{}
	for t := b.Since; t.Before(b.Until); t = t.Add(time.Hour) {
		times[fmt.Sprintf("%d-%02d", (int(t.Weekday())+6)%7+1, t.Hour())]++
	}
	return times
}

// heatMap colours the hours of the week by what one of them costs on average; its
// amounts are of the whole period.
func heatMap(r *analyze.Result) *heat {
	cost, guessed := map[string]analyze.USD{}, map[string]analyze.USD{}
	times := occurrences(r.Period.Between)
	mean := func(key string) float64 { return cost[key].Float() / max(times[key], 1) }
	var most float64
	for _, row := range r.ByWeekdayHour {
		cost[row.Key], guessed[row.Key] = row.Cost, row.Estimated
		most = max(most, mean(row.Key))
	}
	h := &heat{}
	for hour := range 24 {
		h.Hours = append(h.Hours, heatHour{fmt.Sprintf("%02d", hour), hour%3 != 0})
	}
	for d, name := range weekdays {
		day := heatDay{Name: name}
		for hour := range 24 {
			key := fmt.Sprintf("%d-%02d", d+1, hour)
			u, called := cost[key]
			text := marked(u, guessed[key])
			c := heatCell{Title: fmt.Sprintf("%s %02d:00 %s", name, hour, text), Text: text, USD: u.String()}
			if !called {
				c.Title, c.Text = fmt.Sprintf("%s %02d:00 nothing", name, hour), "nothing"
			} else if u.Known() && most > 0 {
				c.Level = int(math.Round(levels * mean(key) / most))
			}
			day.Cells = append(day.Cells, c)
		}
		h.Days = append(h.Days, day)
	}
	for i := range levels + 1 {
		h.Scale = append(h.Scale, i)
	}
	return h
}
