package provider

import "burn/proxy/usage"

// rawStrings are the keys whose strings may stand in raw_usage.
var rawStrings = set("modality", "type", "ttl", "model", "service_tier", "serviceTier", "speed", "inference_geo", "trafficType")

const rawDepth = 6

// rawUsage filters a usage object for the record's raw_usage: numbers as their
// literals, booleans, and strings under rawStrings; keys must be identifiers;
// zeros, nulls and what becomes empty are dropped. A member that would pass
// usage.MaxRawUsage is left out. The result is compact JSON, nil if nothing is
// left.
func rawUsage(obj []byte) []byte {
	b := appendObject(make([]byte, 0, min(len(obj), usage.MaxRawUsage)), obj, 0)
	if len(b) <= len("{}") {
		return nil
	}
	return b
}

// room is what must stay free for the brackets that are still to be closed.
func room(depth int) int { return usage.MaxRawUsage - depth - 1 }

func appendObject(dst, obj []byte, depth int) []byte {
	dst = append(dst, '{')
	start := len(dst)
	for m := object(obj); m.next(); {
		if !rawKey(m.key) || string(m.val) == "0" {
			continue
		}
		before := len(dst)
		dst = separate(dst, start)
		dst = append(append(append(dst, '"'), m.key...), '"', ':')
		at := len(dst)
		dst = appendRaw(dst, m.val, m.key, depth+1)
		if len(dst) == at || len(dst) > room(depth) {
			dst = dst[:before]
		}
	}
	return append(dst, '}')
}

func appendArray(dst, arr, key []byte, depth int) []byte {
	dst = append(dst, '[')
	start := len(dst)
	for e := array(arr); e.next(); {
		before := len(dst)
		dst = separate(dst, start)
		at := len(dst)
		dst = appendRaw(dst, e.val, key, depth+1)
		if len(dst) == at || len(dst) > room(depth) {
			dst = dst[:before]
		}
	}
	return append(dst, ']')
}

// appendRaw appends a value, or nothing if it is to be dropped.
func appendRaw(dst, val, key []byte, depth int) []byte {
	before := len(dst)
	switch val[0] {
	case '{':
		if depth < rawDepth {
			dst = appendObject(dst, val, depth)
		}
	case '[':
		if depth < rawDepth {
			dst = appendArray(dst, val, key, depth)
		}
	case '"':
		if s := usage.Ident(stringOf(val)); s != "" && rawStrings[string(key)] {
			dst = append(append(append(dst, '"'), s...), '"')
		}
		return dst
	case 't', 'f':
		if s := string(val); s == "true" || s == "false" {
			dst = append(dst, s...)
		}
		return dst
	default:
		if ok, zero := literal(val); ok && !zero {
			dst = append(dst, val...)
		}
		return dst
	}
	if len(dst) == before+len("{}") {
		return dst[:before]
	}
	return dst
}

func rawKey(k []byte) bool {
	if len(k) == 0 || len(k) > 64 {
		return false
	}
	for _, c := range k {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}
