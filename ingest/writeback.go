//go:build cgo

package ingest

import (
	"fmt"
	"os"
)

// writeBackBytes is after how many bytes of lines the kernel is told to write
// what it holds of the database. Else it begins when a transaction ends, which
// waits for all of it.
const writeBackBytes = 64 << 20

// writeBack tells the kernel so, without keeping those who ask waiting.
type writeBack struct {
	asked chan struct{}
	done  chan struct{}
	after int64 // bytes of lines, when it was asked last
}

// newWriteBack returns the writeBack of the database's file. It must be closed.
func newWriteBack(f *os.File) *writeBack {
	w := &writeBack{asked: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for range w.asked {
			startWriting(f)
		}
	}()
	return w
}

// at is told how many bytes of lines were read since the transaction began.
func (w *writeBack) at(bytes int64) {
	if bytes < w.after {
		w.after = 0
	}
	if bytes-w.after < writeBackBytes {
		return
	}
	w.after = bytes
	select {
	case w.asked <- struct{}{}:
	default: // it has not come to the last time yet
	}
}

func (w *writeBack) close() {
	close(w.asked)
	<-w.done
}

// openFile opens the database's file a second time, until the database is
// closed: whoever closes a file gives up all the locks that the process has on
// it, and DuckDB has one.
func (db *DB) openFile() error {
	if db.file != nil {
		return nil
	}
	var err error
	if db.file, err = os.Open(db.opt.Path); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

// closeFile is called when DuckDB has closed its own.
func (db *DB) closeFile() {
	if db.file != nil {
		_ = db.file.Close() // nothing was written to it
		db.file = nil
	}
}
