package provider

import (
	"net/http"
	"strings"

	"burn/proxy/usage"
)

// account writes tokens and their source into rec.
//
//	none      nothing to bill: the operation is free, or an error or an unknown
//	          operation came without usage (an error with status 200 too, if
//	          nothing was delivered before it), or an earlier answer was read again
//	          before it had any, or the answer is a file of others
//	missing   a billable answer without usage. A background response that is
//	          still queued is one: its finish_reason is then queued or
//	          in_progress, and the usage comes with a later retrieve of its id
//	partial   the answer was cut, by either side or by an error event, before
//	          its final usage; the counts are what was seen so far
//	derived   a part was derived from a gap in the provider's total, or the
//	          seconds of a transcription or video from the length that it states
//	reported  everything else
func (r *Response) account(rec *usage.Record, complete bool) {
	g, c := &r.gather, &r.call
	if g.tooLarge {
		rec.Flags = append(rec.Flags, FlagUsageSize)
	}
	rec.UsageSource = usage.SourceNone
	if !c.Billable || r.status == 0 {
		return
	}
	cut := !complete || g.failed
	r.useHeaders()
	if len(g.usage) == 0 && !g.sawAdded {
		r.without(rec, cut)
		return
	}
	var rd reading
	if len(g.usage) > 0 {
		r.dialect.read(&rd, g.usage, c)
	} else {
		rd.Input, rd.seen, r.incomplete = g.added, true, true
	}
	if !rd.seen { // a usage of nulls, or of nothing that says what was used
		r.without(rec, cut)
		return
	}
	if len(g.usage) > 0 {
		rec.RawUsage = rawUsage(g.usage)
	}
	rd.WebSearches = r.searches(rd.WebSearches)
	g.drawn(&rd)
	rd.check()
	rd.into(rec)
	switch {
	case g.early, cut && (rec.Stream && r.growing() || r.incomplete):
		rec.UsageSource = usage.SourcePartial
		rec.OutputBytes = g.outputBytes()
	case rd.derived:
		rec.UsageSource = usage.SourceDerived
	default:
		rec.UsageSource = usage.SourceReported
	}
}

// growing reports whether the last usage seen need not be the final one: it is
// if the same stream has said how it ended, and that event is whole as far as
// its usage, or by what the dialect shows.
func (r *Response) growing() bool {
	g := &r.gather
	if !r.dialect.running || g.done {
		return false
	}
	if strings.Contains(r.call.Endpoint, "/runs") {
		return true // each step of a run has its usage before the run has
	}
	if g.finish.n > 0 {
		return g.midway || g.ending()
	}
	switch r.call.Dialect {
	case Gemini: // any chunk may do without candidates; Interactions have a status
		s := g.vals[slotStatus].bytes()
		return len(s) == 0 || string(s) == "in_progress"
	case Bedrock: // its own counts come last; Llama and Titan count in each chunk
		return member(g.usage, []byte("outputTokens")) == nil && member(g.usage, []byte("outputTokenCount")) == nil
	case Ollama:
		return string(g.vals[slotTurn].bytes()) != "true"
	}
	return !g.alone // the last chunk has no choices, those with a running count have some
}

// useHeaders completes Bedrock's usage by the counts in its headers, which are
// all there is for some models. Claude's own usage says more than they do.
func (r *Response) useHeaders() {
	g := &r.gather
	switch {
	case r.headers == nil:
	case len(g.usage) == 0:
		g.usage = append(g.usage, r.headers...)
		r.incomplete = true
	case member(g.usage, []byte("input_tokens")) == nil:
		g.spare = overlay(g.spare[:0], g.usage, r.headers, 0)
		g.usage, g.spare = g.spare, g.usage
	}
}

// searches is what is billed of the searches that the usage counts or else the
// answer shows.
func (r *Response) searches(counted int64) int64 {
	n := max(counted, r.gather.searches)
	if told, ok := parseCount(r.gather.vals[slotSearches].bytes()); ok && told > 0 {
		n = told
	}
	if n <= 1 || r.call.Dialect != Gemini {
		return n
	}
	model := r.call.Model
	if v := &r.gather.vals[slotModel]; v.n > 0 {
		model = v.String()
	}
	return grounding(model, n)
}

// drawn adds what the model used that drew a response's images: it is billed
// beside the response's own usage.
func (g *gather) drawn(rd *reading) {
	if len(g.drawing) == 0 {
		return
	}
	var d reading
	readOpenAI(&d, g.drawing, &Call{Operation: OpImages})
	d.check()
	rd.inconsistent = rd.inconsistent || d.inconsistent
	if d.Tokens == (usage.Tokens{}) {
		return // every response says that it drew none
	}
	model := usage.Unknown
	if v := &g.vals[slotPainter]; v.n > 0 {
		model, _ = usage.Label(v.String(), usage.MaxLabel)
	}
	rd.sub = append(rd.sub, usage.SubUsage{Model: model, Tokens: d.Tokens})
}

// without settles an answer that had no usage.
func (r *Response) without(rec *usage.Record, cut bool) {
	switch op := r.call.Operation; {
	case r.status >= 300, r.status == http.StatusNoContent, op == OpOther, op == OpRetrieve, op == OpBatchResult:
		return
	case r.gather.failed && r.nothingDelivered():
		return // refused, though the status says otherwise
	case cut:
		rec.UsageSource = usage.SourcePartial
	default:
		rec.UsageSource = usage.SourceMissing
	}
	if v := &r.gather.vals[slotDuration]; v.n > 0 && (r.call.Operation == OpTranscription || r.call.Operation == OpVideo) && !cut {
		if s, ok := decimal(v.bytes(), 0); ok { // what transcriptions without usage, and videos, are billed by
			rec.Seconds, rec.UsageSource = s, usage.SourceDerived
			return
		}
	}
	rec.OutputBytes = r.gather.outputBytes()
	rec.WebSearches = r.searches(0)
	rec.Input, rec.CacheRead = r.promptTokens, r.cachedTokens
	if r.call.Provider.Name == "perplexity" {
		rec.Requests = 1
	}
}

// nothingDelivered reports whether the answer shows nothing that a model made.
func (r *Response) nothingDelivered() bool {
	g := &r.gather
	return g.outputBytes() == 0 && g.calls == 0 && g.vals[slotID].n == 0
}

// into writes a reading into rec.
func (rd *reading) into(rec *usage.Record) {
	rec.Tokens = rd.Tokens
	rec.SubUsage = rd.sub
	rec.CostUSD = rd.cost
	if rd.model != "" {
		rec.ResponseModel = rd.model
	}
	if rd.tier != "" {
		rec.ServiceTier = rd.tier
	}
	if rd.speed != "" {
		rec.Speed = rd.speed
	}
	if rd.geo != "" {
		rec.Geo = rd.geo
	}
	if rd.inconsistent {
		rec.Flags = append(rec.Flags, FlagInconsistent)
	}
}

// outputBytes is the generated text that was delivered.
func (g *gather) outputBytes() int64 {
	if n := g.texts[textDelta]; n > 0 {
		return n
	}
	return g.texts[textWhole]
}

// ident returns a kept scalar as a provider's identifier.
func (g *gather) ident(s slot) string { return g.vals[s].ident() }

func (v *value) ident() string {
	if v.n == 0 {
		return ""
	}
	if s := common(v.bytes()); s != "" {
		return s
	}
	return usage.Ident(v.String())
}

// common spares the strings that nearly every answer has.
func common(b []byte) string {
	switch string(b) {
	case "stop":
		return "stop"
	case "length":
		return "length"
	case "tool_calls":
		return "tool_calls"
	case "end_turn":
		return "end_turn"
	case "tool_use":
		return "tool_use"
	case "STOP":
		return "STOP"
	case "completed":
		return "completed"
	case "default":
		return "default"
	case "standard":
		return "standard"
	}
	return ""
}

// finishReason is the first choice's, or why and how a response object ended.
func (g *gather) finishReason() string {
	if s := g.finish.ident(); s != "" {
		return s
	}
	if s := g.ident(slotReason); s != "" {
		return s
	}
	if !g.vals[slotStatus].quoted {
		return "" // a flag of some other answer
	}
	return g.ident(slotStatus)
}

// errorType is the type of the error in the body, else its code. OpenAI's rate
// limits name the resource (requests, tokens) as type; there the code tells more.
func (r *Response) errorType() string {
	g := &r.gather
	if r.status < 400 && !g.failed {
		return ""
	}
	typ, code := g.ident(slotErrType), g.ident(slotErrCode)
	if (typ == "" || typ == "requests" || typ == "tokens") && code != "" && g.vals[slotErrCode].quoted {
		return code
	}
	for _, s := range [...]string{typ, g.ident(slotErrStatus), code} {
		if s != "" {
			return s
		}
	}
	if s := g.ident(slotBodyCode); s != "" && g.vals[slotBodyCode].quoted {
		return s
	}
	if t := g.ident(slotType); t != "" && t != "error" && r.status >= 400 {
		return t
	}
	if r.status < 400 {
		return "error"
	}
	name, _, _ := strings.Cut(r.errorHeader, ":") // AWS appends a URL
	return usage.Ident(name)
}
