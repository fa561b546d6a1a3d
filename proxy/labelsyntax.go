package proxy

import (
	"encoding/json"
	"net/url"
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

// parseTraceparent reads version-traceid-parentid-flags, lower-case hex, ids
// not all zero. Later versions may append fields.
func parseTraceparent(s string) (trace, parent string, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return "", "", false
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case !lowerHex(version) || version == "ff" || !lowerHex(trace) || !lowerHex(parent) || !lowerHex(flags):
	case strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "":
	case len(s) > 55 && (version == "00" || s[55] != '-'):
	default:
		return trace, parent, true
	}
	return "", "", false
}

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
	for field := range strings.SplitSeq(s, ";") {
		if root, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok {
			return root
		}
	}
	return s
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
