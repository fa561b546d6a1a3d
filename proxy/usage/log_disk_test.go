package usage

import (
	"io"
	"io/fs"
)

// faultDisk is the file system with faults. Its hooks may be nil; each is given
// the file's path.
type faultDisk struct {
	osDisk
	write  func(path string, b []byte, next io.Writer) (int, error)
	sync   func(path string) error
	cutErr error
	open   func(path string) error
}

func (d *faultDisk) create(path string) (diskFile, error) {
	if d.open != nil {
		if err := d.open(path); err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return &faultFile{f, d, path}, nil
}

type faultFile struct {
	diskFile
	d    *faultDisk
	path string
}

func (f *faultFile) Write(b []byte) (int, error) {
	if f.d.write == nil {
		return f.diskFile.Write(b)
	}
	return f.d.write(f.path, b, f.diskFile)
}

func (f *faultFile) Sync() error {
	if f.d.sync != nil {
		if err := f.d.sync(f.path); err != nil {
			return &fs.PathError{Op: "sync", Path: f.path, Err: err}
		}
	}
	return f.diskFile.Sync()
}

func (f *faultFile) Truncate(size int64) error {
	if f.d.cutErr != nil {
		return f.d.cutErr
	}
	return f.diskFile.Truncate(size)
}

func failWrite(err error) func(string, []byte, io.Writer) (int, error) {
	return func(path string, _ []byte, _ io.Writer) (int, error) {
		return 0, &fs.PathError{Op: "write", Path: path, Err: err}
	}
}
