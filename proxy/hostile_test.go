package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"burn/proxy/usage"
)

// What no parser reads the same way as the next one never reaches an upstream
// as a whole request.
func TestMalformedRequestsStayHere(t *testing.T) {
	url, whole := countingUpstream(t)
	p := startProxy(t, nil, "openai="+url)
	const head = "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n"
	chunks := func(s string) string { return head + "Transfer-Encoding: chunked\r\n\r\n" + s }
	for _, x := range []struct{ name, request string }{
		{"two lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"},
		{"lengths in a list", head + "Content-Length: 2, 3\r\n\r\nabc"},
		{"length with a plus", head + "Content-Length: +2\r\n\r\nab"},
		{"negative length", head + "Content-Length: -1\r\n\r\nab"},
		{"hexadecimal length", head + "Content-Length: 0x2\r\n\r\nab"},
		{"length beyond 64 bits", head + "Content-Length: 99999999999999999999\r\n\r\nab"},
		{"space before the colon", head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
		{"unknown coding", head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
		{"two codings", head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
		{"coding twice", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"coding behind a vertical tab", head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"},
		{"bare CR in a header", head + "X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab"},
		{"NUL in a header", head + "X-A: a\x00\r\nContent-Length: 2\r\n\r\nab"},
		{"NUL in a name", head + "X\x00A: a\r\nContent-Length: 2\r\n\r\nab"},
		{"header without a colon", head + "X-A\r\nContent-Length: 2\r\n\r\nab"},
		{"two hosts", "POST /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab"},
		{"no host", "POST /openai/v1/x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"},
		{"NUL in the path", "POST /openai/v1/\x00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab"},
		{"tab in the path", "POST /openai/v1/\tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab"},
		{"backslash dots", "POST /openai/..\\anthropic HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab"},
		{"chunk size that is none", chunks("zz\r\nabc\r\n0\r\n\r\n")},
		{"negative chunk", chunks("-3\r\nabc\r\n0\r\n\r\n")},
		{"chunk size with 0x", chunks("0x3\r\nabc\r\n0\r\n\r\n")},
		{"chunk size behind a space", chunks(" 3\r\nabc\r\n0\r\n\r\n")},
		{"chunk size beyond 64 bits", chunks("ffffffffffffffffff\r\nabc\r\n0\r\n\r\n")},
		{"bare LF behind a chunk size", chunks("3\nabc\r\n0\r\n\r\n")},
		{"bare LF behind a chunk", chunks("3\r\nabc\n0\r\n\r\n")},
		{"bare CR in an extension", chunks("3;a\rb\r\nabc\r\n0\r\n\r\n")},
		{"chunk longer than its size", chunks("3\r\nabcd\r\n0\r\n\r\n")},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := dial(t, p.addr)
			io.WriteString(c, x.request)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode < 400 || res.StatusCode > 499 && res.StatusCode != http.StatusNotImplemented {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	if n := whole.Load(); n != 0 {
		t.Errorf("%d whole requests reached the upstream", n)
	}
}

// Whatever is sent as a label, the log gets one valid line per call, and the
// label is short, valid and free of what could forge or reorder text.
func TestHostileLabels(t *testing.T) {
	url, _ := countingUpstream(t)
	p := startProxy(t, nil, "openai="+url)
	long := strings.Repeat("ä", 30<<10)
	const forged = `{"v":1,"boot":"1","seq":9,"agent":"boss"}`
	want := map[int]string{}
	calls := 0
	for _, x := range []struct{ name, header, agent string }{ // agent "": any, if it is clean
		{"quotes", `X-Agent-ID: a","cost":0,"agent":"b`, `a","cost":0,"agent":"b`},
		{"folded line", "X-Agent-ID: a\r\n " + forged, "a " + forged},
		{"escaped line", `X-Agent-ID: a\n` + forged, `a\n` + forged},
		{"given twice", "X-Agent-ID: first\r\nX-Agent-ID: second", "first"},
		{"empty", "X-Agent-ID: ", usage.Unknown},
		{"C1 control", "X-Agent-ID: a\u0085b\u009bc", ""},
		{"bidirectional", "X-Agent-ID: a\u202egpj.exe\u2066", ""},
		{"zero width", "X-Agent-ID: a\u200b\u200d\ufeffb", ""},
		{"line separators", "X-Agent-ID: a\u2028b\u2029c", ""},
		{"not UTF-8", "X-Agent-ID: a\xff\xc3\x28", ""},
		{"tab", "X-Agent-ID: a\tb", ""},
		{"60 KB", "X-Agent-ID: " + long, ""},
		{"60 KB of quotes", "X-Agent-ID: " + strings.Repeat(`"`, 30<<10) + "\r\nX-User-ID: " + strings.Repeat(`\`, 20<<10), ""},
	} {
		c := dial(t, p.addr)
		io.WriteString(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n"+x.header+"\r\n\r\n")
		s, err := seenAnswer(bufio.NewReader(c), "GET")
		if err != nil || s.start != "200" {
			t.Errorf("%s: %+v, %v", x.name, s, err)
			continue
		}
		want[calls] = x.agent
		calls++
	}
	records := p.finish()
	if len(records) != calls {
		t.Fatalf("%d records for %d calls", len(records), calls)
	}
	for i, r := range records {
		if want[i] != "" && r.Agent != want[i] {
			t.Errorf("agent %q, want %q", r.Agent, want[i])
		}
		if r.Agent == "" || len(r.Agent) > usage.MaxLabel || !utf8.ValidString(r.Agent) ||
			strings.ContainsFunc(r.Agent, func(c rune) bool { return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp) }) {
			t.Errorf("agent %q", r.Agent)
		}
	}
	files, _ := filepath.Glob(filepath.Join(p.dir, "*.jsonl"))
	lines := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			lines++
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil || len(line) > 8<<10 {
				t.Errorf("line of %d bytes: %v", len(line), err)
			}
		}
	}
	if len(files) == 0 || lines != len(p.lines()) {
		t.Errorf("%d lines in %d files, %d records of all kinds", lines, len(files), len(p.lines()))
	}
}

// Nothing a caller sends, and no place it sends it in, chooses where to.
func TestRequestsChooseNoUpstream(t *testing.T) {
	var elsewhere atomic.Int32
	other := upstream(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	otherHost := strings.TrimPrefix(other.URL, "http://")
	url, whole := countingUpstream(t)
	p := startProxy(t, nil, "openai="+url)
	requests := []string{
		"GET /openai/v1/x HTTP/1.1\r\nHost: " + otherHost + "\r\n",
		"GET " + other.URL + "/openai/v1/x HTTP/1.1\r\nHost: localhost\r\n",
		"GET /openai//" + otherHost + "/v1/x HTTP/1.1\r\nHost: localhost\r\n",
		"GET /openai/@" + otherHost + "/ HTTP/1.1\r\nHost: localhost\r\n",
		"GET /openai/" + other.URL + " HTTP/1.1\r\nHost: localhost\r\n",
	}
	for _, name := range []string{
		"X-Forwarded-Host", "X-Forwarded-Server", "Forwarded", "X-Host", "X-Original-Host", "X-Original-Url", "X-Rewrite-Url", "Base-Url",
		"X-Base-Url", "X-Openai-Base-Url", "X-Portkey-Custom-Host", "Helicone-Target-Url", "X-Upstream", "X-Burn-Upstream",
	} {
		requests = append(requests, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\n"+name+": "+other.URL+"\r\n")
	}
	for _, request := range requests {
		c := dial(t, p.addr)
		io.WriteString(c, request+"Connection: close\r\n\r\n")
		if _, err := seenAnswer(bufio.NewReader(c), "GET"); err != nil {
			t.Errorf("%q: %v", request, err)
		}
	}
	if int(whole.Load()) != len(requests) || elsewhere.Load() != 0 {
		t.Errorf("%d of %d requests where they belong, %d elsewhere", whole.Load(), len(requests), elsewhere.Load())
	}
}

// A caller that lists its labels and keys as hop-by-hop keeps them from the
// upstream, not from the record.
func TestConnectionHeaderHidesNoLabel(t *testing.T) {
	got := make(chan string, 1)
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if request, err := readRequest(in); err == nil {
			got <- request
			io.WriteString(c, plainAnswer)
		}
	})
	p := startProxy(t, nil, "openai="+url)
	c := dial(t, p.addr)
	fmt.Fprint(c, "GET /openai/v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: X-Agent-ID, X-User-ID\r\nX-Agent-ID: a\r\nX-User-ID: u\r\nAuthorization: Bearer k\r\n\r\n")
	if _, err := seenAnswer(bufio.NewReader(c), "GET"); err != nil {
		t.Fatal(err)
	}
	if request := <-got; strings.Contains(request, "X-Agent-Id") || !strings.Contains(request, "Authorization: Bearer k") {
		t.Errorf("forwarded %q", request)
	}
	if r := only(t, p.finish()); r.Agent != "a" || r.User != "u" || r.KeyID == "" {
		t.Errorf("agent %q, user %q, key_id %q", r.Agent, r.User, r.KeyID)
	}
}
