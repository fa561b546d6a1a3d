package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	azure, err := ParseUpstream("azure=https://r.openai.azure.com")
	if err != nil {
		t.Fatal(err)
	}
	bedrock, err := ParseUpstream("bedrock=https://bedrock-runtime.us-east-1.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	table, err := newRoutes([]Upstream{azure, bedrock})
	if err != nil {
		t.Fatal(err)
	}
	version := http.Header{"Anthropic-Version": {"2023-06-01"}}
	for _, x := range []struct {
		path   string
		header http.Header
		name   string // "": 404
		rest   string
	}{
		{"/openai/deployments/d/chat/completions", nil, "azure", "/openai/deployments/d/chat/completions"},
		{"/openai/v1/chat/completions", nil, "openai", "/v1/chat/completions"},
		{"/openai", nil, "openai", ""},
		{"/openai/", nil, "openai", "/"},
		{"/openaix/v1", nil, "", ""},
		{"/OpenAI/v1", nil, "", ""},
		{"/%6fpenai/v1", nil, "", ""},
		{"/groq/openai/v1/models", nil, "groq", "/openai/v1/models"},
		{"/groq/v1/messages", version, "groq", "/v1/messages"},
		{"/v1/complete", nil, "anthropic", "/v1/complete"},
		{"/v1/completes", nil, "openai", "/v1/completes"},
		{"/v1/messages", nil, "anthropic", "/v1/messages"},
		{"/v1/messages/batches/1", nil, "anthropic", "/v1/messages/batches/1"},
		{"/v1/messagesx", nil, "openai", "/v1/messagesx"},
		{"/v1/models", version, "anthropic", "/v1/models"},
		{"/v1/models", nil, "openai", "/v1/models"},
		{"/v1/models/gemini-2.5-pro:generateContent", nil, "gemini", "/v1/models/gemini-2.5-pro:generateContent"},
		{"/v1/models/ft:gpt-4o:org::id", nil, "openai", "/v1/models/ft:gpt-4o:org::id"},
		{"/v1beta/models/g:streamGenerateContent", nil, "gemini", "/v1beta/models/g:streamGenerateContent"},
		{"/model/anthropic.claude%3A0/converse-stream", nil, "bedrock", "/model/anthropic.claude%3A0/converse-stream"},
		{"/model/x/invoke", nil, "bedrock", "/model/x/invoke"},
		{"/model/x/other", nil, "", ""},
		{"/api/chat", nil, "ollama", "/api/chat"},
		{"/api/embeddings", nil, "ollama", "/api/embeddings"},
		{"/api/tags", nil, "", ""},
		{"/v1/chat/completions", nil, "openai", "/v1/chat/completions"},
		{"/v1", nil, "", ""},
		{"/", nil, "", ""},
		{"//evil/x", nil, "", ""},
		{"/burn/x", nil, "", ""},
	} {
		u, rest := table.find(x.path, x.header)
		name := ""
		if u != nil {
			name = u.Provider.Name
		}
		if name != x.name || u != nil && rest != x.rest {
			t.Errorf("%s: got %q %q, want %q %q", x.path, name, rest, x.name, x.rest)
		}
	}
}

func TestParseUpstream(t *testing.T) {
	for _, x := range []struct{ in, want string }{ // want: host and prefix and dialect, or part of the error
		{"openai=https://gw.example/llm/", "gw.example /llm openai"},
		{"work=https://gw.example:8443", "gw.example:8443  openai"},
		{"work=https://gw.example,kind=anthropic", "gw.example  anthropic"},
		{"local=http://127.0.0.1:8000/v1", "127.0.0.1:8000 /v1 openai"},
		{"local=http://[::1]:8000", "[::1]:8000  openai"},
		{"local=http://localhost", "localhost  openai"},
		{"anthropic=https://x.example", "x.example  anthropic"},
		{"openai", "error want NAME=URL"},
		{"=https://x.example", "error without a name"},
		{"v1=https://x.example", "error reserved"},
		{"burn=https://x.example", "error reserved"},
		{"a/b=https://x.example", "error made of letters"},
		{"..=https://x.example", "error made of letters"},
		{"a=http://x.example", "error loopback only"},
		{"a=http://127.0.0.1.evil.example", "error loopback only"},
		{"a=ftp://x.example", "error https://"},
		{"a=https://", "error no host"},
		{"a=https://u:p@x.example", "error user name"},
		{"a=https://x.example?k=v", "error query"},
		{"a=https://x.example#f", "error fragment"},
		{"a=https://x.example/a/../b", "error dot segment"},
		{"a=https://x.example,kind=nope", "error unknown kind"},
		{"a=::", "error "},
	} {
		u, err := ParseUpstream(x.in)
		if want, isError := strings.CutPrefix(x.want, "error "); isError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want an error with %q", x.in, err, want)
			}
			continue
		}
		if got := u.Host + " " + u.Prefix + " " + string(u.Provider.Dialect); err != nil || got != x.want {
			t.Errorf("%s: got %q, %v, want %q", x.in, got, err, x.want)
		}
	}
}

func TestDotSegments(t *testing.T) {
	for path, want := range map[string]bool{
		"/a/../b": true, "/a/..": true, "/./a": true, "/a/%2e%2e/b": true, "/a/.%2E/b": true, "/a/%2e": true,
		"/a/..%2fb": true, `/a/..\b`: true, "/a/..%5cb": true, "/a%2f..%2fb": true,
		"/a/...": false, "/a/..b": false, "/a.b/c..": false, "/a/%2": false, "/a/%zz..": false, "/": false, "": false, "/a/.well-known": false,
	} {
		if got := hasDotSegment(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

// Whatever the target, a request goes to a configured host or nowhere, and what
// is forwarded is the end of what came.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{"/openai/v1/x?q", "//evil.example/v1", "http://169.254.169.254/v1/x", "/v1/../x", "/openai//evil", "*", "/openai/deployments/a", "/v1/models/a:b"} {
		f.Add(s, "")
	}
	table, err := newRoutes(nil)
	if err != nil {
		f.Fatal(err)
	}
	hosts := make(map[string]bool)
	for _, u := range table.byName {
		hosts[u.Host] = true
	}
	f.Fuzz(func(t *testing.T, target, version string) {
		path, query, ok := splitTarget(target)
		if !ok {
			return
		}
		if !strings.HasSuffix(target, path+query) && path != "/" && !strings.HasSuffix(target, query) {
			t.Fatalf("%q is not the end of %q", path+query, target)
		}
		u, rest := table.find(path, http.Header{"Anthropic-Version": {version}})
		if u == nil {
			return
		}
		if !hosts[u.Host] || !strings.HasSuffix(path, rest) {
			t.Fatalf("%q goes to %q as %q", target, u.Host, rest)
		}
		o := &outgoing{up: u, method: "GET", target: u.Prefix + rest + query, header: http.Header{}}
		if r := (&via{o: o}).request(t.Context()); r.URL.Host != u.Host || r.Host != u.Host {
			t.Fatalf("%q makes a request to %q", target, r.URL.Host)
		}
	})
}
