package proxy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// object is a flat JSON object or a baggage list: keys to values. A nil object
// has no keys.
type object map[string]string

// any returns the first of the keys that has a value.
func (o object) any(keys ...string) string {
	for _, k := range keys {
		if v := o[k]; v != "" {
			return v
		}
	}
	return ""
}

// parseJSON reads a header that holds a JSON object. Strings, numbers and
// booleans are kept, the rest left out; what is not an object is nil.
func parseJSON(s string) object {
	if s == "" {
		return nil
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &raw) != nil {
		return nil
	}
	o := make(object, len(raw))
	for k, v := range raw {
		switch {
		case len(v) == 0 || v[0] == '{' || v[0] == '[' || string(v) == "null":
		case v[0] == '"':
			var text string
			if json.Unmarshal(v, &text) == nil {
				o[k] = text
			}
		default:
			o[k] = string(v)
		}
	}
	return o
}

// baggage reads a W3C baggage header: comma-separated key=value, each with
// optional ;properties, values percent-encoded.
func baggage(s string) object {
	if s == "" {
		return nil
	}
	o := make(object)
	for member := range strings.SplitSeq(s, ",") {
		member, _, _ = strings.Cut(member, ";")
		k, v, ok := strings.Cut(member, "=")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if !ok || o[k] != "" {
			continue
		}
		if plain, err := url.PathUnescape(v); err == nil {
			v = plain
		}
		o[k] = v
	}
	return o
}

// listEntry returns the value of the first "key:value" in a comma-separated
// list.
func listEntry(list, key string) string {
	if list == "" {
		return ""
	}
	for entry := range strings.SplitSeq(list, ",") {
		k, v, ok := strings.Cut(strings.Trim(entry, ` []"'`), ":")
		if ok && strings.EqualFold(strings.TrimSpace(k), key) {
			if v = strings.TrimSpace(v); v != "" {
				return v
			}
		}
	}
	return ""
}

// spanContext is where in a trace a request was made; what is "" is not known.
type spanContext struct{ trace, span, parent string }

// parseTraceparent reads version-traceid-parentid-flags (W3C Trace Context),
// lower-case hex, ids not all zero. Later versions may append fields. The id that
// it calls the parent's is the caller's own span.
func parseTraceparent(s string) spanContext {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return spanContext{}
	}
	version, trace, span, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case !lowerHex(version) || version == "ff" || !lowerHex(flags) || !hexID(trace) || !hexID(span):
	case len(s) > 55 && (version == "00" || s[55] != '-'):
	default:
		return spanContext{trace: trace, span: span}
	}
	return spanContext{}
}

// parseB3 reads traceid-spanid[-sampled[-parentspanid]] (Zipkin's single header).
// A sampling decision alone names no trace.
func parseB3(s string) spanContext {
	if s == "" { // as in most calls
		return spanContext{}
	}
	field := strings.Split(s, "-")
	if len(field) < 2 || len(field) > 4 || !hexID(field[0]) || !hexID(field[1]) {
		return spanContext{}
	}
	c := spanContext{trace: field[0], span: field[1]}
	if len(field) == 4 && hexID(field[3]) {
		c.parent = field[3]
	}
	return c
}

// datadogSpan gives a span that Datadog writes in decimal as others write it, in
// 16 hex digits.
func datadogSpan(s string) string {
	if s == "" { // as in most calls; an error costs an allocation
		return ""
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", n)
}

// hexID tells whether s is an id in lower-case hex that is not all zero.
func hexID(s string) bool { return lowerHex(s) && strings.Trim(s, "0") != "" }

func lowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// amznRoot returns the Root of an X-Amzn-Trace-Id ("Root=1-…;Parent=…;…"), or
// the whole where it has no such field.
func amznRoot(s string) string {
	if root, ok := amznField(s, "Root"); ok {
		return root
	}
	return s
}

// amznParent returns its Parent, the caller's segment.
func amznParent(s string) string {
	parent, _ := amznField(s, "Parent")
	return parent
}

func amznField(s, key string) (value string, ok bool) {
	for field := range strings.SplitSeq(s, ";") {
		if k, value, ok := strings.Cut(strings.TrimSpace(field), "="); ok && k == key {
			return value, true
		}
	}
	return "", false
}

// product returns the first product token of a User-Agent (RFC 9110 section
// 10.1.5). A comment, or anything else that no product begins with, is the
// client's own text and not kept.
func product(userAgent string) string {
	token, _, _ := strings.Cut(strings.TrimSpace(userAgent), " ")
	end := strings.IndexFunc(token, func(c rune) bool {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return false
		}
		return !strings.ContainsRune("!#$%&'*+-.^_`|~/", c)
	})
	if end >= 0 {
		return token[:end]
	}
	return token
}
