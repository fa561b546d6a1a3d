package proxy

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
)

// listener wraps accepted connections.
type listener struct{ *net.TCPListener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &clientConn{TCPConn: c}, nil
}

// clientConn is a client's connection that watches how much of a request is
// here already. A body that is here to its end is sent upstream with the header,
// in one packet and without a goroutine that waits for it.
type clientConn struct {
	*net.TCPConn
	ahead    atomic.Int32 // bytes behind the header in the read that brought the header's end
	head     headScan
	unserved bool // a request began to arrive, and no handler has seen it
}

// headerRead is the most that net/http asks for when it reads a header.
const headerRead = 4 << 10

func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	ahead := 0
	if len(p) <= headerRead { // else it is a body's
		if end := bytes.Index(p[:n], []byte("\r\n\r\n")); end >= 0 {
			ahead = n - end - 4
		}
	}
	c.ahead.Store(int32(ahead))
	c.head.read(p[:n], len(p))
	return n, err
}

// onState follows a connection from request to request. Requests that net/http
// answers itself, or that never became whole, are counted here.
func (p *Proxy) onState(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*clientConn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		c.unserved = true
	case http.StateIdle:
		c.head.next()
	case http.StateClosed:
		if c.unserved {
			p.countRefused("burn_malformed")
		}
	}
}

// has reports whether n bytes of the body of the request whose header was just
// read can be read without waiting. It answers once per request: what a
// pipelined request finds in the buffer is not known.
func (c *clientConn) has(n int64) bool {
	missing := n - int64(c.ahead.Swap(0))
	if missing <= 0 {
		return true
	}
	raw, err := c.SyscallConn()
	return err == nil && int64(arrived(raw)) >= missing
}

// connKey finds the clientConn in a request's context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) *clientConn {
	c, _ := r.Context().Value(connKey{}).(*clientConn)
	return c
}

var _ syscall.Conn = (*clientConn)(nil)
