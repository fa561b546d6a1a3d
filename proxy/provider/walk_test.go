package provider

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"unicode/utf8"

	"burn/proxy/usage"
)

// No tree of nodes may be deeper than the walker's stack.
func TestTreesFitTheStack(t *testing.T) {
	var depth func(n *node) int
	depth = func(n *node) int {
		if n == nil {
			return 0
		}
		d := depth(n.elem)
		for _, k := range n.keys {
			d = max(d, depth(k.node))
		}
		return d + 1
	}
	for name, d := range dialects {
		if n := depth(d.root) + 1; n > maxDepth { // an array can stand around the root
			t.Errorf("%s: depth %d", name, n)
		}
	}
}

// Generated text is measured as it would be decoded.
func TestTextLength(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"plain", "hello"},
		{"quotes", `say "hi" \ and \\" done\`},
		{"control", "a\nb\tc\x01"},
		{"two bytes", "é"},
		{"three bytes", "日本"},
		{"four bytes", "😀"},
		{"html", "<a&b>"},
	} {
		for _, ascii := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " ascii ", ascii), func(t *testing.T) {
				lit, err := json.Marshal(c.text)
				if err != nil {
					t.Fatal(err)
				}
				if ascii {
					lit = escapeAll(c.text)
				}
				body := `{"choices":[{"delta":{"content":` + string(lit) + `}}]}`
				r := NewResponse(openaiCall(t, "/v1/chat/completions"), 200, jsonBody)
				r.Write([]byte(body))
				var rec usage.Record
				r.Finish(&rec, true)
				if rec.OutputBytes != int64(len(c.text)) {
					t.Errorf("%d bytes for %s, want %d", rec.OutputBytes, lit, len(c.text))
				}
			})
		}
	}
}

// escapeAll writes every UTF-16 unit of s as \uXXXX.
func escapeAll(s string) []byte {
	b := []byte{'"'}
	for _, r := range s {
		if r >= 0x10000 {
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		b = fmt.Appendf(b, `\u%04x`, r)
	}
	return append(b, '"')
}

// FuzzResponse reads foreign bytes whole and in pieces, in every dialect, and
// expects the same record, nothing negative, and a raw_usage that is JSON.
func FuzzResponse(f *testing.F) {
	for _, a := range answers(f) {
		if len(a.body) < 3000 {
			f.Add(a.body, uint64(len(a.body)), true)
		}
	}
	for _, s := range []string{"", "data:", "{", "[", "[[[", "]", "}", `{"usage":{`, `{"usage":{"a":[}]}`, "\xef\xbb", "\xef\xbb\xbf{}", "[DONE]",
		"data: [DONE]\r\r\n", `{"a":}`, `{"a"x:1}`, `[1,,2`, `{"id":"\u00`, `{"id":"a\`, `12"x`, "id", "{}{}[]1 2"} {
		f.Add([]byte(s), uint64(7), false)
	}
	openai, _ := Lookup("openai")
	f.Fuzz(func(t *testing.T, body []byte, seed uint64, complete bool) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		for name := range dialects {
			c := Call{Provider: openai, Dialect: name, Operation: OpChat, Billable: true, Stream: seed%2 == 0}
			for _, h := range []http.Header{jsonBody, streamBody, {"Content-Type": {"application/x-ndjson"}}, {"Content-Type": {"application/vnd.amazon.eventstream"}}} {
				a := answer{call: c, Status: 200, Cut: !complete}
				rec := a.pass(h, body)
				if got := a.pass(h, randomSplit(rnd, body)...); everything(got) != everything(rec) {
					t.Fatalf("%s\nwhole  %s\npieces %s", name, everything(rec), everything(got))
				}
				sound(t, rec.Record)
			}
		}
	})
}

// FuzzDecode decodes foreign bytes under every coding, whole and in pieces.
func FuzzDecode(f *testing.F) {
	body := []byte(`{"id":"x","usage":{"prompt_tokens":7,"completion_tokens":8}}`)
	for coding := range encoders {
		enc := encode(f, coding, body, 20)
		f.Add(enc, uint64(1))
		f.Add(enc[:len(enc)-3], uint64(2))
	}
	call := openaiCall(f, "/v1/chat/completions")
	f.Fuzz(func(t *testing.T, enc []byte, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		for coding := range codecs {
			h := http.Header{"Content-Encoding": {coding}}
			a := answer{call: call, Status: 200}
			rec := a.pass(h, enc)
			got := a.pass(h, randomSplit(rnd, enc)...)
			sound(t, got.Record)
			if slices.Equal(got.Flags, rec.Flags) && slices.Contains(rec.Flags, FlagDecodeFailed) {
				continue // how much comes out before an error depends on the pieces
			}
			if everything(got) != everything(rec) {
				t.Fatalf("%s\nwhole  %s\npieces %s", coding, everything(rec), everything(got))
			}
			sound(t, rec.Record)
		}
	})
}

// sound checks what holds for every record.
func sound(t *testing.T, rec *usage.Record) {
	t.Helper()
	for k, v := range counts(rec) {
		if n, ok := v.(float64); ok && (n < 0 || n > 1<<40) {
			t.Errorf("%s is %v", k, n)
		}
	}
	if len(rec.RawUsage) > usage.MaxRawUsage || rec.RawUsage != nil && !json.Valid(rec.RawUsage) {
		t.Errorf("raw_usage %q", rec.RawUsage)
	}
	for _, s := range []string{rec.ResponseID, rec.FinishReason, rec.ServiceTier, rec.ErrorType, rec.Speed, rec.Geo} {
		if usage.Ident(s) != s {
			t.Errorf("%q is no identifier", s)
		}
	}
	if !utf8.ValidString(rec.ResponseModel) || len(rec.ResponseModel) > usage.MaxLabel {
		t.Errorf("response_model %q", rec.ResponseModel)
	}
	switch rec.UsageSource {
	case usage.SourceReported, usage.SourceDerived, usage.SourcePartial, usage.SourceMissing, usage.SourceNone:
	default:
		t.Errorf("usage_source %q", rec.UsageSource)
	}
	if rec.CostUSD != "" {
		if _, ok := decimal([]byte(rec.CostUSD), 0); !ok {
			t.Errorf("cost_usd %q", rec.CostUSD)
		}
	}
}
