//go:build cgo

package ingest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/marcboeker/go-duckdb/v2"

	"burn/queries"
)

// Available says whether this burn has the database: without cgo it does not.
const Available = true

// DB is burn's database, locked for this process.
type DB struct {
	opt  Options
	sql  *sql.DB
	lock *Lock
	file *os.File // what sql has open, see openFile

	calls newCalls

	why      string // for Rebuilt
	lost     Beyond
	kept     string
	repaired bool

	logs   string      // state of the log files as they were read, "" if a run must look into them
	answer *keptAnswer // to be kept when the database is closed
	body   []byte
}

// Rebuilt says why the database was made anew, "" if it was not; what the old
// one had that no log file has; and where the old one is, if it is kept.
func (db *DB) Rebuilt() (why string, lost Beyond, kept string) { return db.why, db.lost, db.kept }

// rowGroup is how many rows of call are packed together. A group is built in
// memory before it is written: DuckDB's own size takes 60 MB of this table.
// Small groups also keep the pauses short in which rows wait to be appended.
const rowGroup = 20 * chunkRows

// blockBytes is the database's unit of space. Every column of a table begins
// its own block, so DuckDB's usual 256 KiB would be 25 MB for the first row.
const blockBytes = 64 << 10

// ingestMemory is what DuckDB gets while lines are read: a row group and what
// it is packed into. With less it would put parts of them into files of their
// own meanwhile, which costs a tenth of the time; more would only be used because
// it is there.
const ingestMemory = 44 << 20

// Open locks and opens the database, creating it and its directory if need be.
// A database that cannot be opened, or is of another schema, is moved aside
// and rebuilt from the files by the next Ingest, unless NoRebuild is set.
func Open(ctx context.Context, opt Options) (*DB, error) {
	opt.defaults()
	var err error
	if opt.Path, err = filepath.Abs(opt.Path); err != nil { // or "md:x" would be a service
		return nil, fmt.Errorf("find database directory: %w", err)
	}
	if strings.Contains(opt.Path, "?") { // DuckDB would look for its log under another name
		return nil, fmt.Errorf("database %s: a question mark in its path", opt.Path)
	}
	if err := noFile(opt.Path); err != nil { // it would be moved aside, with all that is in it
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(opt.Path), 0o700); err != nil {
		return nil, fmt.Errorf("create database directory: %w", err)
	}
	lk, err := takeDatabase(ctx, opt.Path, opt.LockWait)
	if err != nil {
		return nil, err
	}
	db := &DB{opt: opt, lock: lk}
	if err := db.open(ctx); err != nil {
		_ = lk.Free()
		return nil, err
	}
	return db, nil
}

// noFile is the error for a path that has something else than a file.
func noFile(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("database %s is no file: name the file, which need not be there", path)
	}
	return nil
}

func (db *DB) open(ctx context.Context) error {
	if err := orphanedLog(db.opt.Path); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if db.opt.Rebuild {
		return db.replace(ctx, "asked for", false)
	}
	why, newer := "", false
	err := db.connect(ctx)
	if err == nil {
		why, err = db.unusable(ctx)
		newer = err == nil && why != "" && db.madeByNewer(ctx)
	}
	switch {
	case err == nil && why == "":
		removeSpilled(db.opt.Path)
		return nil
	case ctx.Err() != nil:
		db.disconnect()
		return ctx.Err()
	case err != nil && heldByAnother(err):
		db.disconnect()
		return fmt.Errorf("open database: another program has %s open: %w", db.opt.Path, err)
	case err != nil:
		why, newer = firstLine(err), newerStorage(err)
	}
	if newer {
		why = "a newer version made it: " + why
	}
	if db.opt.NoRebuild {
		db.disconnect()
		return db.refuse(why)
	}
	return db.replace(ctx, why, newer)
}

func heldByAnother(err error) bool {
	return strings.Contains(err.Error(), "Could not set lock on file")
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// oneThread keeps each statement on the thread that asks it. DuckDB 1.4.3 with
// more can crash in any GROUP BY that comes near the memory limit: one thread
// may split its groups finer after another has handed its own in, and handing in
// the second then reads past the first (RadixPartitionedHashTable::Combine;
// duckdb/duckdb#20342 puts guards there). What can run side by side is asked over
// several connections instead; appending rows is faster with one thread anyway.
const oneThread = "SET threads=1"

// connect opens the file and creates the tables if it is new.
func (db *DB) connect(ctx context.Context) error {
	if err := openable(db.opt.Path); err != nil {
		return err
	}
	mask := umask(0o077)
	defer umask(mask)
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return err
	}
	db.sql = sql.OpenDB(c)
	db.sql.SetMaxOpenConns(1)
	quoted := strings.ReplaceAll(db.opt.Path, "'", "''")
	for _, s := range []string{
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET temp_directory='" + quoted + ".tmp'",
		"SET preserve_insertion_order=false",
		fmt.Sprintf("SET memory_limit='%dB'", db.opt.Memory),
		oneThread,
		"SET checkpoint_threshold='1GB'",
		// Trying these on a hundred columns costs more than they save.
		"SET disabled_compression_methods='chimp,patas,alp,alprd,fsst,dict_fsst'",
		"SET TimeZone='UTC'",
		fmt.Sprintf("ATTACH '%s' AS burn (ROW_GROUP_SIZE %d, BLOCK_SIZE %d)", quoted, rowGroup, blockBytes),
		"USE burn",
	} {
		if _, err := db.sql.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if err := db.registerCalls(ctx); err != nil {
		return err
	}
	var tables int
	if err := db.sql.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'burn' AND table_name IN ('meta', 'call')").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return nil
	}
	return db.create(ctx)
}

// openable reports what DuckDB would wait for without end: a pipe.
func openable(path string) error {
	for _, name := range []string{path, path + ".wal"} {
		if info, err := os.Stat(name); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0 {
			return &fs.PathError{Op: "open", Path: name, Err: errIrregular}
		}
	}
	return nil
}

// create makes the tables, all or none.
func (db *DB) create(ctx context.Context) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, queries.Text("schema")); err != nil {
		return err
	}
	for _, kind := range wordNames {
		if _, err := tx.ExecContext(ctx, "INSERT INTO dim VALUES (?, 0, '')", kind); err != nil {
			return err
		}
	}
	for key, value := range map[string]string{"schema": queries.SchemaVersion, "burn": db.opt.Version, "installation": rand.Text()} {
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?)", key, value); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// unusable tells why a database that opens is not this version's, if so.
func (db *DB) unusable(ctx context.Context) (string, error) {
	version, err := db.meta(ctx, "schema")
	if err != nil {
		return "", err
	}
	if version != queries.SchemaVersion {
		return fmt.Sprintf("it has schema %q, this burn uses %q", version, queries.SchemaVersion), nil
	}
	return "", nil
}

// meta reads one value; "" if it is not there.
func (db *DB) meta(ctx context.Context, key string) (string, error) {
	return metaOf(ctx, db.sql, key)
}

func metaOf(ctx context.Context, from interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, key string) (value string, err error) {
	err = from.QueryRowContext(ctx, "SELECT coalesce(max(value), '') FROM meta WHERE key = ?", key).Scan(&value)
	return value, err
}

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
	if err := db.readAt(ctx, conn, news); err != nil {
		return stats, fmt.Errorf("note time: %w", err)
	}
	if w.list.count > manyFiles {
		w.list, l.files, l.seen = nil, nil, nil
		debug.FreeOSMemory() // DuckDB has use for it
	}
	if news {
		if _, err := conn.ExecContext(ctx, "CHECKPOINT"); err != nil {
			return stats, fmt.Errorf("checkpoint: %w", err)
		}
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
	l.back = newWriteBack(db.file)
	defer l.back.close()
	p := &pipeline{
		pricer: db.opt.Prices, newest: db.opt.Now().Add(24 * time.Hour).UnixMilli(), dims: &l.dims,
		pool: newChunkPool(l.ins.types, maxChunks),
	}
	defer p.pool.close()
	first := true
	for some := range slices.Chunk(w.files, db.opt.filesAtOnce) {
		if !first {
			// What is known of files has no room in memory beside that of the next ones.
			if _, err := l.conn.ExecContext(ctx, "CHECKPOINT"); err != nil {
				return fmt.Errorf("checkpoint: %w", err)
			}
		}
		first = false
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
			l.ctx = context.WithoutCancel(ctx)
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
	l.stats.Skipped, l.stats.Files = skipped+unreadable, len(w.files)
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

// limit sets how much memory DuckDB may use, in bytes.
func (db *DB) limit(ctx context.Context, conn *sql.Conn, memory int64) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SET memory_limit='%dB'", memory))
	return err
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

// flushOften gives memory back to the system when a statement has let go of this
// much. Else the allocator keeps it for ten seconds, and what statements one after
// the other had adds up.
const flushOften = "SET allocator_bulk_deallocation_flush_threshold='4MB'"

// Lock forbids the database's SQL to reach anything but its own tables, for
// the rest of this process, since query files may have been edited by others.
// From then on questions may be asked side by side, see SQL.
func (db *DB) Lock(ctx context.Context) error {
	conns := min(runtime.GOMAXPROCS(0), maxConns)
	if err := db.widen(ctx, conns); err != nil {
		return err
	}
	var rows int64
	if err := db.sql.QueryRowContext(ctx, "SELECT count(*) FROM call").Scan(&rows); err != nil {
		return err
	}
	if _, err := db.sql.ExecContext(ctx, fmt.Sprintf("SET memory_limit='%dB'", min(db.opt.Memory, askingMemory(rows, conns)))); err != nil {
		return err
	}
	_, err := db.sql.ExecContext(ctx, flushOften+"; SET enable_external_access=false; SET lock_configuration=true")
	return err
}

// askingMemory is the memory in bytes that questions about so many rows are well
// served with: more would be filled with what was read and is not needed again.
// What many rows need nobody has measured.
func askingMemory(rows int64, conns int) int64 {
	if rows > 1_500_000 {
		return math.MaxInt64
	}
	return 64<<20*int64(conns+1) + 64*rows
}

// maxConns bounds how many questions are asked at once: they share the memory.
const maxConns = 4

// widen opens the connections that questions are asked over. A locked database
// lets no further one choose where names are looked up, so all are made now.
func (db *DB) widen(ctx context.Context, n int) error {
	var path string
	if err := db.sql.QueryRowContext(ctx, "SELECT current_setting('search_path')").Scan(&path); err != nil {
		return err
	}
	db.sql.SetMaxOpenConns(n)
	db.sql.SetMaxIdleConns(n)
	for range n {
		conn, err := db.sql.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.ExecContext(ctx, "SET search_path='"+strings.ReplaceAll(path, "'", "''")+"'"); err != nil {
			return err
		}
	}
	return nil
}

// SQL returns the database for queries. After Lock it has as many connections as
// there are processors to use, at most 4, and one before.
func (db *DB) SQL() *sql.DB { return db.sql }

func (db *DB) disconnect() {
	if db.sql != nil {
		// It is given up because it is unusable; why is reported already.
		_ = db.sql.Close()
		db.sql = nil
		db.calls.forget()
		db.closeFile()
	}
}

// Close writes what is pending and gives the lock back.
func (db *DB) Close() error {
	err := db.sql.Close()
	db.calls.forget()
	db.closeFile()
	if err == nil {
		err = db.writeAnswer()
	}
	if lerr := db.lock.Free(); err == nil {
		err = lerr
	}
	return err
}
