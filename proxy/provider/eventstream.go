package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
)

// frames cuts AWS's binary event stream (application/vnd.amazon.eventstream)
// into messages and hands their JSON to the walker as it comes.
//
// A message is: its length and its headers' length (4 bytes each, big endian),
// a checksum of those 8 bytes, headers, payload, a checksum of it all. A header
// is a 1-byte name length, name, type, and for type 7 (the only one in use) a
// 2-byte length and text. The checksums are the client's to verify.
//
// InvokeModel's chunks hold their JSON as base64 in {"bytes":"…"}; it is
// decoded on the way.
type frames struct {
	w       *walker
	head    [512]byte // prelude, then headers
	n       int       // bytes of head so far
	want    int       // bytes of head wanted
	skip    int       // header bytes beyond head
	payload int       // payload bytes still to come
	tail    int       // checksum bytes still to come
	chunk   bool      // payload is {"bytes":"…"}
	found   int       // of bytesKey matched; len(bytesKey): inside the base64
	quad    [4]byte   // base64 characters not yet decoded
	nquad   int
	broken  bool
	count   int64
}

const (
	preludeSize  = 12
	checksumSize = 4
	maxMessage   = 32 << 20 // above AWS's own limit of 16 MB
	bytesKey     = `"bytes":"`
)

// start makes f ready for a stream; w is idle.
func (f *frames) start(w *walker) {
	*f = frames{w: w, want: preludeSize}
}

// write reads the next piece. After a length that cannot be, nothing more is
// read: there is no way to find the next message.
func (f *frames) write(p []byte) {
	for len(p) > 0 && !f.broken {
		switch {
		case f.n < f.want:
			n := copy(f.head[f.n:f.want], p)
			f.n += n
			p = p[n:]
			if f.n == preludeSize && f.want == preludeSize {
				f.prelude()
			} else if f.n == f.want && f.skip == 0 {
				f.headers()
			}
		case f.skip > 0:
			n := min(f.skip, len(p))
			f.skip -= n
			p = p[n:]
			if f.skip == 0 {
				f.headers()
			}
		case f.payload > 0:
			n := min(f.payload, len(p))
			f.payload -= n
			f.read(p[:n])
			p = p[n:]
		default:
			n := min(f.tail, len(p))
			f.tail -= n
			p = p[n:]
			if f.tail == 0 {
				f.end()
			}
		}
	}
}

func (f *frames) prelude() {
	total := int64(binary.BigEndian.Uint32(f.head[0:]))
	headers := int64(binary.BigEndian.Uint32(f.head[4:]))
	rest := total - preludeSize - checksumSize - headers
	if total > maxMessage || rest < 0 {
		f.broken = true
		return
	}
	room := min(int(headers), len(f.head)-preludeSize)
	f.want, f.skip = preludeSize+room, int(headers)-room
	f.payload, f.tail = int(rest), checksumSize
	f.chunk, f.found, f.nquad = false, 0, 0
	if headers == 0 {
		f.headers()
	}
}

// headers looks for what the message is.
func (f *frames) headers() {
	b := f.head[preludeSize:f.n]
	for len(b) > 0 {
		k := 1 + int(b[0])
		if len(b) < k+3 || b[k] != 7 {
			return
		}
		v := k + 3 + int(binary.BigEndian.Uint16(b[k+1:]))
		if len(b) < v {
			return
		}
		switch value := b[k+3 : v]; string(b[1:k]) {
		case ":event-type":
			f.chunk = string(value) == "chunk"
		case ":exception-type", ":error-code":
			f.w.g.failed = true
			f.w.g.set(slotErrType, value[:min(len(value), scalarCap)], true)
		}
		b = b[v:]
	}
}

// read takes payload.
func (f *frames) read(p []byte) {
	if !f.chunk {
		f.w.write(p)
		return
	}
	for len(p) > 0 && f.found < len(bytesKey) {
		switch c := p[0]; {
		case c == bytesKey[f.found]:
			f.found++
		case c == bytesKey[0]:
			f.found = 1
		case c != ' ':
			f.found = 0
		}
		p = p[1:]
	}
	end := bytes.IndexByte(p, '"')
	if end < 0 {
		f.base64(p)
		return
	}
	f.base64(p[:end])
	f.nquad = -1 // the rest is padding
}

// base64 decodes by fours.
func (f *frames) base64(p []byte) {
	if f.nquad < 0 {
		return
	}
	var out [3]byte
	for _, c := range p {
		if c == '\\' { // "\/" is a slash
			continue
		}
		f.quad[f.nquad] = c
		if f.nquad++; f.nquad < len(f.quad) {
			continue
		}
		f.nquad = 0
		n, err := base64.StdEncoding.Decode(out[:], f.quad[:])
		if err == nil {
			f.w.write(out[:n])
		}
	}
}

// end ends a message.
func (f *frames) end() {
	f.n, f.want = 0, preludeSize
	f.count++
	if !f.w.idle() {
		f.w.restart()
		f.w.g.event()
	}
}
