package provider

import (
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		provider, method, path string
		op, endpoint           string
		dialect                Dialect
		model                  string
		billable, stream       bool
	}{
		{"openai", "POST", "/v1/chat/completions", OpChat, "/v1/chat/completions", OpenAI, "", true, false},
		{"openai", "POST", "/v1/chat/completions/", OpChat, "/v1/chat/completions", OpenAI, "", true, false},
		{"openai", "GET", "/v1/chat/completions/chatcmpl-1", OpRetrieve, "/v1/chat/completions/*", OpenAI, "", true, false},
		{"openai", "POST", "/v1/completions", OpTextCompletion, "/v1/completions", OpenAI, "", true, false},
		{"openai", "POST", "/v1/responses", OpResponses, "/v1/responses", Responses, "", true, false},
		{"openai", "GET", "/v1/responses/resp_12", OpRetrieve, "/v1/responses/*", Responses, "", true, false},
		{"openai", "POST", "/v1/responses/resp_12/cancel", OpRetrieve, "/v1/responses/*/cancel", Responses, "", true, false},
		{"openai", "DELETE", "/v1/responses/resp_12", OpOther, "/v1/responses/*", OpenAI, "", false, false},
		{"openai", "POST", "/v1/responses/input_tokens", OpCountTokens, "/v1/responses/input_tokens", Responses, "", false, false},
		{"openai", "POST", "/v1/embeddings", OpEmbeddings, "/v1/embeddings", OpenAI, "", true, false},
		{"openai", "POST", "/v1/images/edits", OpImages, "/v1/images/edits", OpenAI, "", true, false},
		{"openai", "POST", "/v1/audio/transcriptions", OpTranscription, "/v1/audio/transcriptions", OpenAI, "", true, false},
		{"openai", "POST", "/v1/audio/speech", OpSpeech, "/v1/audio/speech", OpenAI, "", true, false},
		{"openai", "POST", "/v1/moderations", OpModeration, "/v1/moderations", OpenAI, "", false, false},
		{"openai", "GET", "/v1/models", OpModels, "/v1/models", OpenAI, "", false, false},
		{"openai", "GET", "/v1/models/ft:gpt-4o:acme::1", OpModels, "/v1/models/*", OpenAI, "", false, false},
		{"openai", "POST", "/v1/files", OpFiles, "/v1/files", OpenAI, "", false, false},
		{"openai", "GET", "/v1/files/file-1/content", OpBatchResult, "/v1/files/*/content", OpenAI, "", true, false},
		{"openai", "POST", "/v1/batches", OpBatches, "/v1/batches", OpenAI, "", false, false},
		{"openai", "GET", "/v1/batches/b_1", OpBatches, "/v1/batches/*", OpenAI, "", false, false},
		{"openai", "GET", "/v1/realtime", OpRealtime, "/v1/realtime", OpenAI, "", true, false},
		{"azure", "GET", "/openai/realtime", OpRealtime, "/openai/realtime", OpenAI, "", true, false},
		{"openai", "GET", "/v1/responses", OpResponses, "/v1/responses", Responses, "", true, false},
		{"gemini", "GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", OpRealtime, "/ws/*.BidiGenerateContent", Gemini, "", true, false},
		{"vertex", "GET", "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", OpRealtime, "/ws/*.BidiGenerateContent", Gemini, "", true, false},
		{"gemini", "POST", "/ws/x.BidiGenerateContent", OpOther, "/ws/*.BidiGenerateContent", Gemini, "", true, false},
		{"gemini", "GET", "/download/v1beta/files/abc:download", OpBatchResult, "/download/v1beta/files/*:download", Gemini, "", true, false},
		{"gemini", "POST", "/download/v1beta/files/abc:download", OpOther, "/download/v1beta/files/*:download", Gemini, "", true, false},
		{"gemini", "GET", "/v1beta/batches/abc", OpBatchResult, "/v1beta/batches/*", Gemini, "", true, false},
		{"vertex", "GET", "/v1/batches/abc", OpBatchResult, "/v1/batches/*", Gemini, "", true, false},
		{"openai", "POST", "/v1/threads/t_1/runs/r_1/steps/s_1/more", OpOther, "/*/runs/*/steps/*/*", OpenAI, "", true, false},
		{"openai", "POST", "/v1/batches/b_1/cancel", OpBatches, "/v1/batches/*/cancel", OpenAI, "", false, false},
		{"openai", "POST", "", OpOther, "/", OpenAI, "", true, false},
		{"openai", "POST", "//v1//chat/completions", OpChat, "/*/v1/*/chat/completions", OpenAI, "", true, false},
		{"anthropic", "POST", "/v1/messages", OpMessages, "/v1/messages", Anthropic, "", true, false},
		{"anthropic", "POST", "/v1/messages/count_tokens", OpCountTokens, "/v1/messages/count_tokens", Anthropic, "", false, false},
		{"anthropic", "POST", "/v1/messages/batches", OpBatches, "/v1/messages/batches", Anthropic, "", false, false},
		{"anthropic", "GET", "/v1/messages/batches/b_1/results", OpBatchResult, "/v1/messages/batches/*/results", Anthropic, "", true, false},
		{"anthropic", "POST", "/v1/complete", OpTextCompletion, "/v1/complete", Anthropic, "", true, false},
		{"anthropic", "POST", "/v1/chat/completions", OpChat, "/v1/chat/completions", OpenAI, "", true, false},
		{"azure", "POST", "/openai/deployments/prod%2Fchat/chat/completions", OpChat, "/openai/deployments/*/chat/completions", OpenAI, "", true, false},
		{"azure", "POST", "/openai/v1/responses", OpResponses, "/openai/v1/responses", Responses, "", true, false},
		{"azure", "POST", "/anthropic/v1/messages", OpMessages, "/anthropic/v1/messages", Anthropic, "", true, false},
		{"mistral", "POST", "/v1/ocr", OpOCR, "/v1/ocr", OpenAI, "", true, false},
		{"gemini", "POST", "/v1beta/interactions", OpGenerateContent, "/v1beta/interactions", Gemini, "", true, false},
		{"gemini", "GET", "/v1beta/interactions/v1_a", OpRetrieve, "/v1beta/interactions/*", Gemini, "", true, false},
		{"deepseek", "POST", "/anthropic/v1/messages", OpMessages, "/anthropic/v1/messages", Anthropic, "", true, false},
		{"deepseek", "POST", "/chat/completions", OpChat, "/chat/completions", OpenAI, "", true, false},
		{"openrouter", "POST", "/api/v1/responses", OpResponses, "/api/v1/responses", Responses, "", true, false},
		{"groq", "POST", "/openai/v1/chat/completions", OpChat, "/openai/v1/chat/completions", OpenAI, "", true, false},
		{"mistral", "POST", "/v1/fim/completions", OpTextCompletion, "/v1/fim/completions", OpenAI, "", true, false},
		{"cohere", "POST", "/v2/chat", OpChat, "/v2/chat", Cohere, "", true, false},
		{"cohere", "POST", "/v2/embed", OpEmbeddings, "/v2/embed", Cohere, "", true, false},
		{"cohere", "POST", "/v2/rerank", OpRerank, "/v2/rerank", Cohere, "", true, false},
		{"cohere", "POST", "/compatibility/v1/chat/completions", OpChat, "/compatibility/v1/chat/completions", OpenAI, "", true, false},
		{"ollama", "POST", "/api/chat", OpChat, "/api/chat", Ollama, "", true, false},
		{"ollama", "POST", "/api/embed", OpEmbeddings, "/api/embed", Ollama, "", true, false},
		{"ollama", "POST", "/v1/chat/completions", OpChat, "/v1/chat/completions", OpenAI, "", true, false},
		{"gemini", "POST", "/v1beta/models/gemini-2.5-flash:generateContent", OpGenerateContent, "/v1beta/models/*:generateContent", Gemini, "gemini-2.5-flash", true, false},
		{"gemini", "POST", "/v1beta/models/gemini-2.5-flash:streamGenerateContent", OpGenerateContent, "/v1beta/models/*:streamGenerateContent", Gemini, "gemini-2.5-flash", true, true},
		{"gemini", "POST", "/v1beta/models/gemini-2.5-flash%3AgenerateContent", OpGenerateContent, "/v1beta/models/*:generateContent", Gemini, "gemini-2.5-flash", true, false},
		{"gemini", "POST", "/v1beta/models/gemini-embedding-001:embedContent", OpEmbeddings, "/v1beta/models/*:embedContent", Gemini, "gemini-embedding-001", true, false},
		{"gemini", "POST", "/v1beta/models/g:countTokens", OpCountTokens, "/v1beta/models/*:countTokens", Gemini, "g", false, false},
		{"gemini", "POST", "/v1beta/models/g:secretMethod", OpOther, "/v1beta/models/*", Gemini, "", true, false},
		{"vertex", "POST", "/v1/projects/p/locations/eu/publishers/google/models/imagen-4.0:predict", OpImages, "/v1/publishers/google/models/*:predict", Gemini, "imagen-4.0", true, false},
		{"vertex", "POST", "/v1/projects/p/locations/eu/publishers/google/models/text-embedding-005:predict", OpEmbeddings, "/v1/publishers/google/models/*:predict", Gemini, "text-embedding-005", true, false},
		{"gemini", "POST", "/v1beta/openai/chat/completions", OpChat, "/v1beta/openai/chat/completions", OpenAI, "", true, false},
		{"gemini", "GET", "/v1beta/models", OpModels, "/v1beta/models", Gemini, "", false, false},
		{"vertex", "POST", "/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:generateContent", OpGenerateContent, "/v1/publishers/google/models/*:generateContent", Gemini, "gemini-2.5-pro", true, false},
		{"vertex", "POST", "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict", OpMessages, "/v1/publishers/anthropic/models/*:streamRawPredict", Anthropic, "claude-sonnet-4-5@20250929", true, true},
		{"vertex", "POST", "/v1/projects/p/locations/eu/publishers/anthropic/models/count-tokens:rawPredict", OpCountTokens, "/v1/publishers/anthropic/models/*:rawPredict", Anthropic, "", false, false},
		{"vertex", "POST", "/v1/projects/p/locations/eu/publishers/mistralai/models/mistral-small:rawPredict", OpChat, "/v1/publishers/mistralai/models/*:rawPredict", OpenAI, "mistral-small", true, false},
		{"vertex", "POST", "/v1/projects/p/locations/eu/endpoints/openapi/chat/completions", OpChat, "/v1/endpoints/openapi/chat/completions", OpenAI, "", true, false},
		{"bedrock", "POST", "/model/us.amazon.nova-lite-v1%3A0/converse", OpChat, "/model/*/converse", Bedrock, "us.amazon.nova-lite-v1:0", true, false},
		{"bedrock", "POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx/converse-stream", OpChat, "/model/*/converse-stream", Bedrock, "arn:aws:bedrock:us-east-1:1:application-inference-profile/x", true, true},
		{"bedrock", "POST", "/model/m/invoke-with-response-stream", OpTextCompletion, "/model/*/invoke-with-response-stream", Bedrock, "m", true, true},
	} {
		t.Run(c.provider+" "+c.method+" "+c.path, func(t *testing.T) {
			p, ok := Lookup(c.provider)
			if !ok {
				t.Fatal("no such provider")
			}
			got := Classify(p, c.method, c.path)
			want := Call{p, c.dialect, c.op, c.endpoint, c.model, c.billable, c.stream, got.Deployment}
			if got != want {
				t.Errorf("\ngot  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestDeployment(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/openai/deployments/prod%2Fchat/chat/completions", "prod/chat"},
		{"/gateway/openai/deployments/prod/audio/transcriptions", "prod"},
		{"/openai/v1/chat/completions", ""},
		{"/openai/deployments", ""},
		{"/v1/deployments/prod/chat/completions", ""},
		{"/v1/chat/completions", ""},
	} {
		if got := Classify(named("azure"), "POST", c.path).Deployment; got != c.want {
			t.Errorf("%s: deployment %q, want %q", c.path, got, c.want)
		}
	}
}

func TestResidency(t *testing.T) {
	for host, want := range map[string]string{
		"api.openai.com": "", "us.api.openai.com": "us", "EU.api.openai.com": "eu", "eu.api.openai.com:443": "eu",
		"eu.api.openai.com:8443": "", "eu.example.com": "", "": "",
	} {
		if got := Residency(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// The names of the table are fixed: routes, price rows and records use them.
func TestProviders(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Providers {
		if seen[p.Name] {
			t.Errorf("%s twice", p.Name)
		}
		seen[p.Name] = true
		if p.OTel == "" || dialects[p.Dialect] == nil {
			t.Errorf("%s: incomplete row", p.Name)
		}
		needs := p.Name == "azure" || p.Name == "bedrock"
		if needs != (p.BaseURL == "") || strings.HasSuffix(p.BaseURL, "/") {
			t.Errorf("%s: base URL %q", p.Name, p.BaseURL)
		}
	}
	for _, name := range strings.Fields("openai anthropic gemini vertex mistral cohere groq deepseek xai openrouter together fireworks perplexity cerebras moonshot ollama azure bedrock") {
		if _, ok := Lookup(name); !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if _, ok := Lookup("v1"); ok {
		t.Error("v1 is no provider")
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("vertex", "POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict")
	f.Add("bedrock", "POST", "/model/a%3Ab/converse")
	f.Add("gemini", "GET", "/v1beta/models/:x%")
	f.Add("gemini", "POST", "/v1beta/models/\x80%3a")
	f.Fuzz(func(t *testing.T, name, method, path string) {
		p, _ := Lookup(name)
		c := Classify(p, method, path)
		segs := strings.Split(strings.TrimPrefix(c.Endpoint, "/"), "/")
		if len(segs) > maxSegments || c.Operation == "" || c.Dialect == "" {
			t.Fatalf("%+v", c)
		}
		for _, s := range segs {
			word, verb, _ := strings.Cut(s, ":")
			if s != "" && word != "*" && !words[word] || verb != "" && !verbs[verb] {
				t.Fatalf("endpoint %q shows %q", c.Endpoint, s)
			}
		}
	})
}
