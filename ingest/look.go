package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"burn/proxy/usage"
)

// FileLook is what a look at log directories shows. It reads no calls and
// changes nothing.
type FileLook struct {
	Dirs       []DirLook
	Files      int
	Bytes      int64     // on disk
	Unreadable []string  // files that cannot be opened, each with the reason
	Damaged    []string  // files that do not begin as log files do
	Writing    int       // files that a proxy on this host has open
	Newest     time.Time // of the newest whole line; zero if there is none
	Stopped    bool      // that line says that its proxy ended well
}

// DirLook is one log directory, or a single file given in its place.
type DirLook struct {
	Path string
	Mode fs.FileMode // 0 if it could not be looked at
	Err  error       // why it cannot be listed
}

// newestFiles is how many of the files that changed last are asked for their
// newest line: one a proxy, and some to spare.
const newestFiles = 16

// LookAtFiles looks at log directories.
func LookAtFiles(dirs []string) FileLook {
	var l FileLook
	var newest []found // those that changed last, the last one first
	seen := map[string]bool{}
	for _, dir := range dirs {
		d := DirLook{Path: dir}
		if info, err := os.Stat(dir); err == nil {
			d.Mode = info.Mode()
		}
		files, err := list([]string{dir})
		var perr *fs.PathError
		switch {
		case errors.As(err, &perr):
			d.Err = perr.Err // Path is named already
		case err != nil:
			d.Err = err
		}
		l.Dirs = append(l.Dirs, d)
		if err != nil {
			continue
		}
		skipped, _ := files.each(func(_ int, f found) error {
			if seen[f.path] {
				return nil
			}
			if len(dirs) > 1 {
				seen[f.path] = true
			}
			if l.file(f) {
				at, _ := slices.BinarySearchFunc(newest, f, func(a, b found) int { return cmp.Compare(b.mtimeNS, a.mtimeNS) })
				newest = slices.Insert(newest, at, f)
				newest = newest[:min(len(newest), newestFiles)]
			}
			return nil
		})
		if skipped > 0 {
			l.Unreadable = append(l.Unreadable, fmt.Sprintf("%s: %d entries that are no files, or lead nowhere", dir, skipped))
		}
	}
	for _, f := range newest {
		if r, ok := lastLine(f.path); ok && time.UnixMilli(r.TS).After(l.Newest) {
			l.Newest, l.Stopped = time.UnixMilli(r.TS).UTC(), r.Kind == usage.KindStop
		}
	}
	return l
}

// file counts one file and reports whether it can be read.
func (l *FileLook) file(f found) bool {
	l.Files++
	l.Bytes += f.size
	_, _, err := head(f.path)
	var perr *fs.PathError
	switch {
	case err == nil:
	case errors.As(err, &perr):
		l.Unreadable = append(l.Unreadable, fmt.Sprintf("%s: %v", f.path, perr.Err))
		return false
	default:
		l.Damaged = append(l.Damaged, fmt.Sprintf("%s: %v", f.path, err))
		return false
	}
	if inUse(f.path) {
		l.Writing++
	}
	return true
}

// lastLine decodes a file's last whole line that is a record.
func lastLine(path string) (r usage.Record, ok bool) {
	src, err := openSource(path)
	if err != nil {
		return r, false
	}
	defer src.Close()
	end, err := lastBytes(src)
	if err != nil {
		return r, false
	}
	for len(end) > 0 {
		end = end[:bytes.LastIndexByte(end, '\n')+1]
		if len(end) == 0 {
			return r, false
		}
		start := bytes.LastIndexByte(end[:len(end)-1], '\n') + 1
		var d usage.Decoder
		r = usage.Record{}
		if d.Decode(trim(end[start:]), &r) == nil {
			return r, true
		}
		end = end[:start]
	}
	return r, false
}

// lastBytes returns the end of a file, enough for several lines.
func lastBytes(src *source) ([]byte, error) {
	const enough = 4 * usage.MaxLine
	if src.plain {
		info, err := src.file.Stat()
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.NewSectionReader(src.file, max(0, info.Size()-enough), enough))
	}
	var end []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		end = append(end, buf[:n]...)
		if over := len(end) - 2*enough; over > 0 {
			end = append(end[:0], end[len(end)-enough:]...)
		}
		if err == io.EOF {
			return end, nil
		}
		if err != nil {
			return end, nil // a damaged end; what came before it is whole
		}
	}
}

// DBLook is what a look at the database shows.
type DBLook struct {
	Exists  bool
	Holder  string   // who uses it now; it cannot be looked at then
	Locked  bool     // Holder is no burn: a run would fail instead of wait
	Denied  error    // why it cannot be read by this user
	Unfit   string   // why the next run makes it anew
	Unread  int      // files with something that it does not have
	Damaged []string // files of which only a part could be read, with the reason
}
