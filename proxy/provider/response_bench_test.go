package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// chatBody is a chat completion of about size bytes.
func chatBody(size int) []byte {
	text := strings.Repeat(`Line of an answer with \"quotes\" and more text in it.\n`, max(size-700, 0)/55)
	return []byte(`{"id":"chatcmpl-B1","object":"chat.completion","created":1790000000,"model":"gpt-4o-mini-2024-07-18",` +
		`"choices":[{"index":0,"message":{"role":"assistant","content":"` + text + `","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":213,"completion_tokens":41,"total_tokens":254,"prompt_tokens_details":{"cached_tokens":128,"audio_tokens":0},` +
		`"completion_tokens_details":{"reasoning_tokens":16,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},` +
		`"service_tier":"default","system_fingerprint":"fp_44709d6fcb"}`)
}

// embeddingBody is an embeddings answer of about size bytes.
func embeddingBody(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"object":"list","data":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"object":"embedding","index":0,"embedding":[0.0123456`)
		b.WriteString(strings.Repeat(`,-0.0029013484`, 1535))
		b.WriteString(`]}`)
	}
	b.WriteString(`],"model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}}`)
	return b.Bytes()
}

// chatStream is a stream of n events with usage in the last.
func chatStream(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `data: {"id":"chatcmpl-B1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-4o-mini-2024-07-18",`+
			`"service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" word%d"},"logprobs":null,"finish_reason":null}],`+
			`"usage":null,"obfuscation":"abcdef"}`+"\n\n", i)
	}
	b.WriteString(`data: {"id":"chatcmpl-B1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"chatcmpl-B1","choices":[],"usage":{"prompt_tokens":14,"completion_tokens":2000,"total_tokens":2014}}` + "\n\ndata: [DONE]\n\n")
	return b.Bytes()
}

// BenchmarkResponse compares reading an answer's usage from a copy in pieces of
// 32 KiB with copying the bytes and with unmarshalling them, in one run.
func BenchmarkResponse(b *testing.B) {
	openai, _ := Lookup("openai")
	jsonHeader := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"req_1"}}
	streamHeader := http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}
	for _, c := range []struct {
		name   string
		path   string
		header http.Header
		body   []byte
	}{
		{"json 1KB", "/v1/chat/completions", jsonHeader, chatBody(1 << 10)},
		{"json 50KB", "/v1/chat/completions", jsonHeader, chatBody(50 << 10)},
		{"json 1MB", "/v1/chat/completions", jsonHeader, chatBody(1 << 20)},
		{"embeddings 1MB", "/v1/embeddings", jsonHeader, embeddingBody(1 << 20)},
		{"stream 2000 events", "/v1/chat/completions", streamHeader, chatStream(2000)},
	} {
		call := Classify(openai, "POST", c.path)
		const piece = 32 << 10
		b.Run(c.name+"/usage", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				r := NewResponse(call, 200, c.header)
				for p := c.body; len(p) > 0; {
					n := min(piece, len(p))
					r.Write(p[:n])
					p = p[n:]
				}
				var rec usage.Record
				r.Finish(&rec, true)
				if rec.UsageSource != usage.SourceReported {
					b.Fatal(rec.UsageSource)
				}
			}
		})
		b.Run(c.name+"/copy", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			dst := make([]byte, piece)
			for b.Loop() {
				for p := c.body; len(p) > 0; {
					p = p[copy(dst, p):]
				}
			}
		})
		b.Run(c.name+"/unmarshal", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				unmarshal(b, c.body)
			}
		})
	}
}

// unmarshal is the plain way: each document or event into a map.
func unmarshal(b *testing.B, body []byte) {
	var v map[string]any
	if body[0] == '{' {
		if err := json.Unmarshal(body, &v); err != nil {
			b.Fatal(err)
		}
		return
	}
	for line := range bytes.Lines(body) {
		data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: "))
		if !ok || data[0] != '{' {
			continue
		}
		clear(v)
		if err := json.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode reads the usage of a compressed answer of 50 KB.
func BenchmarkDecode(b *testing.B) {
	openai, _ := Lookup("openai")
	call := Classify(openai, "POST", "/v1/chat/completions")
	body := chatBody(50 << 10)
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		enc := encode(b, coding, body, len(body))
		h := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {coding}}
		b.Run(coding, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r := NewResponse(call, 200, h)
				r.Write(enc)
				var rec usage.Record
				r.Finish(&rec, true)
				if rec.UsageSource != usage.SourceReported {
					b.Fatal(rec.UsageSource)
				}
			}
		})
	}
}

func BenchmarkClassify(b *testing.B) {
	openai, _ := Lookup("openai")
	b.ReportAllocs()
	for b.Loop() {
		if c := Classify(openai, "POST", "/v1/chat/completions"); !c.Billable {
			b.Fatal(c)
		}
	}
}
