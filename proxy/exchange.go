package proxy

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// exchange is one request and its answer on a connection.
type exchange struct {
	client  *client
	conn    *upConn
	o       *outgoing
	release func() bool // stops watching the context; false: it was too late
	closed  bool        // given up or given back

	mu      sync.Mutex
	sending bool        // sendBody runs
	sendErr error       // what it ended with
	late    *time.Timer // not nil: sendBody gives the connection back, this cuts it
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
	if e.o.here && e.o.length > smallBuffer {
		return e.sendHere()
	}
	size := smallBuffer
	if e.o.here {
		size += int(e.o.length)
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
	if e.o.waiting != nil {
		wait, err := e.expectContinue()
		if !wait || err != nil {
			return err
		}
	}
	e.sending = true
	go func() {
		if e.sendBody() && e.o.sent != nil {
			e.o.sent()
		}
	}()
	return nil
}

// sendHere sends a body that is here already from where its copy is kept.
func (e *exchange) sendHere() error {
	buf := getBuffer(smallBuffer)
	defer putBuffer(buf)
	*buf = e.o.appendHeader((*buf)[:0])
	n := int(e.o.length)
	body, err := e.o.body.piece(n, n)
	if len(body) < n {
		e.o.body.written(err)
		return &sendError{failExchange, readError{err}}
	}
	// An error to write is no failure: an answer may have come before.
	if e.client.tls == nil {
		_, _ = (&net.Buffers{*buf, body}).WriteTo(e.conn.tcp)
	} else if _, werr := e.conn.Write(*buf); werr == nil {
		_, _ = e.conn.Write(body)
	}
	e.o.body.written(err)
	e.await()
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

// goOnAfter is how long an upstream has to answer "Expect: 100-continue", which
// is how long clients wait themselves; expectStep is how often is looked whether
// the client sends without having been told, as some do.
const (
	goOnAfter  = time.Second
	expectStep = 20 * time.Millisecond
)

// expectContinue waits for the answer to "Expect: 100-continue" and reports
// whether to send the body: after a 100, or without one when the time is over or
// the client sends; then the client is told to go on in the upstream's place.
// Both are passed on here, before another goroutine reads the body: net/http
// would send a 100 of its own then.
func (e *exchange) expectContinue() (goOn bool, err error) {
	for end := time.Now().Add(e.client.goOnAfter); ; {
		if !e.o.waiting() || !time.Now().Before(end) {
			e.o.informational(http.StatusContinue, nil)
			return true, nil
		}
		if err := e.conn.SetReadDeadline(time.Now().Add(expectStep)); err != nil {
			return false, &sendError{failExchange, err}
		}
		first, peekErr := e.conn.br.Peek(len("HTTP/1.1 100"))
		if err := e.conn.SetReadDeadline(time.Time{}); err != nil {
			return false, &sendError{failExchange, err}
		}
		var timeout net.Error
		switch {
		case errors.As(peekErr, &timeout) && timeout.Timeout():
			continue
		case peekErr != nil:
			return false, &sendError{failExchange, peekErr}
		}
		code := string(first[9:])
		if code[0] != '1' || code == "101" {
			e.await()
			return false, nil
		}
		if _, err := e.readResponse(); err != nil {
			return false, err
		}
		if code == "100" {
			return true, nil
		}
	}
}

// sendBody copies the client's body to the upstream and reports whether all of
// it was taken. An error to write is not the call's end: an answer may be on its
// way (or here already).
func (e *exchange) sendBody() (whole bool) {
	err := errors.New("body not sent")
	defer func() {
		if recover() != nil { // net/http panics when a body is read at a wrong time
			e.conn.Close()
		}
		e.bodySent(err)
	}()
	err = e.o.writeBody(e.conn)
	if err == nil {
		e.await()
	} else if e.o.clientFailed(err) {
		e.conn.Close() // half a request must not look like a whole one
	}
	return err == nil
}

// readHeader reads up to the final answer's header, passing 1xx on.
func (e *exchange) readHeader() (*http.Response, error) {
	for {
		res, err := e.readResponse()
		if err != nil || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
	}
}

// readResponse reads one header and passes it on if it is a 1xx other than 101.
func (e *exchange) readResponse() (*http.Response, error) {
	res, err := http.ReadResponse(e.conn.br, &http.Request{Method: e.o.method})
	switch {
	case err != nil && e.conn.overdue.Load():
		return nil, &sendError{failTimeout, err}
	case err != nil:
		return nil, &sendError{failExchange, err}
	case res.StatusCode < 100:
		return nil, &sendError{failExchange, fmt.Errorf("status %d", res.StatusCode)}
	case res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols:
		e.o.informational(res.StatusCode, res.Header)
	}
	return res, nil
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
	var body io.Reader = res.Body
	switch {
	case res.Body == http.NoBody:
		e.finish(keep)
	case len(res.TransferEncoding) > 0: // chunked; net/http knows no other
		body = &chunks{conn: e.conn, res: res}
	}
	res.Body = &answerBody{e: e, body: body, keep: keep}
}

// lateBody is how long a body that was read to its end may still be on its way
// when the answer to it is complete.
const lateBody = time.Second

// finish gives the connection back, or closes it where it cannot be used again:
// the request was not sent to its end, or the context ended. An upstream that
// answers at once can be faster than the goroutine that has just written the
// last of the body; then that goroutine gives the connection back.
func (e *exchange) finish(keep bool) {
	if e.closed {
		return
	}
	e.closed = true
	keep = e.release() && keep
	e.mu.Lock()
	if e.sending && keep {
		if _, err := e.o.body.state(); err == io.EOF {
			e.late = time.AfterFunc(lateBody, func() { e.conn.Close() })
			e.mu.Unlock()
			return
		}
	}
	keep = keep && !e.sending && e.sendErr == nil
	e.mu.Unlock()
	e.giveBack(keep)
}

// bodySent notes that sendBody is done.
func (e *exchange) bodySent(err error) {
	e.mu.Lock()
	e.sending, e.sendErr = false, err
	late := e.late
	e.mu.Unlock()
	if late != nil {
		e.giveBack(late.Stop() && err == nil)
	}
}

func (e *exchange) giveBack(keep bool) {
	if !keep || e.conn.overdue.Load() {
		e.client.drop(e.conn)
		return
	}
	e.conn.limit.Store(0)
	e.client.put(e.conn)
}

func (e *exchange) fail() { e.finish(false) }

// answerBody is an answer's body that ends its exchange.
type answerBody struct {
	e    *exchange
	body io.Reader
	keep bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.e.finish(b.keep)
	}
	return n, err
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
