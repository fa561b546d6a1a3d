//go:build cgo

package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"burn/analyze"
)

// palette gives each of the dearest agents a colour of its own on the whole page;
// the others share one. Colours are classes of page.css.
type palette map[string]string

const colored = 5

// Others share otherColor; what is no agent at all has plainColor.
const (
	otherColor = "co"
	plainColor = "cn"
)

func newPalette(agents []analyze.AgentRow) palette {
	p := palette{}
	for i, a := range agents {
		if i == colored {
			break
		}
		p[a.Key] = fmt.Sprintf("c%d", i)
	}
	return p
}

func (p palette) of(agent string) string {
	if c, ok := p[agent]; ok {
		return c
	}
	return otherColor
}

// picture is a stacked bar chart with lines over it: a value per series and key.
type picture struct {
	Keys   []string
	Labels []string // the keys as people read them
	Series []series
	Lines  []line
	Flags  []flag
	Max    float64 // of the axis
}

// line is drawn over the bars; Color is a class of page.css.
type line struct {
	Name, Color string
	Data        []float64 // a value per key; those of later keys may be missing
}

// flag is a change that was marked, at a key of the picture.
type flag struct {
	At   int
	Text string
}

type series struct {
	Name  string
	Color string
	Data  []float64
	exact []analyze.USD
}

// trend stacks the spending of the dearest agents and of all others over time.
func trend(r *analyze.Result, colors palette) picture {
	keys := trendKeys(r)
	at := make(map[string]int, len(keys))
	for i, k := range keys {
		at[k] = i
	}
	var pic picture
	pic.Keys = keys
	for _, k := range keys {
		pic.Labels = append(pic.Labels, axisText(k, trendUnit(r)))
	}
	pic.stack(r, colors, r.Trend, func(key string) (int, bool) { i, ok := at[trendKey(key, r)]; return i, ok })
	pic.Lines, pic.Flags = trendLines(r, &pic), markFlags(r, keys)
	pic.settle()
	return pic
}

// stack adds up points by colour, in the order of cost.
func (pic *picture) stack(r *analyze.Result, colors palette, points []analyze.TrendPoint, place func(key string) (int, bool)) {
	byColor := map[string]int{}
	slot := func(agent string) *series {
		c := colors.of(agent)
		i, ok := byColor[c]
		if !ok {
			name := agentName(agent)
			if c == otherColor {
				name = "all others"
			}
			i = len(pic.Series)
			byColor[c] = i
			pic.Series = append(pic.Series, series{Name: name, Color: c, exact: make([]analyze.USD, len(pic.Keys))})
		}
		return &pic.Series[i]
	}
	for _, a := range r.ByAgent {
		slot(a.Key)
	}
	for _, p := range points {
		if i, ok := place(p.Key); ok {
			s := slot(p.Agent)
			s.exact[i] = s.exact[i].Add(p.Cost)
		}
	}
}

// settle turns exact amounts into heights and finds the axis.
func (pic *picture) settle() {
	if pic.Labels == nil {
		pic.Labels = pic.Keys
	}
	for i := range pic.Series {
		s := &pic.Series[i]
		s.Data = make([]float64, len(s.exact))
		for k, u := range s.exact {
			s.Data[k] = microns(u.Float())
		}
	}
	for k := range pic.Keys {
		pic.Max = max(pic.Max, pic.total(k).Float())
	}
	for _, l := range pic.Lines {
		for _, v := range l.Data {
			pic.Max = max(pic.Max, v)
		}
	}
	pic.Max = niceCeil(pic.Max)
}

func (pic *picture) total(k int) analyze.USD {
	var sum analyze.USD
	for _, s := range pic.Series {
		sum = sum.Add(s.exact[k])
	}
	return sum
}

// From so many days on the trend is drawn by the week, or by the month: more bars
// could not be told apart, and the page stays small.
const (
	weekTrend  = 100
	monthTrend = 400
)

// trendUnit is what a bar of the trend stands for.
func trendUnit(r *analyze.Result) string {
	switch days := r.Period.Until.Sub(r.Period.Since).Hours() / 24; {
	case r.TrendHourly:
		return "hour"
	case days > monthTrend:
		return "month"
	case days > weekTrend:
		return "week"
	}
	return "day"
}

// trendKeys lists every hour, day, week or month of the period, also those without calls.
func trendKeys(r *analyze.Result) []string {
	var keys []string
	if r.TrendHourly {
		since := r.Period.Since // its hour begins by the local clock, which may be half an hour off UTC's
		begin := since.Add(-time.Duration(since.Minute())*time.Minute - time.Duration(since.Second())*time.Second - time.Duration(since.Nanosecond()))
		for t := begin; t.Before(r.Period.Until); t = t.Add(time.Hour) {
			if k := t.Format("2006-01-02 15:00"); len(keys) == 0 || keys[len(keys)-1] != k {
				keys = append(keys, k)
			}
		}
		return keys
	}
	y, m, d := r.Period.Since.Date()
	uy, um, ud := r.Period.Until.Add(-1).Date()
	last := time.Date(uy, um, ud, 0, 0, 0, 0, time.UTC)
	for t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC); !t.After(last); t = t.AddDate(0, 0, 1) {
		if k := trendKey(t.Format(time.DateOnly), r); len(keys) == 0 || keys[len(keys)-1] != k {
			keys = append(keys, k)
		}
	}
	return keys
}

// trendKey is the bar that a key of Result.Trend belongs to: its month, or the
// Monday of its week.
func trendKey(key string, r *analyze.Result) string {
	switch trendUnit(r) {
	case "month":
		return key[:len("2006-01")]
	case "week":
		if t, err := time.Parse(time.DateOnly, key); err == nil {
			return t.AddDate(0, 0, -(int(t.Weekday())+6)%7).Format(time.DateOnly)
		}
	}
	return key
}

// trendLines are the mean, and the compared period hour by hour or day by day.
func trendLines(r *analyze.Result, pic *picture) []line {
	if len(pic.Keys) < 2 || !r.Totals.Cost.Known() {
		return nil
	}
	var lines []line
	if costs := costsBefore(r, len(pic.Keys)); len(costs) > 0 {
		data := make([]float64, len(costs))
		for i, u := range costs {
			data[i] = microns(u.Float())
		}
		lines = append(lines, line{"compared period", "ink", data})
	}
	mean := make([]float64, len(pic.Keys))
	for i := range mean {
		mean[i] = microns(r.Totals.Cost.Float() / unitsOf(r, pic.Keys))
	}
	lines = append(lines, line{"mean", "soft", mean})
	if l, ok := budgetLine(r, pic.Keys); ok {
		lines = append(lines, l)
	}
	return lines
}

// costsBefore are the costs of the compared period's first hours or days, at most n; nil
// where there are none to set beside the trend's.
func costsBefore(r *analyze.Result, n int) []analyze.USD {
	before := r.Before
	if n < 2 || before == nil || !compared(r) || before.TrendHourly != r.TrendHourly {
		return nil
	}
	keys := trendKeys(before)
	at := make(map[string]int, len(keys))
	for i, k := range keys {
		at[k] = i
	}
	costs := make([]analyze.USD, min(len(keys), n))
	for _, p := range before.Trend {
		if i, ok := at[trendKey(p.Key, before)]; ok && i < len(costs) {
			costs[i] = costs[i].Add(p.Cost)
		}
	}
	return costs
}

// microns rounds dollars of a picture to a millionth.
func microns(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// hours is the cost by hour of day, stacked by agent.
func hours(r *analyze.Result, colors palette) picture {
	var pic picture
	at := map[string]int{}
	for h := range 24 {
		key := fmt.Sprintf("%02d", h)
		at[key] = h
		pic.Keys = append(pic.Keys, key)
	}
	pic.stack(r, colors, r.Scenes.AgentHours, func(key string) (int, bool) { h, ok := at[key]; return h, ok })
	if l, ok := fixedHours(r, &pic, at); ok {
		pic.Lines = []line{l}
	}
	pic.settle()
	return pic
}

// fixedHours is what hours of the day would cost with the largest findings fixed.
func fixedHours(r *analyze.Result, pic *picture, at map[string]int) (line, bool) {
	const most = 3
	data := make([]float64, len(pic.Keys))
	for h := range data {
		data[h] = pic.total(h).Float()
	}
	n := 0
	shown, _, _ := fixFirst(r)
	for _, f := range shown {
		if f.Proof == nil || f.Class == analyze.Test || n == most {
			continue
		}
		n++
		for _, p := range f.Proof.Hours {
			if h, ok := at[p.Key]; ok {
				data[h] -= p.Saving.Float()
			}
		}
	}
	for h := range data {
		data[h] = microns(max(data[h], 0))
	}
	if n == 0 {
		return line{}, false
	}
	name := "with the " + Count(int64(n)) + " largest findings fixed"
	if n == 1 {
		name = "with the largest finding fixed"
	}
	return line{name, "ink", data}, true
}

// niceCeil is the smallest axis of four equal round steps that holds v.
func niceCeil(v float64) float64 {
	if v <= 0 {
		return 1
	}
	step := v / 4
	scale := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m*scale*4 >= v*(1-1e-9) {
			return m * scale * 4
		}
	}
	return 10 * scale * 4
}

// ticks are the labels of the axis from the top down.
func (pic *picture) Ticks() []string {
	var list []string
	for i := 4; i >= 0; i-- {
		list = append(list, axisMoney(pic.Max*float64(i)/4))
	}
	return list
}

func axisMoney(v float64) string {
	decimals := 0
	for d := v; d != 0 && d != math.Trunc(d) && decimals < 6; decimals++ {
		d = math.Round(d*10*1e9) / 1e9
	}
	s := fmt.Sprintf("%.*f", decimals, v)
	whole, frac, ok := strings.Cut(s, ".")
	if s = group(whole); ok {
		s += "." + frac
	}
	return "$" + s
}

// Marks are the labels under the axis: the first, the middle and the last key.
func (pic *picture) Marks() []string {
	n := len(pic.Keys)
	switch {
	case n == 0:
		return nil
	case n < 3:
		return pic.Labels
	}
	return []string{pic.Labels[0], pic.Labels[n/2], pic.Labels[n-1]}
}
