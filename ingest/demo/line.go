package demo

import (
	"slices"
	"strconv"

	"burn/proxy/usage"
)

// fill makes r the record that the proxy would have written for the call, but
// for its identity. It reuses r's slices.
func (c *call) fill(r *usage.Record) {
	p, m := c.part, c.part.model
	*r = usage.Record{
		TS: c.at, LatencyMS: c.latency, TTFTMS: c.ttft,
		Upstream: m.provider, Provider: m.provider, Operation: m.operation, Endpoint: m.endpoint, Method: "POST",
		Status: 200, End: usage.EndComplete, RequestModel: m.asked,
		Retry: c.retry, Agent: p.agent, AgentSource: p.source,
		Tags:   append(r.Tags[:0], usage.Tag{Key: "env", Value: p.env}, usage.Tag{Key: "team", Value: p.team}),
		KeyID:  hex(seed(seedKey, p.key)),
		Client: p.network + strconv.FormatUint(11+seed(seedPod, c.id)%p.pods, 10), UserAgent: p.sdk,

		RequestBytes: c.text() + c.text()/28 + 38*c.messages + 190,
		Messages:     c.messages, MaxTokens: p.maxTokens,
		SystemBytes: c.system, ToolsBytes: c.tools, HistoryBytes: c.history, RecentBytes: c.recent, InputBytes: c.last,

		FPTurns: r.FPTurns[:0], FPPrefix: r.FPPrefix[:0], FPParts: r.FPParts[:0],
		RawUsage: r.RawUsage[:0],
	}
	c.fillCaller(r)
	c.fillFingerprints(r)
	c.fillProvider(r)
	if c.failure != nil {
		r.Status, r.ErrorType, r.UsageSource = c.failure.status, c.failure.errorType, usage.SourceNone
		r.ResponseBytes = 121 + int64(len(c.failure.errorType))
		r.RawUsage = nil
		return
	}
	c.fillAnswer(r)
}

func (c *call) fillCaller(r *usage.Record) {
	if c.user != 0 {
		b := strconv.AppendUint(append(make([]byte, 0, 8), 'u', '-'), c.user, 10)
		r.User = string(b)
	}
	if c.session != 0 {
		r.Session = "chat-" + hex(c.session)
	}
	if c.trace != 0 {
		r.TraceID = hex(c.trace) + hex(mix(c.trace))
		r.SpanID = hex(seed(seedSpan, c.id))
	}
	if c.part.tools > 0 {
		r.Tools = 3
	}
}

// fillFingerprints derives every fingerprint from what stands for its text.
func (c *call) fillFingerprints(r *usage.Record) {
	p := c.part
	r.FPSystem = seed(fpSystem, c.systemText)
	if p.tools > 0 {
		r.FPTools = seed(fpTools, p.id)
	}
	r.FPInput = seed(fpInput, c.lastText)
	request := seed(fpRequest, p.id, c.requestText)
	r.FPRequest = request
	r.FPTurns = append(r.FPTurns, seed(fpTurn, p.id, c.requestText))
	for _, text := range c.pastText[:c.past] {
		r.FPTurns = append(r.FPTurns, seed(fpTurn, p.id, text))
	}
	// No two requests of the story begin with the same 4 KiB unless they are
	// the same request: what agents repeat at the front is shorter.
	for i, at := range usage.PrefixBytes {
		if c.text() >= int64(at) {
			r.FPPrefix = append(r.FPPrefix, seed(fpPrefix, request, uint64(i)))
		}
	}
	for i := range min(usage.MaxParts, c.last/150) {
		r.FPParts = append(r.FPParts, seed(fpPart, c.lastText, uint64(i)))
	}
	slices.Sort(r.FPParts)
}

// fillProvider sets what the provider's response headers say, which errors
// have too.
func (c *call) fillProvider(r *usage.Record) {
	a, b := seed(seedRequestID, c.id, 1), seed(seedRequestID, c.id, 2)
	if c.part.model.provider == "openai" {
		r.RequestID = "req_" + hex(a) + hex(b)
		r.Org = "org-" + letters(seed(seedOrg, 1), 24)
		r.Project = "proj_" + letters(seed(seedOrg, c.part.key), 24)
		return
	}
	r.RequestID = "req_011C" + letters(a, 20)
	org := hex(seed(seedOrg, 2))
	r.Org = org[:8] + "-" + org[8:12] + "-4" + org[13:] + "-a" + org[1:4] + "-" + org[4:]
}

// fillAnswer sets what came back from the model.
func (c *call) fillAnswer(r *usage.Record) {
	m := c.part.model
	r.ResponseModel, r.ServiceTier, r.FinishReason = m.served, m.tier, m.finish
	r.UsageSource = usage.SourceReported
	r.Input, r.Output = c.input, c.output
	if m.reasoning > 0 {
		const step = 64 // OpenAI reports reasoning in steps of 64 tokens
		r.Reasoning = int64(m.reasoning*float64(c.output)) / step * step
	}
	visible := c.output - r.Reasoning
	if c.part.tools > 0 && c.id%3 == 0 {
		r.ToolCalls, r.FinishReason = 1, "tool_calls"
	}
	r.ResponseBytes = 430 + visible*bytesPerToken
	if c.part.stream {
		r.Stream = true
		r.Events = visible/3 + 7
		r.ResponseBytes = 640 + 118*r.Events
	}
	id := seed(seedResponse, c.id)
	if m.provider == "openai" {
		r.ResponseID = "chatcmpl-" + letters(id, 29)
		r.RawUsage = openaiUsage(r.RawUsage, r)
		return
	}
	r.ResponseID = "msg_01" + letters(id, 22)
	r.RawUsage = anthropicUsage(r.RawUsage, r)
}

// openaiUsage and anthropicUsage write the provider's usage object as the
// proxy keeps it, without zeros.
func openaiUsage(dst []byte, r *usage.Record) []byte {
	dst = strconv.AppendInt(append(dst, `{"prompt_tokens":`...), r.Input, 10)
	dst = strconv.AppendInt(append(dst, `,"completion_tokens":`...), r.Output, 10)
	dst = strconv.AppendInt(append(dst, `,"total_tokens":`...), r.Input+r.Output, 10)
	if r.Reasoning > 0 {
		dst = strconv.AppendInt(append(dst, `,"completion_tokens_details":{"reasoning_tokens":`...), r.Reasoning, 10)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func anthropicUsage(dst []byte, r *usage.Record) []byte {
	dst = strconv.AppendInt(append(dst, `{"input_tokens":`...), r.Input, 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens":`...), r.Output, 10)
	return append(dst, `,"service_tier":"standard"}`...)
}

// hex writes a number as 16 hex digits.
func hex(n uint64) string {
	var b [16]byte
	const digits = "0123456789abcdef"
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b[:])
}

// letters writes n (at most 32) letters and digits, as providers' ids have them.
func letters(x uint64, n int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var b [32]byte
	for i := range n {
		if i%8 == 0 {
			x = mix(x)
		}
		b[i] = digits[x%uint64(len(digits))]
		x /= uint64(len(digits))
	}
	return string(b[:n])
}
