//go:build cgo

package report

import (
	"fmt"
	"strings"

	"burn/analyze"
)

// fixes is what to fix first.
type fixes struct {
	Answer, Checked string
	List            []finding
	More            []moreFinding
	MoreSummary     string
	Rest            *moreFinding // all that are not listed, in one row
}

type finding struct {
	Save, Of, ID, Kind, Class, Title, Evidence, Fix, Command string
	Exact                                                    string
	Counted                                                  bool // in what looks avoidable: tests are not
	Proof                                                    spark
}

type moreFinding struct {
	Save, Exact, Title, Class, Command string
	Counted                            bool
}

// moreShown is how many small findings are listed, folded, where there is room.
const moreShown = 50

func (p *page) fixes(r *analyze.Result, small int) {
	f := &p.Fix
	shown, hidden, left := fixFirst(r)
	if len(shown) == 0 {
		f.Answer = noBreak(noFindings(r))
	} else {
		avoidable := r.Totals.Avoidable.Certain.Add(r.Totals.Avoidable.Likely)
		f.Answer = noBreak(fmt.Sprintf("%s of %s looks avoidable: %s certain, %s likely; each dollar is counted once.",
			Money(avoidable), Money(r.Totals.Cost), Money(r.Totals.Avoidable.Certain), Money(r.Totals.Avoidable.Likely)))
		test := ""
		if t := r.Totals.Avoidable.Test; t.Pico().Sign() > 0 {
			test = " Another " + Money(t) + " needs a test."
		}
		if avoidable.Pico().Sign() == 0 {
			f.Answer = "No certain or likely waste found in " + plural(r.Totals.Requests, "call") + "."
			test = strings.Replace(test, "Another ", "", 1)
		}
		f.Answer += noBreak(test)
		f.Checked = sentenceCase(classNote(shown)) + ". Checked: " + strings.Join(analyze.Checked(), ", ") + "."
	}
	drawn := map[string]bool{}
	for _, x := range shown {
		drawn[x.ID] = true
		f.List = append(f.List, finding{
			Save: Money(x.Saving), Of: noBreak("of " + Money(x.Cost)), Exact: x.Saving.String(), ID: x.ID, Kind: strings.ReplaceAll(x.Kind, "_", " "), Class: x.Class,
			Counted: x.Class != analyze.Test, Title: noBreak(label(x.Title)), Evidence: noBreak(label(x.Evidence)), Fix: label(x.Fix), Command: p.Base + " --explain " + x.ID,
			Proof: newSpark(r, x),
		})
	}
	if hidden == 0 {
		return
	}
	f.MoreSummary = noBreak(plural(hidden, "smaller finding"))
	if left.Pico().Sign() > 0 {
		f.MoreSummary += noBreak(", together " + Money(left))
	}
	var rest analyze.USD
	others, tests := int64(0), int64(0)
	for _, x := range r.Findings {
		switch {
		case drawn[x.ID]:
		case len(f.More) == small:
			if others++; x.Class == analyze.Test {
				tests++
			} else {
				rest = rest.Add(x.Saving)
			}
		default:
			f.More = append(f.More, moreFinding{Money(x.Saving), x.Saving.String(), noBreak(label(x.Title)), x.Class, p.Base + " --explain " + x.ID, x.Class != analyze.Test})
		}
	}
	if others > 0 {
		f.Rest = &moreFinding{Exact: rest.String(), Title: plural(others, "other finding"), Command: p.Base + " --format json"}
		if rest.Known() {
			f.Rest.Save = Money(rest)
		}
		if tests > 0 {
			f.Rest.Title += ", " + Count(tests) + " of them " + verb(int(tests), "a test", "tests") + ", in no sum"
		}
	}
}

// sparkBars is the most bars of a small picture; longer periods are put together.
const sparkBars = 62

// newSpark is the picture that proves a finding: for what happens by the clock its
// hours, for prompts too long for their answer the tokens, for work done twice both
// agents side by side, else its days.
func newSpark(r *analyze.Result, f analyze.Finding) spark {
	if f.Proof == nil {
		return spark{}
	}
	who := agentName(f.Agents[0])
	switch f.Kind {
	case "schedule", "batch", "retries", "abandoned":
		return spark{[]sparkRow{hourRow24(r, f)}, hourEnds, "By hour of day: all that " + who + " costs; the coloured part is avoidable."}
	case "history", "bloat":
		if in, out := f.Means[0], f.Means[1]; in > 0 {
			part, _ := fraction(f.Saving, f.Cost)
			return spark{[]sparkRow{
				{Name: noBreak("read " + Count(in)), level: 1, part: part},
				{Name: noBreak("written " + Count(out)), level: min(float64(out)/float64(in), 1)},
			}, nil, "Tokens per call on average; the coloured part of what is read is avoidable."}
		}
	case "same_work":
		if len(f.Agents) == 2 {
			a, b := dayRow(r, f, f.Agents[0], true), dayRow(r, f, f.Agents[1], false)
			a.Name, b.Name = who, agentName(f.Agents[1])
			return spark{[]sparkRow{a, b}, ends(r), "Both by " + unitOf(r) + ", each on its own scale: the same work, paid twice; the coloured one is avoidable."}
		}
	}
	if r.TrendHourly {
		return spark{[]sparkRow{hourRow24(r, f)}, hourEnds, "By hour of day: all that " + who + " costs; the coloured part is avoidable."}
	}
	return spark{[]sparkRow{dayRow(r, f, f.Agents[0], true)}, ends(r), "By " + unitOf(r) + ": all that " + who + " costs; the coloured part is avoidable."}
}

// hourEnds are the labels below hours of the day, evenly apart.
var hourEnds = []string{"00", "06", "12", "18", "23"}

// ends are the labels below a picture of the whole period.
func ends(r *analyze.Result) []string {
	keys := trendKeys(r)
	return []string{axisText(keys[0], trendUnit(r)), axisText(keys[len(keys)-1], trendUnit(r))}
}

func unitOf(r *analyze.Result) string {
	if r.TrendHourly {
		return "hour"
	}
	return "day"
}

func hourRow24(r *analyze.Result, f analyze.Finding) sparkRow {
	row := sparkRow{all: make([]float64, 24), hot: make([]float64, 24)}
	at := map[string]int{}
	for h := range 24 {
		at[fmt.Sprintf("%02d", h)] = h
	}
	for _, p := range r.Scenes.AgentHours {
		if h, ok := at[p.Key]; ok && p.Agent == f.Agents[0] {
			row.all[h] += p.Cost.Float()
		}
	}
	for _, p := range f.Proof.Hours {
		if h, ok := at[p.Key]; ok {
			row.hot[h] += p.Saving.Float()
		}
	}
	return row
}

// dayRow is what an agent costs by day and, if wanted, what of it the finding takes.
func dayRow(r *analyze.Result, f analyze.Finding, agent string, hot bool) sparkRow {
	keys := trendKeys(r)
	bucket := (len(keys) + sparkBars - 1) / sparkBars
	n := (len(keys) + bucket - 1) / max(bucket, 1)
	row := sparkRow{all: make([]float64, n), hot: make([]float64, n)}
	at := make(map[string]int, len(keys))
	for i, k := range keys {
		at[k] = i / bucket
	}
	for _, p := range r.Trend {
		if p.Agent != agent {
			continue
		}
		if i, ok := at[trendKey(p.Key, r)]; ok {
			row.all[i] += p.Cost.Float()
		}
	}
	if !hot || r.TrendHourly {
		return row
	}
	for _, p := range f.Proof.Days {
		if i, ok := at[trendKey(p.Key, r)]; ok {
			row.hot[i] += p.Saving.Float()
		}
	}
	return row
}
