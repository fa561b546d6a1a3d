package usage

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// members reads the members of a line. What this package's encoder writes has a
// short way here: keys in their order, without white space, and values in the
// form that they are written in. Everything else goes the long way, by
// field.read, and with the same result: the short way reads nothing at all
// unless it reads the whole value.
func (d *Decoder) members() bool {
	d.i++
	d.space()
	if d.peek() == '}' {
		d.i++
		return true
	}
	b, i, rec := d.b, d.i, unsafe.Pointer(d.rec)
	at := uint8(0)
	for {
		f := &fields[d.next[at]]
		if f.begins(b[i:]) {
			at = d.next[at]
			i += len(f.quoted)
		} else {
			var ok bool
			d.i = i
			if at, ok = d.key(at); !ok {
				return false
			}
			i, f = d.i, &fields[at]
		}
		short := false
		switch f.form {
		case formText:
			var end int
			if end, short = plainString(b, i); short {
				*(*string)(unsafe.Add(rec, f.at)) = view(b[i+1 : end-1])
				i = end
			}
		case formCount:
			var n uint64
			var end int
			if n, end, short = digits(b, i); short && n <= MaxCount {
				*(*int64)(unsafe.Add(rec, f.at)) = int64(n)
				i = end
			} else {
				short = false
			}
		case formMillis:
			var ms float64
			var end int
			if ms, end, short = decimal(b, i); short && ms <= MaxMillis {
				*(*float64)(unsafe.Add(rec, f.at)) = ms
				i = end
			} else {
				short = false
			}
		case formFingerprint:
			var n uint64
			if n, short = hex16(b[i:]); short {
				*(*uint64)(unsafe.Add(rec, f.at)) = n
				i += hexLen
			}
		}
		if !short {
			d.i = i
			d.space()
			if !f.read(d) {
				return false
			}
			i = d.i
		}
		if i < len(b) && b[i] == ',' {
			i++
			continue
		}
		d.i = i
		d.space()
		switch d.peek() {
		case ',':
			i = d.i + 1
		case '}':
			d.i++
			return true
		default:
			return false
		}
	}
}

// key reads a key and its colon, and returns the place of its field. Keys stand
// in the order of fields, so that the next one is looked for behind the last.
func (d *Decoder) key(last uint8) (at uint8, ok bool) {
	rest := d.b[d.i:]
	for k := int(last) + 1; k < fieldCount; k++ {
		if f := &fields[k]; f.begins(rest) {
			d.i += len(f.quoted)
			d.next[last] = uint8(k)
			return uint8(k), true
		}
	}
	d.space()
	if d.peek() != '"' {
		return 0, false
	}
	key, ok := d.string()
	if !ok {
		return 0, false
	}
	d.space()
	if d.peek() != ':' {
		return 0, false
	}
	d.i++
	at = fieldByKey[key]
	d.next[last] = at
	return at, true
}

// plainString finds the end of a string of ASCII without escapes, behind its closing
// quote. It may say no of the last bytes of a line.
func plainString(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return 0, false
	}
	for i++; i+8 <= len(b); i += 8 {
		if hit := special(binary.LittleEndian.Uint64(b[i:])); hit != 0 {
			i += bits.TrailingZeros64(hit) / 8
			return i + 1, b[i] == '"'
		}
	}
	return 0, false
}

// special marks, in the top bits of eight bytes of a string, those that end it
// or need a closer look: a quote, a backslash, a control character or a byte
// beyond ASCII. The lowest mark is always a true one.
func special(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w - ones*0x20) | w) & tops
}
