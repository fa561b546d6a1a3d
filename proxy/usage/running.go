package usage

import (
	"sync"
	"sync/atomic"
)

// runningTable holds the calls that have begun and not ended. There is no timer
// per call: the writer walks the table on every tick. Time is counted in ticks
// too, which spares a look at the clock.
type runningTable struct {
	now    atomic.Uint32 // ticks so far
	count  atomic.Int64
	shards [runningShards]runningShard
}

const runningShards = 16 // power of two

type runningShard struct {
	mu    sync.Mutex
	calls map[uint64]runningCall
	_     [40]byte // a cache line each
}

type runningCall struct {
	known func() *Record // nil once called, or if there is nothing to tell
	begun uint32         // runningTable.now at the start
	jumps uint32         // Log.jumps at the start
}

func (t *runningTable) init() {
	for i := range t.shards {
		t.shards[i].calls = map[uint64]runningCall{}
	}
}

func (t *runningTable) shard(seq uint64) *runningShard { return &t.shards[seq%runningShards] }

func (t *runningTable) add(seq uint64, known func() *Record, jumps uint32) {
	call := runningCall{known, t.now.Load(), jumps}
	s := t.shard(seq)
	s.mu.Lock()
	s.calls[seq] = call
	s.mu.Unlock()
	t.count.Add(1)
}

// remove returns the clock jumps seen when the call began; ok is false if the
// table does not know it.
func (t *runningTable) remove(seq uint64) (jumps uint32, ok bool) {
	s := t.shard(seq)
	s.mu.Lock()
	call, ok := s.calls[seq]
	delete(s.calls, seq)
	s.mu.Unlock()
	if ok {
		t.count.Add(-1)
	}
	return call.jumps, ok
}

func (t *runningTable) has(seq uint64) bool {
	s := t.shard(seq)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.calls[seq]
	return ok
}

func (t *runningTable) len() int64 { return t.count.Load() }

// overdue passes to open what is known of each call that has run for at least
// the given number of ticks, once per call. known runs under the shard's lock,
// so that it cannot run once remove has returned.
func (t *runningTable) overdue(ticks uint32, open func(*Record)) {
	now := t.now.Load()
	var found []*Record
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for seq, call := range s.calls {
			if call.known == nil || now-call.begun < ticks {
				continue
			}
			if r := call.known(); r != nil {
				r.Seq, r.Kind = seq, KindOpen
				found = append(found, r)
			}
			call.known = nil
			s.calls[seq] = call
		}
		s.mu.Unlock()
	}
	for _, r := range found {
		open(r)
	}
}
