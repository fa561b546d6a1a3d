//go:build cgo

package report

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

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

// picture is a stacked bar chart: a value per series and key.
type picture struct {
	Keys   []string
	Series []series
	Max    float64 // of the axis
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
	byColor := map[string]int{}
	slot := func(agent string) *series {
		c := colors.of(agent)
		i, ok := byColor[c]
		if !ok {
			name := label(agent)
			if c == otherColor {
				name = "all others"
			}
			i = len(pic.Series)
			byColor[c] = i
			pic.Series = append(pic.Series, series{Name: name, Color: c, exact: make([]analyze.USD, len(keys))})
		}
		return &pic.Series[i]
	}
	for _, a := range r.ByAgent { // the order of the stack is the order of cost
		slot(a.Key)
	}
	for _, p := range r.Trend {
		if i, ok := at[trendKey(p.Key, r)]; ok {
			s := slot(p.Agent)
			s.exact[i] = s.exact[i].Add(p.Cost)
		}
	}
	pic.settle()
	return pic
}

// settle turns exact amounts into heights and finds the axis.
func (pic *picture) settle() {
	for i := range pic.Series {
		s := &pic.Series[i]
		s.Data = make([]float64, len(s.exact))
		for k, u := range s.exact {
			s.Data[k] = math.Round(u.Float()*1e6) / 1e6
		}
	}
	for k := range pic.Keys {
		pic.Max = max(pic.Max, pic.total(k).Float())
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

// longTrend is the number of days from which the trend is drawn by the month.
const longTrend = 400

// trendKeys lists every hour, day or month of the period, also those without calls.
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

func trendKey(key string, r *analyze.Result) string {
	if r.Period.Until.Sub(r.Period.Since) > longTrend*24*time.Hour {
		return key[:len("2006-01")]
	}
	return key
}

// hours is the cost by hour of day as a picture of one series.
func hours(r *analyze.Result) picture {
	s := series{Name: "cost", Color: plainColor, exact: make([]analyze.USD, 24)}
	var pic picture
	for h := range 24 {
		pic.Keys = append(pic.Keys, fmt.Sprintf("%02d", h))
	}
	for _, row := range r.ByHour {
		for h, k := range pic.Keys {
			if k == row.Key {
				s.exact[h] = row.Cost
			}
		}
	}
	pic.Series = []series{s}
	pic.settle()
	return pic
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
		return pic.Keys
	}
	return []string{pic.Keys[0], pic.Keys[n/2], pic.Keys[n-1]}
}

// SVG draws the picture without any script. Heights are percent; it stretches to
// the box it stands in.
func (pic *picture) SVG() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bars" viewBox="0 0 %d 100" preserveAspectRatio="none" aria-hidden="true">`, 10*len(pic.Keys))
	for y := 0; y <= 100; y += 25 {
		fmt.Fprintf(&b, `<path class="rule" d="M0 %dH%d"/>`, y, 10*len(pic.Keys))
	}
	for k, key := range pic.Keys {
		total := pic.total(k)
		if total.Pico().Sign() == 0 {
			continue
		}
		fmt.Fprintf(&b, `<g><title>%s: %s</title>`, html.EscapeString(key), html.EscapeString(Money(total)))
		base := 100.0
		for _, s := range pic.Series {
			h := 100 * s.Data[k] / pic.Max
			if h <= 0 {
				continue
			}
			base -= h
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%.3f" width="8" height="%.3f"/>`, s.Color, 10*k+1, base, h)
		}
		b.WriteString("</g>")
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// options makes ECharts options of pictures by name, as JSON that is safe inside
// a script element: names are in it only as escaped strings, and there is no
// function in it, so none of them can become code.
func options(pictures map[string]picture) (template.HTML, error) {
	list := map[string]any{}
	for name, pic := range pictures {
		c := charts.NewBar()
		c.SetGlobalOptions(
			charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
			charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "axis"}),
			charts.WithGridOpts(opts.Grid{Left: "8", Right: "8", Top: "10", Bottom: "4", ContainLabel: opts.Bool(true)}),
			charts.WithYAxisOpts(opts.YAxis{Max: pic.Max}),
			charts.WithAnimation(false),
		)
		c.SetXAxis(pic.Keys)
		for _, s := range pic.Series {
			data := make([]opts.BarData, len(s.Data))
			for i, v := range s.Data {
				data[i] = opts.BarData{Value: v}
			}
			c.AddSeries(s.Name, data, charts.WithBarChartOpts(opts.BarChart{Stack: "all"}))
		}
		c.Validate()
		var classes []string
		for _, s := range pic.Series {
			classes = append(classes, s.Color)
		}
		list[name] = map[string]any{"option": c.JSON(), "classes": classes}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encode charts: %w", err)
	}
	return template.HTML(b), nil // json.Marshal escapes < > & U+2028 U+2029
}
