//go:build cgo

package ingest

import (
	"context"
	"strings"
	"testing"
	"time"

	"burn/ingest/price"
	"burn/proxy/usage"
)

const overrideHeader = "provider,model,match,mode,effective_from,effective_to,input_per_mtok,output_per_mtok,source\n"

func override(t testing.TB, rows string) *price.Table {
	t.Helper()
	list, err := price.Load(strings.NewReader(overrideHeader+rows), "test.csv")
	if err != nil {
		t.Fatal(err)
	}
	return price.Builtin().With(list)
}

// A changed table changes what was ingested before, says what moved, and gives
// the same as if it had been there from the start. Reported costs stay.
func TestChangedTableReprices(t *testing.T) {
	e := newEnv(t)
	data := logFile(1, 1, 1, 3000)
	for i, change := range []func(*usage.Record){
		func(r *usage.Record) { r.CostUSD = "0.5" },
		func(r *usage.Record) { r.RequestModel, r.ResponseModel = "acme-7b", "acme-7b" },
		func(r *usage.Record) { r.Status, r.UsageSource, r.Tokens = 500, usage.SourceNone, usage.Tokens{} },
		func(r *usage.Record) {
			r.SubUsage = []usage.SubUsage{{Model: "gpt-4o-mini", Tokens: usage.Tokens{Input: 1000}}}
		},
		func(r *usage.Record) { r.Kind, r.Calls = usage.KindGap, 3 },
		func(r *usage.Record) { // two passes, each below the limit that their sum is above
			r.TS = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC).UnixMilli()
			r.Provider, r.RequestModel, r.ResponseModel = "anthropic", "claude-opus-4-6", "claude-opus-4-6"
			r.Tokens = usage.Tokens{Input: 250_000, Output: 1000}
			r.RawUsage = []byte(`{"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":600},{"type":"message","input_tokens":70000,"output_tokens":400}]}`)
		},
	} {
		r := sample(1, 4000+i)
		change(r)
		data = r.AppendJSON(data)
	}
	e.write("a.jsonl", data)
	_, n, before := e.run()
	if n != 3006 {
		t.Fatalf("%d rows", n)
	}

	changed := *e
	changed.opt.Prices = override(t, "openai,gpt-4o,,chat,,,5,20,test\nopenai,acme-7b,=acme-7b,chat,,,1,1,test\n")
	stats, _, after := changed.run()
	if after == before {
		t.Error("nothing moved")
	}
	fresh := changed
	fresh.opt.Path += ".fresh"
	if _, _, want := fresh.run(); after != want {
		t.Errorf("repriced to %s, a new database says %s", after, want)
	}
	moved := map[string]Repriced{}
	for _, m := range stats.Repriced {
		moved[m.Model] = m
	}
	if m := moved["gpt-4o-2024-08-06"]; m.Calls != 3002 || m.Before == 0 || m.After != 2*m.Before-150_000_000 {
		t.Errorf("gpt-4o moved %+v", m) // the sub call of 1,000 mini tokens costs $0.00015 before and after
	}
	if m := moved["acme-7b"]; m.Calls != 1 || m.NewlyPriced != 1 || m.Before != 0 || m.After == 0 {
		t.Errorf("acme-7b moved %+v", m)
	}
	if stats, _, again := changed.run(); again != after || stats.Repriced != nil {
		t.Errorf("again: %s, %+v", again, stats.Repriced)
	}
	stats, _, back := e.run()
	if back != before {
		t.Errorf("back to %s, want %s", back, before)
	}
	for _, m := range stats.Repriced {
		if m.Model == "acme-7b" && m.NewlyUnpriced != 1 {
			t.Errorf("back: %+v", m)
		}
	}
}

func TestRawConnectionIsFound(t *testing.T) {
	db, err := Open(context.Background(), newEnv(t).opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.SQL().Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(c any) error {
		raw, err := rawConnection(c)
		if err == nil && raw.Ptr == nil {
			t.Error("the connection is nil")
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if _, err := rawConnection(42); err == nil {
		t.Error("no error for a foreign connection")
	}
}
