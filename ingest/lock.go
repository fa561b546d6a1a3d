package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// Lock is a flock on a file beside the database: one process at a time. The
// kernel frees it when the process ends, however it ends.
type Lock struct{ f *os.File }

// TakeLock waits up to wait for the lock at path. The error says that another
// burn is doing what the lock is for, and names the process.
func TakeLock(ctx context.Context, path, doing string, wait time.Duration) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	deadline := time.Now().Add(wait)
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if time.Now().After(deadline) {
			holder := readHolder(f)
			_ = f.Close()
			return nil, fmt.Errorf("another burn is %s: %s (waited %s)", doing, holder, wait)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	text := fmt.Sprintf("process %d since %s\n", os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write lock: %w", err)
	}
	return &Lock{f}, nil
}

// takeDatabase takes the lock of the database at path.
func takeDatabase(ctx context.Context, path string, wait time.Duration) (*Lock, error) {
	return TakeLock(ctx, path+".lock", "using this database", wait)
}

func readHolder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 200))
	line, _, _ := strings.Cut(string(b), "\n")
	if s := strings.TrimSpace(line); err == nil && s != "" {
		return s
	}
	return "process unknown"
}

// Free gives the lock back. The file stays: removing it would let two runs
// lock two files of one name. A zero lock is none.
func (l *Lock) Free() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}
