package provider

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"burn/proxy/usage"

	"github.com/zeebo/xxh3"
)

// fpMinText is the least text, in bytes, of which a part's fingerprint says
// anything: "hi" is the same everywhere.
const fpMinText = 32

// fpSink takes the canonical text of a request as it is walked, once, counts
// it, and takes the digests that are asked for:
//
//   - the chain, over everything from the request's beginning; its value so far
//     can be read at any point, which is what turns and prefixes are;
//   - a part, over the system prompt, the tools, or the last user turn alone;
//   - a medium, over one image or recording, whose digest then stands in the text.
//
// A digest is XXH3 with 128 bits and a seed derived from the key file: at
// memory speed, which a cryptographic hash of a megabyte is far from. It is
// never shown: a fingerprint is the HMAC-SHA-256 of a digest, so without the
// key nothing can be learnt from it, nor a guessed text be tried.
//
// The text of the last user turn also goes through fpLines.
//
// Marks (see canonical.go) are hashed and not counted; so are media.
type fpSink struct {
	keys *Keys // nil: count only
	mac  hash.Hash

	// Digests that are open. What a request of a few KB has to say fits into
	// buf, and its digests are taken there; the hashers hold what went before.
	chain, part, media *xxh3.Hasher
	chained, parted    bool // chain, part hold something
	partAt, linesAt    int  // where in buf the rest begins

	inPart, inMedia, inLines bool

	text    int64 // bytes of text so far
	weight  int64 // of them in the open part, a medium counting as fpMinText
	prefix  []uint64
	nextCut int64 // text length of the next prefix, MaxInt64 after the last
	turns   []uint64
	lines   fpLines

	buf    [8 << 10]byte
	n      int
	sum    [sha256.Size]byte
	digest [16]byte
	char   [8]byte
}

// start makes the sink ready for one request.
func (s *fpSink) start(k *Keys) {
	if k != s.keys && k != nil {
		s.mac = hmac.New(sha256.New, k.text[:])
		s.chain, s.part, s.media = xxh3.NewSeed(k.digest), xxh3.NewSeed(k.digest), xxh3.NewSeed(k.digest)
	}
	s.keys = k
	s.inPart, s.inMedia, s.inLines, s.chained = false, false, false, false
	s.text, s.weight, s.n = 0, 0, 0
	s.prefix, s.turns = s.prefix[:0], s.turns[:0]
	s.nextCut = math.MaxInt64
	if k != nil {
		s.nextCut = int64(usage.PrefixBytes[0])
	}
	s.lines.start(k)
}

// mark appends one structural byte.
func (s *fpSink) mark(m byte) {
	if s.n == len(s.buf) {
		s.flush()
	}
	s.buf[s.n] = m
	s.n++
}

// marks is mark, three times.
func (s *fpSink) marks(a, b, c byte) {
	if s.n+3 > len(s.buf) {
		s.flush()
	}
	s.buf[s.n], s.buf[s.n+1], s.buf[s.n+2] = a, b, c
	s.n += 3
}

// write appends text that is valid UTF-8.
func (s *fpSink) write(p []byte) {
	if s.inMedia {
		s.put(p)
		return
	}
	for s.text+int64(len(p)) >= s.nextCut {
		head := int(s.nextCut - s.text)
		s.put(p[:head])
		s.text += int64(head)
		s.weight += int64(head)
		p = p[head:]
		s.cut()
	}
	s.text += int64(len(p))
	s.weight += int64(len(p))
	s.put(p)
}

// cut reads the chain for the prefix that ends here.
func (s *fpSink) cut() {
	s.prefix = append(s.prefix, s.sofar())
	s.nextCut = math.MaxInt64
	if n := len(s.prefix); n < len(usage.PrefixBytes) {
		s.nextCut = int64(usage.PrefixBytes[n])
	}
}

func (s *fpSink) put(p []byte) {
	if len(p) > len(s.buf)-s.n {
		s.flush()
		if len(p) > len(s.buf)/2 {
			s.hash(p, p, p)
			return
		}
	}
	s.n += copy(s.buf[s.n:], p)
}

func (s *fpSink) flush() {
	s.hash(s.buf[:s.n], s.buf[s.partAt:s.n], s.buf[s.linesAt:s.n])
	s.n, s.partAt, s.linesAt = 0, 0, 0
}

// hash gives the digests that are open what belongs to each.
func (s *fpSink) hash(all, part, lines []byte) {
	switch {
	case s.keys == nil:
		return
	case s.inMedia:
		s.media.Write(all)
		return
	}
	if !s.chained {
		s.chain.Reset()
		s.chained = true
	}
	s.chain.Write(all)
	if s.inPart {
		if !s.parted {
			s.part.Reset()
			s.parted = true
		}
		s.part.Write(part)
	}
	if s.inLines {
		s.lines.text(lines)
	}
}

// fingerprint is what the record has of a digest: the first 64 bits of its
// HMAC. 0 means absent there, so the one in 2^64 becomes 1.
func (s *fpSink) fingerprint(d xxh3.Uint128) uint64 {
	s.mac.Reset()
	s.mac.Write(s.bytes(d))
	return max(1, binary.BigEndian.Uint64(s.mac.Sum(s.sum[:0])))
}

// bytes is a digest as it is hashed further.
func (s *fpSink) bytes(d xxh3.Uint128) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(s.digest[:0], d.Hi), d.Lo)
}

// str appends the text that raw, a string of d as written, stands for.
func (s *fpSink) str(d *reqDoc, raw []byte) {
	for len(raw) > 0 {
		if d.valid {
			raw = raw[s.fast(raw):]
		}
		n := bytes.IndexByte(raw, '\\')
		if n == 0 {
			r, size := reqEscape(raw)
			s.rune(r)
			raw = raw[size:]
			continue
		}
		if n < 0 {
			n = len(raw)
		}
		if d.valid || utf8.Valid(raw[:n]) {
			s.write(raw[:n])
		} else {
			s.repaired(raw[:n])
		}
		raw = raw[n:]
	}
}

// fast appends the beginning of raw while nothing stands in the way: the buffer
// has room, no prefix ends, and the escapes are of one character. It copies
// sixteen bytes at a time and keeps those before the first backslash. It returns
// how much of raw it took.
func (s *fpSink) fast(raw []byte) (took int) {
	room := len(s.buf) - s.n
	if !s.inMedia {
		room = int(min(int64(room), s.nextCut-s.text-1))
	}
	n, end := s.n, s.n+room
	for plain := 0; n+16 <= end && took+16 <= len(raw) && plain < fpRun; {
		v, w := binary.LittleEndian.Uint64(raw[took:]), binary.LittleEndian.Uint64(raw[took+8:])
		binary.LittleEndian.PutUint64(s.buf[n:], v)
		binary.LittleEndian.PutUint64(s.buf[n+8:], w)
		k := 16
		if stop := fpSlash(v); stop != 0 {
			k = bits.TrailingZeros64(stop) / 8
		} else if stop := fpSlash(w); stop != 0 {
			k = 8 + bits.TrailingZeros64(stop)/8
		}
		n, took, plain = n+k, took+k, plain+k
		if k == 16 {
			continue
		}
		c := reqShort[raw[took+1]]
		if c == 0 {
			break
		}
		s.buf[n] = c
		n, took, plain = n+1, took+2, 0
	}
	if !s.inMedia {
		s.text += int64(n - s.n)
		s.weight += int64(n - s.n)
	}
	s.n = n
	return took
}

// fpSlash marks the backslashes in w by their top bits, and perhaps bytes above
// the lowest.
func fpSlash(w uint64) uint64 {
	w ^= reqOnes * '\\'
	return (w - reqOnes) &^ w & reqHighs
}

// fpRun is the length of a run without escapes from which it is not worth
// copying: the hash takes it as it lies.
const fpRun = 256

// reqShort is the character behind each backslash that stands for one.
var reqShort = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// rune appends one character.
func (s *fpSink) rune(r rune) {
	s.write(s.char[:utf8.EncodeRune(s.char[:], r)])
}

// repaired appends p with each invalid byte as U+FFFD.
func (s *fpSink) repaired(p []byte) {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		s.rune(r)
		p = p[n:]
	}
}

// sofar is the chain's value after everything appended until now; the chain
// goes on.
func (s *fpSink) sofar() uint64 {
	if !s.chained {
		return s.fingerprint(xxh3.Hash128Seed(s.buf[:s.n], s.keys.digest))
	}
	s.flush()
	return s.fingerprint(s.chain.Sum128())
}

// turn records the chain at the boundary of a turn.
func (s *fpSink) turn() {
	if s.keys != nil {
		s.turns = append(s.turns, s.sofar())
	}
}

// beginPart opens the digest of a part.
func (s *fpSink) beginPart() {
	s.weight = 0
	s.inPart, s.parted, s.partAt = true, false, s.n
}

// endPart closes it and returns its fingerprint, 0 where there was too little.
func (s *fpSink) endPart() uint64 {
	part := s.buf[s.partAt:s.n]
	s.inPart, s.partAt = false, 0
	switch {
	case s.keys == nil || s.weight < fpMinText:
		return 0
	case !s.parted:
		return s.fingerprint(xxh3.Hash128Seed(part, s.keys.digest))
	}
	s.part.Write(part)
	return s.fingerprint(s.part.Sum128())
}

// beginMedia opens the digest of a medium. Media do not nest.
func (s *fpSink) beginMedia() {
	s.flush()
	if s.keys != nil {
		s.media.Reset()
	}
	s.inMedia = true
}

// endMedia closes it and appends its digest.
func (s *fpSink) endMedia() {
	s.flush()
	s.inMedia = false
	s.weight += fpMinText
	if s.keys != nil {
		d := s.media.Sum128()
		s.mark(canonMedia)
		s.put(s.bytes(d))
	}
}

// parts returns the fingerprints of the chosen lines, smallest first: what a
// part that is this line alone would have.
func (s *fpSink) parts(dst []uint64) []uint64 {
	if s.keys == nil {
		return dst
	}
	for i := range s.lines.best[:s.lines.n] {
		l := &s.lines.best[i]
		s.part.Reset()
		s.part.Write(append(s.char[:0], canonText))
		s.part.Write(l.head)
		if l.size > fpLongLine {
			s.part.Write(binary.BigEndian.AppendUint64(s.char[:0], l.hash))
		}
		dst = append(dst, s.fingerprint(s.part.Sum128()))
	}
	slices.Sort(dst)
	return dst
}

// beginLines lets the text that follows be read for its lines, in which no
// marks may stand.
func (s *fpSink) beginLines() {
	s.inLines, s.linesAt = s.keys != nil, s.n
}

func (s *fpSink) endLines() {
	if s.inLines {
		s.lines.text(s.buf[s.linesAt:s.n])
		s.lines.end()
	}
	s.inLines, s.linesAt = false, 0
}
