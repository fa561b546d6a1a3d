//go:build cgo

package report

import (
	"fmt"
	"strconv"
	"time"

	"burn/analyze"
)

// actionPart is what one click costs.
type actionPart struct {
	Answer string
	List   []trace
}

// trace is one user action as a waterfall: bars from start to end of each call.
type trace struct {
	ID, Summary, More string
	Cost              amount
	Calls             []traceCall
}

type traceCall struct {
	Name, Note, Color, X, Width string
	Flag                        string // why it need not have been paid
	Depth                       int    // how far it stands to the right: the calls above it, at most deepest
	Below                       string // what it costs with the calls below it
	Cost                        amount
}

// How much of the dearest actions is drawn.
const (
	shownTraces     = 5
	shownTraceCalls = 10
	deepest         = 5
)

func (p *page) actions(r *analyze.Result, colors palette) {
	if len(r.Traces) == 0 {
		p.Actions.Answer = "No trace header or session seen on two calls or more: send traceparent or X-Session-ID with each call of one action."
		return
	}
	p.Actions.Answer = "No action of two calls or more has a price."
	if r.Traces[0].Cost.Known() {
		p.Actions.Answer = dearestTrace(r.Traces[0])
		if r.Traces[0].By == analyze.BySession {
			p.Actions.Answer = noBreak("No trace header seen on two calls or more: an action is what one session did. ") + p.Actions.Answer
		}
		if s := r.Scenes; s.Actions > 1 && s.TypicalAction.Known() {
			p.Actions.Answer += noBreak(fmt.Sprintf(" Half of the %s cost less than %s.", plural(s.Actions, "action"), Cents(s.TypicalAction)))
		}
	}
	for i, t := range r.Traces {
		if i == shownTraces {
			break
		}
		p.Actions.List = append(p.Actions.List, newTrace(t, colors))
	}
}

func dearestTrace(t analyze.Trace) string {
	return noBreak(fmt.Sprintf("The dearest action cost %s in %s.", costCell(t.Cost, guessedPart(t)), callsOf(t)))
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
	user := ""
	if u := t.Calls[0].User; u != "" && u != "unknown" {
		user = ", user " + label(u)
	}
	id := label(t.ID)
	if t.By == analyze.BySession {
		id = "session " + id
	}
	x := trace{ID: id, Cost: amount{Cents(t.Cost), t.Cost.String(), noBreak(est(t.Cost, guessedPart(t)))},
		Summary: callsOf(t) + ", " + noBreak(Millis(&seconds)) + ", " + stampText(begin) + user}
	for n, i := range t.Tree() {
		if n == shownTraceCalls {
			x.More = plural(int64(len(t.Calls)-n), "more call")
			break
		}
		x.Calls = append(x.Calls, newTraceCall(t.Calls[i], begin, length, colors))
	}
	return x
}

func newTraceCall(c analyze.Call, begin time.Time, length float64, colors palette) traceCall {
	name := agentName(c.Agent)
	if c.Step != "" {
		name = label(c.Step) + " · " + name
	}
	note := label(named(c.Model)) + " · " + Tokens(c.InputTokens) + " in, " + Tokens(c.OutputTokens) + " out"
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
	below := ""
	if c.Subtree.Cmp(c.Cost) > 0 {
		below = noBreak(Cents(c.Subtree) + " with the calls below it")
	}
	return traceCall{Name: name, Note: noBreak(note), Flag: blamed[c.Kind], Depth: min(c.Depth, deepest), Below: below, Color: colors.of(c.Agent), Cost: cost,
		X: strconv.FormatFloat(min(start, 100-wide), 'f', 2, 64), Width: strconv.FormatFloat(wide, 'f', 2, 64)}
}
