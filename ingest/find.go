package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
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

// as sets what f's file was like.
func (f *found) as(info fs.FileInfo) { f.size, f.mtimeNS = info.Size(), info.ModTime().UnixNano() }

// A listing is the names of the log files in some directories, in their order,
// which is the order of time. There may be a million: names stand back to back,
// and what else is known of a file is asked when its turn comes.
type listing struct {
	dirs   []string // absolute
	pieces [][]byte // of entries: number of the directory, length of the name, name
	order  []uint64 // of entries: number of the piece, offset in it
}

// pieceBytes is how much of a listing is allocated at once.
const pieceBytes = 1 << 20

// list lists the log files of the given directories, or files. It is an error
// if one cannot be listed.
func list(dirs []string) (*listing, error) {
	l := new(listing)
	n := 0
	for _, dir := range dirs {
		added, err := l.read(dir)
		if err != nil {
			return nil, fmt.Errorf("read log directory: %w", err)
		}
		n += added
	}
	l.order = make([]uint64, 0, n)
	for i, piece := range l.pieces {
		for at := 0; at < len(piece); {
			l.order = append(l.order, uint64(i)<<32|uint64(at))
			_, _, next := l.entry(uint64(i)<<32 | uint64(at))
			at = next
		}
	}
	slices.SortFunc(l.order, func(a, b uint64) int {
		dirA, nameA, _ := l.entry(a)
		dirB, nameB, _ := l.entry(b)
		if c := bytes.Compare(nameA, nameB); c != 0 {
			return c
		}
		return strings.Compare(l.dirs[dirA], l.dirs[dirB])
	})
	l.order = slices.CompactFunc(l.order, func(a, b uint64) bool { // a file given beside its directory
		dirA, nameA, _ := l.entry(a)
		dirB, nameB, _ := l.entry(b)
		return dirA == dirB && bytes.Equal(nameA, nameB)
	})
	return l, nil
}

// read adds what is at path, and returns how many entries that are.
func (l *listing) read(path string) (n int, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		l.add(l.dir(filepath.Dir(path)), filepath.Base(path))
		return 1, nil
	}
	d, err := openAny(path)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	dir := l.dir(path)
	for {
		names, err := d.Readdirnames(4096)
		for _, name := range names {
			if isLogName(name) {
				l.add(dir, name)
				n++
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// dir returns the number of a directory.
func (l *listing) dir(path string) int {
	if i := slices.Index(l.dirs, path); i >= 0 {
		return i
	}
	l.dirs = append(l.dirs, path)
	return len(l.dirs) - 1
}

func (l *listing) add(dir int, name string) {
	last := len(l.pieces) - 1
	if last < 0 || len(l.pieces[last])+len(name)+2*binary.MaxVarintLen64 > pieceBytes {
		l.pieces = append(l.pieces, make([]byte, 0, max(pieceBytes, len(name)+2*binary.MaxVarintLen64)))
		last++
	}
	piece := binary.AppendUvarint(l.pieces[last], uint64(dir))
	l.pieces[last] = append(binary.AppendUvarint(piece, uint64(len(name))), name...)
}

// entry returns one entry, and where in its piece the next one begins.
func (l *listing) entry(at uint64) (dir int, name []byte, next int) {
	piece, from := l.pieces[at>>32], int(uint32(at))
	d, n := binary.Uvarint(piece[from:])
	from += n
	length, n := binary.Uvarint(piece[from:])
	from += n
	return int(d), piece[from : from+int(length)], from + int(length)
}

// path returns the path of the i-th file.
func (l *listing) path(i int) string {
	dir, name, _ := l.entry(l.order[i])
	return filepath.Join(l.dirs[dir], string(name))
}

// each calls f for every regular file, until that fails; i is its place in the
// list. skipped counts the entries that are none, or cannot be looked at.
func (l *listing) each(f func(i int, file found) error) (skipped int, err error) {
	for i := range l.order {
		file := found{path: l.path(i)}
		info, err := os.Stat(file.path) // follows links: a linked file counts, a loop is an error
		if err != nil || !info.Mode().IsRegular() {
			skipped++
			continue
		}
		file.as(info)
		if err := f(i, file); err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

// listReadable is list of the directories that can be listed; problems says why
// others cannot. It is an error if none can.
func listReadable(dirs []string) (l *listing, problems []string, err error) {
	var readable []string
	for _, dir := range dirs {
		d, oerr := openAny(dir)
		if oerr != nil {
			problems = append(problems, oerr.Error())
			err = fmt.Errorf("read log directory: %w", oerr)
			continue
		}
		_ = d.Close()
		readable = append(readable, dir)
	}
	if len(readable) == 0 {
		return nil, nil, err
	}
	l, err = list(readable)
	return l, problems, err
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
