//go:build cgo

package report

import (
	"fmt"
	"slices"

	"burn/analyze"
)

// promptPart is where input tokens go.
type promptPart struct {
	Answer string
	Line   string // from where a prompt is big for its answer
	Figure *figure
	Worst  []promptRow
	Agents []wasteRow
}

type promptRow struct {
	At, Agent, Color, Model, User string
	Cost                          amount
	Ratio, Input, Output          string
}

type wasteRow struct {
	Name, Color          string
	Cost                 amount
	Ratio, Input, Output string
}

// shownWaste is how many agents are listed; otherDots how many calls are drawn of
// all agents that share the colour of others.
const shownWaste, otherDots = 10, 60

func (p *page) prompts(r *analyze.Result, colors palette) {
	part := &p.Prompts
	part.Line = noBreak("10 : 1")
	if above := r.Scenes.AboveTen; above.Requests == 0 {
		part.Answer = noBreak("No call above 10 : 1.")
	} else {
		cost := "together they cost " + marked(above.Cost, above.Estimated) + ", " + Share(above.Cost, r.Totals.Cost) + " of all"
		if !above.Cost.Known() {
			cost = "none of them has a price"
		} else if unspent(r) != "" {
			cost = "together they cost nothing"
		}
		if above.Unpriced > 0 && above.Cost.Known() {
			cost += ", not counting " + Count(above.Unpriced) + " without a price"
		}
		part.Answer = noBreak(fmt.Sprintf("%s of %s read more than 10 tokens for each one they write; %s.", Count(above.Requests), plural(r.Totals.Requests, "call"), cost))
		if len(r.Waste) > 0 {
			worst := slices.MaxFunc(r.Waste, func(a, b analyze.Waste) int {
				switch {
				case a.Ratio < b.Ratio:
					return -1
				case a.Ratio > b.Ratio:
					return 1
				}
				return 0
			})
			part.Answer += noBreak(fmt.Sprintf(" The calls of %s read %s, on average per call.", agentName(worst.Agent), ratio(worst.Ratio)))
		}
	}
	if list := sampleDots(r, colors); len(list) > 0 {
		c := newCloud(list)
		p.options["prompts"] = c.option()
		f := &figure{Chart: "prompts", Picture: c,
			Caption: "Each dot is a call, a sample of up to 45 per agent: tokens read (to the right) by tokens written (up), both on logarithmic axes."}
		for _, d := range list {
			f.Legend = append(f.Legend, legend{Name: d.Name, Color: d.Color})
		}
		if _, _, _, _, ok := c.border(); ok {
			f.Caption += " Right of the dashed line, a call reads more than 10 tokens for each one it writes."
			f.Legend = append(f.Legend, legend{Name: noBreak("10 : 1"), Color: "ink", Line: true})
		}
		part.Figure = f
	}
	for _, b := range r.Scenes.Big {
		row := promptRow{At: stampText(b.At), Agent: agentName(b.Agent), Color: colors.of(b.Agent), Model: label(named(b.Model)), Cost: amount{Text: Cents(b.Cost), Exact: b.Cost.String()},
			Ratio: noBreak(Ratio(b.Input, b.Output)), Input: Count(b.Input), Output: Count(b.Output)}
		if b.User != "unknown" && b.User != "" {
			row.User = label(b.User)
		}
		if b.Estimated {
			row.Cost.Est = est(b.Cost, b.Cost)
		}
		part.Worst = append(part.Worst, row)
	}
	for i, w := range r.Waste {
		if i == shownWaste {
			break
		}
		part.Agents = append(part.Agents, wasteRow{agentName(w.Agent), colors.of(w.Agent), money(w.Cost, w.Estimated), noBreak(ratio(w.Ratio)), noBreak(Tokens(w.InputTokens)), noBreak(Tokens(w.OutputTokens))})
	}
}

// sampleDots groups the sampled calls by colour, in the order of cost; of all other
// agents only as many as fit.
func sampleDots(r *analyze.Result, colors palette) (list []dots) {
	byColor := map[string]*dots{}
	for _, s := range r.Scenes.Sample {
		c := colors.of(s.Agent)
		d := byColor[c]
		if d == nil {
			name := agentName(s.Agent)
			if c == otherColor {
				name = "all others"
			}
			d = &dots{Name: name, Color: c}
			byColor[c] = d
		}
		d.At = append(d.At, [2]int64{s.Input, s.Output})
	}
	for _, a := range r.ByAgent {
		if d := byColor[colors.of(a.Key)]; d != nil {
			delete(byColor, d.Color)
			if n := len(d.At); n > otherDots {
				var few [][2]int64
				for i := range otherDots {
					few = append(few, d.At[i*n/otherDots])
				}
				d.At = few
			}
			list = append(list, *d)
		}
	}
	return list
}
