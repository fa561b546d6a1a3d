package provider

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"burn/proxy/usage"
)

// resultFiles are the calls that read many answers at once.
var resultFiles = []struct{ provider, path string }{
	{"openai", "/v1/files/f/content"},
	{"anthropic", "/v1/messages/batches/b/results"},
	{"gemini", "/download/v1beta/files/f:download"},
	{"gemini", "/v1beta/batches/b"},
}

func TestBatchFileOf200MBStaysBounded(t *testing.T) {
	text := bytes.Repeat([]byte(`secret \"usage\" `), 64<<10) // 1 MB
	r := NewResponse(Classify(named("openai"), "GET", "/v1/files/f/content"), 200, http.Header{})
	var parts, tokens int64
	r.OnPart = func(rec *usage.Record) {
		parts++
		tokens += rec.Input
		if rec.ResponseID != fmt.Sprint("chatcmpl-", parts) || rec.ServiceTier != "batch" {
			t.Errorf("part %d: id %s, tier %s", parts, rec.ResponseID, rec.ServiceTier)
		}
	}
	for i := range 40 {
		r.Write(fmt.Appendf(nil, `{"custom_id":"c","response":{"status_code":200,"body":{"id":"chatcmpl-%d","choices":[{"message":{"content":"`, i+1))
		for range 5 {
			r.Write(text)
		}
		r.Write([]byte(`"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":8}}},"error":null}` + "\n"))
		if n := kept(r); n > 64<<10 {
			t.Fatalf("%d bytes kept", n)
		}
	}
	var rec usage.Record
	r.Finish(&rec, true)
	if parts != 40 || tokens != 280 || rec.UsageSource != usage.SourceNone || rec.ResponseBytes < 200<<20 || rec.Input != 0 {
		t.Errorf("%d parts, %d tokens, call: %s, %d bytes, %d tokens", parts, tokens, rec.UsageSource, rec.ResponseBytes, rec.Input)
	}
}

// Nobody who asks for parts, no parts: the file is not read.
func TestBatchFileWithoutTaker(t *testing.T) {
	for _, a := range answers(t) {
		if a.Parts == nil {
			continue
		}
		r := NewResponse(a.call, a.Status, a.header())
		r.Write(a.body)
		var rec usage.Record
		r.Finish(&rec, true)
		compare(t, shown(&rec), a.Want)
	}
}

// FuzzBatch reads foreign bytes as files of results, whole and in pieces.
func FuzzBatch(f *testing.F) {
	for _, a := range answers(f) {
		if a.Parts != nil {
			f.Add(a.body, uint64(1), a.Status == http.StatusPartialContent)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64, ranged bool) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		for _, file := range resultFiles {
			a := answer{call: Classify(named(file.provider), "GET", file.path), Status: 200}
			if ranged {
				a.Status = http.StatusPartialContent
			}
			whole := a.pass(http.Header{}, body)
			if got := a.pass(http.Header{}, randomSplit(rnd, body)...); everything(got) != everything(whole) {
				t.Fatalf("%s\nwhole  %s\npieces %s", file.path, everything(whole), everything(got))
			}
			if sound(t, whole.Record); whole.UsageSource != usage.SourceNone || len(whole.parts) > len(body)/20 {
				t.Fatalf("%s: %s, %d parts of %d bytes", file.path, whole.UsageSource, len(whole.parts), len(body))
			}
			for _, part := range whole.parts {
				if sound(t, part); part.ServiceTier != batchTier {
					t.Fatalf("tier %q", part.ServiceTier)
				}
			}
		}
	})
}
