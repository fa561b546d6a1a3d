package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"burn/ingest/price"
	"burn/proxy"
	"burn/proxy/usage"
)

// The calls worked out by hand go through two doors. One is burn prices explain
// (prices_test.go). The other is here: each usage is served inside the answers
// in which its provider sends it, by a provider on loopback, through a proxy,
// and priced from the record that the proxy wrote.

// serving is one way in which a provider serves a case's usage
// (doors_answers_test.go makes them).
type serving struct {
	name        string
	method      string // "": POST
	path        string // as a client sends it to burn
	requestType string
	request     string
	header      map[string]string // of the answer, beside its Content-Type
	answerType  string
	pieces      []string // the answer; of a stream, one per event
	final       int      // of a stream: how many events bring all that is used
	cut         bool     // the provider never sends more than the pieces
	stream      bool
}

// passage is one call: a serving, brought in one way.
type passage struct {
	hand    hand
	serving serving
	coding  string // "", gzip, br or zstd, asked for by the client
	single  bool   // every byte flushed by itself
	events  int    // how many pieces are sent before the connection breaks; all: none breaks
	all     bool
}

func (p *passage) name() string {
	s := p.hand.Name + "/" + p.serving.name
	switch {
	case p.single:
		return s + "/bytes"
	case p.coding != "":
		return s + "/" + p.coding
	case !p.all:
		return fmt.Sprint(s, "/cut-", p.events)
	}
	return s
}

// passages are all ways of all servings of a case.
func passages(h hand, flavour string) (list []passage) {
	for _, s := range servings(h, flavour) {
		add := func(p passage) {
			p.hand, p.serving, p.events = h, s, max(p.events, 0)
			if p.all {
				p.events = len(s.pieces)
			}
			list = append(list, p)
		}
		add(passage{all: !s.cut, events: len(s.pieces)})
		if s.cut {
			continue
		}
		add(passage{all: true, single: true})
		for _, coding := range []string{"gzip", "br", "zstd"} {
			add(passage{all: true, coding: coding})
		}
		if s.stream {
			for n := range len(s.pieces) + 1 {
				add(passage{events: n})
			}
		}
	}
	return list
}

// ServeHTTP answers as the provider would.
func (p *passage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil || string(b) != p.serving.request {
		http.Error(w, "not the request that was made", http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", p.serving.answerType)
	for k, v := range p.serving.header {
		w.Header().Set(k, v)
	}
	out := io.Writer(w)
	if p.coding != "" && r.Header.Get("Accept-Encoding") == p.coding {
		w.Header().Set("Content-Encoding", p.coding)
		z := encoder(p.coding, w)
		defer z.Close()
		out = z
	}
	flush := http.NewResponseController(w).Flush
	if !p.all {
		_ = flush() // at least the header arrives
	}
	for _, piece := range p.serving.pieces[:p.events] {
		if !p.single {
			_, _ = io.WriteString(out, piece)
			_ = flush()
			continue
		}
		for i := range len(piece) {
			_, _ = io.WriteString(out, piece[i:i+1])
			_ = flush()
		}
	}
	if !p.all {
		panic(http.ErrAbortHandler)
	}
}

func encoder(coding string, w io.Writer) io.WriteCloser {
	switch coding {
	case "gzip":
		return gzip.NewWriter(w)
	case "br":
		return brotli.NewWriter(w)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<16))
	if err != nil {
		panic(err) // its options are constant
	}
	return z
}

// send makes the call. A client names itself by the passage, so that the
// provider knows what to serve and the record whose it is.
func (p *passage) send(client *http.Client, address string) error {
	method := p.serving.method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, "http://"+address+p.serving.path, strings.NewReader(p.serving.request))
	if err != nil {
		return err
	}
	req.Header.Set("X-Agent-ID", p.name())
	if p.serving.request != "" {
		req.Header.Set("Content-Type", p.serving.requestType)
	}
	if p.coding != "" {
		req.Header.Set("Accept-Encoding", p.coding)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d: %s", res.StatusCode, body)
	case (err == nil) != p.all:
		return fmt.Errorf("the answer's end: %w", err)
	case res.Header.Get("Content-Encoding") != p.coding:
		return fmt.Errorf("coding %q", res.Header.Get("Content-Encoding"))
	case p.coding == "" && string(body) != strings.Join(p.serving.pieces[:p.events], ""):
		return fmt.Errorf("another answer: %q", body)
	}
	return nil
}

// pass sends all passages through one proxy and returns what it recorded, by
// the passages' names.
func pass(t *testing.T, list []passage) map[string][]usage.Record {
	t.Helper()
	byName := make(map[string]*passage, len(list))
	for i := range list {
		if byName[list[i].name()] != nil {
			t.Fatalf("two passages %s", list[i].name())
		}
		byName[list[i].name()] = &list[i]
	}
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := byName[r.Header.Get("X-Agent-ID")]
		if p == nil {
			http.Error(w, "nobody's call", http.StatusTeapot)
			return
		}
		p.ServeHTTP(w, r)
	}))
	defer fake.Close()
	dir := filepath.Join(t.TempDir(), "logs")
	address, stop := runProxy(t, dir, fake.URL)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	todo := make(chan *passage)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for p := range todo {
				if err := p.send(client, address); err != nil {
					t.Errorf("%s: %v", p.name(), err)
				}
			}
		})
	}
	for i := range list {
		todo <- &list[i]
	}
	close(todo)
	workers.Wait()
	stop()
	found := make(map[string][]usage.Record)
	for _, rec := range readLog(t, dir) {
		found[rec.Agent] = append(found[rec.Agent], rec)
	}
	return found
}

// providersHere are the upstreams that the cases need, all on loopback.
var providersHere = []string{
	"openai", "azure", "anthropic", "gemini", "vertex", "bedrock", "deepseek", "mistral", "cohere", "groq",
	"perplexity", "openrouter", "together", "ollama", "voyage",
}

// runProxy runs a proxy on a port of its own in this process.
func runProxy(t *testing.T, dir, upstream string) (address string, stop func()) {
	t.Helper()
	cfg := proxy.Config{Listen: "127.0.0.1:0", LogDir: dir, KeyFile: filepath.Join(filepath.Dir(dir), "key"), Grace: patience}
	for _, name := range providersHere {
		u, err := proxy.ParseUpstream(name + "=" + upstream)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Upstreams = append(cfg.Upstreams, u)
	}
	listening := make(chan net.Addr, 1)
	cfg.OnListen = func(a net.Addr) { listening <- a }
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx, cfg) }()
	select {
	case a := <-listening:
		address = a.String()
	case err := <-done:
		t.Fatal(err)
	}
	return address, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// readLog reads the calls' records of a directory.
func readLog(t *testing.T, dir string) (list []usage.Record) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var d usage.Decoder
			var rec usage.Record
			if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &rec); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if rec.Kind == usage.KindCall {
				list = append(list, rec)
			}
		}
	}
	return list
}

// flavoursByName says in which shape each case's usage comes.
func flavoursByName(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("proxy/provider/testdata/usage.json")
	if err != nil {
		t.Fatal(err)
	}
	var readings []struct{ Name, Flavour string }
	if err := json.Unmarshal(b, &readings); err != nil {
		t.Fatal(err)
	}
	m := make(map[string]string)
	for _, r := range readings {
		m[r.Name] = r.Flavour
	}
	return m
}

// TestThroughTheProxy sends every case through a proxy in every way, and prices
// the records on the cases' own days. The uncut ones then go through analyze.
func TestThroughTheProxy(t *testing.T) {
	flavours := flavoursByName(t)
	var list []passage
	for _, h := range hands(t) {
		ways := passages(h, flavours[h.Name])
		if len(ways) == 0 {
			t.Fatalf("%s: nothing serves %s of %s", h.Name, flavours[h.Name], h.Provider)
		}
		list = append(list, ways...)
	}
	found := pass(t, list)
	var whole []usage.Record
	var sum big.Rat
	for i := range list {
		p := &list[i]
		rec, ok := p.billed(t, found[p.name()])
		if !ok {
			continue
		}
		t.Run(p.name(), func(t *testing.T) { p.check(t, &rec) })
		if rec.UsageSource != usage.SourcePartial && p.all {
			rec.Boot, rec.Seq = 1, uint64(len(whole)+1)
			whole = append(whole, rec)
			if p.hand.CostUSD != nil && !again(&rec, whole) {
				cost, _ := new(big.Rat).SetString(*p.hand.CostUSD)
				sum.Add(&sum, cost)
			}
		}
	}
	t.Run("analyze", func(t *testing.T) { analyzeDoors(t, whole, &sum) })
}

// again reports whether the last record repeats a line of a file of results,
// which is billed once however often it is downloaded.
func again(rec *usage.Record, whole []usage.Record) bool {
	return rec.Part > 0 && slices.ContainsFunc(whole[:len(whole)-1], func(r usage.Record) bool { return r.ResponseID == rec.ResponseID })
}

// billed returns the record of a passage that carries its usage, dated to the
// case's day. A file of results is a record of its own beside its parts'.
func (p *passage) billed(t *testing.T, records []usage.Record) (rec usage.Record, ok bool) {
	t.Helper()
	if len(records) == 2 && records[0].Operation == "batch_result" {
		records = slices.DeleteFunc(records, func(r usage.Record) bool { return r.Part == 0 })
	}
	if len(records) != 1 {
		t.Errorf("%s: %d records", p.name(), len(records))
		return rec, false
	}
	rec = records[0]
	day, err := time.Parse(time.DateOnly, p.hand.At)
	if err != nil {
		t.Fatal(err)
	}
	rec.TS = day.Add(12 * time.Hour).UnixMilli()
	return rec, true
}

// check compares a record with its case. One that was cut before all of its
// usage had come must say so; what it counts depends on where it was cut.
func (p *passage) check(t *testing.T, rec *usage.Record) {
	t.Helper()
	if rec.Provider != price.OTelName(p.hand.Provider) || rec.Stream != p.serving.stream && p.events > 0 {
		t.Errorf("provider %s, stream %v", rec.Provider, rec.Stream)
	}
	if p.serving.stream && p.events < p.serving.final {
		if rec.UsageSource != usage.SourcePartial || rec.End != usage.EndUpstreamAbort {
			t.Errorf("cut after %d of %d events: usage %s, end %s", p.events, p.serving.final, rec.UsageSource, rec.End)
		}
		return
	}
	want := map[string]any{}
	for k, v := range p.hand.tokens {
		want[k] = v
	}
	if p.hand.Tier != "" {
		want["service_tier"] = p.hand.Tier
	}
	got, _ := json.Marshal(shownCounts(rec))
	expect, _ := json.Marshal(want)
	if string(got) != string(expect) || len(rec.Flags) > 0 {
		t.Errorf("got  %s %v\nwant %s", got, rec.Flags, expect)
	}
	cost := price.Builtin().Cost(rec)
	usd := "null"
	if cost.Known() {
		usd = price.FormatPico(cost.Pico)
	}
	row := "null"
	if cost.Row != nil {
		row = cost.Row.Model
	}
	if usd != spell(p.hand.CostUSD) || row != spell(p.hand.Row) || cost.Basis != p.hand.Basis || !slices.Equal(cost.Flags.Strings(), p.hand.Flags) {
		t.Errorf("cost %s by %s, %s, flags %q; want %s by %s, %s, %q",
			usd, row, cost.Basis, cost.Flags.Strings(), spell(p.hand.CostUSD), spell(p.hand.Row), p.hand.Basis, p.hand.Flags)
	}
}

// shownCounts shows what a record says was used, what is usual left out.
func shownCounts(rec *usage.Record) map[string]any {
	m := map[string]any{}
	for k, n := range map[string]int64{
		"input_tokens": rec.Input, "cache_read_tokens": rec.CacheRead, "cache_write_tokens": rec.CacheWrite,
		"cache_write_1h_tokens": rec.CacheWrite1h, "output_tokens": rec.Output, "reasoning_tokens": rec.Reasoning,
		"citation_tokens": rec.Citation, "audio_input_tokens": rec.AudioInput, "audio_cache_read_tokens": rec.AudioCacheRead,
		"audio_output_tokens": rec.AudioOutput, "image_input_tokens": rec.ImageInput, "image_output_tokens": rec.ImageOutput,
		"web_searches": rec.WebSearches, "requests": rec.Requests,
	} {
		if n != 0 {
			m[k] = float64(n)
		}
	}
	for k, s := range map[string]string{
		"seconds": rec.Seconds, "usage_source": rec.UsageSource, "service_tier": rec.ServiceTier,
		"speed": rec.Speed, "geo": rec.Geo, "cost_usd": rec.CostUSD,
	} {
		if s != "" && s != "standard" && s != "default" && s != "on_demand" {
			m[k] = s
		}
	}
	return m
}

// analyzeDoors writes the records as a log, ingests and sums them.
func analyzeDoors(t *testing.T, records []usage.Record, sum *big.Rat) {
	s := newSandbox(t)
	if err := os.MkdirAll(s.logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	unpriced := map[string]int{}
	var lines []byte
	for i := range records {
		lines = records[i].AppendJSON(lines)
		if c := price.Builtin().Cost(&records[i]); c.Basis == price.BasisUnknownModel {
			unpriced[records[i].Provider+" "+modelOf(&records[i])]++
		}
	}
	if err := os.WriteFile(filepath.Join(s.logs(), "doors.jsonl"), lines, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := s.run("analyze", "--since", "2025-01-01", "--until", "2026-11-01", "--strict", "--format", "json")
	if code != 6 || !strings.Contains(stderr, "not priced: ") {
		t.Errorf("exit %d, want 6 for what has no price: %s", code, stderr)
	}
	var out struct {
		Totals struct {
			Requests  int
			Cost      string `json:"cost_usd"`
			Estimated string `json:"estimated_usd"`
		}
		Unpriced []struct {
			Provider, Model string
			Requests        int
		}
	}
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		t.Fatal(err)
	}
	total, ok := new(big.Rat).SetString(out.Totals.Cost)
	if !ok || total.Cmp(sum) != 0 || out.Totals.Requests != len(records) || out.Totals.Estimated != "0" {
		t.Errorf("%d calls for %s (%s estimated), want %d for %s", out.Totals.Requests, out.Totals.Cost, out.Totals.Estimated, len(records), sum.FloatString(12))
	}
	got := map[string]int{}
	for _, u := range out.Unpriced {
		got[u.Provider+" "+u.Model] += u.Requests
	}
	if fmt.Sprint(got) != fmt.Sprint(unpriced) || len(unpriced) != 2 {
		t.Errorf("unpriced %v, want %v", got, unpriced)
	}
}

func modelOf(rec *usage.Record) string {
	if rec.ResponseModel != "" {
		return rec.ResponseModel
	}
	return rec.RequestModel
}
