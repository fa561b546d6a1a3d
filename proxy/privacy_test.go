package proxy

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Places in which keys travel. What a caller puts into a label is a label.
var (
	keyHeaders = []string{
		"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Goog-Iap-Jwt-Assertion", "X-Amz-Security-Token",
		"X-Auth-Token", "Openai-Api-Key", "Anthropic-Api-Key", "Helicone-Auth", "X-Portkey-Api-Key", "X-Portkey-Virtual-Key", "Cf-Aig-Authorization",
		"X-Litellm-Api-Key", "Ocp-Apim-Subscription-Key", "X-Burn-Token", "Cookie", "Cookie2", "Set-Cookie", "Referer", "Origin", "From",
		"Sec-Websocket-Protocol", "X-Stainless-Helper-Method", "X-Unknown", "Via", "X-Forwarded-For",
	}
	keyValues   = []string{"CANARY", "Bearer CANARY", "Bearer " + jwt, "Basic CANARY", "AWS4-HMAC-SHA256 Credential=CANARY/20260101/r/s/aws4_request, SignedHeaders=host, Signature=CANARY"}
	keyQueries  = []string{"key", "api_key", "api-key", "apikey", "access_token", "token", "sig", "code", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Security-Token", "model", "alt", "CANARY", "%zz"}
	keyPaths    = []string{"/openai/v1/chat/completions", "/openai/v1/files/CANARY", "/gemini/v1beta/files/CANARY", "/anthropic/v1/messages", "/openai/CANARY/CANARY", "/CANARY/v1"}
	jwt         = strings.Join([]string{canary64(`{"alg":"RS256","kid":"CANARY"}`), canary64(`{"iss":"CANARY","sub":"CANARY"}`), "CANARY"}, ".")
	secretBody  = `{"model":"m","stream":true,"messages":[{"role":"system","content":"CANARY"},{"role":"user","content":[{"type":"text","text":"CANARY"},{"type":"file","file":{"filename":"CANARY.pdf","file_data":"CANARY"}}]}],"tools":[{"type":"function","function":{"name":"CANARY","parameters":{"CANARY":1}}}],"tool_choice":"CANARY","CANARY":"CANARY"}`
	secretForm  = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"CANARY.wav\"\r\nContent-Type: audio/CANARY\r\n\r\nCANARY\r\n--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nCANARY\r\n--b--\r\n"
	secretEvent = `data: {"id":"CANARY CANARY","choices":[{"delta":{"content":"CANARY","tool_calls":[{"id":"x","function":{"name":"CANARY","arguments":"CANARY"}}]}}]}` + "\n\n" +
		`data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"CANARY KEY":1,"note":"CANARY"}}` + "\n\n" +
		`event: error` + "\n" + `data: {"type":"error","error":{"type":"invalid key CANARY","message":"Incorrect API key provided: CANARY"}}` + "\n\n" + "data: [DONE]\n\n"
)

func canary64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// secretUpstream answers everything with canaries, in a way its path names.
func secretUpstream(c net.Conn, in *bufio.Reader) {
	for n := 0; ; n++ {
		if _, err := readRequest(in); err != nil {
			return
		}
		switch n % 4 {
		case 0:
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: CANARY CANARY\r\nOpenai-Organization: CANARY ORG\r\nSet-Cookie: CANARY\r\nContent-Length: %d\r\n\r\n%s", len(secretEvent), secretEvent)
		case 1:
			const body = `{"error":{"type":"CANARY quoted","code":"Incorrect API key provided: CANARY","message":"CANARY","param":"CANARY"}}`
			fmt.Fprintf(c, "HTTP/1.1 401 CANARY\r\nContent-Type: application/json\r\nWWW-Authenticate: CANARY\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		case 2:
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: CANARY\r\nContent-Encoding: CANARY\r\nContent-Length: 6\r\n\r\nCANARY")
		default:
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Api-Key CANARY\r\nCANARY: CANARY\r\n\r\n")
			return
		}
	}
}

// Keys in each place of a request, texts, names of tools and files, and a
// provider that quotes them all: none is found in a file, on standard error, on
// the admin's pages or in what is told of a panic.
func TestSecretsAreNowhere(t *testing.T) {
	url := rawUpstream(t, secretUpstream)
	p := startProxy(t, func(c *Config) { c.Admin = "127.0.0.1:0" }, "openai="+url, "gemini="+url, "anthropic="+url, "azure="+url)
	var requests []string
	add := func(target, header, body string) {
		requests = append(requests, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", target, header, len(body), body))
	}
	const chat = "/openai/v1/chat/completions"
	for _, name := range keyHeaders {
		for _, value := range keyValues {
			add(chat, name+": "+value+"\r\n", secretBody)
		}
	}
	for _, name := range keyQueries {
		for _, path := range keyPaths {
			add(path+"?"+name+"=CANARY&x=CANARY", "Authorization: Bearer CANARY\r\n", secretBody)
		}
	}
	add("/openai/v1/audio/transcriptions", "Content-Type: multipart/form-data; boundary=b\r\n", secretForm)
	add("http://CANARY:CANARY@localhost/openai/v1/x", "", secretBody)
	add("http://CANARY.example/openai/v1/x", "", secretBody)
	add("/openai/v1/x", "CANARY: CANARY\r\nContent-Type: CANARY\r\nContent-Encoding: CANARY\r\nUser-Agent: (CANARY)\r\n", secretBody)
	for _, request := range requests {
		c := dial(t, p.addr)
		io.WriteString(c, request)
		_, _ = seenAnswer(bufio.NewReader(c), "POST") // some break; what is kept matters
		c.Close()
	}
	_, metrics := rawBody(t, p.admin, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	_, health := rawBody(t, p.admin, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	records := p.finish()
	if len(records) < len(requests)*3/4 {
		t.Errorf("%d records for %d requests", len(records), len(requests))
	}
	kept := map[string]string{"standard error": p.stderr.String(), "/metrics": metrics, "/healthz": health, "a panic's message": panicMessage(t)}
	err := filepath.WalkDir(filepath.Dir(p.dir), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		kept[path] = string(b)
		return err
	})
	if err != nil || len(kept) < 6 || len(metrics) < 1000 {
		t.Fatalf("%d places looked at, %d bytes of metrics, %v", len(kept), len(metrics), err)
	}
	for place, text := range kept {
		for _, secret := range []string{"CANARY", jwt[:40], canary64("CANARY"), "Q0FOQVJZ"} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s: …%.200q", place, text[max(at-100, 0):])
			}
		}
	}
}

// panicMessage is what is told when a handler panics with a secret.
func panicMessage(t *testing.T) string {
	var told syncBuffer
	s := (&servers{p: &Proxy{logger: slog.New(slog.NewTextHandler(&told, nil))}}).server(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("CANARY") }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	rawExchange(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	s.Close()
	if !strings.Contains(told.String(), "panic") {
		t.Errorf("a panic is not told: %q", told.String())
	}
	return told.String()
}
