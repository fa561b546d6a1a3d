package demo

import "cmp"

// bytesPerToken is the text behind one token of a prompt.
const bytesPerToken = 4

// call is one call before it becomes a line: when, how large, and which text
// it shares with which other calls.
type call struct {
	part *part
	n    uint64 // index within the part and month
	at   int64  // ms since the Unix epoch
	id   uint64 // unique within the story

	input, output int64 // tokens
	latency, ttft float64

	// How the prompt's text divides, in bytes.
	system, tools, history, recent, last int64
	messages                             int64

	// Equal numbers stand for equal texts.
	systemText  uint64
	lastText    uint64
	requestText uint64
	pastText    [3]uint64 // the request's text before each of the last runs of answers, newest first
	past        int       // how many of them there are

	user, session, trace uint64 // 0: the caller sends none

	failure *failure
	retry   int64
}

// failure is an answer that was not one. It costs nothing.
type failure struct {
	status    int
	errorType string
	wait      float64 // ms until it came, about
}

var (
	tooMany    = &failure{429, "rate_limit_error", 90}
	overloaded = &failure{529, "overloaded_error", 700}
	apiError   = &failure{500, "api_error", 2_400}
	badRequest = &failure{400, "invalid_request_error", 160}
)

// newCall makes the n-th call of a part: sizes by the part's means, text that
// no other call has, one message.
func (st *story) newCall(p *part, n uint64, at int64) call {
	c := call{
		part: p, n: n, at: at,
		id:     uint64(st.month)<<60 | p.id<<48 | n,
		system: p.system, tools: p.tools, messages: 1,
		systemText: p.id,
	}
	c.lastText, c.requestText = c.id, c.id
	c.size(p.input[st.month], n, n)
	if p.failEvery > 0 && n%uint64(p.failEvery) == uint64(p.failEvery/2) {
		c.fail(p.usualFailure(n))
	}
	return c
}

func (p *part) usualFailure(n uint64) *failure {
	switch {
	case p.model == o4mini:
		return badRequest
	case unit(seedLatency, p.id, n) < 0.7:
		return overloaded
	}
	return apiError
}

// size sets token counts from the means and the given places in the two
// sequences of factors, and how long the answer takes.
func (c *call) size(meanInput int, inputPlace, outputPlace uint64) {
	c.input = tokens(meanInput, 0, inputPlace)
	c.output = tokens(c.part.output, 1, outputPlace)
	m := c.part.model
	// One call in twenty waits in a queue of the provider.
	slow := 0.75 + float64(0.5*unit(seedLatency, c.id, 1))
	if unit(seedLatency, c.id, 2) < 0.05 {
		slow += float64(1.5 * unit(seedLatency, c.id, 3))
	}
	pace := 0.85 + float64(0.4*unit(seedLatency, c.id, 4))
	c.ttft = float64(slow * (m.firstToken + float64(m.perInput*float64(c.input)/1000)))
	c.latency = c.ttft + float64(pace*m.perOutput*float64(c.output))
	if !c.part.stream {
		c.ttft = c.latency - 0.2 - float64(1.5*unit(seedLatency, c.id, 5))
	}
}

// fail turns the call into one that the provider refused.
func (c *call) fail(f *failure) {
	c.failure = f
	c.latency = float64(f.wait * (0.6 + float64(0.8*unit(seedLatency, c.id, 6))))
	c.ttft = c.latency - 0.15
}

// text is the length of the prompt's text in bytes.
func (c *call) text() int64 { return bytesPerToken * c.input }

// divide splits the text: a system prompt of the given size, the last user
// turn, and earlier turns for what is left.
func (c *call) divide(system, last int64) {
	c.system, c.last = system, last
	c.history = c.text() - system - c.tools - last
	c.recent = c.history
}

// single makes everything but system prompt and tools the last user turn.
func (c *call) single() { c.divide(c.system, c.text()-c.system-c.tools) }

// cutHistory gives the call n earlier runs of answers whose texts no other
// call ends with, as when a history is cut at the front.
func (c *call) cutHistory(n int) {
	for i := range n {
		c.pastText[i] = seed(seedCut, c.id, uint64(i))
	}
	c.past = n
}

// end is when the last byte came, in ms since the epoch.
func (c *call) end() int64 { return c.at + int64(c.latency) + 1 }

// order sorts calls by time; calls of the same millisecond keep one order on
// every run.
func order(a, b call) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) }
