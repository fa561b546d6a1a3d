package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// via is one request through net/http's transport.
type via struct {
	o      *outgoing
	cancel context.CancelFunc

	mu       sync.Mutex
	sent     bool // the header was written
	answered bool // the upstream has begun to answer
	done     bool // the answer is there, or none will come
}

// viaTransport sends o through t. The caller closes the response's body.
func viaTransport(ctx context.Context, t *http.Transport, o *outgoing) (*http.Response, error) {
	v := &via{o: o}
	ctx, v.cancel = context.WithCancel(ctx) // ends with the call
	res, err := t.RoundTrip(v.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:        v.gotConn,
		WroteHeaders:   v.wroteHeaders,
		Got100Continue: v.goOn, // before the body is read
		GotFirstResponseByte: func() {
			v.mu.Lock()
			v.answered = true
			v.mu.Unlock()
		},
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if code != http.StatusSwitchingProtocols {
				v.informational(code, http.Header(h))
			}
			return nil
		},
	})))
	v.mu.Lock()
	v.done = true
	v.mu.Unlock()
	if err == nil && res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = viaAnswer{res.Body, v.cancel}
	}
	return res, err
}

// viaAnswer is an answer's body.
type viaAnswer struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the call: else it would wait, over HTTP/2, until the rest of the
// request's body has been read, which may never come.
func (a viaAnswer) Close() error {
	a.cancel()
	return a.ReadCloser.Close()
}

func (v *via) wroteHeaders() {
	v.mu.Lock()
	v.sent = true
	v.mu.Unlock()
}

// gotConn ends the call where the transport wants to send it again. It does that
// with a request without body, or that carries an Idempotency-Key, when a kept
// connection turns out dead, and over HTTP/2 as often as the upstream resets it.
func (v *via) gotConn(info httptrace.GotConnInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.sent {
		return
	}
	v.cancel()
	// Over HTTP/2 the context is looked at before a request is written, and others
	// use the connection. Over HTTP/1.1 it is not, and nobody does.
	if c, ok := info.Conn.(*tls.Conn); !ok || c.ConnectionState().NegotiatedProtocol != "h2" {
		info.Conn.Close()
	}
}

func (v *via) informational(code int, h http.Header) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.done {
		v.o.informational(code, h)
	}
}

func (v *via) goOn() { v.informational(http.StatusContinue, nil) }

// request is the call for the transport. GetBody stays unset, so that a body is
// never sent again.
func (v *via) request(ctx context.Context) *http.Request {
	o := v.o
	r := &http.Request{
		Method:        o.method,
		URL:           o.url(),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        maps.Clone(o.header), // what is changed below is for net/http only
		Host:          o.up.Host,
		ContentLength: o.length,
		Trailer:       o.trailer,
		Body:          http.NoBody,
	}
	if o.sent != nil {
		ended := o.body.onEOF
		o.body.onEOF = func() {
			if ended != nil {
				ended()
			}
			o.sent()
		}
	}
	if o.length < 0 {
		r.TransferEncoding = []string{"chunked"}
	}
	if o.length != 0 {
		r.Body = &viaBody{via: v, tell: o.waiting != nil}
	}
	if v, ok := r.Header["Expect"]; ok && (o.waiting == nil || !o.waiting()) {
		// Spelled so that net/http, which would wait for an answer, does not
		// recognise it. Names are case-insensitive for the receiver.
		delete(r.Header, "Expect")
		r.Header["expect"] = v
	}
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = nil
	}
	return r.WithContext(ctx)
}

// viaBody is the request's body for the transport.
type viaBody struct {
	via    *via
	tell   bool // the client may wait to be told to go on
	closed atomic.Bool
}

var errBodyClosed = errors.New("body closed by the transport")

func (b *viaBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, errBodyClosed
	}
	if b.tell { // net/http's server would tell it while another goroutine writes
		b.tell = false
		b.via.goOn()
	}
	return b.via.o.body.Read(p)
}

// Close leaves the client's body alone, which it would read on. A transport that
// gives up before the upstream has begun to answer returns when the body's read
// does, which may never be, or when the call is cancelled.
func (b *viaBody) Close() error {
	v := b.via
	b.closed.Store(true)
	_, err := v.o.body.state()
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil && !v.answered && !v.done {
		v.cancel()
	}
	return nil
}

// url carries the target as it came. Opaque is sent as it is but for a leading
// "//", which net/http would take for a host: that case goes through RawPath.
func (o *outgoing) url() *url.URL {
	u := &url.URL{Scheme: o.up.Scheme, Host: o.up.Host}
	path, query, hasQuery := strings.Cut(o.target, "?")
	u.RawQuery, u.ForceQuery = query, hasQuery
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return u
	}
	u.RawPath = path
	u.Path, _ = url.PathUnescape(path)
	return u
}
