package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
)

// pieces is a connection that brings one piece a read.
type pieces struct {
	net.Conn
	left [][]byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	if p.left[0] = p.left[0][n:]; len(p.left[0]) == 0 {
		p.left = p.left[1:]
	}
	return n, nil
}

// inPieces cuts b every size bytes.
func inPieces(b []byte, size int) (out [][]byte) {
	for len(b) > size {
		out, b = append(out, b[:size:size]), b[size:]
	}
	return append(out, b)
}

func newChunks(b []byte, size, buffer int) *chunks {
	conn := &upConn{Conn: &pieces{left: inPieces(b, size)}, left: -1}
	conn.br = bufio.NewReaderSize(conn, buffer)
	return &chunks{conn: conn, res: &http.Response{}}
}

// readChunks reads in the program's way: what a read returns, into a buffer of
// max bytes.
func readChunks(r io.Reader, max int) (string, error) {
	var out bytes.Buffer
	b := make([]byte, max)
	for {
		n, err := r.Read(b)
		out.Write(b[:n])
		if err == io.EOF {
			return out.String(), nil
		}
		if err != nil {
			return out.String(), err
		}
	}
}

func TestChunks(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, x := range []struct {
		name, coded, body string
		ok                bool
		trailer           string
	}{
		{"empty", "0\r\n\r\n", "", true, ""},
		{"two", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", true, ""},
		{"long", "2710\r\n" + long + "\r\n00\r\n\r\n", long, true, ""},
		{"capitals, zeros, blanks, extensions", "00A;name=\"v\" \r\n0123456789\r\na  \r\n0123456789\r\n0;last\r\n\r\n", "01234567890123456789", true, ""},
		{"trailers", "1\r\na\r\n0\r\nX-A: 1\r\nX-A: 2\r\nx-b: 3\r\n\r\n", "a", true, "map[X-A:[1 2] X-B:[3]]"},
		{"trailer of 8 KiB", "1\r\na\r\n0\r\nX-A: " + long[:8192] + "\r\n\r\n", "a", true, "map[X-A:[" + long[:8192] + "]]"},
		{"a chunk a byte", strings.Repeat("1\r\nx\r\n", 10_000) + "0\r\n\r\n", long, true, ""},
		{"no end", "3\r\nabc\r\n", "abc", false, ""},
		{"half a chunk", "5\r\nabc", "abc", false, ""},
		{"no trailer's end", "1\r\na\r\n0\r\nX-A: 1\r\n", "a", false, ""},
		{"half the last line end", "1\r\na\r\n0\r\n\r", "a", false, ""},
		{"trailer that is none", "1\r\na\r\n0\r\nhello\r\n\r\n", "a", false, ""},
		{"no size", "\r\nabc\r\n", "", false, ""},
		{"no number", "zz\r\nabc\r\n", "", false, ""},
		{"sign", "+3\r\nabc\r\n0\r\n\r\n", "", false, ""},
		{"prefix", "0x3\r\nabc\r\n0\r\n\r\n", "", false, ""},
		{"huge", "8000000000000000\r\nabc", "", false, ""},
		{"endless number", strings.Repeat("0", 100_000), "", false, ""},
		{"bare line end", "3\nabc\r\n0\r\n\r\n", "", false, ""},
		{"more than its size", "2\r\nabc\r\n0\r\n\r\n", "ab", false, ""},
		{"endless extensions", strings.Repeat("1;"+strings.Repeat("e", 1000)+"\r\nx\r\n", 1000), strings.Repeat("x", 16), false, ""},
	} {
		for _, size := range []int{1, 2, 3, 7, 1000, 1 << 20} {
			c := newChunks([]byte(x.coded), size, 4<<10)
			body, err := readChunks(c, 4<<10)
			if body != x.body || (err == nil) != x.ok || err == io.EOF {
				t.Errorf("%s, %d bytes a piece: %d bytes %.40q, %v", x.name, size, len(body), body, err)
			}
			if x.trailer != "" && fmt.Sprint(c.res.Trailer) != x.trailer {
				t.Errorf("%s: trailer %v", x.name, c.res.Trailer)
			}
		}
	}
}

// The end comes with the last data where it is here, so that both go on in one packet.
func TestChunksEndTogether(t *testing.T) {
	for _, coded := range []string{"3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0;x\r\nX-A: 1\r\n\r\n"} {
		c := newChunks([]byte(coded), 100, 4<<10)
		if n, err := c.Read(make([]byte, 100)); n != 3 || err != io.EOF {
			t.Errorf("%q: %d bytes, %v", coded, n, err)
		}
	}
}

// What has come of a chunk is passed on, however long the rest takes.
func TestHalfAChunkIsPassedOn(t *testing.T) {
	for _, first := range []string{"20\r\ndata: 1\n\n", "3\r\nabc\r\n20\r\ndata: 1\n\n", "a\r\ndata: 1\n\n\r", "9\r\ndata: 1\n\n\r\n2"} {
		t.Run(first, func(t *testing.T) {
			arrived := make(chan struct{})
			url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				if _, err := readRequest(in); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"+first)
				<-arrived
			})
			defer close(arrived)
			p := startProxy(t, nil, "openai="+url)
			c := dial(t, p.addr)
			fmt.Fprintf(c, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
			in := bufio.NewReader(c)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for !bytes.Contains(got, []byte("data: 1")) {
				b := make([]byte, 1)
				n, err := res.Body.Read(b)
				if err != nil {
					t.Fatalf("after %q: %v", got, err)
				}
				got = append(got, b[:n]...)
			}
		})
	}
}

// FuzzChunks compares with net/http's reader: the same bytes, good and bad ends
// alike. Trailers, which that one leaves alone, are not compared.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "3;a=b\r\nabc\r\n10 \r\n0123456789abcdef\r\n0\r\n\r\n", "3\nabc", "2\r\nabc\r\n", "g\r\n"} {
		f.Add([]byte(s), byte(3))
	}
	f.Fuzz(func(t *testing.T, coded []byte, size byte) {
		want, wantErr := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(coded)))
		c := newChunks(coded, int(size)+1, 4<<10)
		got, err := readChunks(c, int(size)+1)
		if wantErr == nil && (errors.Is(err, io.ErrUnexpectedEOF) || c.next == chunkTrailer) {
			err = nil // the trailer is not whole, or none
		}
		if (err == nil) != (wantErr == nil) || got != string(want) && wantErr == nil || !strings.HasPrefix(string(want), got) && !strings.HasPrefix(got, string(want)) {
			t.Errorf("%q: %q, %v; net/http %q, %v", coded, got, err, want, wantErr)
		}
	})
}
