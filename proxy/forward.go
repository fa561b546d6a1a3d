package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"burn/proxy/usage"
)

// ServeHTTP forwards one request, or refuses it. Every forwarded request ends
// in exactly one call.finish, whatever happens.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := p.now()
	conn := connOf(r)
	if conn != nil {
		conn.unserved = false
	}
	path, query, ok := splitTarget(r.RequestURI)
	if !p.admit(w, r, path, ok) {
		conn.answeredEarly(r)
		return
	}
	up, rest := p.routes.find(path, r.Header)
	if up == nil {
		p.refuse(w, http.StatusNotFound, "burn_no_route", "no upstream for this path", p.routes.names)
		conn.answeredEarly(r)
		return
	}
	upPath := up.Prefix + rest
	if upPath == "" {
		upPath = "/"
	}
	c := p.begin(r, up, upPath, path, query, start)
	end := usage.EndClientAbort // a panic out of the handler leaves nothing else
	defer func() { c.finish(end) }()
	end = p.forward(w, r, c, upPath+query)
	if end == usage.EndUpstreamAbort && c.errorType == "" || end == usage.EndClientAbort || end == usage.EndShutdown {
		// The client must see a broken answer as broken, not as a clean end.
		panic(http.ErrAbortHandler)
	}
	if conn != nil && c.bodyLeft() {
		conn.early.Store(true)
	}
}

// forward sends the request and relays the answer. It returns the record's end.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, c *call, target string) (end string) {
	// Without this, an answer that comes before the request was read to its end
	// is lost (golang/go#40747). HTTP/2 clients have it anyway.
	_ = http.NewResponseController(w).EnableFullDuplex()
	o := &outgoing{
		up: c.up, method: r.Method, target: target, header: r.Header,
		informational: informational(w, r),
	}
	c.attach(o, r)
	c.before = time.Since(c.start)
	res, err := p.send(r.Context(), o)
	if err != nil {
		return p.failed(w, r, c, err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols && c.upgrade != "":
		return p.tunnel(w, c, res)
	case res.StatusCode < 200 || res.StatusCode > 999:
		return p.answerFailure(w, c, failExchange)
	}
	return p.relay(w, r, c, res)
}

// attach gives the outgoing request the client's body, with the copy beside.
func (c *call) attach(o *outgoing, r *http.Request) {
	if c.req == nil {
		return
	}
	o.length, o.body = r.ContentLength, c.req
	conn := connOf(r)
	if r.ProtoAtLeast(1, 1) && hasToken(r.Header["Expect"], "100-continue") {
		o.waiting = func() bool { return conn == nil || !conn.has(1) }
	}
	if o.length > 0 {
		switch {
		case o.length > earlyInspection:
			o.sent = c.inspectSoon
		case conn != nil && o.waiting == nil:
			o.here = conn.has(o.length)
		}
		return
	}
	// Trailers, announced or not, are known when the body has been read.
	o.trailer = make(http.Header, len(r.Trailer))
	for name := range r.Trailer {
		o.trailer[name] = nil
	}
	c.req.onEOF = func() {
		for name, values := range r.Trailer {
			o.trailer[name] = values
		}
	}
	o.sent = func() {
		if n, _ := c.req.state(); n > earlyInspection {
			c.inspectSoon()
		}
	}
}

// informational returns what passes 1xx answers on. A client that waits to be
// told to go on is told once: burn may have said so before the upstream did.
func informational(w http.ResponseWriter, r *http.Request) func(code int, from http.Header) {
	told := false
	return func(code int, from http.Header) {
		if !r.ProtoAtLeast(1, 1) {
			return
		}
		if code == http.StatusContinue && len(r.Header["Expect"]) > 0 {
			if told {
				return
			}
			told = true
		}
		h := w.Header()
		for name, values := range from {
			h[name] = values
		}
		w.WriteHeader(code)
		clear(h)
	}
}

// bodyLeft tells whether an answer that is given now is early: the request has
// not been read to its end. The connection cannot be kept then. What is left would
// be read by net/http behind the handler's back, which starts its watch of the
// connection twice when the next request comes on it.
func (c *call) bodyLeft() bool {
	if c.req == nil {
		return false
	}
	_, err := c.req.state()
	return err != io.EOF
}

// relay passes the answer on as it comes.
func (p *Proxy) relay(w http.ResponseWriter, r *http.Request, c *call, res *http.Response) (end string) {
	stripHopByHop(res.Header)
	h := w.Header()
	for name, values := range res.Header {
		h[name] = values
	}
	// What the upstream did not send is not added.
	for _, name := range []string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil
		}
	}
	if c.bodyLeft() || framingOf(r) != framingClear {
		h["Connection"] = []string{"close"}
	}
	if res.ContentLength < 0 && r.Method != http.MethodHead && r.ProtoAtLeast(1, 1) {
		// Else the server would count a short body and add a Content-Length.
		h["Transfer-Encoding"] = []string{"chunked"}
	}
	announced := len(res.Trailer)
	if announced > 0 {
		names := make([]string, 0, announced)
		for name := range res.Trailer {
			names = append(names, name)
		}
		h["Trailer"] = []string{strings.Join(names, ", ")}
	}
	c.resHeader, c.status, c.answered = res.Header, res.StatusCode, true
	w.WriteHeader(res.StatusCode)
	end = c.copyBody(w, r, res)
	if end != usage.EndComplete {
		return end
	}
	if len(res.Trailer) > 0 {
		// Without a flush a short body would get a Content-Length, and no trailers.
		_ = http.NewResponseController(w).Flush()
		for name, values := range res.Trailer {
			if announced != len(res.Trailer) {
				name = http.TrailerPrefix + name
			}
			h[name] = values
		}
	}
	return usage.EndComplete
}

// Buffer sizes of the relay: a stream's events are small, and there may be
// thousands of streams that wait; a read that fills the small one moves up.
const (
	smallBuffer = 4 << 10
	largeBuffer = 32 << 10
)

// copyBody copies the answer's body: to the client first, flushed, then to the
// usage reader. The last piece of a short answer is left to call.record.
func (c *call) copyBody(w http.ResponseWriter, r *http.Request, res *http.Response) (end string) {
	out := newFlusher(w, c.p.slowClient)
	c.out.Store(out)
	if c.slow.Load() {
		out.arm()
	}
	defer out.close()
	size := smallBuffer
	if res.ContentLength > smallBuffer {
		size = largeBuffer
	}
	if body, ok := res.Body.(*answerBody); !ok || !body.ready() {
		if err := out.flush(); err != nil {
			return c.cause(r, usage.EndClientAbort)
		}
	}
	buf := getBuffer(size)
	defer func() {
		if c.held != buf {
			putBuffer(buf)
		}
	}()
	for {
		b := (*buf)[:size]
		n, err := res.Body.Read(b)
		if n > 0 {
			c.firstByte()
			last := err == io.EOF
			if werr := out.write(b[:n], !last); werr != nil {
				return c.cause(r, usage.EndClientAbort)
			}
			c.passedOn(n)
			if last && c.resp == nil {
				*buf = b[:n]
				c.held = buf
			} else {
				c.readAnswerBytes(b[:n])
			}
		}
		switch {
		case err == io.EOF:
			return usage.EndComplete
		case err != nil:
			return c.cause(r, usage.EndUpstreamAbort)
		case n == size && size == smallBuffer:
			putBuffer(buf)
			size = largeBuffer
			buf = getBuffer(size)
		}
	}
}

// cause corrects what an error looks like by who ended the call.
func (c *call) cause(r *http.Request, looks string) string {
	switch {
	case c.p.killed():
		return usage.EndShutdown
	case r.Context().Err() != nil:
		return usage.EndClientAbort
	}
	return looks
}

// failed answers for an exchange that brought no answer.
func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, c *call, err error) (end string) {
	c.noUsage = c.bodyLeft() // no provider answers, or bills, half a request
	if p.killed() {
		return usage.EndShutdown
	}
	if r.Context().Err() != nil {
		return usage.EndClientAbort
	}
	if c.req != nil {
		if _, readErr := c.req.state(); readErr != nil && readErr != io.EOF {
			return p.badBody(w, c, readErr)
		}
	}
	return p.answerFailure(w, c, classify(err))
}

// badBody ends a call whose client left in the middle of its body, or framed it
// wrongly.
func (p *Proxy) badBody(w http.ResponseWriter, c *call, err error) (end string) {
	var op interface{ Timeout() bool }
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) {
		return usage.EndClientAbort
	}
	c.status = http.StatusBadRequest
	c.errorType = usage.ErrBadBody
	w.Header().Set("Connection", "close")
	writeError(w, c.status, c.errorType, "the request's body is not framed as HTTP/1.1 asks", nil)
	return usage.EndComplete
}

// answers is what the client is told, by failure. No error text of the
// transport is ever quoted: it can hold URLs and header values.
var answers = [...]struct {
	status    int
	errorType string
	text      string
	end       string
	unsent    bool
}{
	failDial:     {http.StatusBadGateway, usage.ErrDial, "cannot connect to the upstream", usage.EndComplete, true},
	failTLS:      {http.StatusBadGateway, usage.ErrTLS, "cannot make a TLS connection to the upstream", usage.EndComplete, true},
	failTimeout:  {http.StatusGatewayTimeout, usage.ErrTimeout, "the upstream did not answer in time", usage.EndTimeout, false},
	failExchange: {http.StatusBadGateway, usage.ErrDial, "the upstream closed the connection without a valid answer", usage.EndUpstreamAbort, false},
}

func (p *Proxy) answerFailure(w http.ResponseWriter, c *call, f failure) (end string) {
	a := &answers[f]
	c.status, c.errorType, c.noUsage = a.status, a.errorType, c.noUsage || a.unsent
	p.meters.failures[f].Inc()
	if c.bodyLeft() {
		w.Header().Set("Connection", "close")
	}
	writeError(w, a.status, a.errorType, a.text+" "+c.up.Provider.Name, nil)
	return a.end
}

// send passes o to what serves its upstream: burn's own client over HTTP/1.1,
// net/http's transport where the upstream chose HTTP/2 or a proxy of the
// environment stands between.
func (p *Proxy) send(ctx context.Context, o *outgoing) (*http.Response, error) {
	if c := p.clients[o.up]; c != nil && (!c.http2.Load() || upgradeProtocol(o.header) != "") {
		res, err := c.roundTrip(ctx, o)
		if err != errHTTP2 {
			return res, err
		}
	}
	return viaTransport(ctx, p.transport, o)
}
