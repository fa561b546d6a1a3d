//go:build cgo

package ingest

import (
	"os"
	"syscall"
)

// startWriting makes the kernel begin to write what it holds of a file, and
// does not wait until that is done. Nothing depends on it: a file system that
// refuses it writes later, and a disk that fails is an error of the commit.
func startWriting(f *os.File) {
	const write = 2 // SYNC_FILE_RANGE_WRITE, of linux/fs.h
	_ = syscall.SyncFileRange(int(f.Fd()), 0, 0, write)
}
