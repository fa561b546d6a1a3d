//go:build cgo

package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// mixer makes worlds in which wastes overlap: on one agent, on one call, and with
// all sizes close to where a rule begins.
type mixer struct {
	rnd          *rand.Rand
	since, until time.Time
	calls        []*event
	next         uint64
	prices       []*listPrice
	people       []*person
}

// person is an agent and its ways.
type person struct {
	name, key, program, client string
	fpSystem                   uint64
	clock                      bool // in its system prompt: another fpSystem in every call
	system, tools              int64
	chain                      [6]uint64 // of the beginning of its prompts
	level                      int       // up to which it is the same; -1: none
	model                      *listPrice
	fails, left, blind, cached int // percent of its calls
	session                    bool
	docs                       []*doc
	calls                      []*event
}

// doc is something to be asked about.
type doc struct {
	input, request uint64
	parts          [4]uint64
	bytes, history int64
	out            int64
	chain          *[6]uint64 // of a conversation's beginning; nil: each call's is its own
	turns          [4]uint64
}

func newMixer(seed uint64) *mixer {
	m := &mixer{rnd: rand.New(rand.NewPCG(seed, 7)), next: seed << 32}
	days := []int{1, 3, 10, 14, 35, 75}[m.rnd.IntN(6)]
	m.since = at("2026-09-06 00:00:00").Add(time.Duration(m.rnd.IntN(24)) * time.Hour)
	m.until = m.since.AddDate(0, 0, days)
	for i, model := range []string{"mid", "low", "auto", "big", "deep", "free", "mid"} {
		p := &listPrice{provider: fmt.Sprint("p", i%2), model: model, minimum: []int64{1024, 1024, 2048, 4096, 1024, 0, 1024}[i]}
		if model != "free" { // the last has no list price
			in := []int64{3000, 800, 1250, 5000, 15000, 0, 6000}[i]
			p.in, p.read, p.write, p.out = in*1000, in*[]int64{100, 100, 125, 500, 1000, 0, 100}[i], in*[]int64{1250, 1250, 1000, 1250, 1000, 0, 1250}[i], in*5000
			p.batch = i%2 == 0
			if i == 6 { // the first at once
				p.tier, p.batch = "priority", false
			} else if i >= 3 {
				p.sibling, p.siblingIn, p.siblingRead, p.siblingWrite, p.siblingOut = "small", 1_000_000, 100_000, 1_250_000, 5_000_000
			}
		}
		m.prices = append(m.prices, p)
	}
	for range m.between(2, 6) {
		m.habits(m.person())
	}
	if m.often(40) { // two that have little else to do
		p, q := m.person(), m.person()
		m.singles(p, m.between(130, 270))
		m.calls = append(m.calls, p.calls...)
		m.twinOf(q, p)
		m.calls = append(m.calls, q.calls...)
	}
	return m
}

func (m *mixer) between(lo, hi int) int { return lo + m.rnd.IntN(hi-lo+1) }

func (m *mixer) one(list ...int) int { return list[m.rnd.IntN(len(list))] }

func (m *mixer) often(pct int) bool { return m.rnd.IntN(100) < pct }

// around is at or near n: mostly a little more or less.
func (m *mixer) around(n, spread int) int64 {
	return int64(n + m.one(-1, 0, 1, -spread, spread, 0, m.between(-spread, spread)))
}

func (m *mixer) fp() uint64 { m.next++; return m.next*0x9e3779b97f4a7c15>>1 + 1 }

// any is a moment of the period, the week before it or, rarely, a little earlier.
func (m *mixer) any() time.Time {
	begin := m.since.AddDate(0, 0, -7)
	if m.often(3) {
		begin = begin.AddDate(0, 0, -1)
	}
	return begin.Add(time.Duration(m.rnd.Int64N(int64(m.until.Sub(begin))))).Truncate(time.Millisecond)
}

func (m *mixer) person() *person {
	n := len(m.people)
	p := &person{name: fmt.Sprint("agent-", n), key: fmt.Sprint("key-", m.one(n, n, n, 0)), program: fmt.Sprint("sdk-", m.one(0, n)), client: fmt.Sprint("10.0.0.", m.one(n, 0)),
		fpSystem: m.fp(), clock: m.often(20), system: int64(m.one(0, 300, 3000, 9000, 30_000)), model: m.prices[m.rnd.IntN(len(m.prices))], level: -1,
		fails: m.one(0, 0, 5, 20), left: m.one(0, 0, 10), blind: m.one(0, 0, 10), cached: m.one(0, 0, 30, 90), session: m.often(20)}
	p.tools = int64(m.one(0, 0, 0, 3))
	if head := p.system + 400*p.tools; head >= 4096 {
		for p.level+1 < 6 && 4096<<(p.level+1) <= head {
			p.level++
		}
		for l := range p.chain {
			p.chain[l] = m.fp()
		}
		if n > 0 && m.often(20) { // the same prompt as a colleague's
			p.chain, p.key, p.model = m.people[n-1].chain, m.people[n-1].key, m.people[n-1].model
		}
	}
	m.people = append(m.people, p)
	return p
}

func (m *mixer) habits(p *person) {
	for range m.one(1, 1, 2, 3) {
		switch m.rnd.IntN(13) {
		case 11, 12:
			m.dialogue(p)
		case 0, 1, 2:
			m.clockwork(p)
		case 9, 10:
			m.nightly(p)
		case 3:
			m.pool(p)
		case 4:
			m.bursts(p)
		case 5, 6, 7:
			m.twinOf(p, m.people[m.rnd.IntN(len(m.people))])
		case 8:
			m.singles(p, m.between(20, 150))
		}
	}
	m.calls = append(m.calls, p.calls...)
}

func (m *mixer) doc() *doc {
	d := &doc{input: m.fp(), request: m.fp(), bytes: int64(m.one(10, m.between(250, 260), 700, 3000, 16_000, m.between(500, 20_000)))}
	if d.bytes < 32 {
		d.input = 0
	}
	if m.often(40) {
		for i := range m.between(1, 4) {
			d.parts[i] = m.fp()
		}
	}
	switch m.rnd.IntN(4) {
	case 0:
		d.history = m.around(16<<10, 600)
	case 1:
		d.history = int64(m.one(500, 40_000, 150_000))
	}
	d.out = int64(m.one(int(m.around(64, 3)), m.between(1, 63), m.between(65, 700), m.between(65, 700)))
	return d
}

// ask makes p's call about d.
func (m *mixer) ask(p *person, d *doc, when time.Time) *event {
	price := p.model
	if m.often(5) {
		price = m.prices[m.rnd.IntN(len(m.prices))]
	}
	e := &event{at: when.Truncate(time.Millisecond), latency: time.Duration(m.between(200, 9000)) * time.Millisecond, who: p.name, key: p.key, program: p.program, client: p.client,
		provider: price.provider, model: price.model, price: price, status: 200, end: "complete", finish: "stop", usage: "reported", operation: "chat", stream: m.often(30),
		system: p.system, history: d.history, inputBytes: d.bytes, tools: p.tools, fpSystem: p.fpSystem, fpInput: d.input, fpRequest: d.request ^ p.fpSystem, parts: d.parts, turns: d.turns}
	if p.clock {
		e.fpSystem = m.fp()
	}
	e.toolBytes = 400 * e.tools
	if p.session && e.fpInput != 0 {
		e.session = fmt.Sprint(p.name, "-", d.input%7)
	}
	if d.history > 0 {
		e.recent = d.history * int64(m.one(0, 10, 30, 100)) / 100
	}
	e.in, e.out = max(1, e.text()*int64(m.between(23, 27))/100), d.out
	if d.history > 100_000 && m.often(50) {
		e.out = m.around(int(e.in/100), 2) // a hundredth of what is read
	}
	if m.often(p.cached) {
		e.read = e.in * int64(m.one(0, 20, 50, 95)) / 100
		e.written = (e.in - e.read) * int64(m.one(0, 0, 90)) / 100
	}
	for l := range e.prefix {
		switch {
		case 4096<<l > e.text():
		case l <= p.level:
			e.prefix[l] = p.chain[l]
		case d.chain != nil:
			e.prefix[l] = d.chain[l]
		default:
			e.prefix[l] = m.fp()
		}
	}
	if m.often(3) {
		e.operation, e.out = "embeddings", 0
	}
	m.bill(e, 100)
	p.calls = append(p.calls, e)
	m.trouble(p, e)
	return e
}

// bill sets the cost to a part of the list price, in percent.
func (m *mixer) bill(e *event, pct int64) {
	q := e.price
	e.cost = ((e.in-e.read-e.written)*q.in + e.read*q.read + e.written*q.write + e.out*q.out) * pct / 100
	if m.often(3) {
		e.cost = e.cost * 7 / 10 // a discount
	}
}

// trouble makes some calls fail, be cut or left, and be made again.
func (m *mixer) trouble(p *person, e *event) {
	if m.often(p.blind) {
		e.usage, e.finish = "missing", ""
	}
	again := func() {
		x := *e
		x.at = e.at.Add(time.Duration(m.one(5, 30, 59, 60, 61, 300, 599, int(m.around(600, 12)), 4000)) * time.Second)
		x.status, x.end, x.finish, x.usage = 200, "complete", "stop", "reported"
		x.limit = e.limit + int64(m.one(0, 0, 500))
		m.bill(&x, 100)
		p.calls = append(p.calls, &x)
	}
	switch {
	case m.often(p.fails):
		e.finish = []string{"", "", "stop"}[m.rnd.IntN(3)]
		switch m.rnd.IntN(5) {
		case 0:
			e.status = m.one(500, 502, 503, 529)
		case 1:
			e.end = "upstream_abort"
		case 2:
			e.end, e.latency = "timeout", time.Duration(m.one(60, 600))*time.Second
		case 3:
			e.status, e.cost, e.finish = 429, 0, ""
		case 4:
			e.finish, e.limit = []string{"length", "max_tokens", "MAX_TOKENS"}[m.rnd.IntN(3)], int64(m.one(0, 100))
		}
		for range m.one(0, 1, 1, 2) {
			again()
		}
	case m.often(p.left):
		e.end, e.stream = "client_abort", m.often(80)
		if m.often(60) {
			e.finish = ""
		}
		if m.often(20) {
			again()
		}
	}
}

// clockwork runs at some minutes of some hours, over what is new and what it had.
func (m *mixer) clockwork(p *person) {
	var minutes []int
	for range m.one(1, 1, 1, 1, 1, 2, 4, 5) {
		minutes = append(minutes, m.between(0, 59))
	}
	every := []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour, 22 * time.Hour, 23 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 25 * time.Hour}[m.rnd.IntN(9)]
	reread, fresh, pause, jitter := m.one(0, 0, 30, 100), m.between(1, 9), m.one(1, 5, 20), m.one(0, 60, 120, 200)
	last := m.one(150, 150, 152) // a longer pause breaks a run in two
	n, begin := 0, m.any()
	for when := begin.Truncate(24 * time.Hour); when.Before(m.until) && n < m.one(2, 3, 4, 30, 120, 120); when = when.Add(every) {
		for _, minute := range minutes {
			at := when.Add(time.Duration(minute)*time.Minute + time.Duration(m.between(0, jitter))*time.Second)
			var list []*doc
			for _, d := range p.docs[max(0, len(p.docs)-12):] {
				if m.often(reread) {
					list = append(list, d)
				}
			}
			for range m.one(fresh, fresh, fresh, 1) {
				d := m.doc()
				p.docs, list = append(p.docs, d), append(list, d)
			}
			for _, d := range list {
				m.ask(p, d, at)
				at = at.Add(time.Duration(m.one(pause, pause, pause, pause, pause, pause, m.between(140, last))) * time.Second)
			}
			n++
		}
	}
	m.singles(p, len(p.calls)*m.one(0, 0, 0, 0, 2, 10, 19, 26)/100)
}

// nightly runs about once a day, with a run now and then that is small, and calls
// between them.
func (m *mixer) nightly(p *person) {
	every := time.Duration(m.one(22, 23, 24, 24, 24, 25)) * time.Hour
	minute, size, jitter := m.between(0, 59), m.between(4, 24), m.one(0, 60, 200)
	n, small := len(p.calls), m.often(30)
	for when := m.since.AddDate(0, 0, -m.between(2, 9)).Add(time.Duration(minute) * time.Minute); when.Before(m.until) && len(p.calls)-n < 400; when = when.Add(every) {
		at, most := when.Add(time.Duration(m.between(0, jitter))*time.Second), size+m.between(0, size)
		if small && m.often(20) {
			most = int(m.around(max(2, size/10), 1))
		}
		for range most {
			d := m.doc()
			p.docs = append(p.docs, d)
			m.ask(p, d, at)
			at = at.Add(time.Duration(m.one(1, 7, 60)) * time.Second)
		}
	}
	strays := m.one(0, 0, 3, 12, 19, 26)
	for range (len(p.calls) - n) * strays / 100 {
		when := m.any()
		if m.often(50) { // at the job's own minute
			when = when.Truncate(time.Hour).Add(time.Duration(minute) * time.Minute)
		}
		d := m.doc()
		p.docs = append(p.docs, d)
		m.ask(p, d, when)
	}
}

func (m *mixer) singles(p *person, n int) {
	for range n {
		d := m.doc()
		p.docs = append(p.docs, d)
		m.ask(p, d, m.any())
	}
}

// pool asks about the same things again and again.
func (m *mixer) pool(p *person) {
	m.singles(p, m.between(10, 100))
	for range m.between(10, 100) {
		d, when := p.docs[m.rnd.IntN(len(p.docs))], m.any()
		for range m.between(1, 3) {
			m.ask(p, d, when)
			when = when.Add(time.Duration(m.one(1, 59, 60, 61, m.between(61, 100_000))) * time.Second)
		}
	}
}

// bursts are calls minutes apart, of any gap around the lifetime of a cache.
func (m *mixer) bursts(p *person) {
	for range m.between(1, 6) {
		when := m.any()
		for range m.between(2, 25) {
			d := m.doc()
			p.docs = append(p.docs, d)
			m.ask(p, d, when)
			when = when.Add(time.Duration(m.one(2, 40, 200, 299, 300, 301, 400)) * time.Second)
		}
	}
}

// dialogue is a conversation that grows, each call of which says all of it again; now
// and then two calls go on with the same one, and one goes on only after a while.
func (m *mixer) dialogue(p *person) {
	for range m.between(1, 4) {
		when, chain, turns, history := m.any(), [6]uint64{}, [4]uint64{}, int64(0)
		for l := range chain {
			chain[l] = m.fp()
		}
		for range m.between(2, 20) {
			d := m.doc()
			d.chain, d.history, d.turns = &chain, history, [4]uint64{m.fp(), turns[0], turns[1], turns[2]}
			m.ask(p, d, when)
			if m.often(90) { // else it is asked once more otherwise
				turns, history = d.turns, history+d.bytes+5*d.out
			}
			when = when.Add(time.Duration(m.one(2, 40, 40, 200, 299, 300, 301, 400)) * time.Second)
		}
	}
}

// twinOf makes p ask about other's things: about half of them, or a hundred.
func (m *mixer) twinOf(p, other *person) {
	has := func() (list []*doc) {
		for _, d := range other.docs {
			if d.input != 0 {
				list = append(list, d)
			}
		}
		return list
	}
	n := len(other.calls)
	for want := m.one(0, 100, 130, 200); other != p && len(has()) < want; {
		m.singles(other, 1)
	}
	m.calls = append(m.calls, other.calls[n:]...)
	docs := has()
	m.rnd.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	byLines, link, factor := m.often(40), m.often(15), int64(m.one(1, 1, 1, 2, 5))
	for _, d := range docs[:min(len(docs), int(m.around(max(108, len(docs)/2), 8)))] {
		x := *d
		x.request, x.out = m.fp(), d.out*factor
		if byLines && x.parts[1] != 0 {
			x.input = m.fp()
			x.parts[m.rnd.IntN(4)] = m.fp()
		}
		e := m.ask(p, &x, m.any())
		if link {
			link = false
			e.trace = fmt.Sprint("trace-", d.input)
			other.calls[m.rnd.IntN(len(other.calls))].trace = e.trace
		}
		p.docs = append(p.docs, &x)
	}
	m.singles(p, m.one(0, 0, 40, int(m.around(100, 4))))
}

// into stores the calls. named says whether they tell their agent.
func (m *mixer) into(t testing.TB, named bool) *world {
	w := newWorld(t)
	for _, p := range m.prices {
		if p.in == 0 {
			continue
		}
		batch := "NULL"
		if p.batch {
			batch = "0.5"
		}
		w.insert("rate", map[string]any{"service_tier_id": w.id("service_tier", p.tier), "provider_id": w.id("provider", p.provider), "request_model_id": w.id("request_model", p.model),
			"from_at": "TIMESTAMP '2020-01-01'", "until_at": "TIMESTAMP '2030-01-01'", "most_tokens": 4294967295, "batch_multiplier": batch, "cache_minimum": p.minimum,
			"input_pico": p.in * 1000, "read_pico": p.read * 1000, "write_pico": p.write * 1000, "output_pico": p.out * 1000, "sibling": "'" + p.sibling + "'",
			"sibling_input_pico": p.siblingIn * 1000, "sibling_read_pico": p.siblingRead * 1000, "sibling_write_pico": p.siblingWrite * 1000, "sibling_output_pico": p.siblingOut * 1000})
	}
	for _, e := range m.calls {
		c := cell{"agent": "", "key_id": e.key, "user_agent": e.program, "client": e.client, "provider": e.provider, "request_model": e.model, "service_tier": e.price.tier, "status": e.status, "end": e.end,
			"finish_reason": e.finish, "usage_source": e.usage, "estimated": !e.measured(), "operation": e.operation, "stream": e.stream, "latency_us": e.latency.Microseconds(),
			"input_tokens": e.in, "output_tokens": e.out, "cache_read_tokens": e.read, "cache_write_tokens": e.written, "tools": e.tools, "max_tokens": e.limit,
			"system_bytes": e.system, "tools_bytes": e.toolBytes, "history_bytes": e.history, "recent_bytes": e.recent, "input_bytes": e.inputBytes,
			"fp_system": e.fpSystem, "fp_input": e.fpInput, "fp_request": e.fpRequest, "session": e.session, "trace": e.trace, "cost_usd": fmt.Sprintf("'%d.%012d'", e.cost/1e12, e.cost%1e12)}
		if named {
			c["agent"] = e.who
		}
		if e.price.in == 0 {
			c["cost_usd"] = nil
		}
		for l, name := range []string{"4k", "8k", "16k", "32k", "64k", "128k"} {
			c["fp_prefix_"+name] = e.prefix[l]
		}
		for i, part := range e.parts {
			c[fmt.Sprint("fp_part_", i)], c[fmt.Sprint("fp_turn_", i)] = part, e.turns[i]
		}
		w.putAt(e.at, c)
		e.seq = w.seq
	}
	return w
}
