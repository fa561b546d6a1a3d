package proxy

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"burn/proxy/usage"
)

// Types of HTTP/2 frames and a flag (RFC 9113 section 6).
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
	flagEnd       = 1 // of a stream; of settings: acknowledged
)

// h2Conn is the upstream's end of a connection over HTTP/2.
type h2Conn struct{ net.Conn }

func (c h2Conn) frame(kind, flags byte, stream uint32, payload []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = binary.BigEndian.AppendUint32(append(b, flags), stream)
	_, _ = c.Write(append(b, payload...)) // the other end may be gone
}

func (c h2Conn) serve(got func(kind, flags byte, stream uint32)) {
	in := bufio.NewReader(c)
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	c.frame(frameSettings, 0, 0, nil)
	for {
		var head [9]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		first := binary.BigEndian.Uint32(head[:])
		if _, err := in.Discard(int(first >> 8)); err != nil {
			return
		}
		kind, flags := byte(first), head[4]
		if kind == frameSettings && flags&flagEnd == 0 {
			c.frame(frameSettings, flagEnd, 0, nil)
		}
		got(kind, flags, binary.BigEndian.Uint32(head[5:]))
	}
}

// h2Upstream gives each frame that it gets to got, the connection's own included.
func h2Upstream(t *testing.T, got func(c h2Conn, kind, flags byte, stream uint32)) (url, ca string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	s.Close()
	ca = trustFile(t, s)
	url = rawUpstream(t, func(nc net.Conn, _ *bufio.Reader) {
		c := h2Conn{tls.Server(nc, &tls.Config{Certificates: s.TLS.Certificates, NextProtos: []string{"h2"}})}
		c.serve(func(kind, flags byte, stream uint32) { got(c, kind, flags, stream) })
	})
	return strings.Replace(url, "http:", "https:", 1), ca
}

var bodies = []struct{ name, request string }{
	{"POST without body", "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	{"POST of length 0", "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: 7\r\nContent-Length: 0\r\n\r\n"},
	{"POST", plainAt("/openai/v1/x")},
	{"GET", "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	{"DELETE", "DELETE /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n"},
}

func plainAt(path string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
}

// An upstream over HTTP/2 that resets a request, for whatever reason, gets it
// once.
func TestSentOnceOverHTTP2(t *testing.T) {
	for _, x := range []struct {
		name  string
		reset func(c h2Conn, stream uint32)
	}{
		{"refused", func(c h2Conn, stream uint32) { c.frame(frameReset, 0, stream, []byte{0, 0, 0, 7}) }},
		{"protocol error", func(c h2Conn, stream uint32) { c.frame(frameReset, 0, stream, []byte{0, 0, 0, 1}) }},
		{"internal error", func(c h2Conn, stream uint32) { c.frame(frameReset, 0, stream, []byte{0, 0, 0, 2}) }},
		{"goes away", func(c h2Conn, _ uint32) { c.frame(frameGoAway, 0, 0, make([]byte, 8)) }},
		{"closed", func(c h2Conn, _ uint32) { c.Close() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			var sent, ended atomic.Int32
			url, ca := h2Upstream(t, func(c h2Conn, kind, flags byte, stream uint32) {
				if kind != frameHeaders {
					return
				}
				sent.Add(1)
				if flags&flagEnd != 0 {
					ended.Add(1)
				}
				x.reset(c, stream)
			})
			p := startProxy(t, func(c *Config) { c.UpstreamCA = ca }, "openai="+url)
			for i, b := range bodies {
				c := dial(t, p.addr)
				io.WriteString(c, b.request)
				if s, err := seenAnswer(bufio.NewReader(c), "POST"); err != nil || s.start != "502" {
					t.Errorf("%s: client got %+v, %v", b.name, s, err)
				}
				if got := int(sent.Load()); got != i+1 {
					t.Fatalf("%s: sent %d times", b.name, got-i)
				}
			}
			// One with a body: its end is not in its header.
			if got := int(ended.Load()); got != len(bodies)-1 {
				t.Errorf("%d of %d requests ended with their header", got, len(bodies)-1)
			}
			records := p.finish()
			for _, r := range records {
				if r.Status != 502 || r.End != usage.EndUpstreamAbort || r.ErrorType != usage.ErrDial {
					t.Errorf("status %d, end %s, error_type %s", r.Status, r.End, r.ErrorType)
				}
			}
			if len(records) != len(bodies) {
				t.Errorf("%d records for %d calls", len(records), len(bodies))
			}
		})
	}
}

// Through net/http's transport over HTTP/1.1, which serves where a proxy of the
// environment stands between, a request is sent once as well.
func TestSentOnceThroughTransport(t *testing.T) {
	for _, x := range []struct {
		method string
		header http.Header
	}{
		{"GET", http.Header{}},
		{"DELETE", http.Header{}},
		{"POST", http.Header{"Idempotency-Key": {"1"}}},
	} {
		var sent atomic.Int32
		dying := make(chan struct{})
		url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
			for {
				request, err := readRequest(in)
				if err != nil {
					return
				}
				if strings.Contains(request, "/last") {
					sent.Add(1)
					return
				}
				if sent.Add(1) == 3 { // three connections are in use
					close(dying)
				}
				<-dying
				io.WriteString(c, plainAnswer)
			}
		})
		up, err := ParseUpstream("openai=" + url)
		if err != nil {
			t.Fatal(err)
		}
		transport := newTransport(&Config{}, nil)
		defer transport.CloseIdleConnections()
		ask := func(target string) error {
			o := &outgoing{up: &up, method: x.method, target: target, header: x.header, informational: func(int, http.Header) {}}
			res, err := viaTransport(t.Context(), transport, o)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			_, err = io.Copy(io.Discard, res.Body)
			return err
		}
		errs := make(chan error, 3)
		for range cap(errs) {
			go func() { errs <- ask("/v1/first") }()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		sent.Store(0)
		if err := ask("/v1/last"); err == nil || classify(err) != failExchange {
			t.Errorf("%s: %v", x.method, err)
		}
		if got := sent.Load(); got != 1 {
			t.Errorf("%s: sent %d times", x.method, got)
		}
	}
}

// A client that asks to be told to send its body, and sends it without having
// been told, holds nothing up.
func TestExpectWithoutWaiting(t *testing.T) {
	over2, ca := tlsUpstream(t, true, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Write(b)
	})
	arrived := make(chan struct{}, 10)
	over1 := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			if _, err := in.Peek(1); err != nil {
				return
			}
			arrived <- struct{}{}
			s, err := seenRequest(in)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(s.body), s.body)
		}
	})
	p := startProxy(t, func(c *Config) {
		c.UpstreamCA = ca
		c.goOnAfter = 10 * patience
	}, "one="+over1, "two="+over2)
	for _, x := range []struct{ name, proto, framing, body string }{
		{"known length", "1.1", "Content-Length: 2", "{}"},
		{"chunked", "1.1", "Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"},
		{"HTTP/1.0", "1.0", "Content-Length: 2", "{}"},
	} {
		for _, path := range []string{"/one/v1/x", "/two/v1/x", "later /one/v1/x"} {
			c := dial(t, p.addr)
			path, later := strings.CutPrefix(path, "later ")
			head := "POST " + path + " HTTP/" + x.proto + "\r\nHost: localhost\r\nExpect: 100-continue\r\n" + x.framing + "\r\n\r\n"
			if later {
				io.WriteString(c, head)
				<-arrived
				io.WriteString(c, x.body)
			} else {
				io.WriteString(c, head+x.body)
			}
			s, err := seenAnswer(bufio.NewReader(c), "POST")
			if err != nil || s.start != "200" || s.body != "{}" {
				t.Errorf("%s, %s, later %v: client got %+v, %v", x.name, path, later, s, err)
			}
			if !later && strings.HasPrefix(path, "/one") {
				<-arrived
			}
		}
	}
}

// An answer of an upstream over HTTP/2 that comes early is whole before the client
// sends on, and so is burn's where none comes.
func TestEarlyAnswerOverHTTP2(t *testing.T) {
	for _, x := range []struct {
		name   string
		answer http.HandlerFunc
		status string
		end    string
	}{
		{"refused", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) }, "401", usage.EndComplete},
		{"refused, of unknown length", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			w.(http.Flusher).Flush()
			io.WriteString(w, "no")
		}, "401", usage.EndComplete},
		{"accepted, of unknown length", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "yes")
		}, "200", usage.EndComplete},
		{"reset", func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 4))
			panic(http.ErrAbortHandler)
		}, "502", usage.EndUpstreamAbort},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, framing := range []string{"Content-Length: 100000\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"} {
				url, ca := tlsUpstream(t, true, x.answer)
				p := startProxy(t, func(c *Config) { c.UpstreamCA = ca }, "openai="+url)
				c := dial(t, p.addr)
				io.WriteString(c, "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n"+framing)
				if s, err := seenAnswer(bufio.NewReader(c), "POST"); err != nil || s.start != x.status {
					t.Errorf("%.20s: client got %+v, %v", framing, s, err)
				}
				c.Close()
				if r := only(t, p.finish()); fmt.Sprint(r.Status) != x.status || r.End != x.end {
					t.Errorf("status %d, end %s", r.Status, r.End)
				}
			}
		})
	}
}

// A connection over HTTP/2 whose other end is gone without a word is given up, and
// the next call makes a new one.
func TestSilentConnectionIsGivenUp(t *testing.T) {
	url, ca := h2Upstream(t, func(h2Conn, byte, byte, uint32) {})
	up, err := ParseUpstream("openai=" + url)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := readRoots(ca)
	if err != nil {
		t.Fatal(err)
	}
	transport := newTransport(&Config{}, roots)
	defer transport.CloseIdleConnections()
	transport.HTTP2.SendPingTimeout, transport.HTTP2.PingTimeout = time.Millisecond, time.Millisecond
	for range 2 {
		o := &outgoing{up: &up, method: "GET", target: "/v1/x", header: http.Header{}}
		if _, err := viaTransport(t.Context(), transport, o); err == nil || classify(err) != failExchange {
			t.Errorf("%v", err)
		}
	}
}
