//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"github.com/marcboeker/go-duckdb/mapping"
	"github.com/marcboeker/go-duckdb/v2"

	"burn/proxy/usage"
)

// loader writes decoded blocks into the database. It owns the transaction: the
// rows of the lines, the words and identities they brought, and the positions
// of their files become visible together or not at all.
type loader struct {
	ctx   context.Context
	conn  *sql.Conn
	files *registry
	seen  *seen
	known map[seenKey][]seqRange // what earlier runs counted; nil: asked for one by one
	names *names
	dims  []*dimension

	chunk    *chunk
	inTx     bool
	pending  int64 // bytes of lines since the transaction began
	touched  map[*fileState]bool
	events   []usage.Record
	rejected []rejectRow
	rejects  func(path string, line int64, reason, key string) error
	tagBuf   []byte

	stats Stats
}

type rejectRow struct {
	fileID      uint32
	line        int64
	reason, key string
}

// txBytes is how many bytes of lines one transaction takes at least: enough
// that DuckDB writes whole row groups straight to the file instead of twice,
// through its log.
const txBytes = 1 << 30

// maxSpellings is how many names of sessions and traces wait in memory for the
// table, within the transaction.
const maxSpellings = 20_000

// keptRejects bounds the rejected lines whose position is kept per run; all
// are counted.
const keptRejects = 10_000

func (l *loader) dimension(kind string) *dimension {
	for _, d := range l.dims {
		if d.kind == kind {
			return d
		}
	}
	d := newDimension(kind)
	l.dims = append(l.dims, d)
	return d
}

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
	for i := range b.entries {
		if err := l.entry(row, &b.entries[i]); err != nil {
			return err
		}
	}
	row.lines += int64(b.lines)
	if got := row.accepted + row.rejected + row.duplicates + row.otherKinds - before; got != int64(b.lines) {
		return fmt.Errorf("%s: %d lines read but %d accounted for: this is a bug in burn", f.path, b.lines, got)
	}
	if b.lines > 0 {
		f.advance(b)
	}
	l.stats.Bytes += int64(len(b.data))
	l.stats.Lines += int64(b.lines)
	l.pending += int64(len(b.data))
	if b.tail != nil {
		l.finish(f, b.tail)
	}
	if len(l.names.added) >= maxSpellings {
		if err := l.saveWords(); err != nil {
			return err
		}
	}
	if l.pending >= txBytes {
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

func (l *loader) entry(row *fileRow, e *entry) error {
	row.saw(e.TS)
	fresh, err := l.seen.add(seenKey{e.Boot, e.Kind}, e.Seq)
	if err != nil {
		return err
	}
	switch {
	case !fresh:
		row.duplicates++
		l.stats.Duplicates++
	case e.Kind == usage.KindCall:
		row.accepted++
		l.stats.Accepted++
		return l.chunk.append(e)
	case e.Kind == usage.KindGap:
		row.otherKinds++
		return l.chunk.append(e)
	default:
		row.otherKinds++
		l.events = append(l.events, keep(&e.Record))
	}
	return nil
}

// keep copies what an event row needs, since a record's strings share memory
// with its block.
func keep(r *usage.Record) usage.Record {
	model := r.ResponseModel
	if model == "" {
		model = r.RequestModel
	}
	return usage.Record{
		Kind: clone(r.Kind), Boot: r.Boot, Seq: r.Seq, TS: r.TS, LastSeq: r.LastSeq, Refused: r.Refused, Dropped: r.Dropped,
		WriteErrors: r.WriteErrors, Skipped: r.Skipped, LostLines: r.LostLines, Agent: clone(r.Agent), ResponseModel: clone(model),
	}
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
	l.files.byPath[f.path] = pathRow{size: f.size, mtimeNS: f.mtimeNS, settled: !t.waiting, fileID: f.row.id}
	f.ended, f.tail = true, nil
}

func (l *loader) begin() error {
	if l.inTx {
		return nil
	}
	if _, err := l.conn.ExecContext(l.ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	l.inTx, l.pending = true, 0
	if l.chunk == nil {
		var err error
		if l.chunk, err = newChunk(l.conn, "burn", "call", l.columns()); err != nil {
			return err
		}
	}
	return nil
}

// commit ends the transaction, if there is one.
func (l *loader) commit() error {
	if !l.inTx {
		return nil
	}
	if err := l.chunk.flush(); err != nil {
		return err
	}
	if err := l.save(); err != nil {
		return err
	}
	if _, err := l.conn.ExecContext(l.ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	l.inTx = false
	return nil
}

// close gives up what is not committed.
func (l *loader) close() {
	if l.chunk != nil {
		l.chunk.close()
	}
	if l.inTx {
		// The error of the run that led here is reported; a failed rollback
		// changes nothing, since closing the connection rolls back as well.
		_, _ = l.conn.ExecContext(context.WithoutCancel(l.ctx), "ROLLBACK")
	}
}

// chunk collects rows of the table call in DuckDB's own vectors: one call into
// C per 2,048 rows instead of one per value.
type chunk struct {
	appender mapping.Appender
	data     mapping.DataChunk
	types    []mapping.LogicalType
	cols     []column
	vecs     []vector
	rows     int

	unflushed int // chunks since the appender last gave its rows to the table
}

const chunkRows = 2048 // DuckDB's vector size

func newChunk(conn *sql.Conn, catalog, table string, cols []column) (*chunk, error) {
	c := &chunk{cols: cols, vecs: make([]vector, len(cols))}
	err := conn.Raw(func(driverConn any) error {
		raw, err := rawConnection(driverConn)
		if err != nil {
			return err
		}
		if mapping.AppenderCreateExt(raw, catalog, "main", table, &c.appender) == mapping.StateError {
			return errors.New("create appender: " + mapping.AppenderError(c.appender))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := mapping.AppenderColumnCount(c.appender); int(n) != len(cols) {
		return nil, fmt.Errorf("table %s has %d columns, burn writes %d", table, n, len(cols))
	}
	for i := range cols {
		c.types = append(c.types, mapping.AppenderColumnType(c.appender, mapping.IdxT(i)))
		if got := mapping.GetTypeId(c.types[i]); got != cols[i].typ {
			return nil, fmt.Errorf("column %s has type %d, burn writes %d", cols[i].name, got, cols[i].typ)
		}
	}
	c.data = mapping.CreateDataChunk(c.types)
	c.bind()
	return c, nil
}

// rawConnection finds the C connection inside the driver's: the appender of
// the driver itself costs four times as much per row, and the mapping package
// offers no way from one to the other. A test fails if the driver changes.
func rawConnection(driverConn any) (mapping.Connection, error) {
	c, ok := driverConn.(*duckdb.Conn)
	if !ok {
		return mapping.Connection{}, fmt.Errorf("unexpected driver connection %T", driverConn)
	}
	ptr := reflect.ValueOf(c).Elem().FieldByName("conn")
	if ptr.Kind() != reflect.Struct || ptr.FieldByName("Ptr").Kind() != reflect.UnsafePointer {
		return mapping.Connection{}, errors.New("unexpected driver version: no C connection inside")
	}
	return mapping.Connection{Ptr: ptr.FieldByName("Ptr").UnsafePointer()}, nil
}

// bind finds where the vectors' cells are; they may move when a chunk is reset.
func (c *chunk) bind() {
	for i := range c.cols {
		vec := mapping.DataChunkGetVector(c.data, mapping.IdxT(i))
		c.vecs[i] = vector{data: mapping.VectorGetData(vec), vec: vec}
		if nullable[c.cols[i].name] {
			mapping.VectorEnsureValidityWritable(vec)
			c.vecs[i].valid = mapping.VectorGetValidity(vec)
		}
	}
}

func (c *chunk) append(e *entry) error {
	for i := range c.cols {
		c.cols[i].put(&c.vecs[i], c.rows, e)
	}
	return c.next()
}

// next ends a row.
func (c *chunk) next() error {
	c.rows++
	if c.rows == chunkRows {
		return c.send()
	}
	return nil
}

func (c *chunk) send() error {
	if c.rows == 0 {
		return nil
	}
	mapping.DataChunkSetSize(c.data, mapping.IdxT(c.rows))
	if mapping.AppendDataChunk(c.appender, c.data) == mapping.StateError {
		return errors.New("append rows: " + mapping.AppenderError(c.appender))
	}
	c.rows = 0
	mapping.DataChunkReset(c.data)
	c.bind()
	if c.unflushed++; c.unflushed < flushChunks {
		return nil
	}
	return c.push()
}

// flushChunks is how many chunks the appender may hold back: its own 100 would
// be 120 MB of this table.
const flushChunks = 10

func (c *chunk) flush() error {
	if err := c.send(); err != nil {
		return err
	}
	return c.push()
}

func (c *chunk) push() error {
	c.unflushed = 0
	if mapping.AppenderFlush(c.appender) == mapping.StateError {
		return errors.New("append rows: " + mapping.AppenderError(c.appender))
	}
	return nil
}

func (c *chunk) close() {
	mapping.DestroyDataChunk(&c.data)
	for i := range c.types {
		mapping.DestroyLogicalType(&c.types[i])
	}
	mapping.AppenderDestroy(&c.appender)
}
