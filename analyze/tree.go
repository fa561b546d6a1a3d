package analyze

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// What tells the parent of a call (Call.ParentBy), the surest first.
const (
	BySpan = "span" // its record names the span of that call as the one above its own
	ByStep = "step" // its step's path goes on from that call's
	ByTool = "tool" // it ran while that call's answer waited for a tool
	ByTurn = "turn" // it continues a call that has that parent
)

// links are what a call says about others. 0 is nothing.
type links struct {
	span, parent       uint64
	response, previous uint64    // of the answer, and of the answer that it goes on from
	turns              [4]uint64 // after the whole request, and before each of its last runs of answers
	toolCalls          int64     // that the answer asks for
}

// node is a call while a tree is made of its trace: indexes are those of
// Trace.Calls, -1 is none.
type node struct {
	start, end time.Time
	up         int
	by         string
	continues  int
	next       time.Time // when the first call that continues it began; zero: none does
}

// nest finds the parent of each call of t and fills what follows from that. A
// parent began before its children; the calls are in order of start.
//
// A header that says so counts first, then the paths of steps, of which "/a" is above
// "/a/b". What nobody says is inferred where there is one explanation: a call that
// began after an answer with calls of tools, and ended before the request with
// their results, is part of that. A call that goes on from an earlier one, by
// its turns or by the earlier answer's id, stands beside that one, so that a loop of
// many turns is a list. The rest have no parent that is known.
func (t *Trace) nest() {
	nodes := t.nodes()
	spans, steps := map[uint64]int{}, map[string]int{}
	waiting := []int{} // calls whose tools may still run
	for i := range nodes {
		c, n := &t.Calls[i], &nodes[i]
		path := stepPath(c.Step)
		waiting = slices.DeleteFunc(waiting, func(j int) bool { return !nodes[j].next.After(n.start) })
		if j, ok := spans[t.links[i].parent]; ok {
			n.up, n.by = j, BySpan
		} else if j, ok := above(path, steps); ok {
			n.up, n.by = j, ByStep
		} else if n.continues >= 0 && nodes[n.continues].up < 0 {
			// What began by itself is no tool's later on.
		} else if j, ok := t.toolOf(n, nodes, waiting); ok {
			n.up, n.by = j, ByTool
		} else if n.continues >= 0 {
			n.up, n.by = nodes[n.continues].up, ByTurn
		}
		if s := t.links[i].span; s != 0 {
			spans[s] = i
		}
		if path != "" {
			steps[path] = i
		}
		if t.links[i].toolCalls > 0 && !n.next.IsZero() {
			waiting = append(waiting, i)
		}
	}
	t.links = nil
	for i, n := range nodes {
		c := &t.Calls[i]
		c.Subtree = c.Cost
		if n.up >= 0 {
			p := t.Calls[n.up]
			c.Depth, c.ParentBoot, c.ParentSeq, c.ParentBy = p.Depth+1, p.Boot, p.Seq, n.by
		}
	}
	for i, n := range slices.Backward(nodes) {
		if n.up >= 0 {
			t.Calls[n.up].Subtree = t.Calls[n.up].Subtree.Add(t.Calls[i].Subtree)
		}
	}
}

// nodes finds which call each one continues: the newest of the most recent turn.
func (t *Trace) nodes() []node {
	nodes := make([]node, len(t.Calls))
	turns, answers := map[uint64]int{}, map[uint64]int{}
	for i, c := range t.Calls {
		l := t.links[i]
		n := node{start: c.At, end: c.At.Add(time.Duration(c.LatencyMS * float64(time.Millisecond))), up: -1, continues: -1}
		for _, turn := range l.turns[1:] {
			if j, ok := turns[turn]; ok && n.continues < 0 {
				n.continues = j
			}
		}
		if j, ok := answers[l.previous]; ok && n.continues < 0 {
			n.continues = j
		}
		if n.continues >= 0 && nodes[n.continues].next.IsZero() {
			nodes[n.continues].next = n.start
		}
		if l.turns[0] != 0 {
			turns[l.turns[0]] = i
		}
		if _, seen := answers[l.response]; l.response != 0 && !seen { // later ones read it again
			answers[l.response] = i
		}
		nodes[i] = n
	}
	return nodes
}

// toolOf returns the call whose tool n is part of: one of waiting whose answer came
// before n began and that was continued after n ended. Where several were, each
// within the other's time, it is the outermost, for tools run side by side; but
// that one's only tool must be what the next one is part of as well.
func (t *Trace) toolOf(n *node, nodes []node, waiting []int) (owner int, ok bool) {
	var around []int
	for _, j := range waiting {
		// Starts are known to the millisecond.
		if !n.start.Before(nodes[j].end.Add(-time.Millisecond)) && !n.end.After(nodes[j].next) {
			around = append(around, j)
		}
	}
	slices.SortStableFunc(around, func(a, b int) int {
		return cmp.Or(nodes[a].end.Compare(nodes[b].end), nodes[b].next.Compare(nodes[a].next))
	})
	for k, j := range around {
		if slices.ContainsFunc(around[k+1:], func(x int) bool { return nodes[x].next.After(nodes[j].next) }) {
			break
		}
		owner, ok = j, true
		if t.links[j].toolCalls != 1 {
			break
		}
	}
	return owner, ok
}

// stepPath is a step as a path without slashes at its ends, "" if there is none.
func stepPath(step string) string { return strings.Trim(step, "/") }

// above finds the newest call of the nearest path above.
func above(path string, steps map[string]int) (int, bool) {
	for {
		at := strings.LastIndexByte(path, '/')
		if at < 0 {
			return 0, false
		}
		path = strings.TrimRight(path[:at], "/")
		if i, ok := steps[path]; ok {
			return i, true
		}
	}
}

// Tree returns the indexes of t's calls in the order of a tree: each call, then
// those below it, in order of start.
func (t *Trace) Tree() []int {
	below := map[identity][]int{}
	var open []int // a stack, what comes next on top
	for i, c := range t.Calls {
		if c.ParentBy == "" {
			open = append(open, i)
			continue
		}
		at := identity{c.ParentBoot, c.ParentSeq}
		below[at] = append(below[at], i)
	}
	slices.Reverse(open)
	order := make([]int, 0, len(t.Calls))
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		order = append(order, i)
		for _, j := range slices.Backward(below[identity{t.Calls[i].Boot, t.Calls[i].Seq}]) {
			open = append(open, j)
		}
	}
	return order
}
