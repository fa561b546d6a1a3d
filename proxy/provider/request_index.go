package provider

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Limits of a request body that is looked at; a body beyond them is not
// inspected. They bound the memory that reading takes to some 40 MB for a body
// made for it, of which the usual ones take a thousandth.
const (
	reqMaxDepth    = 200     // nested containers
	reqMaxSpans    = 1 << 20 // objects, arrays and long strings
	reqMaxKeys     = 1 << 19 // members of all objects
	reqMaxMessages = 1 << 18
	reqLongString  = 128 // bytes from which a string has an entry in the index
)

// reqDoc is a JSON text that was checked once and can then be walked in any
// order. The index holds one entry per object, array and long string, in the
// order in which they begin, so that a whole subtree is passed over in one step;
// short strings and literals are found by their own ends. Nothing is copied or
// unmarshalled.
type reqDoc struct {
	b     []byte
	spans []reqSpan
	stack []reqOpen // open containers while indexing
	keys  int       // members so far
	high  uint64    // the top bits of the bytes in strings

	strAt, strEnd int // the last string that is a value
	alike         reqAlike

	valid   bool // b is valid UTF-8, so strings need no repair
	oddKeys bool // some key is not written as it reads
}

// reqSpan is one entry: where the value begins and ends in b (end exclusive),
// and in more the number of the first entry that begins after it, with what
// else is known of the value in the upper bits.
type reqSpan struct{ start, end, more uint32 }

const (
	reqNext      = 1<<23 - 1 // bits of more: number of the next entry
	reqEscaped   = 1 << 23   // a string with escapes
	reqFormShift = 24        // from here on: an object's form (reqAlike)
)

func (s reqSpan) next() uint32 { return s.more & reqNext }

// reqOpen is a container while it is open: its entry, and the members before it.
type reqOpen struct {
	span   uint32
	keys   uint32
	object bool
}

// reqVal is one value of a reqDoc: where it begins, and how many entries begin
// before it. Only the root has none before it, so the zero reqVal stands
// for a value that is not there.
type reqVal struct{ pos, num uint32 }

// index checks that b is one JSON object by the rules of encoding/json and
// records its containers. It reports false for everything else, and for what
// passes the limits.
func (d *reqDoc) index(b []byte) bool {
	d.b, d.spans, d.stack = b, d.spans[:0], d.stack[:0]
	d.keys, d.high, d.oddKeys = 0, 0, false
	d.strAt, d.strEnd = 0, 0
	d.alike.reset()
	if uint64(len(b)) >= 1<<31 {
		return false
	}
	p := reqSpace(b, 0)
	if p >= len(b) || b[p] != '{' {
		return false
	}
	p = d.scan(p)
	if p < 0 || reqSpace(b, p) != len(b) {
		return false
	}
	d.valid = d.high&reqHighs == 0 || utf8.Valid(b)
	d.oddKeys = d.oddKeys || !d.valid
	return true
}

// scan reads the container at p and returns where it ends, or -1.
func (d *reqDoc) scan(p int) int {
	b := d.b
	for {
		// A value begins at p.
		if p >= len(b) {
			return -1
		}
		switch c := b[p]; c {
		case '{', '[':
			if c == '{' {
				if end := d.scanAlike(p); end > 0 {
					p = end
					break
				}
			}
			if len(d.stack) >= reqMaxDepth || len(d.spans) >= reqMaxSpans {
				return -1
			}
			d.stack = append(d.stack, reqOpen{uint32(len(d.spans)), uint32(d.keys), c == '{'})
			d.spans = append(d.spans, reqSpan{start: uint32(p)})
			p = reqSpace(b, p+1)
			if p < len(b) && b[p] == c+2 {
				break // empty: closed below
			}
			if c == '{' {
				p = d.key(p)
			}
			if p < 0 {
				return -1
			}
			continue
		case '"':
			end, flags := reqScanString(b, p+1)
			d.high |= flags
			d.long(p, end, flags)
			d.strAt, d.strEnd = p, end
			p = end
		default:
			p = reqScanLiteral(b, p)
		}
		if p < 0 {
			return -1
		}
		var done bool
		if p, done = d.after(p); done || p < 0 {
			return p
		}
	}
}

// long makes the entry of a string that is long enough for one.
func (d *reqDoc) long(start, end int, flags uint64) {
	if end-start >= reqLongString && len(d.spans) < reqMaxSpans {
		d.spans = append(d.spans, reqSpan{uint32(start), uint32(end), uint32(len(d.spans)+1) | uint32(flags&1)*reqEscaped})
	}
}

// after reads what follows a value: brackets that close, until a comma leads to
// the next value, whose start it returns, or the outermost container is closed.
func (d *reqDoc) after(p int) (next int, done bool) {
	b := d.b
	for {
		p = reqSpace(b, p)
		if p >= len(b) {
			return -1, false
		}
		top := d.stack[len(d.stack)-1]
		switch c := b[p]; {
		case c == ',' && top.object:
			return d.key(reqSpace(b, p+1)), false
		case c == ',':
			return reqSpace(b, p+1), false
		case c == '}' && top.object, c == ']' && !top.object:
			s := &d.spans[top.span]
			s.end, s.more = uint32(p+1), uint32(len(d.spans))
			if p == d.strEnd && top.object {
				d.learn(top)
			}
			d.stack = d.stack[:len(d.stack)-1]
			p++
			if len(d.stack) == 0 {
				return p, true
			}
		default:
			return -1, false
		}
	}
}

// key reads a member's key and colon at p and returns where its value begins,
// or -1.
func (d *reqDoc) key(p int) int {
	b := d.b
	if d.keys++; d.keys > reqMaxKeys || p >= len(b) || b[p] != '"' {
		return -1
	}
	p, flags := reqScanString(b, p+1)
	if p < 0 {
		return -1
	}
	d.high |= flags
	d.oddKeys = d.oddKeys || flags&1 != 0
	if p = reqSpace(b, p); p >= len(b) || b[p] != ':' {
		return -1
	}
	return reqSpace(b, p+1)
}

// reqSpace passes white space.
func reqSpace(b []byte, p int) int {
	if p < len(b) && b[p] > ' ' {
		return p
	}
	return reqSpaces(b, p)
}

func reqSpaces(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\t' || b[p] == '\r') {
		p++
	}
	return p
}

const (
	reqOnes  = 0x0101010101010101
	reqHighs = 0x8080808080808080
)

// reqScanString checks the string whose first byte is at p and returns the
// position after its closing quote, or -1. In flags the top bits of bytes tell
// whether any byte, or one close behind, is not ASCII, and bit 0 whether there
// are escapes.
func reqScanString(b []byte, p int) (end int, flags uint64) {
	for {
		k, tops := reqPlain(b[p:])
		p += k
		flags |= tops & reqHighs
		if p >= len(b) {
			return -1, 0
		}
		switch c := b[p]; {
		case c == '"':
			return p + 1, flags
		case c == '\\' && p+1 < len(b) && reqShort[b[p+1]] != 0:
			flags |= 1
			p += 2
		case c == '\\':
			flags |= 1
			if _, ok := reqHex4(b[p:]); !ok {
				return -1, 0
			}
			p += 6
		default:
			return -1, 0 // a control character
		}
	}
}

// reqPlain counts the bytes before the first quote, backslash or control
// character, len(b) if there is none. Most strings are short; what is longer
// than 16 bytes is looked at in blocks.
func reqPlain(b []byte) (n int, tops uint64) {
	if len(b) >= 16 {
		v, w := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		tops = v | w
		if stop := reqStop(v); stop != 0 {
			return bits.TrailingZeros64(stop) / 8, tops
		}
		if stop := reqStop(w); stop != 0 {
			return 8 + bits.TrailingZeros64(stop)/8, tops
		}
		n = 16
	}
	if blocks := (len(b) - n) / 32; blocks > 0 {
		k, high := plainBlocks(&b[n], blocks)
		n, tops = n+k, tops|high
		if k < 32*blocks {
			return n, tops
		}
	}
	for ; n < len(b); n++ {
		c := b[n]
		if c == '"' || c == '\\' || c < ' ' {
			return n, tops
		}
		tops |= uint64(c)
	}
	return n, tops
}

// plainWords is plainBlocks in Go.
func plainWords(b []byte) (n int, tops uint64) {
	for ; n < len(b); n += 8 {
		v := binary.LittleEndian.Uint64(b[n:])
		tops |= v
		if stop := reqStop(v); stop != 0 {
			return n + bits.TrailingZeros64(stop)/8, tops
		}
	}
	return n, tops
}

// reqStop marks, by its top bit, each byte of w that is a quote, a backslash or
// a control character. A byte above a marked one can be marked wrongly; the
// lowest is always right. With bit 1 turned, a quote stands next to the control
// characters.
func reqStop(w uint64) uint64 {
	low, slash := w^(reqOnes*2), w^(reqOnes*'\\')
	return ((low-reqOnes*0x21)&^low | (slash-reqOnes)&^slash) & reqHighs
}

// reqHex4 reads \uXXXX at the start of b.
func reqHex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// reqScanLiteral checks the number, true, false or null at p and returns its
// end, or -1.
func reqScanLiteral(b []byte, p int) int {
	switch b[p] {
	case 't':
		return reqWord(b, p, "true")
	case 'f':
		return reqWord(b, p, "false")
	case 'n':
		return reqWord(b, p, "null")
	case '-':
		p++
	}
	if p < len(b) && b[p] == '0' {
		p++
	} else if p = reqDigits(b, p); p < 0 {
		return -1
	}
	if p < len(b) && b[p] == '.' {
		if p = reqDigits(b, p+1); p < 0 {
			return -1
		}
	}
	if p < len(b) && (b[p] == 'e' || b[p] == 'E') {
		p++
		if p < len(b) && (b[p] == '+' || b[p] == '-') {
			p++
		}
		return reqDigits(b, p)
	}
	return p
}

func reqWord(b []byte, p int, word string) int {
	if len(b)-p >= len(word) && string(b[p:p+len(word)]) == word {
		return p + len(word)
	}
	return -1
}

// reqDigits passes at least one digit.
func reqDigits(b []byte, p int) int {
	start := p
	for p < len(b) && '0' <= b[p] && b[p] <= '9' {
		p++
	}
	if p == start {
		return -1
	}
	return p
}
