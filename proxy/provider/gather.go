package provider

import (
	"bytes"
	"hash/maphash"
)

// gather holds what the walker found in one answer: a few scalars, counters
// and the usage object. Its size does not depend on the answer's.
type gather struct {
	vals  [numSlots]value
	texts [numTexts]int64
	merge bool // usages are laid over each other (Anthropic), else the last one wins

	// renamed: a stream begins with the model asked for and ends with the one that
	// served (Responses, where a router or a preset chooses).
	renamed bool

	usage    []byte // usage object, compact; empty: none seen
	spare    []byte
	drawing  []byte // usage of the model that drew images, as usage
	picked   []byte // usage object under construction
	early    bool   // only the beginning of a usage was seen
	tooLarge bool   // a usage object did not fit
	elements int64
	values   int64 // documents or events seen to their end

	counted bool // the event being read has a usage
	chose   bool // it has a choice
	alone   bool // the last event with a usage had no choice: it says the whole
	midway  bool // the finish reason was in an event that broke off before its usage

	finish      value // finish reason of the first choice
	finishIndex int64
	finishAt    int64
	done        bool // [DONE] was seen
	failed      bool // an error object was seen

	calls, searches, added int64
	sawAdded               bool
	items                  itemCounts
	eventSearches          int64
	lastCall               uint64

	part func() // takes one of several answers, nil: there is but one
}

// itemCounts counts output items of one document: a stream repeats them all in
// its last event, which must not count twice.
type itemCounts struct{ calls, searches int64 }

// value is a scalar as written, without quotes.
type value struct {
	n      uint8
	quoted bool
	b      [scalarCap]byte
}

func (v *value) bytes() []byte { return v.b[:v.n] }

func (v *value) String() string {
	if bytes.IndexByte(v.bytes(), '\\') < 0 {
		return string(v.bytes())
	}
	return unquote(v.bytes())
}

// reset makes g ready for another answer, keeping its buffers.
func (g *gather) reset(merge bool) {
	g.usage, g.spare, g.picked, g.drawing = g.usage[:0], g.spare[:0], g.picked[:0], g.drawing[:0]
	for i := range g.vals {
		g.vals[i].n, g.vals[i].quoted = 0, false
	}
	g.finish.n = 0
	g.texts = [numTexts]int64{}
	g.merge, g.early, g.tooLarge, g.done, g.failed, g.sawAdded = merge, false, false, false, false, false
	g.counted, g.chose, g.alone, g.midway = false, false, false, false
	g.elements, g.values, g.finishIndex, g.finishAt = 0, 0, 0, 0
	g.calls, g.searches, g.added, g.eventSearches = 0, 0, 0, 0
	g.items, g.lastCall = itemCounts{}, 0
}

// settled reports that a further value for s is not wanted.
func (g *gather) settled(s slot) bool {
	return sticky[s] && g.vals[s].n > 0 && !(s == slotModel && g.renamed)
}

// What a stream of an assistant's run can name before the run itself, whose id
// the answer has: its thread, or the step that a tool's outputs end.
var threadID, stepID = []byte("thread_"), []byte("step_")

// set keeps a scalar. Empty strings and null are no value.
func (g *gather) set(s slot, b []byte, quoted bool) {
	if len(b) == 0 || g.settled(s) || !quoted && b[0] == 'n' {
		return
	}
	if s == slotID && (bytes.HasPrefix(b, threadID) || bytes.HasPrefix(b, stepID)) {
		return
	}
	g.vals[s].n = uint8(copy(g.vals[s].b[:], b))
	g.vals[s].quoted = quoted
}

// keepTree takes a usage object over and returns a buffer for the next one.
func (g *gather) keepTree(t tree, b []byte, over bool) []byte {
	if over {
		g.tooLarge = true
		return b
	}
	if len(b) <= len("{}") {
		return b
	}
	if t == treeDrawing {
		old := g.drawing
		g.drawing = b
		return old
	}
	g.early = t == treeEarly && (g.early || len(g.usage) == 0)
	g.counted, g.midway = true, false
	if g.merge && len(g.usage) > 0 {
		g.spare = overlay(g.spare[:0], g.usage, b, 0)
		if len(g.spare) > treeCap {
			g.tooLarge = true
			return b
		}
		g.usage, g.spare = g.spare, g.usage
		return b
	}
	old := g.usage
	g.usage = b
	return old
}

// pick adds a number to the usage object that the event's end closes. A string
// is added too: it can hold a number, else it is noticed as no count.
func (g *gather) pick(name string, b []byte, quoted bool) {
	if len(g.picked)+len(name)+len(b) > treeCap/4 || bytes.IndexByte(b, '\\') >= 0 {
		return
	}
	if len(g.picked) == 0 {
		g.picked = append(g.picked, '{')
	} else {
		g.picked = append(g.picked, ',')
	}
	g.picked = append(append(append(g.picked, '"'), name...), '"', ':')
	if quoted {
		g.picked = append(append(append(g.picked, '"'), b...), '"')
		return
	}
	g.picked = append(g.picked, b...)
}

// endPicked makes what was picked the usage.
func (g *gather) endPicked() {
	if len(g.picked) > 0 {
		g.picked = g.keepTree(treeUsage, append(g.picked, '}'), false)[:0]
	}
}

// fire runs a hook: the value it belongs to has just ended.
func (g *gather) fire(h hook) {
	switch h {
	case hookChoice:
		g.choice()
	case hookCall:
		g.call()
	case hookItem:
		g.item()
	case hookTool:
		g.calls++
	case hookSearch:
		g.eventSearches++
	case hookAdd:
		if n, ok := parseCount(g.vals[slotTokens].bytes()); ok {
			g.added += n
			g.sawAdded = true
		}
		g.vals[slotTokens].n = 0
	case hookError:
		g.failed = true
	case hookPart:
		g.event()
		if g.part != nil {
			g.part()
		}
	}
}

// choice keeps the finish reason of the choice with the lowest index; of the
// same choice the latest event's, of the same event the first.
func (g *gather) choice() {
	g.chose = true
	f := &g.vals[slotFinish]
	index, _ := parseCount(g.vals[slotIndex].bytes())
	g.vals[slotIndex].n = 0
	if f.n == 0 {
		return
	}
	if g.finish.n == 0 || index < g.finishIndex || index == g.finishIndex && g.values > g.finishAt {
		g.finish = *f
		g.finishIndex, g.finishAt = index, g.values
	}
	f.n = 0
}

var callSeed = maphash.MakeSeed()

// call counts a tool call. A stream sends a call in pieces of which the first
// has the id, or all of them the same one.
func (g *gather) call() {
	id, name := &g.vals[slotCallID], &g.vals[slotCallName]
	if id.n > 0 {
		if h := maphash.Bytes(callSeed, id.bytes()); h != g.lastCall {
			g.calls++
			g.lastCall = h
		}
	} else if name.n > 0 {
		g.calls++
	}
	id.n, name.n = 0, 0
}

// item counts output items and content blocks by their type.
func (g *gather) item() {
	t := g.vals[slotItem].bytes()
	switch {
	case string(t) == "web_search_call":
		if a := g.vals[slotAction].bytes(); len(a) == 0 || string(a) == "search" { // looking at what was found is free
			g.items.searches++
		}
		g.items.calls++
	case bytes.HasSuffix(t, []byte("_call")), bytes.HasSuffix(t, []byte("tool_use")):
		g.items.calls++
	}
	g.vals[slotItem].n, g.vals[slotAction].n = 0, 0
}

// event is called at the end of a document or stream event.
func (g *gather) event() {
	if n := g.texts[textMaybe]; n > 0 {
		if !bytes.HasSuffix(g.vals[slotType].bytes(), []byte("audio.delta")) {
			g.texts[textDelta] += n
		}
		g.texts[textMaybe] = 0
	}
	if string(g.vals[slotType].bytes()) == "error" {
		g.failed = true
	}
	g.endItems()
	g.endPicked()
	if g.counted {
		g.alone = !g.chose
	}
	g.counted, g.chose = false, false
	g.searches = max(g.searches, g.eventSearches) // grounding is repeated, not continued
	g.eventSearches = 0
	for _, s := range [...]slot{slotFinish, slotIndex, slotCallID, slotCallName, slotItem, slotAction, slotTokens} {
		g.vals[s].n = 0
	}
	g.values++
}

// torn ends an event that broke off: a usage or a choice may have followed.
func (g *gather) torn() {
	counted := g.counted
	g.midway = g.midway || g.ending()
	g.picked, g.vals[slotTurn].n = g.picked[:0], 0
	g.event()
	if counted {
		g.alone = false
	}
}

// ending reports whether the event being read has the finish reason and, as
// yet, no usage.
func (g *gather) ending() bool { return g.finish.n > 0 && g.finishAt == g.values && !g.counted }

// rest counts what an answer that was cut has shown since its last event.
func (g *gather) rest() {
	g.endItems()
	g.searches = max(g.searches, g.eventSearches)
}

// endItems adds a streamed item to the count, or takes a whole answer's count
// where that is greater.
func (g *gather) endItems() {
	if g.items == (itemCounts{}) {
		return
	}
	switch t := g.vals[slotType].bytes(); {
	case bytes.HasSuffix(t, []byte(".added")):
	case bytes.HasSuffix(t, []byte(".done")), string(t) == "content_block_start":
		g.calls += g.items.calls
		g.searches += g.items.searches
	default:
		g.calls = max(g.calls, g.items.calls)
		g.searches = max(g.searches, g.items.searches)
	}
	g.items = itemCounts{}
}
