package proxy

import (
	"bytes"
	"net/http"
	"strings"
)

// headScan reads a request's header beside net/http, for the one thing that
// net/http does not tell: a Content-Length beside a Transfer-Encoding. It lets
// the latter win, as RFC 9112 section 6.3 allows, and forgets the former. Whoever
// stands before burn may have let the former win, and then takes a part of the
// body for the next request.
type headScan struct {
	first   [16]byte // beginning of the request line
	line    [16]byte // beginning of the current line
	n       int      // bytes of the current line
	lines   int      // whole lines before it
	length  bool     // a Content-Length was seen
	done    bool     // the header's end was seen
	pending []byte   // one byte of the next request, or nil
	room    [1]byte
}

// read takes what was read from the connection into a buffer of size room.
func (s *headScan) read(b []byte, room int) {
	s.pending = nil
	switch {
	case room == 1:
		// While a handler runs, net/http waits for the connection's end by reading
		// a byte, which may be the next request's first. It does so beside the
		// handler, which may look at the rest.
		if len(b) == 1 {
			s.room[0] = b[0]
			s.pending = s.room[:]
		}
	case !s.done:
		s.scan(b)
	}
}

// next begins the next request's header.
func (s *headScan) next() {
	first := s.pending
	s.n, s.lines, s.length, s.done, s.pending = 0, 0, false, false, nil
	s.scan(first)
}

func (s *headScan) scan(b []byte) {
	for len(b) > 0 && !s.done {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		if s.n < len(s.line) {
			copy(s.line[s.n:], part)
		}
		s.n += len(part)
		if end < 0 {
			return
		}
		s.endLine()
		b = b[end+1:]
	}
}

// endLine takes a whole line. Like net/http it takes a bare LF for a line's end.
func (s *headScan) endLine() {
	const name = "content-length:"
	switch {
	case s.n == 0 || s.n == 1 && s.line[0] == '\r':
		s.done = s.lines > 0
	case s.lines == 0:
		s.first = s.line
		if s.n < len(s.first) {
			clear(s.first[s.n:])
		}
	case s.n >= len(name) && strings.EqualFold(string(s.line[:len(name)]), name):
		s.length = true
	}
	if s.n > 0 && !s.done {
		s.lines++
	}
	s.n = 0
}

// of reports whether the header that was read is this request's. It is not if
// requests were sent ahead of answers: the header was read with an earlier one.
func (s *headScan) of(r *http.Request) bool {
	line := r.Method + " " + r.RequestURI + " "
	return s.done && strings.HasPrefix(line+"HTTP/1.1\r", strings.TrimRight(string(s.first[:]), "\x00"))
}

// framing is what is known of how a request's body is delimited.
type framing int

const (
	framingClear   framing = iota
	framingUnsure          // chunked, and its header was not looked at
	framingTwofold         // chunked, with a Content-Length
)

func framingOf(r *http.Request) framing {
	if len(r.TransferEncoding) == 0 {
		return framingClear
	}
	switch conn := connOf(r); {
	case conn == nil || !conn.head.of(r):
		return framingUnsure
	case conn.head.length:
		return framingTwofold
	}
	return framingClear
}
