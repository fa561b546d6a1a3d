package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
)

// patience bounds every wait for a process.
const patience = time.Minute

// sandbox is a directory in which commands run with nothing of the machine's
// burn around them.
type sandbox struct {
	t   *testing.T
	dir string
}

func newSandbox(t *testing.T) sandbox { return sandbox{t, t.TempDir()} }

func (s sandbox) logs() string { return filepath.Join(s.dir, "data", "burn", "logs") }

func (s sandbox) command(args ...string) *exec.Cmd {
	cmd := exec.Command("burn", args...)
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "BURN_") })
	cmd.Env = append(cmd.Env, "XDG_DATA_HOME="+filepath.Join(s.dir, "data"), "TZ=UTC")
	return cmd
}

// run runs burn to its end.
func (s sandbox) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	cmd := s.command(args...)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	return out.String(), told.String(), cmd.ProcessState.ExitCode()
}

// proxy starts burn proxy with these arguments on a port of its own and returns
// its address, and how to end it: with SIGTERM, and more signals right behind it,
// waiting.
func (s sandbox) proxy(args ...string) (address string, stop func(more ...os.Signal)) {
	s.t.Helper()
	cmd := s.command(append([]string{"proxy"}, args...)...)
	cmd.Env = append(cmd.Env, "BURN_LISTEN=127.0.0.1:0")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	s.t.Cleanup(func() { timer.Stop(); _ = cmd.Process.Kill() })
	r := bufio.NewReader(pipe)
	return ready(s.t, r), func(more ...os.Signal) {
		s.t.Helper()
		for _, sig := range append([]os.Signal{syscall.SIGTERM}, more...) {
			if err := cmd.Process.Signal(sig); err != nil {
				s.t.Fatal(err)
			}
		}
		told, _ := io.ReadAll(r)
		if err := cmd.Wait(); err != nil {
			s.t.Fatalf("burn proxy: %v\n%s", err, told)
		}
	}
}

// ready waits until a proxy says so on its standard error, and returns its address.
func ready(t *testing.T, stderr *bufio.Reader) string {
	t.Helper()
	for {
		line, err := stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("burn proxy did not get ready: %q %v", line, err)
		}
		if _, rest, ok := strings.Cut(line, "msg=ready address="); ok {
			address, _, _ := strings.Cut(rest, " ")
			return address
		}
	}
}

// TestSecondSignalEndsAtOnce: however soon it comes after the first.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	called := make(chan struct{}, 1)
	provider := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		<-r.Context().Done()
	}))
	defer provider.Close()
	for range 5 {
		address, stop := newSandbox(t).proxy("--upstream", "openai="+provider.URL, "--grace", "1h")
		go http.Get("http://" + address + "/openai/v1/models") // it is cut
		<-called
		stop(os.Interrupt) // or patience ends it, which is an error
	}
}

// TestNobodyReadsAndAHangup: neither a reader of standard error that has left nor a
// hangup without a terminal ends the proxy, and it ends in good order when asked to.
func TestNobodyReadsAndAHangup(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }))
	defer provider.Close()
	s := newSandbox(t)
	cmd := s.command("proxy", "--listen", "127.0.0.1:0", "--upstream", "openai="+provider.URL)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	address := ready(t, bufio.NewReader(pipe))
	if err := errors.Join(pipe.Close(), cmd.Process.Signal(syscall.SIGHUP), os.RemoveAll(s.logs())); err != nil { // it warns of the last
		t.Fatal(err)
	}
	for range 10 {
		resp, err := http.Get("http://" + address + "/openai/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		time.Sleep(100 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("burn proxy: %v", err)
	}
}

// TestProxiesOfTheEnvironment are used where they are asked for, and nowhere else.
func TestProxiesOfTheEnvironment(t *testing.T) {
	seen := make(chan string, 10)
	forward := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	}))
	defer forward.Close()
	t.Setenv("HTTPS_PROXY", forward.URL)
	t.Setenv("https_proxy", forward.URL)
	for _, flags := range [][]string{{"--use-env-proxy"}, nil} {
		address, stop := newSandbox(t).proxy(append([]string{"--upstream", "openai=https://provider.invalid"}, flags...)...)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if flags == nil { // nobody has that name; how soon that is known is the resolver's matter
			time.AfterFunc(time.Second, cancel)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/openai/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
		if err == nil {
			resp.Body.Close()
		}
		stop(os.Interrupt)
		cancel()
		got := ""
		select {
		case got = <-seen:
		default:
		}
		if want := map[bool]string{true: "CONNECT provider.invalid:443"}[flags != nil]; got != want {
			t.Errorf("%q: the proxy of the environment was asked for %q, want %q", flags, got, want)
		}
	}
}

// TestFromCallToDollar is the whole path: a call through the proxy is in the
// next report, priced.
func TestFromCallToDollar(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sk-made-up" || r.URL.Path != "/v1/chat/completions" {
			http.Error(w, "not the call that was made", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5-mini-2025-08-07","choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}`)
	}))
	defer provider.Close()
	s := newSandbox(t)
	address, stop := s.proxy("--upstream", "openai="+provider.URL)

	req, err := http.NewRequest(http.MethodPost, "http://"+address+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5-mini","messages":[{"role":"user","content":"Is water wet?"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-made-up")
	req.Header.Set("X-Agent-ID", "triage")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s %v", res.Status, body, err)
	}

	// It is there while the proxy runs, and counted once when it has ended.
	for _, ended := range []bool{false, true} {
		if ended {
			stop()
		} else {
			waitForCall(t, s.logs())
		}
		stdout, stderr, code := s.run("analyze", "--since", "24h", "--strict", "--format", "json")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		var r struct {
			Totals struct {
				Requests int    `json:"requests"`
				Cost     string `json:"cost_usd"`
			} `json:"totals"`
			ByAgent []struct {
				Key  string `json:"key"`
				Cost string `json:"cost_usd"`
			} `json:"by_agent"`
		}
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatal(err)
		}
		// 1,000 tokens at $0.25 and 100 at $2 per million.
		if r.Totals.Requests != 1 || r.Totals.Cost != "0.00045" || len(r.ByAgent) != 1 || r.ByAgent[0].Key != "triage" || r.ByAgent[0].Cost != "0.00045" {
			t.Errorf("ended %v: %+v", ended, r)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.logs(), "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"sk-made-up", "water", "Yes."} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// waitForCall waits until a call's line is in the log.
func waitForCall(t *testing.T, dir string) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(`"response_id":"chatcmpl-1"`)) {
				return
			}
		}
		if time.Since(begin) > patience {
			t.Fatal("the call's line was not written")
		}
	}
}

// TestReadmeExamples runs every burn command that the README shows.
func TestReadmeExamples(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := examples(string(b))
	for _, want := range []string{"burn proxy", "burn analyze --since 7d", "burn demo --dir DIR", "burn version"} {
		if !slices.Contains(commands, want) {
			t.Errorf("%q was not found in the README", want)
		}
	}
	registry := regexp.MustCompile("(?s)```\n(id,name,owner.*?)```").FindSubmatch(b)
	if registry == nil {
		t.Fatal("the README shows no agents file")
	}
	s := newSandbox(t)
	files := map[string]string{
		"agents.csv":                           string(registry[1]),
		"usage.json":                           `{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306}`,
		"burn.yaml":                            "mail: {sendmail: " + filepath.Join(s.dir, "sendmail") + "}\n",
		"sendmail":                             "#!/bin/sh\ncat >/dev/null\n",
		"prices.csv":                           "provider,model,match,input_per_mtok,output_per_mtok\nacme,mystery-1,=mystery-1,1,2\n",
		"model_prices_and_context_window.json": `{"mystery-2":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1e-06,"output_cost_per_token":2e-06}}`,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(s.dir, "sendmail"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeCalls(t, s.logs(), time.Now())
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			s := sandbox{t, s.dir}
			line := strings.NewReplacer("/var/www/", s.dir+"/", "/etc/", s.dir+"/", " DIR", " "+filepath.Join(s.dir, "demo"), "'", "",
				" import FILE", " import model_prices_and_context_window.json", " FILE", " prices.csv").Replace(command)
			line, into, redirected := strings.Cut(line, " > ")
			args := words(line)[1:]
			if args[0] == "proxy" {
				_, stop := s.proxy(args[1:]...)
				stop()
				return
			}
			stdout, stderr, code := s.run(args...)
			if code != 0 || stdout == "" && !slices.Contains(args, "--quiet") || args[0] != "prices" && strings.Contains(stderr, "burn:") {
				t.Errorf("exit %d\n%.500s\n%s", code, stdout, stderr)
			}
			if redirected {
				if err := os.WriteFile(filepath.Join(s.dir, into), []byte(stdout), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// notExamples are mentions in the README of a command's name with something
// that is not meant to be typed.
var notExamples = []string{"burn analyze", "burn demo", "burn mark"}

// words splits a command at its spaces, those between double quotes left out.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}

// examples finds the commands of a text in Markdown: lines of blocks, with or
// without a crontab's five fields before, and spans of code.
func examples(text string) []string {
	var found []string
	add := func(command string) {
		command, _, _ = strings.Cut(command, " #")
		command = strings.TrimSpace(command)
		if !slices.Contains(found, command) && !slices.Contains(notExamples, command) {
			found = append(found, command)
		}
	}
	cron := regexp.MustCompile(`^(?:[\d*]+ +){5}`)
	span := regexp.MustCompile("`(burn [^`]+)`")
	inBlock := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = !inBlock
		case inBlock:
			if line = strings.TrimPrefix(cron.ReplaceAllString(line, ""), "./"); strings.HasPrefix(line, "burn ") {
				add(line)
			}
		default:
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				add(m[1])
			}
		}
	}
	return found
}

// writeCalls writes a log with calls of the last three weeks, one a moment ago,
// and calls in each month that the README names.
func writeCalls(t *testing.T, dir string, now time.Time) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	times := []time.Time{now, time.Date(2026, time.November, 10, 12, 0, 0, 0, time.UTC)}
	for day := range 21 {
		times = append(times, now.AddDate(0, 0, -day).Add(-time.Minute))
	}
	var lines []byte
	for i, at := range times {
		r := usage.Record{
			Boot: 1, Seq: uint64(i + 1), TS: at.UnixMilli(), LatencyMS: 900, Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions",
			Method: http.MethodPost, Status: 200, End: usage.EndComplete, RequestModel: "gpt-5-mini", ResponseModel: "gpt-5-mini-2025-08-07",
			Agent: "chat-gate", UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: 1000, Output: 100},
		}
		lines = r.AppendJSON(lines)
	}
	if err := os.WriteFile(filepath.Join(dir, "gathered.jsonl"), lines, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDemoOfBinary looks at what the built program's demo left in
// BURN_DEMO_DIR. The script demo.txtar holds the rest of the story's figures.
func TestDemoOfBinary(t *testing.T) {
	dir := os.Getenv("BURN_DEMO_DIR")
	if dir == "" {
		t.Skip("BURN_DEMO_DIR names no directory")
	}
	tests := []struct {
		since, until string
		figures      map[string]string
	}{
		{"2026-09-01", "2026-10-01", map[string]string{
			"totals.requests": "143000", "totals.agents": "7", "totals.cost_usd": "2300", "totals.avg_tokens": "4200",
			"totals.peak_hour.hour": "14", "by_hour[key=14].cost_usd": "180",
			"by_agent[key=doc-classifier].cost_usd+by_agent[key=ticket-router].cost_usd/totals.cost_usd": "0.40",
		}},
		{"2026-10-01", "2026-10-31", map[string]string{
			"totals.requests": "81000", "totals.agents": "5", "totals.cost_usd": "920", "totals.avg_tokens": "890", "by_hour[*].cost_usd": "38",
		}},
	}
	exact := []string{"totals.requests", "totals.agents", "totals.peak_hour.hour"}
	s := newSandbox(t)
	for _, tt := range tests {
		stdout, stderr, code := s.run("analyze", "--log-dir", filepath.Join(dir, "before"), "--no-ingest",
			"--since", tt.since, "--until", tt.until, "--tz", "UTC", "--format", "json")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		d := json.NewDecoder(strings.NewReader(stdout))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		for expr, want := range tt.figures {
			within := big.NewRat(1, 100)
			if slices.Contains(exact, expr) {
				within = new(big.Rat)
			}
			got, err := evaluate(doc, expr)
			if err != nil || slices.ContainsFunc(got, func(g string) bool { return !near(g, want, within) }) {
				t.Errorf("%s: %s is %v, want %s; %v", tt.since, expr, got, want, err)
			}
		}
	}
}
