//go:build cgo

package report

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"burn/analyze"
)

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
	Title, USD string
}

const levels = 9

var weekdays = [...]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

func (p *page) when(r *analyze.Result) {
	pic := hours(r)
	p.Hours = figure{Chart: "hours", Picture: &pic, Answer: "Nothing in this period has a price.",
		Caption: "US dollars by hour of day (" + r.Period.TZ + "), all days of the period added up."}
	if h := r.Totals.PeakHour; h != nil {
		p.Hours.Answer = noBreak(fmt.Sprintf("%s:00 is the dearest hour of day with %s, %s of all; an even spread would be %s an hour.",
			h.Hour, marked(h.Cost, h.Estimated), Share(h.Cost, r.Totals.Cost), perThousand(r.Totals.Cost, 24*1000)))
	}
	for _, h := range r.ByHour {
		p.HourRows = append(p.HourRows, hourRow{h.Key + ":00", money(h.Cost, h.Estimated), Count(h.Requests), Count(h.Errors), Count(h.RateLimited)})
	}
	if r.Period.Until.Sub(r.Period.Since) > 24*time.Hour {
		p.Heat = heatMap(r)
	}
}

func heatMap(r *analyze.Result) *heat {
	cost, guessed := map[string]analyze.USD{}, map[string]analyze.USD{}
	var most float64
	for _, row := range r.ByWeekdayHour {
		cost[row.Key], guessed[row.Key] = row.Cost, row.Estimated
		most = max(most, row.Cost.Float())
	}
	h := &heat{}
	for hour := range 24 {
		h.Hours = append(h.Hours, heatHour{fmt.Sprintf("%02d", hour), hour%3 != 0})
	}
	for d, name := range weekdays {
		day := heatDay{Name: name}
		for hour := range 24 {
			key := fmt.Sprintf("%d-%02d", d+1, hour)
			u := cost[key]
			c := heatCell{Title: fmt.Sprintf("%s %02d:00 %s", name, hour, marked(u, guessed[key])), USD: u.String()}
			if !u.Known() {
				c.Title = fmt.Sprintf("%s %02d:00 nothing", name, hour)
			} else if most > 0 {
				c.Level = int(math.Round(levels * u.Float() / most))
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

// trace is one user action as a waterfall: bars from start to end of each call.
type trace struct {
	ID, Summary, More string
	Cost              amount
	Calls             []traceCall
}

type traceCall struct {
	Name, Note, Color, X, Width string
	Cost                        amount
}

// How much of the dearest actions is drawn.
const (
	shownTraces     = 5
	shownTraceCalls = 15
)

func (p *page) traces(r *analyze.Result, colors palette) {
	if len(r.Traces) == 0 {
		p.TraceAnswer = "No trace of two calls or more was seen: send traceparent or X-Trace-ID with each call of one action."
		return
	}
	p.TraceAnswer = "No action of two calls or more has a price."
	if r.Traces[0].Cost.Known() {
		p.TraceAnswer = dearestTrace(r.Traces[0])
	}
	for i, t := range r.Traces {
		if i == shownTraces {
			break
		}
		p.Traces = append(p.Traces, newTrace(t, colors))
	}
}

func dearestTrace(t analyze.Trace) string {
	cost := Cents(t.Cost)
	if mark := est(t.Cost, guessedPart(t)); mark != "" {
		cost += " (" + mark + ")"
	}
	return noBreak(fmt.Sprintf("The dearest action cost %s in %s.", cost, plural(int64(len(t.Calls)), "call")))
}

// guessedPart sums the calls of a trace that were estimated.
func guessedPart(t analyze.Trace) (sum analyze.USD) {
	for _, c := range t.Calls {
		if c.Estimated {
			sum = sum.Add(c.Cost)
		}
	}
	return sum
}

func newTrace(t analyze.Trace, colors palette) trace {
	begin, end := t.Calls[0].At, t.Calls[0].At
	for _, c := range t.Calls {
		if stop := c.At.Add(time.Duration(c.LatencyMS * 1e6)); stop.After(end) {
			end = stop
		}
	}
	length := max(float64(end.Sub(begin))/1e6, 1)
	seconds := length
	x := trace{ID: label(t.ID), Cost: amount{Cents(t.Cost), t.Cost.String(), noBreak(est(t.Cost, guessedPart(t)))},
		Summary: plural(int64(len(t.Calls)), "call") + ", " + noBreak(Millis(&seconds)) + ", " + stampText(begin)}
	for i, c := range t.Calls {
		if i == shownTraceCalls {
			x.More = plural(int64(len(t.Calls)-i), "more call")
			break
		}
		x.Calls = append(x.Calls, newTraceCall(c, begin, length, colors))
	}
	return x
}

func newTraceCall(c analyze.Call, begin time.Time, length float64, colors palette) traceCall {
	name := label(c.Agent)
	if c.Step != "" {
		name = label(c.Step) + " · " + name
	}
	note := label(c.Model) + " · " + Tokens(c.InputTokens) + " in, " + Tokens(c.OutputTokens) + " out"
	if c.Status >= 400 || c.End != "complete" {
		note += " · " + strconv.FormatInt(c.Status, 10)
		if c.End != "complete" {
			note += " " + label(c.End)
		}
	}
	start := 100 * float64(c.At.Sub(begin)) / 1e6 / length
	wide := max(100*c.LatencyMS/length, 0.8)
	cost := amount{Text: Cents(c.Cost), Exact: c.Cost.String()}
	if c.Estimated {
		cost.Est = est(c.Cost, c.Cost)
	}
	return traceCall{Name: name, Note: note, Color: colors.of(c.Agent), Cost: cost,
		X: strconv.FormatFloat(min(start, 100-wide), 'f', 2, 64), Width: strconv.FormatFloat(wide, 'f', 2, 64)}
}
