package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"burn/proxy/provider"
	"burn/proxy/usage"
)

// A reader that fails on an answer costs the client nothing and the call no more
// than its usage.
func TestReaderThatFails(t *testing.T) {
	cfg, err := Config{LogDir: filepath.Join(t.TempDir(), "logs")}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProxy(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/openai/v1/files/file-1/content", nil)
	up, path := p.routes.find(r.URL.Path, r.Header)
	c := p.begin(r, up, path, r.URL.Path, "", time.Now())
	c.status, c.resHeader, c.answered = 200, http.Header{}, true
	c.resp = provider.NewResponse(c.kind, c.status, c.resHeader)
	c.resp.OnPart = func(*usage.Record) { panic("a mistake") }
	const answer = `{"id":"b","custom_id":"c","response":{"status_code":200,"body":{"id":"x","model":"m","usage":{"prompt_tokens":1}}}}` + "\n"
	w := httptest.NewRecorder()
	body := io.MultiReader(strings.NewReader(answer), strings.NewReader(answer))
	end := c.copyBody(w, r, &http.Response{Body: io.NopCloser(body), ContentLength: -1})
	if end != usage.EndComplete || w.Body.String() != answer+answer {
		t.Errorf("end %s, client got %d bytes of %d", end, w.Body.Len(), 2*len(answer))
	}
	c.finish(end)
	p.calls.Wait()
	if err := p.log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	rec := only(t, (&running{t: t, dir: cfg.LogDir}).waitRecords(1))
	if rec.Status != 200 || rec.UsageSource != usage.SourceMissing || !slices.Contains(rec.Flags, provider.FlagDecodeFailed) {
		t.Errorf("status %d, usage_source %s, flags %q", rec.Status, rec.UsageSource, rec.Flags)
	}
}
