package usage

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkAppend compares, interleaved, what a record costs the goroutine that
// answers a call: handed to the Log, or encoded and written under a mutex. The
// load is paced as that of a proxy is, so that nothing is dropped; only the
// calls themselves are timed. Figures are ns per record: mean, median, p99.
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	l, err := OpenLog(LogConfig{Dir: filepath.Join(dir, "log")})
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "mutex.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var mu sync.Mutex
	var buf []byte
	variants := []struct {
		name string
		run  func(*Record)
		ns   []time.Duration
	}{
		{name: "log", run: func(r *Record) {
			r.Seq = l.Begin(nil)
			l.Append(r)
		}},
		{name: "mutex", run: func(r *Record) {
			mu.Lock()
			defer mu.Unlock()
			buf = r.AppendJSON(buf[:0])
			if _, err := f.Write(buf); err != nil {
				b.Error(err)
			}
			release(r)
		}},
	}
	const burst = 64
	for i := range b.N {
		for v := range variants {
			var all [burst]*Record
			for j := range all {
				all[j] = benchRecord(i*burst + j)
			}
			start := time.Now()
			for _, r := range all {
				variants[v].run(r)
			}
			variants[v].ns = append(variants[v].ns, time.Since(start)/burst)
			for len(l.queue) > 0 {
				runtime.Gosched()
			}
		}
	}
	b.StopTimer()
	if err := closeLog(l); err != nil || l.Stats().Dropped != 0 {
		b.Errorf("%d records dropped (%v)", l.Stats().Dropped, err)
	}
	for _, v := range variants {
		slices.Sort(v.ns)
		var sum time.Duration
		for _, d := range v.ns {
			sum += d
		}
		n := len(v.ns)
		b.ReportMetric(float64(sum)/float64(n), v.name+"-ns")
		b.ReportMetric(float64(v.ns[n/2]), v.name+"-p50-ns")
		b.ReportMetric(float64(v.ns[n*99/100]), v.name+"-p99-ns")
	}
	b.ReportMetric(0, "ns/op")
}

// benchRecord is of typical length, about 1.7 KB.
func benchRecord(i int) *Record {
	r := call(i)
	*r = Record{
		TS: r.TS, LatencyMS: 1234.567, TTFTMS: 321.5, Upstream: "openai", Provider: r.Provider, Operation: r.Operation,
		Endpoint: r.Endpoint, Method: r.Method, Status: r.Status, End: r.End, Stream: true,
		RequestModel: r.RequestModel, ResponseModel: "gpt-5-mini-2025-08-07", ResponseID: "chatcmpl-0123456789abcdefghij",
		RequestID: "req_0123456789abcdef", Agent: r.Agent, AgentSource: "x-agent-id", User: "someone", Session: "0123456789",
		KeyID: "0123456789abcdef", Client: "127.0.0.1", UserAgent: "openai-python/1.0", UsageSource: r.UsageSource,
		Tokens: Tokens{Input: 4200, CacheRead: 1024, Output: 300, Reasoning: 128}, RawUsage: benchUsage,
		RequestBytes: 20_000, ResponseBytes: 4_000, Events: 300, Messages: 12, Tools: 3, SystemBytes: 900, HistoryBytes: 12_000,
		FPSystem: 1, FPTools: 2, FPInput: 3, FPRequest: 4, FPTurns: benchPrints[:4], FPPrefix: benchPrints[:6], FPParts: benchPrints[:4],
	}
	return r
}

var benchPrints = []uint64{1 << 60, 1 << 50, 1 << 40, 1 << 30, 1 << 20, 1 << 10}

var benchUsage = []byte(`{"prompt_tokens":4200,"completion_tokens":300,"total_tokens":4500,"prompt_tokens_details":{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":128}}`)

// BenchmarkAppendFull is the caller's cost when the queue is full and the call
// is folded.
func BenchmarkAppendFull(b *testing.B) {
	var l Log
	l.running.init()
	for i := range b.N {
		l.Append(benchRecord(i))
	}
}

// BenchmarkHandover measures how long after Append a record is with the
// kernel, at one call at a time: the promise is 10 ms.
func BenchmarkHandover(b *testing.B) {
	l, err := OpenLog(LogConfig{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, 0, b.N)
	for i := range b.N {
		lines, start := l.Stats().Lines, time.Now()
		l.Append(benchRecord(i))
		for l.Stats().Lines == lines {
			time.Sleep(50 * time.Microsecond)
		}
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	if err := closeLog(l); err != nil {
		b.Error(err)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1e3, "max-ms")
}
