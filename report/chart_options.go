//go:build cgo

package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// chartOption is what page.js makes a picture of. Classes name the colour of each
// series in page.css.
type chartOption struct {
	Option  any      `json:"option"`
	Classes []string `json:"classes"`
}

// option makes ECharts options of the picture.
func (pic *picture) option() chartOption {
	c := charts.NewBar()
	c.SetGlobalOptions(
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "axis"}),
		charts.WithGridOpts(opts.Grid{Left: "8", Right: pic.overhang(), Top: "10", Bottom: "4", ContainLabel: opts.Bool(true)}),
		charts.WithYAxisOpts(opts.YAxis{Max: pic.Max}),
		charts.WithAnimation(false),
	)
	c.SetXAxis(pic.Labels)
	var o chartOption
	for i, s := range pic.Series {
		c.AddSeries(s.Name, nil, charts.WithBarChartOpts(opts.BarChart{Stack: "all"}))
		c.MultiSeries[i].Data = s.Data // plain numbers: half as long as objects
		o.Classes = append(o.Classes, s.Color)
	}
	if len(pic.Lines)+len(pic.Flags) > 0 {
		over := charts.NewLine()
		for i, l := range pic.Lines {
			over.AddSeries(l.Name, nil, charts.WithLineChartOpts(opts.LineChart{Symbol: "none"}), charts.WithLineStyleOpts(opts.LineStyle{Type: "dashed", Width: 1.5}))
			over.MultiSeries[i].Data = l.Data
			o.Classes = append(o.Classes, l.Color)
		}
		for _, f := range pic.Flags {
			data := []opts.LineData{{Value: []any{pic.Labels[f.At], 0}}, {Value: []any{pic.Labels[f.At], pic.Max}}}
			over.AddSeries(f.Text, data, charts.WithLineChartOpts(opts.LineChart{Symbol: "none"}), charts.WithLineStyleOpts(opts.LineStyle{Type: "dashed", Width: 1.5}))
			o.Classes = append(o.Classes, "hot")
		}
		over.Validate()
		c.Overlap(over)
	}
	c.Validate()
	o.Option = c.JSON()
	return o
}

// overhang is the room right of the last bar, in pixels: half its label may hang
// over.
func (pic *picture) overhang() string {
	if len(pic.Keys) == 0 {
		return "8"
	}
	return strconv.Itoa(8 + 3*max(0, len(pic.Labels[len(pic.Labels)-1])-2))
}

// option makes ECharts options of the dots.
func (c *cloud) option() chartOption {
	s := charts.NewScatter()
	axis := func(v float64) float64 { return math.Pow(10, v) }
	s.SetGlobalOptions(
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}),
		charts.WithGridOpts(opts.Grid{Left: "8", Right: "18", Top: "10", Bottom: "4", ContainLabel: opts.Bool(true)}),
		charts.WithXAxisOpts(opts.XAxis{Type: "log", Min: axis(c.XMin), Max: axis(c.XMax)}),
		charts.WithYAxisOpts(opts.YAxis{Type: "log", Min: axis(c.YMin), Max: axis(c.YMax)}),
		charts.WithAnimation(false),
	)
	var o chartOption
	for _, d := range c.Series {
		data := make([]opts.ScatterData, len(d.At))
		for i, p := range d.At {
			data[i] = opts.ScatterData{Value: p, SymbolSize: 6}
		}
		s.AddSeries(d.Name, data)
		o.Classes = append(o.Classes, d.Color)
	}
	if x0, y0, x1, y1, ok := c.border(); ok {
		over := charts.NewLine()
		data := []opts.LineData{{Value: [2]float64{x0, y0}}, {Value: [2]float64{x1, y1}}}
		over.AddSeries("10 : 1", data, charts.WithLineChartOpts(opts.LineChart{Symbol: "none"}), charts.WithLineStyleOpts(opts.LineStyle{Type: "dashed", Width: 1.5}))
		over.Validate()
		s.Overlap(over)
		o.Classes = append(o.Classes, "ink")
	}
	s.Validate()
	o.Option = s.JSON()
	return o
}

// encode writes options by the name of their picture as JSON that is safe inside a
// script element: names are in it only as escaped strings, and there is no
// function in it, so none of them can become code.
func encode(options map[string]chartOption) (template.HTML, error) {
	b, err := json.Marshal(options)
	if err != nil {
		return "", fmt.Errorf("encode charts: %w", err)
	}
	return template.HTML(b), nil // json.Marshal escapes < > & U+2028 U+2029
}
