//go:build sdk

package sdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
)

// patience bounds every wait for a process.
const patience = 2 * time.Minute

// client is a program that calls every case once.
type client struct {
	agent   string
	command []string // the address of the provider is added
	dir     string
}

func TestNode(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine", tool)
		}
	}
	dir := t.TempDir()
	copyFiles(t, dir, "package.json", "clients.mjs")
	output(t, dir, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
	through(t, client{agent: "node-client", command: []string{"node", "clients.mjs"}, dir: dir})
}

func TestPython(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("python3", "-m", "venv", filepath.Join(dir, "venv")).CombinedOutput(); err != nil {
		t.Skipf("no python3 with venv on this machine: %v %s", err, out)
	}
	copyFiles(t, dir, "requirements.txt", "clients.py")
	python := filepath.Join(dir, "venv", "bin", "python")
	output(t, dir, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt")
	through(t, client{agent: "python-client", command: []string{python, "clients.py"}, dir: dir})
}

// through runs c directly and through burn, over plain connections and with a
// provider behind TLS and HTTP/2, plain and compressed answers.
func through(t *testing.T, c client) {
	burn := build(t)
	tests := []struct {
		name      string
		tls, gzip bool
	}{
		{"plain", false, false},
		{"gzip over TLS", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			f.gzip = tt.gzip
			direct := c.run(t, f.plain.URL)
			wanted := f.take(t)

			args := []string{"--upstream-ca", f.authority(t)}
			target := f.plain.URL
			if tt.tls {
				target = f.tls.URL
			}
			for _, name := range []string{"openai", "anthropic", "gemini"} {
				args = append(args, "--upstream", name+"="+target)
			}
			p := startProxy(t, burn, args...)
			proxied := c.run(t, "http://"+p.address)
			got := f.take(t)
			records := p.stop(t)
			compare(t, c, direct, proxied, wanted, got, records)
			if tt.tls && !slices.ContainsFunc(got, func(s seen) bool { return s.proto == "HTTP/2.0" }) {
				t.Error("the provider behind TLS was not spoken to in HTTP/2")
			}
		})
	}
}

// compare holds all three promises for each case and logs a table.
func compare(t *testing.T, c client, direct, proxied map[string]string, wanted, got []seen, records []usage.Record) {
	var table strings.Builder
	defer func() { t.Logf("client, provider and record:\n%s", table.String()) }()
	total := 0
	for _, s := range samples {
		total += len(s.records)
		answer, request, record := "same", "same", "right"
		if direct[s.name] == "" || direct[s.name] != proxied[s.name] {
			answer = "DIFFERS"
			t.Errorf("%s: answers differ:\ndirect  %s\nproxied %s", s.name, direct[s.name], proxied[s.name])
		}
		if last := s.answers[len(s.answers)-1]; failed(direct[s.name]) != (last.status >= 400) {
			answer = "WRONG"
			t.Errorf("%s: not what the client should make of the answer: %s", s.name, direct[s.name])
		}
		a, b := of(wanted, s.name), of(got, s.name)
		if len(a) != len(s.answers) || len(a) != len(b) {
			request = "DIFFERS"
			t.Errorf("%s: the provider got %d requests directly and %d through burn, want %d", s.name, len(a), len(b), len(s.answers))
		} else if diff := differ(a, b); diff != "" {
			request = "DIFFERS"
			t.Errorf("%s: requests differ: %s", s.name, diff)
		}
		var mine []usage.Record
		for _, r := range records {
			if r.Session == s.name {
				mine = append(mine, r)
			}
		}
		if problem := check(c, s, b, mine); problem != "" {
			record = "WRONG"
			t.Errorf("%s: %s", s.name, problem)
		}
		fmt.Fprintf(&table, "%-36s answer %-8s request %-8s record %s\n", s.name, answer, request, record)
	}
	if len(records) != total {
		t.Errorf("%d records, want %d", len(records), total)
	}
	if len(direct) != len(samples) {
		t.Errorf("the client ran %d cases, want %d", len(direct), len(samples))
	}
}

// failed reports whether the client met an error.
func failed(line string) bool {
	var result struct{ Error json.RawMessage }
	return json.Unmarshal([]byte(line), &result) != nil || result.Error != nil
}

func of(all []seen, name string) []seen {
	var mine []seen
	for _, s := range all {
		if s.name == name {
			mine = append(mine, s)
		}
	}
	return mine
}

// differ says where two rows of requests differ; the connection's own headers
// may.
func differ(a, b []seen) string {
	for i := range a {
		for _, h := range []http.Header{a[i].header, b[i].header} {
			h.Del("Connection")
			h.Del("Keep-Alive")
		}
		switch {
		case a[i].method != b[i].method || a[i].target != b[i].target:
			return fmt.Sprintf("%s %s and %s %s", a[i].method, a[i].target, b[i].method, b[i].target)
		case !bytes.Equal(a[i].body, b[i].body):
			return fmt.Sprintf("bodies %s and %s", a[i].body, b[i].body)
		case !reflect.DeepEqual(a[i].header, b[i].header):
			return fmt.Sprintf("headers %v and %v", a[i].header, b[i].header)
		}
	}
	return ""
}

// check holds the records of one case against what they must say.
func check(c client, s sample, requests []seen, records []usage.Record) string {
	if len(records) != len(s.records) {
		return fmt.Sprintf("%d records, want %d", len(records), len(s.records))
	}
	for i, r := range records {
		if i >= len(requests) {
			return "more records than requests"
		}
		if i < len(s.answers)-1 && r.End == usage.EndClientAbort {
			// A client that tries again need not wait for the failed answer's body.
			if r.Agent != c.agent || r.Status != s.answers[i].status || r.Input != 0 {
				return fmt.Sprintf("an answer left behind: agent %q, status %d, input_tokens %d", r.Agent, r.Status, r.Input)
			}
			continue
		}
		stays := s.answers[min(i, len(s.answers)-1)].stay
		switch {
		case r.Agent != c.agent || r.AgentSource != "x-agent-id":
			return fmt.Sprintf("agent %q from %q", r.Agent, r.AgentSource)
		case r.KeyID == "" || r.UserAgent == "" || r.Client != "127.0.0.1" || r.LatencyMS <= 0 || r.TTFTMS <= 0 || r.TTFTMS > r.LatencyMS:
			return fmt.Sprintf("key_id %q, user_agent %q, client %q, latency_ms %v, ttft_ms %v", r.KeyID, r.UserAgent, r.Client, r.LatencyMS, r.TTFTMS)
		case r.RequestBytes != int64(len(requests[i].body)):
			return fmt.Sprintf("request_bytes %d, want %d", r.RequestBytes, len(requests[i].body))
		case r.ResponseBytes != int64(requests[i].size) && !stays:
			return fmt.Sprintf("response_bytes %d, want %d", r.ResponseBytes, requests[i].size)
		case r.Stream != (r.Events > 0):
			return fmt.Sprintf("stream %v with %d events", r.Stream, r.Events)
		case r.UsageSource != usage.SourceNone && (r.FPRequest == 0 || r.InputBytes == 0):
			return fmt.Sprintf("fp_request %x, input_bytes %d", r.FPRequest, r.InputBytes)
		case (r.UsageSource == usage.SourceReported) != (len(r.RawUsage) > 0) && !stays:
			return fmt.Sprintf("usage_source %s with raw_usage %q", r.UsageSource, r.RawUsage)
		}
		got, want := essence(r), essence(s.records[i])
		if got != want {
			return fmt.Sprintf("record differs\ngot  %swant %s", got, want)
		}
	}
	return ""
}

// essence is a record without what check looks at and what depends on time.
func essence(r usage.Record) string {
	r.Boot, r.Seq, r.TS, r.LatencyMS, r.TTFTMS = 0, 0, 0, 0, 0
	r.Agent, r.AgentSource, r.Session, r.KeyID, r.Client, r.UserAgent = "", "", "", "", "", ""
	r.RequestBytes, r.ResponseBytes, r.Events, r.RawUsage = 0, 0, 0, nil
	r.SystemBytes, r.ToolsBytes, r.HistoryBytes, r.RecentBytes, r.InputBytes = 0, 0, 0, 0, 0
	r.FPSystem, r.FPTools, r.FPInput, r.FPRequest, r.FPTurns, r.FPPrefix, r.FPParts = 0, 0, 0, 0, nil, nil, nil
	return string(r.AppendJSON(nil))
}

// run calls all cases at address; the lines by case.
func (c client) run(t *testing.T, address string) map[string]string {
	t.Helper()
	out := output(t, c.dir, c.command[0], append(slices.Clone(c.command[1:]), address)...)
	answers := map[string]string{}
	for line := range bytes.Lines(out) {
		var name struct{ Case string }
		if err := json.Unmarshal(line, &name); err != nil {
			t.Fatalf("the client printed %q", line)
		}
		answers[name.Case] = string(line)
	}
	return answers
}

// output runs a command without burn's variables and proxies and returns its
// standard output.
func output(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(name), err, out, stderr.String())
	}
	return out
}

func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "BURN_") })
}

func copyFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// build returns the path of burn, without DuckDB, which the proxy does not need.
func build(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("BURN_SDK_BURN"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "burn")
	cmd := exec.Command("go", "build", "-o", path, "burn")
	cmd.Env = append(environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build burn: %v\n%s", err, out)
	}
	return path
}

// process is a running burn proxy.
type process struct {
	cmd     *exec.Cmd
	address string
	logs    string
	stderr  chan string // everything after the ready line, once it has ended
}

func startProxy(t *testing.T, burn string, args ...string) *process {
	t.Helper()
	p := &process{logs: filepath.Join(t.TempDir(), "logs"), stderr: make(chan string, 1)}
	p.cmd = exec.Command(burn, append([]string{"proxy", "--listen", "127.0.0.1:0", "--log-dir", p.logs}, args...)...)
	p.cmd.Env = environ()
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(10*patience, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() { timer.Stop(); _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	r := bufio.NewReader(pipe)
	for p.address == "" {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("burn proxy did not get ready: %q %v", line, err)
		}
		if _, rest, ok := strings.Cut(line, "msg=ready address="); ok {
			p.address, _, _ = strings.Cut(rest, " ")
		}
	}
	go func() {
		b, _ := io.ReadAll(r) // ends with the process
		p.stderr <- string(b)
	}()
	return p
}

// stop drains the proxy and returns the records of its calls in order.
func (p *process) stop(t *testing.T) []usage.Record {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told := <-p.stderr
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("burn proxy: %v", err)
	}
	if strings.Contains(told, "level=WARN") || strings.Contains(told, "level=ERROR") {
		t.Errorf("burn proxy complained:\n%s", told)
	}
	files, err := filepath.Glob(filepath.Join(p.logs, "burn-*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("log files %v, %v; want one", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var records []usage.Record
	var d usage.Decoder
	for line := range bytes.Lines(b) {
		var r usage.Record
		if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if r.Kind == usage.KindCall {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b usage.Record) int { return int(a.Seq) - int(b.Seq) })
	return records
}
