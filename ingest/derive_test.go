//go:build cgo

package ingest

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// row is what tests look at of one call.
type row struct {
	seq, input, output int64
	cost               string
	estimated          bool
}

func (e *env) rows() map[int64]row {
	e.t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	found := map[int64]row{}
	rows, err := db.SQL().Query("SELECT seq, input_tokens, output_tokens, coalesce(cost_usd::VARCHAR, 'NULL'), estimated FROM call")
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.seq, &r.input, &r.output, &r.cost, &r.estimated); err != nil {
			e.t.Fatal(err)
		}
		r.cost = strings.TrimRight(strings.TrimRight(r.cost, "0"), ".")
		found[r.seq] = r
	}
	return found
}

func encode(records ...*usage.Record) (b []byte) {
	for _, r := range records {
		b = r.AppendJSON(b)
	}
	return b
}

// A background response and its later fetches, a batch file downloaded twice
// and a stored answer fetched again are each billed once, in whatever order
// the files arrive.
func TestFetchedAnswersAreBilledOnce(t *testing.T) {
	queued, fetch1, fetch2 := sample(1, 1), sample(1, 2), sample(1, 3)
	queued.ResponseID, queued.UsageSource, queued.Tokens, queued.FinishReason, queued.RawUsage = "resp_a", usage.SourceMissing, usage.Tokens{}, "queued", nil
	fetch1.ResponseID, fetch1.Operation, fetch1.Method = "resp_a", "retrieve", "GET"
	fetch2.ResponseID, fetch2.Operation, fetch2.Method = "resp_a", "retrieve", "GET"
	line1, line2, line1again := sample(1, 4), sample(1, 5), sample(1, 6)
	for _, r := range []*usage.Record{line1, line2, line1again} {
		r.Operation, r.Method, r.ServiceTier, r.Part = "batch_result", "GET", "batch", 1
	}
	line1.ResponseID, line2.ResponseID, line1again.ResponseID = "chatcmpl-1", "chatcmpl-2", "chatcmpl-1"
	post, fetched := sample(1, 7), sample(1, 8)
	post.ResponseID, fetched.ResponseID, fetched.Operation, fetched.Method = "resp_b", "resp_b", "retrieve", "GET"
	twin := sample(1, 9) // POST records are never merged by id
	twin.ResponseID = "resp_b"
	pending := sample(1, 10) // fetched while it was not ready: nothing to bill
	pending.ResponseID, pending.Operation, pending.UsageSource, pending.Tokens = "resp_a", "retrieve", usage.SourceNone, usage.Tokens{}
	all := []*usage.Record{queued, fetch1, fetch2, line1, line2, line1again, post, fetched, twin, pending}
	billed := map[int64]bool{2: true, 4: true, 5: true, 7: true, 9: true}

	check := func(t *testing.T, e *env) {
		t.Helper()
		for seq, r := range e.rows() {
			if got := r.cost != "0"; got != billed[seq] || (r.input > 0) != billed[seq] || r.estimated {
				t.Errorf("seq %d: %+v, billed %v", seq, r, billed[seq])
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 4 {
		e := newEnv(t)
		order := rng.Perm(len(all))
		var files [3][]byte
		for i, j := range order {
			files[i%3] = append(files[i%3], encode(all[j])...)
		}
		for i, f := range files {
			e.write(string(rune('a'+i))+".jsonl", f)
			e.run()
		}
		check(t, e)
	}
}

// Calls without usage get what calls of the same model that did report show;
// their money is marked, and the rest keeps its own.
func TestMissingUsageIsEstimated(t *testing.T) {
	e := newEnv(t)
	var data []byte
	for i := 1; i <= 200; i++ { // 5 bytes per input token, 2 tokens per event
		r := sample(1, i)
		r.Stream, r.Events, r.Tokens = true, 50, usage.Tokens{Input: 1000, Output: 100}
		r.SystemBytes, r.InputBytes = 3000, 2000
		data = r.AppendJSON(data)
	}
	missing := sample(1, 301)
	missing.Stream, missing.Events, missing.UsageSource, missing.Tokens = true, 30, usage.SourceMissing, usage.Tokens{}
	missing.SystemBytes, missing.InputBytes, missing.OutputBytes = 300, 200, 999
	partial := sample(1, 302) // the input is known, the output only begun
	partial.Stream, partial.Events, partial.UsageSource, partial.Tokens = true, 20, usage.SourcePartial, usage.Tokens{Input: 77, Output: 1}
	limited := sample(1, 303)
	limited.Stream, limited.Events, limited.UsageSource, limited.Tokens, limited.MaxTokens = true, 5000, usage.SourceMissing, usage.Tokens{}, 64
	limited.SystemBytes, limited.InputBytes = 300, 200
	foreign := sample(1, 304) // no call of this model reported: 4 bytes per token
	foreign.RequestModel, foreign.ResponseModel = "gpt-4o-mini", "gpt-4o-mini"
	foreign.UsageSource, foreign.Tokens, foreign.SystemBytes, foreign.InputBytes, foreign.ResponseBytes = usage.SourceMissing, usage.Tokens{}, 400, 0, 80
	none := sample(1, 305)
	none.Status, none.UsageSource, none.Tokens = 429, usage.SourceNone, usage.Tokens{}
	speech := sample(1, 306) // sound: nothing to estimate from
	speech.Operation, speech.UsageSource, speech.Tokens, speech.ResponseBytes = "speech", usage.SourceMissing, usage.Tokens{}, 90_000
	data = append(data, encode(missing, partial, limited, foreign, none, speech)...)
	e.write("a.jsonl", data)
	e.run()

	want := map[int64]row{
		1:   {1, 1000, 100, "0.0035", false},
		301: {301, 100, 60, "0.00085", true},
		302: {302, 77, 40, "0.0005925", true},
		303: {303, 100, 64, "0.00089", true},
		304: {304, 100, 20, "0.000027", true},
		305: {305, 0, 0, "0", false},
		306: {306, 0, 0, "NULL", false},
	}
	got := e.rows()
	for seq, w := range want {
		if got[seq] != w {
			t.Errorf("seq %d: %+v, want %+v", seq, got[seq], w)
		}
	}

	// More calls that report change the ratio, and with it the estimates, to
	// what a new database says of all of them.
	data = nil
	for i := 1001; i <= 1400; i++ {
		r := sample(1, i)
		r.Stream, r.Events, r.Tokens = true, 100, usage.Tokens{Input: 500, Output: 100}
		r.SystemBytes, r.InputBytes = 3000, 2000
		data = r.AppendJSON(data)
	}
	e.write("b.jsonl", data)
	_, _, cost := e.run()
	fresh := *e
	fresh.opt.Path += ".fresh"
	if _, _, want := fresh.run(); cost != want {
		t.Errorf("after more calls %s, a new database says %s", cost, want)
	}
	if r := e.rows()[301]; r.input == 100 || !r.estimated {
		t.Errorf("the estimate did not move: %+v", r)
	}
}
