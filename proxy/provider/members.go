package provider

import (
	"bytes"
	"strconv"
)

// members iterates over an object that the walker kept: compact JSON, balanced
// but otherwise unchecked. Anything unexpected ends the iteration.
type members struct {
	rest     []byte
	key, val []byte // key without quotes (see plainKey); val as written
}

// object begins an iteration; of what is not an object there are no members.
func object(b []byte) members {
	if len(b) < 2 || b[0] != '{' {
		return members{}
	}
	return members{rest: b[1:]}
}

func (m *members) next() bool {
	b := m.rest
	if len(b) > 0 && b[0] == ',' {
		b = b[1:]
	}
	m.rest = nil
	if len(b) == 0 || b[0] != '"' {
		return false
	}
	k := valueEnd(b)
	if k == 0 || k >= len(b) || b[k] != ':' {
		return false
	}
	v := valueEnd(b[k+1:])
	if v == 0 {
		return false
	}
	m.key, m.val = plainKey(b[1:k-1]), b[k+1:k+1+v]
	m.rest = b[k+1+v:]
	return true
}

// plainKey undoes a key's escapes: no key that matters needs any, but JSON lets
// a writer escape every letter. A key that needs its escapes stays as it is.
func plainKey(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key
	}
	if plain := []byte(unquote(key)); rawKey(plain) {
		return plain
	}
	return key
}

// elements iterates over an array, in the same manner.
type elements struct {
	rest []byte
	val  []byte
}

func array(b []byte) elements {
	if len(b) < 2 || b[0] != '[' {
		return elements{}
	}
	return elements{rest: b[1:]}
}

func (e *elements) next() bool {
	b := e.rest
	if len(b) > 0 && b[0] == ',' {
		b = b[1:]
	}
	e.rest = nil
	n := valueEnd(b)
	if n == 0 {
		return false
	}
	e.val, e.rest = b[:n], b[n:]
	return true
}

// valueEnd returns the length of the value at the start of b, 0 if there is
// none that ends.
func valueEnd(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch class[b[0]] {
	case classQuote:
		return stringEnd(b)
	case classOpen:
		return containerEnd(b)
	}
	i := 0
	for i < len(b) && class[b[i]] == 0 {
		i++
	}
	return i
}

func containerEnd(b []byte) int {
	open := 0
	for i := 0; i < len(b); i++ {
		switch class[b[i]] {
		case classQuote:
			n := stringEnd(b[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case classOpen:
			open++
		case classClose:
			if open--; open == 0 {
				return i + 1
			}
		}
	}
	return 0
}

func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// stringOf returns the text of a string value; "" for any other value.
func stringOf(val []byte) string {
	if len(val) < 2 || val[0] != '"' {
		return ""
	}
	return unquote(val[1 : len(val)-1])
}

// unquote undoes the escapes of a string as written. A broken escape, or one
// that was cut off, ends the text there.
func unquote(b []byte) string {
	q := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' {
			q = append(q, c)
			continue
		}
		if i++; i == len(b) {
			break
		}
		switch c = b[i]; c {
		case '/':
			q = append(q, '/')
		case 'u':
			if i+4 >= len(b) {
				i = len(b)
				break
			}
			n, err := strconv.ParseUint(string(b[i+1:i+5]), 16, 16)
			if err != nil {
				n = '?'
			}
			q = append(q, string(rune(n))...)
			i += 4
		case 'n', 't', 'r', 'b', 'f':
			q = append(q, ' ')
		default:
			q = append(q, c)
		}
	}
	return string(q)
}

// maxMembers bounds the members of a usage object that are laid over each
// other; real ones have a dozen.
const maxMembers = 64

// overlay appends to dst the object old with new laid over it: of each field
// the last value that is not null. Objects within are laid over each other in
// the same way, arrays replaced.
func overlay(dst, old, new []byte, depth int) []byte {
	dst = append(dst, '{')
	start := len(dst)
	for m, n := object(old), 0; m.next() && n < maxMembers; n++ {
		val := m.val
		later := member(new, m.key)
		dst = separate(dst, start)
		dst = append(append(append(dst, '"'), m.key...), '"', ':')
		switch {
		case later == nil || string(later) == "null":
			dst = append(dst, val...)
		case val[0] == '{' && later[0] == '{' && depth < 4:
			dst = overlay(dst, val, later, depth+1)
		default:
			dst = append(dst, later...)
		}
	}
	for m, n := object(new), 0; m.next() && n < maxMembers; n++ {
		if member(old, m.key) == nil {
			dst = separate(dst, start)
			dst = append(append(append(append(dst, '"'), m.key...), '"', ':'), m.val...)
		}
	}
	return append(dst, '}')
}

// separate appends a comma unless dst is still at the container's start.
func separate(dst []byte, start int) []byte {
	if len(dst) > start {
		return append(dst, ',')
	}
	return dst
}

// member returns the last value of a key, nil if there is none.
func member(b, key []byte) (val []byte) {
	for m := object(b); m.next(); {
		if string(m.key) == string(key) {
			val = m.val
		}
	}
	return val
}
