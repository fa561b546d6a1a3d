package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"burn/proxy/usage"
)

// header makes a header of name, value pairs.
func header(pairs ...string) http.Header {
	h := make(http.Header)
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func attributed(h http.Header, b body, users Users) *usage.Record {
	var s sources
	s.collect(h)
	rec := new(usage.Record)
	s.attribute(rec, b, normalTags(DefaultTags), func(u string) string { return "hashed" }, users)
	return rec
}

func TestAttribution(t *testing.T) {
	for _, x := range []struct {
		name   string
		header http.Header
		body   body
		want   string // agent|source|user|session|trace|span|step|tags
	}{
		{"nothing", nil, body{}, "|||||||[]"},
		{"own headers", header("X-Agent-ID", "a", "X-User-ID", "u", "X-Session-ID", "s", "X-Trace-ID", "t", "X-Burn-Step", "p"), body{}, "a|x-agent-id|u|s|t||p|[]"},
		{"own before others", header("Helicone-Property-Agent", "b", "X-Agent-ID", "a"), body{agent: "c"}, "a|x-agent-id||||||[]"},
		{"helicone", header("Helicone-Property-Agent", "a", "Helicone-User-Id", "u", "Helicone-Session-Id", "s", "Helicone-Session-Path", "/x/y", "Helicone-Property-Env", "prod"), body{}, "a|helicone-property-agent|u|s|||/x/y|[{env prod}]"},
		{"helicone app", header("Helicone-Property-App", "a"), body{}, "a|helicone-property-app||||||[]"},
		{"bifrost", header("X-Bf-Dim-Agent", "a", "X-Bf-Dim-User", "u", "X-Bf-Session-Id", "s", "X-Bf-Dim-Team", "t"), body{}, "a|x-bf-dim-agent|u|s||||[{team t}]"},
		{"ai-cost", header("Ai-Cost-Agent", "a", "Ai-Cost-User", "u", "Ai-Cost-Feature", "f"), body{}, "a|ai-cost-agent|u|||||[{feature f}]"},
		{"portkey", header("X-Portkey-Metadata", `{"app":"a","_user":"u","session_id":"s","env":"e","n":{"x":1}}`, "X-Portkey-Trace-Id", "t"), body{}, "a|x-portkey-metadata|u|s|t|||[{env e}]"},
		{"portkey's order", header("X-Portkey-Metadata", `{"feature":"f","agent":"a"}`), body{}, "a|x-portkey-metadata||||||[{feature f}]"},
		{"portkey that is not JSON", header("X-Portkey-Metadata", `{"app":`, "X-Title", "t"), body{}, "t|x-title||||||[]"},
		{"cloudflare", header("Cf-Aig-Metadata", `{"feature":"a","user":42,"team":true}`), body{}, "a|cf-aig-metadata|42|||||[{feature a} {team true}]"},
		{"litellm", header("X-Litellm-Tags", "x, agent:a ,env:e", "X-Litellm-Customer-Id", "u", "X-Litellm-Session-Id", "s", "X-Litellm-Trace-Id", "t"), body{}, "a|x-litellm-tags|u|s|t|||[{env e}]"},
		{"litellm spend", header("X-Litellm-Spend-Logs-Metadata", `{"agent":"a"}`, "X-Litellm-End-User-Id", "u"), body{}, "a|x-litellm-spend-logs-metadata|u|||||[]"},
		{"claude code", header("X-Claude-Code-Agent-Id", "a", "X-Claude-Code-Session-Id", "s"), body{}, "a|x-claude-code-agent-id||s||||[]"},
		{"baggage", header("Baggage", "x=y, agent=b;p=1,gen_ai.agent.id=a%20b , user.id=u,session.id=s"), body{}, "a b|baggage|u|s||||[]"},
		{"body", nil, body{agent: "a", agentSource: "metadata.agent", user: "u", session: "s", tags: []usage.Tag{{Key: "Env", Value: "e"}, {Key: "secret", Value: "x"}}}, "a|metadata.agent|u|s||||[{env e}]"},
		{"body before title", header("X-Title", "t"), body{agent: "a", agentSource: "metadata.agent"}, "a|metadata.agent||||||[]"},
		{"session-id", header("Session-Id", "s"), body{session: "b"}, "|||s||||[]"},
		{"traceparent", header("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Trace-Id", "t"), body{}, "||||0af7651916cd43dd8448eb211c80319c|b7ad6b7169203331||[]"},
		{"traceparent of zeros", header("Traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "X-Datadog-Trace-Id", "7"), body{}, "||||7|||[]"},
		{"amazon", header("X-Amzn-Trace-Id", "Self=1;Root=1-67891233-abcdef012345678912345678;Sampled=1"), body{}, "||||1-67891233-abcdef012345678912345678|||[]"},
		{"empty is absent", header("X-Agent-ID", "", "X-Title", "t"), body{}, "t|x-title||||||[]"},
		{"only controls is absent", header("X-Agent-ID", "\u200b\u202e", "X-Title", "t"), body{}, "t|x-title||||||[]"},
		{"forgery", header("X-Agent-ID", `a","cost_usd":"0`), body{}, `a","cost_usd":"0|x-agent-id||||||[]`},
		{"tags sorted and allowed", header("Helicone-Property-Team", "t", "Helicone-Property-Customer", "c", "Helicone-Property-Password", "p"), body{}, "|||||||[{customer c} {team t}]"},
		{"spoofed", header("X-Burn-Agent", "a", "X-Burn-Cost", "0", "Boot", "1"), body{}, "|||||||[]"},
	} {
		r := attributed(x.header, x.body, UsersPlain)
		got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%v", r.Agent, r.AgentSource, r.User, r.Session, r.TraceID, r.SpanID, r.Step, r.Tags)
		if got != x.want {
			t.Errorf("%s:\n got %s\nwant %s", x.name, got, x.want)
		}
	}
}

// TestSpans: which span a call was made in, and which one that is part of.
func TestSpans(t *testing.T) {
	const w3c = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, x := range []struct {
		name   string
		header http.Header
		want   string // trace|span|parent
	}{
		{"w3c says the caller's span alone", header("Traceparent", w3c), "0af7651916cd43dd8448eb211c80319c|b7ad6b7169203331|"},
		{"portkey", header("X-Portkey-Trace-Id", "t", "X-Portkey-Span-Id", "answer", "X-Portkey-Parent-Span-Id", "plan"), "t|answer|plan"},
		{"portkey's root", header("X-Portkey-Trace-Id", "t", "X-Portkey-Span-Id", "plan"), "t|plan|"},
		{"portkey beside w3c", header("Traceparent", w3c, "X-Portkey-Span-Id", "answer", "X-Portkey-Parent-Span-Id", "plan"), "0af7651916cd43dd8448eb211c80319c|answer|plan"},
		{"datadog, as w3c would write it", header("X-Datadog-Trace-Id", "7", "X-Datadog-Parent-Id", "13235353014750950193"), "7|b7ad6b7169203331|"},
		{"datadog beside w3c", header("Traceparent", w3c, "X-Datadog-Trace-Id", "7", "X-Datadog-Parent-Id", "8"), "0af7651916cd43dd8448eb211c80319c|b7ad6b7169203331|"},
		{"datadog without a span", header("X-Datadog-Trace-Id", "7", "X-Datadog-Parent-Id", "0"), "7||"},
		{"datadog in no decimal", header("X-Datadog-Trace-Id", "7", "X-Datadog-Parent-Id", "b7"), "7||"},
		{"amazon", header("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678; Parent=53995c3f42cd8ad8;Sampled=1"), "1-67891233-abcdef012345678912345678|53995c3f42cd8ad8|"},
		{"amazon's load balancer", header("X-Amzn-Trace-Id", "Self=1-67891233-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678"), "1-67891233-abcdef012345678912345678||"},
		{"b3", header("B3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90"), "80f198ee56343ba864fe8b2a57d3eff7|e457b5a2e4d86bd1|05e3ac9a4f6e3b90"},
		{"b3 of a root", header("B3", "80f198ee56343ba8-e457b5a2e4d86bd1"), "80f198ee56343ba8|e457b5a2e4d86bd1|"},
		{"b3 decides and names nothing", header("B3", "0"), "||"},
		{"b3 of zeros", header("B3", "0000000000000000-e457b5a2e4d86bd1-1"), "||"},
		{"b3 with more than it has", header("B3", "80f198ee56343ba8-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90-1"), "||"},
		{"b3 in several headers", header("X-B3-TraceId", "80f198ee56343ba8", "X-B3-SpanId", "e457b5a2e4d86bd1", "X-B3-ParentSpanId", "05e3ac9a4f6e3b90", "X-B3-Sampled", "1"), "80f198ee56343ba8|e457b5a2e4d86bd1|05e3ac9a4f6e3b90"},
	} {
		r := attributed(x.header, body{}, UsersPlain)
		if got := r.TraceID + "|" + r.SpanID + "|" + r.ParentID; got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
}

func TestHeaderGivenTwice(t *testing.T) {
	r := attributed(header("X-Agent-ID", "first", "X-Agent-ID", "second"), body{}, UsersPlain)
	if r.Agent != "first" || fmt.Sprint(r.Flags) != "[label_repeated]" {
		t.Errorf("agent %q, flags %v", r.Agent, r.Flags)
	}
}

func TestUsers(t *testing.T) {
	for users, want := range map[Users]string{UsersPlain: "me@x.example", UsersHash: "hashed", UsersOff: ""} {
		if r := attributed(header("X-User-ID", "me@x.example"), body{}, users); r.User != want {
			t.Errorf("%s: user %q, want %q", users, r.User, want)
		}
	}
}

func TestRules(t *testing.T) {
	rules, err := newRules([]AgentRule{
		{Agent: "by-key", KeyID: "0123456789abcdef"},
		{Agent: "by-net", Client: "10.0.0.0/8"},
		{Agent: "by-both", Client: "192.168.1.7", UserAgent: "curl/*"},
		{Agent: "by-agent", UserAgent: "OpenAI/Python"},
		{Agent: "by-path", Path: "/openai/*/embeddings"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ key, client, agent, path, want string }{
		{"0123456789abcdef", "10.1.1.1", "", "", "by-key"},
		{"", "10.1.1.1", "", "", "by-net"},
		{"", "::ffff:10.1.1.1", "", "", "by-net"},
		{"", "192.168.1.7", "curl/8.1", "", "by-both"},
		{"", "192.168.1.8", "curl/8.1", "", ""},
		{"", "", "openai/python", "", "by-agent"},
		{"", "", "", "/openai/v1/embeddings", "by-path"},
		{"", "", "", "/openai/v1/embeddings/x", ""},
	} {
		if got := matchRule(rules, x.key, x.client, x.agent, x.path); got != x.want {
			t.Errorf("%+v: got %q", x, got)
		}
	}
	for _, bad := range []AgentRule{{Agent: "a"}, {KeyID: "k"}, {Agent: "a", Client: "x"}} {
		if _, err := newRules([]AgentRule{bad}); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// Labels are valid UTF-8 without controls, at most 128 bytes, and cleaning them
// again changes nothing.
func FuzzLabels(f *testing.F) {
	f.Add("agent", `{"agent":"a"}`, "agent=a", "agent:a", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("a\x00\u202e\u200b\xff", `{"app":"\ud800"}`, "agent=%00%ff", "agent:\u0085", "")
	f.Add(strings.Repeat("é", 200), `[]`, "=,;", ":", "00-")
	f.Fuzz(func(t *testing.T, label, object, bag, list, trace string) {
		h := http.Header{
			"X-Agent-Id": {label}, "X-User-Id": {label}, "X-Session-Id": {label}, "X-Portkey-Metadata": {object}, "Cf-Aig-Metadata": {object},
			"Baggage": {bag}, "X-Litellm-Tags": {list}, "Traceparent": {trace}, "B3": {trace}, "X-Trace-Id": {label}, "X-Portkey-Span-Id": {label}, "X-Portkey-Parent-Span-Id": {label}, "X-Datadog-Parent-Id": {label}, "Helicone-Property-Env": {label},
		}
		for range 2 {
			r := attributed(h, body{agent: label, agentSource: "metadata.agent"}, UsersPlain)
			values := []string{r.Agent, r.User, r.Session, r.TraceID, r.SpanID, r.ParentID, r.Step}
			for _, tag := range r.Tags {
				values = append(values, tag.Value)
			}
			for _, v := range values {
				if again, _ := usage.Label(v, usage.MaxLabel); again != v {
					t.Fatalf("%q becomes %q when cleaned again", v, again)
				}
				if !utf8.ValidString(v) || len(v) > usage.MaxLabel || strings.ContainsFunc(v, unicode.IsControl) {
					t.Fatalf("label %q", v)
				}
			}
			delete(h, "X-Agent-Id") // let the next source speak
			delete(h, "Traceparent")
		}
	})
}
