package proxy

import (
	"net/http"
	"sync"
	"time"
)

// slowClient is how long a client may take no byte at all before it is cut.
const slowClient = 10 * time.Minute

// slowStep is how far a deadline is let run down before it is set anew.
const slowStep = time.Minute

// flusher writes to the client and cuts one that takes nothing for slow.
// Most calls are over long before; so the deadline is first set by arm, when a
// call has run for a second.
type flusher struct {
	w    http.ResponseWriter
	slow time.Duration
	conn interface {
		SetWriteDeadline(time.Time) error
		FlushError() error
	}

	mu    sync.Mutex
	done  bool
	until time.Time // the deadline, zero: none
}

func newFlusher(w http.ResponseWriter, slow time.Duration) *flusher {
	f := &flusher{w: w, slow: slow}
	f.conn, _ = w.(interface {
		SetWriteDeadline(time.Time) error
		FlushError() error
	})
	return f
}

// arm sets the first deadline; it may come from any goroutine.
func (f *flusher) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil || f.done || !f.until.IsZero() {
		return
	}
	f.until = time.Now().Add(f.slow)
	_ = f.conn.SetWriteDeadline(f.until)
}

// extend moves the deadline on, once in slowStep.
func (f *flusher) extend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until.IsZero() {
		return
	}
	if now := time.Now(); f.until.Sub(now) < f.slow-min(slowStep, f.slow/2) {
		f.until = now.Add(f.slow)
		_ = f.conn.SetWriteDeadline(f.until)
	}
}

// close takes the deadline back: the connection may serve other calls.
func (f *flusher) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = true
	if !f.until.IsZero() {
		_ = f.conn.SetWriteDeadline(time.Time{})
	}
}

func (f *flusher) write(b []byte, flush bool) error {
	f.extend()
	if _, err := f.w.Write(b); err != nil {
		return err
	}
	if !flush {
		return nil // the server flushes when the handler returns
	}
	return f.flush()
}

func (f *flusher) flush() error {
	if f.conn == nil {
		return http.NewResponseController(f.w).Flush()
	}
	return f.conn.FlushError()
}
