package proxy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// form is a multipart body with a file of audio and a model, in that order.
func form(t *testing.T, model string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", "secret.wav")
	if err != nil {
		t.Fatal(err)
	}
	f.Write(bytes.Repeat([]byte("RIFF\r\n--not a boundary\r\nname=\"model\""), 20000))
	if model != "" {
		w.WriteField("model", model)
	}
	w.WriteField("response_format", "json")
	w.Close()
	return b.String(), w.FormDataContentType()
}

func TestModelAndUsageByKindOfCall(t *testing.T) {
	audio, audioType := form(t, "gpt-4o-mini-transcribe")
	whisper, whisperType := form(t, "whisper-1")
	edit, editType := form(t, "gpt-image-1")
	noModel, noModelType := form(t, "")
	const (
		jsonType  = "application/json"
		chatUsage = `{"id":"c1","model":"gpt-4o-2024-11-20","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}`
		modelless = `{"data":[],"usage":{"prompt_tokens":5,"total_tokens":5}}`
	)
	for _, c := range []struct {
		name, path, contentType, body string
		answerType, answer            string
		request, response, operation  string // models and operation of the record
		tokens                        usage.Tokens
		source                        string
	}{
		{"transcription by tokens", "/v1/audio/transcriptions", audioType, audio, jsonType,
			`{"text":"hello","usage":{"type":"tokens","total_tokens":24,"input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":10}}`,
			"gpt-4o-mini-transcribe", "", "transcription", usage.Tokens{Input: 14, AudioInput: 14, Output: 10}, usage.SourceReported},
		{"transcription by seconds", "/v1/audio/transcriptions", whisperType, whisper, jsonType,
			`{"text":"hello","usage":{"type":"duration","seconds":12.5}}`,
			"whisper-1", "", "transcription", usage.Tokens{Seconds: "12.5"}, usage.SourceReported},
		{"transcription as a stream", "/v1/audio/transcriptions", audioType, audio, "text/event-stream",
			"data: {\"type\":\"transcript.text.delta\",\"delta\":\"hello\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"hello\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"output_tokens\":10,\"total_tokens\":24}}\n\n",
			"gpt-4o-mini-transcribe", "", "transcription", usage.Tokens{Input: 14, Output: 10}, usage.SourceReported},
		{"transcription as text", "/v1/audio/transcriptions", whisperType, whisper, "text/plain", "hello",
			"whisper-1", "", "transcription", usage.Tokens{}, usage.SourceMissing},
		{"image edit", "/v1/images/edits", editType, edit, jsonType,
			`{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"total_tokens":150,"input_tokens":50,"output_tokens":100,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}`,
			"gpt-image-1", "", "images", usage.Tokens{Input: 50, ImageInput: 40, Output: 100, ImageOutput: 100}, usage.SourceReported},
		{"speech", "/v1/audio/speech", jsonType, `{"model":"gpt-4o-mini-tts","input":"hello","voice":"alloy"}`, "audio/mpeg", "\xff\xf3{\"usage\":{\"input_tokens\":1}}",
			"gpt-4o-mini-tts", "", "speech", usage.Tokens{}, usage.SourceMissing},
		{"speech as a stream", "/v1/audio/speech", jsonType, `{"model":"gpt-4o-mini-tts","input":"hello","voice":"alloy","stream_format":"sse"}`, "text/event-stream",
			"data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n",
			"gpt-4o-mini-tts", "", "speech", usage.Tokens{Input: 14, Output: 101}, usage.SourceReported},
		{"deployment, model in the answer", "/azure/openai/deployments/prod%20chat/chat/completions?api-version=1", jsonType, `{"messages":[]}`, jsonType, chatUsage,
			"prod chat", "gpt-4o-2024-11-20", "chat", usage.Tokens{Input: 5, Output: 2}, usage.SourceReported},
		{"deployment, model in the body", "/azure/openai/deployments/prod/embeddings", jsonType, `{"model":"text-embedding-3-large","input":"a"}`, jsonType, modelless,
			"text-embedding-3-large", "", "embeddings", usage.Tokens{Input: 5}, usage.SourceReported},
		{"deployment, no model anywhere", "/openai/deployments/prod/embeddings", jsonType, `{"input":"a"}`, jsonType, modelless,
			"prod", "", "embeddings", usage.Tokens{Input: 5}, usage.SourceReported},
		{"deployment, form", "/openai/deployments/ears/audio/transcriptions", noModelType, noModel, jsonType, `{"text":"hello","usage":{"type":"duration","seconds":3}}`,
			"ears", "", "transcription", usage.Tokens{Seconds: "3"}, usage.SourceReported},
		{"deployment with v1 path", "/azure/openai/v1/chat/completions", jsonType, `{"model":"prod","messages":[]}`, jsonType, chatUsage,
			"prod", "gpt-4o-2024-11-20", "chat", usage.Tokens{Input: 5, Output: 2}, usage.SourceReported},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				if b, _ := io.ReadAll(r.Body); string(b) != c.body {
					t.Errorf("upstream got %d bytes of %d", len(b), len(c.body))
				}
				w.Header().Set("Content-Type", c.answerType)
				io.WriteString(w, c.answer)
			})
			p := startProxy(t, nil, "openai="+up.URL, "azure="+up.URL)
			req, _ := http.NewRequest("POST", p.url(c.path), strings.NewReader(c.body))
			req.Header.Set("Content-Type", c.contentType)
			if _, body := do(t, req); body != c.answer {
				t.Errorf("client got %q", body)
			}
			r := only(t, p.finish())
			if r.RequestModel != c.request || r.ResponseModel != c.response || r.Operation != c.operation || r.Tokens != c.tokens || r.UsageSource != c.source {
				t.Errorf("got  %q %q %s %+v %s\nwant %q %q %s %+v %s", r.RequestModel, r.ResponseModel, r.Operation, r.Tokens, r.UsageSource,
					c.request, c.response, c.operation, c.tokens, c.source)
			}
		})
	}
}

// A background response answers before it has a usage, and shows it to whoever
// asks later, as often as they ask: all records carry its id.
func TestBackgroundResponse(t *testing.T) {
	const answer = `{"id":"resp_bg","object":"response","status":"%s","background":true,"model":"gpt-5","output":[],"usage":%s}`
	polls := []string{
		fmt.Sprintf(answer, "in_progress", "null"),
		fmt.Sprintf(answer, "completed", `{"input_tokens":50,"output_tokens":70,"total_tokens":120}`),
	}
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.RawQuery {
		case "poll=0", "poll=1":
			io.WriteString(w, polls[r.URL.RawQuery[5]-'0'])
		default:
			io.WriteString(w, fmt.Sprintf(answer, "queued", "null"))
		}
	})
	p := startProxy(t, nil, "openai="+up.URL)
	post(t, p.url("/v1/responses"), `{"model":"gpt-5","input":"hello","background":true}`)
	for i := range 3 {
		req, _ := http.NewRequest("GET", p.url(fmt.Sprintf("/v1/responses/resp_bg?poll=%d", min(i, 1))), nil)
		do(t, req)
	}
	records := p.finish()
	want := []struct {
		operation, source, finish string
		input, output             int64
	}{
		{"responses", usage.SourceMissing, "queued", 0, 0},
		{"retrieve", usage.SourceNone, "in_progress", 0, 0},
		{"retrieve", usage.SourceReported, "completed", 50, 70},
		{"retrieve", usage.SourceReported, "completed", 50, 70},
	}
	if len(records) != len(want) {
		t.Fatalf("%d records", len(records))
	}
	for i, r := range records {
		w := want[i]
		if r.ResponseID != "resp_bg" || r.Operation != w.operation || r.UsageSource != w.source || r.FinishReason != w.finish || r.Input != w.input || r.Output != w.output {
			t.Errorf("record %d: %s %s %s %s %d/%d, want %+v", i, r.ResponseID, r.Operation, r.UsageSource, r.FinishReason, r.Input, r.Output, w)
		}
	}
}

// OpenAI's hosts of data residency cost more and their answers do not say so.
func TestRegionComesFromTheHost(t *testing.T) {
	u, err := ParseUpstream("openai=https://eu.api.openai.com")
	if err != nil || u.Geo != "eu" {
		t.Fatalf("geo %q, %v", u.Geo, err)
	}
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, chatAnswer)
	})
	p := startProxy(t, func(cfg *Config) { cfg.Upstreams[0].Geo = u.Geo }, "openai="+up.URL)
	post(t, p.url("/v1/chat/completions"), chatBody)
	if r := only(t, p.finish()); r.Geo != "eu" || r.Input != 120 {
		t.Errorf("geo %q, %d tokens", r.Geo, r.Input)
	}
}

// signature is what AWS's Signature Version 4 computes of a request: the host
// and the path, both as the provider sees them, are part of it.
func signature(method, host, path, query, date, body string) string {
	sum := func(b string) string { h := sha256.Sum256([]byte(b)); return hex.EncodeToString(h[:]) }
	mac := func(key []byte, b string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(b))
		return h.Sum(nil)
	}
	canonical := strings.Join([]string{method, strings.ReplaceAll(path, "%", "%25"), query, "host:" + host, "x-amz-date:" + date, "", "host;x-amz-date", sum(body)}, "\n")
	scope := date[:8] + "/eu-west-1/bedrock/aws4_request"
	key := []byte("AWS4secret")
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+sum(canonical)))
}

// What is signed for the upstream's host verifies there, whatever address the
// client connected to; what is signed for the proxy's own cannot.
func TestSignaturesSurvive(t *testing.T) {
	const (
		path  = "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
		query = "a=1&b=%2F"
		date  = "20261123T120000Z"
		body  = `{"messages":[{"role":"user","content":[{"text":"hello"}]}]}`
		head  = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rawPath, rawQuery, _ := strings.Cut(r.RequestURI, "?")
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != head+signature(r.Method, r.Host, rawPath, rawQuery, r.Header.Get("X-Amz-Date"), string(b)) {
			w.Header().Set("X-Amzn-ErrorType", "InvalidSignatureException:http://internal.amazon.com/")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"message":"The request signature we calculated does not match"}`)
			return
		}
		io.WriteString(w, `{"output":{"message":{"content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":3,"totalTokens":12}}`)
	})
	host := strings.TrimPrefix(up.URL, "http://")
	p := startProxy(t, nil, "bedrock="+up.URL)
	for _, c := range []struct {
		name, target, host, signed string
		status                     int
	}{
		{"connected to the proxy, signed for the provider", path, p.addr, host, 200},
		{"by the upstream's name in the path", "/bedrock" + path, p.addr, host, 200},
		{"through the proxy as an HTTP proxy", "http://" + host + path, host, host, 200},
		{"signed for the proxy", path, p.addr, p.addr, 403},
	} {
		answer := rawExchange(t, p.addr, "POST "+c.target+"?"+query+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\nContent-Type: application/json\r\nX-Amz-Date: "+date+
			"\r\nAuthorization: "+head+signature("POST", c.signed, path, query, date, body)+fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
			t.Errorf("%s: %q", c.name, answer)
		}
	}
	records := p.finish()
	if len(records) != 4 {
		t.Fatalf("%d records", len(records))
	}
	for i, r := range records[:3] {
		if r.Input != 9 || r.Output != 3 || r.Operation != "chat" || r.RequestModel != "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" || r.Endpoint != "/model/*/converse" {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if r := records[3]; r.ErrorType != "InvalidSignatureException" || r.UsageSource != usage.SourceNone {
		t.Errorf("refused: %s %s", r.ErrorType, r.UsageSource)
	}
}

// An SDK that is told to use burn as its HTTP proxy names the provider in Host.
// No other stranger's name is served.
func TestHostsThatAreServed(t *testing.T) {
	p := startProxy(t, nil, "bedrock=https://bedrock-runtime.eu-west-1.amazonaws.com")
	for _, c := range []struct {
		target, host string
		status       int
	}{
		{"/nowhere", "localhost", 404},
		{"/nowhere", "bedrock-runtime.eu-west-1.amazonaws.com", 404},
		{"http://Bedrock-Runtime.eu-west-1.amazonaws.com/nowhere", "bedrock-runtime.eu-west-1.amazonaws.com", 404},
		{"/nowhere", "bedrock-runtime.eu-west-1.amazonaws.com:9090", 403},
		{"/nowhere", "bedrock-runtime.us-east-1.amazonaws.com", 403},
		{"http://evil.example/nowhere", "localhost", 403},
		{"/nowhere", "evil.example", 403},
	} {
		answer := rawExchange(t, p.addr, "GET "+c.target+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
			t.Errorf("%s, Host %s: %.80q, want %d", c.target, c.host, answer, c.status)
		}
	}
	if records := p.finish(); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}
