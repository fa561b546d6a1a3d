package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"burn/proxy/usage"
)

// flavour is a shape of usage that FromUsage can be told.
type flavour struct {
	name      string
	dialect   Dialect
	operation string
}

var flavours = []flavour{
	{"openai.chat", OpenAI, OpChat},
	{"openai.stream", OpenAI, OpChat},
	{"openai.responses", Responses, OpResponses},
	{"openai.embeddings", OpenAI, OpEmbeddings},
	{"openai.images", OpenAI, OpImages},
	{"openai.transcription", OpenAI, OpTranscription},
	{"anthropic.messages", Anthropic, OpMessages},
	{"anthropic.stream", Anthropic, OpMessages},
	{"gemini", Gemini, OpGenerateContent},
	{"gemini.stream", Gemini, OpGenerateContent},
	{"gemini.openai", OpenAI, OpChat},
	{"deepseek", OpenAI, OpChat},
	{"mistral", OpenAI, OpChat},
	{"perplexity", OpenAI, OpChat},
	{"openrouter", OpenAI, OpChat},
	{"cohere.v2", Cohere, OpChat},
	{"ollama", Ollama, OpChat},
	{"bedrock.converse", Bedrock, OpChat},
	{"bedrock.headers", Bedrock, OpTextCompletion},
}

// marks are keys that give a usage object's dialect away, tried in order.
var marks = []struct {
	key     string
	dialect Dialect
}{
	{"usageMetadata", Gemini},
	{"promptTokenCount", Gemini},
	{"candidatesTokenCount", Gemini},
	{"totalTokenCount", Gemini},
	{"predictions", Gemini},
	{"billed_units", Cohere},
	{"prompt_eval_count", Ollama},
	{"eval_count", Ollama},
	{"tokens_evaluated", Ollama},
	{"tokens_predicted", Ollama},
	{"inputTokens", Bedrock},
	{"inputTokenCount", Bedrock},
	{"inputTextTokenCount", Bedrock},
	{"x-amzn-bedrock-input-token-count", Bedrock},
	{"cache_creation_input_tokens", Anthropic},
	{"cache_read_input_tokens", Anthropic},
	{"total_input_tokens", Gemini}, // Interactions
	{"message_start", Anthropic},
	{"message_delta", Anthropic},
	{"iterations", Anthropic},
	{"prompt_tokens", OpenAI},
}

// otherCounts are further keys that hold what is billed, each by one dialect or
// by several. An object without any of these or of marks is no usage.
var otherCounts = []string{
	"input_tokens", "output_tokens", "completion_tokens", "total_tokens", "seconds", "outputTokens", "outputTokenCount",
	"prompt_token_count", "generation_token_count", "tokens", "cost", "cost_in_usd_ticks",
	"pages_processed", "prompt_audio_seconds",
}

// wrappers are the top keys of answers, by which they are told from the bare
// usage objects inside them.
var wrappers = []string{"usage", "usageMetadata", "x_groq", "message", "response", "meta", "choices", "candidates", "delta",
	"metadata", "predictions", "amazon-bedrock-invocationMetrics", "error"}

// FromUsage reads a bare usage object as a provider returned it, a whole
// answer, or an array of the chunks of a stream, exactly as if it had passed
// the proxy: the returned record has the counts, their source, tier, speed,
// geo, reported cost, raw usage, sub-usage and flags of that answer.
//
// null is a usage that is missing.
//
// provider is a name of the table, OpenTelemetry's or the price table's; an
// unknown one speaks OpenAI's dialect. flavour is "", the name of a Dialect, or
// one of openai.chat, openai.responses, openai.embeddings, openai.images,
// openai.transcription, openai.stream, anthropic.messages, anthropic.stream,
// gemini, gemini.stream, gemini.openai, deepseek, mistral, cohere.v2,
// perplexity, openrouter, ollama, bedrock.converse, bedrock.headers; "" goes by
// the object's keys.
func FromUsage(provider, flavour string, raw []byte) (usage.Record, error) {
	var rec usage.Record
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	if string(raw) == "null" { // as chunks and queued answers say it
		return usage.Record{UsageSource: usage.SourceMissing}, nil
	}
	if !json.Valid(raw) || len(raw) < 2 || raw[0] != '{' && raw[0] != '[' {
		return rec, fmt.Errorf("read usage: not a JSON object or array")
	}
	c := Call{Provider: named(provider), Operation: OpChat, Billable: true, Stream: raw[0] == '['}
	if err := c.flavour(flavour, raw); err != nil {
		return rec, err
	}
	r := NewResponse(c, 200, nil)
	if r.dialect == nil {
		r.Finish(&rec, true)
		return rec, fmt.Errorf("read usage: dialect %s is not read", c.Dialect)
	}
	if raw[0] == '{' && c.Dialect != Ollama && !wrapped(raw) {
		r.walk.start(&r.gather, bareUsage)
	}
	r.mode = modeJSON
	r.walk.write(raw)
	r.Finish(&rec, true)
	if !saysUsage(raw) {
		return usage.Record{UsageSource: usage.SourceMissing, Stream: rec.Stream}, nil
	}
	return rec, nil
}

// saysUsage reports whether there is a key that says what was used. An object
// without one must not pass for a usage of nothing.
func saysUsage(raw []byte) bool {
	for _, m := range marks {
		if hasKey(raw, m.key) {
			return true
		}
	}
	return slices.ContainsFunc(otherCounts, func(key string) bool { return hasKey(raw, key) })
}

func hasKey(raw []byte, key string) bool { return bytes.Contains(raw, []byte(`"`+key+`"`)) }

// bareUsage is the root of a usage object that stands alone.
var bareUsage = whole(treeUsage)

func (c *Call) flavour(name string, raw []byte) error {
	if name == "" {
		c.Dialect = c.infer(raw)
		return nil
	}
	for _, f := range flavours {
		if f.name == name {
			c.Dialect, c.Operation = f.dialect, f.operation
			return nil
		}
	}
	if dialects[Dialect(name)] != nil {
		c.Dialect = Dialect(name)
		return nil
	}
	names := make([]string, len(flavours))
	for i, f := range flavours {
		names[i] = f.name
	}
	return fmt.Errorf("unknown usage flavour %q (known: %s)", name, strings.Join(names, ", "))
}

// infer goes by the keys, and where they fit several dialects by the provider.
// What is certain about the operation is set too: an image's usage divides its
// input but not always its output, an embedding's may have a total alone.
func (c *Call) infer(raw []byte) Dialect {
	if nested(raw) {
		return Responses
	}
	ownCounts := hasKey(raw, "prompt_tokens") || hasKey(raw, "input_tokens_details")
	for _, m := range marks {
		if !hasKey(raw, m.key) || ownCounts && m.dialect == Anthropic && strings.HasPrefix(m.key, "cache_") {
			continue // gateways name the cache in OpenAI's shapes as Anthropic does
		}
		return m.dialect
	}
	switch {
	case hasKey(raw, "input_tokens_details") && hasKey(raw, "image_tokens") && !hasKey(raw, "output_tokens_details"):
		c.Operation = OpImages
	case hasKey(raw, "total_tokens") && !hasKey(raw, "completion_tokens") && !hasKey(raw, "input_tokens"):
		c.Operation = OpEmbeddings
	}
	switch c.Provider.Name {
	case "anthropic", "bedrock", "vertex": // Claude's shape is the only one left
		return Anthropic
	case "cohere":
		return Cohere
	}
	return OpenAI
}

// nested reports whether the usage is inside a response object: raw itself, or
// as in the events of a Responses stream or of a realtime session. What has
// another shape, such as the text that Ollama calls response, decodes to nothing.
func nested(raw []byte) bool {
	type event struct {
		Object   string `json:"object"`
		Response struct {
			Usage json.RawMessage `json:"usage"`
		} `json:"response"`
	}
	events := make([]event, 1)
	if raw[0] == '[' {
		_ = json.Unmarshal(raw, &events)
	} else {
		_ = json.Unmarshal(raw, &events[0])
	}
	return slices.ContainsFunc(events, func(e event) bool { return len(e.Response.Usage) > 0 || e.Object == "response" })
}

func wrapped(raw []byte) bool {
	var top map[string]json.RawMessage
	if json.Unmarshal(raw, &top) != nil {
		return false
	}
	return slices.ContainsFunc(wrappers, func(k string) bool { _, ok := top[k]; return ok })
}

// named finds a provider under any of its names.
func named(name string) Provider {
	if name == "google" {
		name = "gemini" // the price table's name for it
	}
	for _, p := range Providers {
		if p.Name == name || p.OTel == name {
			return p
		}
	}
	return Provider{Name: name, OTel: name, Dialect: OpenAI}
}
