package provider

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"burn/proxy/usage"
)

func openaiCall(t testing.TB, path string) Call {
	t.Helper()
	p, ok := Lookup("openai")
	if !ok {
		t.Fatal("no openai")
	}
	return Classify(p, "POST", path)
}

var (
	jsonBody   = http.Header{"Content-Type": {"application/json"}}
	streamBody = http.Header{"Content-Type": {"text/event-stream"}}
)

// kept is what a Response holds on to, in bytes.
func kept(r *Response) int {
	return cap(r.walk.tree) + cap(r.gather.usage) + cap(r.gather.spare) + cap(r.gather.picked) +
		len(r.gather.vals)*scalarCap + len(r.walk.buf)
}

// repeat writes a piece n times.
func repeat(r *Response, piece []byte, n int) {
	for range n {
		r.Write(piece)
	}
}

func TestMemoryIsBoundedAndUsageFound(t *testing.T) {
	long := bytes.Repeat([]byte(`QUJDR\"`), 8<<10)
	const usageTail = `"usage":{"prompt_tokens":7,"completion_tokens":8,"total_tokens":15}}`
	for _, c := range []struct {
		name   string
		header http.Header
		send   func(r *Response)
	}{
		{"string of 100 MB", jsonBody, func(r *Response) {
			r.Write([]byte(`{"data":[{"b64_json":"`))
			repeat(r, long, 100<<20/len(long))
			r.Write([]byte(`"}],` + usageTail))
		}},
		{"text of 30 MB in a message", jsonBody, func(r *Response) {
			r.Write([]byte(`{"choices":[{"message":{"content":"`))
			repeat(r, long, 30<<20/len(long))
			r.Write([]byte(`"},"finish_reason":"stop"}],` + usageTail))
		}},
		{"event of 100 MB", streamBody, func(r *Response) {
			r.Write([]byte(`data: {"type":"image_generation.completed","b64_json":"`))
			repeat(r, long, 100<<20/len(long))
			r.Write([]byte(`",` + usageTail + "\n\n"))
		}},
		{"60,000 events of 32 MB", streamBody, func(r *Response) {
			e := `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"` + strings.Repeat("x", 460) + `"}}],"usage":null}` + "\n\n"
			repeat(r, []byte(e), 60000)
			r.Write([]byte(`data: {"choices":[],` + usageTail))
		}},
		{"60,000 cumulative usages", streamBody, func(r *Response) {
			repeat(r, []byte(`data: {"usage":{"prompt_tokens":7,"completion_tokens":3}}`+"\n\n"), 60000)
			r.Write([]byte(`data: {"choices":[],` + usageTail))
		}},
		{"comment of 10 MB", streamBody, func(r *Response) {
			r.Write([]byte(": "))
			repeat(r, bytes.Repeat([]byte("x"), 1<<20), 10)
			r.Write([]byte("\ndata: {" + usageTail))
		}},
		{"key of 10 MB", jsonBody, func(r *Response) {
			r.Write([]byte(`{"`))
			repeat(r, bytes.Repeat([]byte("x"), 1<<20), 10)
			r.Write([]byte(`":1,` + usageTail))
		}},
		{"number of 10 MB", jsonBody, func(r *Response) {
			r.Write([]byte(`{"service_tier":`))
			repeat(r, bytes.Repeat([]byte("1"), 1<<20), 10)
			r.Write([]byte("," + usageTail))
		}},
		{"string of 10 MB inside the usage", jsonBody, func(r *Response) {
			r.Write([]byte(`{"usage":{"note":"`))
			repeat(r, bytes.Repeat([]byte("x"), 1<<20), 10)
			r.Write([]byte(`","prompt_tokens":7,"completion_tokens":8}}`))
		}},
		{"a million brackets", jsonBody, func(r *Response) {
			r.Write([]byte(`{"a":`))
			repeat(r, []byte("[{"), 1)
			repeat(r, bytes.Repeat([]byte("["), 1<<20), 1)
			repeat(r, bytes.Repeat([]byte("]"), 1<<20), 1)
			r.Write([]byte(`}],` + usageTail))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewResponse(openaiCall(t, "/v1/chat/completions"), 200, c.header)
			c.send(r)
			if n := kept(r); n > 64<<10 {
				t.Errorf("%d bytes kept", n)
			}
			var rec usage.Record
			r.Finish(&rec, true)
			if rec.Input != 7 || rec.Output != 8 || rec.UsageSource != usage.SourceReported {
				t.Errorf("usage %d/%d %s", rec.Input, rec.Output, rec.UsageSource)
			}
		})
	}
}

func TestUsageObjectTooLarge(t *testing.T) {
	r := NewResponse(openaiCall(t, "/v1/chat/completions"), 200, jsonBody)
	r.Write([]byte(`{"usage":{"prompt_tokens":7`))
	for i := range 40000 {
		r.Write(fmt.Appendf(nil, `,"k%d":1`, i))
	}
	r.Write([]byte(`}}`))
	if n := kept(r); n > 64<<10 {
		t.Errorf("%d bytes kept", n)
	}
	var rec usage.Record
	r.Finish(&rec, true)
	if rec.UsageSource != usage.SourceMissing || !slices.Contains(rec.Flags, FlagUsageSize) {
		t.Errorf("%s %v", rec.UsageSource, rec.Flags)
	}
}

// Usages laid over each other must not add up beyond the bound either.
func TestOverlaidUsagesStayBounded(t *testing.T) {
	p, _ := Lookup("anthropic")
	r := NewResponse(Classify(p, "POST", "/v1/messages"), 200, streamBody)
	for i := range 3000 {
		r.Write(fmt.Appendf(nil, "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":%d,\"k%d\":\"%s\"}}\n\n", i, i, strings.Repeat("v", 100)))
	}
	if n := kept(r); n > 64<<10 {
		t.Errorf("%d bytes kept", n)
	}
	var rec usage.Record
	r.Finish(&rec, true)
	if len(rec.RawUsage) > usage.MaxRawUsage {
		t.Errorf("raw_usage of %d bytes", len(rec.RawUsage))
	}
}

func compressed(t testing.TB, coding, body string) []byte {
	t.Helper()
	return encode(t, coding, []byte(body), len(body))
}

func TestDecodeFailures(t *testing.T) {
	const body = `{"id":"x","choices":[{"message":{"content":"hello hello hello"}}],"usage":{"prompt_tokens":7,"completion_tokens":8}}`
	bomb := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.WriteString(z, `{"a":"`)
		for range 64 {
			z.Write(make([]byte, 1<<20))
		}
		io.WriteString(z, `",`+body[1:])
		z.Close()
		return b.Bytes()
	}()
	gz := compressed(t, "gzip", body)
	badCRC := bytes.Clone(gz)
	badCRC[len(badCRC)-6] ^= 1
	for _, c := range []struct {
		name, coding string
		enc          []byte
		complete     bool
		source       string
		flags        []string
	}{
		{"whole", "gzip", gz, true, usage.SourceReported, nil},
		{"upper case", "GZIP", gz, true, usage.SourceReported, nil},
		{"x-gzip", "x-gzip", gz, true, usage.SourceReported, nil},
		{"identity", "identity", []byte(body), true, usage.SourceReported, nil},
		{"nothing", "gzip", nil, true, usage.SourceMissing, nil},
		{"two members", "gzip", append(bytes.Clone(gz), gz...), true, usage.SourceReported, nil},
		{"truncated", "gzip", gz[:len(gz)-30], true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"truncated as the call was cut", "gzip", gz[:len(gz)-30], false, usage.SourcePartial, nil},
		{"checksum", "gzip", badCRC, true, usage.SourceReported, []string{FlagDecodeFailed}},
		{"not gzip", "gzip", []byte(body), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"not brotli", "br", []byte("\xff\xff\xff\xff" + body), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"not zstd", "zstd", []byte(body), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"not deflate", "deflate", []byte("\xff\xff" + body), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"unknown", "compress", []byte(body), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"two codings", "gzip, br", encode(t, "br", gz, 50), true, usage.SourceReported, nil},
		{"three codings and identity", "deflate, identity, GZIP,zstd", encode(t, "zstd", encode(t, "gzip", encode(t, "deflate", []byte(body), 50), 60), 70), true, usage.SourceReported, nil},
		{"two codings in the wrong order", "br, gzip", encode(t, "br", gz, 50), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"two codings, one of them", "gzip, br", gz, true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"two codings, the inner cut", "gzip, br", encode(t, "br", gz[:len(gz)-30], 50), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"two codings, one unknown", "compress, br", encode(t, "br", gz, 50), true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"too many codings", "gzip,gzip,gzip,gzip,gzip", gz, true, usage.SourceMissing, []string{FlagDecodeFailed}},
		{"identity twice", "identity, identity", []byte(body), true, usage.SourceReported, nil},
		{"bomb in a box", "gzip, br", encode(t, "br", bomb, 1<<20), true, usage.SourceMissing, []string{FlagDecodeRatio}},
		{"bomb", "gzip", bomb, true, usage.SourceMissing, []string{FlagDecodeRatio}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1 << 20, 7} {
				h := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {c.coding}}
				r := NewResponse(openaiCall(t, "/v1/chat/completions"), 200, h)
				for p := c.enc; len(p) > 0; {
					n := min(piece, len(p))
					r.Write(p[:n])
					p = p[n:]
				}
				var rec usage.Record
				r.Finish(&rec, c.complete)
				if rec.UsageSource != c.source || !slices.Equal(rec.Flags, c.flags) {
					t.Errorf("pieces of %d: %s %v, want %s %v", piece, rec.UsageSource, rec.Flags, c.source, c.flags)
				}
				if rec.ResponseBytes > 80<<20 || strings.HasPrefix(c.name, "bomb") && rec.ResponseBytes > 3<<20 {
					t.Errorf("%d bytes decoded", rec.ResponseBytes)
				}
			}
		})
	}
}

// A compressed stream that is cut gives what its flushed part holds, however
// the pieces came.
func TestCutCompressedStream(t *testing.T) {
	plain := chatStream(20)
	plain = plain[:bytes.LastIndex(plain, []byte(`data: {"id":"chatcmpl-B1","choices":[{"index":0,"delta":{}`))]
	event := len(plain) / 20
	for coding := range encoders {
		t.Run(coding, func(t *testing.T) {
			enc := encode(t, coding, plain, event)
			h := http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {coding[strings.LastIndex(coding, " ")+1:]}}
			a := answer{call: openaiCall(t, "/v1/chat/completions"), Status: 200, Cut: true}
			var last int64
			for n := 0; n <= len(enc); n++ {
				whole := a.pass(h, enc[:n])
				if pieces := a.pass(h, singles(enc[:n])...); everything(pieces) != everything(whole) {
					t.Fatalf("cut at %d\nwhole  %s\npieces %s", n, everything(whole), everything(pieces))
				}
				if whole.OutputBytes < last || n > 8 && whole.UsageSource != usage.SourcePartial {
					t.Fatalf("cut at %d: %d bytes of text, %s", n, whole.OutputBytes, whole.UsageSource)
				}
				last = whole.OutputBytes
			}
			if last == 0 {
				t.Error("no text seen")
			}
		})
	}
}

// A decoder is a coroutine; whatever way a call ends, none may stay.
func TestNoCoroutineStays(t *testing.T) {
	before := runtime.NumGoroutine()
	for coding := range encoders {
		if strings.Contains(coding, " ") {
			continue
		}
		enc := encode(t, coding, chatStream(500), 4<<10)
		for _, part := range []int{1, len(enc) / 2, len(enc)} {
			r := NewResponse(openaiCall(t, "/v1/chat/completions"), 200, http.Header{"Content-Encoding": {coding}})
			r.Write(enc[:part])
			r.Finish(new(usage.Record), part == len(enc))
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}
