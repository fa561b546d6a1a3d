package provider

import (
	"net/http"
	"strings"

	"burn/proxy/usage"
)

// A batch's results are one answer per line, wrapped in what says which request
// it belongs to. The lines come with no promise of order, can be megabytes long
// and are downloaded as often as somebody likes; each answer that has a usage
// becomes a part of its own, under its own id.

// batchTier is what every provider bills batches as.
const batchTier = "batch"

// openaiLine is a line of OpenAI's result files and of those who took over the
// shape: {"id","custom_id","response":{"status_code","request_id","body"}}. The
// body is a chat completion, a response, a completion or embeddings.
var openaiLine = obj(
	key("id", keep(slotLine)),
	key("custom_id", keep(slotCustom)),
	key("response", obj(
		key("request_id", keep(slotRequest)),
		key("body", obj(append(responseObject(), key("choices", openaiChoices()))...)),
	)),
).then(hookPart)

// anthropicLine is {"custom_id","result":{"type","message"}}.
var anthropicLine = obj(
	key("custom_id", keep(slotCustom)),
	key("result", obj(key("message", obj(anthropicMessage()...)))),
).then(hookPart)

// geminiLine is {"key","response"}, in a file and among inlined responses.
var geminiLine = obj(key("response", obj(geminiAnswer()...))).then(hookPart)

// geminiInlined is the operation of a batch that was sent without a file.
var geminiInlined = obj(key("response", obj(
	key("inlinedResponses", obj(key("inlinedResponses", arr(geminiLine)))),
)))

// root is the tree for r's body. Where that holds many answers, gather.part is
// set too.
func (r *Response) root() *node {
	r.gather.part = nil
	if r.call.Operation != OpBatchResult || r.status != http.StatusOK && r.status != http.StatusPartialContent {
		return r.dialect.root
	}
	r.gather.part = r.part
	switch r.call.Dialect {
	case Anthropic:
		return anthropicLine
	case Gemini:
		if r.inlined() {
			return geminiInlined
		}
		return geminiLine
	}
	return openaiLine
}

// inlined reports whether the results stand inside one JSON document.
func (r *Response) inlined() bool { return strings.HasSuffix(r.call.Endpoint, "/batches/*") }

// guessBatch decides from the first byte. A file that is no JSON is not read; a
// range of one can begin in the middle of a line.
func (r *Response) guessBatch(c byte) mode {
	switch {
	case r.OnPart == nil:
		return modeNone
	case r.inlined():
		return modeJSON
	case c == '{', r.status == http.StatusPartialContent:
		return modeBatch
	}
	return modeNone
}

// part hands out the answer that was just read, if it has a usage.
func (r *Response) part() {
	g := &r.gather
	if len(g.usage) > 0 && (g.vals[slotCustom].n > 0 || r.call.Dialect == Gemini) {
		rec := usage.NewRecord()
		r.describe(rec)
		rec.ResponseBytes, rec.Stream, rec.Events = 0, false, 0
		rec.RequestID = g.ident(slotRequest)
		for _, s := range [...]slot{slotLine, slotRequest} { // embeddings have no id
			if rec.ResponseID == "" {
				rec.ResponseID = g.ident(s)
			}
		}
		rec.Operation = OpBatchResult
		r.account(rec, true)
		rec.ServiceTier = batchTier
		r.OnPart(rec)
	}
	g.reset(r.dialect.merge)
}

// endBatch forgets a last line that was cut: the call itself has no usage.
func (r *Response) endBatch() { r.gather.reset(r.dialect.merge) }
