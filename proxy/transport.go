package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// maxResponseHeader bounds an upstream's header block.
const maxResponseHeader = 1 << 20

// newTransport makes the net/http side of the upstream connections. It never
// follows redirects (RoundTrip does not), never retries (see via) and adds
// nothing to a request.
func newTransport(cfg *Config, roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		MaxIdleConns:           2 * maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleFor,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		ExpectContinueTimeout:  cfg.goOnAfter,
		MaxResponseHeaderBytes: maxResponseHeader,
		WriteBufferSize:        4 << 10,
		ReadBufferSize:         4 << 10,
		ForceAttemptHTTP2:      true,
		// Calls share a connection over HTTP/2. One that is dead without a word of
		// it would take every further call with it for a quarter of an hour.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
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
		c := &client{
			up: up, start: time.Now(), headerTimeout: cfg.HeaderTimeout, goOnAfter: cfg.goOnAfter,
			dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive},
		}
		if up.Scheme == "https" {
			host, _, _ := net.SplitHostPort(up.address())
			c.tls = &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{"h2", "http/1.1"}}
		}
		clients[up] = c
	}
	return clients
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
