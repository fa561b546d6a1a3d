//go:build cgo

package ingest

/*
#include <stdint.h>

void burn_new_calls_bind(void *info);
void burn_new_calls_init(void *info);
void burn_new_calls_next(void *info, void *to);

// Of DuckDB's own header, which is in no place that this package knows.
void *duckdb_data_chunk_get_vector(void *chunk, uint64_t column);
void duckdb_vector_reference_vector(void *to, void *from);

static inline void burn_reference(void *to, void *from, uint64_t columns) {
	for (uint64_t i = 0; i < columns; i++) {
		duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(to, i), duckdb_data_chunk_get_vector(from, i));
	}
}
*/
import "C"

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"unsafe"

	"github.com/marcboeker/go-duckdb/mapping"
)

// newCalls is a table function whose rows are the chunks that an inserter sends:
//
//	INSERT INTO call FROM new_calls()
//
// DuckDB reads them in place. Its appender would copy the rows once more on
// their way into the table and plan a statement for every few thousand of them;
// the driver's own table functions look at every column of every chunk.
type newCalls struct {
	from   *inserter // nil while nothing is inserted
	handle *cgo.Handle
	pin    runtime.Pinner
}

// registerCalls makes the function known to the database that was connected.
func (db *DB) registerCalls(ctx context.Context) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	n := &db.calls
	n.forget()
	n.handle = new(cgo.Handle)
	*n.handle = cgo.NewHandle(n)
	n.pin.Pin(n.handle)
	return conn.Raw(func(driverConn any) error {
		raw, err := rawConnection(driverConn)
		if err != nil {
			return err
		}
		f := mapping.CreateTableFunction()
		defer mapping.DestroyTableFunction(&f)
		mapping.TableFunctionSetName(f, "new_calls")
		mapping.TableFunctionSetExtraInfo(f, unsafe.Pointer(n.handle), nil)
		mapping.TableFunctionSetBind(f, C.burn_new_calls_bind)
		mapping.TableFunctionSetInit(f, C.burn_new_calls_init)
		mapping.TableFunctionSetFunction(f, C.burn_new_calls_next)
		if mapping.RegisterTableFunction(raw, f) == mapping.StateError {
			return errors.New("register new_calls: DuckDB refuses it")
		}
		return nil
	})
}

// forget is called when the database that knows the function is closed.
func (n *newCalls) forget() {
	if n.handle != nil {
		n.pin.Unpin()
		n.handle.Delete()
		n.handle = nil
	}
}

func callsOf(extra unsafe.Pointer) *newCalls {
	return (*cgo.Handle)(extra).Value().(*newCalls)
}

//export burn_new_calls_bind
func burn_new_calls_bind(ptr unsafe.Pointer) {
	info := mapping.BindInfo{Ptr: ptr}
	n := callsOf(mapping.BindGetExtraInfo(info))
	if n.from == nil {
		mapping.BindSetError(info, "nothing is being inserted")
		return
	}
	for i, t := range n.from.types {
		mapping.BindAddResultColumn(info, n.from.cols[i].name, t)
	}
}

//export burn_new_calls_init
func burn_new_calls_init(unsafe.Pointer) {}

// burn_new_calls_next gives DuckDB the next chunk. It is called again when the
// rows are in the table.
//
//export burn_new_calls_next
func burn_new_calls_next(ptr, to unsafe.Pointer) {
	n := callsOf(mapping.FunctionGetExtraInfo(mapping.FunctionInfo{Ptr: ptr}))
	rows := 0
	if c := n.from.next(); c != nil {
		C.burn_reference(to, c.data.Ptr, C.uint64_t(len(c.cols)))
		rows = c.rows
	}
	mapping.DataChunkSetSize(mapping.DataChunk{Ptr: to}, mapping.IdxT(rows))
}

// fullChunks is how many chunks of an inserter there are: so many rows are ready
// that decoding goes on while DuckDB packs a row group, and DuckDB has some when
// it comes back. One takes 0.9 MB.
const fullChunks = 16

// inserter gives chunks of rows to the table call: take one, fill it, send it.
// Its connection can run no other statement between send and push.
type inserter struct {
	conn  *sql.Conn
	calls *newCalls
	cols  []column
	types []mapping.LogicalType // of the table's columns
	all   [fullChunks]*callChunk

	start   chan struct{}   // to insert what is sent
	sent    chan *callChunk // nil: there is no more
	read    chan *callChunk // what DuckDB does not need any more
	ended   chan error      // the statement
	running bool            // a statement
	lent    *callChunk      // what DuckDB reads, known to it alone
}

// newInserter checks that the table has the columns that burn writes. The
// inserter must be closed.
func newInserter(conn *sql.Conn, calls *newCalls, cols []column) (*inserter, error) {
	app, err := newAppender(conn, "burn", "call", cols)
	if err != nil {
		return nil, err
	}
	n := &inserter{
		conn: conn, calls: calls, cols: cols, types: app.types,
		start: make(chan struct{}), ended: make(chan error),
		sent: make(chan *callChunk, fullChunks+1), read: make(chan *callChunk, fullChunks), // room for all
	}
	app.types = nil
	app.close()
	for i := range n.all {
		n.all[i] = newCallChunk(n.types)
		n.read <- n.all[i]
	}
	calls.from = n
	go n.run()
	return n, nil
}

// run inserts until the inserter is closed. All is done on one thread: the C
// library keeps free memory for each that DuckDB was called on.
func (n *inserter) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(n.ended)
	for range n.start {
		// Not to be cancelled, as no statement of the loader is.
		_, err := n.conn.ExecContext(context.Background(), "INSERT INTO call FROM new_calls()")
		n.giveBack()
		n.ended <- err
	}
}

// next is called by DuckDB for the next chunk, when that before is in the table.
func (n *inserter) next() *chunk {
	n.giveBack()
	if n.lent = <-n.sent; n.lent == nil {
		return nil
	}
	return &n.lent.chunk
}

func (n *inserter) giveBack() {
	if n.lent != nil {
		n.read <- n.lent
		n.lent = nil
	}
}

// take returns an empty chunk. It waits for one that was sent and is in the
// table.
func (n *inserter) take() (*callChunk, error) {
	select {
	case c := <-n.read:
		c.empty()
		return c, nil
	case err := <-n.ended:
		return nil, n.stopped(err)
	}
}

// send inserts the rows of a chunk, or will: an error may be told by the next
// take, send or push. The chunk is the inserter's again.
func (n *inserter) send(c *callChunk) error {
	c.finish()
	if !n.running {
		n.start <- struct{}{}
		n.running = true
	}
	n.sent <- c
	select {
	case err := <-n.ended:
		return n.stopped(err)
	default:
		return nil
	}
}

// stopped is the error of a statement that ended before it was told to.
func (n *inserter) stopped(err error) error {
	n.running = false
	n.unsent()
	if err == nil {
		err = errors.New("not all of them were read")
	}
	return fmt.Errorf("insert rows: %w", err)
}

// unsent takes back what a statement that ended has not read, and tells how much
// that was.
func (n *inserter) unsent() (chunks int) {
	for {
		select {
		case c := <-n.sent:
			if c != nil {
				chunks++
				n.read <- c
			}
		default:
			return chunks
		}
	}
}

// push ends the statement, if one is running, so that the connection is free.
func (n *inserter) push() error {
	if !n.running {
		return nil
	}
	n.sent <- nil
	n.running = false
	err := <-n.ended
	if n.unsent() > 0 || err != nil {
		return n.stopped(err)
	}
	return nil
}

// close returns when no statement is running any more. What was sent stays in
// its transaction, if nothing failed.
func (n *inserter) close() error {
	err := n.push()
	close(n.start)
	<-n.ended
	n.calls.from = nil
	for _, c := range n.all {
		c.close()
	}
	for i := range n.types {
		mapping.DestroyLogicalType(&n.types[i])
	}
	return err
}
