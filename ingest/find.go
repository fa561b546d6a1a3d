package ingest

import (
	"bytes"
	"cmp"
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
// each without what it has in common with the one before, and what else is known
// of a file is asked when its turn comes.
type listing struct {
	dirs   []string // absolute
	pieces [][]byte // of entries: the directory's number, bytes in common, bytes of the rest, the rest
	count  int
	blocks []uint64 // where each blockNames-th name is, which is whole: piece<<32 | offset
}

// pieceBytes is how much of a listing is allocated at once.
const pieceBytes = 1 << 20

// blockNames is how many names are read to find one of them.
const blockNames = 32

// list lists the log files of the given directories, or files. It is an error
// if one cannot be listed.
func list(dirs []string) (*listing, error) {
	found := new(listing)
	for _, dir := range dirs {
		if err := found.read(dir); err != nil {
			return nil, fmt.Errorf("read log directory: %w", err)
		}
	}
	order := make([]uint64, 0, found.count)
	for at := uint64(0); len(order) < found.count; {
		order = append(order, at)
		_, _, _, at = found.entry(at)
	}
	compare := func(a, b uint64) int {
		dirA, _, nameA, _ := found.entry(a)
		dirB, _, nameB, _ := found.entry(b)
		return cmp.Or(bytes.Compare(nameA, nameB), strings.Compare(found.dirs[dirA], found.dirs[dirB]))
	}
	slices.SortFunc(order, compare)
	order = slices.CompactFunc(order, func(a, b uint64) bool { return compare(a, b) == 0 }) // a file given beside its directory
	l := &listing{dirs: found.dirs}
	var last []byte
	for i, at := range order {
		dir, _, name, _ := found.entry(at)
		common := 0
		for i%blockNames != 0 && common < min(len(last), len(name)) && last[common] == name[common] {
			common++
		}
		at := l.add(dir, common, name[common:])
		if i%blockNames == 0 {
			l.blocks = append(l.blocks, at)
		}
		last = name
	}
	return l, nil
}

// read adds what is at path.
func (l *listing) read(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		l.add(l.dir(filepath.Dir(path)), 0, []byte(filepath.Base(path)))
		return nil
	}
	d, err := openAny(path)
	if err != nil {
		return err
	}
	defer d.Close()
	dir := l.dir(path)
	for {
		names, err := d.Readdirnames(4096)
		for _, name := range names {
			if isLogName(name) {
				l.add(dir, 0, []byte(name))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
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

// add appends an entry and returns where it is.
func (l *listing) add(dir, common int, rest []byte) (at uint64) {
	const numbers = 3 * binary.MaxVarintLen64
	last := len(l.pieces) - 1
	if last < 0 || len(l.pieces[last])+len(rest)+numbers > pieceBytes {
		l.pieces = append(l.pieces, make([]byte, 0, max(pieceBytes, len(rest)+numbers)))
		last++
	}
	piece := l.pieces[last]
	at = uint64(last)<<32 | uint64(len(piece))
	for _, n := range []int{dir, common, len(rest)} {
		piece = binary.AppendUvarint(piece, uint64(n))
	}
	l.pieces[last] = append(piece, rest...)
	l.count++
	return at
}

// entry returns one entry, and where the next one is.
func (l *listing) entry(at uint64) (dir, common int, rest []byte, next uint64) {
	piece, from := l.pieces[at>>32], int(uint32(at))
	var numbers [3]int
	for i := range numbers {
		v, n := binary.Uvarint(piece[from:])
		numbers[i], from = int(v), from+n
	}
	to := from + numbers[2]
	if next = at&^0xffffffff | uint64(to); to == len(piece) {
		next = (at>>32 + 1) << 32
	}
	return numbers[0], numbers[1], piece[from:to], next
}

// path returns the path of the i-th file.
func (l *listing) path(i int) string {
	at := l.blocks[i/blockNames]
	var name []byte
	for n := i % blockNames; ; n-- {
		dir, common, rest, next := l.entry(at)
		name, at = append(name[:common], rest...), next
		if n == 0 {
			return filepath.Join(l.dirs[dir], string(name))
		}
	}
}

// each calls f for every regular file, until that fails; i is its place in the
// list. skipped counts the entries that are none, or cannot be looked at.
func (l *listing) each(f func(i int, file found) error) (skipped int, err error) {
	for i := range l.count {
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
