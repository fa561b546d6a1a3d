package proxy

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"strconv"
)

// chunks reads an answer's body in chunked coding (RFC 9112, section 7.1) as it
// comes: a Read that has something to give waits for nothing more. net/http's own
// waits for the rest of a chunk that an upstream has begun, and so holds back the
// event that is in it.
type chunks struct {
	conn *upConn
	res  *http.Response // whose Trailer is filled

	next     chunkPart
	left     int64 // of the data of this chunk, in bytes
	overhead int64 // bytes that were neither data nor what framing it takes
	err      error // what ended the body
}

// chunkPart is what stands next on the connection.
type chunkPart int

const (
	chunkSize chunkPart = iota // a line: the size, perhaps extensions
	chunkData
	chunkEnd // the line end behind the data
	chunkTrailer
)

// maxOverhead bounds what extensions of chunks may add, beside some for each
// chunk, so that an upstream cannot keep a call busy with nothing.
const maxOverhead = 16 << 10

var errChunk = errors.New("malformed chunk")

func (c *chunks) Read(p []byte) (n int, err error) {
	for c.err == nil && (n == 0 || c.here()) {
		if c.next != chunkData {
			c.err = unexpected(c.step())
			continue
		}
		if n == len(p) {
			break
		}
		k, err := c.conn.br.Read(p[n:min(int64(len(p)), int64(n)+c.left)])
		n, c.left, c.err = n+k, c.left-int64(k), unexpected(err)
		if c.left == 0 {
			c.next = chunkEnd
		}
	}
	return n, c.err
}

// unexpected is err, where the connection's end is not the body's.
func unexpected(err error) error {
	switch err {
	case io.EOF:
		return io.ErrUnexpectedEOF
	case errBodyEnd:
		return io.EOF
	}
	return err
}

// errBodyEnd is the end of the body.
var errBodyEnd = errors.New("end of body")

// here tells whether the next part can be read, or begun, without waiting.
func (c *chunks) here() bool {
	br := c.conn.br
	buffered, _ := br.Peek(br.Buffered())
	switch c.next {
	case chunkData:
		return len(buffered) > 0
	case chunkSize:
		return bytes.IndexByte(buffered, '\n') >= 0
	case chunkTrailer:
		return bytes.HasPrefix(buffered, []byte("\r\n")) || bytes.Contains(buffered, []byte("\r\n\r\n"))
	}
	return len(buffered) >= 2
}

// step reads a part that is no data.
func (c *chunks) step() error {
	br := c.conn.br
	switch c.next {
	case chunkSize:
		return c.size()
	case chunkEnd:
		end, err := br.Peek(2)
		if err != nil {
			return err
		}
		if string(end) != "\r\n" {
			return errChunk
		}
		c.next = chunkSize
		_, err = br.Discard(2)
		return err
	}
	end, err := br.Peek(2)
	if err != nil {
		return err
	}
	if string(end) != "\r\n" {
		return c.trailer()
	}
	if _, err := br.Discard(2); err != nil {
		return err
	}
	return errBodyEnd
}

func (c *chunks) size() error {
	line, err := c.conn.br.ReadSlice('\n')
	if err != nil {
		return err
	}
	taken := int64(len(line))
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return errChunk
	}
	line, _, _ = bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimRight(line, " \t")), 16, 63)
	if err != nil {
		return errChunk
	}
	c.left, c.next = int64(n), chunkData
	if n == 0 {
		c.next = chunkTrailer
	}
	// One byte in a chunk of its own is fair: six bytes for one.
	if c.overhead = max(0, c.overhead+taken-16-min(c.left, maxOverhead)*2); c.overhead > maxOverhead {
		return errChunk
	}
	return nil
}

// trailer reads what stands behind the last chunk; as much as a header may have.
func (c *chunks) trailer() error {
	c.conn.left = maxResponseHeader
	fields, err := textproto.NewReader(c.conn.br).ReadMIMEHeader()
	c.conn.left = -1
	if err != nil {
		return err
	}
	if c.res.Trailer == nil {
		c.res.Trailer = http.Header{}
	}
	maps.Copy(c.res.Trailer, http.Header(fields))
	return errBodyEnd
}
