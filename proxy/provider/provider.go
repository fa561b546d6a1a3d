// Package provider knows the LLM providers: where they are, what their paths
// mean, and how their answers say what was used.
//
// The answer's side is read from a copy of the bytes that pass, incrementally
// and in bounded memory, and never unmarshalled. Read in this order:
//
//	provider.go   the table of providers
//	classify.go   method and path → operation, endpoint template, dialect, model
//	response.go   Response: bytes in, a record's usage out
//	decode.go     the copy's gzip, deflate, br or zstd undone
//	sse.go        event streams cut into events
//	eventstream.go  the same for AWS's binary event streams
//	walk.go       JSON walked by depth; only a dialect's tree of interesting values is looked at
//	walk_text.go, walk_tree.go   text measured, objects kept whole
//	batch.go      files of many answers, each of which is a part
//	websocket.go, session.go   websockets: frames to messages, messages to parts
//	node.go       what such a tree is made of
//	dialect.go    the table of dialects: each one's tree and reading of its usage object
//	openai.go … one file per dialect
//	members.go, number.go, cost.go, rawusage.go   reading the small captured usage object
//	explain.go    FromUsage: the same reading for a bare usage object
//
// A provider is a row; a dialect is a file and a row. All totals in a record
// are inclusive (usage.Tokens), whatever the provider's own counting is.
package provider

import "strings"

// Dialect is the shape of a provider's requests and answers.
type Dialect string

// The dialects. Paths decide between them before the provider does, because
// most providers answer in more than one (see Classify).
const (
	OpenAI    Dialect = "openai"    // chat completions, completions, embeddings, images, audio and everything shaped like them
	Responses Dialect = "responses" // OpenAI's Responses API
	Anthropic Dialect = "anthropic" // Messages
	Gemini    Dialect = "gemini"    // generateContent and its relatives, also on Vertex AI
	Bedrock   Dialect = "bedrock"   // Converse and InvokeModel
	Cohere    Dialect = "cohere"    // v1 and v2
	Ollama    Dialect = "ollama"    // /api/…, one JSON object per line
	Multipart Dialect = "multipart" // multipart requests (audio, image edits); their answers are OpenAI's
)

// Provider is one row of the table: an upstream burn knows by name.
type Provider struct {
	Name    string  // as in a route's first segment and in --upstream
	OTel    string  // OpenTelemetry's gen_ai.provider.name; the Name where it has none
	Dialect Dialect // spoken where the path does not say otherwise
	BaseURL string  // scheme and host, without a path; "" where it must be configured
}

// Providers are the upstreams that are built in. Azure and Bedrock have one
// host per customer or region and no BaseURL.
var Providers = []Provider{
	{"openai", "openai", OpenAI, "https://api.openai.com"},
	{"anthropic", "anthropic", Anthropic, "https://api.anthropic.com"},
	{"gemini", "gcp.gemini", Gemini, "https://generativelanguage.googleapis.com"},
	{"vertex", "gcp.vertex_ai", Gemini, "https://aiplatform.googleapis.com"},
	{"azure", "azure.ai.openai", OpenAI, ""},
	{"bedrock", "aws.bedrock", Bedrock, ""},
	{"mistral", "mistral_ai", OpenAI, "https://api.mistral.ai"},
	{"cohere", "cohere", Cohere, "https://api.cohere.com"},
	{"groq", "groq", OpenAI, "https://api.groq.com"},
	{"deepseek", "deepseek", OpenAI, "https://api.deepseek.com"},
	{"xai", "x_ai", OpenAI, "https://api.x.ai"},
	{"openrouter", "openrouter", OpenAI, "https://openrouter.ai"},
	{"together", "together", OpenAI, "https://api.together.xyz"},
	{"fireworks", "fireworks", OpenAI, "https://api.fireworks.ai"},
	{"perplexity", "perplexity", OpenAI, "https://api.perplexity.ai"},
	{"cerebras", "cerebras", OpenAI, "https://api.cerebras.ai"},
	{"moonshot", "moonshot_ai", OpenAI, "https://api.moonshot.ai"},
	{"ollama", "ollama", Ollama, "http://localhost:11434"},
}

// Lookup returns the built-in provider of that name.
func Lookup(name string) (Provider, bool) {
	for _, p := range Providers {
		if p.Name == name {
			return p, true
		}
	}
	return Provider{}, false
}

// Residency returns the region that OpenAI's hosts of data residency charge
// for, "" for any other host: their answers do not say where they come from.
func Residency(host string) string {
	switch strings.ToLower(host) {
	case "us.api.openai.com", "us.api.openai.com:443":
		return "us"
	case "eu.api.openai.com", "eu.api.openai.com:443":
		return "eu"
	}
	return ""
}
