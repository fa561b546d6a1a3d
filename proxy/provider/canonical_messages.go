package provider

import (
	"bytes"
	"strings"
)

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
