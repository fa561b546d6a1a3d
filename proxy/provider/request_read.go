package provider

import (
	"slices"
	"strings"

	"burn/proxy/usage"
)

// reqTop are the top-level members of a body, the last of equal keys.
type reqTop []reqMember

func (t reqTop) get(key string) reqVal {
	for i := range t {
		if string(t[i].key) == key {
			return t[i].val
		}
	}
	return reqVal{}
}

// read takes everything out of an indexed body.
func (r *Request) read(c Call, k *Keys) {
	w := &r.walk
	w.members, w.msgs = w.members[:0], w.msgs[:0]
	base := w.push(w.doc.root())
	top := reqTop(w.members[base:])
	w.sink.start(k)

	shape := canonShapeOf(c)
	if r.OK = shape == nil || w.gatherAll(shape, top); !r.OK {
		return
	}
	r.scalars(top)
	r.labels(top)
	if shape == nil {
		r.Messages, r.Tools = w.doc.length(top.get("messages")), w.doc.length(top.get("tools"))
		return
	}
	if !r.embedded(shape, top) {
		r.conversation(shape, top)
	}
	r.FPPrefix = w.sink.prefix
	if w.sink.text == 0 {
		r.FPTurns, r.FPRequest = nil, 0
	}
}

// gatherAll lists the messages of a conversation, and reports whether there are
// no more of them than burn looks at.
func (w *canonWalk) gatherAll(shape *canonShape, top reqTop) bool {
	for _, name := range shape.messages {
		if !w.gather(top.get(name)) {
			return false
		}
	}
	return true
}

// scalars reads what stands beside the text.
func (r *Request) scalars(top reqTop) {
	d := &r.walk.doc
	if r.Model == "" {
		r.Model = d.text(top.get("model"), reqMaxWord)
	}
	r.PrevResponseID = d.text(top.get("previous_response_id"), reqMaxWord)
	r.Stream = r.Stream || d.kind(top.get("stream")) == 't'
	r.IncludeUsage = d.kind(d.get(top.get("stream_options"), "include_usage")) == 't'
	for _, v := range [...]reqVal{
		top.get("max_completion_tokens"), top.get("max_tokens"), top.get("max_output_tokens"), top.get("max_tokens_to_sample"),
		d.get(top.get("generationConfig"), "maxOutputTokens"), d.get(top.get("generation_config"), "max_output_tokens"),
		d.get(top.get("inferenceConfig"), "maxTokens"), d.get(top.get("options"), "num_predict"),
	} {
		if r.MaxTokens = d.count(v); r.MaxTokens > 0 {
			break
		}
	}
}

// labels reads who the caller says it is.
func (r *Request) labels(top reqTop) {
	d := &r.walk.doc
	label := func(v reqVal) string { return d.text(v, reqMaxLabel) }
	meta := top.get("metadata")
	if r.Agent = label(d.get(meta, "agent")); r.Agent != "" {
		r.AgentSource = "metadata.agent"
	}
	account, session := splitUserID(label(d.get(meta, "user_id")))
	r.User = firstText(label(top.get("user")), label(top.get("safety_identifier")), account)
	conversation := top.get("conversation")
	if d.kind(conversation) == '{' {
		conversation = d.get(conversation, "id")
	}
	r.Session = firstText(label(d.get(meta, "session_id")), label(top.get("litellm_session_id")), label(conversation), session)
	for _, name := range [...]string{"metadata", "labels", "requestMetadata"} {
		r.tags(top.get(name))
	}
}

// tags lists the strings in an object.
func (r *Request) tags(v reqVal) {
	d := &r.walk.doc
	if d.kind(v) != '{' {
		return
	}
	for m, ok := d.firstMember(v); ok && len(r.Metadata) < reqMaxMetadata; m, ok = d.nextMember(m) {
		if len(m.key) <= usage.MaxLabel && d.kind(m.val) == '"' {
			r.Metadata = append(r.Metadata, usage.Tag{Key: string(m.key), Value: d.text(m.val, reqMaxLabel)})
		}
	}
}

// splitUserID takes apart the metadata.user_id that Claude Code sends,
// user_…_account_…_session_…: whole, it would make each session a user.
func splitUserID(id string) (user, session string) {
	if i := strings.LastIndex(id, "_session_"); i > 0 && strings.HasPrefix(id, "user_") {
		return id[:i], id[i+len("_session_"):]
	}
	return id, ""
}

func firstText(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// embedded reads what is to be embedded, if that is what the call is for.
func (r *Request) embedded(shape *canonShape, top reqTop) bool {
	if shape.input == nil {
		return false
	}
	w := &r.walk
	for _, name := range shape.input {
		if v := top.get(name); v.num != 0 {
			w.embedding(v)
		}
	}
	r.InputBytes = w.sink.text
	if w.sink.keys != nil {
		r.FPRequest = w.sink.sofar()
	}
	return true
}

// conversation reads tools, system prompt and messages.
func (r *Request) conversation(shape *canonShape, top reqTop) {
	w := &r.walk
	for _, name := range shape.prompt {
		if v := top.get(name); v.num != 0 && w.doc.kind(v) != 'n' {
			w.msgs = append(w.msgs, canonMsg{val: v, content: v, role: canonUser})
		}
	}
	r.Messages = int64(len(w.msgs))
	r.tools(shape, top)

	leading := 0
	for leading < len(w.msgs) && w.msgs[leading].role == canonSystem {
		leading++
	}
	r.system(shape, top, w.msgs[:leading])
	r.state(shape, top)
	r.messages(w.msgs[leading:])
}

func (r *Request) tools(shape *canonShape, top reqTop) {
	w := &r.walk
	open := false
	for _, name := range shape.tools {
		v := top.get(name)
		if w.doc.kind(v) == '{' { // Converse
			v = w.doc.get(v, "tools")
		}
		if w.doc.kind(v) == '[' {
			r.Tools += w.tools(v, &open)
		}
	}
	if open {
		r.FPTools = w.sink.endPart()
	}
	r.ToolsBytes = w.sink.text
}

func (r *Request) system(shape *canonShape, top reqTop, leading []canonMsg) {
	w := &r.walk
	before := w.sink.text
	open := false
	begin := func() {
		if !open {
			w.sink.mark(canonSys)
			w.sink.beginPart()
			open = true
		}
	}
	for _, name := range shape.system {
		if v := top.get(name); v.num != 0 && !w.empty(v) {
			begin()
			w.instructions(v)
		}
	}
	for i := range leading {
		begin()
		w.body(&leading[i])
	}
	if open {
		r.FPSystem = w.sink.endPart()
	}
	r.SystemBytes = w.sink.text - before
}

// state appends the ids of what the provider keeps: the same few words mean
// something else behind another history.
func (r *Request) state(shape *canonShape, top reqTop) {
	w := &r.walk
	for _, name := range shape.state {
		v := top.get(name)
		if w.doc.kind(v) == '{' {
			v = w.doc.get(v, "id")
		}
		if w.doc.kind(v) == '"' {
			w.sink.mark(canonState)
			w.opaque(v)
		}
	}
}

// messages appends the messages behind the system prompt, divides their text
// and takes the fingerprints along the way.
func (r *Request) messages(msgs []canonMsg) {
	w := &r.walk
	input := -1
	for i := len(msgs) - 1; i >= 0 && input < 0; i-- {
		if msgs[i].role == canonUser {
			input = i
		}
	}
	boundary := thirdLastRun(msgs)
	for i := range msgs {
		if i >= boundary && startsRun(msgs, i) {
			w.sink.turn()
		}
		if i == input {
			r.FPInput = w.turn(&msgs[i])
		} else {
			w.message(&msgs[i])
		}
	}
	w.sink.turn()
	r.FPTurns = w.sink.turns
	slices.Reverse(r.FPTurns)
	if len(r.FPTurns) > 0 {
		r.FPRequest = r.FPTurns[0]
	}
	recent := 0
	for i := len(msgs) - 1; i >= 0; i-- {
		if i == input {
			r.InputBytes = msgs[i].bytes
			continue
		}
		r.HistoryBytes += msgs[i].bytes
		if recent++; recent <= recentMessages {
			r.RecentBytes += msgs[i].bytes
		}
	}
	r.FPParts = w.sink.parts(r.parts[:0])
}

// startsRun reports whether a run of assistant messages begins at i.
func startsRun(msgs []canonMsg, i int) bool {
	return msgs[i].role == canonAssistant && (i == 0 || msgs[i-1].role != canonAssistant)
}

// thirdLastRun is where the third-last run of assistant messages begins, 0 if
// there are fewer.
func thirdLastRun(msgs []canonMsg) int {
	runs := 0
	for i := len(msgs) - 1; i >= 0; i-- {
		if startsRun(msgs, i) {
			if runs++; runs == usage.MaxTurns-1 {
				return i
			}
		}
	}
	return 0
}
