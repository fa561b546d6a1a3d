package ingest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

// packedName is what a packed file is called: it stays recognisable as a twin.
const packedName = ".zst"

// staleTemporary is the age from which another run's unfinished file is taken
// for left behind.
const staleTemporary = time.Hour

var (
	errBusy    = errors.New("another run is packing it")
	errChanged = errors.New("changed while it was packed")
	errDiffers = errors.New("a packed file of that name holds something else")
)

// pack writes f, the open log file at path, to path.zst, and returns that
// file's properties. It is complete, synced and read back before it gets its
// name. The caller removes the original. A packed twin that is there already
// (a run was killed before it removed the original) is checked and left.
func pack(f *os.File, path string) (fs.FileInfo, error) {
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	target := path + packedName
	if _, err := os.Lstat(target); err == nil {
		return twin(f, target)
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(target)+".tmp") // hidden: no log file
	if info, err := os.Lstat(tmp); err == nil && time.Since(info.ModTime()) > staleTemporary {
		_ = os.Remove(tmp) // if it stays, creating it fails next
	}
	out, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp) // after the rename it is gone
	err = packInto(out, f)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, errChanged
	}
	if err := os.Chtimes(tmp, time.Time{}, before.ModTime()); err != nil {
		return nil, err
	}
	info, err := os.Lstat(tmp)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, target); err != nil {
		return nil, err
	}
	return info, syncDir(filepath.Dir(path))
}

func packInto(out, f *os.File) error {
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(z, sum), io.NewSectionReader(f, 0, 1<<62))
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = out.Sync()
	}
	if err != nil {
		return err
	}
	return holds(out.Name(), n, [sha256.Size]byte(sum.Sum(nil)))
}

// twin checks that the packed file target is f packed.
func twin(f *os.File, target string) (fs.FileInfo, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return nil, err
	}
	if err := holds(target, n, [sha256.Size]byte(sum.Sum(nil))); err != nil {
		return nil, err
	}
	return os.Lstat(target)
}

// holds reads a packed file to its end and compares.
func holds(path string, size int64, want [sha256.Size]byte) error {
	src, err := openSource(path)
	if err != nil {
		return err
	}
	defer src.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, src)
	if err != nil {
		return fmt.Errorf("read packed file back: %w", err)
	}
	if n != size || [sha256.Size]byte(sum.Sum(nil)) != want {
		return errDiffers
	}
	return nil
}

// syncDir makes a new name last through a power cut, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // some file systems refuse it for directories
	return d.Close()
}
