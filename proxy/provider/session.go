package provider

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"burn/proxy/usage"
)

// Session reads the usages of one websocket from the bytes of both directions:
// OpenAI's realtime and Responses sessions, and Gemini's live ones. Each answer
// of the model, and each transcription of what it heard, becomes a part.
//
// It keeps less than 64 KiB, and the window of the decompressor where messages
// are compressed, however long the session is and whatever comes. The two
// directions may be read at the same time, each by one goroutine.
type Session struct {
	call     Call
	switched http.Header
	onPart   func(*usage.Record)

	server, client reader
	mu             sync.Mutex
	asked          string // model the client asked for
	model          string // of the session, as the server says; the server's side alone
	transcriber    string
	turn           turn
	parts          int64
}

// reader is one direction: frames to messages, messages to what matters.
type reader struct {
	socket
	walk     walker
	gather   gather
	skip     bool // the message is no JSON
	blank    bool // nothing of the message came yet
	messages int64
	bytes    int64 // of messages, inflated
}

// turn is where a Gemini session is: usage comes before, with or after the end
// of the turn it belongs to, and grows while the turn goes on.
type turn struct {
	usage    []byte // of the turn, so far
	searches int64
	owed     bool // the turn is over and its usage has not come
}

// realtimeRoot is what matters in the messages of OpenAI's servers.
var realtimeRoot = obj(
	key("type", keep(slotType)),
	key("session", obj(
		key("model", keep(slotSession)),
		key("input_audio_transcription", obj(key("model", keep(slotTranscriber)))),
		key("audio", obj(key("input", obj(key("transcription", obj(key("model", keep(slotTranscriber)))))))),
	)),
	key("response", obj(append(responseObject(),
		key("status_details", obj(key("reason", keep(slotReason)), key("error", obj(key("type", keep(slotErrType)), key("code", keep(slotErrCode)))))),
	)...)),
	key("item_id", keep(slotSpoken)),
	key("usage", whole(treeUsage)),
)

// liveRoot is what matters in the messages of Gemini's servers, and of its
// clients: their first one names the model.
var liveRoot = obj(
	key("serverContent", obj(
		key("turnComplete", keep(slotTurn)),
		key("modelTurn", (&node{}).then(hookTool)),
		key("groundingMetadata", obj(key("webSearchQueries", arr((&node{}).then(hookSearch))))),
	)),
	key("usageMetadata", whole(treeUsage)),
	key("setup", obj(key("model", keep(slotSession)))),
)

// NewSession begins reading a websocket that was opened by c. switched is the
// header of the answer that opened it. onPart is given each part, a record the
// taker may keep that says nothing about the caller; never by both directions
// at once. Every Session must end in one Finish.
func NewSession(c Call, switched http.Header, onPart func(*usage.Record)) *Session {
	s := &Session{call: c, switched: switched, onPart: onPart, asked: c.Model}
	deflated := negotiatedDeflate(strings.Join(switched["Sec-Websocket-Extensions"], ","))
	root := realtimeRoot
	if c.Dialect == Gemini {
		root = liveRoot
	}
	s.server.init(false, deflated, root, s.fromServer)
	s.client.init(true, deflated, root, s.fromClient)
	return s
}

func (r *reader) init(masked, deflated bool, root *node, end func()) {
	r.walk.start(&r.gather, root)
	r.start(masked, deflated, r.beginMessage, r.read, func() {
		r.messages++
		if !r.skip && r.walk.idle() {
			end()
		}
	})
}

func (r *reader) beginMessage() {
	r.gather.reset(false)
	r.walk.restart()
	r.skip, r.blank = false, true
}

// read takes a piece of a message. One that does not begin as an object is
// passed over.
func (r *reader) read(p []byte) {
	r.bytes += int64(len(p))
	if r.blank {
		i := 0
		for i < len(p) && class[p[i]] == classSpace {
			i++
		}
		if p = p[i:]; len(p) == 0 {
			return
		}
		r.blank, r.skip = false, p[0] != '{'
	}
	if !r.skip {
		r.walk.write(p)
	}
}

// Server reads the next bytes that came from the provider.
func (s *Session) Server(p []byte) { s.server.write(p) }

// Client reads the next bytes that came from the caller. Only Gemini's say what
// their provider does not repeat, in the first message.
func (s *Session) Client(p []byte) {
	if s.call.Dialect == Gemini && s.client.messages == 0 {
		s.client.write(p)
	}
}

// fromClient ends a message of the caller.
func (s *Session) fromClient() {
	v := &s.client.gather.vals[slotSession]
	if v.n == 0 || s.client.messages > 1 {
		return
	}
	model := v.String()
	if i := strings.LastIndex(model, "models/"); i >= 0 {
		model = model[i+len("models/"):] // what is before can name a customer's project
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = model
}

// fromServer ends a message of the provider.
func (s *Session) fromServer() {
	if s.call.Dialect == Gemini {
		s.live()
		return
	}
	g := &s.server.gather
	remember(&s.model, &g.vals[slotSession])
	remember(&s.transcriber, &g.vals[slotTranscriber])
	switch typ := string(g.vals[slotType].bytes()); typ {
	case "response.done", "response.completed", "response.incomplete", "response.failed":
		s.answer()
	case "conversation.item.input_audio_transcription.completed":
		s.transcription()
	}
}

func remember(model *string, v *value) {
	if v.n > 0 && string(v.bytes()) != *model {
		*model = v.String()
	}
}

// answer makes a part of a response that is over. One that failed before it
// cost anything has no usage and makes none.
func (s *Session) answer() {
	g := &s.server.gather
	status := g.ident(slotStatus)
	if len(g.usage) == 0 && status == "failed" {
		return
	}
	rec := s.part(s.call.Operation)
	rec.ResponseID = g.ident(slotID)
	rec.FinishReason = status
	rec.ServiceTier = g.ident(slotTier)
	rec.ToolCalls = g.calls
	if v := &g.vals[slotModel]; v.n > 0 {
		rec.ResponseModel, _ = usage.Label(v.String(), usage.MaxLabel)
	}
	if len(g.usage) == 0 && status == "cancelled" {
		rec.UsageSource = usage.SourcePartial
	}
	s.hand(rec, g.usage)
}

func (s *Session) transcription() {
	g := &s.server.gather
	rec := s.part(OpTranscription)
	rec.ResponseID = g.ident(slotSpoken)
	rec.ResponseModel = usage.Unknown // never the session's, whose price is another
	if s.transcriber != "" {
		rec.ResponseModel, _ = usage.Label(s.transcriber, usage.MaxLabel)
	}
	s.hand(rec, g.usage)
}

// live follows the turns of a Gemini session.
func (s *Session) live() {
	g, t := &s.server.gather, &s.turn
	if g.calls > 0 {
		t.owed = false // the next turn has begun
	}
	if len(g.usage) > 0 {
		t.usage = append(t.usage[:0], g.usage...)
	}
	t.searches = max(t.searches, g.searches)
	over := t.owed || string(g.vals[slotTurn].bytes()) == "true"
	if !over {
		return
	}
	if t.owed = len(t.usage) == 0; !t.owed {
		s.endTurn(usage.SourceMissing)
	}
}

func (s *Session) endTurn(source string) {
	t := &s.turn
	rec := s.part(s.call.Operation)
	rec.UsageSource = source
	s.server.gather.searches = grounding(rec.RequestModel, t.searches)
	s.hand(rec, t.usage)
	t.usage, t.searches = t.usage[:0], 0
}

// part begins a record.
func (s *Session) part(operation string) *usage.Record {
	rec := usage.NewRecord()
	rec.Operation = operation
	rec.UsageSource = usage.SourceMissing
	s.describe(rec)
	return rec
}

// describe writes the models.
func (s *Session) describe(rec *usage.Record) {
	s.mu.Lock()
	asked := s.asked
	s.mu.Unlock()
	rec.RequestModel, _ = usage.Label(asked, usage.MaxLabel)
	if s.model != "" {
		rec.ResponseModel, _ = usage.Label(s.model, usage.MaxLabel)
	}
}

// hand reads a usage object, if there is one, into a part and gives it away.
func (s *Session) hand(rec *usage.Record, raw []byte) {
	if len(raw) > 0 {
		var rd reading
		dialects[s.call.Dialect].read(&rd, raw, &s.call)
		rd.WebSearches = max(rd.WebSearches, s.server.gather.searches)
		s.server.gather.drawn(&rd)
		rd.check()
		rd.into(rec)
		rec.RawUsage = rawUsage(raw)
		switch {
		case rec.UsageSource == usage.SourcePartial:
		case rd.derived:
			rec.UsageSource = usage.SourceDerived
		default:
			rec.UsageSource = usage.SourceReported
		}
	}
	if s.server.gather.tooLarge {
		rec.Flags = append(rec.Flags, FlagUsageSize)
	}
	s.parts++
	s.onPart(rec)
}

// Finish writes what is known of the session itself into rec, after both
// directions have ended: its models, the provider's messages as events and their
// size. Its usage is none, as it is in the parts; if reading the provider's
// messages had to stop early it is missing, with a flag.
func (s *Session) Finish(rec *usage.Record) {
	if len(s.turn.usage) > 0 {
		s.endTurn(usage.SourcePartial)
	}
	s.describe(rec)
	rec.RequestID = usage.Ident(requestID(s.switched))
	rec.Org = usage.Ident(first(s.switched, orgHeaders...))
	rec.Stream = true
	rec.Events, rec.ResponseBytes = s.server.messages, s.server.bytes
	rec.UsageSource = usage.SourceNone
	s.client.close()
	switch s.server.close() {
	case nil:
	case errRatio:
		rec.Flags = append(rec.Flags, FlagDecodeRatio)
		rec.UsageSource = usage.SourceMissing
	default:
		rec.Flags = append(rec.Flags, FlagDecodeFailed)
		rec.UsageSource = usage.SourceMissing
	}
}

// modelParameters are the query's names for a session's model; Azure's is a
// deployment.
var modelParameters = []string{"model", "deployment"}

// ReadQuery takes the model out of the query of a call that opens a session.
// The query of no other call is looked at.
func (c *Call) ReadQuery(rawQuery string) {
	if c.Operation != OpRealtime || c.Model != "" {
		return
	}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !slices.Contains(modelParameters, name) {
			continue
		}
		if v, err := url.QueryUnescape(value); err == nil {
			c.Model = v
			return
		}
	}
}
