package ingest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// found is a log file in one of the directories.
type found struct {
	path    string
	size    int64
	mtimeNS int64
}

// findFiles lists the log files of the given directories (or files), in the
// order of their names, which is the order of time. skipped counts entries
// that are not readable regular files; it is an error if a directory cannot be
// listed at all.
func findFiles(dirs []string) (files []found, skipped int, err error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, 0, fmt.Errorf("read log directory: %w", err)
		}
		entries := []fs.DirEntry{fs.FileInfoToDirEntry(info)}
		base := filepath.Dir(dir)
		if info.IsDir() {
			base = dir
			if entries, err = os.ReadDir(dir); err != nil {
				return nil, 0, fmt.Errorf("read log directory: %w", err)
			}
		}
		for _, e := range entries {
			if info.IsDir() && !isLogName(e.Name()) {
				continue
			}
			path := filepath.Join(base, e.Name())
			info, err := os.Stat(path) // follows links: a linked file counts, a loop is an error
			if err != nil || !info.Mode().IsRegular() {
				skipped++
				continue
			}
			if abs, err := filepath.Abs(path); err == nil && !seen[abs] {
				seen[abs] = true
				files = append(files, found{path: abs, size: info.Size(), mtimeNS: info.ModTime().UnixNano()})
			}
		}
	}
	slices.SortStableFunc(files, func(a, b found) int {
		if c := strings.Compare(filepath.Base(a.path), filepath.Base(b.path)); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	return files, skipped, nil
}

// findReadable is findFiles of the directories that can be listed; problems
// says why others cannot. It is an error if none can.
func findReadable(dirs []string) (files []found, skipped int, problems []string, err error) {
	var listed []string
	for _, dir := range dirs {
		d, oerr := openAny(dir)
		if oerr != nil {
			problems = append(problems, oerr.Error())
			err = fmt.Errorf("read log directory: %w", oerr)
			continue
		}
		_ = d.Close()
		listed = append(listed, dir)
	}
	if len(listed) == 0 {
		return nil, 0, nil, err
	}
	files, skipped, err = findFiles(listed)
	return files, skipped, problems, err
}

// openAny opens a directory or a file, without waiting for anything.
func openAny(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// isLogName reports whether a directory entry is taken for a log file: any
// name with ".jsonl" in it, so that x.jsonl.gz and a logrotated x.jsonl.1
// count, and hidden files do not.
func isLogName(name string) bool {
	return strings.Contains(name, ".jsonl") && !strings.HasPrefix(name, ".")
}
