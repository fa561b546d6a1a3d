package analyze

import (
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestLanes: no more statements run at once than there are lanes; those in a hurry
// go first, and of equals the one that came first.
func TestLanes(t *testing.T) {
	l := &lanes{free: 2}
	var all sync.WaitGroup
	hold := func() (release func()) {
		begun, end := make(chan struct{}), make(chan struct{})
		all.Go(func() { _ = l.do(canWait, func() error { close(begun); <-end; return nil }) })
		<-begun
		return func() { close(end) }
	}
	first, second := hold(), hold()
	var ran []string // by one at a time: the other lane is held
	for i, name := range []string{"can wait", "can wait too", "urgent", "urgent too"} {
		h := canWait
		if i >= 2 {
			h = urgent
		}
		all.Go(func() { _ = l.do(h, func() error { ran = append(ran, name); return nil }) })
		for queued := 0; queued <= i; runtime.Gosched() {
			l.mu.Lock()
			queued = len(l.waiting[urgent]) + len(l.waiting[canWait])
			l.mu.Unlock()
		}
	}
	if len(ran) > 0 {
		t.Fatalf("%q ran while both lanes were held", ran)
	}
	first()
	for free := 0; free == 0; runtime.Gosched() {
		l.mu.Lock()
		free = l.free
		l.mu.Unlock()
	}
	if want := []string{"urgent", "urgent too", "can wait", "can wait too"}; !slices.Equal(ran, want) {
		t.Errorf("ran in the order %q, want %q", ran, want)
	}
	second()
	all.Wait()
	if l.free != 2 {
		t.Errorf("%d lanes are free at the end, want 2", l.free)
	}
}
