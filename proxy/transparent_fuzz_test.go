package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// visible keeps of s what may stand in a request target.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c == 0x7f || c == '#' || c == '?' {
			return -1
		}
		return c
	}, s)
}

// printable keeps of s what may stand in a header's value.
func printable(s string) string {
	b := []byte(s)
	n := 0
	for _, c := range b {
		if c >= ' ' && c != 0x7f || c == '\t' {
			b[n] = c
			n++
		}
	}
	return strings.Trim(string(b[:n]), " \t")
}

// Whatever stands in path, query, header and bodies: the upstream and the client
// see the same as without the proxy. What is refused is not forwarded at all.
func FuzzBytesPassUnchanged(f *testing.F) {
	f.Add("/v1/x", "a=b", "value", []byte("{}"), []byte("{}"), false)
	f.Add("/v1/%2f%zz//;a", "a;b=%zz&&", "caf\xc3\xa9 \xff", []byte("\r\n0\r\n\r\n"), []byte("\x1f\x8b"), true)
	f.Add("", "?", "", []byte{}, []byte{}, true)
	f.Add("/../x", "", "a, b", []byte("x"), []byte("data: 1\n\n"), false)
	type sight struct {
		request seen
		err     error
	}
	arrivals := make(chan sight, 1)
	answers := make(chan string, 1)
	url := rawUpstream(f, func(c net.Conn, in *bufio.Reader) {
		for {
			if _, err := in.Peek(1); err != nil {
				return
			}
			s, err := seenRequest(in)
			arrivals <- sight{s, err}
			io.WriteString(c, <-answers)
		}
	})
	p := startProxy(f, nil, "openai="+url)
	direct := strings.TrimPrefix(url, "http://")
	f.Fuzz(func(t *testing.T, path, query, value string, body, answer []byte, chunked bool) {
		path, query, value = "/v1"+visible(path), visible(query), printable(value)
		framed := func(b []byte) string {
			if !chunked || len(b) == 0 {
				return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b), b)
			}
			return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(b), b)
		}
		ask := func(addr, prefix string) (got, want seen, refused bool) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Skip(err) // ports are used up
			}
			defer c.Close()
			c.(*net.TCPConn).SetLinger(0)
			go fmt.Fprintf(c, "POST %s%s?%s HTTP/1.1\r\nHost: localhost\r\nX-Value: %s\r\n%s", prefix, path, query, value, framed(body))
			in := bufio.NewReader(c)
			back := make(chan seen, 1)
			go func() {
				s, err := seenAnswer(in, http.MethodPost)
				if err != nil {
					s.start = err.Error()
				}
				back <- s
			}()
			select {
			case a := <-arrivals:
				if a.err != nil {
					t.Fatalf("upstream reads: %v", a.err)
				}
				answers <- "HTTP/1.1 200 OK\r\nX-Value: " + value + "\r\n" + framed(answer)
				return a.request, <-back, false
			case s := <-back:
				return s, s, true
			}
		}
		up, down, refused := ask(p.addr, "/openai")
		if refused {
			if up.start != "400" {
				t.Fatalf("refused with %+v", up)
			}
			return
		}
		wantUp, wantDown, _ := ask(direct, "")
		if fmt.Sprintf("%+v", up) != fmt.Sprintf("%+v", wantUp) {
			t.Errorf("request differs\n got %.1000q\nwant %.1000q", fmt.Sprintf("%+v", up), fmt.Sprintf("%+v", wantUp))
		}
		if fmt.Sprintf("%+v", down) != fmt.Sprintf("%+v", wantDown) {
			t.Errorf("answer differs\n got %.1000q\nwant %.1000q", fmt.Sprintf("%+v", down), fmt.Sprintf("%+v", wantDown))
		}
	})
}
