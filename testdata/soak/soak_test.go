//go:build soak

// Package soak runs burn proxy, the real binary, through what takes long or
// needs root, and prints one line of figures per row of README.md's table.
package soak

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
)

var (
	rounds = flag.Int("rounds", 20, "rounds of kill -9 and of power cuts")
	calls  = flag.Int("calls", 20_000, "calls through each of two proxies")
	rate   = flag.Int("rate", 1000, "calls per second under load")
	length = flag.Duration("length", time.Minute, "how long the load lasts")
)

// binary is burn, from BURN_SOAK_BURN or built here.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("BURN_SOAK_BURN"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "burn-soak")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "burn"), "burn")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build burn: %w: %s", err, out)
	}
	return filepath.Join(dir, "burn"), nil
})

// burn is a running proxy.
type burn struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
}

func start(t *testing.T, dir, upstream string, flags ...string) *burn {
	t.Helper()
	path, err := binary()
	must(t, err)
	b := &burn{t: t, dir: dir}
	args := append([]string{"proxy", "--listen", "127.0.0.1:0", "--log-dir", dir, "--upstream", "openai=" + upstream, "--key-file", filepath.Join(t.TempDir(), "key")}, flags...)
	b.cmd = exec.Command(path, args...)
	stderr, err := b.cmd.StderrPipe()
	must(t, err)
	must(t, b.cmd.Start())
	t.Cleanup(func() { _ = b.cmd.Process.Kill(); _ = b.cmd.Wait() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := regexp.MustCompile(`msg=ready address=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			b.addr = m[1]
			break
		}
		t.Log(lines.Text())
	}
	go io.Copy(io.Discard, stderr)
	if b.addr == "" {
		t.Fatal("proxy did not start")
	}
	return b
}

// stop drains the proxy.
func (b *burn) stop() {
	b.t.Helper()
	must(b.t, b.cmd.Process.Signal(syscall.SIGTERM))
	if err := b.cmd.Wait(); err != nil {
		b.t.Errorf("proxy ended with %v", err)
	}
}

// rss is the proxy's memory in KiB, now (VmRSS) or at most (VmHWM).
func (b *burn) rss(field string) (kib int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(status), field+":")
	_, _ = fmt.Sscan(rest, &kib)
	return kib
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// provider answers each call with 3 input tokens and 1 output token.
func provider(t *testing.T) string {
	const answer = `{"id":"x","model":"gpt-4o-mini","choices":[{"message":{"content":"y"}}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`
	const stream = "data: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}\n\ndata: [DONE]\n\n"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if bytes.Contains(b, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, stream)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// ledger is the clients' own book: when each call's answer was there.
type ledger struct {
	mu     sync.Mutex
	done   map[string]time.Time
	failed atomic.Int64
	pause  time.Duration // of each client, between calls
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}, Timeout: time.Minute}

// call makes one call under a name of its own and books it.
func (l *ledger) call(addr, name string, stream bool) error {
	body := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}`
	if stream {
		body = `{"stream":true,` + body[1:]
	}
	req, err := http.NewRequest("POST", "http://"+addr+"/openai/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Agent-ID", "soak")
	req.Header.Set("X-Trace-ID", name)
	res, err := client.Do(req)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", res.StatusCode)
		}
	}
	if err != nil {
		l.failed.Add(1)
		return err
	}
	l.mu.Lock()
	l.done[name] = time.Now()
	l.mu.Unlock()
	return nil
}

func newLedger() *ledger { return &ledger{done: map[string]time.Time{}} }

// work makes calls by n clients until stop is closed or a call fails.
func (l *ledger) work(addr, prefix string, n int, stop <-chan struct{}) *sync.WaitGroup {
	var clients sync.WaitGroup
	for c := range n {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if l.call(addr, fmt.Sprintf("%s-%d-%d", prefix, c, i), i%2 == 0) != nil {
					return
				}
				time.Sleep(l.pause)
			}
		})
	}
	return &clients
}

// log is what the files of a directory hold.
type log struct {
	names                  map[string]int // calls by the clients' names
	calls, gaps, torn, bad int
	input, stops, lost     int64
}

func read(t *testing.T, dir string) *log {
	t.Helper()
	l := &log{names: map[string]int{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	must(t, err)
	var d usage.Decoder
	for _, path := range paths {
		b, err := os.ReadFile(path)
		must(t, err)
		for line := range bytes.Lines(b) {
			whole, ok := bytes.CutSuffix(line, []byte("\n"))
			if !ok {
				l.torn++
				continue
			}
			var r usage.Record
			if err := d.Decode(whole, &r); err != nil || !json.Valid(whole) {
				l.bad++
				continue
			}
			switch r.Kind {
			case usage.KindCall:
				l.calls++
				l.names[r.TraceID]++
				l.input += r.Input
			case usage.KindGap:
				l.gaps += int(r.Calls)
				l.input += r.Input
			case usage.KindStop:
				l.stops++
				l.lost += r.LostLines
			}
		}
	}
	return l
}

// missing is the number of booked calls without a record, and how long before
// end the oldest of them was done.
func (l *ledger) missing(got *log, end time.Time) (n int, oldest time.Duration) {
	for name, at := range l.done {
		if got.names[name] == 0 {
			n++
			oldest = max(oldest, end.Sub(at))
		}
	}
	return n, oldest
}
