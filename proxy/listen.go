package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// listener wraps accepted connections. They do not linger when kill is done.
type listener struct {
	*net.TCPListener
	kill context.Context
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &clientConn{TCPConn: c, kill: l.kill}, nil
}

// clientConn is a client's connection that watches how much of a request is
// here already. A body that is here to its end is sent upstream with the header,
// in one packet and without a goroutine that waits for it.
type clientConn struct {
	*net.TCPConn
	ahead    atomic.Int32 // bytes behind the header in the read that brought the header's end
	head     headScan
	unserved bool // a request began to arrive, and no handler has seen it

	early atomic.Bool // the last answer came before its request was read to its end
	kill  context.Context
}

// headerRead is the most that net/http asks for when it reads a header.
const headerRead = 4 << 10

func (c *clientConn) Read(p []byte) (int, error) {
	if c.early.Load() {
		return 0, io.EOF // what still comes is for linger
	}
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

// answeredEarly notes that r was refused without a look at its body, where that
// is more than net/http reads to keep a connection.
func (c *clientConn) answeredEarly(r *http.Request) {
	if c != nil && (r.ContentLength > 256<<10 || r.ContentLength < 0) {
		c.early.Store(true)
	}
}

// Close lingers where the client may still be sending a body that was answered
// early.
func (c *clientConn) Close() error {
	if c.early.Swap(false) {
		c.linger(lingerIdle, lingerTotal)
	}
	return c.TCPConn.Close()
}

// CloseWrite is called by net/http half a second before Close, where it knows
// that a body was left.
func (c *clientConn) CloseWrite() error {
	err := c.TCPConn.CloseWrite()
	if c.early.Swap(false) {
		c.linger(lingerIdle, lingerTotal)
	}
	return err
}

// How long a connection lingers: while bytes come, and in all.
const (
	lingerIdle  = 2 * time.Second
	lingerTotal = 30 * time.Second
)

// linger ends the connection for writing and takes what the client still sends.
// Closed with bytes unread, the connection would be reset, and a client that
// sends its whole body before it reads would see that instead of the answer.
func (c *clientConn) linger(idle, total time.Duration) {
	defer context.AfterFunc(c.kill, func() { c.TCPConn.Close() })()
	if c.TCPConn.CloseWrite() != nil {
		return
	}
	buf := getBuffer(largeBuffer)
	defer putBuffer(buf)
	for end := time.Now().Add(total); ; {
		until := time.Now().Add(idle)
		if until.After(end) {
			until = end
		}
		if c.SetReadDeadline(until) != nil {
			return
		}
		if _, err := c.TCPConn.Read((*buf)[:largeBuffer]); err != nil {
			return
		}
	}
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
