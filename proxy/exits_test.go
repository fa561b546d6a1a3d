package proxy

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"burn/proxy/usage"
)

// closedPort is an address on which nobody listens.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestBrokenUpstreamsAreAnsweredAndRecorded(t *testing.T) {
	answers := func(raw string) func(*testing.T) string {
		return func(t *testing.T) string {
			return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readRequest(in); err == nil {
					io.WriteString(c, raw)
				}
			})
		}
	}
	for _, x := range []struct {
		name     string
		upstream func(*testing.T) string
		status   int
		kind     string
		end      string
		source   string
	}{
		{"refused", func(t *testing.T) string { return "http://" + closedPort(t) }, 502, usage.ErrDial, usage.EndComplete, usage.SourceNone},
		{"tls to a plain server", func(t *testing.T) string {
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				in.ReadByte()
			})
			return strings.Replace(url, "http:", "https:", 1)
		}, 502, usage.ErrTLS, usage.EndComplete, usage.SourceNone},
		{"certificate nobody trusts", func(t *testing.T) string {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			t.Cleanup(s.Close)
			return s.URL
		}, 502, usage.ErrTLS, usage.EndComplete, usage.SourceNone},
		{"closes without an answer", answers(""), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"garbage", answers("ouch\r\n\r\n"), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"status 099", answers("HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"status 1000", answers("HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n"), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"two lengths", answers("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"101 nobody asked for", answers("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"header of 2 MB", answers("HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 2<<20) + "\r\n\r\n"), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
		{"flood of 103", answers(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX-A: "+strings.Repeat("a", 1000)+"\r\n\r\n", 2000)), 502, usage.ErrDial, usage.EndUpstreamAbort, usage.SourcePartial},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := startProxy(t, nil, "openai="+x.upstream(t))
			res, body := post(t, p.url("/openai/v1/chat/completions?key=canary-query"), chatBody, "Authorization", "Bearer canary-key")
			if res.StatusCode != x.status || errorType(t, body) != x.kind {
				t.Errorf("client got %d %s", res.StatusCode, body)
			}
			if strings.Contains(body, "canary") || strings.Contains(p.stderr.String(), "canary") {
				t.Errorf("a secret is told: %s %s", body, p.stderr)
			}
			r := only(t, p.finish())
			if r.Status != x.status || r.ErrorType != x.kind || r.End != x.end || r.UsageSource != x.source {
				t.Errorf("record: status %d, error_type %s, end %s, usage_source %s", r.Status, r.ErrorType, r.End, r.UsageSource)
			}
		})
	}
}

func TestSilentUpstreamTimesOut(t *testing.T) {
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err == nil {
			in.ReadByte() // until the proxy gives up
		}
	})
	p := startProxy(t, func(c *Config) { c.HeaderTimeout = 50 * time.Millisecond }, "openai="+url)
	res, body := post(t, p.url("/openai/v1/chat/completions"), chatBody)
	if res.StatusCode != 504 || errorType(t, body) != usage.ErrTimeout {
		t.Errorf("client got %d %s", res.StatusCode, body)
	}
	if r := only(t, p.finish()); r.Status != 504 || r.End != usage.EndTimeout || r.ErrorType != usage.ErrTimeout {
		t.Errorf("record: %+v", r)
	}
}

// A client that sees an upstream's broken answer must see it as broken.
func TestBrokenAnswerArrivesBroken(t *testing.T) {
	for _, x := range []struct{ name, answer, body string }{
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "abc"},
		{"chunks without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "abc"},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "abc"},
	} {
		t.Run(x.name, func(t *testing.T) {
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readRequest(in); err == nil {
					io.WriteString(c, x.answer)
				}
			})
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			fmt.Fprintf(c, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
			s, err := seenAnswer(bufio.NewReader(c), "POST")
			if err == nil || s.start != "200" || s.body != x.body {
				t.Errorf("client got %+v, %v", s, err)
			}
			if r := only(t, p.finish()); r.Status != 200 || r.End != usage.EndUpstreamAbort || r.UsageSource != usage.SourcePartial {
				t.Errorf("record: status %d, end %s, usage_source %s", r.Status, r.End, r.UsageSource)
			}
		})
	}
}

func TestClientThatLeavesCancelsUpstream(t *testing.T) {
	for _, x := range []struct {
		name   string
		first  string // what the upstream sends before it waits
		status int
	}{
		{"before the header", "", 0},
		{"in the stream", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", 200},
	} {
		t.Run(x.name, func(t *testing.T) {
			arrived, left := make(chan struct{}), make(chan struct{})
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readRequest(in); err != nil {
					return
				}
				io.WriteString(c, x.first)
				close(arrived)
				in.ReadByte()
				close(left)
			})
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			fmt.Fprintf(c, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
			<-arrived
			if x.first != "" {
				if _, err := bufio.NewReader(c).ReadString('1'); err != nil {
					t.Fatal(err)
				}
			}
			c.Close()
			select {
			case <-left:
			case <-time.After(patience):
				t.Fatal("upstream was not cancelled")
			}
			if r := only(t, p.finish()); r.End != usage.EndClientAbort || r.Status != x.status || r.UsageSource != usage.SourcePartial {
				t.Errorf("record: end %s, status %d, usage_source %s", r.End, r.Status, r.UsageSource)
			}
		})
	}
}

// endless is an upstream whose streams send one event and stay open until told.
func endless(t *testing.T) (url string, open <-chan struct{}, finish chan<- struct{}) {
	opened, end := make(chan struct{}, 100), make(chan struct{})
	s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {}\n\n")
		w.(http.Flusher).Flush()
		opened <- struct{}{}
		select {
		case <-end:
			io.WriteString(w, "data: [DONE]\n\n")
		case <-r.Context().Done():
		}
	})
	return s.URL, opened, end
}

func TestDrainLetsStreamsFinish(t *testing.T) {
	url, opened, end := endless(t)
	p := startProxy(t, nil, "openai="+url)
	const streams = 10
	var wg sync.WaitGroup
	var whole atomic.Int32
	for range streams {
		wg.Go(func() {
			_, body := post(t, p.url("/openai/v1/chat/completions"), `{"stream":true}`)
			if strings.HasSuffix(body, "[DONE]\n\n") {
				whole.Add(1)
			}
		})
	}
	for range streams {
		<-opened
	}
	p.stop()
	close(end)
	wg.Wait()
	if whole.Load() != streams {
		t.Errorf("%d of %d streams were whole", whole.Load(), streams)
	}
	for _, r := range p.finish() {
		if r.End != usage.EndComplete {
			t.Errorf("seq %d ended with %s", r.Seq, r.End)
		}
	}
}

func TestStreamsAreCut(t *testing.T) {
	for _, x := range []struct {
		name string
		cut  func(*running)
		conf func(*Config)
	}{
		{"when the grace is over", func(p *running) { p.stop() }, func(c *Config) { c.Grace = 10 * time.Millisecond }},
		{"by the second signal", func(p *running) { p.stop(); p.kill() }, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			url, opened, _ := endless(t)
			p := startProxy(t, x.conf, "openai="+url)
			c := dial(t, p.addr)
			fmt.Fprintf(c, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
			<-opened
			x.cut(p)
			if s, err := seenAnswer(bufio.NewReader(c), "POST"); err == nil {
				t.Errorf("a cut stream looks whole: %+v", s)
			}
			if r := only(t, p.finish()); r.End != usage.EndShutdown {
				t.Errorf("end %s", r.End)
			}
			lines := p.lines()
			if last := lines[len(lines)-1]; last.Kind != usage.KindStop {
				t.Errorf("last line is %q, want stop", last.Kind)
			}
		})
	}
}

func TestSentOnceWhenKeptConnectionDies(t *testing.T) {
	for _, request := range []string{
		"POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: 1\r\nContent-Length: 2\r\n\r\n{}",
		"POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: 1\r\nContent-Length: 0\r\n\r\n",
		"GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		var sent atomic.Int32
		url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
			for n := 1; ; n++ {
				if _, err := readRequest(in); err != nil {
					return
				}
				sent.Add(1)
				if n == 2 {
					return // takes the request and dies
				}
				io.WriteString(c, plainAnswer)
			}
		})
		p := startProxy(t, nil, "openai="+url)
		post(t, p.url("/openai/v1/x"), "{}")
		c := dial(t, p.addr)
		io.WriteString(c, request)
		s, err := seenAnswer(bufio.NewReader(c), "POST")
		if err != nil || s.start != "502" {
			t.Errorf("client got %+v, %v", s, err)
		}
		if sent.Load() != 2 {
			t.Errorf("upstream got %d requests for 2 calls: %.20s", sent.Load(), request)
		}
		if got := len(p.finish()); got != 2 {
			t.Errorf("%d records for 2 calls", got)
		}
	}
}

func TestDeadIdleConnectionIsNotUsed(t *testing.T) {
	gone := make(chan struct{}, 10)
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err == nil {
			io.WriteString(c, plainAnswer)
		}
		c.Close()
		gone <- struct{}{}
	})
	p := startProxy(t, nil, "openai="+url)
	for range 5 {
		if res, _ := post(t, p.url("/openai/v1/x"), "{}"); res.StatusCode != 200 {
			t.Errorf("status %d", res.StatusCode)
		}
		<-gone
	}
}

func TestHeadersDoNotWaitForTheBody(t *testing.T) {
	for _, framing := range []string{"Content-Length: 3", "Transfer-Encoding: chunked"} {
		more := make(chan struct{})
		url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
			if _, err := readRequest(in); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+framing+"\r\n\r\n")
			<-more
			if framing == "Content-Length: 3" {
				io.WriteString(c, "abc")
			} else {
				io.WriteString(c, "3\r\nabc\r\n0\r\n\r\n")
			}
		})
		p := startProxy(t, nil, "openai="+url)
		c := dial(t, p.addr)
		io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
		in := bufio.NewReader(c)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: no header before the body: %v", framing, err)
		}
		close(more)
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != "abc" {
			t.Errorf("%s: body %q, %v", framing, b, err)
		}
	}
}

func tlsUpstream(t *testing.T, http2 bool, h http.HandlerFunc) (url, ca string) {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	s.TLS = &tls.Config{}
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL, trustFile(t, s)
}

// trustFile writes the certificate that s is trusted by.
func trustFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(name, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTLSUpstreams(t *testing.T) {
	for _, x := range []struct {
		name  string
		http2 bool
		proto string
	}{{"HTTP/1.1", false, "HTTP/1.1"}, {"HTTP/2", true, "HTTP/2.0"}} {
		t.Run(x.name, func(t *testing.T) {
			url, ca := tlsUpstream(t, x.http2, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				w.Header().Set("Trailer", "X-Sum")
				w.Header().Set("X-Seen", r.Proto+" "+r.RequestURI+" "+fmt.Sprint(r.Header["User-Agent"], r.Header["Accept-Encoding"]))
				w.WriteHeader(http.StatusEarlyHints)
				w.Write(b)
				w.(http.Flusher).Flush()
				w.Header().Set("X-Sum", "7")
			})
			p := startProxy(t, func(c *Config) { c.UpstreamCA = ca }, "openai="+url)
			for _, path := range []string{"/v1/a%2Fb?x;y", "//v1/x?", "/v1/x|y"} {
				c := dial(t, p.addr)
				fmt.Fprintf(c, "POST /openai%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", path)
				s, err := seenAnswer(bufio.NewReader(c), "POST")
				want := x.proto + " " + path + " [] []"
				if err != nil || s.body != "hello" || !strings.Contains(fmt.Sprint(s.headers), want) {
					t.Errorf("%s: got %+v, %v, want %s", path, s, err, want)
				}
				if fmt.Sprint(s.trailer) != `[X-Sum: ["7"]]` || len(s.first) != 1 {
					t.Errorf("%s: trailer %v, informational %v", path, s.trailer, s.first)
				}
			}
			if got := len(p.finish()); got != 3 {
				t.Errorf("%d records", got)
			}
		})
	}
}
