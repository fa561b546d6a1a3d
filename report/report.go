// Package report shows the Result of package analyze to people and programs: as
// tables, JSON, CSV, Markdown and one self-contained HTML page. It computes
// shares and roundings, never a cost.
//
// Read in this order: sentence.go (the line everything starts with), format.go
// (how figures and foreign names are written), grid.go and text.go (tables),
// fix.go (what to type), json.go, csv.go, markdown.go, html.go and chart.go (the page), compare.go (two
// periods side by side).
//
// Names come from headers that anyone may send: each output escapes them in its
// own way and is tested with hostile ones.
package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// WriteFile writes a file for people whole or not at all: beside path, synced and
// renamed, so that an older one stays until the new one is complete. It is
// readable by its owner alone. A link stays one, and a device or a pipe is written
// into.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("write %s: %w", path, syscall.EISDIR)
	case err == nil && !info.Mode().IsRegular():
		return writeInto(path, write)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".burn-*.tmp")
	if in := (*os.PathError)(nil); errors.As(err, &in) {
		err = in.Err // the path is that of a temporary file
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	b := bufio.NewWriter(f)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("rename to %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// writeInto writes into what is there.
func writeInto(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %w", err)
	}
	b := bufio.NewWriter(f)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// syncDir makes a rename in dir last through a power cut, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer d.Close()
	d.Sync() // some file systems refuse it for directories; the file itself is synced
	return nil
}

// HTMLOptions say what the page is like.
type HTMLOptions struct {
	Top     int    // rows per table, 0 for 20
	Plain   bool   // ECharts as readable text instead of packed: three times the size
	Command string // the command that makes this page again
	Base    string // the command that looks at the same calls, without options of output; "" is burn analyze
	Version string // burn's
	Scope   string // what beside the period tells this page from others of the installation
}
