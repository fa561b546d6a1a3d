//go:build cgo

package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"burn/proxy/usage"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// sample is the i-th record of a boot: priced, attributed, all its own.
func sample(boot uint64, seq int) *usage.Record {
	return &usage.Record{
		Boot: boot, Seq: uint64(seq), TS: testNow.Add(-time.Hour).UnixMilli() + int64(seq), LatencyMS: 812.345, TTFTMS: 90.5,
		Upstream: "openai", Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: "POST",
		Status: 200, End: usage.EndComplete, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", FinishReason: "stop",
		ResponseID: fmt.Sprintf("chatcmpl-%x-%d", boot, seq), Agent: fmt.Sprintf("agent-%d", seq%7), AgentSource: "x-agent-id", User: fmt.Sprintf("u-%d", seq%50),
		Session: fmt.Sprintf("s-%d", seq/10), TraceID: fmt.Sprintf("%032x", seq/3), KeyID: "89abcdef01234567", Client: "10.0.0.7", UserAgent: "OpenAI/Python",
		UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: int64(1000 + seq%100), Output: 100},
		RawUsage: []byte(`{"prompt_tokens":1000,"completion_tokens":100}`), RequestBytes: 4000, ResponseBytes: 900,
		FPSystem: 11, FPInput: uint64(seq) * 7919, FPRequest: uint64(seq) * 104729, FPTurns: []uint64{uint64(seq), 2},
	}
}

// logFile is the bytes of a log file with records from…to of a boot.
func logFile(boot uint64, number, from, to int) []byte {
	start := usage.Record{Kind: usage.KindStart, Boot: boot, Seq: uint64(number), TS: testNow.Add(-2 * time.Hour).UnixMilli(), File: int64(number), BurnVersion: "test"}
	b := start.AppendJSON(nil)
	for seq := from; seq <= to; seq++ {
		b = sample(boot, seq).AppendJSON(b)
	}
	return b
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

type env struct {
	t    testing.TB
	dir  string
	opt  Options
	anew string // why the last run made the database anew, if it did
}

func newEnv(t testing.TB) *env {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	return &env{t: t, dir: logs, opt: Options{Path: filepath.Join(dir, "burn.duckdb"), Dirs: []string{logs}, Now: func() time.Time { return testNow }, Version: "test"}}
}

func (e *env) write(name string, data []byte) {
	e.t.Helper()
	write(e.t, filepath.Join(e.dir, name), data)
}

// run ingests once and returns what it did and the number and cost of all calls.
func (e *env) run() (Stats, int64, string) {
	e.t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	stats, err := db.Ingest(context.Background())
	if err != nil {
		e.t.Fatal(err)
	}
	e.anew, _, _ = db.Rebuilt()
	var n int64
	var cost string
	if err := db.SQL().QueryRow("SELECT count(*), coalesce(sum(cost_usd), 0)::VARCHAR FROM call").Scan(&n, &cost); err != nil {
		e.t.Fatal(err)
	}
	return stats, n, cost
}

func TestReadsOnceAndGoesOn(t *testing.T) {
	e := newEnv(t)
	all := logFile(1<<63+5, 1, 1, 5000) // beyond what a signed integer holds
	half := len(all)/2 + 17             // inside a line
	e.write("burn-a.jsonl", all[:half])
	first, n1, _ := e.run()
	if first.Accepted != n1 || n1 == 0 || first.Torn != 0 || first.Rejected != 0 {
		t.Fatalf("first run: %+v, %d calls", first, n1)
	}
	e.write("burn-a.jsonl", all)
	second, n2, cost := e.run()
	if n2 != 5000 || second.Accepted != 5000-n1 || second.Duplicates != 0 {
		t.Fatalf("second run: %+v, %d calls", second, n2)
	}
	third, n3, cost3 := e.run()
	if third.Lines != 0 || third.Files != 0 || n3 != 5000 || cost3 != cost {
		t.Fatalf("third run: %+v, %d calls, %s", third, n3, cost3)
	}
}
