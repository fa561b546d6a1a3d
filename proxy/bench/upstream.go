package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// The paths the upstream knows, below the proxies' /v1.
const (
	pathJSON  = "/v1/chat/completions"
	pathSSE   = "/v1/chat/completions?stream"
	pathThink = "/v1/chat/completions?think" // answers after 5 ms
	pathHold  = "/v1/chat/completions?hold"  // a stream that sends one event and stays open
	pathEarly = "/v1/chat/completions?early" // 200 KB, before the body is read
)

const think = 5 * time.Millisecond

// sseEvents is how many events a streamed answer has besides the last two.
const sseEvents = 20

var (
	jsonAnswer  = answer("application/json", jsonBody())
	earlyAnswer = answer("application/json", earlyBody())
	sseHead     = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	sseChunks   = streamChunks()
)

func answer(contentType string, body []byte) []byte {
	return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nX-Request-Id: req_1\r\n\r\n", contentType, len(body)), body...)
}

func jsonBody() []byte {
	text := strings.Repeat("All work and no play. ", 36)
	return []byte(`{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"` +
		text + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":180,"total_tokens":300,"prompt_tokens_details":{"cached_tokens":0}}}`)
}

func earlyBody() []byte {
	return []byte(`{"error":{"type":"invalid_request_error","message":"` + strings.Repeat("x", 200<<10) + `"}}`)
}

// streamChunks are the chunks of a streamed answer, each one event.
func streamChunks() [][]byte {
	var out [][]byte
	chunk := func(s string) { out = append(out, fmt.Appendf(nil, "%x\r\n%s\r\n", len(s), s)) }
	for range sseEvents {
		chunk(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" work"}}]}` + "\n\n")
	}
	chunk(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":120,"completion_tokens":20,"total_tokens":140}}` + "\n\n")
	chunk("data: [DONE]\n\n")
	out = append(out, []byte("0\r\n\r\n"))
	return out
}

// bodySize is the decoded length of the answer at a path.
func bodySize(path string) int {
	switch path {
	case pathSSE:
		n := 0
		for _, c := range sseChunks {
			size, _ := strconv.ParseInt(string(c[:bytes.IndexByte(c, '\r')]), 16, 64)
			n += int(size)
		}
		return n
	case pathEarly:
		return len(earlyBody())
	}
	return len(jsonBody())
}

// serveUpstream is as cheap as a server can be: it must not be what is measured.
func serveUpstream() error {
	l, err := listenAndTell()
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go serveConn(c)
	}
}

// listenAndTell picks a port and prints it for the parent.
func listenAndTell() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println(l.Addr())
	}
	return l, err
}

func serveConn(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 64<<10)
	for {
		query, length, err := readRequestHead(in)
		if err != nil {
			return
		}
		if query == "early" {
			if _, err := c.Write(earlyAnswer); err != nil {
				return
			}
		}
		if _, err := io.CopyN(io.Discard, in, int64(length)); err != nil {
			return
		}
		switch query {
		case "early":
		case "stream":
			err = writeStream(c)
		case "hold":
			if _, err = c.Write(append(sseHead, sseChunks[0]...)); err == nil {
				_, err = in.ReadByte() // until the other end leaves
			}
		case "think":
			time.Sleep(think)
			_, err = c.Write(jsonAnswer)
		default:
			_, err = c.Write(jsonAnswer)
		}
		if err != nil {
			return
		}
	}
}

func writeStream(c net.Conn) error {
	if _, err := c.Write(append(sseHead[:len(sseHead):len(sseHead)], sseChunks[0]...)); err != nil {
		return err
	}
	last := len(sseChunks) - 1
	for _, chunk := range sseChunks[1 : last-1] {
		if _, err := c.Write(chunk); err != nil {
			return err
		}
	}
	_, err := c.Write(append(sseChunks[last-1][:len(sseChunks[last-1]):len(sseChunks[last-1])], sseChunks[last]...))
	return err
}

// readRequestHead returns the query and the Content-Length.
func readRequestHead(in *bufio.Reader) (query string, length int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", 0, err
	}
	if target, _, ok := bytes.Cut(line, []byte(" HTTP/")); ok {
		if _, q, ok := bytes.Cut(target, []byte("?")); ok {
			query = string(q)
		}
	}
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return "", 0, err
		}
		if len(line) <= 2 {
			return query, length, nil
		}
		if len(line) > 16 && (line[0]|0x20) == 'c' && bytes.EqualFold(line[:15], []byte("content-length:")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return "", 0, err
			}
		}
	}
}
