package provider

// The parts of a request that are not messages like the others.

// tools appends tool definitions and returns how many there are. Gemini groups
// functions; each of a group counts. A cache mark among them is none. The first
// definition opens the section.
func (w *canonWalk) tools(list reqVal, open *bool) (n int64) {
	for e, ok := w.doc.first(list); ok; e, ok = w.doc.next(e) {
		if w.cacheMark(e) {
			continue
		}
		if !*open {
			w.sink.mark(canonTools)
			w.sink.beginPart()
			*open = true
		}
		w.value(e)
		group := w.doc.get(e, "functionDeclarations")
		if group.num == 0 {
			group = w.doc.get(e, "function_declarations")
		}
		n += max(1, w.doc.length(group))
	}
	return n
}

// cacheMark reports an object that holds nothing but cachePoint (Converse).
func (w *canonWalk) cacheMark(v reqVal) bool {
	if w.doc.kind(v) != '{' {
		return false
	}
	m, ok := w.doc.firstMember(v)
	if !ok || string(m.key) != "cachePoint" {
		return false
	}
	_, more := w.doc.nextMember(m)
	return !more
}

// instructions appends a system prompt: a text, parts, or an object that holds
// them as a message does (Gemini). Any other object, such as the name of a stored
// prompt with its variables, counts as it is.
func (w *canonWalk) instructions(v reqVal) {
	if w.doc.kind(v) == '{' {
		for _, name := range [...]string{"parts", "content"} {
			if c := w.doc.get(v, name); c.num != 0 {
				w.parts(c)
				return
			}
		}
		if w.doc.get(v, "text").num == 0 {
			w.value(v)
			return
		}
	}
	w.parts(v)
}

// turn appends the last human user turn and returns its own fingerprint.
func (w *canonWalk) turn(m *canonMsg) uint64 {
	before := w.sink.text
	w.sink.mark(canonMessage)
	w.sink.mark(m.role)
	w.sink.beginPart()
	w.lines = true
	w.body(m)
	w.lines = false
	m.bytes = w.sink.text - before
	return w.sink.endPart()
}

// embedding appends what is to be embedded: texts, tokens, or Gemini's
// contents, alone or in requests.
func (w *canonWalk) embedding(v reqVal) {
	w.sink.mark(canonMessage)
	w.sink.mark(canonUser)
	if w.doc.kind(v) != '[' {
		w.embeddingOne(v)
		return
	}
	for e, ok := w.doc.first(v); ok; e, ok = w.doc.next(e) {
		w.embeddingOne(e)
	}
}

func (w *canonWalk) embeddingOne(v reqVal) {
	if c := w.doc.get(v, "content"); c.num != 0 {
		v = c
	}
	w.instructions(v)
}
