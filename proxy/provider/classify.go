package provider

import (
	"net/url"
	"strings"
)

// Operations that the record's operation field can hold. Chat, text_completion,
// embeddings and generate_content are OpenTelemetry's names.
const (
	OpChat            = "chat"
	OpResponses       = "responses"
	OpTextCompletion  = "text_completion"
	OpEmbeddings      = "embeddings"
	OpMessages        = "messages"
	OpGenerateContent = "generate_content"
	OpImages          = "images"
	OpTranscription   = "transcription"
	OpSpeech          = "speech"
	OpRerank          = "rerank"
	OpOCR             = "ocr"
	OpVideo           = "video" // made later; the answer to the request is all that a bill can be read from
	OpRealtime        = "realtime"
	OpRetrieve        = "retrieve"     // an earlier answer read again by GET
	OpBatchResult     = "batch_result" // a file of many answers
	OpCountTokens     = "count_tokens"
	OpModeration      = "moderation"
	OpModels          = "models"
	OpFiles           = "files"
	OpBatches         = "batches"
	OpOther           = "other"
)

// Call is what a request's method and path say about it.
type Call struct {
	Provider  Provider
	Dialect   Dialect // of the answer
	Operation string  // one of the Op constants
	Endpoint  string  // path template: known words, "*" for the rest, at most 6 segments
	Model     string  // decoded id where it is in the path (Gemini, Vertex, Bedrock) or a session's query, else ""
	// Billable: usage in the answer is money. False for token counting, listings,
	// moderation, files and everything but POST and retrieving, which cost
	// nothing even where the answer repeats a usage (a batch sums its lines').
	Billable bool
	Stream   bool // the path asks for a stream (Gemini, Vertex, Bedrock); bodies may too
	// Deployment is Azure's name, chosen by the customer, for what serves the
	// call, where it is in the path: the model asked for if the body names none.
	Deployment string
}

// maxSegments bounds an endpoint template.
const maxSegments = 6

// words are the path segments a template may show; every other segment, which
// can be a customer's id, is "*".
var words = set(
	"v1", "v1beta", "v1alpha", "v1beta1", "v2", "v3", "api", "openai", "anthropic", "compatibility", "inference", "ai",
	"chat", "completions", "complete", "responses", "messages", "count_tokens", "batches", "batch", "results", "jobs",
	"embeddings", "embed", "generate", "rerank", "classify", "tokenize", "detokenize", "completion",
	"images", "generations", "edits", "variations", "audio", "transcriptions", "translations", "speech", "videos",
	"moderations", "models", "tunedModels", "cachedContents", "files", "content", "uploads", "parts", "realtime",
	"client_secrets", "sessions", "calls", "assistants", "threads", "runs", "steps", "submit_tool_outputs", "remix", "vector_stores", "search",
	"fine_tuning", "checkpoints", "events", "cancel", "input_items", "input_tokens", "compact", "conversations", "items",
	"containers", "evals", "deployments", "fim", "agents", "ocr", "interactions", "operations",
	"projects", "locations", "publishers", "google", "mistralai", "meta", "endpoints", "openapi", "datasets",
	"model", "converse", "converse-stream", "invoke", "invoke-with-response-stream", "async-invoke",
	"tags", "show", "ps", "pull", "push", "version", "blobs", "create", "copy", "delete", "health", "props", "metrics",
	"generation", "credits", "key", "auth", "usage", "organization", "organizations", "costs",
	"download", "upload",
)

// verbs are the ":method" suffixes of Google's paths.
var verbs = set(
	"generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents", "countTokens",
	"batchGenerateContent", "rawPredict", "streamRawPredict", "predict", "predictLongRunning", "computeTokens", "asyncBatchEmbedContent",
	"generateAnswer", "fetchPredictOperation", "download",
)

func set(list ...string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// meaning is what a path's ending stands for under POST.
type meaning struct {
	ending    string // last words of the template, "/" between them
	operation string
	dialect   Dialect // "" keeps the provider's
	billable  bool
}

// meanings is tried in order; the first ending that fits decides. Longer
// endings stand before the shorter ones they contain.
var meanings = []meaning{
	{"messages/count_tokens", OpCountTokens, Anthropic, false},
	{"messages/batches", OpBatches, Anthropic, false},
	{"responses/input_tokens", OpCountTokens, Responses, false},
	{"responses/compact", OpResponses, Responses, true},
	{"responses/*/cancel", OpRetrieve, Responses, true},
	{"fim/completions", OpTextCompletion, OpenAI, true},
	{"agents/completions", OpChat, OpenAI, true},
	{"chat/completions", OpChat, OpenAI, true},
	{"completions", OpTextCompletion, OpenAI, true},
	{"responses", OpResponses, Responses, true},
	{"v1/messages", OpMessages, Anthropic, true},
	{"v1/complete", OpTextCompletion, Anthropic, true},
	{"api/chat", OpChat, Ollama, true},
	{"api/generate", OpTextCompletion, Ollama, true},
	{"api/embed", OpEmbeddings, Ollama, true},
	{"api/embeddings", OpEmbeddings, Ollama, true},
	{"completion", OpTextCompletion, Ollama, true},
	{"v1/chat", OpChat, Cohere, true},
	{"v2/chat", OpChat, Cohere, true},
	{"v1/generate", OpTextCompletion, Cohere, true},
	{"embed", OpEmbeddings, Cohere, true},
	{"rerank", OpRerank, "", true},
	{"ocr", OpOCR, OpenAI, true},
	{"interactions", OpGenerateContent, Gemini, true},
	{"embeddings", OpEmbeddings, OpenAI, true},
	{"images/generations", OpImages, OpenAI, true},
	{"images/edits", OpImages, OpenAI, true},
	{"images/variations", OpImages, OpenAI, true},
	{"videos", OpVideo, OpenAI, true},
	{"videos/*/remix", OpVideo, OpenAI, true},
	{"threads/runs", OpChat, OpenAI, true},
	{"threads/*/runs", OpChat, OpenAI, true},
	{"runs/*/submit_tool_outputs", OpChat, OpenAI, true},
	{"inference", OpTextCompletion, OpenAI, true}, // Together's older one
	{"audio/transcriptions", OpTranscription, OpenAI, true},
	{"audio/translations", OpTranscription, OpenAI, true},
	{"audio/speech", OpSpeech, OpenAI, true},
	{"moderations", OpModeration, OpenAI, false},
	{"tokenize", OpCountTokens, "", false},
	{"detokenize", OpCountTokens, "", false},
	{"files", OpFiles, "", false},
	{"uploads", OpFiles, "", false},
	{"batches", OpBatches, "", false},
	{"batches/*/cancel", OpBatches, "", false},
	{"converse", OpChat, Bedrock, true},
	{"converse-stream", OpChat, Bedrock, true},
	{"invoke", OpTextCompletion, Bedrock, true},
	{"invoke-with-response-stream", OpTextCompletion, Bedrock, true},
}

// readings is what a path's ending stands for under GET.
var readings = []meaning{
	{"messages/batches/*/results", OpBatchResult, Anthropic, true},
	{"files/*/content", OpBatchResult, OpenAI, true},
	{"responses/*", OpRetrieve, Responses, true},
	{"chat/completions/*", OpRetrieve, OpenAI, true},
	{"threads/*/runs/*", OpRetrieve, OpenAI, true},
	{"interactions/*", OpRetrieve, Gemini, true},
	{"realtime", OpRealtime, OpenAI, true},
	{"responses", OpResponses, Responses, true}, // as a websocket
	{"models", OpModels, "", false},
	{"models/*", OpModels, "", false},
	{"files", OpFiles, "", false},
	{"files/*", OpFiles, "", false},
	{"batches", OpBatches, "", false},
	{"batches/*", OpBatches, "", false},
}

// googleMethods is what Google's ":method" stands for under POST.
var googleMethods = map[string]meaning{
	"generateContent":       {"", OpGenerateContent, Gemini, true},
	"streamGenerateContent": {"", OpGenerateContent, Gemini, true},
	"embedContent":          {"", OpEmbeddings, Gemini, true},
	"batchEmbedContents":    {"", OpEmbeddings, Gemini, true},
	"predict":               {"", OpEmbeddings, Gemini, true},
	"predictLongRunning":    {"", OpVideo, Gemini, true},
	"rawPredict":            {"", OpChat, OpenAI, true},
	"streamRawPredict":      {"", OpChat, OpenAI, true},
	"countTokens":           {"", OpCountTokens, Gemini, false},
	"computeTokens":         {"", OpCountTokens, Gemini, false},
	"batchGenerateContent":  {"", OpBatches, Gemini, false},
	"download":              {"", OpBatchResult, Gemini, true},
}

// liveMethod ends the path of Gemini's websockets.
const liveMethod = "BidiGenerateContent"

// Classify reads a call's method and path. escapedPath is the path as it goes
// upstream, still percent-encoded, after the upstream's name was removed and
// without the query. It never fails: what it does not know is OpOther.
func Classify(p Provider, method, escapedPath string) Call {
	c := Call{Provider: p, Dialect: p.Dialect, Operation: OpOther}
	if c.Dialect == "" {
		c.Dialect = OpenAI
	}
	var segs [16]string
	path := split(escapedPath, segs[:0])
	m, ok := c.google(method, path)
	if c.Endpoint == "" {
		c.Endpoint = template(withoutProject(path))
		m, ok = c.lookup(method)
		c.bedrockModel(path)
		c.deployment(path)
	}
	if !ok {
		c.Billable = method == "POST" // unknown: billed if it says so
		return c
	}
	c.Operation, c.Billable = m.operation, m.billable
	if m.dialect != "" {
		c.Dialect = m.dialect
	}
	return c
}

// split cuts a path into at most 16 segments; a final "/" opens none.
func split(path string, segs []string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	for path != "" && len(segs) < cap(segs) {
		var s string
		s, path, _ = strings.Cut(path, "/")
		segs = append(segs, s)
	}
	return segs
}

// withoutProject leaves out Vertex's "projects/P/locations/L", which would use
// up the template with a customer's names.
func withoutProject(segs []string) []string {
	if len(segs) > 5 && segs[1] == "projects" && segs[3] == "locations" {
		return append(segs[:1], segs[5:]...)
	}
	return segs
}

// template joins the last segments, unknown ones as "*": the end of a path
// tells what it is for, its beginning is often a gateway's.
func template(segs []string) string {
	if len(segs) > maxSegments {
		segs = segs[len(segs)-maxSegments:]
	}
	n := 0
	for _, s := range segs {
		n += len(s) + 1
	}
	b := make([]byte, 0, n+1)
	for _, s := range segs {
		b = append(b, '/')
		if words[s] {
			b = append(b, s...)
		} else {
			b = append(b, '*')
		}
	}
	if len(b) == 0 {
		return "/"
	}
	return string(b)
}

// lookup finds the meaning of the call's template.
func (c *Call) lookup(method string) (meaning, bool) {
	table := meanings
	switch method {
	case "POST":
	case "GET":
		table = readings
	default:
		return meaning{}, false
	}
	for _, m := range table {
		if strings.HasSuffix(c.Endpoint, m.ending) && c.Endpoint[len(c.Endpoint)-len(m.ending)-1] == '/' {
			return c.adjust(m), true
		}
	}
	return meaning{}, false
}

// adjust settles endings that mean different things at different providers.
func (c *Call) adjust(m meaning) meaning {
	switch {
	case m.dialect == Cohere && c.Provider.Dialect != Cohere:
		m.dialect = ""
	case m.ending == "v1/complete" && c.Provider.Dialect != Anthropic:
		m.dialect = ""
	case m.ending == "batches/*" && c.Provider.Dialect == Gemini:
		m.operation, m.billable = OpBatchResult, true // the results of one sent without a file
	}
	return m
}

// google reads Gemini's and Vertex's paths, whose model is a segment with a
// ":method" behind it: /v1beta/models/ID:generateContent and
// /v1/projects/P/locations/L/publishers/PUB/models/ID:method. The template
// leaves projects and locations out.
func (c *Call) google(method string, segs []string) (meaning, bool) {
	if len(segs) < 2 {
		return meaning{}, false
	}
	last := segs[len(segs)-1]
	if segs[0] == "ws" && strings.Contains(last, liveMethod) {
		c.Endpoint = "/ws/*." + liveMethod
		return meaning{"", OpRealtime, Gemini, true}, method == "GET"
	}
	id, verb, ok := cutLast(last)
	if !ok || !verbs[verb] {
		return meaning{}, false
	}
	m, known := googleMethods[verb]
	kind := segs[len(segs)-2]
	if kind == "models" || kind == "tunedModels" {
		c.Model = unescape(id)
	}
	publisher := ""
	for i, s := range segs[:len(segs)-1] {
		if s == "publishers" {
			publisher = segs[i+1]
		}
	}
	c.Endpoint = googleTemplate(segs, publisher, verb)
	c.Stream = strings.HasPrefix(verb, "stream")
	switch {
	case verb != "predict" || strings.Contains(c.Model, "embedding"):
	case strings.Contains(c.Model, "imagen"):
		m.operation = OpImages // charged for each image, which no answer counts
	default:
		m.operation = OpOther // whatever else Vertex hosts
	}
	if publisher == "anthropic" {
		m.dialect, m.operation = Anthropic, OpMessages
		if c.Model == "count-tokens" {
			c.Model, m.operation, m.billable = "", OpCountTokens, false
		}
	}
	if verb == "download" {
		return m, method == "GET"
	}
	return m, known && method == "POST"
}

func googleTemplate(segs []string, publisher, verb string) string {
	if publisher != "" {
		if !words[publisher] {
			publisher = "*"
		}
		version := segs[0]
		if !words[version] {
			version = "*"
		}
		return "/" + version + "/publishers/" + publisher + "/models/*:" + verb
	}
	if len(segs) > maxSegments {
		segs = segs[len(segs)-maxSegments:]
	}
	return template(segs[:len(segs)-1]) + "/*:" + verb
}

// cutLast cuts at the last ":", also where it is written %3A.
func cutLast(s string) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	if i := max(strings.LastIndex(s, "%3A"), strings.LastIndex(s, "%3a")); i >= 0 {
		return s[:i], s[i+3:], true
	}
	return "", "", false
}

// bedrockModel takes the model out of /model/ID/converse and its relatives. An
// id that is an ARN may hold an encoded slash; the segment is decoded whole.
func (c *Call) bedrockModel(segs []string) {
	if len(segs) == 3 && segs[0] == "model" {
		c.Model = unescape(segs[1])
		c.Stream = segs[2] == "converse-stream" || segs[2] == "invoke-with-response-stream"
	}
}

// deployment takes Azure's out of …/openai/deployments/NAME/….
func (c *Call) deployment(segs []string) {
	for i := 2; i < len(segs); i++ {
		if segs[i-1] == "deployments" && segs[i-2] == "openai" {
			c.Deployment = unescape(segs[i])
			return
		}
	}
}

func unescape(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}
