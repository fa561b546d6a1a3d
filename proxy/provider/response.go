package provider

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"burn/proxy/usage"
)

// Flags a Response can add to a record.
const (
	FlagDecodeFailed = "decode_failed"   // the copy could not be decoded; usage may be missing
	FlagDecodeRatio  = "decode_ratio"    // decoding stopped, out of proportion
	FlagInconsistent = "inconsistent"    // a count was none, or a subset exceeds its whole
	FlagUsageSize    = "usage_too_large" // a usage object of more than 16 KiB was not kept
)

// Response reads one answer's usage from the bytes that pass. It keeps less
// than 64 KiB whatever the answer's size, and is not safe for concurrent use.
// Every Response must end in exactly one Finish, after which it is another
// call's.
type Response struct {
	// OnPart takes the usages of a file of many answers, each as a record of its
	// own that the taker may keep: what the answer says, and nothing about the
	// caller. It is called from within Write and Finish. To be set before the
	// first Write; while nil, such files are passed over.
	OnPart func(*usage.Record)

	call    Call
	status  int
	dialect *dialect
	kind    content
	mode    mode
	prefix  [8]byte // of a body whose kind is not yet known
	npre    int
	decoded int64
	dec     *decoder
	coding  string
	walk    walker
	gather  gather
	sse     events
	frames  frames
	feed    func([]byte) // r.inspect, bound once per pooled Response

	requestID, org, project string
	errorHeader             string
	headers                 []byte // usage that came in headers, for bodies without
	incomplete              bool   // the usage is the headers' or a sum: more can follow while the body goes on

	promptTokens, cachedTokens int64 // that came in headers, for bodies that say nothing of them
}

// content is what Content-Type announces.
type content uint8

const (
	contentOther content = iota
	contentEvents
	contentLines
	contentFrames
	contentBinary
)

// mode is how the body is read.
type mode uint8

const (
	modeSniff mode = iota // undecided
	modeJSON
	modeLines // one JSON document per line
	modeEvents
	modeFrames // AWS's binary events
	modeBatch  // one answer per line
	modeNone   // not read
)

var responses = sync.Pool{New: func() any {
	r := new(Response)
	r.feed = r.inspect
	return r
}}

// NewResponse begins reading the answer to c. Content-Type and -Encoding of h
// decide how, but a body that plainly is something else is read as what it is.
func NewResponse(c Call, status int, h http.Header) *Response {
	r := responses.Get().(*Response)
	r.call, r.status = c, status
	r.dialect = dialects[c.Dialect]
	r.kind = contentOf(first(h, "Content-Type"))
	r.coding = codingOf(strings.Join(h["Content-Encoding"], ","))
	r.mode, r.npre, r.decoded, r.incomplete = modeSniff, 0, 0, false
	r.promptTokens, r.cachedTokens = 0, 0
	r.errorHeader = first(h, "X-Amzn-Errortype")
	r.requestID = requestID(h)
	r.org = first(h, orgHeaders...)
	r.project = first(h, "Openai-Project")
	if r.dialect == nil {
		r.mode = modeNone
		r.gather.reset(false)
		return r
	}
	r.gather.reset(r.dialect.merge)
	r.gather.renamed = c.Dialect == Responses
	r.walk.start(&r.gather, r.root())
	switch r.kind {
	case contentBinary:
		r.mode = modeNone
	case contentFrames:
		r.mode = modeFrames
		r.frames.start(&r.walk)
	}
	switch {
	case c.Dialect == Bedrock:
		r.headers = headerUsage(h)
		r.gather.set(slotTier, []byte(first(h, "X-Amzn-Bedrock-Service-Tier")), true) // InvokeModel's
	case c.Provider.Name == "gemini": // says what was served where the body does not
		r.gather.set(slotTier, []byte(first(h, "X-Gemini-Service-Tier")), true)
	case c.Provider.Name == "fireworks":
		r.promptTokens, _ = parseCount([]byte(first(h, "Fireworks-Prompt-Tokens")))
		r.cachedTokens, _ = parseCount([]byte(first(h, "Fireworks-Cached-Prompt-Tokens")))
	}
	return r
}

// orgHeaders name who is billed.
var orgHeaders = []string{"Openai-Organization", "Anthropic-Organization-Id"}

// requestID is the provider's own name for the call.
func requestID(h http.Header) string {
	return first(h, "Request-Id", "X-Request-Id", "Apim-Request-Id", "X-Amzn-Requestid")
}

// first returns the first value among canonical header names.
func first(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h[n]; len(v) > 0 && v[0] != "" {
			return v[0]
		}
	}
	return ""
}

func contentOf(value string) content {
	t, _, _ := strings.Cut(value, ";")
	t = strings.TrimSpace(t)
	switch {
	case t == "application/json", t == "":
		return contentOther
	case strings.EqualFold(t, "text/event-stream"):
		return contentEvents
	case strings.EqualFold(t, "application/x-ndjson"), strings.EqualFold(t, "application/jsonl"),
		strings.EqualFold(t, "application/x-jsonl"), strings.EqualFold(t, "application/ndjson"):
		return contentLines
	case strings.EqualFold(t, "application/vnd.amazon.eventstream"):
		return contentFrames
	}
	if len(t) > 6 && (strings.EqualFold(t[:6], "audio/") || strings.EqualFold(t[:6], "image/") || strings.EqualFold(t[:6], "video/")) {
		return contentBinary
	}
	return contentOther
}

// Write reads the next bytes of the body, encoded as they passed. It keeps
// nothing of p, cannot fail and does not wait for anything.
func (r *Response) Write(p []byte) {
	if len(p) == 0 {
		return
	}
	if r.coding == "" {
		r.inspect(p)
		return
	}
	if r.dec == nil {
		if r.dec = newDecoders(r.coding, r.feed); r.dec == nil { // "identity, identity"
			r.coding = ""
			r.inspect(p)
			return
		}
	}
	r.dec.write(p)
}

// inspect reads decoded bytes.
func (r *Response) inspect(p []byte) {
	r.decoded += int64(len(p))
	if r.mode == modeSniff {
		p = r.sniff(p)
	}
	switch r.mode {
	case modeJSON:
		r.walk.write(p)
	case modeLines, modeBatch:
		r.lines(p)
	case modeEvents:
		r.sse.write(p)
	case modeFrames:
		r.frames.write(p)
	}
}

// lines reads one JSON document per line. A broken one ends with its line, and in a
// batch what it left behind does too.
func (r *Response) lines(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			r.walk.write(p)
			return
		}
		r.walk.write(p[:i])
		if !r.walk.idle() {
			r.walk.restart()
			if r.mode == modeBatch {
				r.gather.reset(r.dialect.merge)
			}
		}
		p = p[i+1:]
	}
}

// sniff decides what the body is from its first bytes, of which it keeps those
// that did not decide alone, and returns what is left to read.
func (r *Response) sniff(p []byte) []byte {
	for i, c := range p {
		if r.npre == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			continue
		}
		r.prefix[r.npre] = c
		r.npre++
		pre := r.prefix[:r.npre]
		if string(pre) == "\xef\xbb\xbf" {
			r.npre = 0
			continue
		}
		if m := r.guess(pre); m != modeSniff {
			r.begin(m)
			return p[i+1:]
		}
	}
	return nil
}

// guess is called with ever longer beginnings until it knows.
func (r *Response) guess(pre []byte) mode {
	switch c := pre[0]; {
	case c == '\xef' && len(pre) < 3 && "\xef\xbb\xbf"[len(pre)-1] == pre[len(pre)-1]:
		return modeSniff
	case r.gather.part != nil:
		return r.guessBatch(c)
	case c == '{', c == '[':
		if r.kind == contentLines {
			return modeLines
		}
		return modeJSON
	case r.kind == contentEvents, c == ':':
		return modeEvents
	}
	for _, field := range [...]string{"data:", "event:", "retry:", "id:"} {
		if string(pre) == field {
			return modeEvents
		}
		if strings.HasPrefix(field, string(pre)) {
			return modeSniff
		}
	}
	return modeNone
}

// begin sets the mode and reads what was kept while it was unknown.
func (r *Response) begin(m mode) {
	r.mode = m
	if m == modeEvents {
		r.sse.start(&r.walk)
		r.sse.write(r.prefix[:r.npre])
		return
	}
	if m != modeNone {
		r.walk.write(r.prefix[:r.npre])
	}
}

// Finish writes what was read into rec and gives r back. complete tells that
// the answer ended as it should; else what was seen counts as a part.
//
// It sets Stream, ResponseModel, ServiceTier, Speed, Geo, FinishReason,
// ResponseID, RequestID, Org, Project, ErrorType, UsageSource, the token
// counts, CostUSD, RawUsage, SubUsage, ResponseBytes, Events, OutputBytes and
// ToolCalls where it knows them, and appends to Flags.
func (r *Response) Finish(rec *usage.Record, complete bool) {
	r.endDecoding(rec, complete)
	switch {
	case r.mode == modeEvents:
		r.sse.end()
	case r.gather.part != nil:
		r.endBatch()
	}
	r.gather.rest()
	r.describe(rec)
	r.account(rec, complete)
	r.call, r.dialect, r.headers, r.OnPart = Call{}, nil, nil, nil
	r.requestID, r.org, r.project, r.errorHeader, r.coding = "", "", "", "", ""
	responses.Put(r)
}

// endDecoding ends the decoder and notes what it could not do. That a cut
// answer does not decode to its end is no news.
func (r *Response) endDecoding(rec *usage.Record, complete bool) {
	if r.dec == nil {
		return
	}
	err := r.dec.end()
	r.dec = nil
	switch {
	case err == errRatio:
		rec.Flags = append(rec.Flags, FlagDecodeRatio)
	case err != nil && complete, err == errCoding:
		rec.Flags = append(rec.Flags, FlagDecodeFailed)
	}
}

// describe fills what is not usage.
func (r *Response) describe(rec *usage.Record) {
	g := &r.gather
	rec.ResponseBytes = r.decoded
	switch {
	case r.mode == modeEvents:
		rec.Stream, rec.Events = true, r.sse.count
	case r.mode == modeFrames:
		rec.Stream, rec.Events = true, r.frames.count
	case r.mode == modeLines:
		rec.Stream, rec.Events = true, g.values
	case r.mode == modeJSON && r.call.Stream && r.status < 400:
		rec.Stream, rec.Events = true, g.elements
	}
	text := func(dst *string, v string) {
		if v != "" {
			*dst = v
		}
	}
	text(&rec.RequestID, usage.Ident(r.requestID))
	if rec.RequestID == "" {
		rec.RequestID = g.ident(slotRequest)
	}
	text(&rec.Org, usage.Ident(r.org))
	text(&rec.Project, usage.Ident(r.project))
	text(&rec.ErrorType, r.errorType())
	if r.status >= 400 {
		return
	}
	text(&rec.ResponseID, g.ident(slotID))
	if v := &g.vals[slotModel]; v.n > 0 {
		rec.ResponseModel, _ = usage.Label(v.String(), usage.MaxLabel)
	}
	text(&rec.ServiceTier, g.ident(slotTier))
	text(&rec.FinishReason, g.finishReason())
	rec.ToolCalls = g.calls
}
