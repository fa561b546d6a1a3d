//go:build sdk

package sdk

import (
	"net/http"

	"burn/proxy/usage"
)

const chatUsage = `{"prompt_tokens":1124,"completion_tokens":85,"total_tokens":1209,` +
	`"prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":0},` +
	`"completion_tokens_details":{"reasoning_tokens":64,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`

var chatTokens = usage.Tokens{Input: 1124, CacheRead: 1024, Output: 85, Reasoning: 64}

const responsesUsage = `{"input_tokens":1124,"input_tokens_details":{"cached_tokens":1024},"output_tokens":85,` +
	`"output_tokens_details":{"reasoning_tokens":64},"total_tokens":1209}`

var openaiHeader = http.Header{
	"X-Request-Id":                   {"req_chat_1"},
	"Openai-Organization":            {"acme-1"},
	"Openai-Processing-Ms":           {"321"},
	"X-Ratelimit-Remaining-Requests": {"499"},
}

var limitedHeader = http.Header{"X-Request-Id": {"req_limited"}, "Retry-After-Ms": {"1"}}

const limitedBody = `{"error":{"message":"Rate limit reached for gpt-5-mini.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`

// openaiRecord is what all OpenAI cases have in common.
func openaiRecord(change func(*usage.Record)) usage.Record {
	r := usage.Record{
		Upstream: "openai", Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: http.MethodPost,
		Status: 200, End: usage.EndComplete, RequestModel: "gpt-5-mini", ResponseModel: "gpt-5-mini-2025-08-07", ServiceTier: "default",
		FinishReason: "stop", ResponseID: "chatcmpl-1", RequestID: "req_chat_1", Org: "acme-1",
		UsageSource: usage.SourceReported, Tokens: chatTokens, Messages: 2,
	}
	change(&r)
	return r
}

func openaiFailed(change func(*usage.Record)) usage.Record {
	return openaiRecord(func(r *usage.Record) {
		r.Status, r.ErrorType, r.RequestID, r.UsageSource = 429, "rate_limit_exceeded", "req_limited", usage.SourceNone
		r.ResponseModel, r.ServiceTier, r.FinishReason, r.ResponseID, r.Org, r.Tokens = "", "", "", "", "", usage.Tokens{}
		change(r)
	})
}

const chunkHead = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795442400,"model":"gpt-5-mini-2025-08-07","service_tier":"default","system_fingerprint":null,`

const chatBody = `{"id":"chatcmpl-1","object":"chat.completion","created":1795442400,"model":"gpt-5-mini-2025-08-07",
  "choices":[{"index":0,"message":{"role":"assistant","content":"Yes — it’s \"wet\".","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],
  "usage":` + chatUsage + `,"service_tier":"default","system_fingerprint":null}
`

var samples = append(append(openaiSamples, anthropicSamples...), googleSamples...)

var openaiSamples = []sample{
	{
		name: "openai-chat", target: "/v1/chat/completions",
		answers: []answer{{header: openaiHeader, body: chatBody}},
		records: []usage.Record{openaiRecord(func(*usage.Record) {})},
	},
	{
		name: "openai-chat-stream", target: "/v1/chat/completions",
		answers: []answer{{header: openaiHeader, events: data(
			chunkHead+`"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}`,
			chunkHead+`"choices":[{"index":0,"delta":{"content":"Yes, it’s"},"finish_reason":null}],"usage":null}`,
			chunkHead+`"choices":[{"index":0,"delta":{"content":" wet."},"finish_reason":null}],"usage":null}`,
			chunkHead+`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`,
			chunkHead+`"choices":[],"usage":`+chatUsage+`}`,
			`[DONE]`,
		)}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) { r.Stream = true })},
	},
	{
		name: "openai-chat-stream-without-usage", target: "/v1/chat/completions",
		answers: []answer{{header: openaiHeader, events: data(
			chunkHead+`"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}`,
			chunkHead+`"choices":[{"index":0,"delta":{"content":"Yes, it is"},"finish_reason":null}]}`,
			chunkHead+`"choices":[{"index":0,"delta":{"content":" wet."},"finish_reason":null}]}`,
			chunkHead+`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
			`[DONE]`,
		)}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) {
			r.Stream, r.UsageSource, r.Tokens, r.OutputBytes = true, usage.SourceMissing, usage.Tokens{}, int64(len("Yes, it is wet."))
		})},
	},
	{
		name: "openai-chat-tools", target: "/v1/chat/completions",
		answers: []answer{{header: openaiHeader, body: `{"id":"chatcmpl-1","object":"chat.completion","created":1795442400,"model":"gpt-5-mini-2025-08-07",` +
			`"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[` +
			`{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}},` +
			`{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bergen\"}"}}],"refusal":null},"logprobs":null,"finish_reason":"tool_calls"}],` +
			`"usage":` + chatUsage + `,"service_tier":"default"}`}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) { r.FinishReason, r.Tools, r.ToolCalls = "tool_calls", 1, 2 })},
	},
	{
		name: "openai-chat-tools-stream", target: "/v1/chat/completions",
		answers: []answer{{header: openaiHeader, events: data(
			chunkHead+`"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}],"refusal":null},"finish_reason":null}],"usage":null}`,
			chunkHead+`"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]},"finish_reason":null}],"usage":null}`,
			chunkHead+`"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Oslo\"}"}}]},"finish_reason":null}],"usage":null}`,
			chunkHead+`"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}`,
			chunkHead+`"choices":[],"usage":`+chatUsage+`}`,
			`[DONE]`,
		)}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) { r.Stream, r.FinishReason, r.Tools, r.ToolCalls = true, "tool_calls", 1, 1 })},
	},
	{
		name: "openai-chat-limited", target: "/v1/chat/completions",
		answers: []answer{{status: 429, header: limitedHeader, body: limitedBody}},
		records: []usage.Record{openaiFailed(func(*usage.Record) {})},
	},
	{
		name: "openai-chat-retried", target: "/v1/chat/completions",
		answers: []answer{{status: 429, header: limitedHeader, body: limitedBody}, {header: openaiHeader, body: chatBody}},
		records: []usage.Record{
			openaiFailed(func(*usage.Record) {}),
			openaiRecord(func(r *usage.Record) { r.Retry = 1 }),
		},
	},
	{
		name: "openai-chat-left", target: "/v1/chat/completions",
		answers: []answer{{stay: true, header: openaiHeader, events: data(
			chunkHead + `"choices":[{"index":0,"delta":{"role":"assistant","content":"Yes"},"finish_reason":null}]}`,
		)}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) {
			r.Stream, r.End, r.UsageSource, r.Tokens, r.FinishReason = true, usage.EndClientAbort, usage.SourcePartial, usage.Tokens{}, ""
			r.OutputBytes = int64(len("Yes"))
		})},
	},
	{
		name: "openai-responses", target: "/v1/responses",
		answers: []answer{{header: openaiHeader, body: `{"id":"resp_1","object":"response","created_at":1795442400,"status":"completed","background":false,"error":null,` +
			`"incomplete_details":null,"instructions":"You answer in one word.","max_output_tokens":null,"model":"gpt-5-mini-2025-08-07","output":[` +
			`{"id":"rs_1","type":"reasoning","summary":[]},` +
			`{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Yes."}]}],` +
			`"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":"medium","summary":null},"service_tier":"default","store":true,` +
			`"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":` + responsesUsage + `,"user":null,"metadata":{}}`}},
		records: []usage.Record{openaiRecord(responsesRecord)},
	},
	{
		name: "openai-responses-stream", target: "/v1/responses",
		answers: []answer{{header: openaiHeader, events: named(
			`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1795442400,"status":"in_progress","model":"gpt-5-mini-2025-08-07","output":[],"service_tier":"auto","tools":[],"usage":null,"metadata":{}}}`,
			`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}`,
			`{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`,
			`{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Yes.","logprobs":[]}`,
			`{"type":"response.output_text.done","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"text":"Yes.","logprobs":[]}`,
			`{"type":"response.content_part.done","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"Yes."}}`,
			`{"type":"response.output_item.done","sequence_number":6,"output_index":0,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Yes."}]}}`,
			`{"type":"response.completed","sequence_number":7,"response":{"id":"resp_1","object":"response","created_at":1795442400,"status":"completed","model":"gpt-5-mini-2025-08-07","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Yes."}]}],"service_tier":"default","tools":[],"usage":`+responsesUsage+`,"metadata":{}}}`,
		)}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) { responsesRecord(r); r.Stream = true })},
	},
	{
		name: "openai-embeddings", target: "/v1/embeddings",
		answers: []answer{{
			header: openaiHeader,
			body:   `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25,1.0]}],"model":"text-embedding-3-small","usage":{"prompt_tokens":4,"total_tokens":4}}`,
			base64: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL4AAIA/"}],"model":"text-embedding-3-small","usage":{"prompt_tokens":4,"total_tokens":4}}`,
		}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) {
			r.Operation, r.Endpoint = "embeddings", "/v1/embeddings"
			r.RequestModel, r.ResponseModel = "text-embedding-3-small", "text-embedding-3-small"
			r.ServiceTier, r.FinishReason, r.ResponseID, r.Tokens, r.Messages = "", "", "", usage.Tokens{Input: 4}, 0
		})},
	},
	{
		name: "openai-models", method: http.MethodGet, target: "/v1/models",
		answers: []answer{{header: openaiHeader, body: `{"object":"list","data":[{"id":"gpt-5-mini","object":"model","created":1795442400,"owned_by":"openai"}]}`}},
		records: []usage.Record{openaiRecord(func(r *usage.Record) {
			r.Operation, r.Endpoint, r.Method, r.UsageSource = "models", "/v1/models", http.MethodGet, usage.SourceNone
			r.RequestModel, r.ResponseModel, r.ServiceTier, r.FinishReason, r.ResponseID = "", "", "", "", ""
			r.Tokens, r.Messages = usage.Tokens{}, 0
		})},
	},
}

func responsesRecord(r *usage.Record) {
	r.Operation, r.Endpoint, r.ResponseID, r.FinishReason = "responses", "/v1/responses", "resp_1", "completed"
	r.Messages = 1 // instructions are not among them
}
