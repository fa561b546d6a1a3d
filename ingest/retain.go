//go:build cgo

package ingest

import (
	"database/sql"
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
	opt    *Options
	here   *places
	latest int64    // when the newest process started, ms since the epoch
	gone   []string // paths that are no longer there
	packed []packedFile
}

type packedFile struct {
	found
	content uint32
}

// kept is what is known of a file that was read: its place, and its content.
type kept struct {
	found
	row    fileRow
	newest int64 // number of the newest file of its process
}

// retain deletes and packs files, and notes what is then in the database alone.
func (db *DB) retain(l *loader, w *work) (err error) {
	if !db.opt.Keep.IsZero() || db.opt.Compress {
		r := &retainer{loader: l, opt: &db.opt, here: w.here}
		var last int64
		if err := l.conn.QueryRowContext(l.ctx, "SELECT coalesce(max(id), 0), coalesce(max(start_ms), 0) FROM file").Scan(&last, &r.latest); err != nil {
			return err
		}
		for first := int64(0); first <= last && l.ctx.Err() == nil; first += pageRows {
			if err := r.some(first); err != nil {
				return err
			}
		}
	}
	if !db.opt.Keep.IsZero() && w.list != nil {
		if err := removeEmpty(w.list, db.opt.Keep, &l.stats); err != nil {
			return err
		}
	}
	l.stats.Beyond, err = countBeyond(l.ctx, l.conn, w.here)
	if err != nil {
		return err
	}
	return db.keepBeyond(l.ctx, l.conn, l.stats.Beyond)
}

// removeEmpty removes files without a byte that are older than keep: a process that
// began and ended at once has left them.
func removeEmpty(list *listing, keep time.Time, stats *Stats) error {
	_, err := list.each(func(_ int, f found) error {
		if f.size > 0 || f.mtimeNS >= keep.UnixNano() {
			return nil
		}
		info, err := os.Lstat(f.path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
			return nil
		}
		if err := os.Remove(f.path); err != nil {
			stats.Problems = append(stats.Problems, fmt.Sprintf("%s: not deleted: %v", f.path, bare(err)))
			return nil
		}
		stats.Deleted++
		return nil
	})
	return err
}

// some looks through the files whose contents have ids from first on.
func (r *retainer) some(first int64) error {
	var files []kept
	err := eachRow(r.ctx, r.conn, fmt.Sprintf(`SELECT path, size, mtime_ns, file_id, boot, file.number, start_ms, position, newest_ms, lines, rejected, torn, coalesce(newest.number, 0)
		FROM path JOIN file ON file.id = path.file_id LEFT JOIN (SELECT boot, max(number) AS number FROM file GROUP BY boot) newest USING (boot)
		WHERE file_id >= %d AND file_id < %[1]d + %d AND settled AND problem = '' ORDER BY file_id, path`, first, pageRows), func(rows *sql.Rows) error {
		var f kept
		err := rows.Scan(&f.path, &f.size, &f.mtimeNS, &f.row.id, &f.row.boot, &f.row.number, &f.row.startMS, &f.row.position, &f.row.newestMS, &f.row.lines, &f.row.rejected, &f.row.torn, &f.newest)
		files = append(files, f)
		return err
	})
	if err != nil {
		return err
	}
	for i := range files {
		if r.ctx.Err() != nil {
			break
		}
		f := &files[i]
		if !r.here.has(&found{path: f.path}) { // of other directories, or gone
			continue
		}
		if err := r.file(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.stats.Problems = append(r.stats.Problems, fmt.Sprintf("%s: not packed or deleted: %v", f.path, bare(err)))
		}
	}
	return r.note()
}

// bare is err without the path that it may repeat.
func bare(err error) error {
	var perr *os.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// file decides about one file.
func (r *retainer) file(f *kept) error {
	remove := r.expired(&f.row)
	if !remove && !r.opt.Compress {
		return nil
	}
	file, err := openRegular(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if ok, err := r.complete(file, f); !ok || err != nil {
		return err
	}
	if remove {
		if err := os.Remove(f.path); err != nil {
			return err
		}
		r.stats.Deleted++
		r.stats.Freed += f.size
		r.gone = append(r.gone, f.path)
		return nil
	}
	if plain, err := isPlain(file); err != nil || !plain || filepath.Ext(f.path) == packedName {
		return err
	}
	return r.pack(file, f)
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
func (r *retainer) complete(file *os.File, f *kept) (bool, error) {
	row := &f.row
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
		row.boot != 0 && f.newest > row.number ||
		row.boot != 0 && r.latest > row.startMS && rested > restBefore, nil
}

func (r *retainer) pack(file *os.File, f *kept) error {
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
	r.gone = append(r.gone, f.path)
	to := packedFile{found{path: f.path + packedName}, f.row.id}
	to.as(info)
	r.packed = append(r.packed, to)
	return nil
}

// note writes what became of the files, so that the next run need not look into
// the packed ones. If it is killed before, the next run finds out by itself.
func (r *retainer) note() error {
	paths := r.gone
	for _, p := range r.packed {
		paths = append(paths, p.path)
	}
	if err := r.forget("path", "path", each(paths)); err != nil {
		return err
	}
	err := r.insert("path", func(add func(...driver.Value) error) error {
		for _, p := range r.packed {
			if err := add(p.path, p.size, p.mtimeNS, true, p.content); err != nil {
				return err
			}
		}
		return nil
	})
	r.gone, r.packed = r.gone[:0], r.packed[:0]
	return err
}
