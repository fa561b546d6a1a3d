package provider

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"burn/proxy/usage"
)

// fpLines chooses the lines of a user turn that stand for it: of the lines of
// at least fpMinText bytes the four with the smallest keyed 64-bit hash. Which
// ones those are depends on the lines alone, so two templates around one
// document mostly choose the same; a cheap hash chooses, and only the chosen
// are put through HMAC.
type fpLines struct {
	k0, k1 uint64
	best   [usage.MaxParts]fpLine // the first n, by hash; the others lend their buffers
	n      int

	open    fpLine // the line being read
	state   uint64 // of its hash, over the whole blocks
	tail    [16]byte
	have    int // bytes in tail
	returns int // carriage returns that belong to it if it goes on
}

// fpLine is one line: its hash, its length in bytes, and its beginning.
type fpLine struct {
	hash uint64
	size int
	head []byte // at most fpLongLine bytes
}

// fpLongLine is the length in bytes of a line above which its fingerprint is
// taken over its beginning and its cheap hash, which covers all of it.
const fpLongLine = 4 << 10

func (l *fpLines) start(k *Keys) {
	l.n = 0
	if k != nil {
		l.k0, l.k1 = k.line0, k.line1
	}
	l.reset()
}

func (l *fpLines) reset() {
	l.open.size, l.open.head = 0, l.open.head[:0]
	l.state, l.have, l.returns = l.k1, 0, 0
}

// text reads a piece of a text, cut anywhere; after the last one comes end.
func (l *fpLines) text(p []byte) {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.piece(p)
			return
		}
		l.piece(p[:i])
		l.end()
		p = p[i+1:]
	}
}

// piece reads a piece of a line. Carriage returns at a line's end do not belong
// to it.
func (l *fpLines) piece(p []byte) {
	q := p
	for len(q) > 0 && q[len(q)-1] == '\r' {
		q = q[:len(q)-1]
	}
	if len(q) > 0 {
		for ; l.returns > 0; l.returns-- {
			l.write([]byte{'\r'})
		}
		l.write(q)
	}
	l.returns += len(p) - len(q)
}

// end closes the open line and keeps it if it is one of the smallest.
func (l *fpLines) end() {
	if l.open.size >= fpMinText {
		l.open.hash = l.sum()
		l.keep()
	}
	l.reset()
}

func (l *fpLines) keep() {
	if l.n == len(l.best) && l.open.hash >= l.best[l.n-1].hash {
		return
	}
	i, found := slices.BinarySearchFunc(l.best[:l.n], l.open.hash, func(a fpLine, hash uint64) int {
		return cmp.Compare(a.hash, hash)
	})
	if found {
		return
	}
	l.n = min(l.n+1, len(l.best))
	dropped := l.best[l.n-1]
	copy(l.best[i+1:l.n], l.best[i:])
	l.best[i], l.open = l.open, dropped
}

// write, block and sum are a multiply-and-fold hash over blocks of 16 bytes,
// keyed by k0 and k1; how the line is cut into writes does not matter.
func (l *fpLines) write(p []byte) {
	l.open.size += len(p)
	if room := fpLongLine - len(l.open.head); room > 0 {
		l.open.head = append(l.open.head, p[:min(room, len(p))]...)
	}
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
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(p)^l.k0, binary.LittleEndian.Uint64(p[8:])^l.state)
	l.state = hi ^ lo
}

func (l *fpLines) sum() uint64 {
	clear(l.tail[l.have:])
	l.block(l.tail[:])
	hi, lo := bits.Mul64(l.state^uint64(l.open.size), l.k1)
	return hi ^ lo
}
