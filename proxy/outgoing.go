package proxy

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// outgoing is one request on its way upstream.
type outgoing struct {
	up      *Upstream
	method  string
	target  string // raw path and query, prefix included
	header  http.Header
	body    *tap        // nil: none
	length  int64       // of body; -1: chunked
	here    bool        // the whole body can be read without waiting
	trailer http.Header // filled when body ends; nil: none possible
	// waiting reports whether the client still waits to be told to send its body.
	// nil: it does not ask to be told.
	waiting func() bool
	// sent is called once when the whole of body was sent, unless body was here.
	// nil: nobody asks.
	sent func()
	// informational passes a 1xx answer other than 101 on; it may be called
	// until roundTrip returns, never after.
	informational func(code int, h http.Header)
}

// appendHeader writes the request line and the header, framed as the client
// framed its request.
func (o *outgoing) appendHeader(b []byte) []byte {
	b = append(b, o.method...)
	b = append(b, ' ')
	b = append(b, o.target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, o.up.Host...)
	b = append(b, "\r\n"...)
	var room [32]string
	names := room[:0]
	for name := range o.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range o.header[name] {
			b = appendField(b, name, value)
		}
	}
	if o.length < 0 {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		b = o.appendTrailerNames(b)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

func (o *outgoing) appendTrailerNames(b []byte) []byte {
	sep := "Trailer: "
	for name := range o.trailer {
		b = append(b, sep...)
		b = append(b, name...)
		sep = ", "
	}
	if sep == ", " {
		b = append(b, "\r\n"...)
	}
	return b
}

// readError is an error of the client's side while its body was read.
type readError struct{ error }

func (o *outgoing) clientFailed(err error) bool {
	var r readError
	return errors.As(err, &r)
}

// chunkRoom is kept free before a piece for its chunk header.
const chunkRoom = 16

// writeBody copies the body, piece by piece as it comes.
func (o *outgoing) writeBody(w io.Writer) error {
	if o.length > smallBuffer {
		return o.writeKept(w)
	}
	size := largeBuffer
	if o.length > 0 && o.length <= smallBuffer-chunkRoom-2 {
		size = smallBuffer
	}
	buf := getBuffer(size)
	defer putBuffer(buf)
	b := (*buf)[:size]
	for {
		n, err := o.body.Read(b[chunkRoom : size-2])
		if n > 0 {
			if werr := o.writePiece(w, b, n); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return readError{err}
		}
	}
	if o.length >= 0 {
		return nil
	}
	end := append(b[:0], "0\r\n"...)
	for name, values := range o.trailer {
		for _, v := range values {
			end = appendField(end, name, v)
		}
	}
	_, err := w.Write(append(end, "\r\n"...))
	return err
}

// writeKept is writeBody for a body that needs no framing: pieces are written
// from where the copy is kept.
func (o *outgoing) writeKept(w io.Writer) error {
	for {
		b, err := o.body.piece(1, maxPiece)
		var werr error
		if len(b) > 0 {
			_, werr = w.Write(b)
		}
		switch {
		case werr != nil:
			err = werr
		case err != nil && err != io.EOF:
			err = readError{err}
		}
		o.body.written(err)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// writePiece writes n bytes at b[chunkRoom:], as a chunk where asked for.
func (o *outgoing) writePiece(w io.Writer, b []byte, n int) error {
	from, to := chunkRoom, chunkRoom+n
	if o.length < 0 {
		var hex [chunkRoom]byte
		line := append(strconv.AppendInt(hex[:0], int64(n), 16), "\r\n"...)
		from -= copy(b[chunkRoom-len(line):], line)
		to += copy(b[to:], "\r\n")
	}
	_, err := w.Write(b[from:to])
	return err
}
