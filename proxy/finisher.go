package proxy

import (
	"sync"
	"time"
)

// finisher makes the records of ended calls in batches: to wake a goroutine for
// each would cost more than the record does. A call waits a millisecond at
// most, or until the batch is full.
type finisher struct {
	mu    sync.Mutex
	calls []*call
	timer *time.Timer
}

const (
	finishDelay = time.Millisecond
	finishBatch = 32
)

func (f *finisher) add(c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	switch len(f.calls) {
	case 1:
		if f.timer == nil {
			f.timer = time.AfterFunc(finishDelay, f.run)
		} else {
			f.timer.Reset(finishDelay)
		}
	case finishBatch:
		go f.run()
	}
}

// run makes the records of what is there. The proxy's calls group knows of
// every one of them.
func (f *finisher) run() {
	f.mu.Lock()
	batch := f.calls
	f.calls = nil
	f.mu.Unlock()
	for _, c := range batch {
		c.record()
	}
}
