//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/marcboeker/go-duckdb/v2"
)

// What earlier runs left in the database, and how a run's transaction adds to
// it.

// restore loads words and files.
func (l *loader) restore() error {
	kinds := map[string]*dimension{}
	for _, d := range l.dims {
		kinds[d.kind] = d
	}
	err := eachRow(l.ctx, l.conn, "SELECT kind, id, name FROM dim WHERE id > 0 ORDER BY kind, id", func(rows *sql.Rows) error {
		var kind, name string
		var id uint32
		if err := rows.Scan(&kind, &id, &name); err != nil {
			return err
		}
		if d := kinds[kind]; d != nil {
			d.restore(id, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.files.restore(l.ctx, l.conn)
}

// restore loads what is known of files and their places.
func (g *registry) restore(ctx context.Context, conn *sql.Conn) error {
	err := eachRow(ctx, conn, `SELECT id, identity, head_len, tail_hash, tail_len, position, boot, number, start_ms, problem, oldest_ms, newest_ms,
		lines, accepted, rejected, duplicates, other_kinds, torn FROM file ORDER BY id`, func(rows *sql.Rows) error {
		r := new(fileRow)
		if err := rows.Scan(&r.id, &r.identity, &r.headLen, &r.tailHash, &r.tailLen, &r.position, &r.boot, &r.number, &r.startMS, &r.problem, &r.oldestMS, &r.newestMS,
			&r.lines, &r.accepted, &r.rejected, &r.duplicates, &r.otherKinds, &r.torn); err != nil {
			return err
		}
		g.add(r)
		return nil
	})
	if err != nil {
		return err
	}
	return g.restorePaths(ctx, conn)
}

// restorePaths reads where files were last seen.
func (g *registry) restorePaths(ctx context.Context, conn *sql.Conn) error {
	return eachRow(ctx, conn, "SELECT path, size, mtime_ns, settled, file_id FROM path", func(rows *sql.Rows) error {
		var path string
		var p pathRow
		if err := rows.Scan(&path, &p.size, &p.mtimeNS, &p.settled, &p.fileID); err != nil {
			return err
		}
		g.byPath[path] = p
		return nil
	})
}

func eachRow(ctx context.Context, conn *sql.Conn, query string, f func(*sql.Rows) error, args ...any) error {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("read database: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	return nil
}

// seenAtOnce is how many ranges of identities are loaded in one go: a query for
// each of many boots would take longer than reading their files.
const seenAtOnce = 1 << 20

// restoreSeen loads the identities of all boots, unless there are too many
// ranges of them.
func (l *loader) restoreSeen() error {
	var n int64
	if err := l.conn.QueryRowContext(l.ctx, "SELECT count(*) FROM seen").Scan(&n); err != nil || n > seenAtOnce {
		return err
	}
	l.known = map[seenKey][]seqRange{}
	kinds := map[string]string{}
	return eachRow(l.ctx, l.conn, "SELECT boot, kind, lo, hi FROM seen", func(rows *sql.Rows) error {
		var key seenKey
		var r seqRange
		if err := rows.Scan(&key.boot, &key.kind, &r.lo, &r.hi); err != nil {
			return err
		}
		if _, ok := kinds[key.kind]; !ok {
			kinds[key.kind] = key.kind
		}
		key.kind = kinds[key.kind] // one copy
		l.known[key] = append(l.known[key], r)
		return nil
	})
}

// loadSeen returns the identities of one boot and kind that earlier runs counted.
func (l *loader) loadSeen(key seenKey) (ranges []seqRange, err error) {
	if l.known != nil {
		return l.known[key], nil
	}
	// A boot is no parameter: database/sql refuses integers of 64 bits.
	err = eachRow(l.ctx, l.conn, fmt.Sprintf("SELECT lo, hi FROM seen WHERE boot = %d AND kind = ?", key.boot), func(rows *sql.Rows) error {
		var r seqRange
		if err := rows.Scan(&r.lo, &r.hi); err != nil {
			return err
		}
		ranges = append(ranges, r)
		return nil
	}, key.kind)
	return ranges, err
}

// save writes everything but the rows of call, inside the transaction.
func (l *loader) save() error {
	steps := []func() error{l.saveWords, l.saveSeen, l.saveEvents, l.saveRejects, l.saveFiles, func() error { return changed(l.ctx, l.conn) }}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) saveWords() error {
	err := l.insert("dim", func(add func(...driver.Value) error) error {
		for _, d := range l.dims {
			for _, w := range d.added {
				if err := add(d.kind, w.id, w.text); err != nil {
					return err
				}
			}
			d.added = d.added[:0]
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.insert("name", func(add func(...driver.Value) error) error {
		for _, n := range l.names.added {
			if err := add(n.hash, n.text); err != nil {
				return err
			}
		}
		l.names.added = l.names.added[:0]
		return nil
	})
}

// saveSeen replaces the ranges of every set that grew.
func (l *loader) saveSeen() error {
	old := map[string][]string{} // boots with ranges in the table, by kind
	for key, set := range l.seen.sets {
		if set.dirty && (set.saved || l.known == nil || len(l.known[key]) > 0) {
			old[key.kind] = append(old[key.kind], strconv.FormatUint(key.boot, 10))
		}
	}
	for kind, boots := range old {
		for some := range slices.Chunk(boots, forgetAtOnce) {
			if _, err := l.conn.ExecContext(l.ctx, "DELETE FROM seen WHERE kind = ? AND boot IN ("+strings.Join(some, ", ")+")", kind); err != nil {
				return fmt.Errorf("write identities: %w", err)
			}
		}
	}
	return l.insert("seen", func(add func(...driver.Value) error) error {
		for key, set := range l.seen.sets {
			if !set.dirty {
				continue
			}
			for _, r := range set.ranges() {
				if err := add(key.boot, key.kind, r.lo, r.hi); err != nil {
					return err
				}
			}
			set.dirty, set.saved = false, true
		}
		return nil
	})
}

func (l *loader) saveEvents() error {
	return l.insert("event", func(add func(...driver.Value) error) error {
		for _, e := range l.events {
			if err := add(e.Boot, e.Kind, e.Seq, time.UnixMilli(e.TS).UTC(), e.LastSeq, uint64(e.Refused), uint64(e.Dropped),
				uint64(e.WriteErrors), uint64(e.Skipped), uint64(e.LostLines), valid(e.Agent), valid(e.ResponseModel)); err != nil {
				return err
			}
		}
		l.events = l.events[:0]
		return nil
	})
}

func (l *loader) saveRejects() error {
	return l.insert("reject", func(add func(...driver.Value) error) error {
		for _, r := range l.rejected {
			if err := add(r.fileID, uint64(r.line), r.reason, r.key); err != nil {
				return err
			}
		}
		l.rejected = l.rejected[:0]
		return nil
	})
}

// saveFiles replaces the rows of the files that this transaction touched.
func (l *loader) saveFiles() error {
	var ids []uint32
	var paths []string
	for f := range l.touched {
		if !f.isNew {
			ids = append(ids, f.row.id)
		}
		if f.ended && f.hadPath {
			paths = append(paths, valid(f.path))
		}
	}
	if err := l.forget("file", "id", each(ids)); err != nil {
		return err
	}
	if err := l.forget("path", "path", each(paths)); err != nil {
		return err
	}
	err := l.insert("file", func(add func(...driver.Value) error) error {
		for f := range l.touched {
			r := f.row
			if err := add(r.id, r.identity, uint32(r.headLen), r.tailHash, uint32(r.tailLen), uint64(r.position), r.boot, uint32(r.number), r.startMS, valid(r.problem), r.oldestMS, r.newestMS,
				uint64(r.lines), uint64(r.accepted), uint64(r.rejected), uint64(r.duplicates), uint64(r.otherKinds), uint64(r.torn)); err != nil {
				return err
			}
			f.isNew = false
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.insert("path", func(add func(...driver.Value) error) error {
		for f := range l.touched {
			if !f.ended {
				continue
			}
			if err := add(valid(f.path), f.size, f.mtimeNS, l.files.byPath[f.path].settled, f.row.id); err != nil {
				return err
			}
			delete(l.touched, f)
		}
		return nil
	})
}

// forgetAtOnce is how many rows one statement deletes.
const forgetAtOnce = 1000

// forget deletes the rows of table whose column has one of the values.
func (l *loader) forget(table, column string, values []any) error {
	for some := range slices.Chunk(values, forgetAtOnce) {
		query := fmt.Sprintf("DELETE FROM %s WHERE %s IN (?%s)", table, column, strings.Repeat(", ?", len(some)-1))
		if _, err := l.conn.ExecContext(l.ctx, query, some...); err != nil {
			return fmt.Errorf("write positions: %w", err)
		}
	}
	return nil
}

func each[T any](list []T) []any {
	all := make([]any, len(list))
	for i := range list {
		all[i] = list[i]
	}
	return all
}

// insert appends rows to a small table.
func (l *loader) insert(table string, rows func(add func(...driver.Value) error) error) error {
	return l.conn.Raw(func(driverConn any) error {
		a, err := duckdb.NewAppenderFromConn(driverConn.(driver.Conn), "", table)
		if err != nil {
			return fmt.Errorf("write %s: %w", table, err)
		}
		err = rows(a.AppendRow)
		if cerr := a.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", table, err)
		}
		return nil
	})
}

// valid replaces invalid UTF-8, of which one string would discard a whole
// batch of rows. Paths may be any bytes.
func valid(s string) string {
	return string([]rune(s))
}
