//go:build cgo

package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

// part is a call of a trace in a test: when it ran, in seconds, and what it says.
type part struct {
	from, to float64
	says     cell
}

// turn is what a call of a conversation says: the nth request of the conversation
// with a number, of which each earlier one is a part.
func turn(conversation, n, toolCalls int) cell {
	c := cell{"tool_calls": toolCalls}
	for back := 0; back <= min(n, 3); back++ {
		c[fmt.Sprintf("fp_turn_%d", back)] = conversation*100 + n - back + 1
	}
	return c
}

// TestTree: which call of a trace each one is part of, and what tells it.
func TestTree(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		name  string
		calls []part
		want  string // of each call in order of start: the place of its parent, and what tells it
	}{
		{"nothing known", []part{{0, 1, nil}, {1, 2, nil}, {2, 3, nil}}, "- - -"},
		{"the caller's span alone", []part{{0, 1, cell{"span_hash": 1}}, {1, 2, cell{"span_hash": 1}}, {2, 3, cell{"span_hash": 2}}}, "- - -"},
		{"spans and the spans above them", []part{
			{0, 9, cell{"span_hash": 1}}, {1, 8, cell{"span_hash": 2, "parent_hash": 1}}, {2, 3, cell{"span_hash": 3, "parent_hash": 2}}, {4, 5, cell{"span_hash": 4, "parent_hash": 1}}}, "- 0span 1span 0span"},
		{"of the calls in one span, the newest", []part{{0, 1, cell{"span_hash": 1}}, {1, 2, cell{"span_hash": 1}}, {2, 3, cell{"span_hash": 2, "parent_hash": 1}}, {3, 4, cell{"span_hash": 1}}}, "- - 1span -"},
		{"a span above that made no call", []part{{0, 1, cell{"span_hash": 1, "parent_hash": 9}}, {1, 2, cell{"span_hash": 2, "parent_hash": 9}}}, "- -"},
		{"a span that is its own parent", []part{{0, 1, cell{"span_hash": 1, "parent_hash": 1}}}, "-"},
		{"a parent that began later", []part{{0, 1, cell{"span_hash": 1, "parent_hash": 2}}, {1, 2, cell{"span_hash": 2, "parent_hash": 1}}}, "- 0span"},

		{"paths of steps", []part{{0, 1, cell{"step": "/plan"}}, {1, 2, cell{"step": "/plan/search"}}, {2, 3, cell{"step": "/plan/search/rank/"}}, {3, 4, cell{"step": "/answer"}}, {4, 5, cell{"step": "/plan/check"}}}, "- 0step 1step - 0step"},
		{"a path whose middle made no call", []part{{0, 1, cell{"step": "/plan"}}, {1, 2, cell{"step": "/plan/search/rank"}}}, "- 0step"},
		{"a path that is no part of the other", []part{{0, 1, cell{"step": "/plan"}}, {1, 2, cell{"step": "/planning/search"}}}, "- -"},
		{"a step twice", []part{{0, 1, cell{"step": "/plan"}}, {1, 2, cell{"step": "/plan"}}, {2, 3, cell{"step": "/plan/search"}}}, "- - 1step"},
		{"words without a path", []part{{0, 1, cell{"step": "plan"}}, {1, 2, cell{"step": "search"}}, {2, 3, cell{"step": "/"}}}, "- - -"},
		{"what the span says before what the step says", []part{{0, 1, cell{"step": "/plan"}}, {1, 2, cell{"span_hash": 1}}, {2, 3, cell{"step": "/plan/search", "parent_hash": 1}}}, "- - 1span"},

		{"a loop is a list", []part{{0, 1, turn(1, 0, 1)}, {2, 3, turn(1, 1, 1)}, {4, 5, turn(1, 2, 0)}}, "- - -"},
		{"a tool that asks a model", []part{{0, 1, turn(1, 0, 1)}, {2, 3, nil}, {4, 5, turn(1, 1, 0)}, {6, 7, nil}}, "- 0tool - -"},
		{"an answer without tools", []part{{0, 1, turn(1, 0, 0)}, {2, 3, nil}, {4, 5, turn(1, 1, 0)}}, "- - -"},
		{"an answer that is never gone on from", []part{{0, 1, turn(1, 0, 1)}, {2, 3, nil}}, "- -"},
		{"a call that outlasts the tool", []part{{0, 1, turn(1, 0, 1)}, {2, 6, nil}, {4, 5, turn(1, 1, 0)}}, "- - -"},
		{"a call that began while the answer came", []part{{0, 1, turn(1, 0, 1)}, {0.5, 2, nil}, {4, 5, turn(1, 1, 0)}}, "- - -"},
		{"an agent as a tool", []part{{0, 1, turn(1, 0, 1)}, {2, 3, turn(2, 0, 1)}, {4, 5, turn(2, 1, 0)}, {6, 7, turn(1, 1, 0)}}, "- 0tool 0tool -"},
		{"an agent whose tool asks a model", []part{{0, 1, turn(1, 0, 1)}, {2, 3, turn(2, 0, 1)}, {3.2, 3.4, nil}, {4, 5, turn(2, 1, 0)}, {6, 7, turn(1, 1, 0)}}, "- 0tool 1tool 0tool -"},
		{"tools side by side", []part{{0, 1, turn(1, 0, 2)}, {2, 3, turn(2, 0, 1)}, {3.2, 3.4, nil}, {4, 5, turn(2, 1, 0)}, {6, 7, turn(1, 1, 0)}}, "- 0tool 0tool 0tool -"},
		{"two loops at one time", []part{{0, 1, turn(1, 0, 1)}, {0.1, 2, turn(2, 0, 1)}, {3, 4, nil}, {5, 6, turn(1, 1, 0)}, {7, 8, turn(2, 1, 0)}}, "- - - - -"},
		{"a conversation that goes on within the next tool", []part{{0, 1, turn(1, 0, 1)}, {2, 3, turn(2, 0, 0)}, {4, 5, turn(1, 1, 1)}, {6, 7, turn(2, 1, 0)}, {8, 9, turn(1, 2, 0)}}, "- 0tool - 2tool -"},
		{"a conversation that goes on after its tool", []part{{0, 1, turn(1, 0, 1)}, {2, 3, turn(2, 0, 0)}, {4, 5, turn(1, 1, 0)}, {6, 7, turn(2, 1, 0)}}, "- 0tool - 0turn"},
		{"one that the provider keeps", []part{{0, 1, cell{"response_hash": 5, "tool_calls": 1}}, {2, 3, nil}, {4, 5, cell{"response_hash": 6, "prev_response_hash": 5}}, {6, 7, cell{"prev_response_hash": 6}}}, "- 0tool - -"},
		{"turns of what a step began", []part{{0, 1, cell{"step": "/plan"}}, {1, 2, with(turn(1, 0, 0), cell{"step": "/plan/a"})}, {2, 3, turn(1, 1, 0)}}, "- 0step 0turn"},
	}
	day := at("2026-11-10 14:00:00")
	for i, c := range cases {
		for _, p := range c.calls {
			says := cell{"trace": fmt.Sprint("case", i), "latency_us": int64((p.to - p.from) * 1e6), "cost_usd": "0.25"}
			w.putAt(day.Add(time.Duration(p.from*1000)*time.Millisecond), with(says, p.says))
		}
	}
	r := w.run(analyze.Options{Period: november})
	byID := map[string]analyze.Trace{}
	for _, tr := range r.Traces {
		byID[tr.ID] = tr
	}
	for i, c := range cases {
		if len(c.calls) == 1 {
			continue
		}
		tr := byID[fmt.Sprint("case", i)]
		if got := parents(tr); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		wantTree(t, c.name, tr)
	}
}

// with is what both say, b where both do.
func with(a, b cell) cell {
	c := cell{}
	for _, set := range []cell{a, b} {
		for k, v := range set {
			c[k] = v
		}
	}
	return c
}

// parents says of each call of t where its parent stands, and what tells it.
func parents(t analyze.Trace) string {
	place := map[string]int{}
	for i, c := range t.Calls {
		place[fmt.Sprint(c.Boot, c.Seq)] = i
	}
	var list []string
	for _, c := range t.Calls {
		if c.ParentBy == "" {
			list = append(list, "-")
			continue
		}
		list = append(list, fmt.Sprint(place[fmt.Sprint(c.ParentBoot, c.ParentSeq)], c.ParentBy))
	}
	return strings.Join(list, " ")
}

// wantTree: each call comes once and below its parent, what roots cost with all
// below them is the trace's cost, and depths go down one by one.
func wantTree(t *testing.T, name string, tr analyze.Trace) {
	t.Helper()
	sum, seen := usd("0"), map[uint64]int{}
	for _, i := range tr.Tree() {
		c := tr.Calls[i]
		if c.ParentBy == "" {
			sum = sum.Add(c.Subtree)
		}
		above, known := seen[c.ParentSeq]
		if known != (c.ParentBy != "") || known && c.Depth != above+1 || !known && c.Depth != 0 {
			t.Errorf("%s: call %d at depth %d, its parent at %d", name, i, c.Depth, above)
		}
		seen[c.Seq] = c.Depth
	}
	if len(seen) != len(tr.Calls) || sum.Cmp(tr.Cost) != 0 {
		t.Errorf("%s: %d of %d calls, roots cost %s of %s", name, len(seen), len(tr.Calls), sum, tr.Cost)
	}
}
