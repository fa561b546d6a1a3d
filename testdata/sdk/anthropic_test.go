//go:build sdk

package sdk

import (
	"net/http"

	"burn/proxy/usage"
)

var anthropicHeader = http.Header{
	"Request-Id":                {"req_message_1"},
	"Anthropic-Organization-Id": {"org-acme"},
}

// anthropicRecord is what all Anthropic cases have in common.
func anthropicRecord(change func(*usage.Record)) usage.Record {
	r := usage.Record{
		Upstream: "anthropic", Provider: "anthropic", Operation: "messages", Endpoint: "/v1/messages", Method: http.MethodPost,
		Status: 200, End: usage.EndComplete, RequestModel: "claude-sonnet-4-5", ResponseModel: "claude-sonnet-4-5-20250929",
		ServiceTier: "standard", FinishReason: "end_turn", ResponseID: "msg_1", RequestID: "req_message_1", Org: "org-acme",
		UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: 21, Output: 9}, Messages: 1, MaxTokens: 256,
	}
	change(&r)
	return r
}

const (
	messageHead  = `"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929"`
	messageUsage = `{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":9,"service_tier":"standard"}`
	messageStart = `{"type":"message_start","message":{` + messageHead + `,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1,"service_tier":"standard"}}}`
)

var anthropicSamples = []sample{
	{
		name: "anthropic-message", target: "/v1/messages",
		answers: []answer{{header: anthropicHeader, body: `{` + messageHead + `,"content":[{"type":"text","text":"Yes – “wet”."}],"stop_reason":"end_turn","stop_sequence":null,"usage":` + messageUsage + `}`}},
		records: []usage.Record{anthropicRecord(func(*usage.Record) {})},
	},
	{
		name: "anthropic-message-stream", target: "/v1/messages",
		answers: []answer{{header: anthropicHeader, events: named(
			messageStart,
			`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`{"type":"ping"}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Yes – “we"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"t”."}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":9}}`,
			`{"type":"message_stop"}`,
		)}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) { r.Stream = true })},
	},
	{
		// input_tokens of the provider leaves out what the cache read and wrote.
		name: "anthropic-message-cached", target: "/v1/messages",
		answers: []answer{{header: anthropicHeader, body: `{` + messageHead + `,"content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn","stop_sequence":null,` +
			`"usage":{"input_tokens":21,"cache_creation_input_tokens":2000,"cache_read_input_tokens":30000,"cache_creation":{"ephemeral_5m_input_tokens":500,"ephemeral_1h_input_tokens":1500},"output_tokens":9,"service_tier":"standard","server_tool_use":{"web_search_requests":1}}}`}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) {
			r.Tokens = usage.Tokens{Input: 32021, CacheRead: 30000, CacheWrite: 2000, CacheWrite1h: 1500, Output: 9, WebSearches: 1}
		})},
	},
	{
		name: "anthropic-message-tools", target: "/v1/messages",
		answers: []answer{{header: anthropicHeader, body: `{` + messageHead + `,"content":[{"type":"text","text":"Let me look."},{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Oslo"}}],` +
			`"stop_reason":"tool_use","stop_sequence":null,"usage":` + messageUsage + `}`}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) { r.FinishReason, r.Tools, r.ToolCalls = "tool_use", 1, 1 })},
	},
	{
		name: "anthropic-message-tools-stream", target: "/v1/messages",
		answers: []answer{{header: anthropicHeader, events: named(
			messageStart,
			`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"Os"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"lo\"}"}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":33}}`,
			`{"type":"message_stop"}`,
		)}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) {
			r.Stream, r.FinishReason, r.Tools, r.ToolCalls, r.Output = true, "tool_use", 1, 1, 33
		})},
	},
	{
		name: "anthropic-message-overloaded", target: "/v1/messages",
		answers: []answer{{status: 529, header: anthropicHeader, body: `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_message_1"}`}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) {
			r.Status, r.ErrorType, r.UsageSource, r.Tokens = 529, "overloaded_error", usage.SourceNone, usage.Tokens{}
			r.ResponseModel, r.ServiceTier, r.FinishReason, r.ResponseID = "", "", "", ""
		})},
	},
	{
		name: "anthropic-message-left", target: "/v1/messages",
		answers: []answer{{stay: true, header: anthropicHeader, events: named(messageStart)}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) {
			r.Stream, r.End, r.UsageSource, r.FinishReason = true, usage.EndClientAbort, usage.SourcePartial, ""
			r.Output = 1
		})},
	},
	{
		name: "anthropic-count-tokens", target: "/v1/messages/count_tokens",
		answers: []answer{{header: anthropicHeader, body: `{"input_tokens":17}`}},
		records: []usage.Record{anthropicRecord(func(r *usage.Record) {
			r.Operation, r.Endpoint, r.UsageSource, r.Tokens = "count_tokens", "/v1/messages/count_tokens", usage.SourceNone, usage.Tokens{}
			r.ResponseModel, r.ServiceTier, r.FinishReason, r.ResponseID, r.MaxTokens = "", "", "", "", 0
		})},
	},
}
