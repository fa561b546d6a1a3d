package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"burn/proxy/usage"
)

func TestMetrics(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "/limited") {
			w.WriteHeader(429)
		}
		io.WriteString(w, "0123456789")
	})
	p := startProxy(t, func(c *Config) { c.Admin = "127.0.0.1:0" }, "openai="+up.URL, "closed=http://"+closedPort(t))
	post(t, p.url("/openai/v1/x"), "{}")
	post(t, p.url("/openai/v1/limited"), "{}")
	post(t, p.url("/closed/v1/x"), "{}")
	post(t, p.url("/nowhere"), "{}")
	rawExchange(t, p.addr, "nonsense\r\n\r\n")
	p.waitRecords(3)
	req, err := http.NewRequest("GET", "http://"+p.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, page := do(t, req)
	for _, want := range []string{
		`burn_calls_total{end="complete"} 3`,
		`burn_answers_total{upstream="openai",class="2xx"} 1`,
		`burn_answers_total{upstream="openai",class="4xx"} 1`,
		`burn_answers_total{upstream="closed",class="5xx"} 1`,
		`burn_upstream_failures_total{reason="dial"} 1`,
		`burn_request_bytes_total{upstream="openai"} 4`,
		`burn_response_bytes_total{upstream="openai"} 20`,
		`burn_call_seconds_count{upstream="openai"} 2`,
		`burn_call_seconds_bucket{upstream="openai",le="+Inf"} 2`,
		`burn_added_seconds_count 2`,
		`burn_refused_total{reason="burn_no_route"} 1`,
		`burn_refused_total{reason="burn_malformed"} 1`,
		`burn_calls_running 0`, `burn_records_total 3`, `burn_log_lines_total 4`, `burn_log_queue 0`, `burn_log_dropped_total 0`,
		`burn_log_write_errors_total 0`, `burn_log_sync_errors_total 0`, `burn_log_lost_lines_total 0`,
		`# TYPE burn_call_seconds histogram`, `# TYPE burn_calls_total counter`, `# TYPE burn_log_queue gauge`,
	} {
		if !strings.Contains(page, "\n"+want+"\n") && !strings.HasPrefix(page, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(page, `upstream="groq"`) {
		t.Error("an upstream without calls is on the page")
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) .*|[a-z_]+(\{[^{}]*\})? [0-9.e+-]+)$`)
	for got := range strings.Lines(strings.TrimSpace(page)) {
		if !line.MatchString(strings.TrimSpace(got)) {
			t.Errorf("line %q", got)
		}
	}
}

func TestHealthTellsOfTheLog(t *testing.T) {
	var h health
	for _, x := range []struct {
		name  string
		stats usage.Stats
		want  string
	}{
		{"begun", usage.Stats{Lines: 1}, "writing"},
		{"nothing happened", usage.Stats{Lines: 1}, "writing"},
		{"a write failed", usage.Stats{Lines: 1, WriteErrors: 1}, "failing"},
		{"nothing since", usage.Stats{Lines: 1, WriteErrors: 1}, "failing"},
		{"written again", usage.Stats{Lines: 2, WriteErrors: 1}, "writing"},
		{"calls are summed", usage.Stats{Lines: 2, WriteErrors: 1, Dropped: 3}, "failing"},
		{"and written", usage.Stats{Lines: 9, WriteErrors: 1, Dropped: 5}, "writing"},
		{"a sync failed", usage.Stats{Lines: 9, WriteErrors: 1, Dropped: 5, SyncErrors: 1}, "failing"},
	} {
		if got := h.look(x.stats); !strings.HasPrefix(got, "log: "+x.want+", ") {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
}

// What another configuration would mend is told apart from what it would not.
func TestConfigErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	logs := filepath.Join(dir, "logs")
	for _, x := range []struct {
		name   string
		cfg    Config
		config bool
	}{
		{"no log directory", Config{}, true},
		{"open to strangers", Config{LogDir: logs, Listen: "0.0.0.0:0"}, true},
		{"missing token file", Config{LogDir: logs, AuthTokenFile: filepath.Join(dir, "none")}, true},
		{"missing CA", Config{LogDir: logs, UpstreamCA: filepath.Join(dir, "none")}, true},
		{"bad CA", Config{LogDir: logs, UpstreamCA: file}, true},
		{"bad key file", Config{LogDir: logs, KeyFile: file}, true},
		{"key file that is a directory", Config{LogDir: logs, KeyFile: dir}, true},
		{"key file in a directory that is none", Config{LogDir: logs, KeyFile: filepath.Join(file, "key")}, true},
		{"upstream given twice", Config{LogDir: logs, Upstreams: []Upstream{mustUpstream(t), mustUpstream(t)}}, true},
		{"port beyond all ports", Config{LogDir: logs, Listen: "127.0.0.1:99999"}, true},
		{"log directory is a file", Config{LogDir: file, Listen: "127.0.0.1:0"}, false},
		{"log directory below a file", Config{LogDir: filepath.Join(file, "a", "logs"), Listen: "127.0.0.1:0"}, false},
		{"port is taken", Config{LogDir: logs, Listen: taken.Addr().String()}, false},
		{"admin's port is taken", Config{LogDir: logs, Listen: "127.0.0.1:0", Admin: taken.Addr().String()}, false},
	} {
		err := Run(context.Background(), x.cfg)
		var config *ConfigError
		if err == nil || errors.As(err, &config) != x.config {
			t.Errorf("%s: %v is a ConfigError: %v, want %v", x.name, err, !x.config, x.config)
		}
	}
}

func mustUpstream(t *testing.T) Upstream {
	t.Helper()
	u, err := ParseUpstream("a=https://a.example")
	if err != nil {
		t.Fatal(err)
	}
	return u
}
