//go:build cgo

package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/marcboeker/go-duckdb/v2"
)

// What happens to a database that cannot be used: it is moved aside, never
// deleted while it holds something that no log file has, and made anew.

// asideName is where a database is moved to. One damaged copy is kept, the newest,
// for whoever wants to know what happened; with keep every copy stays.
func asideName(path string, keep bool) string {
	aside := path + ".unusable"
	for n := 1; keep; n++ {
		aside = path + ".kept-" + strconv.Itoa(n)
		_, err := os.Lstat(aside)
		_, werr := os.Lstat(aside + ".wal")
		if errors.Is(err, fs.ErrNotExist) && errors.Is(werr, fs.ErrNotExist) {
			break
		}
	}
	return aside
}

// moveAside renames a database and its log. The log goes first: a database without
// it is an older state, a log without its database would be taken for part of the
// next one.
func moveAside(path, aside string) error {
	for _, suffix := range []string{".wal", ""} {
		if err := os.RemoveAll(aside + suffix); err != nil {
			return err
		}
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// orphanedLog moves a log aside whose database is gone: it belongs to no other.
func orphanedLog(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.Rename(path+".wal", path+".unusable.wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replace moves the database aside and opens a new one.
func (db *DB) replace(ctx context.Context, why string, newer bool) error {
	lost, known := db.beyondNow(ctx)
	db.disconnect()
	keep := newer || lost.Calls > 0 || !known
	aside := asideName(db.opt.Path, keep)
	r := replaced{Why: why, Calls: lost.Calls, Since: lost.Since}
	if _, err := os.Lstat(db.opt.Path); err == nil && keep {
		r.Kept = aside
	}
	// What was lost before, to a new one that was not read to the end, is lost still.
	if before := readReplaced(db.opt.Path); before.Calls > 0 && lost.Calls == 0 {
		r.Kept, r.Calls, r.Since = before.Kept, before.Calls, before.Since
	}
	if err := r.note(db.opt.Path); err != nil {
		return fmt.Errorf("rebuild database: %w", err)
	}
	if err := moveAside(db.opt.Path, aside); err != nil {
		return fmt.Errorf("rebuild database: %s: %w", why, err)
	}
	db.why, db.lost, db.kept = r.Why, r.lost(), r.Kept
	if err := db.connect(ctx); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return writeBeside(db.opt.Path+".beyond", "") // the new one lacks nothing that it had
}

// newerStorage reports whether DuckDB refused a file because a later DuckDB
// has written it.
func newerStorage(err error) bool {
	return strings.Contains(err.Error(), "database file with version number")
}

// madeByNewer reports whether a later burn made the database that is open.
func (db *DB) madeByNewer(ctx context.Context) bool {
	version, err := db.meta(ctx, "burn")
	return err == nil && later(version, db.opt.Version)
}

// later compares versions such as 1.2.3-dev by their numbers.
func later(a, b string) bool {
	numbers := func(s string) (n [3]int, ok bool) {
		s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "-")
		for i, part := range strings.Split(s, ".") {
			v, err := strconv.Atoi(part)
			if err != nil || i == len(n) {
				return n, false
			}
			n[i] = v
		}
		return n, true
	}
	x, ok1 := numbers(a)
	y, ok2 := numbers(b)
	if !ok1 || !ok2 {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return false
}

// refused reports whether err is the system's refusal of space, rights, memory or
// descriptors, which says nothing about the database.
func refused(err error) bool {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no != syscall.EIO && no != syscall.ENOENT
	}
	for _, s := range []string{"No space left", "quota", "File too large", "Permission denied", "Operation not permitted", "Read-only file system", "Too many open files", "Cannot allocate memory", "Out of Memory", "Allocation failure", "Could not write", "temp directory", "temporary file"} {
		if strings.Contains(err.Error(), s) { // not all of them have a type
			return true
		}
	}
	return false
}

// suspicious reports whether err may come from a damaged database.
func suspicious(err error) bool {
	var de *duckdb.Error
	if !errors.As(err, &de) || refused(err) {
		return false
	}
	switch de.Type {
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInternal, duckdb.ErrorTypeSerialization, duckdb.ErrorTypeInvalid, duckdb.ErrorTypeCatalog:
		return true
	}
	return strings.Contains(de.Msg, "orrupt") || strings.Contains(de.Msg, "invalidated")
}

// Repair finds out whether failure, an error of Ingest or of a query, comes
// from damage in the database that only shows where it is read. If so it is
// moved aside and made anew, empty, unless NoRebuild is set: the next Ingest
// fills it. It reports whether it was.
func (db *DB) Repair(ctx context.Context, failure error) (bool, error) {
	if !suspicious(failure) || ctx.Err() != nil || db.repaired {
		return false, nil
	}
	db.disconnect()
	err := db.connect(ctx)
	if err == nil {
		err = db.readAll(ctx)
	}
	switch {
	case err == nil:
		return false, nil // it is whole: the failure stands
	case ctx.Err() != nil || heldByAnother(err) || !suspicious(err):
		return false, err
	case db.opt.NoRebuild:
		return false, db.refuse(firstLine(err))
	}
	db.repaired = true
	return true, db.replace(ctx, firstLine(err), false)
}

// readAll reads every value of every table; DuckDB checks the sum of each block.
func (db *DB) readAll(ctx context.Context) error {
	var tables []string
	rows, err := db.sql.QueryContext(ctx, "SELECT table_name FROM duckdb_tables() WHERE database_name = 'burn'")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range tables {
		query := fmt.Sprintf(`SELECT bit_xor(hash(t)) FROM burn."%s" t`, strings.ReplaceAll(name, `"`, `""`))
		if _, err := db.sql.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) refuse(why string) error {
	return fmt.Errorf("database %s cannot be used: %s; it can be rebuilt from the log files", db.opt.Path, why)
}

// removeSpilled removes what a killed run left in the directory for temporary
// data. Nobody else has the database open, so nobody uses it.
func removeSpilled(path string) {
	left, err := filepath.Glob(filepath.Join(escapeGlob(path)+".tmp", "duckdb_temp_*"))
	if err != nil {
		return
	}
	for _, name := range left {
		_ = os.Remove(name) // it costs space alone, and the next run tries again
	}
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
