package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// lateUpstream is a client with one connection, whose other end answers before
// it takes the last byte of each body.
func lateUpstream(t *testing.T) (c *client, other net.Conn, up *bufio.Reader) {
	t.Helper()
	ours, other := net.Pipe() // a write returns when all of it was read
	t.Cleanup(func() { ours.Close(); other.Close() })
	c = &client{up: &Upstream{Host: "upstream"}, start: time.Now()}
	conn := &upConn{Conn: ours, tcp: ours, left: -1}
	conn.br = bufio.NewReader(conn)
	c.idle = append(c.idle, conn)
	return c, other, bufio.NewReaderSize(other, 16)
}

// answerEarly reads a request but for its last byte and answers it.
func answerEarly(t *testing.T, other net.Conn, up *bufio.Reader) *http.Request {
	t.Helper()
	req, err := http.ReadRequest(up)
	if err != nil {
		t.Error(err)
		return nil
	}
	if _, err := io.CopyN(io.Discard, req.Body, req.ContentLength-1); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(other, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
		t.Error(err)
	}
	return req
}

// exchangeLate sends a body and reads the answer.
func exchangeLate(t *testing.T, c *client) (sent chan struct{}) {
	t.Helper()
	body := bytes.Repeat([]byte("x"), 100<<10)
	sent = make(chan struct{})
	o := &outgoing{
		up: c.up, method: "POST", target: "/", header: http.Header{"Content-Length": {"102400"}}, length: int64(len(body)),
		body: &tap{ReadCloser: &eofWithLast{b: body}, budget: &budget{limit: 1 << 20}, expect: int64(len(body))},
		sent: func() { close(sent) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	res, err := c.roundTrip(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(res.Body); err != nil || string(text) != "ok" {
		t.Fatalf("%q, %v", text, err)
	}
	res.Body.Close()
	cancel() // the handler returns
	return sent
}

// eofWithLast tells the end with the last bytes, as net/http's bodies do.
type eofWithLast struct{ b []byte }

func (e *eofWithLast) Read(p []byte) (n int, err error) {
	n = copy(p, e.b)
	if e.b = e.b[n:]; len(e.b) == 0 {
		err = io.EOF
	}
	return n, err
}

func (e *eofWithLast) Close() error { return nil }

// An answer that is complete just before the last of the body was taken does not
// cost the connection.
func TestConnectionIsKeptWhenTheAnswerIsFaster(t *testing.T) {
	c, other, up := lateUpstream(t)
	first := make(chan *http.Request, 1)
	go func() { first <- answerEarly(t, other, up) }()
	sent := exchangeLate(t, c)
	if c.pop() != nil {
		t.Error("the connection is free while a body is on it")
	}
	io.Copy(io.Discard, (<-first).Body)
	<-sent
	again := make(chan *http.Request, 1)
	go func() { again <- answerEarly(t, other, up) }() // on the same connection
	sent = exchangeLate(t, c)
	io.Copy(io.Discard, (<-again).Body)
	<-sent
}

// A body that is not taken although its answer is complete does not hold the
// connection for long.
func TestBodyThatIsNeverTakenIsCut(t *testing.T) {
	c, other, up := lateUpstream(t)
	go answerEarly(t, other, up)
	exchangeLate(t, c)
	if _, err := other.Write([]byte("x")); err == nil { // nobody reads it; returns at the end
		t.Error("somebody reads on")
	}
	if c.pop() != nil {
		t.Error("a connection that was cut is kept")
	}
}

// held is a connection whose writes go out together.
type held struct {
	net.Conn
	out bytes.Buffer
	on  bool
}

func (h *held) Write(p []byte) (int, error) {
	if h.on {
		return h.out.Write(p)
	}
	return h.Conn.Write(p)
}

// A TLS connection that the upstream has ended together with an answer is not
// used again, although the upstream waits for the other end's end.
func TestEndedTLSConnectionIsNotUsed(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	s.Close()
	ca := trustFile(t, s)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var connections atomic.Int32
		url := rawUpstream(t, func(nc net.Conn, _ *bufio.Reader) {
			connections.Add(1)
			h := &held{Conn: nc}
			c := tls.Server(h, &tls.Config{Certificates: s.TLS.Certificates, MaxVersion: version})
			in := bufio.NewReader(c)
			if _, err := readRequest(in); err != nil {
				return
			}
			h.on = true
			io.WriteString(c, plainAnswer)
			c.CloseWrite()
			h.SetWriteDeadline(time.Time{}) // CloseWrite lets nothing follow
			h.Conn.Write(h.out.Bytes())
			io.Copy(io.Discard, in)
		})
		p := startProxy(t, func(c *Config) { c.UpstreamCA = ca }, "openai="+strings.Replace(url, "http:", "https:", 1))
		for i := range int32(3) {
			if res, _ := post(t, p.url("/openai/v1/x"), "{}"); res.StatusCode != 200 || connections.Load() != i+1 {
				t.Fatalf("%s: status %d over connection %d", tls.VersionName(version), res.StatusCode, connections.Load())
			}
		}
	}
}
