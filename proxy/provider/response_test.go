package provider

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"burn/proxy/usage"
)

// answer is one case of testdata/<provider>/<case>: an answer and what a
// record must say of it.
type answer struct {
	name         string
	call         Call
	body         []byte
	Method, Path string
	Status       int
	Headers      map[string]string
	Cut          bool
	Want         map[string]any
	Parts        []map[string]any
}

// passed is what became of an answer.
type passed struct {
	*usage.Record
	parts []*usage.Record
}

func answers(t testing.TB) []answer {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*/call.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d cases, error %v", len(files), err)
	}
	var list []answer
	for _, f := range files {
		dir := filepath.Dir(f)
		a := answer{name: strings.TrimPrefix(dir, "testdata/")}
		if err := json.Unmarshal(read(t, f), &a); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		a.body = read(t, filepath.Join(dir, "body"))
		p, ok := Lookup(filepath.Base(filepath.Dir(dir)))
		if !ok {
			t.Fatalf("%s: no such provider", f)
		}
		a.call = Classify(p, a.Method, a.Path)
		list = append(list, a)
	}
	return list
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (a *answer) header() http.Header {
	h := http.Header{}
	for k, v := range a.Headers {
		h.Set(k, v)
	}
	return h
}

// pass sends the pieces through a Response.
func (a *answer) pass(h http.Header, pieces ...[]byte) passed {
	r := NewResponse(a.call, a.Status, h)
	got := passed{Record: new(usage.Record)}
	r.OnPart = func(rec *usage.Record) { got.parts = append(got.parts, rec) }
	for _, p := range pieces {
		r.Write(bytes.Clone(p)) // a piece is the caller's again after Write
	}
	r.Finish(got.Record, !a.Cut)
	return got
}

// shown is what a case's want may name.
func shown(rec *usage.Record) map[string]any {
	m := counts(rec)
	for k, s := range map[string]string{
		"response_id": rec.ResponseID, "response_model": rec.ResponseModel, "service_tier": rec.ServiceTier,
		"finish_reason": rec.FinishReason, "request_id": rec.RequestID, "org": rec.Org, "project": rec.Project,
		"error_type": rec.ErrorType,
	} {
		if s != "" {
			m[k] = s
		}
	}
	for k, n := range map[string]int64{"events": rec.Events, "tool_calls": rec.ToolCalls, "output_bytes": rec.OutputBytes} {
		if n != 0 {
			m[k] = n
		}
	}
	if rec.Stream {
		m["stream"] = true
	}
	if len(rec.Flags) > 0 {
		m["flags"] = rec.Flags
	}
	for _, s := range rec.SubUsage {
		m["sub"] = fmt.Sprint(s.Model, " ", s.Input, " ", s.Output)
	}
	return m
}

// everything shows the whole records, for comparing two readings.
func everything(p passed) string {
	s := fmt.Sprintf("%+v", *p.Record)
	for _, rec := range p.parts {
		s += fmt.Sprintf("\npart %+v", *rec)
	}
	return s
}

func TestAnswers(t *testing.T) {
	for _, a := range answers(t) {
		t.Run(a.name, func(t *testing.T) {
			rec := a.pass(a.header(), a.body)
			if a.name == "openai/long-strings" { // its model is cut with a hash
				if len(rec.ResponseModel) != usage.MaxLabel {
					t.Errorf("model of %d bytes", len(rec.ResponseModel))
				}
				rec.ResponseModel = ""
			}
			compare(t, shown(rec.Record), a.Want)
			if len(rec.parts) != len(a.Parts) {
				t.Fatalf("%d parts, want %d: %s", len(rec.parts), len(a.Parts), everything(rec))
			}
			for i, part := range rec.parts {
				if compare(t, shown(part), a.Parts[i]); part.Operation != OpBatchResult || part.RawUsage == nil {
					t.Errorf("part %d: operation %s, raw usage %s", i, part.Operation, part.RawUsage)
				}
			}
			if rec.ResponseBytes != int64(len(a.body)) {
				t.Errorf("response_bytes %d of %d", rec.ResponseBytes, len(a.body))
			}
			if strings.Contains(everything(rec), "secret") {
				t.Errorf("free text in the record: %s", everything(rec))
			}
		})
	}
}

// compare holds what a record shows against what it must.
func compare(t *testing.T, got, want map[string]any) {
	t.Helper()
	if !same(got, want) {
		x, _ := json.Marshal(got)
		y, _ := json.Marshal(want)
		t.Errorf("\ngot  %s\nwant %s", x, y)
	}
}

func TestAnySplitReadsTheSame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, a := range answers(t) {
		t.Run(a.name, func(t *testing.T) {
			h := a.header()
			want := everything(a.pass(h, a.body))
			check := func(how string, pieces ...[]byte) {
				if got := everything(a.pass(h, pieces...)); got != want {
					t.Fatalf("%s\ngot  %s\nwant %s", how, got, want)
				}
			}
			for i := range a.body {
				check(fmt.Sprint("split at ", i), a.body[:i], a.body[i:])
			}
			var single [][]byte
			for i := range a.body {
				single = append(single, a.body[i:i+1])
			}
			check("byte by byte", single...)
			for range 20 {
				check("random splits", randomSplit(rnd, a.body)...)
			}
		})
	}
}

func randomSplit(rnd *rand.Rand, b []byte) (pieces [][]byte) {
	for len(b) > 0 {
		n := min(1+rnd.IntN(1+rnd.IntN(200)), len(b))
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return pieces
}

// encoders are the codings a provider can choose from, and deflate's two kinds.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"raw deflate": func(w io.Writer) io.WriteCloser {
		z, _ := flate.NewWriter(w, 6)
		return z
	},
	"zstd": func(w io.Writer) io.WriteCloser {
		z, _ := zstd.NewWriter(w)
		return z
	},
}

// encode compresses b, flushing after every n bytes as a stream does.
func encode(t testing.TB, coding string, b []byte, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	z := encoders[coding](&out)
	for len(b) > 0 {
		k := min(n, len(b))
		if _, err := z.Write(b[:k]); err != nil {
			t.Fatal(err)
		}
		if f, ok := z.(interface{ Flush() error }); ok && k < len(b) {
			if err := f.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		b = b[k:]
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCompressedReadsTheSame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for coding := range maps.Keys(encoders) {
		t.Run(coding, func(t *testing.T) {
			for _, a := range answers(t) {
				if len(a.body) == 0 {
					continue
				}
				want := everything(a.pass(a.header(), a.body))
				h := a.header()
				h.Set("Content-Encoding", coding[strings.LastIndex(coding, " ")+1:])
				enc := encode(t, coding, a.body, 300)
				for i, pieces := range [][][]byte{{enc}, randomSplit(rnd, enc), singles(enc)} {
					if got := everything(a.pass(h, pieces...)); got != want {
						t.Fatalf("%s, way %d\ngot  %s\nwant %s", a.name, i, got, want)
					}
				}
			}
		})
	}
}

func singles(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// A Response is pooled: whatever call it read before, the next one sees nothing
// of it.
func TestNothingStaysBehind(t *testing.T) {
	list := answers(t)
	want := make([]string, len(list))
	for i, a := range list {
		want[i] = everything(a.pass(a.header(), a.body))
	}
	for _, before := range list {
		for i, a := range list {
			before.pass(before.header(), before.body[:len(before.body)*2/3])
			if got := everything(a.pass(a.header(), a.body)); got != want[i] {
				t.Fatalf("%s after %s\ngot  %s\nwant %s", a.name, before.name, got, want[i])
			}
		}
	}
}
