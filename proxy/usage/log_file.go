package usage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// disk is what a Log needs of a file system; tests put faults in between.
type disk interface {
	create(path string) (diskFile, error) // exclusively, for appending, locked if the system can
	mkdir(dir string) error
	syncDir(dir string) error
	lstat(path string) (fs.FileInfo, error)
	remove(path string) error
}

type diskFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

// osDisk is the real one. It keeps a descriptor in reserve, so that the next
// file can be opened when sockets have taken all others.
type osDisk struct{ reserve *os.File }

func (d *osDisk) create(path string) (diskFile, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL | os.O_APPEND | noFollow
	f, err := os.OpenFile(path, flags, 0o600)
	if d.reserve != nil && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
		_ = d.reserve.Close()
		d.reserve = nil
		f, err = os.OpenFile(path, flags, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if d.reserve == nil {
		d.reserve, _ = os.Open(os.DevNull) // none left: without reserve until the next file
	}
	lock(f)
	return f, nil
}

func (d *osDisk) mkdir(dir string) error                 { return os.MkdirAll(dir, 0o700) }
func (d *osDisk) lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (d *osDisk) remove(path string) error               { return os.Remove(path) }

// syncDir makes a new file's name durable. Only the sync itself can fail: a
// directory that cannot be opened for reading, or a system that does not sync
// directories, is no fault of the file.
func (d *osDisk) syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	err = f.Sync()
	_ = f.Close()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// noSpace reports an error that no other file on the same disk would avoid.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// FileName is the name of a boot's n-th log file, n from 1, see Log.
func FileName(created time.Time, boot uint64, n int64) string {
	u := created.UTC()
	return fmt.Sprintf("burn-%s%03dZ-%016x-%d.jsonl", u.Format("20060102T150405"), u.Nanosecond()/1e6, boot, n)
}

// logFile is the file being written. Only the writer touches it, but for fd,
// which the syncer syncs and in the end closes.
type logFile struct {
	fd       diskFile
	path     string
	opened   time.Duration // monotonic
	size     int64         // up to here it holds whole lines of ours
	lines    int64         // their number
	broken   bool          // its end could not be repaired
	named    bool          // its directory entry is durable; the syncer's
	unsynced bool          // something was written since the last sync began
}

// append writes whole lines and returns how many bytes of them, whole lines
// again, are in the file now. After a failure the file ends with a whole line,
// or is broken.
func (f *logFile) append(b []byte) (int, error) {
	n, err := f.fd.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	kept := max(0, min(n, len(b)))
	if err != nil {
		kept = bytes.LastIndexByte(b[:kept], '\n') + 1
		if repairErr := f.repair(f.size+int64(kept), f.size+int64(n)); repairErr != nil {
			f.broken = true
		}
	}
	f.unsynced = f.unsynced || n > 0
	f.size += int64(kept)
	f.lines += int64(bytes.Count(b[:kept], newline))
	return kept, err
}

var newline = []byte{'\n'}

var errForeign = errors.New("size was changed by another process")

// repair cuts the file back from size is to size want. If it has another size,
// somebody else changed it, and cutting would destroy or, beyond the end, fill
// up with zeros.
func (f *logFile) repair(want, is int64) error {
	info, err := f.fd.Stat()
	if err != nil {
		return err
	}
	if info.Size() != is {
		return errForeign
	}
	if want == is {
		return nil
	}
	return f.fd.Truncate(want)
}

// condition is what became of a file, seen from outside.
type condition int

const (
	intact  condition = iota
	moved             // it exists, but not under its name
	deleted           // it has no name any more
	cut               // it is shorter than what was written
)

// inspect returns the file's condition and how many of its lines are lost.
func (f *logFile) inspect(d disk) (condition, int64, error) {
	info, err := f.fd.Stat()
	if err != nil {
		return intact, 0, err
	}
	if links(info) == 0 {
		return deleted, f.lines, nil
	}
	if info.Size() < f.size {
		return cut, max(0, f.lines-f.count(info.Size())), nil
	}
	named, err := d.lstat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(info, named):
		return moved, 0, nil
	case err != nil:
		return intact, 0, err
	}
	return intact, 0, nil
}

// count counts the lines left in the first size bytes.
func (f *logFile) count(size int64) int64 {
	var lines int64
	r := io.NewSectionReader(f.fd, 0, size)
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		lines += int64(bytes.Count(buf[:n], newline))
		if err != nil {
			return lines
		}
	}
}

// syncJob is work for the syncer: make a file durable and, if it is retired,
// close it.
type syncJob struct {
	file  *logFile
	close bool
	gone  bool // deleted: nothing to make durable
}

// run does the job. The error is that of a sync: what a failed close would
// tell, the sync before it told.
func (j syncJob) run(d disk) error {
	var err error
	if !j.gone {
		err = j.file.fd.Sync()
		if err == nil && !j.file.named {
			err = d.syncDir(filepath.Dir(j.file.path))
			j.file.named = err == nil
		}
	}
	if j.close {
		_ = j.file.fd.Close()
	}
	return err
}
