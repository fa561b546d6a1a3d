package provider

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"burn/proxy/usage"
)

// fpLines chooses the lines of a user turn that stand for it: of the lines of
// at least fpMinText bytes the four with the smallest keyed 64-bit hash. Which
// ones those are depends on the lines alone, so two templates around one
// document mostly choose the same; a cheap hash chooses, and only the chosen
// are put through HMAC.
type fpLines struct {
	k0, k1 uint64
	best   [usage.MaxParts]fpLine // the first n, by hash
	n      int

	h    uint64 // state over the whole blocks of the open line
	tail [16]byte
	have int // bytes in tail
	size int // bytes of the open line
}

// fpLine is one line: its hash, its text as written, and its length in bytes.
type fpLine struct {
	hash uint64
	raw  []byte
	size int
}

// fpLongLine is the length in bytes of a line above which its fingerprint is
// taken over its beginning and its cheap hash, which covers all of it.
const fpLongLine = 4 << 10

// head is as much of the line, as written, as holds its first fpLongLine bytes
// of text; all of it where it is not longer.
func (l *fpLine) head() []byte {
	if l.size <= fpLongLine {
		return l.raw
	}
	p, text := 0, 0
	for text < fpLongLine {
		size, n := 1, 1
		switch c := l.raw[p]; {
		case c == '\\':
			var r rune
			r, size = reqEscape(l.raw[p:])
			n = utf8.RuneLen(r)
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRune(l.raw[p:])
			n = utf8.RuneLen(r)
		}
		p, text = p+size, text+n
	}
	return l.raw[:p]
}

func (l *fpLines) start(k *Keys) {
	l.forget()
	if k != nil {
		l.k0, l.k1 = k.line0, k.line1
	}
	l.reset()
}

// forget drops what refers to the body.
func (l *fpLines) forget() {
	clear(l.best[:])
	l.n = 0
}

func (l *fpLines) reset() { l.h, l.have, l.size = l.k1, 0, 0 }

// scan looks at the lines of raw, a string of d as written. Newlines are always
// escapes there. Carriage returns before them do not belong to the line.
func (l *fpLines) scan(d *reqDoc, raw []byte) {
	start, end, returns := 0, 0, 0 // of the line in raw; \r seen behind its end
	for p := 0; p < len(raw); {
		n := bytes.IndexByte(raw[p:], '\\')
		if n != 0 {
			if n < 0 {
				n = len(raw) - p
			}
			l.returns(&returns)
			l.segment(d, raw[p:p+n])
			p += n
			end = p
			continue
		}
		r, size := reqEscape(raw[p:])
		p += size
		switch r {
		case '\n':
			l.close(raw[start:end])
			start, end, returns = p, p, 0
		case '\r':
			returns++
		default:
			l.returns(&returns)
			var b [utf8.UTFMax]byte
			l.write(b[:utf8.EncodeRune(b[:], r)])
			end = p
		}
	}
	l.close(raw[start:end])
}

// returns adds the carriage returns that turned out to be inside the line.
func (l *fpLines) returns(n *int) {
	for ; *n > 0; *n-- {
		l.write([]byte{'\r'})
	}
}

func (l *fpLines) segment(d *reqDoc, p []byte) {
	if d.valid || utf8.Valid(p) {
		l.write(p)
		return
	}
	l.write(reqAppendRepaired(nil, p))
}

// close ends the open line and keeps it if it is one of the smallest.
func (l *fpLines) close(raw []byte) {
	if l.size < fpMinText {
		l.reset()
		return
	}
	line := fpLine{l.sum(), raw, l.size}
	l.reset()
	i, found := slices.BinarySearchFunc(l.best[:l.n], line, func(a, b fpLine) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return 0
	})
	if found || i == len(l.best) {
		return
	}
	l.n = min(l.n+1, len(l.best))
	copy(l.best[i+1:l.n], l.best[i:])
	l.best[i] = line
}

// write, block and sum are a multiply-and-fold hash over blocks of 16 bytes,
// keyed by k0 and k1; how the line is cut into writes does not matter.
func (l *fpLines) write(p []byte) {
	l.size += len(p)
	if l.have > 0 {
		n := copy(l.tail[l.have:], p)
		l.have += n
		p = p[n:]
		if l.have < len(l.tail) {
			return
		}
		l.block(l.tail[:])
		l.have = 0
	}
	for len(p) >= len(l.tail) {
		l.block(p)
		p = p[len(l.tail):]
	}
	l.have = copy(l.tail[:], p)
}

func (l *fpLines) block(p []byte) {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(p)^l.k0, binary.LittleEndian.Uint64(p[8:])^l.h)
	l.h = hi ^ lo
}

func (l *fpLines) sum() uint64 {
	clear(l.tail[l.have:])
	l.block(l.tail[:])
	hi, lo := bits.Mul64(l.h^uint64(l.size), l.k1)
	return hi ^ lo
}
