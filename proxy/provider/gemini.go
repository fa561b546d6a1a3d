package provider

import (
	"strings"

	"burn/proxy/usage"
)

// geminiRoot is what matters in a generateContent answer, in each element or
// event of its streams, in embeddings and in Vertex AI's predictions.
var geminiRoot = obj(append(geminiAnswer(),
	key("predictions", arr(obj(
		key("embeddings", obj(key("statistics", obj(key("token_count", keep(slotTokens).then(hookAdd)))))),
	))),
	key("error", errorObject()),
	// Interactions, whole, and the event that ends their stream.
	key("id", keep(slotID)),
	key("model", keep(slotModel)),
	key("status", keep(slotStatus)),
	key("service_tier", keep(slotTier)),
	key("usage", whole(treeUsage)),
	key("interaction", obj(
		key("id", keep(slotID)),
		key("model", keep(slotModel)),
		key("status", keep(slotStatus)),
		key("service_tier", keep(slotTier)),
		key("usage", whole(treeUsage)),
	)),
	key("delta", obj(key("text", length(textDelta)))),
	key("steps", arr(obj(key("content", arr(obj(key("text", length(textWhole)))))))),
)...)

func geminiAnswer() []child {
	return []child{
		key("responseId", keep(slotID)),
		key("modelVersion", keep(slotModel)),
		key("candidates", arr(obj(
			key("index", keep(slotIndex)),
			key("finishReason", keep(slotFinish)),
			key("content", obj(key("parts", arr(obj(
				key("text", length(textDelta)),
				key("functionCall", (&node{}).then(hookTool)),
			))))),
			key("groundingMetadata", obj(
				key("webSearchQueries", arr((&node{}).then(hookSearch))),
			)),
		).then(hookChoice))),
		key("promptFeedback", obj(key("blockReason", keep(slotReason)))),
		key("usageMetadata", whole(treeUsage)),
	}
}

// geminiUsage is a usageMetadata taken apart.
type geminiUsage struct {
	prompt, tool, candidates, thoughts, total int64
	hasPrompt                                 bool
	searches                                  int64
}

// readGemini reads a usageMetadata. The prompt includes what came from a cache;
// thoughts and the prompts of tools are beside. Images and video in the input
// are priced as text and not told apart.
func readGemini(r *reading, raw []byte, c *Call) {
	var u geminiUsage
	for m := object(raw); m.next(); {
		u.member(r, m.key, m.val)
	}
	r.Input = u.prompt + u.tool
	r.Output = u.candidates + u.thoughts
	r.Reasoning = u.thoughts
	r.WebSearches = u.searches
	gap := u.total - r.Input - r.Output
	if gap <= 0 || !u.hasPrompt || r.inconsistent {
		return
	}
	r.Output += gap
	if u.candidates > 0 && u.thoughts == 0 {
		r.Reasoning = gap
	}
	r.derived = true
}

func (u *geminiUsage) member(r *reading, key, val []byte) {
	switch string(key) {
	case "promptTokenCount", "total_input_tokens": // the latter in Interactions
		u.prompt, u.hasPrompt = r.count(val), true
	case "toolUsePromptTokenCount", "total_tool_use_tokens":
		u.tool = r.count(val)
	case "candidatesTokenCount", "total_output_tokens", "responseTokenCount": // the last in the Live API
		u.candidates = r.count(val)
	case "thoughtsTokenCount", "total_thought_tokens", "total_reasoning_tokens":
		u.thoughts = r.count(val)
	case "totalTokenCount", "total_tokens":
		u.total = r.count(val)
	case "cachedContentTokenCount", "total_cached_tokens":
		r.CacheRead = r.count(val)
	case "promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails", "input_tokens_by_modality", "tool_use_tokens_by_modality":
		r.AudioInput += r.modality(val, "AUDIO")
	case "cacheTokensDetails", "cached_tokens_by_modality":
		r.AudioCacheRead = r.modality(val, "AUDIO")
	case "grounding_tool_count":
		u.searches = r.grounded(val)
	case "candidatesTokensDetails", "responseTokensDetails", "output_tokens_by_modality":
		r.AudioOutput = r.modality(val, "AUDIO")
		r.ImageOutput = r.modality(val, "IMAGE")
	case "serviceTier":
		r.tier = usage.Ident(stringOf(val))
	case "trafficType":
		r.tier = vertexTier(stringOf(val))
	}
}

// grounding is what is billed of n searches: models before Gemini 3 pay for a
// grounded prompt, however many queries it took, later ones for each query.
func grounding(model string, n int64) int64 {
	if strings.Contains(model, "gemini-2") || strings.Contains(model, "gemini-1") {
		return min(n, 1)
	}
	return n
}

// modality sums the entries of one modality; an entry may lack its count.
// Interactions write the name in lower case and call the count tokens.
func (r *reading) modality(list []byte, name string) (n int64) {
	for e := array(list); e.next(); {
		if !strings.EqualFold(stringOf(member(e.val, []byte("modality"))), name) {
			continue
		}
		for _, key := range [...]string{"tokenCount", "tokens"} {
			if v := member(e.val, []byte(key)); v != nil {
				n += r.count(v)
			}
		}
	}
	return n
}

// grounded sums the web searches among the tools that grounded an answer.
func (r *reading) grounded(list []byte) (n int64) {
	for e := array(list); e.next(); {
		if stringOf(member(e.val, []byte("type"))) != "google_search" {
			continue
		}
		if v := member(e.val, []byte("count")); v != nil {
			n += r.count(v)
		}
	}
	return n
}

// vertexTier gives Vertex AI's traffic types the names the Gemini API uses.
func vertexTier(traffic string) string {
	switch traffic {
	case "ON_DEMAND":
		return "standard"
	case "ON_DEMAND_PRIORITY":
		return "priority"
	case "ON_DEMAND_FLEX":
		return "flex"
	case "PROVISIONED_THROUGHPUT":
		return "provisioned"
	}
	return usage.Ident(traffic)
}
