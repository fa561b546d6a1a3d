//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"burn/proxy/usage"
)

// loader writes decoded blocks into the database. It owns the transaction: the
// rows of the lines, the words and identities they brought, and the positions
// of their files become visible together or not at all.
type loader struct {
	ctx   context.Context
	conn  *sql.Conn
	files *registry
	seen  map[string]*seen // by kind
	names *names
	dims  [wordKinds]*dimension

	ins      *inserter
	full     *callChunk // of rows that come next, sent when it is full; nil: none yet
	back     *writeBack
	rows     []int // for fresh
	inTx     bool
	pending  int64 // bytes of lines since the transaction began
	touched  map[*fileState]bool
	events   []event
	rejected []rejectRow
	rejects  func(path string, line int64, reason, key string) error

	stats     Stats
	unsettled int // files that the next run has to look into again
}

type rejectRow struct {
	fileID      uint32
	line        int64
	reason, key string
}

// txBytes is how many bytes of lines one transaction takes at least: what a run
// that is killed reads again, some seconds' work. Its end writes anew what the file
// says of all row groups, of earlier ones too, so that it should be rare.
const txBytes = 4 << 30

// maxSpellings is how many names of sessions and traces wait in memory for the
// table, within the transaction.
const maxSpellings = 20_000

// maxWaiting is how many events, and words of identities, wait in memory for the
// end of the transaction.
const maxWaiting = 1 << 20

// keptRejects bounds the rejected lines whose position is kept per run; all
// are counted.
const keptRejects = 10_000

// take writes one block; it is the pipeline's commit function.
func (l *loader) take(b *block) error {
	if err := l.begin(); err != nil {
		return err
	}
	f, row := b.file, b.file.row
	l.touched[f] = true
	before := row.accepted + row.rejected + row.duplicates + row.otherKinds
	for i := range b.rejects {
		if err := l.reject(f, row.lines+int64(b.rejects[i].line)+1, b.rejects[i]); err != nil {
			return err
		}
	}
	row.rejected += int64(len(b.rejects))
	row.otherKinds += int64(b.blank)
	row.saw(b.oldest, b.newest)
	for i := range b.events {
		if err := l.event(row, &b.events[i]); err != nil {
			return err
		}
	}
	for _, c := range b.chunks {
		if err := l.chunk(row, c); err != nil {
			return err
		}
	}
	row.lines += int64(b.lines)
	if got := row.accepted + row.rejected + row.duplicates + row.otherKinds - before; got != int64(b.lines) {
		return fmt.Errorf("%s: %d lines read but %d accounted for: this is a bug in burn", f.path, b.lines, got)
	}
	if b.lines > 0 {
		f.advance(b.last, b.end, b.long)
	}
	l.stats.Bytes += b.size
	l.stats.Lines += int64(b.lines)
	l.pending += b.size
	l.back.at(l.pending)
	if b.tail != nil {
		l.finish(f, b.tail)
	}
	if len(l.names.added) >= maxSpellings {
		if err := l.ins.push(); err != nil {
			return err
		}
		if err := l.saveWords(); err != nil {
			return err
		}
	}
	if l.pending >= txBytes || len(l.events) >= maxWaiting || l.waiting() >= maxWaiting {
		return l.commit()
	}
	return nil
}

func (l *loader) reject(f *fileState, line int64, r rejection) error {
	l.stats.Rejected++
	if len(l.rejected) < keptRejects {
		l.rejected = append(l.rejected, rejectRow{f.row.id, line, r.reason, r.key})
	}
	if l.rejects != nil {
		return l.rejects(f.path, line, r.reason, r.key)
	}
	return nil
}

// waiting is how many words of identities wait for the end of the transaction.
func (l *loader) waiting() (n int) {
	for _, s := range l.seen {
		n += s.used
	}
	return n
}

func (l *loader) event(row *fileRow, e *event) error {
	fresh, err := l.seen[e.kind].add(e.boot, e.seq)
	if err != nil {
		return err
	}
	if !fresh {
		row.duplicates++
		l.stats.Duplicates++
		return nil
	}
	row.otherKinds++
	l.events = append(l.events, *e)
	return nil
}

// chunk counts the rows of a chunk and writes those that are new. They are
// collected to whole chunks: what DuckDB does for each costs as much as a few
// hundred rows, and it counts different values of the first 614 of each.
func (l *loader) chunk(row *fileRow, c *callChunk) error {
	fresh, gaps, err := l.fresh(c)
	if err != nil {
		return err
	}
	row.duplicates += int64(c.rows - len(fresh))
	l.stats.Duplicates += int64(c.rows - len(fresh))
	row.otherKinds += int64(gaps)
	row.accepted += int64(len(fresh) - gaps)
	l.stats.Accepted += int64(len(fresh) - gaps)
	l.settle(c, fresh)
	for len(fresh) > 0 {
		if l.full == nil {
			if l.full, err = l.ins.take(); err != nil {
				return err
			}
		}
		n := min(len(fresh), chunkRows-l.full.rows)
		l.full.take(c, fresh[:n])
		fresh = fresh[n:]
		if l.full.rows == chunkRows {
			if err := l.sendFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh returns which rows of a chunk are new, in ascending order, and how many
// of them are gaps, and marks them as counted.
func (l *loader) fresh(c *callChunk) (rows []int, gaps int, err error) {
	rows = l.rows[:0]
	calls, gapLines := l.seen[usage.KindCall], l.seen[usage.KindGap]
	for i := range c.rows {
		set := calls
		if c.gap[i] {
			set = gapLines
		}
		fresh, err := set.add(c.boot[i], c.seq[i])
		if err != nil {
			return nil, 0, err
		}
		if fresh {
			rows = append(rows, i)
			if c.gap[i] {
				gaps++
			}
		}
	}
	l.rows = rows
	return rows, gaps, nil
}

// settle numbers the words that the fresh rows of a chunk brought, and keeps the
// spelling of their sessions and traces.
func (l *loader) settle(c *callChunk, fresh []int) {
	all := len(fresh) == c.rows
	for _, w := range c.words {
		if all || contains(fresh, w.row) {
			c.setWord(w.kind, w.row, l.dims[w.kind].id(w.text))
		}
	}
	for _, n := range c.names {
		// The row that has the spelling may be a duplicate where a later one is not.
		if all || slices.ContainsFunc(fresh, func(i int) bool { return c.session[i] == n.hash || c.trace[i] == n.hash }) {
			l.names.add(n.hash, n.text)
		}
	}
}

func contains(rows []int, row int) bool {
	_, ok := slices.BinarySearch(rows, row)
	return ok
}

// finish notes how the file ended and whether it must be looked at again.
func (l *loader) finish(f *fileState, t *tail) {
	f.row.torn, f.row.problem = 0, ""
	if t.torn {
		f.row.torn = 1
		l.stats.Torn++
	}
	if t.err != nil {
		f.row.problem = t.err.Error()
		var perr interface{ Unwrap() error }
		if errors.As(t.err, &perr) && perr.Unwrap() != nil {
			f.row.problem = perr.Unwrap().Error() // without the path
		}
		l.stats.Problems = append(l.stats.Problems, fmt.Sprintf("%s: %s", f.path, f.row.problem))
	}
	f.ended, f.settled, f.tail = true, !t.waiting, nil
	if t.waiting {
		l.unsettled++
	}
}

func (l *loader) begin() error {
	if l.inTx {
		return nil
	}
	if _, err := l.conn.ExecContext(l.ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	l.inTx, l.pending = true, 0
	return nil
}

// prepare makes the loader ready to take blocks.
func (l *loader) prepare(calls *newCalls) (err error) {
	l.ins, err = newInserter(l.conn, calls, new(callCells).columns())
	return err
}

// sendFull sends the rows that wait to be.
func (l *loader) sendFull() error {
	c := l.full
	l.full = nil
	return l.ins.send(c)
}

// commit ends the transaction, if there is one.
func (l *loader) commit() error {
	if !l.inTx {
		return nil
	}
	if l.full != nil {
		if err := l.sendFull(); err != nil {
			return err
		}
	}
	if err := l.ins.push(); err != nil {
		return err
	}
	if err := l.save(); err != nil {
		return err
	}
	if err := commit(l.ctx, l.conn); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	l.inTx = false
	return nil
}

// close gives up what is not committed.
func (l *loader) close() {
	if l.ins != nil {
		// Its error is that of a statement which is undone below.
		_ = l.ins.close()
	}
	if l.inTx {
		// The error of the run that led here is reported; a failed rollback
		// changes nothing, since closing the connection rolls back as well.
		_, _ = l.conn.ExecContext(context.WithoutCancel(l.ctx), "ROLLBACK")
	}
}
