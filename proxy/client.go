package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
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
	http2         atomic.Bool // the upstream chose HTTP/2: this client cannot serve it

	start time.Time

	mu   sync.Mutex
	idle []*upConn   // the last one used last
	busy *upConn     // list of those in use, if there is a header timeout
	tick *time.Timer // runs look; nil: nothing to look after

	closed bool // closeIdle was called
}

// Limits of a client's idle connections.
const (
	maxIdle     = 1024
	idleFor     = 90 * time.Second
	lookEvery   = 30 * time.Second // after idle connections, and overdue headers at the latest
	dialTimeout = 30 * time.Second
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

// get returns an idle connection that is still alive, or a new one.
func (c *client) get(ctx context.Context) (*upConn, error) {
	for {
		conn := c.pop()
		if conn == nil {
			break
		}
		if conn.alive() {
			return conn, nil
		}
		c.drop(conn)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.link(conn)
	c.mu.Unlock()
	return conn, nil
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

func (c *client) dial(ctx context.Context) (*upConn, error) {
	tcp, err := c.dialer.DialContext(ctx, "tcp", c.up.address())
	if err != nil {
		return nil, &sendError{failDial, err}
	}
	conn := &upConn{Conn: tcp, tcp: tcp, left: -1}
	if c.tls != nil {
		if err := conn.handshake(ctx, c.tls); err != nil {
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
	conn, err := c.get(ctx)
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

// exchange is one request and its answer on a connection.
type exchange struct {
	client  *client
	conn    *upConn
	o       *outgoing
	release func() bool // stops watching the context; false: it was too late
	sent    chan error  // nil: the request was sent; else its body's end
	closed  bool        // given up or given back
}

func (e *exchange) run() (*http.Response, error) {
	e.conn.left = maxResponseHeader
	if err := e.send(); err != nil {
		return nil, err
	}
	res, err := e.readHeader()
	if err != nil {
		return nil, err
	}
	e.conn.left = -1
	e.answered()
	e.attach(res)
	return res, nil
}

// send writes the header and gets the body under way. A body that is here
// already goes with the header.
func (e *exchange) send() error {
	size := smallBuffer
	if e.o.here {
		size = int(e.o.length) + smallBuffer
	}
	buf := getBuffer(size)
	defer putBuffer(buf)
	*buf = e.o.appendHeader((*buf)[:0])
	if e.o.here {
		head := len(*buf)
		*buf = slices.Grow(*buf, int(e.o.length))[:head+int(e.o.length)]
		if _, err := io.ReadFull(e.o.body, (*buf)[head:]); err != nil {
			return &sendError{failExchange, readError{err}}
		}
	}
	if _, err := e.conn.Write(*buf); err != nil && !e.o.here {
		// With a body, an answer may have come before it was taken.
		return &sendError{failExchange, err}
	}
	if e.o.here {
		e.await()
		return nil
	}
	if e.o.body == nil {
		e.await()
		return nil
	}
	if hasToken(e.o.header["Expect"], "100-continue") {
		wait, err := e.expectContinue()
		if !wait || err != nil {
			return err
		}
	}
	e.sent = make(chan error, 1)
	go e.sendBody()
	return nil
}

// await starts the time that the upstream has for its header, unless that came
// before the body was sent to its end.
func (e *exchange) await() {
	if e.client.headerTimeout <= 0 {
		return
	}
	limit := int64(time.Since(e.client.start) + e.client.headerTimeout)
	e.conn.limit.CompareAndSwap(0, limit)
}

// answered ends what await began, for good.
func (e *exchange) answered() { e.conn.limit.Store(never) }

// never is a limit that does not come.
const never = math.MaxInt64

// expectContinue waits a second for the upstream to answer "Expect:
// 100-continue". It reports whether to send the body: after a 100, which reading
// the client's body passes on, or after the second, which is how long clients
// wait themselves.
func (e *exchange) expectContinue() (goOn bool, err error) {
	if err := e.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return false, &sendError{failExchange, err}
	}
	first, err := e.conn.br.Peek(len("HTTP/1.1 100"))
	if err == nil && string(first[8:]) != " 100" {
		e.await()
		return false, nil
	}
	var timeout net.Error
	if err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		return false, &sendError{failExchange, err}
	}
	if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
		return false, &sendError{failExchange, err}
	}
	return true, nil
}

// sendBody copies the client's body to the upstream. An error to write is not
// the call's end: an answer may be on its way (or here already).
func (e *exchange) sendBody() {
	err := errors.New("body not sent")
	defer func() {
		if recover() != nil { // net/http panics when a body is read at a wrong time
			e.conn.Close()
		}
		e.sent <- err
	}()
	err = e.o.writeBody(e.conn)
	if err == nil {
		e.await()
	} else if e.o.clientFailed(err) {
		e.conn.Close() // half a request must not look like a whole one
	}
}

// readHeader reads up to the final answer's header, passing 1xx on.
func (e *exchange) readHeader() (*http.Response, error) {
	req := &http.Request{Method: e.o.method}
	for {
		res, err := http.ReadResponse(e.conn.br, req)
		if err != nil {
			if e.conn.overdue.Load() {
				return nil, &sendError{failTimeout, err}
			}
			return nil, &sendError{failExchange, err}
		}
		switch code := res.StatusCode; {
		case code < 100:
			return nil, &sendError{failExchange, fmt.Errorf("status %d", code)}
		case code >= 200 || code == http.StatusSwitchingProtocols:
			return res, nil
		default:
			e.o.informational(code, res.Header)
		}
	}
}

// attach makes the end of the answer's body the end of the exchange.
func (e *exchange) attach(res *http.Response) {
	if res.StatusCode == http.StatusSwitchingProtocols {
		// The context ends when the client closes its side for writing; the tunnel
		// may still have bytes to bring.
		e.release()
		res.Body = &tunnelEnd{e: e}
		return
	}
	keep := !res.Close
	if res.Body == http.NoBody {
		e.finish(keep)
	}
	res.Body = &answerBody{e: e, body: res.Body, keep: keep, chunked: res.ContentLength < 0}
}

// finish gives the connection back, or closes it where it cannot be used again:
// the request was not sent to its end, or the context ended.
func (e *exchange) finish(keep bool) {
	if e.closed {
		return
	}
	e.closed = true
	if e.sent != nil {
		select {
		case err := <-e.sent:
			keep = keep && err == nil
		default:
			keep = false
		}
	}
	if !e.release() || !keep || e.conn.overdue.Load() {
		e.client.drop(e.conn)
		return
	}
	e.conn.limit.Store(0)
	e.client.put(e.conn)
}

func (e *exchange) fail() { e.finish(false) }

// answerBody is an answer's body that ends its exchange.
type answerBody struct {
	e       *exchange
	body    io.ReadCloser
	keep    bool
	chunked bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if n > 0 && err == nil && b.chunked && b.endIsHere() {
		_, err = b.body.Read(p[n:]) // only the end is left: no bytes
	}
	if err == io.EOF {
		b.e.finish(b.keep)
	}
	return n, err
}

// endIsHere reports whether the last chunk is in the buffer, so that the last
// piece and the end can be told together and go out in one packet.
func (b *answerBody) endIsHere() bool {
	const end = "\r\n0\r\n\r\n"
	br := b.e.conn.br
	if br.Buffered() != len(end) {
		return false
	}
	next, err := br.Peek(len(end))
	return err == nil && string(next) == end
}

// ready reports whether body bytes are here already, so that the header need
// not be sent ahead of them.
func (b *answerBody) ready() bool { return b.e.closed || b.e.conn.br.Buffered() >= 16 }

func (b *answerBody) Close() error {
	b.e.finish(false)
	return nil
}

// tunnelEnd is the upstream's end of a tunnel.
type tunnelEnd struct {
	e    *exchange
	once sync.Once
}

func (t *tunnelEnd) Read(p []byte) (int, error)  { return t.e.conn.br.Read(p) }
func (t *tunnelEnd) Write(p []byte) (int, error) { return t.e.conn.Write(p) }
func (t *tunnelEnd) Close() error {
	t.once.Do(t.e.fail)
	return nil
}
func (t *tunnelEnd) CloseWrite() error {
	if w, ok := t.e.conn.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return t.Close()
}

// appendHeader writes the request line and the header, framed as the client
// framed its request.
func (o *outgoing) appendHeader(b []byte) []byte {
	b = append(b, o.method...)
	b = append(b, ' ')
	b = append(b, o.target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, o.up.Host...)
	b = append(b, "\r\n"...)
	var room [32]string
	names := room[:0]
	for name := range o.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range o.header[name] {
			b = appendField(b, name, value)
		}
	}
	if o.length < 0 {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		b = o.appendTrailerNames(b)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

func (o *outgoing) appendTrailerNames(b []byte) []byte {
	sep := "Trailer: "
	for name := range o.trailer {
		b = append(b, sep...)
		b = append(b, name...)
		sep = ", "
	}
	if sep == ", " {
		b = append(b, "\r\n"...)
	}
	return b
}

// readError is an error of the client's side while its body was read.
type readError struct{ error }

func (o *outgoing) clientFailed(err error) bool {
	var r readError
	return errors.As(err, &r)
}

// chunkRoom is kept free before a piece for its chunk header.
const chunkRoom = 16

// writeBody copies the body, piece by piece as it comes.
func (o *outgoing) writeBody(w io.Writer) error {
	size := largeBuffer
	if o.length > 0 && o.length <= smallBuffer-chunkRoom-2 {
		size = smallBuffer
	}
	buf := getBuffer(size)
	defer putBuffer(buf)
	b := (*buf)[:size]
	for {
		n, err := o.body.Read(b[chunkRoom : size-2])
		if n > 0 {
			if werr := o.writePiece(w, b, n); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return readError{err}
		}
	}
	if o.length >= 0 {
		return nil
	}
	end := append(b[:0], "0\r\n"...)
	for name, values := range o.trailer {
		for _, v := range values {
			end = appendField(end, name, v)
		}
	}
	_, err := w.Write(append(end, "\r\n"...))
	return err
}

// writePiece writes n bytes at b[chunkRoom:], as a chunk where asked for.
func (o *outgoing) writePiece(w io.Writer, b []byte, n int) error {
	from, to := chunkRoom, chunkRoom+n
	if o.length < 0 {
		var hex [chunkRoom]byte
		line := append(strconv.AppendInt(hex[:0], int64(n), 16), "\r\n"...)
		from -= copy(b[chunkRoom-len(line):], line)
		to += copy(b[to:], "\r\n")
	}
	_, err := w.Write(b[from:to])
	return err
}
