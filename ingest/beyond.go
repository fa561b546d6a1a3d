//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// countBeyond counts the calls of contents that are in no file any more. here
// are the files of this run; others are looked for where they were last seen.
func countBeyond(ctx context.Context, conn *sql.Conn, here *places) (b Beyond, err error) {
	var live []uint64 // bits, by id of content
	err = eachPage(ctx, conn, "SELECT path, file_id FROM path WHERE file_id >= %d AND file_id < %d", func(rows *sql.Rows) error {
		var path string
		var id int
		if err := rows.Scan(&path, &id); err != nil {
			return err
		}
		if !here.has(&found{path: path}) {
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				return nil
			}
		}
		for id/64 >= len(live) {
			live = append(live, 0)
		}
		live[id/64] |= 1 << (id % 64)
		return nil
	})
	if err != nil {
		return b, err
	}
	// A content may be there under another id, where copies were read at once.
	type content struct {
		identity, tail, position uint64
		headLen                  uint32
	}
	type calls struct{ number, oldestMS int64 }
	gone := map[content]calls{}
	for _, alive := range []bool{false, true} {
		if alive && len(gone) == 0 {
			break
		}
		err := eachPage(ctx, conn, "SELECT id, identity, tail_hash, position, head_len, accepted, oldest_ms FROM file WHERE id >= %d AND id < %d", func(rows *sql.Rows) error {
			var id int
			var c content
			var n calls
			if err := rows.Scan(&id, &c.identity, &c.tail, &c.position, &c.headLen, &n.number, &n.oldestMS); err != nil {
				return err
			}
			is := id/64 < len(live) && live[id/64]>>(id%64)&1 == 1
			switch {
			case is && alive:
				delete(gone, c)
			case !is && !alive && n.number > 0:
				if had, ok := gone[c]; ok {
					n = calls{n.number + had.number, min(n.oldestMS, had.oldestMS)}
				}
				gone[c] = n
			}
			return nil
		})
		if err != nil {
			return b, err
		}
	}
	oldest := int64(0)
	for _, n := range gone {
		b.Calls += n.number
		if oldest == 0 || n.oldestMS < oldest {
			oldest = n.oldestMS
		}
	}
	if b.Calls > 0 {
		b.Since = time.UnixMilli(oldest).UTC()
	}
	return b, nil
}

// text is what a Beyond is kept as; the zero value is "".
func (b Beyond) text() string {
	if b.Calls == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s\n", b.Calls, b.Since.Format(time.RFC3339))
}

func parseBeyond(s string) (b Beyond) {
	calls, since, _ := strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.ParseInt(calls, 10, 64)
	at, terr := time.Parse(time.RFC3339, since)
	if err != nil || terr != nil {
		return Beyond{}
	}
	return Beyond{n, at}
}

// keepBeyond notes b in the database, for reports, and beside it, for when the
// database cannot be read any more.
func (db *DB) keepBeyond(ctx context.Context, conn *sql.Conn, b Beyond) error {
	old, err := metaOf(ctx, conn, "beyond_calls")
	if err != nil {
		return err
	}
	calls, since := "", ""
	if b.Calls > 0 {
		calls, since = strconv.FormatInt(b.Calls, 10), b.Since.Format(time.RFC3339)
	}
	if old == calls {
		return nil
	}
	if err := writeBeside(db.opt.Path+".beyond", b.text()); err != nil {
		return err
	}
	return setNotes(ctx, conn, map[string]string{"beyond_calls": calls, "beyond_since": since})
}

// writeBeside replaces a small file whole; no text removes it.
func writeBeside(path, text string) error {
	if text == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// beyondNow is what would be lost if the database were made anew: found out
// afresh if it can be read, else what was noted when it last could, unless that
// cannot be known.
func (db *DB) beyondNow(ctx context.Context) (b Beyond, known bool) {
	if b, err := db.countBeyond(ctx); err == nil {
		return b, true
	}
	text, err := os.ReadFile(db.opt.Path + ".beyond")
	return parseBeyond(string(text)), err == nil || errors.Is(err, fs.ErrNotExist)
}

func (db *DB) countBeyond(ctx context.Context) (b Beyond, err error) {
	if db.sql == nil {
		if _, err := os.Lstat(db.opt.Path); err != nil {
			return b, nil // no database, nothing lost
		}
		if err := db.connect(ctx); err != nil {
			return b, err
		}
	}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return b, err
	}
	defer conn.Close()
	here := newPlaces()
	list, _, err := listReadable(db.opt.Dirs)
	if err != nil {
		return b, err
	}
	_, err = list.each(func(_ int, f found) error {
		if f.size > 0 {
			here.add(&found{path: valid(f.path)})
		}
		return ctx.Err()
	})
	if err != nil {
		return b, err
	}
	here.sort()
	return countBeyond(ctx, conn, here)
}
