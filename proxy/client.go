package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// client speaks HTTP/1.1 to one upstream. It exists because net/http's
// transport costs two goroutines and their hand-overs per connection, which is
// most of what a proxy adds to a call, and because it can resend a request: a
// client sends each request once, over one connection, or fails. The goroutine
// of the call writes and reads itself; only a request body that is not there
// yet is sent beside it.
type client struct {
	up            *Upstream
	tls           *tls.Config // nil: plaintext
	dialer        net.Dialer
	headerTimeout time.Duration
	goOnAfter     time.Duration
	http2         atomic.Bool // the upstream chose HTTP/2: this client cannot serve it

	start time.Time

	mu   sync.Mutex
	idle []*upConn   // the last one used last
	busy *upConn     // list of those in use, if there is a header timeout
	tick *time.Timer // runs look; nil: nothing to look after

	closed bool // closeIdle was called
}

// Limits of the connections to an upstream.
const (
	maxIdle     = 1024 // connections kept
	idleFor     = 90 * time.Second
	lookEvery   = 30 * time.Second // after idle connections, and overdue headers at the latest
	dialTimeout = 30 * time.Second // and for TLS as much again
	keepAlive   = 30 * time.Second // between probes of a silent connection
)

// errHTTP2 tells that the upstream negotiated HTTP/2; nothing was sent.
var errHTTP2 = errors.New("upstream speaks HTTP/2")

// upConn is one connection to an upstream. It is used by one call at a time.
type upConn struct {
	net.Conn
	tcp  net.Conn // under TLS, else the same
	br   *bufio.Reader
	raw  syscall.RawConn // of tcp; nil: cannot be looked at
	left int             // bytes the answer's header may still have; < 0: no limit
	used time.Time

	// Of a connection in use. limit is when its answer's header is overdue, in
	// nanoseconds since the client's start, 0: not yet or no longer.
	limit      atomic.Int64
	overdue    atomic.Bool
	prev, next *upConn
}

// Read is what br reads from. It bounds the header.
func (c *upConn) Read(p []byte) (int, error) {
	if c.left < 0 {
		return c.Conn.Read(p)
	}
	if c.left == 0 {
		return 0, errors.New("answer header too large")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// sendError is an exchange's failure with its class, known where it happened.
type sendError struct {
	class failure
	err   error
}

func (e *sendError) Error() string { return e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// get returns an idle connection that is still alive, or a new one. Only over
// HTTP/1.1 can a connection be upgraded, which an upstream that has both is told.
func (c *client) get(ctx context.Context, upgrade bool) (*upConn, error) {
	for {
		conn := c.pop()
		if conn == nil {
			break
		}
		if conn.alive() && conn.quiet() {
			return conn, nil
		}
		c.drop(conn)
	}
	secure := c.tls
	if secure != nil && upgrade {
		secure = secure.Clone()
		secure.NextProtos = []string{"http/1.1"}
	}
	conn, err := c.dial(ctx, secure)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.link(conn)
	c.mu.Unlock()
	return conn, nil
}

// quiet reports whether TLS holds back nothing that came together with the last
// answer: the connection's end, or bytes that nobody asked for. alive does not see
// these, and a server may wait for long to be told that its end was understood.
func (c *upConn) quiet() bool {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return true
	}
	if secure.SetReadDeadline(time.Unix(1, 0)) != nil { // it may not wait
		return false
	}
	_, err := secure.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded) && secure.SetReadDeadline(time.Time{}) == nil
}

func (c *client) pop() *upConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.idle)
	if n == 0 {
		return nil
	}
	conn := c.idle[n-1]
	c.idle[n-1] = nil
	c.idle = c.idle[:n-1]
	c.link(conn)
	return conn
}

// put keeps a connection whose answer was read to its end.
func (c *client) put(conn *upConn) {
	if conn.br.Buffered() > 0 {
		c.drop(conn)
		return
	}
	conn.used = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlink(conn)
	if len(c.idle) >= maxIdle || c.closed {
		conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
	c.lookLater()
}

// drop closes a connection in use.
func (c *client) drop(conn *upConn) {
	conn.Close()
	c.mu.Lock()
	c.unlink(conn)
	c.mu.Unlock()
}

// link notes that a connection is in use. mu is held.
func (c *client) link(conn *upConn) {
	if c.headerTimeout <= 0 {
		return
	}
	conn.prev, conn.next = nil, c.busy
	if c.busy != nil {
		c.busy.prev = conn
	}
	c.busy = conn
	c.lookLater()
}

func (c *client) unlink(conn *upConn) {
	if c.headerTimeout <= 0 {
		return
	}
	switch {
	case conn.prev != nil:
		conn.prev.next = conn.next
	case c.busy == conn:
		c.busy = conn.next
	}
	if conn.next != nil {
		conn.next.prev = conn.prev
	}
	conn.prev, conn.next = nil, nil
}

// lookLater makes sure that look runs. mu is held.
func (c *client) lookLater() {
	if c.tick == nil {
		c.tick = time.AfterFunc(c.lookDelay(), c.look)
	}
}

func (c *client) lookDelay() time.Duration {
	if c.headerTimeout <= 0 {
		return lookEvery
	}
	return min(max(c.headerTimeout/8, time.Millisecond), lookEvery)
}

// look closes connections that were not used for long, and those whose header
// is overdue: one timer for all costs less than a deadline for each.
func (c *client) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	n := 0 // the oldest stand first
	for n < len(c.idle) && now.Sub(c.idle[n].used) > idleFor {
		c.idle[n].Close()
		n++
	}
	c.idle = slices.Delete(c.idle, 0, n)
	elapsed := int64(now.Sub(c.start))
	for conn := c.busy; conn != nil; conn = conn.next {
		if limit := conn.limit.Load(); limit != 0 && limit < elapsed && !conn.overdue.Swap(true) {
			conn.Close()
		}
	}
	if len(c.idle) > 0 || c.busy != nil {
		c.tick.Reset(c.lookDelay())
	} else {
		c.tick = nil
	}
}

// closeIdle is for the end of the process.
func (c *client) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle, c.closed = nil, true
	if c.tick != nil {
		c.tick.Stop()
	}
}

func (c *client) dial(ctx context.Context, secure *tls.Config) (*upConn, error) {
	tcp, err := c.dialer.DialContext(ctx, "tcp", c.up.address())
	if err != nil {
		return nil, &sendError{failDial, err}
	}
	conn := &upConn{Conn: tcp, tcp: tcp, left: -1}
	if secure != nil {
		if err := conn.handshake(ctx, secure); err != nil {
			tcp.Close()
			return nil, err
		}
		if conn.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" {
			c.http2.Store(true)
			tcp.Close()
			return nil, errHTTP2
		}
	}
	conn.br = bufio.NewReaderSize(conn, 4<<10)
	if sc, ok := tcp.(syscall.Conn); ok {
		if conn.raw, err = sc.SyscallConn(); err != nil {
			tcp.Close()
			return nil, &sendError{failDial, err}
		}
	}
	return conn, nil
}

func (c *upConn) handshake(ctx context.Context, cfg *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	secure := tls.Client(c.tcp, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return &sendError{failTLS, err}
	}
	c.Conn = secure
	return nil
}

// roundTrip sends o and reads the answer's header. The answer's body must be
// closed; its end gives the connection back.
func (c *client) roundTrip(ctx context.Context, o *outgoing) (*http.Response, error) {
	conn, err := c.get(ctx, upgradeProtocol(o.header) != "")
	if err != nil {
		return nil, err
	}
	e := &exchange{client: c, conn: conn, o: o}
	// A client that leaves, or the end of the grace, closes the connection,
	// whatever is going on there.
	e.release = context.AfterFunc(ctx, func() { conn.Close() })
	res, err := e.run()
	if err != nil {
		e.fail()
		return nil, err
	}
	return res, nil
}
