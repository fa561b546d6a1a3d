package provider

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// root is the whole document.
func (d *reqDoc) root() reqVal { return reqVal{pos: uint32(reqSpace(d.b, 0))} }

// kind is the value's first byte: { [ " t f n - or a digit; 0 where there is no
// value.
func (d *reqDoc) kind(v reqVal) byte {
	if v.num == 0 {
		return 0
	}
	return d.b[v.pos]
}

// first returns the first element of an array.
func (d *reqDoc) first(array reqVal) (v reqVal, ok bool) {
	p := reqSpace(d.b, int(array.pos)+1)
	return reqVal{uint32(p), array.num + 1}, d.b[p] != ']'
}

// next returns the element after v.
func (d *reqDoc) next(v reqVal) (reqVal, bool) {
	v = d.skip(v)
	p := reqSpace(d.b, int(v.pos))
	if d.b[p] != ',' {
		return reqVal{}, false
	}
	return reqVal{uint32(reqSpace(d.b, p+1)), v.num}, true
}

// following is next for an element of array. It mostly finds the element by the
// index alone: to look at the text would be to wait for memory, far apart as the
// elements are.
func (d *reqDoc) following(array, v reqVal) (reqVal, bool) {
	if s, ok := d.entry(v); ok && int(s.next()) < len(d.spans) {
		n := reqVal{d.spans[s.next()].start, s.next()}
		// Not more than a comma and a space between, so no other element.
		if n.pos-s.end <= 2 && n.pos < d.spans[array.num].end {
			return n, true
		}
	}
	return d.next(v)
}

// reqMember is one member of an object.
type reqMember struct {
	key []byte // its text
	val reqVal
}

// firstMember returns the first member of an object.
func (d *reqDoc) firstMember(object reqVal) (m reqMember, ok bool) {
	p := reqSpace(d.b, int(object.pos)+1)
	if d.b[p] == '}' {
		return reqMember{}, false
	}
	return d.member(p, object.num+1), true
}

// nextMember returns the member after m.
func (d *reqDoc) nextMember(m reqMember) (reqMember, bool) {
	v := d.skip(m.val)
	p := reqSpace(d.b, int(v.pos))
	if d.b[p] != ',' {
		return reqMember{}, false
	}
	return d.member(reqSpace(d.b, p+1), v.num), true
}

func (d *reqDoc) member(p int, num uint32) reqMember {
	end := d.stringEnd(p)
	colon := reqSpace(d.b, end+1)
	m := reqMember{d.b[p+1 : end], reqVal{uint32(reqSpace(d.b, colon+1)), num}}
	if d.oddKeys {
		m.key = d.appendText(nil, m.key, 3*len(m.key))
	}
	return m
}

// skip returns the place just behind v.
func (d *reqDoc) skip(v reqVal) reqVal {
	switch d.b[v.pos] {
	case '{', '[':
		s := d.spans[v.num]
		return reqVal{s.end, s.next()}
	case '"':
		if s, ok := d.entry(v); ok {
			return reqVal{s.end, s.next()}
		}
		return reqVal{uint32(d.stringEnd(int(v.pos)) + 1), v.num}
	}
	return reqVal{uint32(int(v.pos) + len(d.literal(v))), v.num}
}

// entry finds the entry of a string that has one.
func (d *reqDoc) entry(v reqVal) (s reqSpan, ok bool) {
	if int(v.num) < len(d.spans) && d.spans[v.num].start == v.pos {
		return d.spans[v.num], true
	}
	return reqSpan{}, false
}

// stringEnd is the position of the closing quote of the string at p.
func (d *reqDoc) stringEnd(p int) int {
	for p++; d.b[p] != '"'; p++ {
		if d.b[p] == '\\' {
			p++
		}
	}
	return p
}

// raw is a string's text as written, without quotes.
func (d *reqDoc) raw(v reqVal) []byte {
	if s, ok := d.entry(v); ok {
		return d.b[v.pos+1 : s.end-1]
	}
	return d.b[v.pos+1 : d.stringEnd(int(v.pos))]
}

// written is a string's text as written, without quotes; plain tells that this
// is the text itself.
func (d *reqDoc) written(v reqVal) (raw []byte, plain bool) {
	if s, ok := d.entry(v); ok {
		return d.b[v.pos+1 : s.end-1], d.valid && s.more&reqEscaped == 0
	}
	end, escapes := int(v.pos)+1, false
	for ; d.b[end] != '"'; end++ {
		if d.b[end] == '\\' {
			escapes = true
			end++
		}
	}
	return d.b[v.pos+1 : end], d.valid && !escapes
}

// word is a short string's text, cut to about 64 bytes: a type or a role. It is
// nil for other values.
func (d *reqDoc) word(v reqVal) []byte {
	if d.kind(v) != '"' {
		return nil
	}
	raw := d.raw(v)
	if len(raw) <= 64 && d.valid && bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return d.appendText(nil, raw, 64)
}

// literal is a number, true, false or null.
func (d *reqDoc) literal(v reqVal) []byte {
	p := int(v.pos)
	for p < len(d.b) {
		switch d.b[p] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return d.b[v.pos:p]
		}
		p++
	}
	return d.b[v.pos:]
}

// get returns the last member of a nested object with that key, as
// encoding/json would.
func (d *reqDoc) get(object reqVal, key string) (found reqVal) {
	if d.kind(object) != '{' {
		return reqVal{}
	}
	for m, ok := d.firstMember(object); ok; m, ok = d.nextMember(m) {
		if string(m.key) == key {
			found = m.val
		}
	}
	return found
}

// text returns a string value's text, cut to about max bytes; "" for other
// values.
func (d *reqDoc) text(v reqVal, max int) string {
	if d.kind(v) != '"' {
		return ""
	}
	raw := d.raw(v)
	if d.valid && len(raw) <= max && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	return string(d.appendText(nil, raw, max))
}

// count returns a number's whole part, 0 where it is none or negative.
func (d *reqDoc) count(v reqVal) int64 {
	switch c := d.kind(v); {
	case c < '0' || c > '9':
		return 0
	}
	lit := string(d.literal(v))
	if n, err := strconv.ParseInt(lit, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(lit, 64); err == nil && f < 1<<53 {
		return int64(f)
	}
	return 0
}

// length counts an array's elements; 0 for other values.
func (d *reqDoc) length(v reqVal) (n int64) {
	if d.kind(v) != '[' {
		return 0
	}
	for e, ok := d.first(v); ok; e, ok = d.next(e) {
		n++
	}
	return n
}

// appendText appends at most about max bytes of the text that raw, a string as
// written, stands for.
func (d *reqDoc) appendText(dst, raw []byte, max int) []byte {
	for len(raw) > 0 && len(dst) < max {
		n := bytes.IndexByte(raw, '\\')
		if n == 0 {
			r, size := reqEscape(raw)
			dst, raw = utf8.AppendRune(dst, r), raw[size:]
			continue
		}
		if n < 0 {
			n = len(raw)
		}
		n = min(n, max)
		for n < len(raw) && raw[n]&0xc0 == 0x80 {
			n++ // not inside a rune
		}
		if d.valid {
			dst = append(dst, raw[:n]...)
		} else {
			dst = reqAppendRepaired(dst, raw[:n])
		}
		raw = raw[n:]
	}
	return dst
}

// reqAppendRepaired appends p with each invalid byte as U+FFFD, as
// encoding/json does.
func reqAppendRepaired(dst, p []byte) []byte {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		dst, p = utf8.AppendRune(dst, r), p[n:]
	}
	return dst
}

// reqEscape decodes the escape at the start of raw, which was checked before,
// and tells its length. A surrogate without its other half is U+FFFD.
func reqEscape(raw []byte) (r rune, size int) {
	switch raw[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return rune(raw[1]), 2
	}
	r, _ = reqHex4(raw)
	if r < 0xd800 || r >= 0xe000 {
		return r, 6
	}
	if low, ok := reqHex4(raw[6:]); ok && r < 0xdc00 && 0xdc00 <= low && low < 0xe000 {
		return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 12
	}
	return utf8.RuneError, 6
}
