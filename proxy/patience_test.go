package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"burn/proxy/usage"
)

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// chunk frames s.
func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// A client that leaves after the k-th event cancels the upstream at once and
// leaves one record.
func TestClientLeavesAfterEachEvent(t *testing.T) {
	const events = 5
	for k := range events + 1 {
		next, left := make(chan struct{}), make(chan struct{})
		url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
			defer close(left)
			if _, err := readRequest(in); err != nil {
				return
			}
			io.WriteString(c, streamHead)
			for range k {
				io.WriteString(c, chunk("data: {}\n\n"))
				select {
				case <-next:
				case <-t.Context().Done():
					return
				}
			}
			in.ReadByte() // until the proxy closes
		})
		p := startProxy(t, nil, "openai="+url)
		c := dial(t, p.addr)
		io.WriteString(c, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range k {
			if _, err := io.ReadFull(res.Body, make([]byte, len("data: {}\n\n"))); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
		}
		gone := time.Now()
		c.Close()
		select {
		case <-left:
			t.Logf("after %d events: upstream cancelled within %v", k, time.Since(gone).Round(10*time.Microsecond))
		case <-time.After(patience):
			t.Fatalf("after %d events: upstream was not cancelled", k)
		}
		if r := only(t, p.finish()); r.End != usage.EndClientAbort || r.UsageSource != usage.SourcePartial || r.Events != int64(k) {
			t.Errorf("after %d events: end %s, usage_source %s, events %d", k, r.End, r.UsageSource, r.Events)
		}
	}
}

// An upstream that breaks off after any byte of its body: the client has had
// the same bytes, and sees them end in an error.
func TestResetAfterEachByte(t *testing.T) {
	body := chunk("data: {\"a\":1}\n\n") + chunk("x") + "0\r\n\r\n"
	for _, framed := range []string{body, "CL"} {
		answer, head := streamHead+framed, len(streamHead)
		if framed == "CL" {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789"
			head = len(answer) - 20
		}
		for n := head; n < len(answer); n++ {
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readRequest(in); err == nil {
					io.WriteString(c, answer[:n])
					c.(*net.TCPConn).SetLinger(0) // the end is a reset
				}
			})
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			direct, _ := http.ReadResponse(bufio.NewReader(strings.NewReader(answer[:n])), nil)
			want, _ := io.ReadAll(direct.Body)
			if got, err := io.ReadAll(res.Body); err == nil || string(got) != string(want) {
				t.Errorf("after %d bytes: body %q, %v, want %q", n, got, err, want)
			}
			if r := only(t, p.finish()); r.End != usage.EndUpstreamAbort || r.Status != 200 {
				t.Errorf("after %d bytes: end %s, status %d", n, r.End, r.Status)
			}
		}
	}
}

// Each byte of a slow answer is with the client before the next is sent.
func TestBytesArriveOneByOne(t *testing.T) {
	next := make(chan struct{})
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err != nil {
			return
		}
		io.WriteString(c, streamHead)
		for range 50 {
			select {
			case <-next:
			case <-t.Context().Done():
				return
			}
			io.WriteString(c, chunk("x"))
		}
		io.WriteString(c, "0\r\n\r\n")
	})
	p := startProxy(t, nil, "openai="+url)
	c := dial(t, p.addr)
	io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		next <- struct{}{}
		if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
}

// A client that takes nothing for too long is cut, and its upstream with it.
func TestClientThatTakesNothingIsCut(t *testing.T) {
	cut := make(chan struct{})
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err != nil {
			return
		}
		defer close(cut)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
		piece := make([]byte, 64<<10)
		for {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	})
	p := startProxy(t, func(c *Config) { c.slowClient = 100 * time.Millisecond }, "openai="+url)
	c := dial(t, p.addr)
	io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
	select {
	case <-cut:
	case <-time.After(2 * patience):
		t.Fatal("the upstream still sends")
	}
	if r := only(t, p.finish()); r.End != usage.EndClientAbort || r.Status != 200 {
		t.Errorf("end %s, status %d", r.End, r.Status)
	}
}

// Ten thousand clients that leave, at three points of their calls, leave
// nothing behind but their records.
func TestAbortsLeaveNothingBehind(t *testing.T) {
	aborts := 10_000
	if testing.Short() {
		aborts = 1_000
	}
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		head, err := readRequest(in)
		if err != nil {
			return
		}
		if !strings.Contains(head, "/v1/silent") {
			io.WriteString(c, streamHead+chunk("data: {}\n\n"))
		}
		in.ReadByte()
	})
	p := startProxy(t, nil, "openai="+url)
	before := runtime.NumGoroutine()
	var failed atomic.Int32
	var workers sync.WaitGroup
	const each = 16
	for w := range each {
		workers.Go(func() {
			for i := w; i < aborts; i += each {
				if err := leave(p.addr, i%3); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d calls could not be made", failed.Load())
	}
	deadline := time.Now().Add(2 * patience)
	after := runtime.NumGoroutine()
	for ; after > before+3 && time.Now().Before(deadline); after = runtime.NumGoroutine() {
		time.Sleep(5 * time.Millisecond) // they end by themselves; there is no event
	}
	t.Logf("%d goroutines before %d aborts, %d after", before, aborts, after)
	if after > before+3 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	calls := map[uint64]bool{}
	for _, r := range p.finish() {
		calls[r.Seq] = true
		if r.End != usage.EndClientAbort {
			t.Errorf("seq %d ended with %s", r.Seq, r.End)
		}
	}
	// Of those that left before anything was answered, some left before a
	// handler saw their request.
	if len(calls) < aborts*2/3 || len(calls) > aborts {
		t.Errorf("%d records for %d aborts", len(calls), aborts)
	}
}

// leave begins a call and goes away: at once, after the header, in the body.
func leave(addr string, when int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.(*net.TCPConn).SetLinger(0) // no TIME_WAIT: there would be too many
	path := "/openai/v1/chat/completions"
	if when == 0 {
		path = "/openai/v1/silent"
	}
	if _, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"); err != nil || when == 0 {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || when == 1 {
		return err
	}
	_, err = res.Body.Read(make([]byte, 1))
	return err
}

// What net/http is told: slow headers and idle connections end, streams do not.
func TestLimitsOfTheListeners(t *testing.T) {
	s := (&servers{p: &Proxy{logger: slog.New(slog.DiscardHandler)}}).server(http.NotFoundHandler())
	if s.ReadHeaderTimeout != 10*time.Second || s.IdleTimeout != 120*time.Second || s.WriteTimeout != 0 || s.ReadTimeout != 0 ||
		s.MaxHeaderBytes+4<<10 != 64<<10 || s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() {
		t.Errorf("read header %v, read %v, write %v, idle %v, header bytes %d, protocols %v",
			s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout, s.MaxHeaderBytes, s.Protocols)
	}
}

// TLS on the plaintext port, and other bytes that are no HTTP, are counted and
// fill no log.
func TestForeignProtocolsAreCounted(t *testing.T) {
	p := startProxy(t, func(c *Config) { c.Admin = "127.0.0.1:0" })
	const clients = 50
	for range clients {
		c := dial(t, p.addr)
		if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
			t.Fatal("a TLS handshake succeeded")
		}
		rawExchange(t, p.addr, "SSH-2.0-CANARY\r\n\r\n")
	}
	p.stop()
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	lines := p.lines()
	if stop := lines[len(lines)-1]; stop.Refused != 2*clients {
		t.Errorf("%d refused, want %d", stop.Refused, 2*clients)
	}
	if n := strings.Count(p.stderr.String(), "\n"); n > 5 || strings.Contains(p.stderr.String(), "CANARY") {
		t.Errorf("%d lines of standard error: %s", n, p.stderr)
	}
}

// net/http's own messages are told at most once a second, and never whole.
func TestServerMessagesAreBrief(t *testing.T) {
	var told syncBuffer
	l := &serverLog{logger: slog.New(slog.NewTextHandler(&told, nil))}
	const messages = 10_000
	for range messages {
		fmt.Fprintf(l, "http: TLS handshake error from CANARY: CANARY")
	}
	if n := strings.Count(told.String(), "\n"); n == 0 || n > messages/100 || strings.Contains(told.String(), "CANARY") {
		t.Errorf("%d lines: %.500s", n, told.String())
	}
}
