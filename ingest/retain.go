//go:build cgo

package ingest

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"burn/proxy/usage"
)

// What Options.Keep and Options.Compress do, after everything that was read is
// committed. Two rules: a file is touched only if nothing can be appended to it
// any more and all of it is in the database; and a file is removed only after
// what replaces it, if anything does, is on disk.

// restBefore is how long a file must have rested before it is taken for left
// behind by a process that ended, where its own name does not show that.
const restBefore = time.Hour

// retainer looks through the files of one run.
type retainer struct {
	*loader
	opt         *Options
	newest      map[uint64]int64
	latestStart int64
	gone        []string // paths that are no longer there
	packed      []packedFile
}

type packedFile struct {
	path string
	row  pathRow
}

// retain deletes and packs files, and notes what is then in the database alone.
func (db *DB) retain(l *loader, all []found) error {
	if !db.opt.Keep.IsZero() || db.opt.Compress {
		r := &retainer{loader: l, opt: &db.opt}
		r.newest, r.latestStart = l.files.newest()
		for i := range all {
			if l.ctx.Err() != nil {
				break
			}
			if err := r.file(&all[i]); err != nil && !errors.Is(err, os.ErrNotExist) {
				l.stats.Problems = append(l.stats.Problems, fmt.Sprintf("%s: not packed or deleted: %v", all[i].path, bare(err)))
			}
		}
		if err := r.note(); err != nil {
			return err
		}
	}
	l.stats.Beyond = l.files.beyond(remaining(l, all))
	return db.keepBeyond(l.ctx, l.conn, l.stats.Beyond)
}

// bare is err without the path that it may repeat.
func bare(err error) error {
	var perr *os.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// remaining are the files that are still there.
func remaining(l *loader, all []found) []found {
	if l.stats.Deleted+l.stats.Packed == 0 {
		return all
	}
	var left []found
	for _, f := range all {
		if _, ok := l.files.byPath[f.path]; ok || f.size == 0 {
			left = append(left, f)
		}
	}
	return left
}

// file decides about one file.
func (r *retainer) file(f *found) error {
	p, ok := r.files.byPath[f.path]
	row := r.files.byID[p.fileID]
	if !ok || row == nil || !p.settled || p.size != f.size || p.mtimeNS != f.mtimeNS || row.problem != "" {
		return nil
	}
	remove := r.expired(row)
	if !remove && !r.opt.Compress {
		return nil
	}
	file, err := openRegular(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if ok, err := r.complete(file, f, row); !ok || err != nil {
		return err
	}
	if remove {
		if err := os.Remove(f.path); err != nil {
			return err
		}
		r.stats.Deleted++
		r.stats.Freed += f.size
		r.drop(f.path)
		return nil
	}
	if plain, err := isPlain(file); err != nil || !plain || filepath.Ext(f.path) == packedName {
		return err
	}
	return r.pack(file, f, p)
}

// expired reports whether a content may be deleted for its age: all its lines
// are calls or known otherwise, and older. A file that holds nothing but its
// start line is worth nothing at any age.
func (r *retainer) expired(row *fileRow) bool {
	if r.opt.Keep.IsZero() || row.lines == 0 || row.rejected > 0 {
		return false
	}
	onlyStart := row.boot != 0 && row.lines == 1 && row.torn == 0
	return onlyStart || row.newestMS < r.opt.Keep.UnixMilli()
}

// complete reports whether file is as it was when it was read, whole, and will
// not be written to any more.
func (r *retainer) complete(file *os.File, f *found, row *fileRow) (bool, error) {
	named, err := os.Lstat(f.path) // a link stays what it is, and so does what it leads to
	if err != nil || !named.Mode().IsRegular() {
		return false, err
	}
	info, err := file.Stat()
	if err != nil || !os.SameFile(info, named) || info.Size() != f.size || info.ModTime().UnixNano() != f.mtimeNS {
		return false, err
	}
	if usage.InUse(file) {
		return false, nil
	}
	plain, err := isPlain(file)
	if err != nil {
		return false, err
	}
	if plain && row.position < f.size && row.torn == 0 {
		return false, nil
	}
	rested := r.opt.Now().Sub(info.ModTime())
	return rested > 24*time.Hour ||
		row.boot != 0 && r.newest[row.boot] > row.number ||
		row.boot != 0 && r.latestStart > row.startMS && rested > restBefore, nil
}

func (r *retainer) pack(file *os.File, f *found, p pathRow) error {
	info, err := pack(file, f.path)
	if err != nil {
		return err
	}
	if again, err := os.Lstat(f.path); err != nil || again.Size() != f.size || again.ModTime().UnixNano() != f.mtimeNS || usage.InUse(file) {
		return errors.Join(errChanged, err) // both are there: every line still counts once
	}
	if err := os.Remove(f.path); err != nil {
		return err
	}
	r.stats.Packed++
	r.stats.Freed += f.size - info.Size()
	r.drop(f.path)
	row := pathRow{size: info.Size(), mtimeNS: info.ModTime().UnixNano(), settled: true, fileID: p.fileID}
	r.packed = append(r.packed, packedFile{f.path + packedName, row})
	r.files.byPath[f.path+packedName] = row
	return nil
}

func (r *retainer) drop(path string) {
	r.gone = append(r.gone, valid(path))
	delete(r.files.byPath, path)
}

// note writes what became of the files, so that the next run need not look into
// the packed ones. If it is killed before, the next run finds out by itself.
func (r *retainer) note() error {
	paths := r.gone
	for _, p := range r.packed {
		paths = append(paths, valid(p.path))
	}
	if err := r.forget("path", "path", each(paths)); err != nil {
		return err
	}
	return r.insert("path", func(add func(...driver.Value) error) error {
		for _, p := range r.packed {
			if err := add(valid(p.path), p.row.size, p.row.mtimeNS, p.row.settled, p.row.fileID); err != nil {
				return err
			}
		}
		return nil
	})
}
