package analyze

import (
	"database/sql"
	"sync"
)

// lanes lets as many statements run at once as a database has connections. A
// statement that others wait for goes before those that can wait, so that a long
// chain of statements is not the last to end.
type lanes struct {
	mu      sync.Mutex
	free    int
	alone   bool               // nothing runs beside these
	waiting [3][]chan struct{} // by hurry, the oldest first
}

// hurry says who goes first.
type hurry int

const (
	first hurry = iota // takes the longest, or something that does waits for it
	urgent
	canWait
)

func newLanes(db *sql.DB) *lanes { return &lanes{free: max(1, db.Stats().MaxOpenConnections)} }

// do calls f when a lane is free. Statements end with their context, so the wait
// for one does too.
func (l *lanes) do(h hurry, f func() error) error {
	l.mu.Lock()
	if l.free > 0 {
		l.free--
		l.mu.Unlock()
	} else {
		turn := make(chan struct{}, 1)
		l.waiting[h] = append(l.waiting[h], turn)
		l.mu.Unlock()
		<-turn
	}
	defer l.next()
	return f()
}

// next gives the lane to who waits, or frees it.
func (l *lanes) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.waiting {
		if len(l.waiting[h]) > 0 {
			l.waiting[h][0] <- struct{}{}
			l.waiting[h] = l.waiting[h][1:]
			return
		}
	}
	l.free++
}
