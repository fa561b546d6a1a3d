//go:build sdk

package sdk

import (
	"net/http"

	"burn/proxy/usage"
)

// googleRecord is what all Google cases have in common. Thoughts are billed as
// output and stand beside the candidates, not in them.
func googleRecord(change func(*usage.Record)) usage.Record {
	r := usage.Record{
		Upstream: "gemini", Provider: "gcp.gemini", Operation: "generate_content", Endpoint: "/v1/models/*:generateContent", Method: http.MethodPost,
		Status: 200, End: usage.EndComplete, RequestModel: "gemini-2.5-flash", ResponseModel: "gemini-2.5-flash-001",
		FinishReason: "STOP", ResponseID: "resp-google-1",
		UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: 1500, CacheRead: 1200, Output: 47, Reasoning: 40}, Messages: 1,
	}
	change(&r)
	return r
}

const googleTail = `"usageMetadata":{"promptTokenCount":1500,"cachedContentTokenCount":1200,"candidatesTokenCount":7,"thoughtsTokenCount":40,"totalTokenCount":1547,` +
	`"promptTokensDetails":[{"modality":"TEXT","tokenCount":1500}],"cacheTokensDetails":[{"modality":"TEXT","tokenCount":1200}]},"modelVersion":"gemini-2.5-flash-001","responseId":"resp-google-1"}`

var googleSamples = []sample{
	{
		name: "google-generate", target: "/v1/models/gemini-2.5-flash:generateContent",
		answers: []answer{{body: `{"candidates":[{"content":{"parts":[{"text":"Yes – “wet”."}],"role":"model"},"finishReason":"STOP","index":0}],` + googleTail}},
		records: []usage.Record{googleRecord(func(*usage.Record) {})},
	},
	{
		name: "google-generate-v1beta", target: "/v1beta/models/gemini-2.5-flash:generateContent",
		answers: []answer{{body: `{"candidates":[{"content":{"parts":[{"text":"Yes."}],"role":"model"},"finishReason":"STOP","index":0}],` + googleTail}},
		records: []usage.Record{googleRecord(func(r *usage.Record) { r.Endpoint = "/v1beta/models/*:generateContent" })},
	},
	{
		name: "google-generate-stream", target: "/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
		answers: []answer{{events: data(
			`{"candidates":[{"content":{"parts":[{"text":"Yes – “we"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":1500,"cachedContentTokenCount":1200,"candidatesTokenCount":3,"thoughtsTokenCount":40,"totalTokenCount":1543},"modelVersion":"gemini-2.5-flash-001","responseId":"resp-google-1"}`,
			`{"candidates":[{"content":{"parts":[{"text":"t”."}],"role":"model"},"finishReason":"STOP","index":0}],`+googleTail,
		)}},
		records: []usage.Record{googleRecord(func(r *usage.Record) {
			r.Stream, r.Endpoint = true, "/v1/models/*:streamGenerateContent"
		})},
	},
	{
		name: "google-generate-tools", target: "/v1/models/gemini-2.5-flash:generateContent",
		answers: []answer{{body: `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"weather","args":{"city":"Oslo"}}}],"role":"model"},"finishReason":"STOP","index":0}],` + googleTail}},
		records: []usage.Record{googleRecord(func(r *usage.Record) { r.Tools, r.ToolCalls = 1, 1 })},
	},
	{
		name: "google-generate-refused", target: "/v1/models/gemini-2.5-flash:generateContent",
		answers: []answer{{status: 400, body: `{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}`}},
		records: []usage.Record{googleRecord(func(r *usage.Record) {
			r.Status, r.ErrorType, r.UsageSource, r.Tokens = 400, "INVALID_ARGUMENT", usage.SourceNone, usage.Tokens{}
			r.ResponseModel, r.FinishReason, r.ResponseID = "", "", ""
		})},
	},
	{
		name: "google-embed", target: "/v1/models/gemini-embedding-001:batchEmbedContents",
		answers: []answer{{body: `{"embeddings":[{"values":[0.5,-0.25,1.0]}]}`}},
		records: []usage.Record{googleRecord(func(r *usage.Record) {
			r.Operation, r.Endpoint, r.RequestModel = "embeddings", "/v1/models/*:batchEmbedContents", "gemini-embedding-001"
			r.ResponseModel, r.FinishReason, r.ResponseID, r.UsageSource, r.Tokens = "", "", "", usage.SourceMissing, usage.Tokens{}
			r.Messages = 0
		})},
	},
	{
		name: "google-count-tokens", target: "/v1/models/gemini-2.5-flash:countTokens",
		answers: []answer{{body: `{"totalTokens":4,"promptTokensDetails":[{"modality":"TEXT","tokenCount":4}]}`}},
		records: []usage.Record{googleRecord(func(r *usage.Record) {
			r.Operation, r.Endpoint, r.UsageSource, r.Tokens = "count_tokens", "/v1/models/*:countTokens", usage.SourceNone, usage.Tokens{}
			r.ResponseModel, r.FinishReason, r.ResponseID, r.Messages = "", "", "", 0
		})},
	},
}
