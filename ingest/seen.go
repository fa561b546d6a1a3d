package ingest

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
)

// seen is the identities of one kind of lines that were counted. What was
// committed is ranges in order, what came since is words of 64 bits in a hash
// table. Neither holds pointers, since there may be a million processes of a
// line each; an unbroken run of lines costs little more than a bit for each.
type seen struct {
	kept  []seqRange
	ask   func(boot uint64) ([]seqRange, error) // if set, what was committed is not in kept but asked for
	asked map[uint64][]seqRange

	words []seqWord // open addressing: 0 or a power of two
	used  int
	last  *seqWord // of the newest add: lines come nearly in order
}

// seqRange is lo…hi of one process, both included.
type seqRange struct{ boot, lo, hi uint64 }

// seqWord is which of the 64 numbers from 64*n on were counted: not none.
type seqWord struct{ boot, n, bits uint64 }

// add reports whether the identity is new and marks it as counted.
func (s *seen) add(boot, seq uint64) (bool, error) {
	w := s.last
	if w == nil || w.boot != boot || w.n != seq>>6 {
		var err error
		if w, err = s.word(boot, seq>>6); err != nil {
			return false, err
		}
		s.last = w
	}
	bit := uint64(1) << (seq & 63)
	fresh := w.bits&bit == 0
	w.bits |= bit
	return fresh, nil
}

// word returns the place of a word in the table, good until the next call. A new
// one holds what was committed, and the caller adds a bit to it.
func (s *seen) word(boot, n uint64) (*seqWord, error) {
	if s.used > 0 {
		if w := s.slot(boot, n); w.bits != 0 {
			return w, nil
		}
	}
	old, err := s.committed(boot)
	if err != nil {
		return nil, err
	}
	if s.used >= len(s.words)/4*3 {
		s.grow()
	}
	w := s.slot(boot, n)
	*w = seqWord{boot, n, bitsOf(old, n)}
	s.used++
	return w, nil
}

// slot is where a word is, or would be.
func (s *seen) slot(boot, n uint64) *seqWord {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	for at := fold(fold(boot, k0)^n, k1); ; at++ {
		w := &s.words[at&uint64(len(s.words)-1)]
		if w.bits == 0 || w.boot == boot && w.n == n {
			return w
		}
	}
}

func (s *seen) grow() {
	old := s.words
	s.words = make([]seqWord, max(64, 2*len(old)))
	for _, w := range old {
		if w.bits != 0 {
			*s.slot(w.boot, w.n) = w
		}
	}
}

// committed returns the ranges of a process.
func (s *seen) committed(boot uint64) (ranges []seqRange, err error) {
	if s.ask == nil {
		from := sort.Search(len(s.kept), func(i int) bool { return s.kept[i].boot >= boot })
		n := sort.Search(len(s.kept)-from, func(i int) bool { return s.kept[from+i].boot > boot })
		return s.kept[from : from+n], nil
	}
	ranges, ok := s.asked[boot]
	if !ok {
		if ranges, err = s.ask(boot); err != nil {
			return nil, err
		}
		slices.SortFunc(ranges, seqRange.compare)
		s.asked[boot] = ranges
	}
	return ranges, nil
}

func (r seqRange) compare(o seqRange) int {
	return cmp.Or(cmp.Compare(r.boot, o.boot), cmp.Compare(r.lo, o.lo))
}

// bitsOf returns what ranges, in order, have of word n.
func bitsOf(ranges []seqRange, n uint64) (word uint64) {
	lo, hi := n<<6, n<<6|63
	first := sort.Search(len(ranges), func(i int) bool { return ranges[i].hi >= lo })
	for _, r := range ranges[first:] {
		if r.lo > hi {
			break
		}
		from, to := max(r.lo, lo)-lo, min(r.hi, hi)-lo
		word |= ^uint64(0) >> (63 - (to - from)) << from
	}
	return word
}

// commit makes what came since the last commit part of what was committed, and
// calls changed with the ranges that each process had that got more, and those
// that it has now.
func (s *seen) commit(changed func(boot uint64, before, after []seqRange)) error {
	words := slices.DeleteFunc(s.words, func(w seqWord) bool { return w.bits == 0 })
	s.words, s.used, s.last = nil, 0, nil
	slices.SortFunc(words, func(a, b seqWord) int { return cmp.Or(cmp.Compare(a.boot, b.boot), cmp.Compare(a.n, b.n)) })
	var kept []seqRange
	if s.ask == nil && len(words) > 0 {
		kept = make([]seqRange, 0, len(s.kept)+len(words))
	}
	done := 0 // of s.kept, which are in kept
	for len(words) > 0 {
		boot, n := words[0].boot, 1
		for n < len(words) && words[n].boot == boot {
			n++
		}
		before, err := s.committed(boot)
		if err != nil {
			return err
		}
		after := extend(before, words[:n])
		words = words[n:]
		if !slices.Equal(before, after) {
			changed(boot, before, after)
		}
		if s.ask != nil {
			s.asked[boot] = after
			continue
		}
		from := done + sort.Search(len(s.kept)-done, func(i int) bool { return s.kept[done+i].boot >= boot })
		kept = append(append(kept, s.kept[done:from]...), after...)
		done = from + len(before)
	}
	if kept != nil {
		s.kept = append(kept, s.kept[done:]...)
	}
	return nil
}

// extend returns the ranges of one process with its words, which hold what ranges
// have of them; both are in order, and so is the result.
func extend(ranges []seqRange, words []seqWord) []seqRange {
	out := make([]seqRange, 0, len(ranges)+1)
	add := func(r seqRange) {
		if k := len(out) - 1; k >= 0 && (r.lo <= out[k].hi || r.lo == out[k].hi+1) {
			out[k].hi = max(out[k].hi, r.hi)
			return
		}
		out = append(out, r)
	}
	next := 0
	before := func(lo uint64) { // ranges that begin there or earlier
		for ; next < len(ranges) && ranges[next].lo <= lo; next++ {
			add(ranges[next])
		}
	}
	for _, w := range words {
		for word := w.bits; word != 0; {
			from := bits.TrailingZeros64(word)
			length := bits.TrailingZeros64(^(word >> from))
			lo := w.n<<6 + uint64(from)
			before(lo)
			add(seqRange{w.boot, lo, lo + uint64(length) - 1})
			if from+length >= 64 {
				break
			}
			word &= ^uint64(0) << (from + length)
		}
	}
	before(^uint64(0))
	return out
}
