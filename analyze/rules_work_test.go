//go:build cgo

package analyze_test

import (
	"cmp"
	"maps"
	"slices"
)

// task is what an agent was asked: an input of its own, with all calls about it.
type task struct {
	parts [4]uint64
	calls []*event
}

// tasks are an agent's distinct inputs, without those that come in more than one
// of a hundred of its calls, and in more than three.
func tasks(calls []*event) map[uint64]*task {
	all, n := map[uint64]*task{}, 0
	for _, e := range calls {
		if e.fpInput == 0 || e.cost == 0 {
			continue
		}
		n++
		if all[e.fpInput] == nil {
			all[e.fpInput] = &task{parts: e.parts}
		}
		all[e.fpInput].calls = append(all[e.fpInput].calls, e)
	}
	lines := map[uint64]int{}
	for input, t := range all {
		if len(t.calls)*100 > n && len(t.calls) > 3 {
			delete(all, input)
			continue
		}
		for _, p := range t.parts {
			lines[p] += len(t.calls)
		}
	}
	for _, t := range all {
		for i, p := range t.parts {
			if lines[p]*100 > n && lines[p] > 3 {
				t.parts[i] = 0
			}
		}
	}
	return all
}

// shared are the tasks of a that b has too: the same input, or two equal lines in
// one of b's.
func shared(a, b map[uint64]*task) map[uint64]*task {
	holders := map[uint64][]uint64{}
	for input, t := range b {
		for _, p := range t.parts {
			if p != 0 {
				holders[p] = append(holders[p], input)
			}
		}
	}
	both := map[uint64]*task{}
	for input, t := range a {
		if b[input] != nil {
			both[input] = t
			continue
		}
		equal := map[uint64]int{}
		for _, p := range t.parts {
			for _, other := range holders[p] {
				if p != 0 {
					equal[other]++
				}
			}
		}
		for _, n := range equal {
			if n >= 2 {
				both[input] = t
			}
		}
	}
	return both
}

func linked(a, b []*event) bool {
	seen := map[string]bool{}
	for _, e := range a {
		seen["t"+e.trace], seen["s"+e.session] = true, true
	}
	return slices.ContainsFunc(b, func(e *event) bool {
		return e.trace != "" && seen["t"+e.trace] || e.session != "" && seen["s"+e.session]
	})
}

func sums(list map[uint64]*task) (cost, out, n int64) {
	for _, t := range list {
		for _, e := range t.calls {
			cost, out, n = cost+e.cost, out+e.out, n+1
		}
	}
	return cost, out, n
}

func (r *ruled) sameWork() {
	agents := r.agents()
	names := slices.Sorted(maps.Keys(agents))
	work := map[string]map[uint64]*task{}
	for _, name := range names {
		work[name] = tasks(agents[name])
	}
	for i, a := range names {
		for _, b := range names[:i] {
			mine, theirs := shared(work[a], work[b]), shared(work[b], work[a])
			enough := func(some, all map[uint64]*task) bool { return len(some) >= 100 && 2*len(some) >= len(all) }
			if !enough(mine, work[a]) || !enough(theirs, work[b]) || linked(agents[a], agents[b]) {
				continue
			}
			costA, outA, nA := sums(mine)
			costB, outB, nB := sums(theirs)
			if outA*nB > 4*outB*nA || outB*nA > 4*outA*nB {
				continue
			}
			if cmp.Compare(costB, costA) < 0 {
				mine = theirs
			}
			for _, t := range mine {
				for _, e := range t.calls {
					r.take("same_work", e, e.cost)
				}
			}
		}
	}
}
