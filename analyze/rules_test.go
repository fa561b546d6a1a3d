//go:build cgo

package analyze_test

import (
	"cmp"
	"slices"
	"time"
)

// The rules of findings once more, apart from the queries: one call after the
// other, in the words of what each kind means. Random worlds are held to them.

// event is a call as the maker of a world knows it. Money is in 1e-12 USD.
type event struct {
	seq                                            uint64
	at                                             time.Time
	latency                                        time.Duration
	who                                            string // the agent, also where the call does not say it
	key, program, client, provider, model          string
	status                                         int
	end, finish, usage, operation                  string
	stream                                         bool
	in, out, read, written                         int64
	tools, limit                                   int64
	system, toolBytes, history, recent, inputBytes int64
	fpSystem, fpInput, fpRequest                   uint64
	prefix                                         [6]uint64
	turns                                          [4]uint64
	parts                                          [4]uint64
	session, trace                                 string
	cost                                           int64
	price                                          *listPrice
}

// listPrice is in 1e-12 USD per token.
type listPrice struct {
	provider, model, tier                            string
	in, read, write, out                             int64
	batch                                            bool // half the price
	minimum                                          int64
	sibling                                          string
	siblingIn, siblingRead, siblingWrite, siblingOut int64
}

func (e *event) text() int64    { return e.system + e.toolBytes + e.history + e.inputBytes }
func (e *event) measured() bool { return e.usage == "reported" || e.usage == "derived" }
func (e *event) ended() bool    { return e.end == "complete" || e.measured() && e.finish != "" }
func (e *event) answered() bool { return e.status < 400 && e.ended() }

// share is n of the input's tokens, as bytes stand to the text.
func (e *event) share(bytes int64) int64 { return bytes * e.in / e.text() }

// ruled is a world's calls, and what the rules take of each.
type ruled struct {
	calls []*event // in order of time
	since time.Time
	took  map[plantKey]int64
	left  map[uint64]int64
}

// rule applies all rules to calls, those before since being history.
func rule(calls []*event, since time.Time) *ruled {
	r := &ruled{calls: slices.Clone(calls), since: since, took: map[plantKey]int64{}, left: map[uint64]int64{}}
	slices.SortStableFunc(r.calls, func(a, b *event) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq)) })
	for _, e := range r.calls {
		r.left[e.seq] = e.cost
	}
	r.retries()
	r.abandoned()
	r.schedule()
	r.sameWork()
	r.repeated()
	r.history()
	r.cache()
	r.batch()
	r.bloat()
	r.dearer()
	return r
}

// take charges a call what it still has, at most want.
func (r *ruled) take(kind string, e *event, want int64) {
	if want = min(want, r.left[e.seq]); want > 0 && !e.at.Before(r.since) {
		r.took[plantKey{e.seq, kind}] += want
		r.left[e.seq] -= want
	}
}

func (r *ruled) touched(e *event, kinds ...string) bool {
	return slices.ContainsFunc(kinds, func(k string) bool { return r.took[plantKey{e.seq, k}] > 0 })
}

// by groups calls.
func by[K comparable](calls []*event, key func(*event) (K, bool)) map[K][]*event {
	groups := map[K][]*event{}
	for _, e := range calls {
		if k, ok := key(e); ok {
			groups[k] = append(groups[k], e)
		}
	}
	return groups
}

func (r *ruled) agents() map[string][]*event {
	return by(r.calls, func(e *event) (string, bool) { return e.who, true })
}

func (r *ruled) retries() {
	type same struct {
		request uint64
		key     string
	}
	for _, group := range by(r.calls, func(e *event) (same, bool) { return same{e.fpRequest, e.key}, e.fpRequest != 0 }) {
		for _, f := range group {
			for _, g := range group {
				if !g.at.After(f.at) {
					continue
				}
				broken := (f.status >= 500 || !f.ended()) && g.at.Sub(f.at.Add(f.latency)) <= 10*time.Minute
				cut := slices.Contains([]string{"length", "max_tokens", "MAX_TOKENS"}, f.finish) && f.limit > 0 && (g.limit > f.limit || g.limit == 0)
				if broken || cut && f.status < 500 && f.ended() && g.at.Sub(f.at) <= 24*time.Hour {
					r.take("retries", f, f.cost)
				}
			}
		}
	}
}

func (r *ruled) abandoned() {
	for _, e := range r.calls {
		if e.end == "client_abort" && e.stream && !e.ended() {
			r.take("abandoned", e, e.cost)
		}
	}
}

// run is consecutive calls of an agent with gaps of at most 150 s.
type run struct {
	calls  []*event
	onTime bool
}

func (x *run) start() time.Time { return x.calls[0].at }

// runsByClock are an agent's runs, if most of its calls lie in runs that start in
// few windows of five minutes of the hour; else none.
func runsByClock(calls []*event) (runs []*run) {
	for i, e := range calls {
		if i == 0 || e.at.Sub(calls[i-1].at) > 150*time.Second {
			runs = append(runs, &run{})
		}
		last := runs[len(runs)-1]
		last.calls = append(last.calls, e)
	}
	within := func(x *run, window int) bool { return (x.start().Minute()-window+60)%60 < 5 }
	covered := 0
	for range 4 {
		best, most := -1, 0
		for window := range 60 {
			n, starts := 0, 0
			for _, x := range runs {
				if !x.onTime && within(x, window) {
					n, starts = n+len(x.calls), starts+1
				}
			}
			if starts >= 3 && n > most {
				best, most = window, n
			}
		}
		if best < 0 {
			break
		}
		covered += most
		for _, x := range runs {
			x.onTime = x.onTime || within(x, best)
		}
	}
	if covered*100 < len(calls)*80 {
		return nil
	}
	return runs
}

func (r *ruled) schedule() {
	for _, calls := range r.agents() {
		first := map[uint64]int{} // the run that asked first
		again := map[uint64]bool{}
		runs := runsByClock(calls)
		for n, x := range runs {
			for _, e := range x.calls {
				if !x.onTime || e.fpRequest == 0 || e.cost == 0 || !e.answered() {
					continue
				}
				if at, ok := first[e.fpRequest]; !ok {
					first[e.fpRequest] = n
				} else if at < n {
					again[e.fpRequest] = true
				}
			}
		}
		for n, x := range runs {
			for _, e := range x.calls {
				at, asked := first[e.fpRequest]
				// One short text again and again is a health check.
				work := e.fpInput != 0 && e.text() >= 256 || len(again) >= 3
				if x.onTime && e.fpRequest != 0 && asked && at < n && work && e.answered() {
					r.take("schedule", e, e.cost)
				}
			}
		}
	}
}

func (r *ruled) repeated() {
	type same struct {
		who, model string
		request    uint64
	}
	for _, group := range by(r.calls, func(e *event) (same, bool) {
		return same{e.who, e.model, e.fpRequest}, e.fpRequest != 0 && e.cost > 0 && (e.operation == "embeddings" || e.fpInput != 0 && e.text() >= 256)
	}) {
		var first *event
		for _, e := range group {
			if first != nil && e.at.Sub(first.at) > time.Minute {
				r.take("repeated", e, e.cost)
			}
			if first == nil && e.answered() && !r.touched(e, "retries") {
				first = e
			}
		}
	}
}

func (r *ruled) history() {
	for _, e := range r.calls {
		if e.history < 16<<10 || e.history*100 < 60*e.text() || e.tools > 0 || e.out >= 64 && e.out*100 >= e.in {
			continue
		}
		tokens := e.share(e.history-e.recent) - max(0, e.read-e.share(e.system+e.toolBytes))
		r.take("history", e, tokens*e.price.in)
	}
}

// beginning is the size in bytes of what mark stands for: the first 4 KiB and their
// doubles, and last, where nothing of it was read from the cache, the tools and the
// system prompt. 0: there is none.
func (e *event) beginning(level int) int64 {
	switch {
	case level < 6 && e.prefix[level] != 0:
		return min(4096<<level, e.text())
	case level == 6 && e.read == 0 && e.fpSystem != 0 && e.toolBytes+e.system > 4096:
		return e.toolBytes + e.system
	}
	return 0
}

func (e *event) mark(level int) uint64 {
	if level < 6 {
		return e.prefix[level]
	}
	return e.fpSystem
}

func (r *ruled) cache() {
	type same struct{ key, provider, model string }
	for _, group := range by(r.calls, func(e *event) (same, bool) {
		return same{e.key, e.provider, e.model}, e.prefix[0] != 0 && e.cost > 0 && e.text() > 0 && e.in >= e.price.minimum && !r.touched(e, "retries")
	}) {
		follows := func(i, level int) (before int) { // the call before i that begins alike, if it is near
			for j := i - 1; j >= 0 && group[i].at.Sub(group[j].at) <= 5*time.Minute; j-- {
				if group[j].beginning(level) > 0 && group[j].mark(level) == group[i].mark(level) {
					return j
				}
			}
			return -1
		}
		sizes := make([]int64, len(group)) // of what each has in common with one before it
		gone := make([]bool, len(group))   // on with, by another one
		for i, e := range group {
			var bytes, written int64
			goneOn := -1
			for l := range 7 {
				if size := e.beginning(l); size > bytes {
					if j := follows(i, l); j >= 0 {
						bytes, written = size, 0
						if follows(j, l) < 0 { // the first that others follow would have written it
							written = size
						}
					}
				}
			}
			for j := i - 1; j >= 0 && e.at.Sub(group[j].at) <= 5*time.Minute; j-- {
				if said := group[j]; said.turns[0] != 0 && slices.Contains(e.turns[1:], said.turns[0]) && said.text() > bytes {
					bytes, goneOn = said.text(), j
				}
			}
			if goneOn >= 0 {
				if written = 0; !gone[goneOn] {
					written, gone[goneOn] = max(0, bytes-sizes[goneOn]), true
				}
			}
			sizes[i] = bytes
			if bytes == 0 || !e.measured() {
				continue
			}
			bytes, written = min(bytes, e.text()), min(written, e.text())
			prefix := e.share(bytes)
			used := e.read // by whom the cache is used, what is written is new
			if e.read > 0 {
				used += e.written
			}
			if prefix < e.price.minimum || 100*used >= 75*prefix {
				continue
			}
			r.take("cache", e, (prefix-used)*(e.price.in-e.price.read)-e.share(written)*max(0, e.price.write-e.price.in))
		}
	}
}

func (r *ruled) batch() {
	for _, calls := range r.agents() {
		var onTime, runs []*run
		largest, covered := 0, 0
		for _, x := range runsByClock(calls) {
			if x.onTime {
				onTime = append(onTime, x)
				largest = max(largest, len(x.calls))
			}
		}
		large := func(x *run) bool { return 10*len(x.calls) >= largest }
		for _, x := range onTime {
			// A small run close to one of the job's is not the job's.
			if large(x) || !slices.ContainsFunc(onTime, func(y *run) bool { return large(y) && y.start().Sub(x.start()).Abs() < 23*time.Hour }) {
				runs = append(runs, x)
				covered += len(x.calls)
			}
		}
		daily := len(runs) >= 3 && covered*100 >= len(calls)*80
		for i, x := range runs {
			daily = daily && large(x) && (i == 0 || x.start().Sub(runs[i-1].start()) >= 23*time.Hour)
		}
		if !daily {
			continue
		}
		for _, x := range runs {
			for _, e := range x.calls {
				if !e.stream && e.price.batch && !x.talks(e) {
					r.take("batch", e, r.left[e.seq]/2)
				}
			}
		}
	}
}

// talks reports whether e is part of a dialogue of x: of calls that go on with others.
func (x *run) talks(e *event) bool {
	return slices.ContainsFunc(x.calls, func(said *event) bool {
		return said.turns[0] != 0 && slices.Contains(e.turns[:], said.turns[0]) &&
			slices.ContainsFunc(x.calls, func(next *event) bool { return slices.Contains(next.turns[1:], said.turns[0]) })
	})
}

func (r *ruled) bloat() {
	for _, e := range r.calls {
		if e.in < 4000 || e.in <= 10*e.out || e.out == 0 || e.out >= 64 || e.session != "" || e.tools > 0 || e.left(r) || !e.answered() || e.operation == "embeddings" {
			continue
		}
		plain := e.in - e.read - e.written
		r.take("bloat", e, min(min(e.in-10*e.out, plain)*e.price.in, (plain*e.price.in+e.read*e.price.read+e.written*e.price.write)/2))
	}
}

// left reports whether a rule before bloat has taken something.
func (e *event) left(r *ruled) bool { return r.left[e.seq] < e.cost }

func (r *ruled) dearer() {
	for _, e := range r.calls {
		p := e.price
		if p.sibling == "" || e.out == 0 || e.out >= 64 || e.tools > 0 || !e.answered() {
			continue
		}
		there := (e.in-e.read-e.written)*p.siblingIn + e.read*p.siblingRead + e.written*p.siblingWrite + e.out*p.siblingOut
		r.take("dearer_model", e, r.left[e.seq]-there)
	}
}
