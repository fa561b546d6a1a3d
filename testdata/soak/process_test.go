//go:build soak

package soak

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Row 3: kill -9 at random, the clients keep their own book.
func TestKill(t *testing.T) {
	up := provider(t)
	acknowledged, lost, most, late := 0, 0, 0, 0
	var oldest time.Duration
	for range *rounds {
		b := start(t, t.TempDir(), up, "--rotate-size", "1MB")
		l, stop := newLedger(), make(chan struct{})
		clients := l.work(b.addr, "k", 4, stop)
		time.Sleep(time.Duration(100+rand.IntN(1400)) * time.Millisecond)
		end := time.Now()
		must(t, b.cmd.Process.Signal(syscall.SIGKILL))
		close(stop)
		clients.Wait()
		_ = b.cmd.Wait()
		n, age := l.missing(read(t, b.dir), end)
		acknowledged, lost, most, oldest = acknowledged+len(l.done), lost+n, max(most, n), max(oldest, age)
		if age > 10*time.Millisecond {
			late++
		}
	}
	fmt.Printf("row 3: %d rounds of kill -9, %d calls acknowledged, %d lost (at most %d in a round), oldest %v before the kill, rounds beyond 10 ms: %d\n",
		*rounds, acknowledged, lost, most, oldest.Round(10*time.Microsecond), late)
	if late > 0 || acknowledged == 0 {
		t.Error("not what it should be")
	}
}

// Row 5: SIGTERM with 50 open streams of 5 s.
func TestDrain(t *testing.T) {
	const streams = 50
	var open sync.WaitGroup
	open.Add(streams)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 50 {
			io.WriteString(w, "data: {}\n\n")
			w.(http.Flusher).Flush()
			if i == 0 {
				open.Done()
			}
			time.Sleep(100 * time.Millisecond)
		}
		io.WriteString(w, "data: [DONE]\n\n")
	}))
	defer s.Close()
	b := start(t, t.TempDir(), s.URL, "--grace", "20s")
	var clients sync.WaitGroup
	var cut atomic.Int64
	for range streams {
		clients.Go(func() {
			res, err := client.Post("http://"+b.addr+"/openai/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true}`))
			if err != nil {
				cut.Add(1)
				return
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err != nil || !strings.HasSuffix(string(body), "[DONE]\n\n") {
				cut.Add(1)
			}
		})
	}
	open.Wait()
	began := time.Now()
	b.stop()
	took := time.Since(began)
	clients.Wait()
	got := read(t, b.dir)
	fmt.Printf("row 5: %d streams of 5 s, drained in %v, cut %d, records %d, stop lines %d\n", streams, took.Round(time.Millisecond), cut.Load(), got.calls, got.stops)
	if cut.Load() != 0 || got.calls != streams || got.stops != 1 {
		t.Error("not what it should be")
	}
}

// Row 11: two proxies, one directory.
func TestTwoProxies(t *testing.T) {
	up, dir := provider(t), t.TempDir()
	l := newLedger()
	var running sync.WaitGroup
	both := []*burn{start(t, dir, up, "--rotate-size", "256KB"), start(t, dir, up, "--rotate-size", "256KB")}
	for p, b := range both {
		for c := range 4 {
			running.Go(func() {
				for i := range *calls / 4 {
					_ = l.call(b.addr, fmt.Sprintf("%d-%d-%d", p, c, i), false)
				}
			})
		}
	}
	running.Wait()
	for _, b := range both {
		b.stop()
	}
	got := read(t, dir)
	lost, _ := l.missing(got, time.Now())
	fmt.Printf("row 11: two proxies, %d calls done, %d failed, %d records, lost %d, bad lines %d\n", len(l.done), l.failed.Load(), got.calls, lost, got.bad+got.torn)
	if lost != 0 || got.bad+got.torn != 0 || got.calls != len(l.done) {
		t.Error("not what it should be")
	}
}

// Rows 1 and the hour: so many calls a second for so long, half of them streams.
func TestLoad(t *testing.T) {
	b := start(t, t.TempDir(), provider(t))
	l := newLedger()
	var running sync.WaitGroup
	ends := time.Now().Add(*length)
	var early, late []int // KiB, in the first and in the last sixth
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	places := make(chan struct{}, 512)
	began, n := time.Now(), 0
	for now := range tick.C {
		if now.After(ends) {
			break
		}
		for due := int(now.Sub(began).Seconds() * float64(*rate)); n < due; n++ {
			places <- struct{}{}
			name, stream := fmt.Sprint(n), n%2 == 0
			running.Go(func() { _ = l.call(b.addr, name, stream); <-places })
		}
		switch left := ends.Sub(now); {
		case left > *length*5/6:
			early = append(early, b.rss("VmRSS"))
		case left < *length/6:
			late = append(late, b.rss("VmRSS"))
		}
	}
	running.Wait()
	took := time.Since(began)
	b.stop()
	got := read(t, b.dir)
	lost, _ := l.missing(got, time.Now())
	slices.Sort(early)
	slices.Sort(late)
	fmt.Printf("row 1: %d calls in %v (%.0f a second), %d failed, %d records, %d folded, lost %d, RSS in the first sixth %d KiB (median), %d (most), in the last %d, %d\n",
		n, took.Round(time.Second), float64(n)/took.Seconds(), l.failed.Load(), got.calls, got.gaps, lost-got.gaps,
		early[len(early)/2], early[len(early)-1], late[len(late)/2], late[len(late)-1])
	if got.calls+got.gaps != len(l.done) {
		t.Error("not what it should be")
	}
}

// Row 35: an answer of 2 GiB takes no memory.
func TestHugeAnswer(t *testing.T) {
	const size = 2 << 30
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		piece := make([]byte, 1<<20)
		for range size >> 20 {
			w.Write(piece)
		}
	}))
	defer s.Close()
	b := start(t, t.TempDir(), s.URL)
	before := b.rss("VmHWM")
	res, err := client.Get("http://" + b.addr + "/openai/v1/files/x/content")
	must(t, err)
	n, err := io.Copy(io.Discard, res.Body)
	must(t, err)
	res.Body.Close()
	most := b.rss("VmHWM")
	fmt.Printf("row 35: %d bytes passed, RSS %d KiB before, %d at most\n", n, before, most)
	b.stop()
	if n != size || most > 100<<10 {
		t.Error("not what it should be")
	}
}
