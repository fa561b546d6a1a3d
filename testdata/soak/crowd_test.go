//go:build soak

package soak

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Row 2: 5,000 connections that all call at once, each three times, against a
// provider that takes half a second: far more than the machine can do.
func TestOverload(t *testing.T) {
	const conns, each = 5000, 3
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(500 * time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"x","model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`)
	}))
	t.Cleanup(s.Close)
	b := start(t, t.TempDir(), s.URL)
	crowd := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns, DisableCompression: true}, Timeout: 5 * time.Minute}
	old := client
	client = crowd
	t.Cleanup(func() { client = old })
	l := newLedger()
	var clients sync.WaitGroup
	began := time.Now()
	for c := range conns {
		clients.Go(func() {
			for i := range each {
				if l.call(b.addr, fmt.Sprintf("o-%d-%d", c, i), false) != nil {
					return
				}
			}
		})
	}
	clients.Wait()
	took := time.Since(began)
	peak := b.rss("VmHWM")
	crowd.CloseIdleConnections()
	b.stop()
	got := read(t, b.dir)
	fmt.Printf("row 2: %d connections at once, %d calls answered and %d failed in %v, %d records and %d in gap lines, tokens unaccounted %d, most memory %d KiB\n",
		conns, len(l.done), l.failed.Load(), took.Round(time.Millisecond), got.calls, got.gaps, int64(3*len(l.done))-got.input, peak)
	if l.failed.Load() != 0 || got.calls+got.gaps != conns*each || got.input != int64(3*conns*each) {
		t.Error("not what it should be")
	}
}

// Row 49: 2,000 connections that send a header byte by byte, for ever; others
// are served meanwhile.
func TestSlowHeaders(t *testing.T) {
	const slow = 2000
	b := start(t, t.TempDir(), provider(t))
	quick := func() (times []time.Duration) {
		l := newLedger()
		for i := range 200 {
			began := time.Now()
			must(t, l.call(b.addr, fmt.Sprintf("s-%d", i), false))
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		return times
	}
	alone := quick()
	var open atomic.Int64
	var longest atomic.Int64
	var all sync.WaitGroup
	opened := make(chan struct{}, slow)
	for range slow {
		all.Go(func() {
			conn, err := net.Dial("tcp", b.addr)
			opened <- struct{}{}
			if err != nil {
				return
			}
			defer conn.Close()
			began := time.Now()
			open.Add(1)
			defer open.Add(-1)
			gone := make(chan struct{})
			go func() { // the proxy's answer, or its hanging up
				_, _ = io.Copy(io.Discard, conn)
				close(gone)
			}()
			for _, c := range []byte("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + string(make([]byte, 64))) {
				if _, err := conn.Write([]byte{max(c, ' ')}); err != nil {
					break
				}
				select {
				case <-gone:
				case <-time.After(5 * time.Second):
					continue
				}
				break
			}
			for {
				age := time.Since(began).Milliseconds()
				if was := longest.Load(); age <= was || longest.CompareAndSwap(was, age) {
					return
				}
			}
		})
	}
	for range slow {
		<-opened
	}
	held := open.Load()
	beside := quick()
	all.Wait()
	b.stop()
	fmt.Printf("row 49: %d slow connections open, all closed after at most %.1f s; others: median %v and p99 %v, alone %v and %v\n",
		held, float64(longest.Load())/1000, beside[100].Round(time.Microsecond), beside[198].Round(time.Microsecond), alone[100].Round(time.Microsecond), alone[198].Round(time.Microsecond))
	if held < slow*9/10 {
		t.Error("too few connections were open to show anything")
	}
	if longest.Load() > 15_000 { // they are given ten seconds
		t.Error("not what it should be")
	}
}
