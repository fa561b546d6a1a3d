//go:build cgo

package ingest

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/marcboeker/go-duckdb/mapping"
	"github.com/marcboeker/go-duckdb/v2"
)

// Rows on their way into a table, in DuckDB's own vectors: a few calls into C
// per chunk of rows instead of one per value.

// chunkRows is how many rows a chunk holds: DuckDB's vector size.
const chunkRows = 2048

// Where the cells of a column are, by its type.
type (
	u64s  = [chunkRows]uint64
	u32s  = [chunkRows]uint32
	u16s  = [chunkRows]uint16
	bools = [chunkRows]bool
	rowid = [chunkRows]int64
	times [chunkRows]int64 // TIMESTAMP, in microseconds
	mask  [chunkRows / 64]uint64
)

// picos is a column of amounts of 1e-12 USD, some of them unknown.
type picos struct {
	cells *[chunkRows]int64
	known *mask
}

func (p *picos) put(row int, pico int64, known bool) {
	p.cells[row] = pico
	p.known.set(row, known)
}

// texts is a column of text that few rows have. It is written when the chunk
// is sent, since DuckDB takes a copy.
type texts struct {
	vector mapping.Vector
	known  *mask
	rows   []text
}

type text struct {
	row int
	s   string
}

func (m *mask) set(row int, to bool) {
	if bit := uint64(1) << (row & 63); to {
		m[row>>6] |= bit
	} else {
		m[row>>6] &^= bit
	}
}

func (m *mask) get(row int) bool { return m[row>>6]>>(row&63)&1 == 1 }

// column is one column of a table: its name, and a pointer to where a chunk
// keeps its cells, whose type is the column's.
type column struct {
	name string
	at   any
}

// chunk is up to chunkRows rows.
type chunk struct {
	data mapping.DataChunk
	cols []column
	vecs []vector
	rows int

	hasText bool // finish wrote some
}

// vector is where a column's cells are, and how large each is; 0 for text.
type vector struct {
	cells unsafe.Pointer
	size  uintptr
}

// newChunk makes a chunk of the given types whose cells are where cols say.
func newChunk(types []mapping.LogicalType, cols []column) chunk {
	c := chunk{data: mapping.CreateDataChunk(types), cols: cols, vecs: make([]vector, len(cols))}
	c.bind()
	return c
}

// bind finds where the vectors' cells are; they may move when a chunk is reset.
func (c *chunk) bind() {
	for i, col := range c.cols {
		vec := mapping.DataChunkGetVector(c.data, mapping.IdxT(i))
		cells := mapping.VectorGetData(vec)
		known := func() *mask {
			mapping.VectorEnsureValidityWritable(vec)
			return (*mask)(mapping.VectorGetValidity(vec))
		}
		v := &c.vecs[i]
		v.cells = cells
		switch at := col.at.(type) {
		case **u64s:
			*at, v.size = (*u64s)(cells), 8
		case **u32s:
			*at, v.size = (*u32s)(cells), 4
		case **u16s:
			*at, v.size = (*u16s)(cells), 2
		case **bools:
			*at, v.size = (*bools)(cells), 1
		case **rowid:
			*at, v.size = (*rowid)(cells), 8
		case **times:
			*at, v.size = (*times)(cells), 8
		case *picos:
			at.cells, at.known, v.size = (*[chunkRows]int64)(cells), known(), 8
		case *texts:
			at.vector, at.known = vec, known()
			*at.known = mask{}
		}
	}
}

// typeOf is the type of the column whose cells are at.
func typeOf(at any) mapping.Type {
	switch at.(type) {
	case **u64s:
		return mapping.TypeUBigInt
	case **u32s:
		return mapping.TypeUInteger
	case **u16s:
		return mapping.TypeUSmallInt
	case **bools:
		return mapping.TypeBoolean
	case **rowid:
		return mapping.TypeBigInt
	case **times:
		return mapping.TypeTimestamp
	case *picos:
		return mapping.TypeDecimal
	case *texts:
		return mapping.TypeVarchar
	}
	return mapping.TypeInvalid
}

// finish writes the chunk's text into it.
func (c *chunk) finish() {
	for _, col := range c.cols {
		if t, ok := col.at.(*texts); ok {
			for _, x := range t.rows {
				t.known.set(x.row, true)
				mapping.VectorAssignStringElement(t.vector, mapping.IdxT(x.row), x.s)
				c.hasText = true
			}
			t.rows = t.rows[:0]
		}
	}
}

// empty makes the chunk ready for other rows.
func (c *chunk) empty() {
	c.rows = 0
	if c.hasText { // frees it
		mapping.DataChunkReset(c.data)
		c.bind()
		c.hasText = false
	}
}

func (c *chunk) close() { mapping.DestroyDataChunk(&c.data) }

// appender gives chunks to a table.
type appender struct {
	c     mapping.Appender
	types []mapping.LogicalType
}

// newAppender checks that the table has the columns that burn writes.
func newAppender(conn *sql.Conn, catalog, table string, cols []column) (*appender, error) {
	a := new(appender)
	err := conn.Raw(func(driverConn any) error {
		raw, err := rawConnection(driverConn)
		if err != nil {
			return err
		}
		if mapping.AppenderCreateExt(raw, catalog, "main", table, &a.c) == mapping.StateError {
			return errors.New("create appender: " + mapping.AppenderError(a.c))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := mapping.AppenderColumnCount(a.c); int(n) != len(cols) {
		return nil, fmt.Errorf("table %s has %d columns, burn writes %d", table, n, len(cols))
	}
	for i := range cols {
		a.types = append(a.types, mapping.AppenderColumnType(a.c, mapping.IdxT(i)))
		if got, want := mapping.GetTypeId(a.types[i]), typeOf(cols[i].at); got != want {
			return nil, fmt.Errorf("column %s has type %d, burn writes %d", cols[i].name, got, want)
		}
	}
	return a, nil
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

// send appends the rows of a chunk, which is empty afterwards.
func (a *appender) send(c *chunk) error {
	if c.rows == 0 {
		return nil
	}
	c.finish()
	mapping.DataChunkSetSize(c.data, mapping.IdxT(c.rows))
	if mapping.AppendDataChunk(a.c, c.data) == mapping.StateError {
		return errors.New("append rows: " + mapping.AppenderError(a.c))
	}
	c.empty()
	return nil
}

// push gives the rows held back to the table.
func (a *appender) push() error {
	if mapping.AppenderFlush(a.c) == mapping.StateError {
		return errors.New("append rows: " + mapping.AppenderError(a.c))
	}
	return nil
}

func (a *appender) close() {
	for i := range a.types {
		mapping.DestroyLogicalType(&a.types[i])
	}
	mapping.AppenderDestroy(&a.c)
}

// chunkPool bounds the memory of the chunks that were filled and not yet
// written. Blocks are written in their order, so the one whose turn it is gets
// a chunk in any case: otherwise later blocks could hold all of them for ever.
type chunkPool struct {
	mu    sync.Mutex
	freed sync.Cond // L is &mu
	free  []*callChunk
	made  int
	limit int
	turn  uint64 // number of the block that is written next
	types []mapping.LogicalType
}

func newChunkPool(types []mapping.LogicalType, limit int) *chunkPool {
	p := &chunkPool{types: types, limit: limit}
	p.freed.L = &p.mu
	return p
}

// get returns an empty chunk for the block of that number, waiting for one.
func (p *chunkPool) get(block uint64) *callChunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) == 0 && p.made >= p.limit && block != p.turn {
		p.freed.Wait()
	}
	if n := len(p.free); n > 0 {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		return c
	}
	p.made++
	return newCallChunk(p.types)
}

// put takes back the chunks of the block whose turn it was.
func (p *chunkPool) put(chunks []*callChunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range chunks {
		c.clear()
		if p.made > p.limit {
			p.made--
			c.close()
			continue
		}
		p.free = append(p.free, c)
	}
	p.turn++
	p.freed.Broadcast()
}

// close frees the chunks; all were put back.
func (p *chunkPool) close() {
	for _, c := range p.free {
		c.close()
	}
	p.free = nil
}
