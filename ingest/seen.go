package ingest

import (
	"math/bits"
	"slices"
)

// seqSet is the set of sequence numbers already counted for one boot and kind.
// Pages of 1,024 bits make the usual case, an unbroken run, cost one bit per
// line, and keep any other case correct.
type seqSet struct {
	pages map[uint64]*seqPage // nil while there is only last
	last  *seqPage            // page of the newest add: lines come nearly in order
	lastN uint64              // its number
	dirty bool
	saved bool // ranges of it are in the table
}

type seqPage [16]uint64

// add reports whether seq is new.
func (s *seqSet) add(seq uint64) bool {
	n := seq >> 10
	p := s.last
	if p == nil || n != s.lastN {
		p = s.page(n)
	}
	w, bit := &p[seq>>6&15], uint64(1)<<(seq&63)
	if *w&bit != 0 {
		return false
	}
	*w |= bit
	s.dirty = true
	return true
}

// page makes page n the last one. The map comes with the second page: of many
// boots there is only one.
func (s *seqSet) page(n uint64) *seqPage {
	p := s.pages[n]
	if p == nil {
		p = new(seqPage)
		if s.last != nil {
			if s.pages == nil {
				s.pages = map[uint64]*seqPage{s.lastN: s.last}
			}
			s.pages[n] = p
		}
	}
	s.last, s.lastN = p, n
	return p
}

// addRange adds lo…hi, both included.
func (s *seqSet) addRange(lo, hi uint64) {
	for seq := lo; ; seq++ {
		if seq&63 == 0 && hi-seq >= 63 {
			s.add(seq)
			s.last[seq>>6&15] = ^uint64(0)
			seq += 63
		} else {
			s.add(seq)
		}
		if seq >= hi {
			return
		}
	}
}

type seqRange struct{ lo, hi uint64 }

// ranges returns the set as closed ranges in ascending order.
func (s *seqSet) ranges() []seqRange {
	pages := s.pages
	if pages == nil && s.last != nil {
		pages = map[uint64]*seqPage{s.lastN: s.last}
	}
	numbers := make([]uint64, 0, len(pages))
	for n := range pages {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var out []seqRange
	for _, n := range numbers {
		for i, w := range pages[n] {
			base := n<<10 | uint64(i)<<6
			for w != 0 {
				from := uint64(bits.TrailingZeros64(w))
				length := uint64(bits.TrailingZeros64(^(w >> from)))
				lo := base + from
				if k := len(out) - 1; k >= 0 && out[k].hi+1 == lo {
					out[k].hi = lo + length - 1
				} else {
					out = append(out, seqRange{lo, lo + length - 1})
				}
				if from+length >= 64 {
					break
				}
				w &= ^uint64(0) << (from + length)
			}
		}
	}
	return out
}

// seenKey names a sequence: seq counts within boot and kind.
type seenKey struct {
	boot uint64
	kind string
}

// seen holds the sets of all boots met in this run; load fetches what earlier
// runs counted for a key, once.
type seen struct {
	sets    map[seenKey]*seqSet
	lastKey seenKey
	last    *seqSet
	load    func(seenKey) ([]seqRange, error)
}

func newSeen(load func(seenKey) ([]seqRange, error)) *seen {
	return &seen{sets: map[seenKey]*seqSet{}, load: load}
}

// add reports whether the identity is new and marks it as counted.
func (s *seen) add(key seenKey, seq uint64) (bool, error) {
	set := s.last
	if set == nil || key != s.lastKey {
		var err error
		if set, err = s.set(key); err != nil {
			return false, err
		}
		s.last, s.lastKey = set, key
	}
	return set.add(seq), nil
}

// set returns what was counted for a key.
func (s *seen) set(key seenKey) (*seqSet, error) {
	if set := s.sets[key]; set != nil {
		return set, nil
	}
	ranges, err := s.load(key)
	if err != nil {
		return nil, err
	}
	set := new(seqSet)
	for _, r := range ranges {
		set.addRange(r.lo, r.hi)
	}
	set.dirty = false
	s.sets[key] = set
	return set, nil
}
