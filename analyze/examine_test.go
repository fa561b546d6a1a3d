//go:build cgo

package analyze_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"burn/analyze"
)

func TestExamine(t *testing.T) {
	w := newWorld(t)
	w.add(
		call{ts: at("2026-10-02 00:00:00"), agent: "silent"},
		call{ts: at("2026-11-02 00:00:00"), agent: "busy", cost: "1"},
		call{ts: at("2026-11-03 00:00:00"), agent: "busy", cost: "1", stream: true, estimated: true, requested: "m"},
		call{ts: at("2026-11-04 00:00:00"), cost: "2", program: "curl"},
		call{ts: at("2026-11-05 00:00:00"), agent: "unknown", cost: "2", program: "OpenAI/Python", flags: "clock_jump inconsistent"},
		call{ts: at("2026-11-05 00:00:00"), agent: "unknown", program: "OpenAI/Python"},
	)
	w.insert("event", map[string]any{"boot": 1, "kind": "'beat'", "seq": 1, "ts": "TIMESTAMP '2026-11-01'", "dropped": 1, "write_errors": 2, "lost_lines": 0},
		map[string]any{"boot": 1, "kind": "'beat'", "seq": 2, "ts": "TIMESTAMP '2026-11-01'", "dropped": 3, "write_errors": 2, "lost_lines": 0},
		map[string]any{"boot": 2, "kind": "'stop'", "seq": 1, "ts": "TIMESTAMP '2026-11-01'", "dropped": 10, "write_errors": 0, "lost_lines": 5})
	r, err := analyze.Examine(context.Background(), w.db, analyze.Options{Period: november, Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	want := &analyze.Examination{
		Seen: []analyze.Seen{{Agent: "busy", Last: at("2026-11-03 00:00:00")}, {Agent: "silent", Last: at("2026-10-02 00:00:00")}, {Agent: "unknown", Last: at("2026-11-05 00:00:00")}},
		Unlabelled: []analyze.Program{
			{Name: "OpenAI/Python", Requests: 2, Cost: usd("2")}, {Name: "curl", Requests: 1, Cost: usd("2")},
		},
		Jumped: 1, Writers: analyze.Writers{Dropped: 13, WriteErrors: 2, LostLines: 5},
	}
	if !reflect.DeepEqual(r.Exam, want) {
		t.Errorf("got\n     %s\nwant %s", dump(r.Exam), dump(want))
	}
	if r.Totals.Requests != 5 || len(r.Streams) != 1 || len(r.Unpriced) != 1 || r.Quality.InconsistentRequests != 1 || !r.LastCall.Equal(at("2026-11-05 00:00:00")) {
		t.Errorf("result %s", dump(r))
	}
	if len(r.ByAgent) != 0 || w.run(analyze.Options{Period: november}).Exam != nil {
		t.Error("Examine asks for tables, or Run examines")
	}
}
