package usage

import (
	"bytes"
	"os"
	"reflect"
	"testing"
)

// frozenBoot is the process that wrote testdata/v1.jsonl.
const frozenBoot = 0xf3a1c05d9e7b2468

// sampled is what testdata/v1.jsonl says. Files of version 1 are on other
// people's disks: lines may be added to the sample, none may be changed.
func sampled() []Record {
	const start = 1795442400000 // 2026-11-23T14:00:00Z
	counters := Record{Boot: frozenBoot, Seq: 1, LastSeq: 7, Refused: 5, Dropped: 12, WriteErrors: 2, Skipped: 3, LostLines: 1}
	beat, stop := counters, counters
	beat.Kind, beat.TS = KindBeat, start+10_000
	stop.Kind, stop.TS = KindStop, start+11_000
	return []Record{
		{Kind: KindStart, Boot: frozenBoot, Seq: 1, TS: start, BurnVersion: "1.0.0", File: 1},
		{
			Boot: frozenBoot, Seq: 1, TS: start + 1123, LatencyMS: 812.345, TTFTMS: 90.5,
			Upstream: "openai", Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: "POST",
			Status: 200, End: EndComplete, Stream: true, RequestModel: "gpt-5-mini", ResponseModel: "gpt-5-mini-2025-08-07",
			ServiceTier: "default", FinishReason: "tool_calls", ResponseID: "chatcmpl-1", RequestID: "req_1", Org: "acme-1", Project: "proj_1", Retry: 1,
			Agent: "ticket-router", AgentSource: "x-agent-id", User: `u-1 "β"`, Session: "s-1",
			TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", ParentID: "00f067aa0ba902b8", Step: "/plan/look up",
			Tags: []Tag{{"env", "prod"}, {"team", "a,b"}}, KeyID: "89abcdef01234567", Client: "10.0.0.7", UserAgent: "OpenAI/JS",
			UsageSource: SourceReported, Tokens: Tokens{Input: 1124, CacheRead: 1024, Output: 85, Reasoning: 64},
			RawUsage:     []byte(`{"prompt_tokens":1124,"completion_tokens":85,"prompt_tokens_details":{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":64}}`),
			RequestBytes: 5321, ResponseBytes: 1822, Events: 7, Messages: 2, Tools: 1, MaxTokens: 512, ToolCalls: 2,
			SystemBytes: 47, ToolsBytes: 120, InputBytes: 33,
			FPSystem: 1, FPTools: 1 << 63, FPInput: 1<<64 - 1, FPRequest: 0x0123456789abcdef,
			FPTurns: []uint64{5, 6}, FPPrefix: []uint64{9}, FPParts: []uint64{11, 12},
		},
		{
			Boot: frozenBoot, Seq: 2, TS: start + 2000, LatencyMS: 2043, TTFTMS: 310.007,
			Upstream: "anthropic", Provider: "anthropic", Operation: "messages", Endpoint: "/v1/messages", Method: "POST",
			Status: 200, End: EndComplete, RequestModel: "claude-sonnet-4-5", ResponseModel: "claude-sonnet-4-5-20250929",
			ServiceTier: "standard", Geo: "us", FinishReason: "end_turn", ResponseID: "msg_1", RequestID: "req_2", Org: "org-acme",
			Agent: "doc-classifier", AgentSource: "x-litellm-tags", KeyID: "89abcdef01234568", Client: "10.0.0.8", UserAgent: "Anthropic/Python",
			UsageSource:  SourceReported,
			Tokens:       Tokens{Input: 32021, CacheRead: 30000, CacheWrite: 2000, CacheWrite1h: 1500, Output: 9, WebSearches: 1},
			RawUsage:     []byte(`{"input_tokens":21,"cache_creation_input_tokens":2000,"cache_read_input_tokens":30000,"cache_creation":{"ephemeral_5m_input_tokens":500,"ephemeral_1h_input_tokens":1500},"output_tokens":9,"service_tier":"standard"}`),
			SubUsage:     []SubUsage{{Model: "claude-opus-4-5", Tokens: Tokens{Input: 700, CacheRead: 600, Output: 80}}},
			RequestBytes: 130211, ResponseBytes: 904, Messages: 11, MaxTokens: 256,
			SystemBytes: 4000, HistoryBytes: 120000, RecentBytes: 52000, InputBytes: 900,
		},
		{
			Boot: frozenBoot, Seq: 3, TS: start + 3500, LatencyMS: 640.25, TTFTMS: 640.25,
			Upstream: "gemini", Provider: "gcp.gemini", Operation: "generate_content", Endpoint: "/v1beta/models/*:generateContent", Method: "POST",
			Status: 200, End: EndComplete, RequestModel: "gemini-2.5-flash", ResponseModel: "gemini-2.5-flash", FinishReason: "STOP", ResponseID: "abc",
			Agent: Unknown, UsageSource: SourceDerived,
			Tokens:       Tokens{Input: 1500, Output: 47, Reasoning: 40, AudioInput: 32, ImageInput: 258, ImageOutput: 1290},
			RequestBytes: 700, ResponseBytes: 500, Messages: 1, Flags: []string{"inconsistent"},
		},
		{
			Boot: frozenBoot, Seq: 4, TS: start + 4000, LatencyMS: 12.5, TTFTMS: 12,
			Upstream: "openai", Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: "POST",
			Status: 429, ErrorType: "rate_limit_exceeded", End: EndComplete, RequestModel: "gpt-5-mini",
			Agent: "ticket-router", AgentSource: "x-agent-id", UsageSource: SourceNone, RequestBytes: 5321, ResponseBytes: 140,
		},
		{
			Boot: frozenBoot, Seq: 5, TS: start + 5000, LatencyMS: 30000,
			Upstream: "openrouter", Provider: "openrouter", Operation: "chat", Endpoint: "/api/v1/chat/completions", Method: "POST",
			End: EndTimeout, RequestModel: "meta-llama/llama-3.3-70b-instruct", Agent: "prototype-bot", AgentSource: "rule", UsageSource: SourceMissing,
		},
		{
			Kind: KindOpen, Boot: frozenBoot, Seq: 6, TS: start + 6000,
			Upstream: "openrouter", Provider: "openrouter", Operation: "chat", Endpoint: "/api/v1/chat/completions", Method: "POST",
			RequestModel: "meta-llama/llama-3.3-70b-instruct", Agent: "prototype-bot",
		},
		{
			Boot: frozenBoot, Seq: 6, TS: start + 6000, LatencyMS: 4100, TTFTMS: 220.1,
			Upstream: "openrouter", Provider: "openrouter", Operation: "chat", Endpoint: "/api/v1/chat/completions", Method: "POST",
			Status: 200, End: EndClientAbort, Stream: true, RequestModel: "meta-llama/llama-3.3-70b-instruct",
			ResponseModel: "meta-llama/llama-3.3-70b-instruct", Speed: "fast", Agent: "prototype-bot", UsageSource: SourcePartial,
			Tokens:  Tokens{Input: 20, Output: 1, Citation: 1, AudioCacheRead: 2, AudioOutput: 3, Requests: 1, Seconds: "0.333333"},
			CostUSD: "0.000012345678", ResponseBytes: 4096, Events: 12, OutputBytes: 311,
		},
		{
			Boot: frozenBoot, Seq: 7, TS: start + 6000,
			Upstream: "openai", Provider: "openai", Operation: "realtime", Endpoint: "/v1/realtime", Method: "GET",
			Status: 101, End: EndComplete, ResponseModel: "gpt-realtime", PrevResponseID: "resp_0", Part: 1,
			Agent: Unknown, UsageSource: SourceReported, Tokens: Tokens{Input: 10, Output: 5}, Cut: []string{"raw_usage", "tags"},
		},
		{
			Kind: KindGap, Boot: frozenBoot, Seq: 1, TS: start, Provider: "openai", Endpoint: "/v1/chat/completions",
			RequestModel: "gpt-5-mini", Agent: "ticket-router", UsageSource: SourceReported, Tokens: Tokens{Input: 4800, Output: 960}, Calls: 12,
		},
		beat,
		stop,
	}
}

// TestFrozenSample reads what burn 1 wrote, and writes it the same way.
func TestFrozenSample(t *testing.T) {
	b, err := os.ReadFile("testdata/v1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	want := sampled()
	seen := map[string]bool{}
	var d Decoder
	for line := range bytes.Lines(b) {
		if len(want) == 0 {
			t.Fatalf("more lines than records: %s", line)
		}
		var r Record
		if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if again := r.AppendJSON(nil); !bytes.Equal(again, line) {
			t.Errorf("written again it differs:\n%s%s", line, again)
		}
		if !reflect.DeepEqual(r, want[0]) {
			t.Errorf("decoded it differs:\ngot  %+v\nwant %+v", r, want[0])
		}
		seen[r.Kind] = true
		want = want[1:]
	}
	if len(want) > 0 {
		t.Errorf("%d records without a line", len(want))
	}
	for _, kind := range []string{KindCall, KindStart, KindOpen, KindBeat, KindStop, KindGap} {
		if !seen[kind] {
			t.Errorf("no line of kind %q", kind)
		}
	}
}
