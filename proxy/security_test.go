package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"burn/proxy/usage"
)

func TestWhatIsNotForwarded(t *testing.T) {
	var hits atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { hits.Add(1) })
	p := startProxy(t, nil, "openai="+up.URL)
	long := strings.Repeat("a", 70<<10)
	for _, x := range []struct{ name, request, status string }{
		{"connect", "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"},
		{"trace", "TRACE /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"},
		{"options *", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"pri", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405"},
		{"unrouted", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
		{"metadata service", "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: localhost\r\n\r\n", "403"},
		{"dot segment", "GET /openai/../anthropic/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"encoded dot segment", "GET /openai/%2e%2E/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"bad escape in path", "GET /openai/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		{"two hosts", "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", "400"},
		{"no host", "GET /openai/v1/x HTTP/1.1\r\n\r\n", "400"},
		{"rebound host", "GET /openai/v1/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"},
		{"two lengths", "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
		{"length with sign", "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\nab", "400"},
		{"unknown coding", "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n", "501"},
		{"space before colon", "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nX-Agent-ID : a\r\n\r\n", "400"},
		{"NUL in a header", "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nX-Agent-ID: a\x00b\r\n\r\n", "400"},
		{"header of 70 KB", "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nX-Agent-ID: " + long + "\r\n\r\n", "431"},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		{"health", "GET /burn/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := dial(t, p.addr)
			go io.WriteString(c, x.request)
			line, err := bufio.NewReader(c).ReadString('\n')
			if fields := strings.Fields(line); len(fields) < 2 || fields[1] != x.status {
				t.Errorf("answer %q, %v, want %s", line, err, x.status)
			}
		})
	}
	_, body := rawBody(t, p.addr, "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if errorType(t, body) != "burn_no_route" || !strings.Contains(body, `"anthropic"`) {
		t.Errorf("the 404 lists no upstreams: %s", body)
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests reached the upstream", hits.Load())
	}
	if got := len(p.finish()); got != 0 {
		t.Errorf("%d records for refused requests", got)
	}
	lines := p.lines()
	if stop := lines[len(lines)-1]; stop.Refused == 0 {
		t.Error("the stop line counts no refused request")
	}
}

// rawBody splits the answer to a raw request.
func rawBody(t *testing.T, addr, request string) (head, body string) {
	head, body, _ = strings.Cut(rawExchange(t, addr, request), "\r\n\r\n")
	return head, body
}

func TestMalformedChunksAre400(t *testing.T) {
	var whole atomic.Int32
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err == nil {
			whole.Add(1)
			io.WriteString(c, plainAnswer)
		}
	})
	p := startProxy(t, nil, "openai="+url)
	for _, chunk := range []string{"zz\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "ffffffffffffffffff\r\n"} {
		c := dial(t, p.addr)
		io.WriteString(c, "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk)
		line, err := bufio.NewReader(c).ReadString('\n')
		if !strings.Contains(line, " 400 ") {
			t.Errorf("%q: answer %q, %v", chunk, line, err)
		}
	}
	if whole.Load() != 0 {
		t.Errorf("%d whole requests reached the upstream", whole.Load())
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["X-Burn-Token"]) != 0 || len(r.Header["X-Burn-Step"]) != 0 {
			t.Error("burn's own headers were forwarded")
		}
		if r.Header.Get("X-Burn-Other") != "1" {
			t.Error("a header without a meaning was not forwarded")
		}
	})
	p := startProxy(t, func(c *Config) { c.AuthTokenFile = file }, "openai="+up.URL)
	for _, x := range []struct {
		token  []string
		status int
	}{{nil, 401}, {[]string{"wrong"}, 401}, {[]string{""}, 401}, {[]string{"s3cret", "s3cret"}, 401}, {[]string{"s3cret"}, 200}} {
		var h []string
		for _, v := range x.token {
			h = append(h, "X-Burn-Token", v)
		}
		res, _ := post(t, p.url("/openai/v1/x"), "{}", append(h, "X-Burn-Step", "s", "X-Burn-Other", "1")...)
		if res.StatusCode != x.status {
			t.Errorf("token %q: status %d, want %d", x.token, res.StatusCode, x.status)
		}
	}
	if r := only(t, p.finish()); r.Step != "s" {
		t.Errorf("step %q", r.Step)
	}
}

func TestConfigIsRefused(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no log directory", Config{}, "log directory"},
		{"open to strangers", Config{Listen: "0.0.0.0:0"}, "--auth-token-file"},
		{"open by an empty host", Config{Listen: ":0"}, "--auth-token-file"},
		{"admin beyond loopback", Config{Listen: "127.0.0.1:0", Admin: "0.0.0.0:0"}, "loopback"},
		{"bad address", Config{Listen: "nonsense"}, "HOST:PORT"},
		{"missing token file", Config{Listen: "127.0.0.1:0", AuthTokenFile: filepath.Join(dir, "none")}, "token file"},
		{"empty token file", Config{Listen: "127.0.0.1:0", AuthTokenFile: empty}, "empty"},
		{"CA without certificate", Config{Listen: "127.0.0.1:0", UpstreamCA: empty}, "no PEM"},
		{"unknown users", Config{Listen: "127.0.0.1:0", Users: "x"}, "plain, hash or off"},
		{"rule without agent", Config{Listen: "127.0.0.1:0", Rules: []AgentRule{{}}}, "rule 1"},
	} {
		if x.name != "no log directory" {
			x.cfg.LogDir = filepath.Join(dir, "logs")
		}
		err := Run(context.Background(), x.cfg)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
	}
}

func TestAdmin(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") })
	p := startProxy(t, func(c *Config) { c.Admin = "127.0.0.1:0" }, "openai="+up.URL)
	post(t, p.url("/openai/v1/x"), "{}")
	p.waitRecords(1)
	for path, want := range map[string]string{
		"/healthz": "ok\n", "/metrics": "burn_calls_total{end=\"complete\"} 1\n", "/other": "burn_no_route",
	} {
		if _, body := rawBody(t, p.admin, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); !strings.Contains(body, want) {
			t.Errorf("%s: %s", path, body)
		}
	}
	if head, _ := rawBody(t, p.admin, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"); !strings.Contains(head, " 403 ") {
		t.Errorf("foreign host: %s", head)
	}
}

// Nothing a caller or a provider wrote may reach the log or standard error,
// but for the labels.
func TestCanariesStayOut(t *testing.T) {
	const canary = "CANARY"
	answers := map[string]string{
		"ok":      `{"id":"r","model":"m","choices":[{"message":{"content":"CANARY","tool_calls":[{"function":{"name":"CANARY"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1,"CANARY":"CANARY"}}`,
		"error":   `{"error":{"type":"invalid CANARY","code":"CANARY quoted","message":"Incorrect API key provided: CANARY"}}`,
		"garbage": "CANARY \x00 CANARY",
	}
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		request, err := readRequest(in)
		if err != nil {
			return
		}
		for name, body := range answers {
			if strings.Contains(request, "/"+name) {
				status := map[string]string{"ok": "200 OK", "error": "401 CANARY", "garbage": "200 OK"}[name]
				fmt.Fprintf(c, "HTTP/1.1 %s\r\nX-Canary: CANARY\r\nSet-Cookie: CANARY\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
				return
			}
		}
		if strings.Contains(request, "/malformed") {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Canary CANARY\r\n\r\n")
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nCANARY")
	})
	p := startProxy(t, nil, "openai="+url)
	const prompt = `{"model":"m","messages":[{"role":"system","content":"CANARY CANARY CANARY CANARY CANARY"},{"role":"user","content":"CANARY"}],"tools":[{"type":"function","function":{"name":"CANARY","description":"CANARY"}}],"metadata":{"note":"CANARY"}}`
	n := 0
	for _, path := range []string{"ok", "error", "garbage", "malformed", "cut"} {
		c := dial(t, p.addr)
		fmt.Fprintf(c, "POST /openai/v1/files/%s/CANARY?key=CANARY&CANARY=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer CANARY\r\nX-Api-Key: CANARY\r\n"+
			"Api-Key: CANARY\r\nX-Goog-Api-Key: CANARY\r\nProxy-Authorization: CANARY\r\nCookie: CANARY\r\nReferer: CANARY\r\nX-CANARY: 1\r\nX-Burn-Token: CANARY\r\n"+
			"Helicone-Property-CANARY: CANARY\r\nOpenAI-Project: CANARY CANARY\r\nX-Stainless-Retry-Count: CANARY\r\nContent-Length: %d\r\n\r\n%s", path, len(prompt), prompt)
		_, _ = seenAnswer(bufio.NewReader(c), "POST") // some break; what matters is the log
		n++
	}
	for _, raw := range []string{"CANARY\r\n\r\n", "GET /CANARY HTTP/1.1\r\nHost: CANARY\r\n\r\n", "FOO CANARY CANARY\r\n\r\n", "GET /openai/%zzCANARY HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		c := dial(t, p.addr)
		io.WriteString(c, raw)
		_, _ = bufio.NewReader(c).ReadString('\n')
	}
	if got := len(p.finish()); got != n {
		t.Errorf("%d records for %d calls", got, n)
	}
	if strings.Contains(p.stderr.String(), canary) {
		t.Errorf("standard error: %s", p.stderr)
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log files: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte(canary)); i >= 0 {
			t.Errorf("%s: %.300s", name, b[max(i-150, 0):])
		}
	}
}

func TestMemoryForCopiesIsBounded(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	p := startProxy(t, nil, "openai="+up.URL)
	res, _ := post(t, p.url("/openai/v1/files"), strings.Repeat("x", maxCopies+1))
	if res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	if r := only(t, p.finish()); fmt.Sprint(r.Flags) != "[inspection_skipped]" || r.RequestBytes != 0 || r.End != usage.EndComplete {
		t.Errorf("flags %v, request_bytes %d, end %s", r.Flags, r.RequestBytes, r.End)
	}
}
