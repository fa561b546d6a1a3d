//go:build cgo

package analyze_test

import (
	"fmt"
	"time"
)

// What is planted, kind by kind, and the innocents.

func (m *maker) retries() {
	list := m.some(m.between(50, 150))
	for range m.between(5, 40) {
		c := m.plain(m.any())
		c.kind = "retries"
		minutes := time.Duration(m.between(1, 9)) * time.Minute
		switch m.rnd.IntN(5) {
		case 0:
			c.set["status"], c.set["finish_reason"] = []int{500, 502, 529}[m.rnd.IntN(3)], ""
		case 1:
			c.set["end"], c.set["finish_reason"] = "upstream_abort", ""
		case 2:
			c.set["end"], c.set["finish_reason"], c.set["latency_us"] = "timeout", "", 120_000_000
		case 3: // cut, and asked with more
			c.set["finish_reason"], c.set["max_tokens"] = []string{"length", "max_tokens", "MAX_TOKENS"}[m.rnd.IntN(3)], 256
			next := again(c, minutes)
			next.set["finish_reason"], next.set["max_tokens"] = "stop", 1024
			list = append(list, c, next)
			continue
		case 4: // two in a row
			c.set["status"], c.set["finish_reason"] = 503, ""
			second := again(c, 20*time.Second)
			second.kind = "retries"
			list = append(list, second)
		}
		good := again(c, minutes)
		good.set["status"], good.set["end"], good.set["finish_reason"] = 200, "complete", "stop"
		list = append(list, c, good)
	}
	for range m.between(0, 20) { // refused and not billed, and failed for good
		c := m.plain(m.any())
		c.set["status"], c.set["cost_usd"], c.set["finish_reason"] = 429, "0", ""
		list = append(list, c, m.plainAgain(c, 30*time.Second))
		f := m.plain(m.any())
		f.set["status"], f.set["finish_reason"] = 500, ""
		list = append(list, f)
	}
	m.agent("retrier", m.rnd.IntN(3), list)
}

// plainAgain is the same request, answered.
func (m *maker) plainAgain(c made, after time.Duration) made {
	good := again(c, after)
	good.set["status"], good.set["finish_reason"] = 200, "stop"
	delete(good.set, "cost_usd")
	return good
}

func (m *maker) abandoned() {
	list := m.some(m.between(50, 150))
	for range m.between(5, 60) {
		c := m.plain(m.any())
		c.set["stream"], c.set["end"] = true, "client_abort"
		if m.rnd.IntN(4) > 0 {
			c.kind, c.set["finish_reason"] = "abandoned", ""
		} // else closed after its last event
		list = append(list, c)
	}
	m.agent("streamer", m.rnd.IntN(3), list)
}

// schedule is a job over all documents of the day so far, or of the last days.
func (m *maker) schedule() {
	var list []made
	minute, docs, every := m.between(0, 59), m.between(3, 12), []int{1, 2, 3, 6}[m.rnd.IntN(4)]
	share := m.between(0, 10) // percent of other calls
	for day := range 21 {
		var today []made
		for hour := 6; hour < 24; hour += every {
			start := at("2026-11-01 00:00:00").AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(m.between(0, 50))*time.Second)
			moment := start
			for i := range today {
				c := again(today[i], 0)
				c.at, c.kind = moment, "schedule"
				list = append(list, c)
				moment = moment.Add(time.Duration(m.between(1, 9)) * time.Second)
			}
			for range docs {
				c := m.plain(moment)
				today, list = append(today, c), append(list, c)
				moment = moment.Add(time.Duration(m.between(1, 9)) * time.Second)
			}
			if len(today) > 40 {
				break
			}
		}
	}
	list = append(list, m.some(len(list)*share/100)...)
	m.agent("cron", m.rnd.IntN(3), list)
}

func (m *maker) sameWork() {
	byParts := m.rnd.IntN(2) == 0
	shared, own := m.between(110, 400), 0
	own = m.between(0, shared*8/10)
	var a, b []made
	for range shared {
		x := m.plain(m.any())
		x.in = int64(m.between(500, 900))
		y := again(x, time.Duration(m.between(1, 600))*time.Second)
		y.set["fp_request"] = m.fp()
		y.in, y.kind = x.in+400, "same_work"
		if byParts {
			for i := range 4 {
				x.set[fmt.Sprint("fp_part_", i)] = m.fp()
			}
			y.set["fp_input"] = m.fp()
			y.set["fp_part_0"], y.set["fp_part_1"], y.set["fp_part_2"] = x.set["fp_part_0"], x.set["fp_part_2"], m.fp()
		}
		a, b = append(a, x), append(b, y)
	}
	for range own {
		a = append(a, m.plain(m.any()))
	}
	m.agent("labeller", 0, a)
	m.agent("sorter", 1, b) // the cheaper model
}

func (m *maker) repeated() {
	list := m.some(m.between(60, 150))
	embeds := m.rnd.IntN(3) == 0
	for range m.between(10, 60) {
		c := m.plain(m.any())
		if embeds {
			c.set["operation"], c.out = "embeddings", 0
		}
		list = append(list, c)
		for range m.between(1, 3) {
			c = again(c, time.Duration(m.between(61, 200_000))*time.Second)
			if c.at.After(m.period.Until.Add(-time.Second)) {
				break
			}
			c.kind = "repeated"
			list = append(list, c)
		}
	}
	for range m.between(0, 20) { // samples taken at once
		c := m.plain(m.any())
		list = append(list, c, again(c, time.Second), again(c, 50*time.Second))
	}
	m.agent("asker", m.rnd.IntN(3), list)
}

func (m *maker) history() {
	list := m.some(m.between(20, 100))
	rate := m.rnd.IntN(3)
	for range m.between(10, 60) {
		c := m.plain(m.any())
		history := m.between(17_000, 200_000)
		recent := history * m.between(5, 30) / 100
		total := history + 600 + 400
		c.in, c.out = int64(total/4), int64(m.between(1, 63))
		c.set["history_bytes"], c.set["recent_bytes"], c.set["input_bytes"], c.set["messages"] = history, recent, 400, m.between(20, 200)
		c.kind = "history"
		in := c.in
		c.part = func(int64) int64 {
			return int64(history-recent) * in / int64(total) * rates[rate].in * picoPerRate
		}
		list = append(list, c)
	}
	m.agent("rememberer", rate, list)
}

// cache: calls minutes apart whose system prompt is long and the same.
func (m *maker) cache() {
	var list []made
	rate := m.rnd.IntN(3)
	level := 8192 << m.rnd.IntN(3) // what fingerprints can show of the prefix
	prefix := level + m.rnd.IntN(level/2)
	shares := []uint64{m.fp(), m.fp(), m.fp(), m.fp(), m.fp(), m.fp()}
	for range m.between(3, 8) { // bursts
		when := at("2026-11-02 00:00:00").Add(time.Duration(m.rnd.Int64N(int64(18 * 24 * time.Hour))))
		for i := range m.between(5, 30) {
			c := m.plain(when)
			total := prefix + m.between(1000, 3000)
			c.in, c.out = int64(total/4), int64(m.between(70, 300))
			c.set["system_bytes"], c.set["input_bytes"] = prefix, total-prefix
			for l, name := range []string{"4k", "8k", "16k", "32k", "64k", "128k"} {
				switch size := 4096 << l; {
				case size <= level:
					c.set["fp_prefix_"+name] = shares[l]
				case size <= total:
					c.set["fp_prefix_"+name] = m.fp()
				}
			}
			tokens := int64(prefix) * c.in / int64(total)
			if i > 0 {
				c.kind = "cache"
				first := i == 1
				c.part = func(int64) int64 {
					p := rates[rate]
					saved := tokens * (p.in - p.read)
					if first {
						saved -= tokens * (p.write - p.in)
					}
					return saved * picoPerRate
				}
			}
			list = append(list, c)
			when = when.Add(time.Duration(m.between(20, 280)) * time.Second)
		}
	}
	m.agent("instructed", rate, list)
	m.talker(rate)
}

// talker has conversations, each call of which says again all that was said.
func (m *maker) talker(rate int) {
	var list []made
	for range m.between(2, 5) {
		when := at("2026-11-02 00:00:00").Add(time.Duration(m.rnd.Int64N(int64(18 * 24 * time.Hour))))
		shares, turns, before, last := []uint64{}, []uint64{0, 0, 0}, 0, 0
		for range 6 {
			shares = append(shares, m.fp())
		}
		for total, i := 600+m.between(4000, 40_000), 0; i < m.between(3, 12) && total < 250_000; i++ {
			c := m.plain(when)
			c.in, c.out = int64(total/4), int64(m.between(70, 300))
			c.set["system_bytes"], c.set["history_bytes"], c.set["recent_bytes"], c.set["input_bytes"], c.set["session"] = 600, total-1000, total-1000, 400, fmt.Sprint(when.Unix())
			turns = append([]uint64{m.fp()}, turns[:3]...)
			for l, name := range []string{"4k", "8k", "16k", "32k", "64k", "128k"} {
				if 4096<<l <= total {
					c.set["fp_prefix_"+name] = shares[l]
				}
			}
			for back, turn := range turns {
				c.set[fmt.Sprint("fp_turn_", back)] = turn
			}
			if said := last * int(c.in) / total; said >= 1024 {
				fresh := int64(last-before) * c.in / int64(total)
				c.kind, c.part = "cache", func(int64) int64 {
					p := rates[rate]
					return (int64(said)*(p.in-p.read) - fresh*(p.write-p.in)) * picoPerRate
				}
			}
			list = append(list, c)
			before, last = last, total
			when = when.Add(time.Duration(m.between(5, 280)) * time.Second)
			total += m.between(400, 20_000)
		}
	}
	m.agent("talker", rate, list)
}

func (m *maker) batch() {
	var list []made
	hour, minute, n := m.between(0, 5), m.between(0, 59), m.between(5, 25)
	for day := range 21 {
		moment := at("2026-11-01 00:00:00").AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(m.between(0, 40))*time.Second)
		for range n + m.rnd.IntN(n) {
			c := m.plain(moment)
			c.kind, c.part = "batch", func(cost int64) int64 { return cost / 2 }
			list = append(list, c)
			moment = moment.Add(time.Duration(m.between(1, 30)) * time.Second)
		}
	}
	m.agent("nightly", m.rnd.IntN(3), list)
}

func (m *maker) bloat() {
	list := m.some(m.between(20, 80))
	rate := m.rnd.IntN(3)
	for range m.between(10, 80) {
		c := m.plain(m.any())
		c.in, c.out, c.kind = int64(m.between(4000, 30_000)), int64(m.between(1, 63)), "bloat"
		over := min(c.in-10*c.out, c.in/2)
		c.part = func(int64) int64 { return over * rates[rate].in * picoPerRate }
		list = append(list, c)
	}
	m.agent("reader", rate, list)
}

func (m *maker) dearer() {
	list := m.some(m.between(20, 80))
	for range m.between(20, 100) {
		c := m.plain(m.any())
		c.out, c.kind = int64(m.between(1, 63)), "dearer_model"
		in, out := c.in, c.out
		c.part = func(cost int64) int64 { return cost - (in*100+out*500)*picoPerRate }
		list = append(list, c)
	}
	m.agent("yes-no", 3, list)
}

// Innocents.

func (m *maker) hourly() {
	var list []made
	minute := m.between(0, 59)
	for hour := range 21 * 24 {
		if hour%m.between(1, 2) == 0 {
			start := at("2026-11-01 00:00:00").Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
			list = append(list, m.plain(start), m.plain(start.Add(7*time.Second)))
		}
	}
	m.agent("collector", m.rnd.IntN(3), list)
}

// steps: a router, a guard and an answerer on one user turn.
func (m *maker) steps() {
	var lists [3][]made
	for i := range m.between(110, 200) {
		c := m.plain(m.any())
		for n := range lists {
			x := again(c, time.Duration(n)*time.Second)
			x.set["fp_request"], x.set["trace"] = m.fp(), fmt.Sprint("t", m.next, i)
			if n > 0 {
				x.set["trace"] = lists[0][len(lists[0])-1].set["trace"]
			}
			lists[n] = append(lists[n], x)
		}
	}
	for n, name := range []string{"router", "guard", "answerer"} {
		m.agent(name, n%2, lists[n])
	}
}

func (m *maker) coder() {
	var list []made
	for s := range m.between(2, 6) {
		when, prefix := m.any(), m.fp()
		for i := range m.between(10, 40) {
			c := m.plain(when)
			c.in = int64(18_000 + 1000*i)
			c.read, c.written, c.out = c.in-1000, 900, int64(m.between(10, 60))
			if i == 0 {
				c.read, c.written = 0, c.in-100
			}
			c.set["tools"], c.set["tools_bytes"], c.set["history_bytes"], c.set["recent_bytes"], c.set["input_bytes"] = 9, 9000, 60_000+4000*i, 4000, 400
			c.set["session"], c.set["fp_prefix_4k"], c.set["fp_prefix_8k"], c.set["fp_prefix_16k"], c.set["fp_prefix_32k"] = fmt.Sprint("code", m.next, s), prefix, prefix+1, prefix+2, prefix+3
			list = append(list, c)
			when = when.Add(time.Duration(m.between(5, 60)) * time.Second)
		}
	}
	m.agent("coder", m.rnd.IntN(3), list)
}

func (m *maker) retrieval() {
	list := m.some(m.between(50, 150))
	for i := range list {
		list[i].in, list[i].out = int64(m.between(5000, 20_000)), int64(m.between(150, 600))
		list[i].set["fp_prefix_4k"] = m.fp()
	}
	m.agent("retriever", m.rnd.IntN(3), list)
}

func (m *maker) chat() {
	hi := m.fp()
	list := m.some(m.between(20, 80))
	for i := range m.between(20, 100) {
		c := m.plain(m.any())
		c.in = 60
		c.set["fp_input"], c.set["fp_request"], c.set["user"], c.set["system_bytes"], c.set["input_bytes"] = 0, hi, fmt.Sprint("u", i), 200, 2
		list = append(list, c)
	}
	m.agent("chat", m.rnd.IntN(3), list)
}

func (m *maker) health() {
	var list []made
	ping := m.fp()
	for i := range 21 * 24 {
		c := m.plain(at("2026-11-01 00:05:00").Add(time.Duration(i) * time.Hour))
		c.in, c.out = 9, 2
		c.set["fp_input"], c.set["fp_request"], c.set["system_bytes"], c.set["input_bytes"] = 0, ping, 0, 12
		list = append(list, c)
	}
	m.agent("health", 1, list)
}

func (m *maker) samples() {
	var list []made
	for range m.between(20, 60) {
		c := m.plain(m.any())
		for i := range m.between(2, 5) {
			list = append(list, again(c, time.Duration(10*i)*time.Second))
		}
	}
	m.agent("sampler", m.rnd.IntN(3), list)
}

// trial: two models on one sample, by one agent.
func (m *maker) trial() {
	when := m.any()
	var list []made
	for i := range m.between(60, 150) {
		c := m.plain(when.Add(time.Duration(i) * 71 * time.Second))
		x := again(c, 90*time.Second)
		x.set["request_model"] = "low"
		list = append(list, c, x)
	}
	m.agent("trial", 2, list)
}

// teamPrompt: two agents with one system prompt and their own inputs.
func (m *maker) teamPrompt() {
	shared := m.fp()
	for n := range 2 {
		list := m.some(m.between(110, 200))
		for i := range list {
			list[i].set["fp_system"] = shared
		}
		m.agent(fmt.Sprint("twin-", n), 0, list)
	}
}

// loop: steps of tool loops share the last user turn.
func (m *maker) loop() {
	var list []made
	for s := range m.between(5, 20) {
		when, turn := m.any(), m.fp()
		for i := range m.between(3, 12) {
			c := m.plain(when)
			c.set["fp_input"], c.set["tools"], c.set["session"], c.set["history_bytes"] = turn, 3, fmt.Sprint("loop", m.next, s), 2000*i
			list = append(list, c)
			when = when.Add(90 * time.Second)
		}
	}
	m.agent("looper", m.rnd.IntN(3), list)
}
