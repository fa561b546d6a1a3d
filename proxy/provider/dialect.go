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
	Bedrock:   {root: bedrockRoot, read: readBedrock, merge: true, running: true},
	Cohere:    {root: cohereRoot, read: readCohere},
	Ollama:    {root: ollamaRoot, read: readOllama, running: true},
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
	model            string // that served the call, where the usage knows better than the answer
	cost             string // plain decimal, "" where the provider reports none
	seen             bool   // a count or amount that the dialect knows was there
	derived          bool   // a part was derived from a gap in the total
	inconsistent     bool   // a value was no count, or a subset exceeds its whole
}

// count reads a count. What is no count is absent and noted; null is absent.
// Some gateways write numbers as text.
func (r *reading) count(val []byte) int64 {
	if string(val) == "null" {
		return 0
	}
	r.seen = true
	n, ok := parseCount(bare(val))
	if !ok {
		r.inconsistent = true
	}
	return n
}

// bare takes the quotes off a number that is written as text.
func bare(val []byte) []byte {
	if len(val) > 2 && val[0] == '"' {
		return val[1 : len(val)-1]
	}
	return val
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
	if string(val) == "null" {
		return ""
	}
	r.seen = true
	s, ok := decimal(bare(val), shift)
	if !ok {
		r.inconsistent = true
	}
	return s
}
