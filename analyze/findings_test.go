//go:build cgo

package analyze_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

// cell is a call of the tests below: columns of the table call that differ from a
// plain answered call of $0.01, and words by their kind.
type cell map[string]any

// put makes a call at a time of November; run stores it.
func (w *world) put(when string, c cell) {
	w.t.Helper()
	w.putAt(at("2026-11-"+when), c)
}

func (w *world) putAt(when time.Time, c cell) {
	w.t.Helper()
	row := map[string]any{}
	plain := cell{"agent": "a", "key_id": "k", "request_model": "m", "provider": "p", "operation": "chat", "finish_reason": "stop", "end": "complete", "usage_source": "reported",
		"cost_basis": "computed", "status": 200, "input_tokens": 1000, "output_tokens": 100, "cost_usd": "0.01", "input_bytes": 4000, "request_bytes": 4100}
	w.seq++
	row["boot"], row["seq"], row["requests"] = 1, w.seq, 1
	row["ts"] = "TIMESTAMP '" + when.UTC().Format("2006-01-02 15:04:05.000") + "'"
	for _, set := range []cell{plain, c} {
		for name, v := range set {
			if v == nil {
				v = "NULL"
			}
			switch word, _ := v.(string); name {
			case "session", "trace", "agent", "key_id":
				if word != "" {
					v = w.lane + word
				}
			}
			if strings.HasPrefix(name, "fp_") {
				switch n := v.(type) {
				case uint64:
					v = n + min(n, 1)*w.shift
				case int:
					v = uint64(n) + min(uint64(n), 1)*w.shift
				}
			}
			switch name {
			case "session", "trace":
				row[name+"_hash"] = w.hash(v.(string))
			case "agent", "user", "step", "key_id", "request_model", "provider", "operation", "finish_reason", "end", "usage_source", "cost_basis", "user_agent", "client", "service_tier", "tags":
				row[name+"_id"] = w.id(name, v.(string))
			default:
				row[name] = v
			}
		}
	}
	w.pending = append(w.pending, row)
}

// each makes n calls, step apart, from a time on; f says what differs.
func (w *world) each(from string, step time.Duration, n int, f func(i int) cell) {
	w.t.Helper()
	start := at("2026-11-" + from)
	for i := range n {
		w.put(start.Add(time.Duration(i)*step).Format("02 15:04:05.000"), f(i))
	}
}

// look are the findings of November as "kind class dollars", in order of these
// words, by the lane of their agents.
func look(w *world, opt analyze.Options) map[string][]string {
	w.t.Helper()
	opt.Period = november
	r := w.find(opt)
	sum := map[string]analyze.USD{}
	list := map[string][]string{}
	for _, f := range r.Findings {
		sum[f.Class] = sum[f.Class].Add(f.Saving)
		if f.Saving.Cmp(f.Cost) > 0 || f.ID == "" || f.Title == "" || f.Evidence == "" || f.Fix == "" || len(f.Agents) == 0 {
			w.t.Errorf("finding %+v", f)
		}
		lane, _, ok := strings.Cut(f.Agents[0], laneEnd)
		if !ok {
			lane = ""
		}
		list[lane] = append(list[lane], f.Kind+" "+f.Class+" "+f.Saving.String())
	}
	for class, total := range map[string]analyze.USD{analyze.Certain: r.Totals.Avoidable.Certain, analyze.Likely: r.Totals.Avoidable.Likely, analyze.Test: r.Totals.Avoidable.Test} {
		if total.Pico().Cmp(sum[class].Pico()) != 0 {
			w.t.Errorf("%s: total %s, findings %s", class, total, sum[class])
		}
	}
	for _, words := range list {
		slices.Sort(words)
	}
	return list
}

// laneEnd stands between a lane's name and an agent's.
const laneEnd = "/"

// found is look where there is one lane.
func found(w *world, opt analyze.Options) []string { return look(w, opt)[""] }

// TestInnocentsStaySilent: what looks like waste and is none, all in one world.
func TestInnocentsStaySilent(t *testing.T) {
	w := newWorld(t)
	w.rate("p", "m", 1000, 100, 1250, 5000)
	w.rate("p", "n", 1000, 100, 1250, 5000)
	fp := func(space, i int) uint64 { return uint64(space)<<40 + 1_000_003*uint64(i+1) }
	// A router, a guard and an answerer on one user turn.
	for n, agent := range []string{"router", "guard", "answerer"} {
		w.each(fmt.Sprintf("03 00:00:%02d", n), 5*time.Minute, 120, func(i int) cell {
			return cell{"agent": agent, "fp_input": fp(1, i), "fp_request": fp(2+n, i), "trace": fmt.Sprint("t", i)}
		})
	}
	// Two agents with one system prompt and different inputs.
	for n, agent := range []string{"twin-a", "twin-b"} {
		w.each("05 00:00:00", 7*time.Minute, 120, func(i int) cell {
			return cell{"agent": agent, "fp_system": 77, "fp_input": fp(6+n, i), "fp_request": fp(6+n, i)}
		})
	}
	// An hourly job on new data only.
	for r := range 12 {
		w.each(fmt.Sprintf("06 %02d:05:00", r), 5*time.Second, 10, func(i int) cell {
			return cell{"agent": "hourly", "fp_input": fp(8, 100*r+i), "fp_request": fp(8, 100*r+i)}
		})
	}
	// A sample that is given to two models.
	w.each("07 00:00:00", 3*time.Minute, 120, func(i int) cell {
		return cell{"agent": "ab", "request_model": []string{"m", "n"}[i%2], "fp_input": fp(9, i/2), "fp_request": fp(9, i/2)}
	})
	// Health checks with one text.
	w.each("08 00:00:30", 15*time.Minute, 200, func(int) cell { return cell{"agent": "health", "fp_request": 10, "input_bytes": 12} })
	// A 429 that was not billed.
	w.each("11 00:00:00", 30*time.Second, 4, func(i int) cell {
		return cell{"agent": "limited", "status": []int{429, 200}[i%2], "cost_usd": []string{"0", "0.01"}[i%2], "fp_request": fp(11, i/2)}
	})
	// Different users who say hi.
	w.each("11 01:00:00", 3*time.Minute, 50, func(i int) cell {
		return cell{"agent": "chat", "user": fmt.Sprint("u", i), "fp_request": 12, "input_bytes": 2}
	})
	// A stream closed after its last event.
	w.put("11 04:00:00", cell{"agent": "chat", "stream": true, "end": "client_abort"})
	// History that was read from the cache.
	w.put("11 05:00:00", cell{"agent": "chat", "history_bytes": 90_000, "recent_bytes": 9_000, "input_bytes": 1000, "input_tokens": 22_750, "cache_read_tokens": 22_000, "output_tokens": 9, "session": "s"})
	// Long prompts of coding and retrieval.
	w.each("12 00:00:00", time.Minute, 30, func(i int) cell {
		return cell{"agent": "coder", "tools": 8, "tools_bytes": 9000, "history_bytes": 60_000 + 4000*i, "recent_bytes": 4000, "input_tokens": 18_000 + 1000*i,
			"cache_read_tokens": 17_000 + 1000*i, "output_tokens": 40, "session": "code", "fp_input": 13, "fp_request": fp(13, i), "fp_prefix_4k": 13, "fp_prefix_8k": 14, "fp_prefix_16k": 15, "fp_prefix_32k": 16, "fp_prefix_64k": 17}
	})
	w.each("13 00:00:00", 10*time.Minute, 30, func(i int) cell {
		return cell{"agent": "rag", "input_tokens": 9000, "input_bytes": 36_000, "output_tokens": 300, "fp_input": fp(14, i), "fp_request": fp(14, i), "fp_prefix_4k": fp(14, i)}
	})
	// Steps of one tool loop share the last user turn.
	w.each("14 00:00:00", 90*time.Second, 20, func(i int) cell {
		return cell{"agent": "loop", "tools": 3, "fp_input": 15, "fp_request": fp(15, i), "session": "loop", "history_bytes": 2000 * i}
	})
	if list := found(w, analyze.Options{}); len(list) > 0 {
		t.Errorf("found %q", list)
	}
}

// TestUnknownCallersAreToldApart: without any agent, the same work is found twice
// behind a clock or the date in the system prompt and on changing machines.
func TestUnknownCallersAreToldApart(t *testing.T) {
	for _, c := range []struct {
		named bool
		step  time.Duration
		same  int // calls with one system prompt
	}{{true, 5 * time.Minute, 1}, {false, 5 * time.Minute, 1}, {false, 30 * time.Minute, 48}} {
		w := newWorld(t)
		agent := func(name string) string {
			if c.named {
				return name
			}
			return ""
		}
		w.each("03 00:00:00", c.step, 150, func(i int) cell {
			return cell{"agent": agent("a"), "fp_input": 1_000_003 * (i + 1), "fp_request": 1_000_003 * (i + 1), "fp_system": 5, "client": fmt.Sprint("10.0.0.", i%3), "user_agent": "x"}
		})
		w.each("03 00:02:00", c.step, 150, func(i int) cell {
			return cell{"agent": agent("b"), "key_id": "l", "fp_input": 1_000_003 * (i + 1), "fp_request": 1_000_033 * (i + 1), "fp_system": 100 + i/c.same, "cost_usd": "0.009", "user_agent": "x"}
		})
		if got := strings.Join(found(w, analyze.Options{}), ", "); got != "same_work likely 1.35" {
			t.Errorf("%+v: found %q", c, got)
		}
	}
}

// TestCrowdedTasksAreDoneAlone: what has too little memory beside other statements
// is done again when they have ended, of few calls and of many.
func TestCrowdedTasksAreDoneAlone(t *testing.T) {
	for _, most := range []int64{1, 0} {
		w := newWorld(t)
		analyze.InPartsOf(t, most)
		w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "1"})
		alone, err := analyze.Crowd(t.Context(), w.db, analyze.Options{Period: november})
		if err != nil || !slices.Equal(alone, []bool{false, true}) {
			t.Errorf("of at most %d calls: alone %v, %v; want false, then true", most, alone, err)
		}
	}
}

func TestTooManyCallsAreNotSearched(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "1", requests: analyze.FindingCalls + 1})
	r := w.run(analyze.Options{Period: november})
	if r.Quality.FindingsSkipped == "" || len(r.Findings) != 0 {
		t.Errorf("skipped %q, %d findings", r.Quality.FindingsSkipped, len(r.Findings))
	}
	w = newWorld(t)
	w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "1", requests: analyze.FindingCalls})
	if r := w.run(analyze.Options{Period: november}); r.Quality.FindingsSkipped != "" {
		t.Errorf("skipped %q", r.Quality.FindingsSkipped)
	}
}

// TestMeansAreRounded: what a finding says of its calls on average is the nearest
// number.
func TestMeansAreRounded(t *testing.T) {
	w := newWorld(t)
	w.rate("p", "m", 1000, 100, 1250, 5000)
	w.each("03 10:00:00", time.Hour, 2, func(i int) cell {
		return cell{"history_bytes": 90_000, "recent_bytes": 9_000, "input_bytes": 1000, "input_tokens": 22_750 + i, "output_tokens": 4 + i, "fp_request": mark(i)}
	})
	r := w.find(analyze.Options{Period: november})
	if len(r.Findings) == 0 || !strings.Contains(r.Findings[0].Title, "sends 22,751 tokens, mostly history, for an answer of 5") || !strings.Contains(r.Findings[0].Evidence, "read 22,751 tokens each, on average, and write 5;") {
		t.Errorf("%+v", r.Findings)
	}
}

// TestEstimatedSavings: what a finding saves of calls whose tokens were estimated is
// told apart, of the finding and of each call.
func TestEstimatedSavings(t *testing.T) {
	for reported, want := range map[int]string{0: "; all of the saving is est.", 1: "; part of the saving is est."} {
		w := newWorld(t)
		w.each("03 10:00:00", 2*time.Hour, 3, func(i int) cell {
			c := cell{"fp_request": 7, "fp_input": 8}
			if i > reported {
				c = c.with(cell{"usage_source": "missing", "estimated": true})
			}
			return c
		})
		r := w.find(analyze.Options{Period: november})
		if len(r.Findings) != 1 || !strings.HasSuffix(r.Findings[0].Evidence, want) || r.Findings[0].Estimated.Pico().Sign() <= 0 {
			t.Fatalf("%+v", r.Findings)
		}
		e, err := analyze.Explain(t.Context(), w.db, r, r.Findings[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range e.Calls {
			if c.Estimated != (i >= reported) {
				t.Errorf("call %d is estimated: %v", i, c.Estimated)
			}
		}
	}
}
