package proxy

import (
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Sizes of pooled buffers: powers of two from 4 KiB to 4 MiB. Larger ones are
// made for one call and left to the collector.
const (
	minClass = 12
	maxClass = 22
)

// buffers is one pool per size. It holds *[]byte so that putting one back does
// not allocate.
var buffers [maxClass - minClass + 1]sync.Pool

func class(n int) int { return max(bits.Len(uint(n-1)), minClass) }

// getBuffer returns a buffer of length 0 and a capacity of at least n ≥ 1.
func getBuffer(n int) *[]byte {
	k := class(n)
	if k > maxClass {
		b := make([]byte, 0, n)
		return &b
	}
	if b, ok := buffers[k-minClass].Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, 1<<k)
	return &b
}

func putBuffer(b *[]byte) {
	k := bits.Len(uint(cap(*b))) - 1
	if k >= minClass && k <= maxClass && cap(*b) == 1<<k {
		buffers[k-minClass].Put(b)
	}
}

// maxTrusted bounds the copy made on the word of a Content-Length alone.
const maxTrusted = 2 << 20

// budget bounds the memory all request copies take together.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) <= b.limit {
		return true
	}
	b.used.Add(-int64(n))
	return false
}

func (b *budget) give(n int) { b.used.Add(-int64(n)) }

// tap is a request's body on its way upstream, with a copy kept beside. The
// transport may still read it when the call has ended (an early answer), so the
// copy is taken away under the lock.
type tap struct {
	io.ReadCloser
	budget *budget
	onEOF  func() // nil, or called once when the body ended well

	mu      sync.Mutex
	buf     *[]byte // nil: nothing yet, given up, or taken
	expect  int64   // Content-Length, -1 unknown
	busy    bool    // a piece lies in buf that is being read or written
	spare   *[]byte // where pieces lie that are not kept
	taken   bool
	skipped bool  // budget exhausted
	n       int64 // bytes passed
	err     error // what ended reading, io.EOF if whole
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	if n > 0 {
		t.n += int64(n)
		t.keep(p[:n])
	}
	ended := err != nil && t.err == nil
	if ended {
		t.err = err
	}
	t.mu.Unlock()
	if ended && err == io.EOF && t.onEOF != nil {
		t.onEOF()
	}
	return n, err
}

// maxPiece bounds a piece, so that the upstream has something to do while the
// rest of a large body arrives.
const maxPiece = 256 << 10

// piece reads the next piece of the body, of least bytes to most if no error
// comes before, and returns it where it is kept, which spares copying it. It
// stays there until written is called, which must follow every piece. It is
// used instead of Read.
func (t *tap) piece(least, most int) (b []byte, err error) {
	t.mu.Lock()
	kept := t.room(least)
	if kept {
		b = (*t.buf)[len(*t.buf):cap(*t.buf)]
		t.busy = true
	}
	t.mu.Unlock()
	if !kept {
		if t.spare == nil {
			t.spare = getBuffer(max(largeBuffer, least))
		}
		b = (*t.spare)[:cap(*t.spare)]
	}
	b = b[:min(len(b), most)]
	n := 0
	for n < least && err == nil {
		var k int
		k, err = t.ReadCloser.Read(b[n:])
		n += k
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += int64(n)
	if kept && !t.taken {
		*t.buf = (*t.buf)[:len(*t.buf)+n]
	}
	if err != nil && t.err == nil {
		t.err = err
	}
	return b[:n], err
}

// written ends the use of a piece. With err, what piece returned, the body's
// end is told.
func (t *tap) written(err error) {
	t.mu.Lock()
	t.busy = false
	t.mu.Unlock()
	if err == nil {
		return
	}
	if t.spare != nil {
		putBuffer(t.spare)
		t.spare = nil
	}
	if err == io.EOF && t.onEOF != nil {
		t.onEOF()
	}
}

// keep adds p to the copy.
func (t *tap) keep(p []byte) {
	if t.room(len(p)) {
		*t.buf = append(*t.buf, p...)
	}
}

// room makes room for n further bytes of the copy, and tells whether there is
// one.
func (t *tap) room(n int) bool {
	if t.taken || t.skipped {
		return false
	}
	if t.buf == nil {
		// A length is a promise: only so much is taken on trust.
		want := 1 << class(max(int(min(t.expect, maxTrusted)), n))
		if t.expect > t.budget.limit || !t.budget.take(want) {
			t.skipped = true
			return false
		}
		t.buf = getBuffer(want)
	}
	have := len(*t.buf) + n
	return have <= cap(*t.buf) || t.grow(have)
}

// grow moves the copy to a buffer twice the size, or gives it up.
func (t *tap) grow(have int) bool {
	want := 1 << class(have)
	if !t.budget.take(want) {
		t.skipped = true
		t.drop()
		return false
	}
	bigger := getBuffer(want)
	*bigger = append(*bigger, *t.buf...)
	t.drop()
	t.buf = bigger
	return true
}

func (t *tap) drop() {
	t.budget.give(cap(*t.buf))
	putBuffer(t.buf)
	t.buf = nil
}

// state tells how far the body got.
func (t *tap) state() (n int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n, t.err
}

// take hands the copy over; release gives it back. skipped tells that there is
// none because memory was short.
func (t *tap) take() (copied []byte, release func(), skipped bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken = true
	buf := t.buf
	t.buf = nil
	if buf == nil {
		return nil, func() {}, t.skipped
	}
	n := len(*buf)
	return (*buf)[:n:n], func() { t.release(buf) }, false
}

// release gives a copy back. One that a piece of still has to be written from,
// which is rare, is left to the collector.
func (t *tap) release(buf *[]byte) {
	t.budget.give(cap(*buf))
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.busy {
		putBuffer(buf)
	}
}
