package proxy

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	plainRequest = "POST /v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	plainAnswer  = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)

func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: HOST\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func chunked(headers string, rest string) string {
	return "POST /v1/files HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n" + headers + "\r\n" + rest
}

func answerWith(status, headers, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + headers + "\r\n" + body
}

// exchanges are raw requests and answers. HOST stands for the server's address;
// "" is the plain one. The path of a request goes through the proxy with
// /openai before it.
var exchanges = []struct{ name, request, answer string }{
	{"plain", "", ""},
	{"get", get("/v1/models"), ""},
	{"get with a body length of 0", get("/v1/models", "Content-Length: 0"), ""},
	{"post without length", "POST /v1/x HTTP/1.1\r\nHost: HOST\r\n\r\n", ""},
	{"post of length 0", "POST /v1/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", ""},
	{"post of length 0 with idempotency key", "POST /v1/x HTTP/1.1\r\nHost: HOST\r\nIdempotency-Key: 7\r\nContent-Length: 0\r\n\r\n", ""},
	{"get with a body", "GET /v1/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc", ""},
	{"delete", "DELETE /v1/files/1 HTTP/1.1\r\nHost: HOST\r\n\r\n", ""},
	{"patch", "PATCH /v1/files/1 HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\n1", ""},
	{"unknown method", "FROB /v1/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\n1", ""},
	{"options", "OPTIONS /v1/x HTTP/1.1\r\nHost: HOST\r\nOrigin: http://a.example\r\n\r\n", ""},
	{"query with semicolon", get("/v1/x?a;b=c"), ""},
	{"query with bad escape", get("/v1/x?a=%zz&b=%"), ""},
	{"query that is empty", get("/v1/x?"), ""},
	{"query of question marks", get("/v1/x???a=?"), ""},
	{"query with 10001 parameters", get("/v1/x?" + strings.Repeat("a=1&", 10000) + "a=1"), ""},
	{"query with plus, space escape, unicode", get("/v1/x?q=a+b%20c%E2%82%AC"), ""},
	{"path with escapes", get("/v1/models/a%2Fb%3Ac%20d"), ""},
	{"path with lower and upper case escapes", get("/v1/%e2%82%ac/%E2%82%AC"), ""},
	{"path with a double slash", get("/v1//x//y/"), ""},
	{"path that begins with a double slash", get("//x/y"), ""},
	{"path that begins with a double slash and odd characters", get("//a|b\"<>^`{}"), ""},
	{"path with odd characters", get("/v1/a|b\"<>^`{}[]"), ""},
	{"path with sub-delimiters", get("/v1/a:b@c!$&'()*+,;=-._~"), ""},
	{"path with a hash", get("/v1/a#b"), ""},
	{"path with high bytes", get("/v1/\xc3\xa9\xff"), ""},
	{"user agent", get("/v1/x", "User-Agent: OpenAI/Python 1.2 (x; y)"), ""},
	{"user agent that is empty", get("/v1/x", "User-Agent: "), ""},
	{"accept-encoding", get("/v1/x", "Accept-Encoding: br;q=1.0, gzip"), ""},
	{"header with many values", get("/v1/x", "X-A: 1", "X-A: 2", "X-A: 1", "X-B: a, b"), ""},
	{"header with an empty value", get("/v1/x", "X-A:", "X-B: "), ""},
	{"header with high bytes and quotes", get("/v1/x", "X-A: caf\xc3\xa9 \"q\" \xff"), ""},
	{"header of 30 KB", get("/v1/x", "X-A: "+strings.Repeat("a", 30<<10)), ""},
	{"cookies", get("/v1/x", "Cookie: a=b; c=d"), ""},
	{"client's own forwarding headers", get("/v1/x", "X-Forwarded-For: 10.1.2.3", "Forwarded: for=1.2.3.4", "Via: 1.1 x"), ""},
	{"keys", get("/v1/x", "Authorization: Bearer sk-1", "X-Api-Key: k", "Api-Key: a", "X-Goog-Api-Key: g"), ""},
	{"attribution headers", get("/v1/x", "X-Agent-ID: a", "Helicone-Session-Id: s", "Baggage: a=b", "Traceparent: 00-0-0-0"), ""},
	{"range, conditions", get("/v1/x", "Range: bytes=0-1", "If-None-Match: \"x\""), ""},
	{"te trailers", get("/v1/x", "TE: trailers", "Connection: TE"), ""},
	{"chunked body", chunked("", "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n"), ""},
	{"chunked body that is empty", chunked("", "0\r\n\r\n"), ""},
	{"chunked body with trailers", chunked("Trailer: X-Sum\r\n", "3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"), ""},
	{"expect continue", "POST /v1/x HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", ""},
	{"body of 300 KB", fmt.Sprintf("POST /v1/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n%s", 300<<10, strings.Repeat("abc", 100<<10)), ""},
	{"binary body", "POST /v1/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 8\r\n\r\n\x00\x01\r\n\r\n\xff\xfe", ""},

	{"answer without type and date", "", answerWith("200 OK", "Content-Length: 6\r\n", "<html>")},
	{"answer with date and server", "", answerWith("200 OK", "Date: Mon, 01 Jan 2001 00:00:00 GMT\r\nServer: s\r\nContent-Length: 0\r\n", "")},
	{"answer that is chunked", "", answerWith("200 OK", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")},
	{"answer with announced trailers", "", answerWith("200 OK", "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n", "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")},
	{"answer with unannounced trailers", "", answerWith("200 OK", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nX-T: 1\r\nX-T: 2\r\n\r\n")},
	{"answer with both kinds of trailers", "", answerWith("200 OK", "Transfer-Encoding: chunked\r\nTrailer: X-A\r\n", "3\r\nabc\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n")},
	{"answer to the end of the connection", "", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"},
	{"answer of HTTP/1.0", "", "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold"},
	{"answer that is empty", "", answerWith("200 OK", "Content-Length: 0\r\n", "")},
	{"answer 204", "", answerWith("204 No Content", "X-A: 1\r\n", "")},
	{"answer 304", get("/v1/x", "If-None-Match: \"x\""), answerWith("304 Not Modified", "Etag: \"x\"\r\n", "")},
	{"answer to head", "HEAD /v1/x HTTP/1.1\r\nHost: HOST\r\n\r\n", answerWith("200 OK", "Content-Length: 1234\r\nContent-Type: a/b\r\n", "")},
	{"answer 103 first", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n" + plainAnswer},
	{"answer 103 twice and 102", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" + plainAnswer},
	{"answer 307", "", answerWith("307 Temporary Redirect", "Location: http://elsewhere.example/\r\nContent-Length: 0\r\n", "")},
	{"answer 401 with challenge", "", answerWith("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"a, b\"\r\nContent-Length: 2\r\n", "no")},
	{"answer 429", "", answerWith("429 Too Many Requests", "Retry-After: 3\r\nX-Ratelimit-Remaining: 0\r\nContent-Length: 2\r\n", "{}")},
	{"answer 529", "", answerWith("529 Overloaded", "Content-Length: 2\r\n", "{}")},
	{"answer 999", "", answerWith("999 What", "Content-Length: 2\r\n", "{}")},
	{"answer with cookies", "", answerWith("200 OK", "Set-Cookie: a=b\r\nSet-Cookie: c=d; Path=/\r\nContent-Length: 0\r\n", "")},
	{"answer with an empty header", "", answerWith("200 OK", "X-A:\r\nContent-Length: 0\r\n", "")},
	{"answer gzipped in name only", "", answerWith("200 OK", "Content-Encoding: gzip\r\nContent-Length: 3\r\n", "\x1f\x8bx")},
	{"answer in an unknown encoding", "", answerWith("200 OK", "Content-Encoding: zz\r\nContent-Length: 3\r\n", "abc")},
	{"answer as events", "", answerWith("200 OK", "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n", "8\r\ndata: 1\n\r\n1\r\n\n\r\n0\r\n\r\n")},
	{"answer of 200 KB", "", answerWith("200 OK", "Content-Length: 204800\r\n", strings.Repeat("x", 200<<10))},
	{"answer with the upstream's connection header", "", answerWith("200 OK", "Connection: X-Gone\r\nX-Gone: 1\r\nContent-Length: 0\r\n", "")},
}

// seen is a message as one end saw it, hop-by-hop parts left out.
type seen struct {
	start   string // request line without version, or status code
	headers []string
	framing string // what says where the body ends
	body    string
	trailer []string
	first   []string // informational answers
}

func sorted(h http.Header, skip ...string) (out []string) {
	skip = append(skip, "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer", "X-Gone")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !slices.Contains(skip, name) {
			out = append(out, fmt.Sprintf("%s: %q", name, h[name]))
		}
	}
	return out
}

func seenRequest(in *bufio.Reader) (s seen, err error) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return s, err
	}
	b, err := io.ReadAll(r.Body)
	s = seen{
		start: r.Method + " " + r.RequestURI, headers: sorted(r.Header), body: string(b), trailer: sorted(r.Trailer),
		framing: fmt.Sprint(r.Header["Content-Length"], r.TransferEncoding),
	}
	return s, err
}

func seenAnswer(in *bufio.Reader, method string) (s seen, err error) {
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return s, err
		}
		if res.StatusCode < 200 {
			s.first = append(s.first, fmt.Sprint(res.StatusCode, sorted(res.Header)))
			continue
		}
		b, err := io.ReadAll(res.Body)
		s.start, s.headers, s.body, s.trailer = fmt.Sprint(res.StatusCode), sorted(res.Header), string(b), sorted(res.Trailer)
		s.framing = fmt.Sprint(res.Header["Content-Length"])
		return s, err
	}
}

// endsWithConnection tells that nothing in a raw answer says where its body
// ends. Closing after any other answer would race with the next request on the
// connection that the proxy keeps.
func endsWithConnection(answer string) bool {
	for _, mark := range []string{"Content-Length", "chunked", " 204 ", " 304 "} {
		if strings.Contains(answer, mark) {
			return false
		}
	}
	return true
}

func TestBytesPassUnchanged(t *testing.T) {
	type arrival struct {
		seen
		host string
		err  error
	}
	var answers atomic.Pointer[string]
	arrivals := make(chan arrival, 1)
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			if _, err := in.Peek(1); err != nil {
				return
			}
			peeked, _ := in.Peek(min(in.Buffered(), 4096))
			_, host, _ := strings.Cut(string(peeked), "\r\nHost: ")
			host, _, _ = strings.Cut(host, "\r\n")
			if strings.Contains(string(peeked), "100-continue") {
				io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			}
			s, err := seenRequest(in)
			answer := *answers.Load()
			arrivals <- arrival{s, host, err}
			io.WriteString(c, answer)
			if endsWithConnection(answer) {
				return
			}
		}
	})
	p := startProxy(t, nil, "openai="+url)
	direct := strings.TrimPrefix(url, "http://")
	for _, x := range exchanges {
		t.Run(x.name, func(t *testing.T) {
			request := x.request
			if request == "" {
				request = plainRequest
			}
			answer := x.answer
			if answer == "" {
				answer = plainAnswer
			}
			answers.Store(&answer)
			method, rest, _ := strings.Cut(request, " ")
			ask := func(addr, request string) (arrival, seen) {
				c := dial(t, addr)
				go io.WriteString(c, request)
				got, err := seenAnswer(bufio.NewReader(c), method)
				if err != nil {
					t.Errorf("answer from %s: %v", addr, err)
				}
				c.Close()
				select {
				case a := <-arrivals:
					return a, got
				case <-time.After(patience):
					t.Fatalf("the request to %s did not arrive; answer %+v", addr, got)
					return arrival{}, got
				}
			}
			wantUp, wantDown := ask(direct, strings.Replace(request, "HOST", direct, 1))
			gotUp, gotDown := ask(p.addr, method+" /openai"+strings.Replace(rest, "HOST", p.addr, 1))
			if gotUp.err != nil || wantUp.err != nil {
				t.Fatalf("upstream could not read: direct %v, proxied %v", wantUp.err, gotUp.err)
			}
			if fmt.Sprintf("%+v", gotUp) != fmt.Sprintf("%+v", wantUp) {
				t.Errorf("request differs\n got %.2000q\nwant %.2000q", fmt.Sprintf("%+v", gotUp), fmt.Sprintf("%+v", wantUp))
			}
			if fmt.Sprintf("%+v", gotDown) != fmt.Sprintf("%+v", wantDown) {
				t.Errorf("answer differs\n got %.2000q\nwant %.2000q", fmt.Sprintf("%+v", gotDown), fmt.Sprintf("%+v", wantDown))
			}
		})
	}
	if got := len(p.finish()); got != len(exchanges) {
		t.Errorf("%d records for %d calls", got, len(exchanges))
	}
}

// A client that waits to be told to send its body is told so once, whatever
// comes before it and however late the upstream is.
func TestExpectContinue(t *testing.T) {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	tests := []struct {
		name, before, after string // what the upstream sends before it has the body, and then
		want                []string
		sent                bool
	}{
		{"told", goOn, plainAnswer, []string{"100"}, true},
		{"told after hints", hints + goOn, plainAnswer, []string{"103", "100"}, true},
		{"told late", "", goOn + plainAnswer, []string{"100"}, true},
		{"hints alone", hints, plainAnswer, []string{"103", "100"}, true},
		{"refused", "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", "", nil, false},
		{"refused after hints", hints + "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", "", []string{"103"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readHead(in); err != nil {
					return
				}
				io.WriteString(c, tt.before)
				if !tt.sent {
					io.Copy(io.Discard, in)
					return
				}
				if _, err := io.ReadFull(in, make([]byte, 2)); err != nil {
					t.Errorf("body: %v", err)
				}
				io.WriteString(c, tt.after)
				io.Copy(io.Discard, in)
			})
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			io.WriteString(c, "POST /openai/v1/x HTTP/1.1\r\nHost: "+p.addr+"\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
			in := bufio.NewReader(c)
			var got []string
			for {
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatalf("after %q: %v", got, err)
				}
				if res.StatusCode >= 200 {
					if want := map[bool]int{true: 200, false: 417}[tt.sent]; res.StatusCode != want {
						t.Errorf("status %d, want %d", res.StatusCode, want)
					}
					break
				}
				got = append(got, fmt.Sprint(res.StatusCode))
				if res.StatusCode == http.StatusContinue && len(got) == len(tt.want) {
					io.WriteString(c, "{}")
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("informational answers %q, want %q", got, tt.want)
			}
		})
	}
}
