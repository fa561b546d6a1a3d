package proxy

import (
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop are the headers that concern one connection (RFC 9110 section 7.6.1)
// in canonical form, and burn's own. Trailer and Transfer-Encoding are taken
// out by net/http, which frames messages anew.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
	tokenHeader, "X-Burn-Step",
}

// tokenHeader carries the proxy's own token.
const tokenHeader = "X-Burn-Token"

// stripHopByHop removes what must not be forwarded. "TE: trailers" stays: it
// tells the upstream that trailers will arrive, which is so.
func stripHopByHop(h http.Header) {
	trailers := hasToken(h["Te"], "trailers")
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			// A length is the message's own, whatever the list says: without it the
			// body would be taken for the next message.
			if name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name != "Content-Length" {
				delete(h, name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
	if trailers {
		h["Te"] = []string{"trailers"}
	}
}

// hasToken reports whether a comma-separated list holds a token.
func hasToken(values []string, token string) bool {
	for _, list := range values {
		for t := range strings.SplitSeq(list, ",") {
			t, _, _ = strings.Cut(t, ";")
			if strings.EqualFold(textproto.TrimString(t), token) {
				return true
			}
		}
	}
	return false
}

// upgradeProtocol returns what a message asks to switch to, or "". HTTP/2 over
// plaintext is not passed: it would hide every request inside from the record.
func upgradeProtocol(h http.Header) string {
	if len(h["Upgrade"]) == 0 || !hasToken(h["Connection"], "upgrade") {
		return ""
	}
	protocol := h["Upgrade"][0]
	if strings.HasPrefix(strings.ToLower(protocol), "h2c") {
		return ""
	}
	return protocol
}
