package provider

import (
	"cmp"
	"encoding/binary"
	"errors"
	"strings"
)

// socket reads one direction of a websocket (RFC 6455) as it passes: frames are
// unmasked, joined to messages and, where the two sides agreed on
// permessage-deflate (RFC 7692), inflated. Nothing is held but a frame's header.
type socket struct {
	masked   bool // frames must be masked: this is the client's side
	deflated bool // messages may be compressed
	begin    func()
	data     func([]byte) // a piece of a message, not to be kept
	end      func()

	head    [14]byte
	n, want int
	left    uint64 // payload of the frame still to come
	maskAt  int    // position in the mask
	final   bool   // the frame ends its message
	control bool   // the frame is no part of a message
	open    bool   // a message has begun and not ended
	packed  bool   // it is compressed
	dec     *decoder
	err     error // why nothing more is read, nil: all is well
	scratch [1 << 10]byte
}

var errFrame = errors.New("not a websocket frame")

// The first two bytes of a frame.
const (
	frameFinal    = 0x80
	frameReserved = 0x30 // RSV2 and RSV3
	framePacked   = 0x40 // RSV1
	frameMasked   = 0x80
	frameControl  = 0x08

	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPong     = 10

	maxControl = 125
)

// messageTail ends a compressed message; the sender leaves it out (RFC 7692,
// section 7.2.2).
var messageTail = []byte{0, 0, 0xff, 0xff}

// start makes s ready for the first frame.
func (s *socket) start(masked, deflated bool, begin func(), data func([]byte), end func()) {
	*s = socket{masked: masked, deflated: deflated, begin: begin, data: data, end: end, want: 2}
}

// negotiatedDeflate reports whether the server agreed to compress messages.
// Whether a side keeps its window from one message to the next makes no
// difference to who reads them all.
func negotiatedDeflate(extensions string) bool {
	for ext := range strings.SplitSeq(extensions, ",") {
		name, _, _ := strings.Cut(ext, ";")
		if strings.EqualFold(strings.TrimSpace(name), "permessage-deflate") {
			return true
		}
	}
	return false
}

// write reads the next piece. After what is no frame nothing more is read:
// there is no way to find the next one.
func (s *socket) write(p []byte) {
	for len(p) > 0 && s.err == nil {
		if s.n < s.want {
			n := copy(s.head[s.n:s.want], p)
			s.n += n
			p = p[n:]
			if s.n == s.want {
				s.header()
			}
			continue
		}
		n := int(min(s.left, uint64(len(p))))
		s.payload(p[:n])
		s.left -= uint64(n)
		p = p[n:]
		if s.left == 0 {
			s.endFrame()
		}
	}
}

// header looks at what there is of a header, and asks for the rest or goes on.
func (s *socket) header() {
	size := int(s.head[1] &^ frameMasked)
	extra := 0
	switch size {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	want := 2 + extra
	if s.head[1]&frameMasked != 0 {
		want += 4
	}
	if s.n < want {
		if s.want = want; !s.valid(size) {
			s.err = errFrame
		}
		return
	}
	s.left = uint64(size)
	switch extra {
	case 2:
		s.left = uint64(binary.BigEndian.Uint16(s.head[2:]))
	case 8:
		s.left = binary.BigEndian.Uint64(s.head[2:])
	}
	s.maskAt = 0
	if s.left>>63 != 0 || s.n == 2 && !s.valid(size) {
		s.err = errFrame
		return
	}
	s.beginFrame()
}

// valid checks the first two bytes.
func (s *socket) valid(size int) bool {
	b := s.head[0]
	op := b & 0x0f
	switch {
	case b&frameReserved != 0, s.masked != (s.head[1]&frameMasked != 0):
		return false
	case op&frameControl != 0:
		return op <= opPong && b&frameFinal != 0 && b&framePacked == 0 && size <= maxControl
	case op > opBinary, (op == opContinue) != s.open:
		return false
	}
	return b&framePacked == 0 || s.deflated && op != opContinue
}

func (s *socket) beginFrame() {
	s.control = s.head[0]&frameControl != 0
	s.final = s.head[0]&frameFinal != 0
	if !s.control && !s.open {
		s.open, s.packed = true, s.head[0]&framePacked != 0
		s.begin()
	}
	if s.left == 0 {
		s.endFrame()
	}
}

// payload passes a piece of a frame on.
func (s *socket) payload(p []byte) {
	if s.control {
		return
	}
	if !s.masked {
		s.message(p)
		return
	}
	mask := s.head[s.n-4 : s.n]
	for len(p) > 0 {
		n := copy(s.scratch[:], p)
		for i := range s.scratch[:n] {
			s.scratch[i] ^= mask[(s.maskAt+i)&3]
		}
		s.maskAt += n
		p = p[n:]
		s.message(s.scratch[:n])
	}
}

// message passes a piece of a message on.
func (s *socket) message(p []byte) {
	if !s.packed {
		s.data(p)
		return
	}
	if s.dec == nil {
		s.dec = newDecoder(openMessages, s.data)
	}
	if s.dec.write(p); s.dec.over {
		s.err = cmp.Or(s.dec.err, errCoding)
	}
}

func (s *socket) endFrame() {
	s.n, s.want = 0, 2
	if s.control || !s.final {
		return
	}
	if s.packed {
		s.message(messageTail)
	}
	s.open = false
	s.end()
}

// close lets the decoder go. It returns why reading stopped early, if it did.
func (s *socket) close() error {
	if s.dec != nil {
		_ = s.dec.end() // a message that was cut is no news
		s.dec = nil
	}
	return s.err
}
