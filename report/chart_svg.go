//go:build cgo

package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// The pictures without scripts are drawn here and not by a chart library: they
// stretch to their box, and their colours are classes of the page's style, so that
// one drawing serves light, dark and paper. A library bakes colours and sizes in.

// titledBars is how many bars have a title each, which a pointer shows.
const titledBars = 31

// num writes a coordinate as short as it can be.
func num(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// SVG draws the picture without any script. Heights are percent; it stretches to
// the box it stands in.
func (pic *picture) SVG() template.HTML {
	var b strings.Builder
	wide := 10 * len(pic.Keys)
	fmt.Fprintf(&b, `<svg class="bars" viewBox="0 0 %d 100" preserveAspectRatio="none" aria-hidden="true">`, wide)
	for y := 0; y <= 100; y += 25 {
		fmt.Fprintf(&b, `<path class="rule" d="M0 %dH%d"/>`, y, wide)
	}
	bases := make([]float64, len(pic.Keys))
	for k := range bases {
		bases[k] = 100
	}
	for _, s := range pic.Series {
		var d strings.Builder
		for k, v := range s.Data {
			if h := 100 * v / pic.Max; h > 0 {
				bases[k] -= h
				fmt.Fprintf(&d, "M%d %sh8v%sh-8z", 10*k+1, num(bases[k]), num(h))
			}
		}
		if d.Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, s.Color, d.String())
		}
	}
	for _, l := range pic.Lines {
		var d strings.Builder
		for k, v := range l.Data {
			sign := "L"
			if k == 0 {
				sign = "M"
			}
			fmt.Fprintf(&d, "%s%d %s", sign, 10*k+5, num(100-100*v/pic.Max))
		}
		fmt.Fprintf(&b, `<path class="over l-%s" d="%s"/>`, l.Color, d.String())
	}
	for _, f := range pic.Flags {
		fmt.Fprintf(&b, `<path class="over l-hot" d="M%d 0V100"><title>%s</title></path>`, 10*f.At+5, html.EscapeString(f.Text))
	}
	if len(pic.Keys) <= titledBars {
		for k, key := range pic.Labels {
			if total := pic.total(k); total.Known() {
				fmt.Fprintf(&b, `<rect class="touch" x="%d" width="10" height="100"><title>%s: %s</title></rect>`, 10*k, html.EscapeString(key), html.EscapeString(Money(total)))
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// cloud is a picture of dots on two logarithmic axes.
type cloud struct {
	Series     []dots
	XMin, XMax float64 // powers of ten
	YMin, YMax float64
}

type dots struct {
	Name, Color string
	At          [][2]int64
}

// newCloud finds the axes that hold all dots; one value alone stands in their middle.
func newCloud(list []dots) *cloud {
	c := &cloud{Series: list, XMin: math.Inf(1), YMin: math.Inf(1)}
	for _, s := range list {
		for _, p := range s.At {
			x, y := math.Log10(float64(p[0])), math.Log10(float64(p[1]))
			c.XMin, c.XMax = min(c.XMin, math.Floor(x)), max(c.XMax, math.Ceil(x))
			c.YMin, c.YMax = min(c.YMin, math.Floor(y)), max(c.YMax, math.Ceil(y))
		}
	}
	for _, axis := range [][2]*float64{{&c.XMin, &c.XMax}, {&c.YMin, &c.YMax}} {
		if *axis[0] == *axis[1] { // a power of ten
			*axis[0], *axis[1] = max(*axis[0]-1, 0), *axis[1]+1
		}
	}
	return c
}

func (c *cloud) x(v float64) float64 { return 100 * (math.Log10(v) - c.XMin) / (c.XMax - c.XMin) }
func (c *cloud) y(v float64) float64 { return 100 - 100*(math.Log10(v)-c.YMin)/(c.YMax-c.YMin) }

// border are the ends of the line of ten tokens read for each one written, inside
// the axes; false if it is outside.
func (c *cloud) border() (x0, y0, x1, y1 float64, ok bool) {
	lo, hi := max(c.XMin, c.YMin+1), min(c.XMax, c.YMax+1)
	return math.Pow(10, lo), math.Pow(10, lo-1), math.Pow(10, hi), math.Pow(10, hi-1), lo < hi
}

// SVG draws the dots without any script: strokes of no length with round ends stay
// round however the box is stretched.
func (c *cloud) SVG() template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="bars cloud" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">`)
	for v := c.XMin; v <= c.XMax; v++ {
		fmt.Fprintf(&b, `<path class="rule" d="M%s 0V100"/>`, num(c.x(math.Pow(10, v))))
	}
	for v := c.YMin; v <= c.YMax; v++ {
		fmt.Fprintf(&b, `<path class="rule" d="M0 %sH100"/>`, num(c.y(math.Pow(10, v))))
	}
	if x0, y0, x1, y1, ok := c.border(); ok {
		fmt.Fprintf(&b, `<path class="over l-ink" d="M%s %sL%s %s"/>`, num(c.x(x0)), num(c.y(y0)), num(c.x(x1)), num(c.y(y1)))
	}
	for _, s := range c.Series {
		var d strings.Builder
		for _, p := range s.At {
			fmt.Fprintf(&d, "M%s %sh0", num(c.x(float64(p[0]))), num(c.y(float64(p[1]))))
		}
		fmt.Fprintf(&b, `<path class="dot s-%s" d="%s"/>`, s.Color, d.String())
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

func powers(lo, hi float64) (list []string) {
	for v := lo; v <= hi; v++ {
		list = append(list, shortCount(math.Pow(10, v)))
	}
	return list
}

// Ticks are the labels of the upright axis, from the top down.
func (c *cloud) Ticks() []string {
	list := powers(c.YMin, c.YMax)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// Marks are the labels of the level axis.
func (c *cloud) Marks() []string { return powers(c.XMin, c.XMax) }

// shortCount writes a power of ten: 1, 100, 10 k, 1 M.
func shortCount(v float64) string {
	switch {
	case v >= 1e6:
		return num(v/1e6) + "\u00a0M"
	case v >= 1e3:
		return num(v/1e3) + "\u00a0k"
	}
	return num(v)
}

// spark is a small picture: bars of all, with the part that is hot over them.
type spark struct {
	Rows  []sparkRow
	Ends  []string // labels below
	Label string   // what it shows, for people and for screen readers
}

type sparkRow struct {
	Name string // "" where there is one row alone
	all  []float64
	hot  []float64
	// A row without bars is one level bar of this share of the width, the part of
	// it is hot.
	level, part float64
}

// SVG draws a row; the highest bar fills it.
func (s sparkRow) SVG() template.HTML {
	if s.level > 0 {
		wide := max(100*s.level, 1)
		return template.HTML(fmt.Sprintf(`<svg class="spark level" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true"><rect class="all" width="%s" height="30"/><rect class="part" width="%s" height="30"/></svg>`,
			num(wide), num(wide*s.part)))
	}
	most := 0.0
	for _, v := range s.all {
		most = max(most, v)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %d 30" preserveAspectRatio="none" aria-hidden="true">`, 5*len(s.all))
	for _, layer := range []struct {
		class string
		data  []float64
	}{{"all", s.all}, {"part", s.hot}} {
		var d strings.Builder
		for i, v := range layer.data {
			if v > 0 && most > 0 {
				h := max(30*v/most, 0.6)
				fmt.Fprintf(&d, "M%d %sh4v%sh-4z", 5*i, num(30-h), num(h))
			}
		}
		if d.Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, layer.class, d.String())
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}
