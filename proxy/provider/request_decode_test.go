package provider

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"burn/proxy/usage"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// packers compress as clients do.
var packers = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"raw":     func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 6); return f },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
}

func pack(t *testing.T, name string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := packers[name](&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedRequests(t *testing.T) {
	body := benchBody(20 << 10)
	plain := readBody(callChat, string(body))
	bomb := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("0", 4<<20) + `"}]}`)
	gz := pack(t, "gzip", body)
	tests := []struct {
		name     string
		encoding string
		body     []byte
		ok       bool
	}{
		{"identity", "identity", body, true},
		{"gzip", "gzip", gz, true},
		{"upper case", "GZIP", gz, true},
		{"x-gzip", "x-gzip", gz, true},
		{"deflate", "deflate", pack(t, "deflate", body), true},
		{"raw deflate", "deflate", pack(t, "raw", body), true},
		{"br", "br", pack(t, "br", body), true},
		{"zstd", "zstd", pack(t, "zstd", body), true},
		{"two", "zstd, gzip", pack(t, "gzip", pack(t, "zstd", body)), true},
		{"unknown", "snappy", body, false},
		{"not what it says", "gzip", body, false},
		{"cut", "gzip", gz[:len(gz)/2], false},
		{"bomb", "gzip", pack(t, "gzip", bomb), false},
		{"bomb in zstd", "zstd", pack(t, "zstd", bomb), false},
		{"too many", "gzip,gzip,gzip,gzip,gzip", gz, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // the second time with used buffers
				r := ReadRequest(callChat, "application/json", tt.encoding, tt.body, testKeys)
				if r.OK != tt.ok {
					t.Fatalf("OK %v", r.OK)
				}
				if tt.ok && (r.FPRequest != plain.FPRequest || r.RequestBytes != int64(len(body))) {
					t.Errorf("%d bytes read, fingerprint %x, want %x", r.RequestBytes, r.FPRequest, plain.FPRequest)
				}
				if !tt.ok && (r.RequestBytes != int64(len(tt.body)) || r.HistoryBytes+r.InputBytes != 0) {
					t.Errorf("refused, but %d bytes", r.RequestBytes)
				}
				r.Release()
			}
		})
	}
}

func TestForms(t *testing.T) {
	form := func(fields ...string) (contentType string, body []byte) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		file, _ := w.CreateFormFile("file", "speech.wav")
		fmt.Fprintf(file, "RIFF\r\n--not the boundary\r\n\r\nname=\"model\"%s", strings.Repeat("\x00", 1000))
		for i := 0; i < len(fields); i += 2 {
			w.WriteField(fields[i], fields[i+1])
		}
		w.Close()
		return w.FormDataContentType(), b.Bytes()
	}
	kind, with := form("language", "en", "model", "whisper-1", "prompt", "x")
	other, without := form("language", "en")
	_, long := form("model", strings.Repeat("m", 5000))
	tests := []struct {
		name string
		kind string
		body []byte
		want string
		ok   bool
	}{
		{"model", kind, with, "whisper-1", true},
		{"upper case", strings.Replace(kind, "multipart/form-data", "Multipart/Form-Data", 1), with, "whisper-1", true},
		{"no model", other, without, "", true},
		{"no boundary", "multipart/form-data", with, "", false},
		{"another boundary", other, with, "", false},
		{"empty", kind, nil, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ReadRequest(Call{Dialect: OpenAI, Operation: OpTranscription}, tt.kind, "", tt.body, testKeys)
			defer r.Release()
			if r.Model != tt.want || r.OK != tt.ok || r.RequestBytes != int64(len(tt.body)) {
				t.Errorf("model %q, OK %v, %d bytes", r.Model, r.OK, r.RequestBytes)
			}
		})
	}
	kind, _, _ = strings.Cut(kind, ";")
	boundary, _, _ := strings.Cut(strings.TrimPrefix(string(long), "--"), "\r\n")
	if model, ok := formField(kind+"; boundary="+boundary, long, "model"); !ok || len(model) != reqMaxWord {
		t.Errorf("a model of %d bytes, %v", len(model), ok)
	}
}

// TestNoTextLeaves: of a request nothing but labels, model and the id of the
// earlier answer is found in what ReadRequest returns and Fill copies.
func TestNoTextLeaves(t *testing.T) {
	const canary = "canary"
	for _, d := range conversations {
		bodies := d.requests(canary)
		body := strings.ReplaceAll(bodies[len(bodies)-1], longSystem, canary)
		body = strings.ReplaceAll(strings.ReplaceAll(body, `"f"`, `"`+canary+`"`), "of the tool", canary)
		r := ReadRequest(d.call, "application/json", "", []byte(body), testKeys)
		if !r.OK || r.FPRequest == 0 {
			t.Fatalf("%s: not read", d.name)
		}
		var rec usage.Record
		r.Fill(&rec)
		if strings.Contains(fmt.Sprintf("%+v", rec), canary) {
			t.Errorf("%s: text in the record: %+v", d.name, rec)
		}
		v := reflect.ValueOf(*r)
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && strings.Contains(fmt.Sprint(v.Field(i).Interface()), canary) {
				t.Errorf("%s: text in %s", d.name, f.Name)
			}
		}
		if rec.HistoryBytes == 0 || rec.FPRequest != r.FPRequest || len(rec.FPTurns) != 4 {
			t.Errorf("%s: not filled: %+v", d.name, rec)
		}
		r.Release()
		if len(rec.FPTurns) != 4 || rec.FPTurns[0] != rec.FPRequest {
			t.Errorf("%s: the record changed after Release", d.name)
		}
	}
}
