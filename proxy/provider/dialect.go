package provider

import "burn/proxy/usage"

// dialect is how one shape of answers is read.
type dialect struct {
	root *node                                 // what matters in an answer, or in one event of a stream
	read func(r *reading, raw []byte, c *Call) // the usage object's counts
	// merge: usages in a stream complete each other (else the last is the whole).
	merge bool
	// running: usage can stand in any event and grow, so that one seen before
	// the finish reason may not be the last.
	running bool
}

// dialects is the table. A Dialect without a row is not read: its calls are
// recorded without usage.
var dialects = map[Dialect]*dialect{
	OpenAI:    {root: openaiRoot, read: readOpenAI, running: true},
	Multipart: {root: openaiRoot, read: readOpenAI, running: true},
	Responses: {root: responsesRoot, read: readOpenAI},
	Anthropic: {root: anthropicRoot, read: readAnthropic, merge: true},
	Gemini:    {root: geminiRoot, read: readGemini, running: true},
	Bedrock:   {root: bedrockRoot, read: readBedrock, merge: true},
	Cohere:    {root: cohereRoot, read: readCohere},
	Ollama:    {root: ollamaRoot, read: readOllama},
}

// errorObject is {"message","type","param","code"}, Google's {"code","message",
// "status"}, or a bare text, which is never looked at.
func errorObject() *node {
	return obj(
		key("type", keep(slotErrType)),
		key("code", keep(slotErrCode)),
		key("status", keep(slotErrStatus)),
	).then(hookError)
}

// reading is a usage object read: counts by the rules of usage.Tokens.
type reading struct {
	usage.Tokens
	sub              []usage.SubUsage
	tier, speed, geo string
	cost             string // plain decimal, "" where the provider reports none
	derived          bool   // a part was derived from a gap in the total
	inconsistent     bool   // a value was no count, or a subset exceeds its whole
}

// count reads a count. What is no count is absent and noted; null is absent.
func (r *reading) count(val []byte) int64 {
	n, ok := parseCount(val)
	if !ok && string(val) != "null" {
		r.inconsistent = true
	}
	return n
}

// check notes subsets that exceed their whole. The values stay as they are.
func (r *reading) check() {
	t := &r.Tokens
	if t.CacheRead+t.CacheWrite > t.Input || t.CacheWrite1h > t.CacheWrite ||
		t.Reasoning+t.Citation > t.Output || t.AudioOutput+t.ImageOutput > t.Output ||
		t.AudioInput+t.ImageInput > t.Input || t.AudioCacheRead > t.CacheRead {
		r.inconsistent = true
	}
}

// money reads an amount of dollars.
func (r *reading) money(val []byte, shift int) string {
	s, ok := decimal(val, shift)
	if !ok && string(val) != "null" {
		r.inconsistent = true
	}
	return s
}
