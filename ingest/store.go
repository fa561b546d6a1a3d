//go:build cgo

package ingest

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/marcboeker/go-duckdb/v2"
)

// What earlier runs left in the database, and how a run's transaction adds to
// it.

// restoreWords loads the words.
func (l *loader) restoreWords() error {
	kinds := map[string]*dimension{}
	for _, d := range l.dims {
		kinds[d.kind] = d
	}
	return eachRow(l.ctx, l.conn, "SELECT kind, id, name FROM dim WHERE id > 0 ORDER BY kind, id", func(rows *sql.Rows) error {
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
}

// restore loads how the contents begin that earlier runs read, and what they
// tell of processes that have files to be read now.
func (g *registry) restore(ctx context.Context, conn *sql.Conn) error {
	var latest int64
	err := conn.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1, coalesce(max(start_ms), 0) FROM file").Scan(&g.first, &latest)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	g.next, g.latest = g.first, max(g.latest, latest)
	err = eachRow(ctx, conn, "SELECT DISTINCT head_len FROM file ORDER BY ALL", func(rows *sql.Rows) error {
		var n int
		err := rows.Scan(&n)
		g.headLens = append(g.headLens, n)
		return err
	})
	if err != nil {
		return err
	}
	g.identities = make([]uint64, 0, g.first)
	err = eachRow(ctx, conn, "SELECT identity, boot, number FROM file", func(rows *sql.Rows) error {
		var identity, boot uint64
		var number int64
		if err := rows.Scan(&identity, &boot, &number); err != nil {
			return err
		}
		g.identities = append(g.identities, identity)
		if start := g.start(boot); start != nil {
			start.number = max(start.number, number)
		}
		return nil
	})
	slices.Sort(g.identities)
	return err
}

// contents fetches the contents that files begin as.
func (g *registry) contents(ctx context.Context, conn *sql.Conn, files []*fileState) (map[fileIdentity][]*fileRow, error) {
	found := map[fileIdentity][]*fileRow{}
	var hashes []string
	for _, f := range files {
		for _, c := range f.candidates {
			if _, ok := found[c]; !ok {
				found[c] = nil
				hashes = append(hashes, strconv.FormatUint(c.hash, 10))
			}
		}
	}
	for some := range slices.Chunk(hashes, forgetAtOnce) {
		err := eachRow(ctx, conn, fmt.Sprintf(`SELECT id, identity, head_len, tail_hash, tail_len, position, boot, number, start_ms, problem, oldest_ms, newest_ms,
			lines, accepted, rejected, duplicates, other_kinds, torn FROM file WHERE id < %d AND identity IN (%s) ORDER BY id`, g.first, strings.Join(some, ", ")), func(rows *sql.Rows) error {
			r := new(fileRow)
			if err := rows.Scan(&r.id, &r.identity, &r.headLen, &r.tailHash, &r.tailLen, &r.position, &r.boot, &r.number, &r.startMS, &r.problem, &r.oldestMS, &r.newestMS,
				&r.lines, &r.accepted, &r.rejected, &r.duplicates, &r.otherKinds, &r.torn); err != nil {
				return err
			}
			key := fileIdentity{r.identity, r.headLen}
			found[key] = append(found[key], r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// places is how files were when they were last seen: a hash of the path, the
// size and the time of each, in order. A path alone stands for a file that is
// there.
type places struct {
	seeds [2]maphash.Seed
	sums  [][2]uint64
}

func newPlaces() *places {
	return &places{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (p *places) sum(f *found) (sum [2]uint64) {
	var numbers [16]byte
	binary.LittleEndian.PutUint64(numbers[:], uint64(f.size))
	binary.LittleEndian.PutUint64(numbers[8:], uint64(f.mtimeNS))
	for i := range sum {
		var h maphash.Hash
		h.SetSeed(p.seeds[i])
		_, _ = h.Write(numbers[:]) // it never fails
		_, _ = h.WriteString(f.path)
		sum[i] = h.Sum64()
	}
	return sum
}

func compareSums(a, b [2]uint64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }

func (p *places) add(f *found) { p.sums = append(p.sums, p.sum(f)) }

// sort ends the adding.
func (p *places) sort() { slices.SortFunc(p.sums, compareSums) }

// has reports whether the file was added as it is.
func (p *places) has(f *found) bool {
	_, ok := slices.BinarySearchFunc(p.sums, p.sum(f), compareSums)
	return ok
}

// restorePlaces reads where files were last seen: with settled alone those of
// which nothing is expected any more.
func restorePlaces(ctx context.Context, conn *sql.Conn, settled bool) (*places, error) {
	p := newPlaces()
	var n int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM path").Scan(&n); err != nil {
		return nil, fmt.Errorf("read database: %w", err)
	}
	p.sums = make([][2]uint64, 0, n)
	query := "SELECT path, size, mtime_ns FROM path WHERE file_id >= %d AND file_id < %d"
	if settled {
		query += " AND settled"
	}
	err := eachPage(ctx, conn, query, func(rows *sql.Rows) error {
		var f found
		if err := rows.Scan(&f.path, &f.size, &f.mtimeNS); err != nil {
			return err
		}
		p.add(&f)
		return nil
	})
	p.sort()
	return p, err
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

// pageRows is how many contents are asked for at once where there may be a
// million: DuckDB keeps the whole answer to a query in memory.
const pageRows = 1 << 16

// eachPage is eachRow of a query with two places for ids of contents, half-open,
// from the first page to the last one.
func eachPage(ctx context.Context, conn *sql.Conn, query string, f func(*sql.Rows) error) error {
	var last uint32
	if err := conn.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM file").Scan(&last); err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	for from := int64(0); from <= int64(last); from += pageRows {
		if err := eachRow(ctx, conn, fmt.Sprintf(query, from, from+pageRows), f); err != nil {
			return err
		}
	}
	return nil
}

// restoreSeen loads the identities of all processes, unless there are too many
// ranges of them.
func (l *loader) restoreSeen(atOnce int) error {
	l.seen = map[string]*seen{}
	counts := map[string]int{}
	all := 0
	err := eachRow(l.ctx, l.conn, "SELECT kind, count(*) FROM seen GROUP BY kind", func(rows *sql.Rows) error {
		var kind string
		var n int
		if err := rows.Scan(&kind, &n); err != nil {
			return err
		}
		counts[kind] = n
		all += n
		return nil
	})
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		s := new(seen)
		l.seen[kind] = s
		if all > atOnce {
			s.asked = map[uint64][]seqRange{}
			s.ask = func(boot uint64) ([]seqRange, error) {
				if err := l.ins.push(); err != nil { // the connection is needed
					return nil, err
				}
				return l.ranges(nil, fmt.Sprintf("WHERE kind = '%s' AND boot = %d", kind, boot)) // no parameter: database/sql refuses integers of 64 bits
			}
		} else if s.kept, err = l.ranges(make([]seqRange, 0, counts[kind]), fmt.Sprintf("WHERE kind = '%s'", kind)); err != nil {
			return err
		}
		slices.SortFunc(s.kept, seqRange.compare)
	}
	return nil
}

// ranges appends ranges of the table to a list.
func (l *loader) ranges(list []seqRange, where string) ([]seqRange, error) {
	err := eachRow(l.ctx, l.conn, "SELECT boot, lo, hi FROM seen "+where, func(rows *sql.Rows) error {
		var r seqRange
		if err := rows.Scan(&r.boot, &r.lo, &r.hi); err != nil {
			return err
		}
		list = append(list, r)
		return nil
	})
	return list, err
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

// saveSeen replaces the ranges of every process of which more was counted.
func (l *loader) saveSeen() error {
	for _, kind := range kinds {
		var old []string // processes with ranges in the table
		var now []seqRange
		err := l.seen[kind].commit(func(boot uint64, before, after []seqRange) {
			if len(before) > 0 {
				old = append(old, strconv.FormatUint(boot, 10))
			}
			now = append(now, after...)
		})
		if err != nil {
			return err
		}
		for some := range slices.Chunk(old, forgetAtOnce) {
			if _, err := l.conn.ExecContext(l.ctx, "DELETE FROM seen WHERE kind = ? AND boot IN ("+strings.Join(some, ", ")+")", kind); err != nil {
				return fmt.Errorf("write identities: %w", err)
			}
		}
		err = l.insert("seen", func(add func(...driver.Value) error) error {
			for _, r := range now {
				if err := add(r.boot, kind, r.lo, r.hi); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) saveEvents() error {
	return l.insert("event", func(add func(...driver.Value) error) error {
		for _, e := range l.events {
			if err := add(e.boot, e.kind, e.seq, time.UnixMilli(e.ts).UTC(), e.lastSeq, uint64(e.refused), uint64(e.dropped),
				uint64(e.writeErrors), uint64(e.skipped), uint64(e.lostLines), valid(e.agent), valid(e.model)); err != nil {
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
		if f.ended && l.files.first > 1 { // else no file was seen before
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
			if err := add(valid(f.path), f.size, f.mtimeNS, f.settled, f.row.id); err != nil {
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
