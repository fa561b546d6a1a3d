//go:build cgo

package ingest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ingest is Ingest.
func (db *DB) ingest(ctx context.Context) (stats Stats, err error) {
	var repriced Stats
	if err := db.reprice(ctx, &repriced); err != nil {
		return stats, fmt.Errorf("price again: %w", err)
	}
	stats, err = db.readNew(ctx)
	stats.Repriced = repriced.Repriced
	if err != nil {
		return stats, err
	}
	if stats.Lines > 0 {
		debug.FreeOSMemory() // queries have use for it
	}
	return stats, db.derive(ctx)
}

// readNew reads what is new in the log files.
func (db *DB) readNew(ctx context.Context) (stats Stats, err error) {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return stats, err
	}
	defer conn.Close()
	l := &loader{ctx: ctx, conn: conn, files: newRegistry(), names: new(names), dims: newDimensions(), touched: map[*fileState]bool{}}
	if db.opt.Rejects != nil {
		l.rejects = db.writeReject
	}
	defer func() {
		l.close()
		stats = l.stats
		for _, d := range l.dims {
			stats.Folded += d.folded
		}
	}()
	// Blocks are recycled, so there is little garbage: a small heap costs little.
	// Less still where it is full of names, in which there is nothing to look for.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	w, err := db.plan(l)
	if err != nil {
		return stats, err
	}
	news := len(w.files) > 0
	if news {
		if err := l.restoreSeen(db.opt.seenAtOnce); err != nil {
			return stats, fmt.Errorf("read identities: %w", err)
		}
		if err := db.limit(ctx, conn, min(db.opt.Memory, ingestMemory)); err != nil {
			return stats, err
		}
		if err := db.load(ctx, l, w); err != nil {
			return stats, fmt.Errorf("read log files: %w", err)
		}
	}
	db.logs = w.state(l.unsettled)
	if err := errors.Join(db.keepLost(ctx, conn), db.keepUnread(ctx, conn, l.stats.Unread), db.readAt(ctx, conn, news)); err != nil {
		return stats, fmt.Errorf("note what was read: %w", err)
	}
	if w.list.count > manyFiles {
		w.list, l.files, l.seen = nil, nil, nil
		debug.FreeOSMemory() // DuckDB has use for it
	}
	if news {
		if err := db.limit(ctx, conn, db.opt.Memory); err != nil {
			return stats, err
		}
	}
	if err := db.retain(l, w); err != nil {
		return stats, fmt.Errorf("keep log files: %w", err)
	}
	return stats, nil
}

// readAtLeast is how old the note of when files were read may get while there
// is nothing new in them.
const readAtLeast = time.Hour

// readAt notes when the files were read: what a proxy had begun long before is
// over by then, or lost.
func (db *DB) readAt(ctx context.Context, conn *sql.Conn, news bool) error {
	now := db.opt.Now().UTC()
	noted, err := metaOf(ctx, conn, "read_at")
	if err != nil {
		return err
	}
	if at, err := time.Parse(time.RFC3339, noted); err == nil && !news && now.Sub(at) < readAtLeast {
		return nil
	}
	if err := setMeta(ctx, conn, "read_at", now.Format(time.RFC3339)); err != nil || news {
		return err
	}
	return changed(ctx, conn)
}

func (db *DB) load(ctx context.Context, l *loader, w *work) error {
	// The C library keeps free memory for each thread that DuckDB was called on:
	// on one thread it takes 40 MB less for millions of rows.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := l.prepare(&db.calls); err != nil {
		return err
	}
	if err := db.openFile(); err != nil {
		return err
	}
	// A statement that is cancelled undoes its transaction, of which whole blocks
	// are kept when a run is interrupted: that is noticed between two of them.
	l.ctx = context.WithoutCancel(ctx)
	defer func() { l.ctx = ctx }()
	l.back = newWriteBack(db.file)
	defer l.back.close()
	p := &pipeline{
		pricer: db.opt.Prices, newest: db.opt.Now().Add(24 * time.Hour).UnixMilli(), dims: &l.dims,
		pool: newChunkPool(l.ins.types, maxChunks),
	}
	defer p.pool.close()
	for some := range slices.Chunk(w.files, db.opt.filesAtOnce) {
		files, err := db.planSome(l, w.list, some)
		if err == nil {
			err = p.run(ctx, files, func(b *block) error {
				err := l.take(b)
				db.opt.Progress(l.stats.Bytes, w.bytes)
				return err
			})
		}
		if err != nil && ctx.Err() != nil {
			// Whole blocks were taken: they stand, and the next run goes on there.
			if cerr := l.commit(); cerr == nil {
				return &Interrupted{Lines: l.stats.Lines, err: context.Cause(ctx)}
			}
		}
		if err == nil {
			err = l.commit()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// manyFiles is how many log files make it worth while to save memory on them.
const manyFiles = 50_000

// work is the log files of a run.
type work struct {
	list  *listing
	here  *places   // the paths of those that are not empty
	files []int32   // places in the list of those that have something new
	bytes int64     // of the same, on disk
	sum   hash.Hash // of all, see logsState
	whole bool      // and there was nothing that could not be read
}

// state is a hash of how the log files were when they were listed, "" if one of
// them could not be read to its end.
func (w *work) state(unsettled int) string {
	if !w.whole || unsettled > 0 {
		return ""
	}
	return hex.EncodeToString(w.sum.Sum(nil))
}

// plan lists the files, and finds those that have something new.
func (db *DB) plan(l *loader) (*work, error) {
	list, problems, err := listReadable(db.opt.Dirs)
	if err != nil {
		return nil, err
	}
	if list.count > manyFiles {
		debug.SetGCPercent(20)
	}
	if err := l.restoreWords(); err != nil {
		return nil, err
	}
	settled, err := restorePlaces(l.ctx, l.conn, true)
	if err != nil {
		return nil, err
	}
	w := &work{list: list, here: newPlaces(), sum: sha256.New()}
	w.here.sums = make([][2]uint64, 0, list.count)
	l.stats.Problems = problems
	unreadable, regular := 0, 0
	skipped, err := list.each(func(i int, f found) error {
		regular++
		f.write(w.sum)
		if f.size == 0 {
			return nil
		}
		w.here.add(&found{path: valid(f.path)})
		if settled.has(&f) {
			return nil
		}
		if err := l.files.begin(f.path); err != nil {
			unreadable++
			l.stats.Problems = append(l.stats.Problems, err.Error())
			return nil
		}
		w.files = append(w.files, int32(i))
		w.bytes += f.size
		return l.ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	l.stats.Skipped, l.stats.Files, l.stats.Unread = skipped+unreadable, len(w.files), len(problems)+unreadable
	if l.stats.Skipped > 0 && unreadable == regular {
		return nil, nothingReadable(l.stats)
	}
	w.here.sort()
	w.whole = l.stats.Skipped == 0 && len(problems) == 0
	if len(w.files) == 0 {
		return w, nil
	}
	l.files.begun()
	return w, l.files.restore(l.ctx, l.conn)
}

// planSome finds where to go on in some of the files. One that cannot be read
// any more is counted as skipped.
func (db *DB) planSome(l *loader, list *listing, some []int32) ([]*fileState, error) {
	files := make([]*fileState, 0, len(some))
	skip := func(err error) {
		l.stats.Skipped++
		l.stats.Unread++
		l.stats.Files--
		l.unsettled++
		l.stats.Problems = append(l.stats.Problems, err.Error())
	}
	for _, i := range some {
		f, err := l.files.look(list.path(int(i)))
		if err != nil {
			skip(err)
			continue
		}
		files = append(files, f)
	}
	rows, err := l.files.contents(l.ctx, l.conn, files)
	if err != nil {
		return nil, err
	}
	now := db.opt.Now()
	return slices.DeleteFunc(files, func(f *fileState) bool {
		if err := l.files.plan(f, rows); err != nil {
			skip(err)
			return true
		}
		l.files.seal(f, now)
		return false
	}), nil
}

func nothingReadable(s Stats) error {
	if len(s.Problems) == 0 {
		return ErrNothingReadable
	}
	return fmt.Errorf("%w: %s", ErrNothingReadable, s.Problems[0])
}

func (db *DB) writeReject(path string, line int64, reason, key string) error {
	if key != "" {
		reason += ": " + oneLine(key)
	}
	_, err := fmt.Fprintf(db.opt.Rejects, "%s:%d: %s\n", oneLine(path), line, reason)
	return err
}

// oneLine is s, with its control characters as in a Go string: a file's name
// may hold any.
func oneLine(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
		return strings.Trim(strconv.QuoteToGraphic(s), `"`)
	}
	return s
}
