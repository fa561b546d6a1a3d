package provider

import "net/http"

// bedrockRoot is what matters in Converse and in InvokeModel, whose body has
// the shape of the model's vendor; its own counts are in the headers too.
var bedrockRoot = obj(
	key("id", keep(slotID)),
	key("model", keep(slotModel)),
	key("type", keep(slotType)),
	key("stopReason", keep(slotFinish).then(hookChoice)),
	key("stop_reason", keep(slotFinish).then(hookChoice)),
	key("finish_reason", keep(slotFinish).then(hookChoice)), // Cohere's, as generations
	key("usage", whole(treeUsage)),
	key("amazon-bedrock-invocationMetrics", whole(treeUsage)),
	key("metadata", obj( // ConverseStream's last event
		key("usage", whole(treeUsage)),
		key("serviceTier", obj(key("type", keep(slotTier)))),
	)),
	key("message", obj(
		key("id", keep(slotID)),
		key("model", keep(slotModel)),
		key("usage", whole(treeEarly)),
	)),
	key("serviceTier", obj(key("type", keep(slotTier)))),
	key("output", obj(key("message", obj(key("content", arr(obj(
		key("text", length(textWhole)),
		key("toolUse", (&node{}).then(hookTool)),
	))))))),
	key("start", obj(key("toolUse", (&node{}).then(hookTool)))), // ConverseStream
	key("content", arr(obj(
		key("type", keep(slotItem)),
		key("text", length(textWhole)),
	).then(hookItem))),
	key("content_block", obj(key("type", keep(slotItem))).then(hookItem)),
	key("delta", obj(
		key("text", length(textDelta)),
		key("thinking", length(textDelta)),
		key("partial_json", length(textDelta)),
		key("reasoningContent", obj(key("text", length(textDelta)))),
		key("toolUse", obj(key("input", length(textDelta)))),
		key("stop_reason", keep(slotFinish).then(hookChoice)),
	)),
	key("generation", length(textDelta)), // Llama
	key("outputText", length(textDelta)), // Titan
	key("completionReason", keep(slotFinish).then(hookChoice)),
	key("choices", openaiChoices()), // OpenAI's, AI21's, Qwen's …
	key("response_id", keep(slotID)),
	key("generations", arr(obj(
		key("text", length(textDelta)),
		key("finish_reason", keep(slotFinish)),
	).then(hookChoice))),
	key("outputs", arr(obj( // Mistral's text
		key("text", length(textDelta)),
		key("stop_reason", keep(slotFinish)),
	).then(hookChoice))),
	key("results", arr(obj( // Titan, whole
		key("outputText", length(textWhole)),
		key("completionReason", keep(slotFinish).then(hookChoice)),
		pick("tokenCount"),
	))),
	pick("inputTextTokenCount"),
	pick("totalOutputTokenCount"), // Titan's last chunk
	pick("prompt_token_count"),
	pick("generation_token_count"),
	key("error", errorObject()),
)

// bedrockHeaders carry the counts of InvokeModel, for some models alone.
var bedrockHeaders = []string{
	"x-amzn-bedrock-input-token-count",
	"x-amzn-bedrock-output-token-count",
	"x-amzn-bedrock-cache-read-input-token-count",
	"x-amzn-bedrock-cache-write-input-token-count",
}

// headerUsage writes the counts among a Bedrock answer's headers as a usage
// object, nil if there are none.
func headerUsage(h http.Header) []byte {
	var b []byte
	for _, name := range bedrockHeaders {
		v := h.Get(name)
		if _, ok := parseCount([]byte(v)); !ok {
			continue
		}
		if b == nil {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), name...), '"', ':'), v...)
	}
	if b == nil {
		return nil
	}
	return append(b, '}')
}

// bedrockUsage is a usage object of Bedrock's own taken apart.
type bedrockUsage struct {
	input, output, read, write, write1h int64
	own                                 bool // at least one count of Bedrock's own
}

// readBedrock reads the usage of Converse, the invocation metrics and the
// headers, all of whose input excludes the cache, or the vendor's own.
func readBedrock(r *reading, raw []byte, c *Call) {
	if member(raw, []byte("input_tokens")) != nil {
		readAnthropic(r, raw, c) // Claude says more than the metrics beside it
		return
	}
	var u bedrockUsage
	for m := object(raw); m.next(); {
		u.member(r, m.key, m.val)
	}
	if !u.own {
		readOpenAI(r, raw, c)
		return
	}
	r.Input = u.input + u.read + u.write
	r.CacheRead, r.CacheWrite, r.CacheWrite1h = u.read, u.write, u.write1h
	r.Output = u.output
}

func (u *bedrockUsage) member(r *reading, key, val []byte) {
	dst := (*int64)(nil)
	switch string(key) {
	case "inputTokens", "inputTokenCount", "inputTextTokenCount", "prompt_token_count", "x-amzn-bedrock-input-token-count":
		dst = &u.input
	case "outputTokens", "outputTokenCount", "generation_token_count", "tokenCount", "totalOutputTokenCount", "x-amzn-bedrock-output-token-count":
		dst = &u.output
	case "cacheReadInputTokens", "cacheReadInputTokenCount", "x-amzn-bedrock-cache-read-input-token-count":
		dst = &u.read
	case "cacheWriteInputTokens", "cacheWriteInputTokenCount", "x-amzn-bedrock-cache-write-input-token-count":
		dst = &u.write
	case "cacheDetails":
		u.details(r, val)
		return
	default:
		return
	}
	if len(val) > 2 && val[0] == '"' && key[0] == 'x' {
		val = val[1 : len(val)-1] // headers are text
	}
	*dst, u.own = r.count(val), true
}

// details tells how much of the writes lives for an hour.
func (u *bedrockUsage) details(r *reading, list []byte) {
	for e := array(list); e.next(); {
		if stringOf(member(e.val, []byte("ttl"))) != "1h" {
			continue
		}
		if v := member(e.val, []byte("inputTokens")); v != nil {
			u.write1h += r.count(v)
		}
	}
}
