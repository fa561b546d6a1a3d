package provider

import (
	"strings"

	"burn/proxy/usage"
)

// openaiRoot is what matters in chat completions, completions, embeddings,
// images and transcriptions, whole or streamed, of OpenAI and of everybody who
// took over its shape.
var openaiRoot = obj(
	key("id", keep(slotID)),
	key("model", keep(slotModel)),
	key("service_tier", keep(slotTier)),
	key("service_tier_used", keep(slotTier)), // Cerebras, after the one asked for
	key("choices", openaiChoices()),
	key("usage", whole(treeUsage)),
	key("usage_info", whole(treeUsage)), // Mistral's OCR
	key("x_groq", obj(
		key("id", keep(slotRequest)),
		key("usage", whole(treeUsage)),
	)),
	key("type", keep(slotType)),     // of an error, or of a stream event
	key("delta", length(textMaybe)), // transcript.text.delta
	key("text", length(textWhole)),  // transcription
	key("duration", keep(slotDuration)),
	key("seconds", keep(slotDuration)), // of a video that will be made
	key("status", keep(slotStatus)),    // of a video, or of an assistant's run
	key("output", obj( // Together's older /inference
		key("choices", openaiChoices()),
		key("usage", whole(treeUsage)),
	)),
	key("result", obj(key("usage", whole(treeUsage)), key("response", length(textWhole)))), // Cloudflare's Workers AI
	key("outputs", arr(obj(key("model", keep(slotModel))))),                                // Mistral's conversations
	key("code", keep(slotBodyCode)),                                                        // xAI, Mistral
	key("error", errorObject()),
)

func openaiChoices() *node {
	return arr(obj(
		key("index", keep(slotIndex)),
		key("delta", openaiMessage(textDelta)),
		key("message", openaiMessage(textWhole)),
		key("text", length(textDelta)), // completions, whole or streamed
		key("finish_reason", keep(slotFinish)),
		key("usage", whole(treeUsage)), // Moonshot's streams
	).then(hookChoice))
}

func openaiMessage(t text) *node {
	return obj(
		key("content", length(t).or(obj(key("text", length(t))))),
		key("reasoning_content", length(t)),
		key("reasoning", length(t)),
		key("refusal", length(t)),
		key("tool_calls", arr(obj(
			key("id", keep(slotCallID)),
			key("function", obj(
				key("name", keep(slotCallName)),
				key("arguments", length(t)),
			)),
		).then(hookCall))),
		key("function_call", obj(key("arguments", length(t)))),
	)
}

// openaiUsage is a usage object of the OpenAI family taken apart; the names of
// chat (prompt, completion) and of Responses (input, output) mean the same.
type openaiUsage struct {
	prompt, completion, total   int64
	input, output               int64 // under Responses' names, 0 where a gateway writes both kinds
	hasPrompt, hasCompletion    bool
	chat                        bool // the names are chat's
	promptDetails, inputDetails []byte
	madeDetails, outputDetails  []byte
	hit, topCached              int64 // cached tokens outside the details
	read, written               int64 // the same of gateways, beside a prompt that includes them
	topReasoning, citation      int64 // at the top of the object
	told                              // what the call cost
	connector                   int64 // Mistral: tokens that its tools brought, beside the prompt
	audio                       bool  // Mistral: seconds of audio, whose tokens only the total counts
	imageDetail                 bool
}

// readOpenAI reads the usage object of chat, completions, embeddings, images,
// audio and Responses. Cached tokens are inside the input and reasoning inside
// the output, but for:
//   - xAI's chat, whose reasoning is beside, as its total shows;
//   - Perplexity's deep research, whose citation and reasoning tokens stand at
//     the top of usage, beside;
//   - Mistral's audio, whose tokens are in the total alone, and what its tools
//     brought;
//   - a total that exceeds its parts (Gemini's OpenAI path): the gap is
//     reasoning that nothing else shows, marked derived.
func readOpenAI(r *reading, raw []byte, c *Call) {
	u := openaiUsage{}
	for m := object(raw); m.next(); {
		u.member(r, m.key, m.val)
	}
	u.prompt, u.completion = max(u.prompt, u.input), max(u.completion, u.output)
	u.readDetails(r)
	r.Input, r.Output = u.prompt, u.completion
	r.CacheRead = max(r.CacheRead, u.topCached, u.hit)
	if u.chat { // with Responses' names it would be Claude's own count, which excludes them
		r.CacheRead, r.CacheWrite = max(r.CacheRead, u.read), max(r.CacheWrite, u.written)
	}
	u.beside(r, c)
	if c.Operation == OpImages && !u.imageDetail {
		r.ImageOutput = r.Output // image models that do not divide their output draw with all of it
	}
	u.settle(r, c)
	if c.Provider.Name == "perplexity" {
		r.Requests = 1
	}
}

func (u *openaiUsage) member(r *reading, key, val []byte) {
	switch string(key) {
	case "prompt_tokens":
		u.prompt, u.hasPrompt, u.chat = r.count(val), u.hasPrompt || present(val), true
	case "input_tokens":
		u.input, u.hasPrompt = r.count(val), u.hasPrompt || present(val)
	case "completion_tokens":
		u.completion, u.hasCompletion = r.count(val), u.hasCompletion || present(val)
	case "output_tokens":
		u.output, u.hasCompletion = r.count(val), u.hasCompletion || present(val)
	case "total_tokens":
		u.total = r.count(val)
	case "prompt_tokens_details", "prompt_token_details":
		u.promptDetails = val
	case "input_tokens_details", "input_token_details":
		u.inputDetails = val
	case "completion_tokens_details":
		u.madeDetails = val
	case "output_tokens_details", "output_token_details":
		u.outputDetails = val
	case "cached_tokens", "num_cached_tokens": // Moonshot, Anthropic's OpenAI path; Mistral
		u.topCached = r.count(val)
	case "cached_input_tokens", "cache_read_input_tokens": // Mercury; LiteLLM, inside as well
		u.read = r.count(val)
	case "cache_creation_input_tokens": // LiteLLM, Vercel's gateway
		u.written = r.count(val)
	case "prompt_cache_hit_tokens": // DeepSeek
		u.hit = r.count(val)
	case "reasoning_tokens":
		u.topReasoning = r.count(val)
	case "citation_tokens":
		u.citation = r.count(val)
	case "num_search_queries":
		r.WebSearches = r.count(val)
	case "server_tool_use", "server_tool_use_details": // OpenRouter
		r.searches(val, "web_search_requests")
	case "server_side_tool_usage_details": // xAI
		r.searches(val, "web_search_calls")
	case "seconds":
		r.Seconds = r.money(val, 0)
	case "prompt_audio_seconds":
		if val[0] == '{' { // empty, where no audio was sent
			return
		}
		if s := r.money(val, 0); s != "" && s != "0" {
			r.Seconds, u.audio = s, true
		}
	case "connector_tokens":
		u.connector = r.count(val)
	case "connectors":
		for m := object(val); m.next(); {
			if strings.HasPrefix(string(m.key), "web_search") {
				r.WebSearches += r.count(m.val)
			}
		}
	case "pages_processed":
		r.Requests = r.count(val)
	case "service_tier": // Mistral
		r.tier = usage.Ident(stringOf(val))
	case "extra_properties": // Vertex AI's OpenAI path
		if t := stringOf(member(member(val, []byte("google")), []byte("traffic_type"))); t != "" {
			r.tier = vertexTier(t)
		}
	default:
		u.money(r, key, val)
	}
}

// searches reads how many web searches a usage counts under a name.
func (r *reading) searches(tools []byte, name string) {
	if v := member(tools, []byte(name)); v != nil {
		r.WebSearches = r.count(v)
	}
}

// present reports whether a member says something.
func present(val []byte) bool { return string(val) != "null" }

// readDetails reads how the two totals divide. Gateways that write the names of
// both chat and Responses leave one kind at zero: the greater count is the one
// that was meant.
func (u *openaiUsage) readDetails(r *reading) {
	for _, details := range [...][]byte{u.promptDetails, u.inputDetails} {
		var t usage.Tokens
		for m := object(details); m.next(); {
			switch string(m.key) {
			case "cached_tokens":
				t.CacheRead = r.count(m.val)
			case "cache_read_input_tokens": // Perplexity's agents
				t.CacheRead = max(t.CacheRead, r.count(m.val))
			case "cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens": // the last two Qwen's, LiteLLM's
				t.CacheWrite = max(t.CacheWrite, r.count(m.val))
			case "cache_creation":
				if v := member(m.val, []byte("ephemeral_1h_input_tokens")); v != nil {
					t.CacheWrite1h = r.count(v)
				}
			case "audio_tokens":
				t.AudioInput = r.count(m.val)
			case "image_tokens":
				t.ImageInput = r.count(m.val)
			case "cached_tokens_details":
				if v := member(m.val, []byte("audio_tokens")); v != nil {
					t.AudioCacheRead = r.count(v)
				}
			}
		}
		r.CacheRead, r.CacheWrite = max(r.CacheRead, t.CacheRead), max(r.CacheWrite, t.CacheWrite)
		r.AudioInput, r.AudioCacheRead = max(r.AudioInput, t.AudioInput), max(r.AudioCacheRead, t.AudioCacheRead)
		r.ImageInput, r.CacheWrite1h = max(r.ImageInput, t.ImageInput), max(r.CacheWrite1h, t.CacheWrite1h)
	}
	for _, details := range [...][]byte{u.madeDetails, u.outputDetails} {
		var t usage.Tokens
		for m := object(details); m.next(); {
			switch string(m.key) {
			case "reasoning_tokens":
				t.Reasoning = r.count(m.val)
			case "audio_tokens":
				t.AudioOutput = r.count(m.val)
			case "image_tokens":
				t.ImageOutput, u.imageDetail = r.count(m.val), true
			}
		}
		r.Reasoning, r.AudioOutput = max(r.Reasoning, t.Reasoning), max(r.AudioOutput, t.AudioOutput)
		r.ImageOutput = max(r.ImageOutput, t.ImageOutput)
	}
}

// beside adds what is not inside the two totals.
func (u *openaiUsage) beside(r *reading, c *Call) {
	if c.Provider.Name == "perplexity" {
		r.Reasoning, r.Citation = max(r.Reasoning, u.topReasoning), u.citation
		r.Output += u.topReasoning + u.citation
		return
	}
	r.Reasoning = max(r.Reasoning, u.topReasoning)
	gap := u.total - u.prompt - u.completion
	if c.Provider.Name == "xai" && r.CacheRead > r.Input {
		r.Input += r.CacheRead
		if gap == r.Reasoning || gap == r.Reasoning+r.CacheRead {
			r.Output += r.Reasoning
		}
		return
	}
	if !u.hasPrompt && !u.hasCompletion { // a total alone: embeddings and rankings of some providers
		r.Input = u.total
		r.derived = u.total > 0 && c.Operation != OpEmbeddings && c.Operation != OpRerank
		return
	}
	if r.inconsistent {
		return
	}
	switch {
	case gap <= 0:
	case !u.hasCompletion: // nothing visible was made; other operations make no tokens
		if c.Operation == OpChat || c.Operation == OpTextCompletion || c.Operation == OpResponses {
			r.Output, r.derived = gap, true
		}
	case !u.hasPrompt:
		r.Input, r.derived = gap, true
	case gap == u.connector:
		r.Input += gap
	case u.audio:
		r.Input += gap
		r.AudioInput = max(r.AudioInput, gap)
	case gap == r.Reasoning: // xAI's chat: reported, only beside
		r.Output += gap
	default:
		r.Output += gap
		r.Reasoning = max(r.Reasoning, gap)
		r.derived = true
	}
}
