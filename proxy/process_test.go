//go:build linux

package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
)

// TestMain lets the test binary be a proxy that is short of something:
// BURN_TEST_PROXY is descriptors (0: as many as there are), log directory and
// upstream.
func TestMain(m *testing.M) {
	if role := os.Getenv("BURN_TEST_PROXY"); role != "" {
		if err := proxyRole(strings.Split(role, " ")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func proxyRole(args []string) error {
	files, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return err
	}
	if files > 0 {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}); err != nil {
			return err
		}
	}
	up, err := ParseUpstream("openai=" + args[2])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Run(ctx, Config{
		Listen: "127.0.0.1:0", LogDir: args[1], Upstreams: []Upstream{up}, Grace: time.Minute, HeaderTimeout: time.Minute, RotateSize: 2048,
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
		OnListen: func(a net.Addr) { fmt.Println(a) },
	})
}

// startProcess runs a proxy as a process of its own.
func startProcess(t *testing.T, files int, url string, env ...string) (r *running, cmd *exec.Cmd) {
	t.Helper()
	r = &running{t: t, dir: filepath.Join(t.TempDir(), "logs"), stderr: new(syncBuffer)}
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), env...), fmt.Sprintf("BURN_TEST_PROXY=%d %s %s", files, r.dir, url))
	cmd.Stderr = r.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if r.addr, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("proxy did not start: %v %s", err, r.stderr)
	}
	r.addr = strings.TrimSpace(r.addr)
	return r, cmd
}

// stopProcess drains it and returns its calls' records.
func stopProcess(t *testing.T, r *running, cmd *exec.Cmd) (calls []usage.Record) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("proxy ended with %v: %s", err, r.stderr)
	}
	stops := 0
	for _, line := range r.lines() {
		switch line.Kind {
		case usage.KindCall:
			calls = append(calls, line)
		case usage.KindStop:
			stops++
		}
	}
	if stops != 1 {
		t.Errorf("%d stop lines", stops)
	}
	return calls
}

// With 64 descriptors and 200 clients, what finds none is answered 502 or
// waits; when the clients are gone everything works again, the log's next file
// included.
func TestFewDescriptors(t *testing.T) {
	s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hold") {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	p, cmd := startProcess(t, 64, s.URL)
	var held []net.Conn
	answered := make(chan bool, 200)
	for range cap(answered) {
		c := dial(t, p.addr)
		held = append(held, c)
		io.WriteString(c, "GET /openai/v1/hold HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() {
			_, err := http.ReadResponse(bufio.NewReader(c), nil)
			answered <- err == nil
		}()
	}
	for range 20 { // as many as find both their descriptors, or a 502
		<-answered
	}
	for _, c := range held {
		c.Close()
	}
	deadline := time.Now().Add(4 * patience)
	for {
		res, err := http.Get(p.url("/openai/v1/after"))
		if err == nil {
			res.Body.Close()
		}
		// A connection may have taken the descriptor that the log set free for its
		// next file. Then that is tried again a second later, with the next line.
		files, _ := filepath.Glob(filepath.Join(p.dir, "*.jsonl"))
		if err == nil && res.StatusCode == 200 && len(files) > 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no recovery: %v, %d files", err, len(files))
		}
		time.Sleep(20 * time.Millisecond) // sockets close by and by
	}
	records := stopProcess(t, p, cmd)
	// The records of those that were held may come behind it.
	served := func(r usage.Record) bool { return r.Status == 200 && r.End == usage.EndComplete }
	if !slices.ContainsFunc(records, served) || len(records) < 20 {
		t.Errorf("%d records, none of a call that was served to its end", len(records))
	}
}

// 500 streams at once in 64 MiB of heap: all of them whole.
func TestManyStreamsInLittleMemory(t *testing.T) {
	const streams = 500
	var open sync.WaitGroup
	open.Add(streams)
	end := make(chan struct{})
	s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {}\n\n")
		w.(http.Flusher).Flush()
		open.Done()
		select {
		case <-end:
		case <-r.Context().Done():
			return
		}
		io.WriteString(w, "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n")
	})
	p, cmd := startProcess(t, 0, s.URL, "GOMEMLIMIT=64MiB")
	var clients sync.WaitGroup
	for range streams {
		clients.Go(func() {
			res, err := http.Post(p.url("/openai/v1/chat/completions"), "application/json", strings.NewReader(`{"stream":true,"messages":[]}`))
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if b, err := io.ReadAll(res.Body); err != nil || !strings.HasSuffix(string(b), "[DONE]\n\n") {
				t.Errorf("stream %q, %v", b, err)
			}
		})
	}
	open.Wait()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	close(end)
	clients.Wait()
	peak, _ := strconv.Atoi(string(m[1]))
	t.Logf("%d streams: %d MiB at most", streams, peak>>10)
	if peak > 128<<10 {
		t.Errorf("%d MiB for %d streams", peak>>10, streams)
	}
	if n := len(stopProcess(t, p, cmd)); n != streams {
		t.Errorf("%d records", n)
	}
}
