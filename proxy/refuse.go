package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
)

// healthPath is the one path of burn's own on the main listener.
const healthPath = "/burn/healthz"

// admit answers what is not to be forwarded and reports whether to go on.
func (p *Proxy) admit(w http.ResponseWriter, r *http.Request, path string, targetOK bool) bool {
	switch r.Method {
	case http.MethodConnect, http.MethodTrace, "PRI":
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		p.refuse(w, http.StatusMethodNotAllowed, "burn_method", "this method is not forwarded", nil)
		return false
	}
	switch {
	case !targetOK:
		p.refuse(w, http.StatusBadRequest, "burn_target", "the request target is not a path", nil)
	case p.checkHost && r.Host != "" && !loopbackHost(r.Host) && !p.routes.hosts(r.Host):
		p.refuse(w, http.StatusForbidden, "burn_host", "the Host header does not name this machine; "+
			"listening on loopback without a token, burn serves loopback names and its upstreams' only", nil)
	case path == healthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		writeHealth(w, "")
	case p.hasToken && !p.authorized(r.Header):
		p.refuse(w, http.StatusUnauthorized, "burn_token", "the X-Burn-Token header is missing or wrong", nil)
	case framingOf(r) == framingTwofold:
		w.Header().Set("Connection", "close")
		p.refuse(w, http.StatusBadRequest, "burn_framing", "the request has a Content-Length beside a Transfer-Encoding", nil)
	case hasDotSegment(path):
		p.refuse(w, http.StatusBadRequest, "burn_path", "the path holds a dot segment", nil)
	default:
		return true
	}
	return false
}

// authorized compares digests, so that neither content nor length of the token
// shows in the time it takes.
func (p *Proxy) authorized(h http.Header) bool {
	values := h[tokenHeader]
	if len(values) != 1 {
		return false
	}
	sum := sha256.Sum256([]byte(values[0]))
	return subtle.ConstantTimeCompare(sum[:], p.token[:]) == 1
}

func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return isLoopback(host)
}

func (p *Proxy) refuse(w http.ResponseWriter, status int, kind, text string, upstreams []string) {
	p.countRefused(kind)
	writeError(w, status, kind, text, upstreams)
}

// writeError answers with an error object of the shape that the providers' own
// SDKs read.
func writeError(w http.ResponseWriter, status int, kind, text string, upstreams []string) {
	type problem struct {
		Type      string   `json:"type"`
		Code      string   `json:"code"`
		Message   string   `json:"message"`
		Upstreams []string `json:"upstreams,omitempty"`
	}
	b, err := json.Marshal(map[string]problem{"error": {kind, kind, "burn: " + text, upstreams}})
	if err != nil {
		panic(err) // strings always marshal
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may be gone; there is nobody to tell
}

func writeHealth(w http.ResponseWriter, more string) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Cache-Control"] = []string{"no-store"}
	_, _ = w.Write([]byte("ok\n" + more))
}
