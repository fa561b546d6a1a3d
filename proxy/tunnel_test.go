package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"burn/proxy/usage"
)

func TestUpgradeIsTunnelledAndRecorded(t *testing.T) {
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\n")
		io.Copy(c, in) // echoes until the other end is done
	})
	p := startProxy(t, nil, "openai="+url)
	c := dial(t, p.addr)
	io.WriteString(c, "GET /openai/v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
	in := bufio.NewReader(c)
	head, err := readHead(in)
	if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Upgrade: websocket\r\n") || !strings.Contains(head, "X-A: 1\r\n") {
		t.Fatalf("head %q, %v", head, err)
	}
	io.WriteString(c, ", second")
	c.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(in); err != nil || string(b) != "first, second" {
		t.Errorf("echo %q, %v", b, err)
	}
	if r := only(t, p.finish()); r.Status != 101 || r.End != usage.EndComplete || r.Operation != "realtime" {
		t.Errorf("record: status %d, end %s, operation %s", r.Status, r.End, r.Operation)
	}
}

func TestTunnelIsCutByTheGrace(t *testing.T) {
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			io.Copy(c, in)
		}
	})
	p := startProxy(t, func(c *Config) { c.Grace = 10 * time.Millisecond }, "openai="+url)
	c := dial(t, p.addr)
	io.WriteString(c, "GET /openai/v1/realtime HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if _, err := readHead(bufio.NewReader(c)); err != nil {
		t.Fatal(err)
	}
	if r := only(t, p.finish()); r.End != usage.EndShutdown {
		t.Errorf("end %s", r.End)
	}
}

// tlsUpstream starts a server with a certificate and returns the CA's file.

// The record says which side broke a tunnel, and a side that is gone takes the
// other with it.
func TestTunnelThatBreaks(t *testing.T) {
	cut := func(c net.Conn) {
		c.(*net.TCPConn).SetLinger(0) // the end is a reset
		c.Close()
	}
	for _, x := range []struct {
		name     string
		upstream func(c net.Conn, in *bufio.Reader)
		client   func(c net.Conn, in *bufio.Reader)
		end      string
	}{
		{"the upstream resets", func(c net.Conn, in *bufio.Reader) {
			in.ReadByte() // the client has had the answer
			cut(c)
		}, func(c net.Conn, in *bufio.Reader) {
			io.WriteString(c, "x")
			io.Copy(io.Discard, in)
		}, usage.EndUpstreamAbort},
		{"the client resets", func(c net.Conn, in *bufio.Reader) {
			io.Copy(io.Discard, in)
		}, func(c net.Conn, _ *bufio.Reader) { cut(c) }, usage.EndClientAbort},
		{"the client resets, the upstream reads nothing", func(c net.Conn, _ *bufio.Reader) {
			for {
				if _, err := c.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}, func(c net.Conn, _ *bufio.Reader) { cut(c) }, usage.EndClientAbort},
		{"the client closes, the upstream sends on", func(c net.Conn, in *bufio.Reader) {
			io.Copy(io.Discard, in)
			for {
				if _, err := io.WriteString(c, "more"); err != nil {
					return
				}
			}
		}, func(c net.Conn, _ *bufio.Reader) { c.Close() }, usage.EndClientAbort},
	} {
		t.Run(x.name, func(t *testing.T) {
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readRequest(in); err == nil {
					io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
					x.upstream(c, in)
				}
			})
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			in := bufio.NewReader(c)
			if head, err := readHead(in); err != nil || !strings.Contains(head, " 101 ") {
				t.Fatalf("head %q, %v", head, err)
			}
			x.client(c, in)
			if r := only(t, p.finish()); r.Status != 101 || r.End != x.end {
				t.Errorf("status %d, end %s, want %s", r.Status, r.End, x.end)
			}
		})
	}
}

// A tunnel passes to an upstream that speaks HTTP/2 as well, whatever it is for,
// and either side of it can be closed for writing.
func TestTunnelBesideHTTP2(t *testing.T) {
	url, ca := tlsUpstream(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, r.Proto)
			return
		}
		c, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(both, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
		both.Flush()
		b, err := io.ReadAll(both)
		if err != nil {
			t.Error(err)
		}
		both.Write(b)
		both.Flush()
	})
	p := startProxy(t, func(c *Config) { c.UpstreamCA = ca }, "openai="+url)
	for _, protocol := range []string{"websocket", "other"} {
		c := dial(t, p.addr)
		io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\nearly")
		in := bufio.NewReader(c)
		if head, err := readHead(in); err != nil || !strings.Contains(head, " 101 ") {
			t.Errorf("%s: head %q, %v", protocol, head, err)
			continue
		}
		io.WriteString(c, ", late")
		c.(*net.TCPConn).CloseWrite()
		if b, err := io.ReadAll(in); err != nil || string(b) != "early, late" {
			t.Errorf("%s: echo %q, %v", protocol, b, err)
		}
		if _, body := post(t, p.url("/openai/v1/x"), "{}"); body != "HTTP/2.0" {
			t.Errorf("after %s a call goes over %s", protocol, body)
		}
	}
	for _, r := range p.finish() {
		if r.End != usage.EndComplete {
			t.Errorf("status %d, end %s", r.Status, r.End)
		}
	}
}
