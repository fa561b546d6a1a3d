//go:build cgo

package ingest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"

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

// Rebuilt says why the database was made anew, by this run or by one that did not
// read the log files to the end, "" if it was not; what the old one had that no log
// file has; and where the old one is, if it is kept.
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
		return db.replace(ctx, "--rebuild asks for it", false)
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
		// A run that made it anew may have ended before all files were read.
		r := readReplaced(db.opt.Path)
		db.why, db.lost, db.kept = r.Why, r.lost(), r.Kept
		return nil
	case ctx.Err() != nil:
		db.disconnect()
		return ctx.Err()
	case err != nil && heldByAnother(err):
		db.disconnect()
		return fmt.Errorf("open database: another program has %s open: %w", db.opt.Path, err)
	case err != nil && refused(err):
		db.disconnect()
		return fmt.Errorf("open database: %s", firstLine(err))
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

// How much waits in DuckDB's log before a COMMIT writes all of it to the file: a
// small change waits there, which is quick; the transactions of commit do not.
const (
	manyChanges = "SET checkpoint_threshold='1GB'"
	anyChange   = "SET checkpoint_threshold='1B'"
)

// commit ends a transaction that may have whole row groups. These go to the file
// before the COMMIT, and DuckDB's log would only point to them: when it reads the
// log of a process that was killed between that and the end of its COMMIT, the
// rows come back although their transaction does not (duckdb/duckdb#25931). So
// this COMMIT writes nothing to the log: it is the checkpoint.
func commit(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{anyChange, "COMMIT", manyChanges} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// connect opens the file and creates the tables if it is new.
func (db *DB) connect(ctx context.Context) error {
	mask := umask(0o077)
	defer umask(mask)
	tables, err := db.attach(ctx,
		"SET preserve_insertion_order=false",
		manyChanges,
		// Trying these on a hundred columns costs more than they save.
		"SET disabled_compression_methods='chimp,patas,alp,alprd,fsst,dict_fsst'",
		fmt.Sprintf("ATTACH %s AS burn (ROW_GROUP_SIZE %d, BLOCK_SIZE %d)", literal(db.opt.Path), rowGroup, blockBytes),
		"USE burn")
	if err != nil {
		return err
	}
	if err := db.registerCalls(ctx); err != nil {
		return err
	}
	if tables > 0 {
		return nil
	}
	return db.create(ctx)
}

// attach starts DuckDB, to which the statements attach the file as burn, and tells
// how many of two tables it has that every database of burn has.
func (db *DB) attach(ctx context.Context, statements ...string) (tables int, err error) {
	if err := openable(db.opt.Path); err != nil {
		return 0, err
	}
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return 0, err
	}
	db.sql = sql.OpenDB(c)
	db.sql.SetMaxOpenConns(1)
	for _, s := range append([]string{
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET temp_directory=" + literal(db.opt.Path+".tmp"),
		fmt.Sprintf("SET memory_limit='%dB'", db.opt.Memory),
		oneThread,
		"SET TimeZone='UTC'",
	}, statements...) {
		if _, err := db.sql.ExecContext(ctx, s); err != nil {
			return 0, err
		}
	}
	err = db.sql.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'burn' AND table_name IN ('meta', 'call')").Scan(&tables)
	return tables, err
}

// literal is a text in SQL.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

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
	// A process that was killed while DuckDB moved its log into the database has once
	// left both: the log was then applied a second time.
	var twice bool
	err = db.sql.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM call WHERE NOT gap) > (SELECT coalesce(sum(accepted), 0) FROM file) OR (SELECT count(*) > coalesce(max(id), 0) FROM file)").Scan(&twice)
	if err == nil && twice {
		return "it has calls twice", nil
	}
	return "", err
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

// limit sets how much memory DuckDB may use, in bytes.
func (db *DB) limit(ctx context.Context, conn *sql.Conn, memory int64) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SET memory_limit='%dB'", memory))
	return err
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
		if _, err := conn.ExecContext(ctx, "SET search_path="+literal(path)); err != nil {
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
		if werr := db.writeAnswer(); werr != nil { // what was asked for is done
			db.opt.Logger.Warn("the next run must look into the database, even if nothing is new", "err", werr)
		}
	}
	if lerr := db.lock.Free(); err == nil {
		err = lerr
	}
	return err
}
