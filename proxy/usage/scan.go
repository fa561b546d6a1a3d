package usage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// The tokenizer: exactly JSON's grammar (RFC 8259), as encoding/json takes it,
// on a line in memory. Every method starts at d.i and leaves it behind what it
// read; false means bad syntax and d.i is near it.

// maxDepth is encoding/json's own limit on nesting.
const maxDepth = 10000

func (d *Decoder) peek() byte {
	if d.i < len(d.b) {
		return d.b[d.i]
	}
	return 0
}

func (d *Decoder) space() {
	if d.i < len(d.b) && d.b[d.i] <= ' ' {
		d.spaces()
	}
}

func (d *Decoder) spaces() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// end reports whether only white space follows.
func (d *Decoder) end() bool {
	d.space()
	return d.i == len(d.b)
}

func (d *Decoder) word(w string) bool {
	if len(d.b)-d.i < len(w) || view(d.b[d.i:d.i+len(w)]) != w {
		return false
	}
	d.i += len(w)
	return true
}

// object calls f for each member with d.i at the value.
func (d *Decoder) object(f func(*Decoder, string) bool) bool {
	d.i++
	d.space()
	if d.peek() == '}' {
		d.i++
		return true
	}
	for {
		if d.peek() != '"' {
			return false
		}
		key, ok := d.string()
		if !ok {
			return false
		}
		d.space()
		if d.peek() != ':' {
			return false
		}
		d.i++
		d.space()
		if !f(d, key) {
			return false
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
			d.space()
		case '}':
			d.i++
			return true
		default:
			return false
		}
	}
}

// array calls f for each element with d.i at it.
func (d *Decoder) array(f func(*Decoder) bool) bool {
	d.i++
	d.space()
	if d.peek() == ']' {
		d.i++
		return true
	}
	for {
		if !f(d) {
			return false
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
			d.space()
		case ']':
			d.i++
			return true
		default:
			return false
		}
	}
}

// skip reads any value. The members of the line are one level deep already.
func (d *Decoder) skip(depth int) bool {
	if depth >= maxDepth-1 {
		return false
	}
	switch c := d.peek(); {
	case c == '"':
		_, ok := d.scanString()
		return ok
	case c == '{':
		return d.skipAll('}', depth+1)
	case c == '[':
		return d.skipAll(']', depth+1)
	case c == 't':
		return d.word("true")
	case c == 'f':
		return d.word("false")
	case c == 'n':
		return d.word("null")
	case c == '-' || c >= '0' && c <= '9':
		_, _, ok := d.number()
		return ok
	}
	return false
}

// skipAll reads the members of an object or the elements of an array, up to
// its closing bracket.
func (d *Decoder) skipAll(closing byte, depth int) bool {
	d.i++
	d.space()
	if d.peek() == closing {
		d.i++
		return true
	}
	for {
		if closing == '}' {
			if end, ok := plainString(d.b, d.i); ok {
				d.i = end
			} else if d.peek() != '"' {
				return false
			} else if _, ok := d.scanString(); !ok {
				return false
			}
			d.space()
			if d.peek() != ':' {
				return false
			}
			d.i++
			d.space()
		}
		if _, end, ok := digits(d.b, d.i); ok {
			d.i = end
		} else if !d.skip(depth) {
			return false
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
			d.space()
		case closing:
			d.i++
			return true
		default:
			return false
		}
	}
}

// number reads a number; whole means digits only, not even a sign.
func (d *Decoder) number() (lit []byte, whole, ok bool) {
	at := d.i
	whole = true
	if d.peek() == '-' {
		d.i++
		whole = false
	}
	switch c := d.peek(); {
	case c == '0':
		d.i++
	case c >= '1' && c <= '9':
		d.digits()
	default:
		return nil, false, false
	}
	if d.peek() == '.' {
		d.i++
		whole = false
		if !d.digits() {
			return nil, false, false
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.i++
		whole = false
		if c := d.peek(); c == '+' || c == '-' {
			d.i++
		}
		if !d.digits() {
			return nil, false, false
		}
	}
	return d.b[at:d.i], whole, true
}

func (d *Decoder) digits() bool {
	at := d.i
	for d.i < len(d.b) && d.b[d.i]-'0' <= 9 {
		d.i++
	}
	return d.i > at
}

// string reads a string. It shares memory with the line unless it holds
// escapes or invalid UTF-8.
func (d *Decoder) string() (string, bool) {
	at := d.i
	simple, ok := d.scanString()
	if !ok {
		return "", false
	}
	raw := d.b[at+1 : d.i-1]
	if simple {
		return view(raw), true
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		if utf8.Valid(raw) {
			return view(raw), true
		}
		return eachInvalid(raw), true
	}
	// Escapes are rare and their rules long: the standard library has them.
	var s string
	if json.Unmarshal(d.b[at:d.i], &s) != nil {
		return "", false
	}
	return s, true
}

// eachInvalid replaces every invalid byte by U+FFFD, one for one, as
// encoding/json does (strings.ToValidUTF8 would fold runs of them).
func eachInvalid(raw []byte) string {
	var s strings.Builder
	for _, r := range string(raw) {
		s.WriteRune(r)
	}
	return s.String()
}

// scanString moves past a string. simple means ASCII without escapes.
func (d *Decoder) scanString() (simple, ok bool) {
	b := d.b
	i := d.i + 1
	simple = true
	for {
		// Eight bytes at a time: stop at a quote, a backslash, a control
		// character or a byte beyond ASCII.
		for i+8 <= len(b) {
			if hit := special(binary.LittleEndian.Uint64(b[i:])); hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			d.i = i
			return false, false
		}
		switch c := b[i]; {
		case c == '"':
			d.i = i + 1
			return simple, true
		case c == '\\':
			simple = false
			n := escape(b[i:])
			if n == 0 {
				d.i = i
				return false, false
			}
			i += n
		case c < 0x20:
			d.i = i
			return false, false
		default:
			if c >= utf8.RuneSelf {
				simple = false
			}
			i++
		}
	}
}

// escape returns the length of the escape sequence at the start of b, 0 if it
// is none of JSON's.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if hexValue[c] > 15 {
				return 0
			}
		}
		return 6
	}
	return 0
}

// view is b as a string without a copy: whoever keeps it must not change b.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
