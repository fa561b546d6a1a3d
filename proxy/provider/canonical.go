package provider

import (
	"bytes"
	"slices"
)

// The canonical text of a request is what its fingerprints are taken over: the
// tools, then the system prompt, then the messages, in the order in which
// providers cache them, without what changes from call to call although the
// model reads the same. Marks are bytes that never occur in UTF-8, so text
// stands between them as it is and no text can be taken for a mark:
//
//	text     = canonText bytes
//	literal  = canonLiteral bytes                  (number, true, false, null)
//	object   = canonObject { text value } canonEnd (keys sorted, last of equal ones)
//	array    = canonArray { value } canonEnd
//	media    = canonMedia 16-byte-digest           (of the part's own canonical text)
//	value    = text | literal | object | array | media
//
//	request  = [ canonTools value … ] [ canonSys value … ] [ canonState value … ] { message }
//	message  = canonMessage role { value } [ object ]
//
// A message has no end mark, and nothing is counted in front: the canonical
// text of a conversation is a prefix of that of its continuation.
//
// A text equals a list of one text part, and a part that holds nothing but text
// equals that text. Dropped are cache_control wherever it stands; in messages
// and parts also ids of messages and calls, nulls and empty lists. System
// messages in front of all others are the system prompt; later ones stay where
// they are, or a conversation would not continue its beginning.
const (
	canonTools   = 0xf5
	canonSys     = 0xf6
	canonState   = 0xf7
	canonMessage = 0xf8
	canonText    = 0xf9
	canonLiteral = 0xfa
	canonObject  = 0xfb
	canonArray   = 0xfc
	canonMedia   = 0xfd
	canonEnd     = 0xff
)

// recentMessages is how many of the newest messages of the history count as
// recent.
const recentMessages = 5

// canonWalk walks a checked document into a sink.
type canonWalk struct {
	doc     reqDoc
	sink    fpSink
	members []reqMember // of the objects being walked, used as a stack
	used    int         // most members there were at once
	msgs    []canonMsg
	lines   bool // text is of the last user turn
}

// value appends any JSON value.
func (w *canonWalk) value(v reqVal) {
	switch w.doc.kind(v) {
	case 0:
	case '"':
		w.text(v)
	case '{':
		w.object(v)
	case '[':
		w.sink.mark(canonArray)
		for e, ok := w.doc.first(v); ok; e, ok = w.doc.next(e) {
			w.value(e)
		}
		w.sink.mark(canonEnd)
	default:
		w.sink.mark(canonLiteral)
		w.sink.write(w.doc.literal(v))
	}
}

func (w *canonWalk) text(v reqVal) {
	lines := w.lines && !w.sink.inMedia
	w.sink.mark(canonText)
	if lines {
		w.sink.beginLines()
	}
	w.words(v)
	if lines {
		w.sink.endLines()
	}
}

// words appends a text without its mark.
func (w *canonWalk) words(v reqVal) {
	if raw, plain := w.doc.written(v); plain {
		w.sink.write(raw)
	} else {
		w.sink.str(&w.doc, raw)
	}
}

// object appends an object, without cache marks.
func (w *canonWalk) object(v reqVal) {
	w.sink.mark(canonObject)
	base := w.push(v)
	for i := base; i < len(w.members); i++ {
		m := w.members[i]
		if string(m.key) != "cache_control" {
			w.key(m)
			w.value(m.val)
		}
	}
	w.members = w.members[:base]
	w.sink.mark(canonEnd)
}

func (w *canonWalk) key(m reqMember) {
	w.sink.mark(canonText)
	w.sink.write(m.key)
}

// push adds an object's members, sorted by key, the last of equal ones, and
// returns where they begin.
func (w *canonWalk) push(v reqVal) (base int) {
	base = len(w.members)
	for m, ok := w.doc.firstMember(v); ok; m, ok = w.doc.nextMember(m) {
		w.members = append(w.members, m)
	}
	w.used = max(w.used, len(w.members))
	list := w.members[base:]
	slices.SortStableFunc(list, func(a, b reqMember) int { return bytes.Compare(a.key, b.key) })
	n := 0
	for i, m := range list {
		if i+1 < len(list) && bytes.Equal(m.key, list[i+1].key) {
			continue
		}
		list[n] = m
		n++
	}
	w.members = w.members[:base+n]
	return base
}

// class is what a member of a message or part means.
func (w *canonWalk) class(m reqMember) canonClass {
	c := canonKeys[string(m.key)]
	if c == canonPlain && w.empty(m.val) {
		return canonDrop
	}
	return c
}

// empty reports null and the empty array.
func (w *canonWalk) empty(v reqVal) bool {
	switch w.doc.kind(v) {
	case 'n':
		return true
	case '[':
		_, ok := w.doc.first(v)
		return !ok
	}
	return false
}

// parts appends the content of a message: a text, a part, or a list of either.
func (w *canonWalk) parts(v reqVal) {
	if w.doc.kind(v) != '[' {
		w.part(v)
		return
	}
	for e, ok := w.doc.first(v); ok; e, ok = w.doc.next(e) {
		w.part(e)
	}
}

// part appends one part of a message.
func (w *canonWalk) part(v reqVal) {
	switch w.doc.kind(v) {
	case 'n':
		return
	case '{':
	default:
		w.value(v)
		return
	}
	base := w.push(v)
	switch kind, text := w.partKind(base); kind {
	case partNothing:
	case partText:
		w.text(text)
	case partMedia:
		w.opaque(v)
	default:
		w.sink.mark(canonObject)
		w.fields(base)
		w.sink.mark(canonEnd)
	}
	w.members = w.members[:base]
}

// opaque appends the hash of a value instead of its text.
func (w *canonWalk) opaque(v reqVal) {
	if w.sink.inMedia {
		w.value(v)
		return
	}
	w.sink.beginMedia()
	w.value(v)
	w.sink.endMedia()
}

const (
	partOther   = iota
	partText    // nothing but text
	partMedia   // an image, recording or file
	partNothing // a cache mark on its own
)

// partKind looks at the type and keys of the part whose members begin at base.
func (w *canonWalk) partKind(base int) (kind int, text reqVal) {
	var name []byte
	var source reqVal
	typed, more, media := false, false, false
	for _, m := range w.members[base:] {
		switch string(m.key) {
		case "type":
			name, typed = w.doc.word(m.val), true
		case "text":
			text = m.val
		case "source":
			source, more = m.val, true
		default:
			more = more || w.class(m) != canonDrop
			media = media || canonMediaKeys[string(m.key)]
		}
	}
	switch {
	case len(name) == 0 && media, canonMediaTypes[string(name)]:
		return partMedia, reqVal{}
	case string(name) == "document" && canonFileSources[string(w.doc.word(w.doc.get(source, "type")))]:
		return partMedia, reqVal{}
	case more:
	case w.doc.kind(text) == '"' && canonTextTypes[string(name)]:
		return partText, text
	case !typed && text.num == 0:
		return partNothing, reqVal{}
	}
	return partOther, reqVal{}
}

// fields appends the members that begin at base, by their class.
func (w *canonWalk) fields(base int) {
	for i := base; i < len(w.members); i++ {
		m := w.members[i]
		if class := w.class(m); class != canonDrop {
			w.key(m)
			w.field(m.val, class)
		}
	}
}

// rest appends what a message has beside its role and content, if anything.
func (w *canonWalk) rest(v reqVal) {
	base := w.push(v)
	n := base
	for _, m := range w.members[base:] {
		if !canonInMessage(m.key) && w.class(m) != canonDrop {
			w.members[n] = m
			n++
		}
	}
	w.members = w.members[:n]
	if n > base {
		w.sink.mark(canonObject)
		w.fields(base)
		w.sink.mark(canonEnd)
	}
	w.members = w.members[:base]
}

// nested appends an object whose members are those of a part.
func (w *canonWalk) nested(v reqVal) {
	base := w.push(v)
	w.sink.mark(canonObject)
	w.fields(base)
	w.sink.mark(canonEnd)
	w.members = w.members[:base]
}

func (w *canonWalk) field(v reqVal, class canonClass) {
	kind := w.doc.kind(v)
	switch {
	case class == canonOpaque:
		w.opaque(v)
	case class == canonWrapper && kind == '{':
		w.nested(v)
	case class == canonContent:
		w.sink.mark(canonArray)
		w.parts(v)
		w.sink.mark(canonEnd)
	case class == canonCalls && kind == '[':
		w.sink.mark(canonArray)
		for e, ok := w.doc.first(v); ok; e, ok = w.doc.next(e) {
			if w.doc.kind(e) == '{' {
				w.nested(e)
			} else {
				w.value(e)
			}
		}
		w.sink.mark(canonEnd)
	default:
		w.value(v)
	}
}

// forget drops what refers to the body; trim what one large body made large.
func (w *canonWalk) forget() {
	w.doc.b = nil
	clear(w.doc.alike.seen[:])
	clear(w.members[:min(w.used, cap(w.members))])
	w.members, w.msgs, w.used = w.members[:0], w.msgs[:0], 0
}

func (w *canonWalk) trim() {
	const most = 16 << 10 // elements of 8 to 32 bytes
	if cap(w.doc.spans) > most {
		w.doc.spans = nil
	}
	if cap(w.members) > most {
		w.members = nil
	}
	if cap(w.msgs) > most {
		w.msgs = nil
	}
}
