package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"burn/proxy/usage"
)

const chatBody = `{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a careful and patient assistant."},{"role":"user","content":"Classify this ticket: the printer on floor three is on fire again."}],"max_tokens":64,"user":"body-user"}`

const chatAnswer = `{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","service_tier":"default","choices":[{"index":0,"message":{"role":"assistant","content":"hardware"},"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":7,"total_tokens":127,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":0}}}`

func TestForwardsAndRecords(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) != chatBody {
			t.Errorf("upstream got %q", b)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "req_42")
		w.Header().Set("OpenAI-Organization", "acme")
		io.WriteString(w, chatAnswer)
	})
	p := startProxy(t, nil, "openai="+up.URL)
	res, body := post(t, p.url("/openai/v1/chat/completions"), chatBody,
		"Authorization", "Bearer sk-secret", "X-Agent-ID", "triage", "User-Agent", "OpenAI/Python 1.2",
		"X-Stainless-Retry-Count", "2", "OpenAI-Project", "proj_1")
	if res.StatusCode != 200 || body != chatAnswer {
		t.Fatalf("client got %d %q", res.StatusCode, body)
	}
	got := only(t, p.finish())
	want := usage.Record{
		Boot: got.Boot, Seq: 1, TS: got.TS, LatencyMS: got.LatencyMS, TTFTMS: got.TTFTMS,
		Upstream: "openai", Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: "POST",
		Status: 200, End: usage.EndComplete, RequestModel: "gpt-4o-mini", ResponseModel: "gpt-4o-mini-2024-07-18",
		FinishReason: "stop", ResponseID: "chatcmpl-1", RequestID: "req_42", Org: "acme", Project: "proj_1", Retry: 2,
		Agent: "triage", AgentSource: "x-agent-id", User: "body-user", KeyID: got.KeyID, Client: "127.0.0.1", UserAgent: "OpenAI/Python",
		UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: 120, CacheRead: 64, Output: 7},
	}
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"upstream", got.Upstream, want.Upstream}, {"provider", got.Provider, want.Provider},
		{"operation", got.Operation, want.Operation}, {"endpoint", got.Endpoint, want.Endpoint},
		{"method", got.Method, want.Method}, {"status", got.Status, want.Status}, {"end", got.End, want.End},
		{"request_model", got.RequestModel, want.RequestModel}, {"response_model", got.ResponseModel, want.ResponseModel},
		{"finish_reason", got.FinishReason, want.FinishReason}, {"response_id", got.ResponseID, want.ResponseID},
		{"request_id", got.RequestID, want.RequestID}, {"org", got.Org, want.Org}, {"project", got.Project, want.Project},
		{"retry", got.Retry, want.Retry}, {"agent", got.Agent, want.Agent}, {"agent_source", got.AgentSource, want.AgentSource},
		{"user", got.User, want.User}, {"client", got.Client, want.Client}, {"user_agent", got.UserAgent, want.UserAgent},
		{"usage_source", got.UsageSource, want.UsageSource}, {"tokens", got.Tokens, want.Tokens}, {"seq", got.Seq, want.Seq},
		{"messages", got.Messages, int64(2)}, {"max_tokens", got.MaxTokens, int64(64)},
		{"request_bytes", got.RequestBytes, int64(len(chatBody))}, {"response_bytes", got.ResponseBytes, int64(len(chatAnswer))},
	} {
		if f.got != f.want {
			t.Errorf("%s: got %v, want %v", f.name, f.got, f.want)
		}
	}
	if len(got.KeyID) != 16 || got.FPRequest == 0 || got.FPSystem == 0 {
		t.Errorf("key_id %q, fp_request %x, fp_system %x", got.KeyID, got.FPRequest, got.FPSystem)
	}
	if got.LatencyMS <= 0 || got.TTFTMS <= 0 || got.TTFTMS > got.LatencyMS {
		t.Errorf("ttft %v ms, latency %v ms", got.TTFTMS, got.LatencyMS)
	}
	if !strings.Contains(p.stderr.String(), "msg=ready") {
		t.Errorf("no ready line in %q", p.stderr)
	}
}
