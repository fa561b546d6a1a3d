//go:build sdk

package sdk

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"burn/proxy/usage"
)

// sample is one call that every client makes.
type sample struct {
	name    string // travels as the session's label
	method  string // "" is POST
	target  string // path and query
	answers []answer
	// records are what burn must write, without what differs from run to run
	// and what holds for all cases (see compare).
	records []usage.Record
}

// answer is what the provider says; the second one to the client's first retry.
type answer struct {
	status int // 0 is 200
	header http.Header
	body   string   // JSON
	base64 string   // instead of body where the client asks for base64 embeddings
	events []string // server-sent events instead of body
	stay   bool     // after the events, wait until the client has left
}

// seen is a request as it reached the provider.
type seen struct {
	name, method, target, proto string
	header                      http.Header
	body                        []byte
	size                        int  // of the answer, before compression
	stray                       bool // no case asks for this
}

// fake is the provider. It answers HTTP/1.1 in the clear and HTTP/2 over TLS.
type fake struct {
	plain, tls *httptest.Server
	gzip       bool // compress where the client allows it

	mu   sync.Mutex
	seen []seen
}

func startFake(t *testing.T) *fake {
	f := &fake{}
	f.plain = httptest.NewServer(f)
	f.tls = httptest.NewUnstartedServer(f)
	f.tls.EnableHTTP2 = true
	f.tls.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	f.tls.StartTLS()
	t.Cleanup(func() { f.plain.Close(); f.tls.Close() })
	return f
}

// authority writes the certificate that a client of f.tls must trust.
func (f *fake) authority(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.tls.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// take returns the requests since the last call.
func (f *fake) take(t *testing.T) []seen {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.seen
	f.seen = nil
	for _, s := range all {
		if s.stray {
			t.Errorf("the client called %s %s in case %q", s.method, s.target, s.name)
		}
	}
	return all
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	s := seen{name: r.Header.Get("X-Session-Id"), method: r.Method, target: r.RequestURI, proto: r.Proto, header: r.Header.Clone(), body: body}
	i := slices.IndexFunc(samples, func(c sample) bool { return c.name == s.name })
	if i < 0 || samples[i].target != s.target || samples[i].verb() != s.method {
		s.stray = true
		f.note(s)
		http.Error(w, `{"error":{"message":"no such case","type":"no_such_case"}}`, http.StatusNotFound)
		return
	}
	retry, _ := strconv.Atoi(r.Header.Get("X-Stainless-Retry-Count"))
	a := samples[i].answers[min(retry, len(samples[i].answers)-1)]
	content := a.content(body)
	s.size = len(content)
	f.note(s)
	f.write(w, r, a, content)
}

func (f *fake) note(s seen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, s)
}

func (c sample) verb() string {
	if c.method == "" {
		return http.MethodPost
	}
	return c.method
}

// content is the whole body.
func (a answer) content(request []byte) string {
	switch {
	case len(a.events) > 0:
		return strings.Join(a.events, "")
	case a.base64 != "" && bytes.Contains(request, []byte(`"base64"`)):
		return a.base64
	}
	return a.body
}

// write sends a, event by event where it is a stream.
func (f *fake) write(w http.ResponseWriter, r *http.Request, a answer, content string) {
	h := w.Header()
	// The same in every run, so that answers compare whole.
	h.Set("Date", "Mon, 23 Nov 2026 14:00:00 GMT")
	h.Set("Content-Type", "application/json")
	pieces := []string{content}
	if len(a.events) > 0 {
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		pieces = a.events
	}
	for key, values := range a.header {
		h[key] = values
	}
	var out io.Writer = w
	flush := http.NewResponseController(w).Flush
	if f.gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
		flush = func() error {
			if err := z.Flush(); err != nil {
				return err
			}
			return http.NewResponseController(w).Flush()
		}
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	for _, piece := range pieces {
		if _, err := io.WriteString(out, piece); err != nil {
			return
		}
		if len(a.events) > 0 {
			if err := flush(); err != nil {
				return
			}
		}
	}
	if a.stay {
		<-r.Context().Done()
	}
}

// data writes each object as a server-sent event without a name.
func data(objects ...string) []string {
	for i, o := range objects {
		objects[i] = "data: " + o + "\n\n"
	}
	return objects
}

// named writes each object as an event named by its type.
func named(objects ...string) []string {
	for i, o := range objects {
		_, name, _ := strings.Cut(o, `"type":"`)
		name, _, _ = strings.Cut(name, `"`)
		objects[i] = "event: " + name + "\ndata: " + o + "\n\n"
	}
	return objects
}
