package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

// countingUpstream counts the whole requests that reach it.
func countingUpstream(t testing.TB) (url string, whole *atomic.Int32) {
	whole = new(atomic.Int32)
	url = rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			if _, err := readRequest(in); err != nil {
				return
			}
			whole.Add(1)
			io.WriteString(c, plainAnswer)
		}
	})
	return url, whole
}

const hidden = "GET /openai/v1/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestTwoFramingsAreRefused(t *testing.T) {
	url, whole := countingUpstream(t)
	p := startProxy(t, nil, "openai="+url)
	for _, x := range []struct{ name, header string }{
		{"length first", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
		{"length last", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"},
		{"other letters", "tRANSFER-eNCODING: Chunked\r\ncONTENT-lENGTH: 5\r\n"},
		{"length of 0", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"},
		{"bare line ends", "Content-Length: 5\nTransfer-Encoding: chunked\n"},
		{"far into the header", "X-A: " + strings.Repeat("a", 20<<10) + "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
	} {
		for _, before := range []string{"", "GET /burn/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
			c := dial(t, p.addr)
			in := bufio.NewReader(c)
			if before != "" { // the same on a connection in use
				io.WriteString(c, before)
				if s, err := seenAnswer(in, "GET"); err != nil || s.start != "200" {
					t.Fatalf("%s: health: %+v, %v", x.name, s, err)
				}
			}
			io.WriteString(c, "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n"+x.header+"\r\n0\r\n\r\n"+hidden)
			all, _ := io.ReadAll(in)
			if !bytes.HasPrefix(all, []byte("HTTP/1.1 400 ")) || bytes.Count(all, []byte("HTTP/1.1 ")) != 1 || !bytes.Contains(all, []byte("burn_framing")) {
				t.Errorf("%s: answer %q", x.name, all)
			}
		}
	}
	if whole.Load() != 0 {
		t.Errorf("%d requests reached the upstream", whole.Load())
	}
	if n := len(p.finish()); n != 0 {
		t.Errorf("%d records", n)
	}
}

// A caller that lists the length of its body as hop-by-hop does not get a second
// request past burn, nor an upstream that does the same a second answer.
func TestLengthIsNotHopByHop(t *testing.T) {
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			request, err := readRequest(in)
			if err != nil {
				return
			}
			if !strings.HasSuffix(request, hidden) {
				t.Errorf("upstream got %q", request)
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: %d\r\n\r\n%s", len(plainAnswer), plainAnswer)
		}
	})
	p := startProxy(t, nil, "openai="+url)
	c := dial(t, p.addr)
	in := bufio.NewReader(c)
	for _, list := range []string{"Content-Length", "keep-alive, content-length", "CONTENT-LENGTH ,X-A"} {
		fmt.Fprintf(c, "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s", list, len(hidden), hidden)
		s, err := seenAnswer(in, "POST")
		if err != nil || s.body != plainAnswer || s.framing != fmt.Sprintf("[%d]", len(plainAnswer)) {
			t.Errorf("%s: client got %+v, %v", list, s, err)
		}
	}
	if got := len(p.finish()); got != 3 {
		t.Errorf("%d records for 3 calls", got)
	}
}

// A Content-Length that is not in the header makes no second framing, and a
// chunked request leaves its connection usable.
func TestOneFramingIsServed(t *testing.T) {
	url, whole := countingUpstream(t)
	p := startProxy(t, nil, "openai="+url)
	const part = "--b\r\nContent-Disposition: form-data\r\nContent-Length: 1\r\n\r\nx\r\n--b--"
	request := "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nX-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n", len(part)) + part + "\r\n0\r\n\r\n"
	c := dial(t, p.addr)
	in := bufio.NewReader(c)
	for range 3 {
		io.WriteString(c, request)
		if s, err := seenAnswer(in, "POST"); err != nil || s.start != "200" {
			t.Fatalf("answer %+v, %v", s, err)
		}
	}
	// Sent ahead of answers, its header cannot be looked at: the connection ends
	// with its answer.
	c = dial(t, p.addr)
	io.WriteString(c, hidden+request+hidden)
	if all, _ := io.ReadAll(c); bytes.Count(all, []byte("HTTP/1.1 200 ")) != 2 {
		t.Errorf("answers %q", all)
	}
	if whole.Load() != 5 {
		t.Errorf("%d requests reached the upstream, want 5", whole.Load())
	}
	if n := len(p.finish()); n != 5 {
		t.Errorf("%d records, want 5", n)
	}
}

// A byte that arrives while a handler runs begins the next header, also where the
// handler's own was sent ahead and not looked at; what the handler looks at stays as
// it was.
func TestByteReadBesideAHandler(t *testing.T) {
	const header = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
	r := httptest.NewRequest("POST", "/x", nil)
	for _, ahead := range []bool{false, true} {
		var s headScan
		s.read([]byte("GET /y HTTP/1.1\r\n\r\n"), headerRead)
		if ahead {
			s.next() // the second request lies in net/http's buffer
		}
		for _, b := range []string{"\n", header[:1]} {
			before := s
			s.read([]byte(b), 1)
			before.pending, before.room = s.pending, s.room
			if !reflect.DeepEqual(before, s) {
				t.Errorf("ahead %v: from %+v to %+v", ahead, before, s)
			}
		}
		s.next()
		s.read([]byte(header[1:]), headerRead)
		if !s.of(r) || !s.length {
			t.Errorf("ahead %v: %+v", ahead, s)
		}
	}
}

// What is found in a header does not depend on how it arrives.
func FuzzHeadScan(f *testing.F) {
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nbody"), uint16(7))
	f.Add([]byte("POST / HTTP/1.1\nA: b\n\nContent-Length: 5\n"), uint16(1))
	f.Add([]byte("\r\n\r\nGET / HTTP/1.1\r\ncontent-length:\r\n\r\n"), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, step uint16) {
		var whole, pieces headScan
		whole.scan(b)
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(step%64)+1)
			pieces.scan(rest[:n])
			rest = rest[n:]
		}
		if whole.length != pieces.length || whole.done != pieces.done || whole.lines != pieces.lines || whole.done && whole.first != pieces.first {
			t.Fatalf("at once %+v, in pieces %+v", whole, pieces)
		}
		head, _, _ := bytes.Cut(bytes.TrimLeft(b, "\r\n"), []byte("\n\n"))
		if !bytes.Contains(bytes.ToLower(head), []byte("content-length:")) && whole.length {
			t.Fatal("a length that is not there")
		}
	})
}
