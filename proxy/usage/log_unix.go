//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package usage

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const noFollow = syscall.O_NOFOLLOW

// links is the number of names a file has.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// lock marks the file as being written for as long as it is open. Where the
// file system has no locks the mark is missing, and InUse false.
func lock(f *os.File) { _ = flock(f, syscall.LOCK_SH|syscall.LOCK_NB) }

// InUse reports whether a process, on this host, still writes to the log file
// f. It is false where the file system has no locks.
func InUse(f *os.File) bool {
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		_ = flock(f, syscall.LOCK_UN)
	}
	return errors.Is(err, syscall.EWOULDBLOCK)
}

func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	err = conn.Control(func(fd uintptr) { lockErr = syscall.Flock(int(fd), how) })
	return errors.Join(err, lockErr)
}
