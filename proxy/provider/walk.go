package provider

import (
	"bytes"
	"encoding/binary"
)

// walker reads JSON as it comes, in pieces cut anywhere, and reports what its
// tree of nodes asks for. It keeps a state of fixed size, whatever the input:
// strings and values nobody asked for are skipped by searching for their end.
//
// It does not validate. Broken JSON yields nothing or a wrong value, never a
// panic and never more memory; what is kept is checked when it is read.
//
// Values may follow each other (one JSON object per line), and an array at the
// top is a stream of its elements.
type walker struct {
	g     *gather
	root  *node
	n     *node // of the value that is expected or being read
	state state
	depth int // frames in use
	open  int // containers open inside a value that is skipped or kept whole
	odd   bool
	lost  bool // the key or scalar did not fit
	esc   uint8
	hex   uint16
	nbuf  int
	buf   [scalarCap]byte // the key or scalar being read
	stack [maxDepth]frame

	tree  []byte // the object being kept whole, without white space
	strAt int    // where in tree the string being read began
	over  bool   // tree did not fit
}

type frame struct {
	n     *node
	array bool
}

// maxDepth is more than the deepest tree of nodes needs; deeper is skipped.
const maxDepth = 12

// Bounds on an object kept whole. Strings in it are keys, units, tiers and model
// names; longer ones become empty. A writer may escape every letter of a key,
// the longest of which has 44, as six.
const (
	treeCap   = 16 << 10
	stringCap = 6*44 + 2
)

type state uint8

const (
	atValue    state = iota // before a value
	atKey                   // in an object, before a key
	inKey                   // in a key
	afterKey                // before a colon
	inScalar                // in a number or word to keep
	inWord                  // in a number or word to skip
	inString                // in a string to keep
	inText                  // in a string to measure
	skipString              // in a string to skip
	skipValue               // in an object or array to skip
	skipInner               // in a string in it
	inTree                  // in an object to keep whole
	inTreeText              // in a string in it
)

// start makes the walker ready for a document.
func (w *walker) start(g *gather, root *node) {
	w.g, w.root = g, root
	w.restart()
}

// restart forgets an unfinished value: the next byte begins a new one.
func (w *walker) restart() {
	w.n, w.state, w.depth, w.open = w.root, atValue, 0, 0
	w.odd, w.lost, w.esc, w.nbuf = false, false, 0, 0
	w.tree, w.over = w.tree[:0], false
}

// idle reports whether no value is being read.
func (w *walker) idle() bool { return w.depth == 0 && w.state == atValue }

// write reads the next piece.
func (w *walker) write(p []byte) {
	for i := 0; i < len(p); {
		switch w.state {
		case atValue:
			i = w.value(p, i)
		case atKey:
			i = w.key(p, i)
		case inKey:
			i = w.collect(p, i)
		case afterKey:
			if c := p[i]; c == ':' {
				w.state = atValue
			}
			i++
		case inScalar, inWord:
			i = w.word(p, i)
		case inString:
			i = w.collect(p, i)
		case inText:
			i = w.measure(p, i)
		case skipString:
			if i = w.quote(p, i); i > 0 {
				w.ended()
			} else {
				return
			}
		case skipValue, skipInner:
			i = w.skip(p, i)
		case inTree, inTreeText:
			i = w.copy(p, i)
		}
	}
}

// value looks at the first byte of a value, or at the end of the array.
func (w *walker) value(p []byte, i int) int {
	c := p[i]
	i++
	switch c {
	case ' ', '\t', '\n', '\r', ',', ':':
	case '"':
		return w.beginString(p, i)
	case '{', '[':
		w.beginContainer(c)
	case ']', '}':
		w.pop()
	default:
		w.beginWord(c)
		return i - 1
	}
	return i
}

func (w *walker) beginString(p []byte, i int) int {
	n := w.n
	switch {
	case n == nil:
		w.state = skipString
	case n.text != noText:
		w.state, w.esc = inText, 0
	case n.slot != noSlot && !w.g.settled(n.slot):
		w.state, w.nbuf, w.lost = inString, 0, false
	default:
		w.state = skipString
	}
	w.odd = false
	return i
}

func (w *walker) beginWord(c byte) {
	if w.n != nil && w.n.slot != noSlot {
		w.state, w.nbuf, w.lost = inScalar, 0, false
		return
	}
	w.state, w.n = inWord, nil // null is not a value that a hook counts
	if c == 'D' && w.depth == 1 {
		w.g.done = true // the "[DONE]" that ends OpenAI's streams
	}
}

func (w *walker) beginContainer(c byte) {
	n := w.n
	switch {
	case n != nil && n.tree != noTree && c == '{':
		w.state, w.open, w.over = inTree, 1, false
		w.tree = append(w.tree[:0], '{')
	case n == nil, w.depth == maxDepth,
		c == '{' && n.keys == nil, c == '[' && n.elem == nil && w.depth > 0:
		w.state, w.open = skipValue, 1
	case c == '{':
		w.stack[w.depth] = frame{n: n}
		w.depth++
		w.state = atKey
	default:
		w.stack[w.depth] = frame{n: n, array: true}
		w.depth++
		w.n = w.element(n)
	}
}

// element is the node of the elements of the innermost array.
func (w *walker) element(n *node) *node {
	if w.depth == 1 {
		return w.root
	}
	return n.elem
}

// pop closes the innermost object or array. A bracket without partner is
// ignored.
func (w *walker) pop() {
	if w.depth == 0 {
		return
	}
	w.depth--
	f := w.stack[w.depth]
	w.n = f.n
	if f.array && w.depth == 0 {
		w.n, w.state = w.root, atValue
		return
	}
	w.ended()
}

// ended is called after each value that is not the closing of a top array.
func (w *walker) ended() {
	if w.n != nil && w.n.hook != noHook {
		w.g.fire(w.n.hook)
	}
	if w.depth == 0 {
		w.n, w.state = w.root, atValue
		w.g.event()
		return
	}
	f := &w.stack[w.depth-1]
	if !f.array {
		w.state = atKey
		return
	}
	if w.depth == 1 {
		w.g.event()
		w.g.elements++
	}
	w.n, w.state = w.element(f.n), atValue
}

// key looks for the next key of an object, whole where the piece has it whole.
func (w *walker) key(p []byte, i int) int {
	switch p[i] {
	case '"':
	case '}', ']':
		w.pop()
		return i + 1
	default:
		return i + 1
	}
	i++
	if j := bytes.IndexByte(p[i:], '"'); j >= 0 && j <= len(w.buf) && bytes.IndexByte(p[i:i+j], '\\') < 0 {
		w.n = w.stack[w.depth-1].n.find(p[i : i+j])
		i += j + 1
		if i < len(p) && p[i] == ':' {
			w.state = atValue
			return i + 1
		}
		w.state = afterKey
		return i
	}
	w.state, w.nbuf, w.lost, w.odd = inKey, 0, false, false
	return i
}

// endKey finds the node of a key that came in pieces or with escapes. One beyond
// the buffer is none that matters.
func (w *walker) endKey() {
	w.n = nil
	if !w.lost {
		w.n = w.stack[w.depth-1].n.find(plainKey(w.buf[:w.nbuf]))
	}
	w.state = afterKey
}

// collect keeps a key or string as written, up to the buffer's size.
func (w *walker) collect(p []byte, i int) int {
	j := w.quote(p, i)
	seg := p[i:]
	if j > 0 {
		seg = p[i : j-1]
	}
	n := copy(w.buf[w.nbuf:], seg)
	w.nbuf += n
	w.lost = w.lost || n < len(seg)
	if j == 0 {
		return len(p)
	}
	if w.state == inKey {
		w.endKey()
		return j
	}
	w.keepScalar(true)
	w.ended()
	return j
}

func (w *walker) keepScalar(quoted bool) {
	if w.n.slot == slotPick {
		w.g.pick(w.n.name, w.buf[:w.nbuf], quoted)
		return
	}
	w.g.set(w.n.slot, w.buf[:w.nbuf], quoted)
}

// quote returns the index after the quote that ends the string in which p[i]
// lies, or 0 if it is not in p. A quote is escaped by an odd run of backslashes
// before it; w.odd carries the run from piece to piece.
func (w *walker) quote(p []byte, i int) int {
	for {
		j := bytes.IndexByte(p[i:], '"')
		end := i + j
		if j < 0 {
			end = len(p)
		}
		k := end
		for k > i && p[k-1] == '\\' {
			k--
		}
		odd := (end-k)&1 == 1
		if k == i && w.odd {
			odd = !odd
		}
		if j < 0 {
			w.odd = odd
			return 0
		}
		w.odd = false
		i = end + 1
		if !odd {
			return i
		}
	}
}

// word reads a number, true, false or null to the byte after it.
func (w *walker) word(p []byte, i int) int {
	j := i
	for j < len(p) && class[p[j]] == 0 {
		j++
	}
	if w.state == inScalar {
		n := copy(w.buf[w.nbuf:], p[i:j])
		w.nbuf += n
		w.lost = w.lost || n < j-i
	}
	if j == len(p) {
		return j
	}
	if w.state == inScalar && !w.lost {
		w.keepScalar(false)
	}
	w.ended()
	return j
}

// skip passes over an object or array, looking only at quotes and brackets.
func (w *walker) skip(p []byte, i int) int {
	if w.state == skipInner {
		if i = w.quote(p, i); i == 0 {
			return len(p)
		}
		w.state = skipValue
	}
	for i < len(p) {
		for i+8 <= len(p) && plainWord(binary.LittleEndian.Uint64(p[i:])) {
			i += 8
		}
		if i == len(p) {
			return i
		}
		c := class[p[i]]
		i++
		switch c {
		case classQuote:
			w.odd = false
			j := w.quote(p, i)
			if j == 0 {
				w.state = skipInner
				return len(p)
			}
			i = j
		case classOpen:
			w.open++
		case classClose:
			if w.open--; w.open == 0 {
				w.ended()
				return i
			}
		}
	}
	return i
}

// plainWord reports that none of 8 bytes is a quote or bracket: numbers and
// white space, as in embeddings. The four brackets share the bits of 0x59 under
// the mask 0xd9; a few other bytes share them too and are looked at singly.
func plainWord(x uint64) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	b := x&(0xd9*low) ^ (0x59 * low)
	q := x ^ ('"' * low)
	return ((b-low)&^b|(q-low)&^q)&high == 0
}

// Classes of bytes outside strings: 0 belongs to a number or word.
const (
	classSpace = 1 + iota
	classPoint // comma and colon
	classQuote
	classOpen
	classClose
)

var class = [256]uint8{
	' ': classSpace, '\t': classSpace, '\n': classSpace, '\r': classSpace,
	',': classPoint, ':': classPoint, '"': classQuote,
	'{': classOpen, '[': classOpen, '}': classClose, ']': classClose,
}
