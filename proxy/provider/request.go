package provider

import (
	"sync"

	"burn/proxy/usage"
)

// Limits of what is copied out of a request body.
const (
	reqMaxWord     = 512 // bytes of a model or an id
	reqMaxLabel    = 1 << 10
	reqMaxMetadata = 64 // entries
)

// Request is what burn reads from a request body: which model and session it is
// for, how its text divides, and keyed fingerprints of it. No text of the
// request is in it but labels, model and the id of an earlier response.
//
// The reading is done by ReadRequest. In this order: request_decode.go (bytes
// as sent to bytes), request_index.go, request_alike.go and request_walk.go
// (JSON checked once, then walked without unmarshalling), canonical_shape.go
// and canonical.go (the canonical text of each dialect), fingerprint.go and
// fingerprint_lines.go (its digests and hashes).
type Request struct {
	Model          string // the path's, else the body's
	PrevResponseID string // previous_response_id
	Stream         bool   // the path or the body asks for a stream
	IncludeUsage   bool   // stream_options.include_usage

	MaxTokens, Messages, Tools int64 // the output limit; counts

	RequestBytes int64 // decoded body; the encoded one where it could not be decoded
	SystemBytes  int64 // text of the system prompt
	ToolsBytes   int64 // text of the tool definitions
	HistoryBytes int64 // text of all messages but the last human user turn
	RecentBytes  int64 // of them, the last 5
	InputBytes   int64 // text of the last human user turn, or what is embedded

	// Fingerprints; 0 or empty where there is nothing to take one of, or keys
	// were nil. See usage.Record.
	FPSystem, FPTools, FPInput, FPRequest uint64
	FPTurns, FPPrefix, FPParts            []uint64

	// Labels as they stand in the body, at most 1 KiB each: the caller cleans
	// them (usage.Label) and keeps of Metadata what it allows.
	Agent, AgentSource, User, Session string
	Metadata                          []usage.Tag // strings in metadata, labels, requestMetadata, in the body's order

	// OK: the body was read: it is JSON, or a form.
	OK bool

	*reqState
}

// reqState is what a Request keeps between uses.
type reqState struct {
	walk    canonWalk
	parts   [usage.MaxParts]uint64
	decoded []byte // of a compressed body
}

var requestPool = sync.Pool{New: func() any { return &Request{reqState: new(reqState)} }}

// ReadRequest reads a whole request body as it was sent. c is what the path
// says, contentType and contentEncoding are the headers' values. With k nil
// there are no fingerprints. It never fails: a body that is not JSON or a form,
// or passes the limits, is counted in RequestBytes and nothing else. The result
// is valid until Release and does not refer to body.
func ReadRequest(c Call, contentType, contentEncoding string, body []byte, k *Keys) *Request {
	r := requestPool.Get().(*Request)
	r.Model, r.Stream = c.Model, c.Stream
	body, ok := r.decode(contentEncoding, body)
	r.RequestBytes = int64(len(body))
	switch {
	case !ok:
	case isForm(contentType):
		var model string
		if model, r.OK = formField(contentType, body, "model"); r.Model == "" {
			r.Model = model
		}
	case r.walk.doc.index(body):
		r.read(c, k)
	}
	r.walk.forget()
	return r
}

// Release gives r back for reuse. Nothing in it may be used afterwards.
func (r *Request) Release() {
	r.walk.trim()
	if cap(r.decoded) > 1<<20 {
		r.decoded = nil
	}
	*r = Request{reqState: r.reqState, Metadata: r.Metadata[:0]}
	requestPool.Put(r)
}

// Fill copies what was read into a record. Labels stay out: headers come before
// them (see Request.Agent).
func (r *Request) Fill(rec *usage.Record) {
	if rec.RequestModel == "" {
		rec.RequestModel, _ = usage.Label(r.Model, usage.MaxLabel)
	}
	rec.Stream = rec.Stream || r.Stream
	rec.PrevResponseID = usage.Ident(r.PrevResponseID)
	rec.MaxTokens, rec.Messages, rec.Tools = r.MaxTokens, r.Messages, r.Tools
	rec.RequestBytes = r.RequestBytes
	rec.SystemBytes, rec.ToolsBytes = r.SystemBytes, r.ToolsBytes
	rec.HistoryBytes, rec.RecentBytes, rec.InputBytes = r.HistoryBytes, r.RecentBytes, r.InputBytes
	rec.FPSystem, rec.FPTools, rec.FPInput, rec.FPRequest = r.FPSystem, r.FPTools, r.FPInput, r.FPRequest
	rec.FPTurns = append(rec.FPTurns[:0], r.FPTurns...)
	rec.FPPrefix = append(rec.FPPrefix[:0], r.FPPrefix...)
	rec.FPParts = append(rec.FPParts[:0], r.FPParts...)
}
