package provider

import (
	"bytes"
	"slices"
	"strings"
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

// canonMsg is one message.
type canonMsg struct {
	val     reqVal // the message, or the text that stands for one
	content reqVal
	role    byte
	kind    canonKind
	bare    bool  // a canonChat with nothing that rest would append
	bytes   int64 // of text
}

type canonKind uint8

const (
	canonWhole canonKind = iota // val is the content
	canonItem                   // val is a part (Responses items)
	canonChat                   // val is an object with role and content
	canonRef                    // val names an item the provider keeps
)

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

// gather lists the messages in v: an array of them, one, or a text. It reports
// whether there are no more of them than burn looks at.
func (w *canonWalk) gather(v reqVal) bool {
	switch w.doc.kind(v) {
	case '[':
		most := len(w.msgs) + reqMaxMessages
		for e, ok := w.doc.first(v); ok; e, ok = w.doc.following(v, e) {
			if len(w.msgs) == most {
				return false
			}
			w.gatherOne(e)
		}
	case 0, 'n':
	default:
		w.gatherOne(v)
	}
	return true
}

// gatherOne reads one message's role and finds its content.
func (w *canonWalk) gatherOne(v reqVal) {
	form := &w.doc.alike.meant[w.doc.form(v)]
	if form.role != 0 {
		// Filled where it stands: a copy made right after would wait for the
		// processor to put together what was written in bytes.
		w.msgs = append(w.msgs, canonMsg{})
		msg := &w.msgs[len(w.msgs)-1]
		msg.val, msg.content = v, reqVal{v.pos + uint32(form.content), v.num + 1}
		msg.role, msg.kind, msg.bare = form.role, canonChat, true
		return
	}
	msg := canonMsg{val: v, content: v, role: canonUser}
	if w.doc.kind(v) != '{' {
		w.msgs = append(w.msgs, msg)
		return
	}
	var role, typ, content, parts, message reqVal
	msg.bare = true
	for m, ok := w.doc.firstMember(v); ok; m, ok = w.doc.nextMember(m) {
		switch string(m.key) {
		case "role":
			role = m.val
		case "type":
			typ = m.val
		case "content":
			content = m.val
		case "parts":
			parts = m.val
		case "message": // Cohere v1
			message = m.val
		default:
			msg.bare = false
		}
	}
	msg.kind = canonChat
	switch {
	case content.num != 0:
		msg.content = content
	case parts.num != 0:
		msg.content = parts
	default:
		msg.content = message
	}
	if name := w.doc.word(typ); role.num == 0 && len(name) > 0 && string(name) != "message" {
		msg.kind, msg.role = canonItem, canonItemRole(string(name))
		if string(name) == "item_reference" {
			msg.kind = canonRef
		}
		w.msgs = append(w.msgs, msg)
		return
	}
	var ok bool
	if msg.role, ok = canonRoles[string(w.doc.word(role))]; !ok {
		msg.role = canonOther
	}
	if msg.role == canonUser && w.returns(msg.content) {
		msg.role = canonTool
	}
	if msg.bare && w.doc.form(v) != 0 && w.doc.skip(msg.content).pos+1 == w.doc.skip(v).pos {
		*form = reqFormMeans{msg.role, byte(msg.content.pos - v.pos)}
	}
	w.msgs = append(w.msgs, msg)
}

// canonItemRole is who an item of the Responses API is from, by its type.
func canonItemRole(typ string) byte {
	switch {
	case strings.HasSuffix(typ, "_output"), typ == "mcp_approval_response":
		return canonTool
	case typ == "text", strings.HasPrefix(typ, "input_"):
		return canonUser
	case strings.HasSuffix(typ, "_call"), typ == "reasoning", typ == "compaction", typ == "item_reference",
		typ == "mcp_list_tools", typ == "mcp_approval_request":
		return canonAssistant
	}
	return canonOther
}

// returns reports whether a user's message carries a tool's result: then no
// human wrote it, even if a client put text beside the result.
func (w *canonWalk) returns(content reqVal) bool {
	if w.doc.kind(content) != '[' {
		return false
	}
	for e, ok := w.doc.first(content); ok; e, ok = w.doc.next(e) {
		if w.doc.kind(e) != '{' {
			continue
		}
		found := false
		for m, ok := w.doc.firstMember(e); ok; m, ok = w.doc.nextMember(m) {
			found = found || canonResultKeys[string(m.key)]
		}
		if found || bytes.HasSuffix(w.doc.word(w.doc.get(e, "type")), []byte("tool_result")) {
			return true
		}
	}
	return false
}

// message appends one message.
func (w *canonWalk) message(m *canonMsg) {
	before := w.sink.text
	if m.bare && w.doc.b[m.content.pos] == '"' { // what body comes to, for most of them
		w.sink.marks(canonMessage, m.role, canonText)
		w.words(m.content)
	} else {
		w.sink.mark(canonMessage)
		w.sink.mark(m.role)
		w.body(m)
	}
	m.bytes = w.sink.text - before
}

// body appends a message without its mark and role.
func (w *canonWalk) body(m *canonMsg) {
	switch m.kind {
	case canonWhole:
		w.parts(m.val)
	case canonItem:
		w.part(m.val)
	case canonRef:
		w.value(m.val)
	default:
		w.parts(m.content)
		if !m.bare {
			w.rest(m.val)
		}
	}
}

// canonInMessage are the keys of a message that body reads otherwise.
func canonInMessage(key []byte) bool {
	switch string(key) {
	case "role", "type", "content", "parts", "message":
		return true
	}
	return false
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
