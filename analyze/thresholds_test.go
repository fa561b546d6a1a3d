//go:build cgo

package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/queries"
)

// A threshold is a case that a finding fires in, or does not.
type threshold struct {
	name  string
	build func(*world)
	want  string // "kind class dollars"
}

// TestFindingsFireAtTheirThreshold: for each condition of a finding a case that
// fires, and the same just beside it. All cases are lanes of one world.
func TestFindingsFireAtTheirThreshold(t *testing.T) {
	w := newWorld(t)
	w.rate("p", "m", 1000, 100, 1250, 5000)
	w.rate("p", "dear", 1000, 100, 1250, 5000)
	w.rate("p", "late", 1000, 100, 1250, 5000)
	w.rate("p", "nobatch", 1000, 100, 1250, 5000)
	w.tier("p", "m", "priority", 2000, 200, 2500, 10_000)
	model := func(name string) int { return w.id("request_model", name) }
	w.exec("UPDATE rate SET sibling = 'small', sibling_input_pico = 100000000, sibling_read_pico = 10000000, sibling_write_pico = 125000000, sibling_output_pico = 500000000 WHERE request_model_id = ?", model("dear"))
	w.exec("UPDATE rate SET cache_minimum = 2048 WHERE request_model_id = ?", model("late"))
	w.exec("UPDATE rate SET batch_multiplier = NULL WHERE request_model_id = ? OR service_tier_id = ?", model("nobatch"), w.id("service_tier", "priority"))
	var cases []threshold
	for _, list := range [][]threshold{retryCases, scheduleCases, sameWorkCases, repeatCases, historyCases, cacheCases, batchCases, bloatCases, dearerCases} {
		cases = append(cases, list...)
	}
	for i, c := range cases {
		w.lane, w.shift = fmt.Sprint(i, laneEnd), uint64(i)<<48
		c.build(w)
	}
	got := look(w, analyze.Options{})
	for i, c := range cases {
		if words := strings.Join(got[fmt.Sprint(i)], ", "); words != c.want {
			t.Errorf("%s: found %q, want %q", c.name, words, c.want)
		}
	}
}

func mark(i int) uint64 { return 1_000_003 * uint64(i+1) }

// then makes one call, and the next so long after it, and so on.
func then(calls ...any) func(*world) {
	return func(w *world) {
		when := at("2026-11-03 10:00:00")
		for _, c := range calls {
			switch c := c.(type) {
			case time.Duration:
				when = when.Add(c)
			case cell:
				w.putAt(when, c)
			}
		}
	}
}

func retry(after time.Duration, failed cell) func(*world) {
	return then(cell{"finish_reason": "", "fp_request": 7}.with(failed), after, cell{"fp_request": 7})
}

func limited(reason string, before, after int) func(*world) {
	return then(cell{"finish_reason": reason, "fp_request": 7, "max_tokens": before}, 30*time.Second, cell{"fp_request": 7, "max_tokens": after})
}

var retryCases = []threshold{
	{"a billed 500 and its retry", retry(10*time.Minute, cell{"status": 500}), "retries certain 0.01"},
	{"a billed 499", retry(time.Minute, cell{"status": 499}), ""},
	{"a retry too late", retry(10*time.Minute+time.Millisecond, cell{"status": 500}), ""},
	{"a retry after a failure of five minutes", retry(15*time.Minute, cell{"status": 500, "latency_us": 300_000_000}), "retries certain 0.01"},
	{"a retry of another key", then(cell{"status": 500, "fp_request": 7}, time.Minute, cell{"fp_request": 7, "key_id": "l"}), ""},
	{"a 429 that was not billed", retry(time.Minute, cell{"status": 429, "cost_usd": "0"}), ""},
	{"a billed 429", retry(time.Minute, cell{"status": 429}), ""},
	{"cut off by the provider", retry(time.Minute, cell{"end": "upstream_abort"}), "retries certain 0.01"},
	{"timed out", retry(time.Minute, cell{"end": "timeout", "status": 0}), "retries certain 0.01"},
	{"cut off after its end", retry(time.Minute, cell{"end": "upstream_abort", "finish_reason": "stop"}), ""},
	{"cut off with an end that nobody reported", retry(time.Minute, cell{"end": "upstream_abort", "finish_reason": "stop", "usage_source": "partial"}), "retries certain 0.01"},
	{"cut at length and asked with more", limited("length", 100, 101), "retries certain 0.01"},
	{"cut at max_tokens and asked with more", limited("max_tokens", 100, 101), "retries certain 0.01"},
	{"cut at MAX_TOKENS and asked without limit", limited("MAX_TOKENS", 100, 0), "retries certain 0.01"},
	{"cut at length and asked with as much", limited("length", 100, 100), ""},
	{"cut without a known limit", limited("length", 0, 100), ""},
	{"a stream left", then(cell{"end": "client_abort", "stream": true, "finish_reason": ""}), "abandoned likely 0.01"},
	{"a stream left with an end that nobody reported", then(cell{"end": "client_abort", "stream": true, "usage_source": "partial"}), "abandoned likely 0.01"},
	{"a stream closed after its last event", then(cell{"end": "client_abort", "stream": true}), ""},
	{"a stream left that cost nothing", then(cell{"end": "client_abort", "stream": true, "finish_reason": "", "cost_usd": "0"}), ""},
	{"left, but no stream", then(cell{"end": "client_abort", "finish_reason": ""}), ""},
	{"a stream left and asked again is a retry", then(cell{"end": "client_abort", "stream": true, "finish_reason": "", "fp_request": 7}, time.Minute, cell{"fp_request": 7}), "retries certain 0.01"},
}

// job runs n times, docs calls a run, the gap between them, each starting at the
// next of minutes; stray calls come at other times.
func job(n, docs, stray int, every, gap time.Duration, minutes ...int) func(*world) {
	return func(w *world) {
		for r := range n {
			start := at("2026-11-03 00:00:00").Add(time.Duration(r)*every + time.Duration(minutes[r%len(minutes)])*time.Minute)
			for i := range docs {
				w.putAt(start.Add(time.Duration(i)*gap), cell{"fp_request": mark(i), "fp_input": mark(i)})
			}
		}
		w.strays(stray)
	}
}

// strays are up to 21 calls at minutes of which no five hold three, none near the tenth.
func (w *world) strays(n int) {
	for i := range n {
		w.putAt(at("2026-11-12 00:16:00").Add(time.Duration(i)*7*time.Hour+time.Duration(5*i/2-1)*time.Minute), cell{"fp_request": mark(i + 900), "fp_input": mark(i + 900)})
	}
}

var scheduleCases = []threshold{
	{"an hourly job over all", job(4, 10, 0, time.Hour, 5*time.Second, 10), "schedule certain 0.3"},
	{"a job of three runs", job(3, 10, 0, time.Hour, 5*time.Second, 10), "schedule certain 0.2"},
	{"a job of two runs is no schedule but repeats", job(2, 10, 0, time.Hour, 5*time.Second, 10), "repeated likely 0.1"},
	{"a daily job", job(4, 10, 0, 24*time.Hour, 5*time.Second, 10), "batch likely 0.05, schedule certain 0.3"},
	{"runs within two minutes", job(3, 10, 0, time.Hour, 5*time.Second, 8, 10, 12), "schedule certain 0.2"},
	{"runs within three minutes", job(3, 10, 0, time.Hour, 5*time.Second, 8, 10, 13), "repeated likely 0.2"},
	{"four windows", job(12, 2, 0, time.Hour, 5*time.Second, 0, 10, 20, 30), "schedule certain 0.22"},
	{"five windows of which four are most", job(15, 2, 0, time.Hour, 5*time.Second, 0, 10, 20, 30, 40), "repeated likely 0.06, schedule certain 0.22"},
	{"six windows", job(18, 2, 0, time.Hour, 5*time.Second, 0, 10, 20, 30, 40, 50), "repeated likely 0.34"},
	{"80 % by the clock", job(4, 10, 10, time.Hour, 5*time.Second, 10), "schedule certain 0.3"},
	{"less than 80 % by the clock", job(4, 10, 11, time.Hour, 5*time.Second, 10), "repeated likely 0.3"},
	{"pauses of 150 s", job(3, 11, 0, time.Hour, 150*time.Second, 10), "schedule certain 0.22"},
	{"pauses of 151 s make many runs", job(3, 11, 0, time.Hour, 151*time.Second, 10), "repeated likely 0.22"},
	{"the same twice in a run, but new in each", func(w *world) {
		for r := range 4 {
			w.each(fmt.Sprintf("03 %02d:10:00", r), 5*time.Second, 10, func(i int) cell { return cell{"fp_request": mark(10*r + i%5), "fp_input": mark(10*r + i%5)} })
		}
	}, ""},
	{"one short text is a health check", func(w *world) {
		w.each("03 00:10:00", time.Hour, 9, func(int) cell { return cell{"fp_request": 3, "input_bytes": 255} })
	}, ""},
	{"one long text is work", func(w *world) {
		w.each("03 00:10:00", time.Hour, 9, func(int) cell { return cell{"fp_request": 3, "fp_input": 3, "input_bytes": 256} })
	}, "schedule certain 0.08"},
	{"a run of failures has done nothing", func(w *world) {
		for r := range 3 {
			w.each(fmt.Sprintf("03 %02d:10:00", r), 5*time.Second, 10, func(i int) cell {
				return cell{"fp_request": mark(i), "fp_input": mark(i), "status": []int{500, 200, 200}[r]}
			})
		}
	}, "schedule certain 0.1"},
}

// twins are two agents, a with common and own inputs, b with the common ones.
func twins(common, own int, b func(i int) cell) func(*world) {
	return func(w *world) {
		w.each("03 00:00:00", 5*time.Minute, common+own, func(i int) cell {
			return cell{"fp_input": mark(i), "fp_request": mark(i), "fp_part_0": mark(4*i + 9000), "fp_part_1": mark(4*i + 9001), "fp_part_2": mark(4*i + 9002), "fp_part_3": mark(4*i + 9003)}
		})
		w.each("03 00:03:00", 5*time.Minute, common, func(i int) cell {
			return cell{"agent": "b", "fp_input": mark(i), "fp_request": mark(i + 5000), "cost_usd": "0.009"}.with(b(i))
		})
	}
}

func plain(int) cell { return cell{} }

// lines makes b's inputs others that have n lines of a's.
func lines(n int) func(i int) cell {
	return func(i int) cell {
		c := cell{"fp_input": mark(i + 7000)}
		for l := range n {
			c[fmt.Sprint("fp_part_", l)] = mark(4*i + 9000 + l)
		}
		return c
	}
}

// often makes the first n of b's inputs come so many times.
func often(n, times int) func(*world) {
	return func(w *world) {
		twins(100, 0, plain)(w)
		w.each("13 00:03:00", 30*time.Second, n*(times-1), func(i int) cell {
			return cell{"agent": "b", "fp_input": mark(i % n), "fp_request": mark(i + 20_000), "cost_usd": "0.001"}
		})
	}
}

var sameWorkCases = []threshold{
	{"two agents, one work", twins(100, 0, plain), "same_work likely 0.9"},
	{"99 in common", twins(99, 0, plain), ""},
	{"half in common", twins(100, 100, plain), "same_work likely 0.9"},
	{"less than half in common", twins(100, 101, plain), ""},
	{"two lines in common", twins(100, 0, lines(2)), "same_work likely 0.9"},
	{"one line in common", twins(100, 0, lines(1)), ""},
	{"answers four times as long", twins(100, 0, func(int) cell { return cell{"output_tokens": 400} }), "same_work likely 0.9"},
	{"answers longer than that", twins(100, 0, func(int) cell { return cell{"output_tokens": 401} }), ""},
	{"a trace in common", func(w *world) {
		twins(100, 0, plain)(w)
		w.put("03 01:00:00", cell{"agent": "a", "fp_input": mark(0), "trace": "t"})
		w.put("03 01:00:01", cell{"agent": "b", "fp_input": mark(0), "trace": "t"})
	}, ""},
	{"a trace in common of calls that cost nothing", func(w *world) {
		twins(100, 0, plain)(w)
		w.put("03 01:00:00", cell{"agent": "a", "fp_input": mark(0), "trace": "t", "cost_usd": "0", "status": 429})
		w.put("03 01:00:01", cell{"agent": "b", "fp_input": mark(0), "trace": "t", "cost_usd": "0", "status": 429})
	}, ""},
	{"a session in common", func(w *world) {
		twins(100, 0, plain)(w)
		w.put("03 01:00:00", cell{"agent": "a", "fp_input": mark(0), "session": "s"})
		w.put("03 01:00:01", cell{"agent": "b", "fp_input": mark(0), "session": "s"})
	}, ""},
	{"some inputs come three times", often(10, 3), "same_work likely 0.92"},
	{"an input in a hundredth of the calls", often(100, 4), "same_work likely 1"},
	{"some inputs come too often", often(1, 40), ""},
}

func askAgain(after time.Duration, first, second cell) func(*world) {
	same := func() cell { return cell{"fp_request": 5, "fp_input": 6, "input_bytes": 256} }
	return then(same().with(first), after, same().with(second))
}

var repeatCases = []threshold{
	{"repeated", askAgain(61*time.Second, cell{}, cell{}), "repeated likely 0.01"},
	{"repeated at once", askAgain(60*time.Second, cell{}, cell{}), ""},
	{"a short text repeated", askAgain(time.Hour, cell{"input_bytes": 255}, cell{"input_bytes": 255}), ""},
	{"a text without an input of its own", askAgain(time.Hour, cell{"fp_input": 0}, cell{"fp_input": 0}), ""},
	{"embedded again", askAgain(61*time.Second, cell{"input_bytes": 10, "fp_input": 0, "operation": "embeddings"}, cell{"input_bytes": 10, "fp_input": 0, "operation": "embeddings"}), "repeated certain 0.01"},
	{"another model", askAgain(time.Hour, cell{}, cell{"request_model": "late"}), ""},
	{"another agent", askAgain(time.Hour, cell{}, cell{"agent": "b"}), ""},
	{"the first failed", askAgain(time.Hour, cell{"status": 500}, cell{}), ""},
	{"the first was left after its end", askAgain(time.Hour, cell{"end": "client_abort"}, cell{}), "repeated likely 0.01"},
	{"the first was a retry's", then(cell{"fp_request": 5, "fp_input": 6, "status": 500}, 50*time.Second, cell{"fp_request": 5, "fp_input": 6}, 50*time.Second, cell{"fp_request": 5, "fp_input": 6}), "retries certain 0.01"},
	{"the first is of the week before", func(w *world) {
		w.putAt(at("2026-10-25 00:00:00"), cell{"fp_request": 5, "fp_input": 6})
		w.put("03 00:00:00", cell{"fp_request": 5, "fp_input": 6})
	}, "repeated likely 0.01"},
	{"the first is older", func(w *world) {
		w.putAt(at("2026-10-24 23:59:59"), cell{"fp_request": 5, "fp_input": 6})
		w.put("03 00:00:00", cell{"fp_request": 5, "fp_input": 6})
	}, ""},
	{"both are of the week before", func(w *world) {
		w.putAt(at("2026-10-26 00:00:00"), cell{"fp_request": 5, "fp_input": 6})
		w.putAt(at("2026-10-31 23:59:59"), cell{"fp_request": 5, "fp_input": 6})
	}, ""},
}

func history(bytes, text int, c cell) func(*world) {
	return then(cell{"history_bytes": bytes, "recent_bytes": bytes / 4, "input_bytes": text - bytes, "input_tokens": text / 4, "output_tokens": 63, "cost_usd": "0.1", "session": "s"}.with(c))
}

var historyCases = []threshold{
	{"16 KiB of history", history(16<<10, 20_480, cell{}), "history likely 0.003072"},
	{"less than 16 KiB", history(16<<10-1, 20_480, cell{}), ""},
	{"60 % of the text", history(30_000, 50_000, cell{}), "history likely 0.005625"},
	{"less than 60 %", history(30_000, 50_004, cell{}), ""},
	{"with tools", history(16<<10, 20_480, cell{"tools": 1}), ""},
	{"a long answer", history(16<<10, 20_480, cell{"output_tokens": 64}), ""},
	{"a long answer below a hundredth of the input", history(30_000, 40_000, cell{"output_tokens": 99}), "history likely 0.005625"},
	{"a hundredth of the input", history(30_000, 40_000, cell{"output_tokens": 100}), ""},
	{"all of it recent", history(16<<10, 20_480, cell{"recent_bytes": 16 << 10}), ""},
	{"partly read from the cache", history(16<<10, 20_480, cell{"cache_read_tokens": 1000}), "history likely 0.002072"},
	{"the system prompt read from the cache", history(16<<10, 20_480, cell{"system_bytes": 4000, "input_bytes": 96, "cache_read_tokens": 1000}), "history likely 0.003072"},
	{"read from the cache", history(16<<10, 20_480, cell{"cache_read_tokens": 4100}), ""},
}

// alike are three calls that begin with the same 4 KiB.
func alike(gap time.Duration, tokens int, c func(i int) cell) func(*world) {
	return func(w *world) {
		w.each("03 10:00:00", gap, 3, func(i int) cell {
			return cell{"fp_prefix_4k": 9, "fp_prefix_8k": mark(i), "system_bytes": 4500, "input_bytes": 4*tokens - 4500, "input_tokens": tokens}.with(c(i))
		})
	}
}

// long is a call of a prompt that could be cached.
func long(set cell) cell {
	return cell{"fp_request": 7, "fp_prefix_4k": 9, "system_bytes": 4500, "input_bytes": 5500, "input_tokens": 2500}.with(set)
}

// talk is three calls, gap apart, of 2,500, 3,500 and 5,000 tokens, that begin alike up
// to 8 KiB, with the turns that they have after and before them.
func talk(gap time.Duration, turns ...[4]int) func(*world) {
	return func(w *world) {
		w.each("03 10:00:00", gap, len(turns), func(i int) cell {
			tokens := []int{2500, 3500, 5000}[i]
			c := cell{"fp_prefix_4k": 9, "fp_prefix_8k": 10, "history_bytes": 4*tokens - 400, "recent_bytes": 4*tokens - 400, "input_bytes": 400, "input_tokens": tokens}
			for back, turn := range turns[i] {
				c[fmt.Sprint("fp_turn_", back)] = turn
			}
			return c
		})
	}
}

var cacheCases = []threshold{
	{"a common beginning", alike(5*time.Minute, 2500, plain), "cache likely 0.0015872"},
	{"a common beginning too late", alike(5*time.Minute+time.Millisecond, 2500, plain), ""},
	{"a beginning of less than 1,024 tokens", alike(time.Minute, 2500, func(int) cell { return cell{"input_tokens": 2499} }), ""},
	{"a model that caches from 2,048 tokens", alike(time.Minute, 2500, func(int) cell { return cell{"request_model": "late"} }), ""},
	{"twice the tokens in that model", alike(time.Minute, 2500, func(int) cell { return cell{"request_model": "late", "input_tokens": 5000} }), "cache likely 0.0031744"},
	{"each of another model", alike(time.Minute, 2500, func(i int) cell { return cell{"request_model": []string{"m", "late", "dear"}[i]} }), ""},
	{"each of another key", alike(time.Minute, 2500, func(i int) cell { return cell{"key_id": fmt.Sprint(i)} }), ""},
	{"usage that was not reported", alike(time.Minute, 2500, func(int) cell { return cell{"usage_source": "missing"} }), ""},
	{"read from the cache", alike(time.Minute, 2500, func(int) cell { return cell{"cache_read_tokens": 1024} }), ""},
	{"three quarters of it read", alike(time.Minute, 2500, func(i int) cell { return cell{"cache_read_tokens": 768 * min(1, i)} }), ""},
	{"less than that read", alike(time.Minute, 2500, func(i int) cell { return cell{"cache_read_tokens": 767 * min(1, i)} }), "cache likely 0.0002313"},
	{"a common system prompt of 6,000 bytes", alike(time.Minute, 2500, func(int) cell { return cell{"fp_system": 5, "system_bytes": 6000, "input_bytes": 4000} }), "cache likely 0.002325"},
	{"other system prompts of 6,000 bytes", alike(time.Minute, 2500, func(i int) cell { return cell{"fp_system": 5 + i, "system_bytes": 6000, "input_bytes": 4000} }), "cache likely 0.0015872"},
	{"a failed call that was made again", then(long(cell{"status": 500}), time.Minute, long(cell{})), "retries certain 0.01"},
	{"a failed call and two after it", then(long(cell{"status": 500}), time.Minute, long(cell{}), time.Minute, long(cell{"fp_request": 8})), "cache likely 0.0006656, retries certain 0.01"},
	{"written each time and never read", alike(time.Minute, 2500, func(int) cell { return cell{"cache_write_tokens": 1500} }), "cache likely 0.0015872"},
	{"a conversation that grows", talk(5*time.Minute, [4]int{1}, [4]int{2, 1}, [4]int{3, 2, 1}), "cache likely 0.004525"},
	{"a conversation with longer pauses", talk(5*time.Minute+time.Millisecond, [4]int{1}, [4]int{2, 1}, [4]int{3, 2, 1}), ""},
	{"two that go on with the same call", talk(time.Minute, [4]int{1}, [4]int{2, 1}, [4]int{3, 1}), "cache likely 0.003875"},
	{"two in one that say what a third one says", talk(time.Minute, [4]int{1}, [4]int{2, 1}, [4]int{4, 3, 2, 1}), "cache likely 0.004525"},
	{"read a little and written further", alike(time.Minute, 2500, func(int) cell { return cell{"cache_read_tokens": 900, "cache_write_tokens": 200} }), ""},
}

// nightly is a job of new things, with as many calls a run as sizes say.
func nightly(every time.Duration, set cell, sizes ...int) func(*world) {
	return func(w *world) {
		for r, n := range sizes {
			for i := range n {
				w.putAt(at("2026-11-03 02:10:00").Add(time.Duration(r)*every+time.Duration(i)*5*time.Second), cell{"fp_request": mark(100*r + i), "fp_input": mark(100*r + i)}.with(set))
			}
		}
	}
}

// nightlyTalk is a job of four nights and ten calls each that say more of themselves.
func nightlyTalk(says func(night, i int) cell) func(*world) {
	return func(w *world) {
		for r := range 4 {
			for i := range 10 {
				w.putAt(at("2026-11-03 02:10:00").Add(time.Duration(r)*24*time.Hour+time.Duration(i)*5*time.Second), cell{"fp_request": mark(100*r + i), "fp_input": mark(100*r + i)}.with(says(r, i)))
			}
		}
	}
}

// beside is a nightly job and other calls so far apart.
func beside(n int, from string, step time.Duration) func(*world) {
	return func(w *world) {
		nightly(24*time.Hour, cell{}, 20, 20, 20, 20)(w)
		w.each(from, step, n, func(i int) cell { return cell{"fp_request": mark(900 + i), "fp_input": mark(900 + i)} })
	}
}

func besideStrays(n int) func(*world) {
	return func(w *world) {
		nightly(24*time.Hour, cell{}, 20, 20, 20, 20)(w)
		w.strays(n)
	}
}

var batchCases = []threshold{
	{"a nightly job", nightly(24*time.Hour, cell{}, 10, 10, 10, 10), "batch likely 0.2"},
	{"a job every 23 hours", nightly(23*time.Hour, cell{}, 10, 10, 10, 10), "batch likely 0.2"},
	{"a job a second sooner", nightly(23*time.Hour-time.Second, cell{}, 10, 10, 10, 10), ""},
	{"three nights", nightly(24*time.Hour, cell{}, 10, 10, 10), "batch likely 0.15"},
	{"two nights", nightly(24*time.Hour, cell{}, 10, 10), ""},
	{"a run of a tenth", nightly(24*time.Hour, cell{}, 20, 20, 20, 2), "batch likely 0.31"},
	{"a run of less", nightly(24*time.Hour, cell{}, 21, 20, 20, 2), ""},
	{"streamed", nightly(24*time.Hour, cell{"stream": true}, 10, 10, 10, 10), ""},
	{"another tier", nightly(24*time.Hour, cell{"service_tier": "priority"}, 10, 10, 10, 10), ""},
	{"no batch price", nightly(24*time.Hour, cell{"request_model": "nobatch"}, 10, 10, 10, 10), ""},
	{"a fifth of other calls", besideStrays(20), "batch likely 0.4"},
	{"more than a fifth", besideStrays(21), ""},
	{"other calls at the job's minute", beside(3, "03 05:10:00", 24*time.Hour), "batch likely 0.4"},
	{"a dialogue each night", nightlyTalk(func(night, i int) cell { return turn(night, i, 0) }), ""},
	{"a dialogue that goes on the next night", nightlyTalk(func(night, i int) cell { return turn(1+i, night, 0) }), "batch likely 0.2"},
	{"examples before each question", nightlyTalk(func(night, i int) cell {
		return cell{"fp_turn_0": 100*night + i + 1, "fp_turn_1": 9005, "fp_turn_2": 9004}
	}), "batch likely 0.2"},
	{"answers that go on from each other", nightlyTalk(func(night, i int) cell {
		return cell{"response_hash": 100*night + i + 1, "prev_response_hash": (100*night + i) * min(i, 1)}
	}), ""},
	{"a second run as large", beside(9, "04 11:10:00", 5*time.Second), ""},
}

func bloat(input, output int, c cell) func(*world) {
	return then(cell{"input_tokens": input, "output_tokens": output, "input_bytes": 4 * input}.with(c))
}

var bloatCases = []threshold{
	{"a long prompt", bloat(4000, 63, cell{}), "bloat likely 0.002"},
	{"below 4,000 tokens", bloat(3999, 63, cell{}), ""},
	{"a long answer", bloat(4000, 64, cell{}), ""},
	{"in a session", bloat(4000, 63, cell{"session": "s"}), ""},
	{"with tools", bloat(4000, 63, cell{"tools": 1}), ""},
	{"half of what it read and did not", bloat(4000, 63, cell{"cache_read_tokens": 3000}), "bloat likely 0.00065"},
	{"nothing that another finding has taken", bloat(4000, 63, cell{"end": "client_abort", "stream": true, "finish_reason": ""}), "abandoned likely 0.01"},
	{"an embedding", bloat(4000, 0, cell{"operation": "embeddings"}), ""},
}

func dear(output int, c cell) func(*world) {
	return then(cell{"request_model": "dear", "output_tokens": output, "cost_usd": "0.01"}.with(c))
}

var dearerCases = []threshold{
	{"a dear model", dear(63, cell{}), "dearer_model test 0.0098685"},
	{"a long answer", dear(64, cell{}), ""},
	{"with tools", dear(63, cell{"tools": 1}), ""},
	{"no sibling", dear(63, cell{"request_model": "m"}), ""},
	{"what bloat has left", dear(63, cell{"input_tokens": 4000, "input_bytes": 16_000}), "bloat likely 0.002, dearer_model test 0.0075685"},
}

// TestThresholdsCanBeSet: each is a macro that a query of findings uses, and what
// the configuration says counts.
func TestThresholdsCanBeSet(t *testing.T) {
	text := queries.Text("findings") + queries.Text("finding_runs")
	for _, kind := range analyze.Kinds() {
		text += queries.Text("finding_" + kind)
	}
	for _, x := range analyze.Thresholds {
		if !strings.Contains(text, x.Name+"()") || x.Meaning == "" {
			t.Errorf("no query asks for %+v", x)
		}
	}
	for _, c := range []struct {
		set  map[string]int64
		want string
	}{
		{nil, "bloat likely 0.002"},
		{map[string]int64{"short_output_tokens": 64}, "bloat likely 0.002"},
		{map[string]int64{"short_output_tokens": 63}, ""},
		{map[string]int64{"bloat_input_tokens": 4001}, ""},
		{map[string]int64{"bloat_ratio": 40}, "bloat likely 0.00148"},
	} {
		w := newWorld(t)
		w.rate("p", "m", 1000, 100, 1250, 5000)
		bloat(4000, 63, cell{})(w)
		if got := strings.Join(found(w, analyze.Options{Thresholds: c.set}), ", "); got != c.want {
			t.Errorf("with %v: found %q, want %q", c.set, got, c.want)
		}
	}
	if analyze.CheckThreshold("bloat_ratio", 0) != nil || analyze.CheckThreshold("bloat_ratios", 1) == nil || analyze.CheckThreshold("bloat_ratio", -1) == nil {
		t.Error("thresholds are not checked")
	}
}

// TestHalfTheLinesAreFoundOfManyPairs: pairs of agents are looked for among a few
// inputs and lines, picked by their hash, so that one pair shows little. These have half
// of their inputs in common, by two lines of four; of the tenth few lines are picked.
func TestHalfTheLinesAreFoundOfManyPairs(t *testing.T) {
	w := newWorld(t)
	w.rate("p", "m", 1000, 100, 1250, 5000)
	const first, last, inputs = 8, 12, 202
	value := func(i int) uint64 { return mark(i) * 0x9e3779b97f4a7c15 >> 1 }
	asks := func(agent, cost string, i, own int) cell {
		c := cell{"agent": agent, "cost_usd": cost, "fp_input": value(own + i)}
		for l := range 4 {
			c[fmt.Sprint("fp_part_", l)] = value(own + 1000 + 4*i + l)
		}
		return c
	}
	for pair := first; pair <= last; pair++ {
		w.lane, w.shift = fmt.Sprint(pair, laneEnd), uint64(pair)*7919*1_000_003
		w.each("03 00:00:00", 5*time.Minute, inputs, func(i int) cell { return asks("a", "0.01", i, 0) })
		w.each("03 00:02:00", 5*time.Minute, inputs, func(i int) cell {
			c := asks("b", "0.009", i, 10_000)
			if i < inputs/2 {
				c["fp_part_0"], c["fp_part_2"] = value(1000+4*i), value(1001+4*i)
			}
			return c
		})
	}
	got := look(w, analyze.Options{})
	for pair := first; pair <= last; pair++ {
		if words := strings.Join(got[fmt.Sprint(pair)], ", "); words != "same_work likely 0.909" {
			t.Errorf("pair %d: found %q", pair, words)
		}
	}
}
