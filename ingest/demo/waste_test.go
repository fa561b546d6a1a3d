package demo

import (
	"cmp"
	"maps"
	"slices"
	"testing"
)

// waste computes what could have been saved in a month, by plain loops over
// its records: each kind takes from a call only what the kinds before it left.
type waste struct {
	log      monthLog
	agents   map[string][]int // rows of each agent, in order of time
	left     []int64          // 1e-12 USD of each row that no kind has taken
	retries  float64
	schedule map[string]float64 // by agent
	sameWork map[string]float64 // by the agent that can go
	repeated map[string]float64
	history  map[string]float64
	cache    int // pairs of calls that a cache could have served
	bloat    map[string]float64
}

func newWaste(log monthLog) *waste {
	w := &waste{
		log: log, agents: map[string][]int{}, left: make([]int64, len(log.rows)),
		schedule: map[string]float64{}, sameWork: map[string]float64{},
		repeated: map[string]float64{}, history: map[string]float64{}, bloat: map[string]float64{},
	}
	for i := range log.rows {
		r := &log.rows[i]
		w.agents[r.agent] = append(w.agents[r.agent], i)
		w.left[i] = r.pico
		if !r.billed && r.pico > 0 {
			w.retries += w.take(i, r.pico)
		}
	}
	w.findSchedules()
	w.findSameWork()
	w.findRepeats()
	w.findHistory()
	w.findCache()
	w.findBloat()
	return w
}

// take takes up to want from what is left of a call and returns it in USD.
func (w *waste) take(i int, want int64) float64 {
	got := min(want, w.left[i])
	w.left[i] -= got
	return float64(got) / 1e12
}

func (w *waste) names() []string { return slices.Sorted(maps.Keys(w.agents)) }

// findSchedules: runs are calls with gaps of at most 150 s; a schedule has at
// most four start windows of ± 2 minutes that hold 80 % of the agent's calls.
// What an earlier run already asked is wasted.
func (w *waste) findSchedules() {
	for _, agent := range w.names() {
		rows := w.agents[agent]
		runs := w.runsOf(rows)
		inWindow, starts := w.bestWindows(runs)
		if inWindow*10 < len(rows)*8 || starts < 3 {
			continue
		}
		asked := map[uint64]int{}
		for n, run := range runs {
			for _, i := range run {
				request := w.log.rows[i].fpRequest
				if first, seen := asked[request]; seen && first < n {
					w.schedule[agent] += w.take(i, w.left[i])
				} else if !seen {
					asked[request] = n
				}
			}
		}
	}
}

func (w *waste) runsOf(rows []int) (runs [][]int) {
	const gap = 150_000
	for k, i := range rows {
		if k == 0 || w.log.rows[i].ts-w.log.rows[rows[k-1]].ts > gap {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], i)
	}
	return runs
}

// bestWindows returns how many calls, and how many runs, start in the best
// four windows of five minutes of the hour.
func (w *waste) bestWindows(runs [][]int) (calls, starts int) {
	var callsAt, runsAt [60]int
	for _, run := range runs {
		minute := w.log.rows[run[0]].ts / 60_000 % 60
		callsAt[minute] += len(run)
		runsAt[minute]++
	}
	for range 4 {
		best, bestCalls := 0, -1
		for m := range callsAt {
			if n := window(&callsAt, m); n > bestCalls {
				best, bestCalls = m, n
			}
		}
		calls += bestCalls
		starts += window(&runsAt, best)
		for d := range 5 {
			callsAt[(best+d)%60], runsAt[(best+d)%60] = 0, 0
		}
	}
	return calls, starts
}

func window(at *[60]int, from int) (n int) {
	for d := range 5 {
		n += at[(from+d)%60]
	}
	return n
}

// findSameWork: two agents with at least half, and 100, of each one's distinct
// last user turns in common, no trace or session in common, and answers of
// like length. The side that costs less is wasted.
func (w *waste) findSameWork() {
	names := w.names()
	for k, a := range names {
		for _, b := range names[k+1:] {
			inA, inB := w.inputs(a), w.inputs(b)
			common := 0
			for fp := range inA {
				if inB[fp] {
					common++
				}
			}
			if common < 100 || 2*common < len(inA) || 2*common < len(inB) || w.shareTrace(a, b) {
				continue
			}
			costA, meanA := w.matched(a, inB)
			costB, meanB := w.matched(b, inA)
			if meanA > 4*meanB || meanB > 4*meanA {
				continue
			}
			cheaper, other := a, inB
			if costB < costA {
				cheaper, other = b, inA
			}
			for _, i := range w.agents[cheaper] {
				if other[w.log.rows[i].fpInput] {
					w.sameWork[cheaper] += w.take(i, w.left[i])
				}
			}
		}
	}
}

// inputs are an agent's distinct last user turns, without those that over 1 %
// of its calls have.
func (w *waste) inputs(agent string) map[uint64]bool {
	count := map[uint64]int{}
	for _, i := range w.agents[agent] {
		count[w.log.rows[i].fpInput]++
	}
	set := map[uint64]bool{}
	for fp, n := range count {
		if fp != 0 && n*100 <= len(w.agents[agent]) {
			set[fp] = true
		}
	}
	return set
}

func (w *waste) shareTrace(a, b string) bool {
	seen := map[string]bool{}
	for _, i := range w.agents[a] {
		seen[w.log.rows[i].trace], seen[w.log.rows[i].session] = true, true
	}
	delete(seen, "")
	return slices.ContainsFunc(w.agents[b], func(i int) bool {
		return seen[w.log.rows[i].trace] || seen[w.log.rows[i].session]
	})
}

func (w *waste) matched(agent string, other map[uint64]bool) (pico int64, meanOutput float64) {
	n, output := 0, int64(0)
	for _, i := range w.agents[agent] {
		if r := &w.log.rows[i]; other[r.fpInput] && r.pico > 0 {
			pico += r.pico
			output += r.output
			n++
		}
	}
	return pico, float64(output) / float64(n)
}

// findRepeats: the second and later equal request of an agent and model, more
// than a minute after the first, of at least 256 bytes.
func (w *waste) findRepeats() {
	type request struct {
		agent, model string
		fp           uint64
	}
	first := map[request]int64{}
	for i := range w.log.rows {
		r := &w.log.rows[i]
		if r.pico == 0 || r.fpInput == 0 || r.text() < 256 {
			continue
		}
		key := request{r.agent, r.model, r.fpRequest}
		at, seen := first[key]
		if !seen {
			first[key] = r.ts
		} else if r.ts-at > 60_000 {
			w.repeated[r.agent] += w.take(i, w.left[i])
		}
	}
}

// findHistory: 16 KiB of history or more, 60 % of the text, no tools, a short
// answer. All but the last five messages is wasted.
func (w *waste) findHistory() {
	for i := range w.log.rows {
		r := &w.log.rows[i]
		if r.history < 16<<10 || 10*r.history < 6*r.text() || r.toolCount > 0 || r.output >= 64 && 100*r.output >= r.input {
			continue
		}
		perToken := (r.pico - r.output*25_000_000) / max(r.input, 1)
		share := float64(r.history-r.recent) / float64(r.text())
		w.history[r.agent] += w.take(i, int64(share*float64(r.input*perToken)))
	}
}

// findCache counts calls that begin with the same 4 KiB as another one of the
// same model and key within five minutes.
func (w *waste) findCache() {
	type prefix struct {
		model, key string
		fp         uint64
	}
	last := map[prefix]int64{}
	for i := range w.log.rows {
		r := &w.log.rows[i]
		if r.pico == 0 || len(r.prefix) == 0 {
			continue
		}
		key := prefix{r.model, r.key, r.prefix[0]}
		if at, seen := last[key]; seen && r.ts-at <= 5*60_000 {
			w.cache++
		}
		last[key] = r.ts
	}
}

// findBloat: long prompts for short answers that nothing above explains.
func (w *waste) findBloat() {
	for i := range w.log.rows {
		r := &w.log.rows[i]
		if r.input >= 4_000 && r.input > 10*r.output && r.output < 64 && r.session == "" && r.toolCount == 0 && w.left[i] > 0 {
			w.bloat[r.agent] += w.take(i, w.left[i])
		}
	}
}

func TestWasteOfBefore(t *testing.T) {
	w := newWaste(months.before)
	only := func(kind string, got map[string]float64, agent string, dollars float64) {
		t.Helper()
		near(t, kind, got[agent], dollars)
		for name, sum := range got {
			if name != agent && sum > 0.005 {
				t.Errorf("%s: $%.2f of %s, want only %s", kind, sum, name, agent)
			}
		}
	}
	only("schedule", w.schedule, "digest-cron", 362.54)
	only("same work", w.sameWork, "ticket-router", 461.16)
	only("repeated", w.repeated, "doc-classifier", 46.80)
	only("history", w.history, "chat-gate", 473.80)
	if w.retries != 0 || w.cache != 0 {
		t.Errorf("retries $%.2f, cacheable calls %d, want none", w.retries, w.cache)
	}
	for agent, sum := range w.bloat {
		t.Errorf("bloat: $%.2f of %s, want none", sum, agent)
	}

	total := w.schedule["digest-cron"] + w.sameWork["ticket-router"] + w.repeated["doc-classifier"] + w.history["chat-gate"]
	near(t, "avoidable", total, 1_344.30)
	near(t, "avoidable share", total/months.before.sum(everything).dollars, 0.585)
}

func TestNoWasteInAfter(t *testing.T) {
	w := newWaste(months.after)
	for kind, sums := range map[string]map[string]float64{
		"schedule": w.schedule, "same work": w.sameWork, "repeated": w.repeated, "history": w.history, "bloat": w.bloat,
	} {
		for agent, sum := range sums {
			t.Errorf("%s: $%.2f of %s, want none", kind, sum, agent)
		}
	}
	if w.retries != 0 || w.cache != 0 {
		t.Errorf("retries $%.2f, cacheable calls %d, want none", w.retries, w.cache)
	}
}

// The pairs behind the sums.
func TestTicketsOfBefore(t *testing.T) {
	classified, routed := map[uint64][]int64{}, map[uint64][]int64{}
	requests, clocks := map[uint64]int{}, map[uint64]bool{}
	for i := range months.before.rows {
		r := &months.before.rows[i]
		switch r.agent {
		case "doc-classifier":
			classified[r.fpInput] = append(classified[r.fpInput], r.ts)
			requests[r.fpRequest]++
		case "ticket-router":
			routed[r.fpInput] = append(routed[r.fpInput], r.ts)
			clocks[r.fpSystem] = true
		}
	}
	twice, soon := 0, 0
	for fp, times := range classified {
		if len(routed[fp]) != len(times) || len(times) > 2 {
			t.Fatalf("ticket %016x: %d times classified, %d times routed", fp, len(times), len(routed[fp]))
		}
		if len(times) == 2 {
			twice++
			if times[1]-times[0] <= 60_000 {
				soon++
			}
		}
	}
	if len(classified) != 26_800 || len(routed) != 26_800 || len(requests) != 26_800 {
		t.Errorf("distinct tickets = %d classified, %d routed, %d requests, want 26800", len(classified), len(routed), len(requests))
	}
	if twice != 3_000 || soon != 0 {
		t.Errorf("%d tickets come twice, %d of them within a minute, want 3000 and 0", twice, soon)
	}
	if len(clocks) != 29_800 {
		t.Errorf("ticket-router has %d system prompts, want one per call", len(clocks))
	}
}

func TestRunsOfDigestCron(t *testing.T) {
	w := newWaste(months.before)
	runs := w.runsOf(w.agents["digest-cron"])
	if len(runs) != days*8 {
		t.Fatalf("%d runs, want %d", len(runs), days*8)
	}
	for n, run := range runs {
		first, last := &w.log.rows[run[0]], &w.log.rows[run[len(run)-1]]
		documents := map[uint64]bool{}
		answered := 0
		for _, i := range run {
			documents[w.log.rows[i].fpRequest] = true
			if w.log.rows[i].status == 200 {
				answered++
			}
		}
		want := 26 * (n%8 + 1)
		if len(documents) != want || answered != want {
			t.Errorf("run %d: %d documents, %d answers, want %d", n, len(documents), answered, want)
		}
		if first.hour() != 7+n%8 || first.ts/60_000%60 != 5 || last.hour() != first.hour() {
			t.Errorf("run %d starts in hour %d, minute %d and ends in hour %d", n, first.hour(), first.ts/60_000%60, last.hour())
		}
	}
}

// A session's turns follow each other: each but those whose history was cut
// holds the request before it.
func TestChatSessions(t *testing.T) {
	for _, m := range []monthLog{months.before, months.after} {
		type session struct {
			gates, replies, linked int
			users                  map[string]bool
			last                   uint64
		}
		sessions := map[string]*session{}
		for i := range m.rows {
			r := &m.rows[i]
			if r.session == "" {
				if r.agent == "chat-gate" {
					t.Fatalf("%s: seq %d of chat-gate has no session", m.month, r.seq)
				}
				continue
			}
			s := sessions[r.session]
			if s == nil {
				s = &session{users: map[string]bool{}}
				sessions[r.session] = s
			}
			s.users[r.user] = true
			switch {
			case ofPart(&reply)(r):
				if len(r.turns) > 1 && r.turns[1] == s.last {
					s.linked++
				}
				s.replies, s.last = s.replies+1, r.turns[0]
			case ofPart(&gate)(r):
				s.gates++
				if s.replies > 0 {
					t.Errorf("%s: seq %d asks the gate after an answer", m.month, r.seq)
				}
			}
		}
		if len(sessions) != 2_000 {
			t.Errorf("%s: %d sessions, want 2000", m.month, len(sessions))
		}
		for id, s := range sessions {
			if s.gates != 1 || s.replies < 1 || len(s.users) != 1 || s.linked != min(s.replies-1, 2) {
				t.Fatalf("%s: session %s = %+v", m.month, id, *s)
			}
		}
	}
}

func TestSizesFitTokens(t *testing.T) {
	for _, m := range []monthLog{months.before, months.after} {
		for i := range m.rows {
			r := &m.rows[i]
			if min(r.system, r.tools, r.history, r.last) < 0 || r.last == 0 || r.recent > r.history {
				t.Fatalf("%s: seq %d of %s: sizes %d %d %d %d", m.month, r.seq, r.agent, r.system, r.tools, r.history, r.last)
			}
			if r.status == 200 && r.text() != r.input*bytesPerToken {
				t.Fatalf("%s: seq %d of %s: %d bytes, %d tokens", m.month, r.seq, r.agent, r.text(), r.input)
			}
			if r.ttft <= 0 || cmp.Less(r.latency, r.ttft) {
				t.Fatalf("%s: seq %d: first byte after %v ms of %v", m.month, r.seq, r.ttft, r.latency)
			}
			if m.month == Before && ofPart(&gate)(r) && (r.history < 16<<10 || 10*r.history < 6*r.text()) {
				t.Fatalf("seq %d: history of %d bytes", r.seq, r.history)
			}
		}
	}
}
