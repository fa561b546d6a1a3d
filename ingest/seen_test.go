package ingest

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What seen says of each number is what a plain set says, over any number of
// commits, with what was committed in memory or asked for; the ranges that are
// to be kept are the same set.
func TestSeenIsASet(t *testing.T) {
	const most = ^uint64(0)
	for name, asked := range map[string]bool{"kept": false, "asked": true} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			type id struct{ boot, seq uint64 }
			model, table := map[id]bool{}, map[uint64][]seqRange{}
			open := func() *seen {
				s := new(seen)
				if asked {
					s.asked = map[uint64][]seqRange{}
					s.ask = func(boot uint64) ([]seqRange, error) { return slices.Clone(table[boot]), nil }
					return s
				}
				for _, ranges := range table {
					s.kept = append(s.kept, ranges...)
				}
				slices.SortFunc(s.kept, seqRange.compare)
				return s
			}
			boots := []uint64{0, 1, 2, 1 << 63, most - 1, most}
			s := open()
			for round := range 30 {
				for range rng.IntN(400) {
					boot := boots[rng.IntN(len(boots))]
					base := []uint64{0, 1, 63, 64, 1000, 1 << 40, most - 70, most}[rng.IntN(8)]
					seq := base + uint64(rng.IntN(100))
					for range 1 + rng.IntN(100) {
						fresh, err := s.add(boot, seq)
						if want := !model[id{boot, seq}]; err != nil || fresh != want {
							t.Fatalf("round %d: (%d, %d) is new: %v, want %v; %v", round, boot, seq, fresh, want, err)
						}
						model[id{boot, seq}] = true
						seq++
					}
				}
				err := s.commit(func(boot uint64, before, after []seqRange) {
					if !slices.Equal(before, table[boot]) {
						t.Fatalf("round %d: boot %d had %v, not %v", round, boot, table[boot], before)
					}
					table[boot] = slices.Clone(after)
				})
				if err != nil {
					t.Fatal(err)
				}
				if round%5 == 4 {
					s = open()
				}
			}
			n := 0
			for boot, ranges := range table {
				for i, r := range ranges {
					if r.boot != boot || r.lo > r.hi || i > 0 && (r.lo <= ranges[i-1].hi || r.lo == ranges[i-1].hi+1) {
						t.Fatalf("ranges %v of boot %d", ranges, boot)
					}
					for seq := r.lo; ; seq++ {
						if n++; !model[id{boot, seq}] {
							t.Fatalf("(%d, %d) was never added", boot, seq)
						}
						if seq == r.hi {
							break
						}
					}
				}
			}
			if n != len(model) {
				t.Errorf("%d identities in ranges, %d added", n, len(model))
			}
		})
	}
}
