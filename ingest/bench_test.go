//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
)

var benchRecords = flag.Int("records", 200_000, "records of the ingest benchmark")

// typical is a record as a busy proxy writes it: about 1,750 bytes, with all
// fingerprints and a raw usage object.
func typical(rng *rand.Rand, boot uint64, seq int) *usage.Record {
	r := sample(boot, seq)
	r.TS = testNow.Add(-7*24*time.Hour).UnixMilli() + int64(seq)*60
	r.LatencyMS, r.TTFTMS = rng.Float64()*5000, rng.Float64()*900
	r.Tokens = usage.Tokens{Input: 500 + rng.Int64N(20000), Output: rng.Int64N(900)}
	r.CacheRead = r.Input / 3
	r.Reasoning = r.Output / 4
	r.RequestID = fmt.Sprintf("req_%016x", rng.Uint64())
	r.TraceID = fmt.Sprintf("%016x%016x", boot, seq/3)
	r.SpanID, r.ParentID = fmt.Sprintf("%016x", rng.Uint64()), fmt.Sprintf("%016x", rng.Uint64())
	r.Org, r.Project, r.Step = "org-acme", "proj_main", "plan/act"
	r.Tags = []usage.Tag{{Key: "env", Value: "prod"}, {Key: "feature", Value: "search"}, {Key: "team", Value: "platform"}}
	r.RawUsage = fmt.Appendf(nil, `{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d,"accepted_prediction_tokens":12},"input_tokens_details":{"text_tokens":%d},"service_tier":"default"}`,
		r.Input, r.Output, r.Input+r.Output, r.CacheRead, r.Reasoning, r.Input)
	r.RequestBytes, r.ResponseBytes, r.Messages, r.Tools, r.MaxTokens = r.Input*4, r.Output*5, 12, 4, 4096
	r.SystemBytes, r.ToolsBytes, r.HistoryBytes, r.RecentBytes, r.InputBytes = 2000, 3000, r.Input*2, r.Input, 300
	r.FPSystem, r.FPTools, r.FPInput, r.FPRequest = 0xabcdef0123456789, 0x1234567890abcdef, rng.Uint64(), rng.Uint64()
	r.FPTurns = []uint64{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64()}
	r.FPPrefix = []uint64{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64()}
	r.FPParts = []uint64{rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64()}
	return r
}

// makeLogs writes n typical records in files of 64 MB.
func makeLogs(b *testing.B, dir string, n int) (bytes int64) {
	rng := rand.New(rand.NewPCG(1, 2))
	const boot = 0xfeedface
	var f *os.File
	var buf []byte
	number, size := 0, 0
	for seq := 1; seq <= n; seq++ {
		if f == nil || size > 64<<20 {
			if f != nil {
				f.Close()
			}
			number++
			var err error
			if f, err = os.Create(filepath.Join(dir, fmt.Sprintf("burn-%04d.jsonl", number))); err != nil {
				b.Fatal(err)
			}
			start := usage.Record{Kind: usage.KindStart, Boot: boot, Seq: uint64(number), TS: testNow.UnixMilli(), File: int64(number)}
			buf, size = start.AppendJSON(buf[:0]), 0
		}
		buf = typical(rng, boot, seq).AppendJSON(buf)
		if len(buf) > 1<<20 || seq == n {
			if _, err := f.Write(buf); err != nil {
				b.Fatal(err)
			}
			bytes, size, buf = bytes+int64(len(buf)), size+len(buf), buf[:0]
		}
	}
	f.Close()
	syscall.Sync() // so that nothing of it is still written while others are timed
	return bytes
}

// BenchmarkIngest compares burn's ingest with DuckDB's own read_json on the
// same files, turn by turn: wall time against two threads of it, CPU time
// against one, and what burn stores. The ratios are of each round, with the
// least and the greatest. read_json runs with DuckDB's own settings, as its
// users have it, and once more with burn's (small blocks and row groups, fewer
// ways of packing), which make it cheaper: the ratios called tuned.
//
//	go test ./ingest -run NONE -bench Ingest -benchtime 1x -records 10000000
func BenchmarkIngest(b *testing.B) {
	dir := b.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		b.Fatal(err)
	}
	size := makeLogs(b, logs, *benchRecords)
	e := &env{t: b, dir: logs, opt: Options{Path: filepath.Join(dir, "burn.duckdb"), Dirs: []string{logs}, Now: func() time.Time { return testNow }}}
	var burn, duck, burnCPU time.Duration
	ratios := map[string][]float64{}
	rounds := 0
	for b.Loop() {
		rounds++
		os.Remove(e.opt.Path)
		wall, cpu := timed(func() {
			if stats, n, _ := e.run(); n != int64(*benchRecords) || stats.Rejected != 0 {
				b.Fatalf("%+v, %d rows", stats, n)
			}
		})
		burn, burnCPU = burn+wall, burnCPU+cpu
		for kind, open := range map[string]func(string) (*sql.DB, error){"": openPlain, "tuned-": openTuned} {
			duckWall, _ := timed(func() { readJSON(b, dir, logs, 2, open) })
			_, duckCPU := timed(func() { readJSON(b, dir, logs, 1, open) })
			if kind == "" {
				duck += duckWall
			}
			ratios[kind+"wall-ratio"] = append(ratios[kind+"wall-ratio"], wall.Seconds()/duckWall.Seconds())
			ratios[kind+"cpu-ratio"] = append(ratios[kind+"cpu-ratio"], cpu.Seconds()/duckCPU.Seconds())
		}
	}
	info, err := os.Stat(e.opt.Path)
	if err != nil {
		b.Fatal(err)
	}
	n := float64(*benchRecords) * float64(rounds)
	b.ReportMetric(float64(size)/float64(*benchRecords), "log-B/rec")
	b.ReportMetric(float64(info.Size())/float64(*benchRecords), "db-B/rec")
	b.ReportMetric(n/burn.Seconds(), "burn-rec/s")
	b.ReportMetric(float64(size)*float64(rounds)/1e6/burnCPU.Seconds(), "burn-MB/s/core")
	b.ReportMetric(n/duck.Seconds(), "readjson-rec/s")
	for name, ratios := range ratios {
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], name)
		b.ReportMetric(ratios[0], name+"-min")
		b.ReportMetric(ratios[len(ratios)-1], name+"-max")
	}
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err == nil {
		b.ReportMetric(float64(ru.Maxrss)/1024, "peak-MB-both")
	}
}

func timed(f func()) (wall, cpu time.Duration) {
	var a, z syscall.Rusage
	start := time.Now()
	syscall.Getrusage(syscall.RUSAGE_SELF, &a)
	f()
	syscall.Getrusage(syscall.RUSAGE_SELF, &z)
	return time.Since(start), time.Duration(z.Utime.Nano() + z.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano())
}

// readJSON loads the same files the way a DuckDB user would.
func readJSON(b *testing.B, dir, logs string, threads int, open func(path string) (*sql.DB, error)) {
	path := filepath.Join(dir, "readjson.duckdb")
	os.Remove(path)
	db, err := open(path)
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	var cols []string
	for _, c := range readJSONColumns {
		cols = append(cols, c.name+": '"+c.typ+"'")
	}
	_, err = db.Exec(fmt.Sprintf("SET threads=%d; ", threads) + "CREATE TABLE raw AS SELECT * FROM read_json('" + logs + "/*.jsonl', format='newline_delimited', ignore_errors=true, columns={" + strings.Join(cols, ", ") + "})")
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		b.Fatal(err)
	}
}

// openPlain opens a database with DuckDB's own settings.
func openPlain(path string) (*sql.DB, error) { return sql.Open("duckdb", path) }

// openTuned opens a database with burn's settings.
func openTuned(path string) (*sql.DB, error) {
	opt := Options{Path: path}
	opt.defaults()
	opt.Memory = 4 << 30 // it may take what it likes
	db := &DB{opt: opt}
	err := db.connect(context.Background())
	return db.sql, err
}

var readJSONColumns = func() (cols []struct{ name, typ string }) {
	for typ, names := range map[string]string{
		"VARCHAR": `boot kind upstream provider operation endpoint method error_type "end" request_model response_model service_tier speed geo finish_reason response_id prev_response_id request_id org project agent agent_source "user" session trace_id span_id parent_id step key_id client user_agent usage_source cost_usd fp_system fp_tools fp_input fp_request`,
		"BIGINT":  "seq status retry part input_tokens cache_read_tokens cache_write_tokens cache_write_1h_tokens output_tokens reasoning_tokens citation_tokens audio_input_tokens audio_cache_read_tokens audio_output_tokens image_input_tokens image_output_tokens web_searches requests request_bytes response_bytes events output_bytes messages tools max_tokens tool_calls system_bytes tools_bytes history_bytes recent_bytes input_bytes calls",
		"DOUBLE":  "latency_ms ttft_ms",
		"BOOLEAN": "stream", "TIMESTAMP": "ts", "VARCHAR[]": "fp_turns fp_prefix fp_parts flags cut", "JSON": "raw_usage sub_usage tags",
	} {
		for _, name := range strings.Fields(names) {
			cols = append(cols, struct{ name, typ string }{name, typ})
		}
	}
	return cols
}()
