//go:build cgo

package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"

	"burn/analyze"
)

// The picture is drawn for 300 columns of CSS pixels at twice their density, and
// has no text: labels stand beside it, where they can be read aloud.
const (
	pictureWidth  = 1120
	pictureHeight = 280
)

// mailColors are the colours of the dearest agents, then of the others.
var mailColors = []string{"#2563a8", "#c2570c", "#2f7d4f", "#8a4fa3", "#a8324a", "#8b929b"}

// trendPNG draws r.Trend as stacked bars over the whole period, also where nothing
// was spent: the dearest agents in colours of their own, the others in grey; nil
// without anything to draw. Top is what the highest bar stands for, guessed which
// part of it is estimated, agents the names in the order of mailColors.
func trendPNG(r *analyze.Result) (picture []byte, top, guessed analyze.USD, agents []string, err error) {
	for i, a := range r.ByAgent {
		if i < len(mailColors)-1 {
			agents = append(agents, a.Key)
		}
	}
	keys := trendKeys(r)
	costs := map[string][]analyze.USD{}
	totals, estimates := map[string]analyze.USD{}, map[string]analyze.USD{}
	for _, p := range r.Trend {
		key := trendKey(p.Key, r)
		if costs[key] == nil {
			costs[key] = make([]analyze.USD, len(mailColors))
		}
		i := slices.Index(agents, p.Agent)
		if i < 0 {
			i = len(mailColors) - 1
		}
		costs[key][i] = costs[key][i].Add(p.Cost)
		totals[key], estimates[key] = totals[key].Add(p.Cost), estimates[key].Add(p.Estimated)
	}
	for _, key := range keys {
		if totals[key].Cmp(top) > 0 {
			top, guessed = totals[key], estimates[key]
		}
	}
	if len(keys) == 0 || top.Pico().Sign() <= 0 {
		return nil, top, guessed, nil, nil
	}
	palette := color.Palette{color.White, color.RGBA{0xd9, 0xdd, 0xe2, 0xff}}
	for _, c := range mailColors {
		var rgb color.RGBA
		if _, err := fmt.Sscanf(c, "#%02x%02x%02x", &rgb.R, &rgb.G, &rgb.B); err != nil {
			return nil, top, guessed, nil, fmt.Errorf("draw trend: %w", err)
		}
		rgb.A = 0xff
		palette = append(palette, rgb)
	}
	img := image.NewPaletted(image.Rect(0, 0, pictureWidth, pictureHeight), palette)
	fill := func(x0, y0, x1, y1 int, c uint8) {
		for y := max(y0, 0); y < min(y1, pictureHeight); y++ {
			for x := max(x0, 0); x < min(x1, pictureWidth); x++ {
				img.SetColorIndex(x, y, c)
			}
		}
	}
	for i := range 5 { // lines at each quarter of the highest bar
		y := i * (pictureHeight - 2) / 4
		fill(0, y, pictureWidth, y+2, 1)
	}
	for i, key := range keys {
		x0, x1 := i*pictureWidth/len(keys), (i+1)*pictureWidth/len(keys)
		if gap := (x1 - x0) / 5; gap > 0 {
			x1 -= gap
		}
		below := analyze.USD{}
		for k, u := range costs[key] {
			from, _ := fraction(below, top)
			below = below.Add(u)
			to, _ := fraction(below, top)
			fill(x0, pictureHeight-int(to*pictureHeight+0.5), x1, pictureHeight-int(from*pictureHeight+0.5), uint8(k+2))
		}
	}
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, img); err != nil {
		return nil, top, guessed, nil, fmt.Errorf("draw trend: %w", err)
	}
	return b.Bytes(), top, guessed, agents, nil
}
