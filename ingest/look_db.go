//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"burn/queries"
)

// LookAtDatabase opens the database for reading alone: it makes, repairs and
// rebuilds nothing. Views go into memory, so that SetPeriod works. The database
// is nil where DBLook says why it cannot be looked at; a run that starts
// meanwhile waits until it is closed.
func LookAtDatabase(ctx context.Context, opt Options) (*DB, DBLook, error) {
	opt.defaults()
	var look DBLook
	if f, err := openAny(opt.Path); err != nil {
		look.Exists = !errors.Is(err, fs.ErrNotExist)
		if look.Exists {
			look.Denied = err
		}
		return nil, look, nil
	} else if err := f.Close(); err != nil {
		return nil, look, err
	}
	look.Exists = true
	if look.Denied = noFile(opt.Path); look.Denied != nil {
		return nil, look, nil
	}
	lk, err := takeDatabase(ctx, opt.Path, 0)
	if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		look.Holder = strings.TrimSuffix(err.Error(), " (waited 0s)")
		return nil, look, ctx.Err()
	}
	db := &DB{opt: opt, lock: lk}
	if lk == nil {
		db.lock = &Lock{} // of a directory that is read only
	}
	err = db.connectReading(ctx)
	if err == nil {
		look.Unfit, err = db.unusable(ctx)
	}
	if err == nil && look.Unfit == "" {
		err = db.compare(ctx, &look)
	}
	switch {
	case err == nil && look.Unfit == "":
		return db, look, nil
	case err != nil && ctx.Err() != nil:
		look = DBLook{}
		err = ctx.Err()
	case err != nil && heldByAnother(err):
		look.Holder, look.Locked, err = "another program has it open", true, nil
	case err != nil:
		look.Unfit, err = firstLine(err), nil
	}
	db.disconnect()
	return nil, look, errors.Join(err, db.lock.Free())
}

// connectReading attaches the file behind an empty database in memory, where
// everything that is made goes and names are looked up first.
func (db *DB) connectReading(ctx context.Context) error {
	tables, err := db.attach(ctx,
		fmt.Sprintf("ATTACH %s AS burn (READ_ONLY)", literal(db.opt.Path)),
		"SET search_path='memory.main,burn.main'")
	if err != nil {
		return err
	}
	if tables < 2 {
		return fmt.Errorf("it has no tables of burn, schema %q", queries.SchemaVersion)
	}
	return nil
}

// compare finds what the log files have and the database has not.
func (db *DB) compare(ctx context.Context, look *DBLook) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = eachRow(ctx, conn, "SELECT path, problem FROM path JOIN file ON file.id = path.file_id WHERE problem <> '' ORDER BY path", func(rows *sql.Rows) error {
		var path, problem string
		if err := rows.Scan(&path, &problem); err != nil {
			return err
		}
		look.Damaged = append(look.Damaged, path+": "+problem)
		return nil
	})
	if err != nil {
		return err
	}
	known, err := restorePlaces(ctx, conn, false)
	if err != nil {
		return err
	}
	for _, dir := range db.opt.Dirs {
		files, err := list([]string{dir})
		if err != nil {
			continue // LookAtFiles says so
		}
		_, err = files.each(func(_ int, f found) error {
			if f.size > 0 && !known.has(&f) {
				look.Unread++
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}
