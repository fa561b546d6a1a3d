package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxResponseHeader bounds an upstream's header block.
const maxResponseHeader = 1 << 20

// newTransport makes the net/http side of the upstream connections. It never
// follows redirects (RoundTrip does not), never retries (see request) and adds
// nothing to a request.
func newTransport(cfg *Config, roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout:    30 * time.Second,
		DisableCompression:     true,
		MaxIdleConns:           2048,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
		WriteBufferSize:        4 << 10,
		ReadBufferSize:         4 << 10,
		ForceAttemptHTTP2:      true,
	}
	if cfg.UseEnvProxy {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

// newClients makes burn's own clients, one per upstream that is reached
// directly.
func newClients(cfg *Config, t *routes, roots *x509.CertPool) map[*Upstream]*client {
	clients := make(map[*Upstream]*client)
	for _, up := range t.byName {
		if cfg.UseEnvProxy && up.Scheme == "https" {
			continue
		}
		c := &client{up: up, start: time.Now(), headerTimeout: cfg.HeaderTimeout, dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}}
		if up.Scheme == "https" {
			host, _, _ := net.SplitHostPort(up.address())
			c.tls = &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{"h2", "http/1.1"}}
		}
		clients[up] = c
	}
	return clients
}

// viaTransport sends o through t. The caller closes the response's body.
func viaTransport(ctx context.Context, t *http.Transport, o *outgoing) (*http.Response, error) {
	var mu sync.Mutex
	done := false
	trace := &httptrace.ClientTrace{
		Got100Continue: func() { // before the body is read
			mu.Lock()
			defer mu.Unlock()
			if !done {
				o.informational(http.StatusContinue, nil)
			}
		},
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			mu.Lock()
			defer mu.Unlock()
			if !done && code != http.StatusSwitchingProtocols {
				o.informational(code, http.Header(h))
			}
			return nil
		},
	}
	res, err := t.RoundTrip(o.request(httptrace.WithClientTrace(ctx, trace)))
	mu.Lock()
	done = true
	mu.Unlock()
	return res, err
}

// request is o for net/http's transport, arranged so that it is sent at most
// once: the transport resends what has no body, or carries an Idempotency-Key
// and no body, when a kept connection turns out dead. So a request without body
// gets an empty one the transport cannot see through, and GetBody stays unset.
func (o *outgoing) request(ctx context.Context) *http.Request {
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
	switch {
	case o.length < 0:
		r.Body = o.body
		r.TransferEncoding = []string{"chunked"}
	case o.length > 0:
		r.Body = o.body
	case lacksBody(o.method):
		r.Body = onceBody{}
	default:
		r.Body = http.NoBody
		hideIdempotency(r.Header)
	}
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = nil
	}
	return r.WithContext(ctx)
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

// lacksBody tells the methods for which net/http sends no Content-Length when
// there is no body. For the others it sends "Content-Length: 0".
func lacksBody(method string) bool {
	switch method {
	case "POST", "PUT", "PATCH":
		return false
	}
	return true
}

// onceBody is empty and, unlike http.NoBody, keeps the transport from
// considering a request replayable.
type onceBody struct{}

func (onceBody) Read([]byte) (int, error) { return 0, io.EOF }
func (onceBody) Close() error             { return nil }

// hideIdempotency spells the headers that make net/http resend a POST so that
// it does not recognise them. Names are case-insensitive for the receiver.
func hideIdempotency(h http.Header) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if v, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = v
		}
	}
}

// failure classes of an exchange that brought no answer.
type failure int

const (
	failDial     failure = iota // no connection
	failTLS                     // no trust, or no TLS at the other end
	failTimeout                 // no header in time
	failExchange                // connected, then broken or malformed: may have been processed
)

// classify sorts a transport's error. Only the class leaves this function;
// the text of such errors can hold URLs and header values.
func classify(err error) failure {
	var sent *sendError
	if errors.As(err, &sent) {
		return sent.class
	}
	var op *net.OpError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert):
		return failTLS
	case strings.Contains(err.Error(), "TLS handshake timeout"), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return failTLS
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial", errors.As(err, &op) && op.Op == "proxyconnect":
		return failDial
	case errors.As(err, &timeout) && timeout.Timeout():
		return failTimeout
	}
	return failExchange
}
