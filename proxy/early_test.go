package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"burn/proxy/usage"
)

// An upstream that answers before it has read the request must not lose its
// answer (golang/go#40747).
func TestEarlyAnswersArriveWhole(t *testing.T) {
	answer := "HTTP/1.1 400 Bad Request\r\nContent-Length: 204800\r\n\r\n" + strings.Repeat("e", 200<<10)
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			if _, err := in.Peek(1); err != nil {
				return
			}
			io.WriteString(c, answer)
			if _, err := readRequest(in); err != nil {
				return
			}
		}
	})
	p := startProxy(t, nil, "openai="+url)
	request := fmt.Sprintf("POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", 320<<10, strings.Repeat("b", 320<<10))
	const workers, each = 8, 250
	var wg sync.WaitGroup
	var cut atomic.Int32
	for range workers {
		wg.Go(func() {
			for range each {
				c, err := net.Dial("tcp", p.addr)
				if err != nil {
					t.Error(err)
					return
				}
				go io.WriteString(c, request)
				if s, err := seenAnswer(bufio.NewReader(c), "POST"); err != nil || len(s.body) != 200<<10 {
					cut.Add(1)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if n := cut.Load(); n != 0 {
		t.Errorf("%d of %d answers were cut", n, workers*each)
	}
}

// An answer to a request whose body is still being held back arrives at once.
func TestAnswerDoesNotWaitForBody(t *testing.T) {
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readHead(in); err == nil {
			io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
			in.ReadByte()
		}
	})
	p := startProxy(t, nil, "openai="+url)
	c := dial(t, p.addr)
	io.WriteString(c, "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
	if s, err := seenAnswer(bufio.NewReader(c), "POST"); err != nil || s.start != "401" || s.body != "no" {
		t.Errorf("client got %+v, %v", s, err)
	}
}

// A client that sends all of its body before it reads gets an answer that came
// early, as it does from an upstream that goes on reading.
func TestEarlyAnswerReachesAClientThatSendsOn(t *testing.T) {
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readHead(in); err == nil {
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
			io.Copy(io.Discard, in)
		}
	})
	p := startProxy(t, nil, "openai="+url)
	const size = 16 << 20 // more than buffers between two sockets hold
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
	for _, x := range []struct{ name, path, framing, status string }{
		{"from the upstream", "/openai/v1/x", length, "413"},
		{"from the upstream, chunked", "/openai/v1/x", fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size), "413"},
		{"from burn", "/nowhere", length, "404"},
	} {
		c := dial(t, p.addr)
		io.WriteString(c, "POST "+x.path+" HTTP/1.1\r\nHost: localhost\r\n"+x.framing)
		piece := make([]byte, 1<<20)
		for range size / len(piece) {
			if _, err := c.Write(piece); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
		}
		if s, err := seenAnswer(bufio.NewReader(c), "POST"); err != nil || s.start != x.status {
			t.Errorf("%s: client got %+v, %v", x.name, s, err)
		}
		c.Close()
	}
	if r := only(t, p.finish()[:1]); r.Status != 413 || r.End != usage.EndComplete {
		t.Errorf("status %d, end %s", r.Status, r.End)
	}
}

// A connection on which the client neither sends on nor goes does not linger.
func TestLingeringEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, limits := range [][2]time.Duration{{time.Millisecond, time.Hour}, {time.Hour, time.Millisecond}} {
		client := dial(t, l.Addr().String())
		nc, err := listener{l.(*net.TCPListener), t.Context()}.Accept()
		if err != nil {
			t.Fatal(err)
		}
		nc.(*clientConn).linger(limits[0], limits[1])
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("client reads on: %v", err)
		}
		nc.Close()
	}
	kill, cut := context.WithCancel(t.Context())
	dial(t, l.Addr().String())
	nc, err := listener{l.(*net.TCPListener), kill}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	nc.(*clientConn).early.Store(true)
	time.AfterFunc(time.Millisecond, cut)
	nc.Close() // for two seconds, if the end of the process did not end it
	if kill.Err() == nil {
		t.Error("closed while the client may send on")
	}
}

// A connection whose call could not be made is closed or usable, never broken.
func TestConnectionAfterAFailure(t *testing.T) {
	p := startProxy(t, nil, "openai=http://"+closedPort(t))
	for _, x := range []struct{ name, framing, body string }{
		{"no body", "", ""},
		{"body of known length", "Content-Length: 5\r\n", "hello"},
		{"chunked body", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"},
	} {
		c := dial(t, p.addr)
		in := bufio.NewReader(c)
		for range 3 {
			io.WriteString(c, "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n"+x.framing+"\r\n"+x.body)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Errorf("%s: %v", x.name, err)
				break
			}
			if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 502 {
				t.Errorf("%s: status %d, %v", x.name, res.StatusCode, err)
			}
			if res.Close {
				break
			}
		}
	}
	if strings.Contains(p.stderr.String(), "panic") {
		t.Error(p.stderr)
	}
}

// A request of which the upstream never had the whole costs nothing, whoever
// ended it.
func TestHalfARequestIsNotBilled(t *testing.T) {
	for _, x := range []struct {
		name   string
		ending func(p *running, client, upstream net.Conn)
		end    string
	}{
		{"the client leaves", func(_ *running, client, _ net.Conn) { client.Close() }, usage.EndClientAbort},
		{"the upstream closes", func(_ *running, _, upstream net.Conn) { upstream.Close() }, usage.EndUpstreamAbort},
		{"burn ends", func(p *running, _, _ net.Conn) { p.kill() }, usage.EndShutdown},
	} {
		for _, framing := range []string{"Content-Length: 100000\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"} {
			begun := make(chan net.Conn)
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readHead(in); err != nil {
					return
				}
				begun <- c
				io.Copy(io.Discard, in)
			})
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			io.WriteString(c, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"+framing)
			x.ending(p, c, <-begun)
			io.Copy(io.Discard, c)
			c.Close()
			if r := only(t, p.finish()); r.End != x.end || r.UsageSource != usage.SourceNone {
				t.Errorf("%s, %.18s: end %s, usage_source %s", x.name, framing, r.End, r.UsageSource)
			}
		}
	}
}
