//go:build cgo

package analyze_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"burn/analyze"
)

// BenchmarkFindings looks for all findings among a million calls of 40 agents, or
// as many as BURN_BENCH_ROWS says: some repeat, some send history, two do the
// same work, one runs by the clock, some carry no agent.
func BenchmarkFindings(b *testing.B) {
	rows := 1_000_000
	if s := os.Getenv("BURN_BENCH_ROWS"); s != "" {
		var err error
		if rows, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	w := openWorld(b, filepath.Join(b.TempDir(), "bench.duckdb"))
	w.exec("SET memory_limit='3GB'; SET preserve_insertion_order=false")
	w.bulk(rows)
	w.exec("CHECKPOINT; SET memory_limit='1GB'; SET threads=1") // as ingest sets it: two questions at a time, of one thread each
	w.db.SetMaxOpenConns(2)
	opt := analyze.Options{Period: november}
	b.ResetTimer()
	for b.Loop() {
		r, err := analyze.Findings(context.Background(), w.db, opt)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(r.Findings)), "findings")
	}
	b.ReportMetric(float64(rows), "calls")
}

// bulk makes calls by SQL: n of them over November.
func (w *world) bulk(n int) {
	for _, kind := range []string{"agent", "key_id", "end", "usage_source", "request_model", "provider", "operation", "finish_reason", "cost_basis"} {
		w.id(kind, "")
	}
	for i := range 40 {
		w.id("agent", fmt.Sprintf("agent-%02d", i))
	}
	key, end, measured := w.id("key_id", "k"), w.id("end", "complete"), w.id("usage_source", "reported")
	abort, model, computed := w.id("end", "client_abort"), w.id("request_model", "m"), w.id("cost_basis", "computed")
	set := map[string]string{
		"boot": "1", "seq": "i", "requests": "1", "ts": "TIMESTAMP '2026-11-01' + to_microseconds(CAST(i * (30 * 86400e6 / " + strconv.Itoa(n) + ") AS BIGINT))",
		"status": "CASE WHEN h % 200 = 0 THEN 500 ELSE 200 END", "end_id": fmt.Sprintf("CASE WHEN h %% 300 = 1 THEN %d ELSE %d END", abort, end),
		"stream": "h % 3 = 0", "agent_id": "CASE WHEN h % 20 = 0 THEN 0 ELSE 1 + h % 40 END", "key_id_id": strconv.Itoa(key),
		"usage_source_id": strconv.Itoa(measured), "request_model_id": strconv.Itoa(model), "cost_basis_id": strconv.Itoa(computed),
		"input_tokens": "500 + h % 9000", "output_tokens": "1 + h % 400", "cost_usd": "0.001 + (h % 9000) / 1000000.0",
		"system_bytes": "1500", "history_bytes": "CASE WHEN h % 50 = 0 THEN 30000 ELSE (h % 9000) END", "recent_bytes": "CASE WHEN h % 50 = 0 THEN 1000 ELSE 0 END", "input_bytes": "400",
		"fp_system": "1 + h % 400", "fp_input": "hash(i // 2) % 1000000007 + 1", "fp_request": "CASE WHEN h % 30 = 0 THEN hash(h % 5000) ELSE hash(i) END",
		"fp_turn_0": "hash(i + 7)", "fp_prefix_4k": "CASE WHEN h % 9000 > 4000 THEN hash(h % 50000) ELSE 0 END", "fp_prefix_8k": "CASE WHEN h % 9000 > 8000 THEN hash(h % 90000) ELSE 0 END",
		"fp_part_0": "hash(i // 2, 1)", "fp_part_1": "hash(i // 2, 2)", "fp_part_2": "hash(i // 2, 3)", "fp_part_3": "hash(i // 2, 4)",
		"trace_hash": "hash(i, 3)",
	}
	list := ""
	for i, c := range w.columns("call") {
		if i > 0 {
			list += ", "
		}
		v, ok := set[c.name]
		if !ok {
			v = c.zero
		}
		list += v + " AS " + c.name
	}
	w.exec("INSERT INTO call SELECT " + list + " FROM (SELECT range AS i, hash(range) >> 4 AS h FROM range(" + strconv.Itoa(n) + "))")
	w.rate("", "m", 1000, 100, 1250, 5000)
}
