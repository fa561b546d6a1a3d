package usage

import (
	"encoding/binary"
	"math/bits"
)

// Readers of values that are 16 hex digits: boots and fingerprints.

func (d *Decoder) bootID() bool {
	at := d.i
	if n, ok := d.hex(); ok {
		d.rec.Boot, d.boot = n, true
		return true
	}
	d.boot = false
	if d.peek() != '"' {
		return d.skip(0)
	}
	s, ok := d.string()
	if !ok {
		return false
	}
	d.rec.Boot, d.boot = ParseHex(s)
	if !d.boot {
		d.fail(ReasonIdentity, "boot", at)
	}
	return true
}

func (d *Decoder) fingerprint(key string, p *uint64) bool {
	at := d.i
	if n, ok := d.hex(); ok {
		*p = n
		return true
	}
	*p = 0
	if d.peek() != '"' {
		return d.null(key)
	}
	s, ok := d.string()
	if !ok {
		return false
	}
	n, hex := ParseHex(s)
	if !hex {
		d.fail(ReasonType, key, at)
	}
	*p = n
	return true
}

// hex reads a string of exactly 16 hex digits; otherwise it reads nothing.
func (d *Decoder) hex() (n uint64, ok bool) {
	if n, ok = hex16(d.b[d.i:]); ok {
		d.i += hexLen
	}
	return n, ok
}

const hexLen = 16 + 2

// hex16 reads a string of exactly 16 hex digits.
func hex16(b []byte) (n uint64, ok bool) {
	if len(b) < hexLen || b[0] != '"' || b[hexLen-1] != '"' {
		return 0, false
	}
	hi, ok1 := hex8(binary.LittleEndian.Uint64(b[1:]))
	lo, ok2 := hex8(binary.LittleEndian.Uint64(b[9:]))
	return hi<<32 | lo, ok1 && ok2
}

// hex8 reads eight hex digits at once, the first one in the lowest byte.
func hex8(x uint64) (uint64, bool) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	if x&tops != 0 {
		return 0, false // no byte's sum reaches the next one below
	}
	lower := x | 0x20*ones
	digit := (x + (0x80-'0')*ones) &^ (x + (0x80-'9'-1)*ones) & tops
	letter := (lower + (0x80-'a')*ones) &^ (lower + (0x80-'f'-1)*ones) & tops
	if digit|letter != tops {
		return 0, false
	}
	n := bits.ReverseBytes64(x&(0x0f*ones) + 9*(letter>>7))
	n = (n | n>>4) & 0x00ff00ff00ff00ff
	n = (n | n>>8) & 0x0000ffff0000ffff
	return (n | n>>16) & 0xffffffff, true
}

// ParseHex reads exactly 16 lower- or upper-case hex digits.
func ParseHex(s string) (uint64, bool) {
	if len(s) != 16 {
		return 0, false
	}
	var n uint64
	for i := 0; i < 16; i++ {
		v := hexValue[s[i]]
		if v > 15 {
			return 0, false
		}
		n = n<<4 | uint64(v)
	}
	return n, true
}

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := byte(0); i < 10; i++ {
		t['0'+i] = i
	}
	for i := byte(0); i < 6; i++ {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

func (d *Decoder) fingerprints(key string, p *[]uint64, max int) bool {
	*p = (*p)[:0]
	if d.peek() != '[' {
		return d.null(key)
	}
	if all, end, ok := hexes((*p), d.b, d.i+1); ok && len(all) <= max {
		*p, d.i = all, end
		return true
	}
	return d.array(func(d *Decoder) bool {
		var n uint64
		ok := d.fingerprint(key, &n)
		if len(*p) < max {
			*p = append(*p, n)
		}
		return ok
	})
}

// hexes reads the elements of an array as they are written, if there are any,
// and its closing bracket.
func hexes(to []uint64, b []byte, i int) (all []uint64, end int, ok bool) {
	for {
		n, ok := hex16(b[i:])
		if !ok {
			return to[:0], 0, false
		}
		to = append(to, n)
		i += hexLen
		if i == len(b) || b[i] != ',' && b[i] != ']' {
			return to[:0], 0, false
		}
		i++
		if b[i-1] == ']' {
			return to, i, true
		}
	}
}
