package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"burn/proxy/usage"
)

// patience bounds every wait for an event; it is never slept through.
const patience = 30 * time.Second

// running is a proxy in this process on a port of its own.
type running struct {
	t      testing.TB
	addr   string
	admin  string
	dir    string
	stderr *syncBuffer
	stop   context.CancelFunc // begins the drain
	kill   context.CancelFunc // ends it
	done   chan error
}

// syncBuffer is a bytes.Buffer for many goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startProxy runs a proxy whose upstreams are name=URL pairs.
func startProxy(t testing.TB, change func(*Config), upstreams ...string) *running {
	t.Helper()
	dir := t.TempDir()
	p := &running{t: t, dir: filepath.Join(dir, "logs"), stderr: &syncBuffer{}, done: make(chan error, 1)}
	cfg := Config{
		Listen: "127.0.0.1:0", LogDir: p.dir, Grace: patience, Version: "test",
		HeaderTimeout: patience,
		Logger:        slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, s := range upstreams {
		u, err := ParseUpstream(s)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Upstreams = append(cfg.Upstreams, u)
	}
	listening, admin := make(chan net.Addr, 1), make(chan net.Addr, 1)
	cfg.OnListen = func(a net.Addr) { listening <- a }
	cfg.OnAdmin = func(a net.Addr) { admin <- a }
	if change != nil {
		change(&cfg)
	}
	var ctx, kill context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	kill, p.kill = context.WithCancel(context.Background())
	go func() { p.done <- RunUntil(ctx, kill, cfg) }()
	select {
	case a := <-listening:
		p.addr = a.String()
	case err := <-p.done:
		t.Fatalf("proxy did not start: %v", err)
	}
	if cfg.Admin != "" {
		p.admin = (<-admin).String()
	}
	t.Cleanup(func() { p.kill(); p.stop(); p.wait() })
	return p
}

// wait waits for the proxy's end.
func (p *running) wait() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-time.After(patience):
		p.t.Fatal("proxy did not end")
		return nil
	}
}

// finish drains the proxy and returns its calls' records in order of seq.
func (p *running) finish() []usage.Record {
	p.t.Helper()
	p.stop()
	if err := p.wait(); err != nil {
		p.t.Errorf("proxy ended with %v", err)
	}
	var calls []usage.Record
	for _, r := range p.lines() {
		if r.Kind == usage.KindCall {
			calls = append(calls, r)
		}
	}
	return calls
}

// lines reads all whole lines written so far.
func (p *running) lines() []usage.Record {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "*.jsonl"))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []usage.Record
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			p.t.Fatal(err)
		}
		var d usage.Decoder
		for line := range bytes.Lines(b) {
			if !bytes.HasSuffix(line, []byte("\n")) {
				break
			}
			var r usage.Record
			if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &r); err != nil {
				p.t.Fatalf("%s: %v in %s", name, err, line)
			}
			out = append(out, r)
		}
	}
	return out
}

// waitRecords waits until n call records are in the log.
func (p *running) waitRecords(n int) []usage.Record {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var calls []usage.Record
		for _, r := range p.lines() {
			if r.Kind == usage.KindCall {
				calls = append(calls, r)
			}
		}
		if len(calls) >= n {
			return calls
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%d records in the log, want %d", len(calls), n)
		}
		time.Sleep(2 * time.Millisecond) // polling a file: there is no event
	}
}

func (p *running) url(path string) string { return "http://" + p.addr + path }

// upstream starts a plain HTTP server.
func upstream(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// rawUpstream accepts connections and gives each to serve.
func rawUpstream(t testing.TB, serve func(c net.Conn, in *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// readRequest reads one request as bytes: head and framed body.
func readRequest(in *bufio.Reader) (string, error) {
	var b strings.Builder
	head, err := readHead(in)
	b.WriteString(head)
	if err != nil {
		return b.String(), err
	}
	lower := strings.ToLower(head)
	switch {
	case strings.Contains(lower, "transfer-encoding: chunked"):
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return b.String(), err
			}
			b.WriteString(line)
			var n int
			if _, err := fmt.Sscanf(line, "%x", &n); err != nil {
				return b.String(), err
			}
			if n == 0 {
				rest, err := readHead(in)
				b.WriteString(rest)
				return b.String(), err
			}
			if _, err := io.CopyN(&b, in, int64(n)+2); err != nil {
				return b.String(), err
			}
		}
	case strings.Contains(lower, "\ncontent-length: "):
		_, rest, _ := strings.Cut(lower, "\ncontent-length: ")
		var n int64
		if _, err := fmt.Sscanf(rest, "%d", &n); err != nil {
			return b.String(), err
		}
		_, err := io.CopyN(&b, in, n)
		return b.String(), err
	}
	return b.String(), nil
}

// readHead reads to the blank line, which it includes.
func readHead(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" || line == "\n" {
			return b.String(), err
		}
	}
}

// dial opens a connection that is closed with the test.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(addr, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// rawExchange sends raw bytes and reads everything until the server closes.
func rawExchange(t testing.TB, addr, request string) string {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // a reset after the answer is as good as an end
	return string(b)
}

// post sends a JSON body through the default client and returns the answer.
func post(t testing.TB, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return do(t, req)
}

func do(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// errorType reads burn's own error answer.
func errorType(t testing.TB, body string) string {
	t.Helper()
	var e struct {
		Error struct{ Type, Message string }
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("error answer is not JSON: %v in %q", err, body)
	}
	if e.Error.Message == "" {
		t.Errorf("error answer has no message: %s", body)
	}
	return e.Error.Type
}

// only returns the single record there must be.
func only(t testing.TB, records []usage.Record) usage.Record {
	t.Helper()
	if len(records) != 1 {
		t.Fatalf("%d records, want 1: %+v", len(records), records)
	}
	return records[0]
}

// newProxy is a proxy without listeners.
func newProxy(kill context.Context, cfg *Config) (*Proxy, error) {
	p, err := prepare(kill, cfg)
	if err == nil {
		err = p.open(cfg)
	}
	return p, err
}
