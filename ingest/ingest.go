// Package ingest keeps burn's database: it reads new lines of the log files,
// prices them and stores them, exactly once, and is the only importer of the
// DuckDB driver.
//
// Read in this order: ingest.go (what a run does), read.go (the reading of it),
// files.go (what a file is and where to go on in it), pipeline.go (bytes to
// rows), loader.go (one transaction), insert.go (rows into the table), store.go
// (what else is kept), seen.go and dims.go (identities, words), db.go (opening,
// locking, rebuilding), reprice.go.
//
// # Exactly once
//
// A line's identity is (boot, kind, seq). Every identity ever counted is kept,
// as ranges, so that copies, renames, packed twins, overlapping and
// concatenated files change nothing. A file is known by its first line and the
// bytes before the position up to which it was read, not by its name; rows,
// identities and positions are written in one transaction. Every line read is
// accepted, rejected, a duplicate, or of another kind (blank lines and the
// lines that are not calls); a last line without newline waits, or counts as
// torn once nothing can complete it. The sum is checked for every block.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"burn/ingest/price"
)

// Options says where the log files and the database are.
type Options struct {
	Path      string        // of the database
	Dirs      []string      // log directories, or single files
	Prices    *price.Table  // nil: the built-in one
	Memory    int64         // bytes DuckDB may use; 0: 512 MiB. The process needs up to 150 MB more
	LockWait  time.Duration // how long to wait for another run to end
	Rebuild   bool          // start with an empty database
	NoRebuild bool          // refuse, instead of rebuilding a database that cannot be used
	Rejects   io.Writer     // if set, one line per rejected line: file:line: reason
	Version   string        // burn's, kept in the database
	Now       func() time.Time
	Logger    *slog.Logger
	Progress  func(done, total int64) // bytes of log files; called now and then

	// What happens to files that are complete and read to their end. Neither
	// concerns a file that a proxy writes to, or one with a line that was not
	// understood.
	Keep     time.Time // delete files whose lines are all older; zero: none
	Compress bool      // pack plain files with zstd

	filesAtOnce int // 0: filesAtOnce
	seenAtOnce  int // 0: seenAtOnce
}

// seenAtOnce is how many ranges of identities are loaded in one go, 24 bytes
// each: a query for each of many processes would take longer than reading their
// files.
const seenAtOnce = 4 << 20

func (o *Options) defaults() {
	if o.Prices == nil {
		o.Prices = price.Builtin()
	}
	if o.Memory == 0 {
		o.Memory = 512 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.filesAtOnce == 0 {
		o.filesAtOnce = filesAtOnce
	}
	if o.seenAtOnce == 0 {
		o.seenAtOnce = seenAtOnce
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
}

// Stats is what one run of Ingest did.
type Stats struct {
	Files    int   // read, at least in part
	Skipped  int   // directory entries and files that could not be read
	Unread   int   // log files and directories among them
	Bytes    int64 // of log lines, unpacked
	Lines    int64
	Accepted int64
	Rejected int64

	Duplicates int64
	Torn       int64
	Folded     int      // different words beyond the limit, counted as other
	Problems   []string // files that could not be read to their end, with the reason
	Repriced   []Repriced

	Deleted int   // files, because of Options.Keep
	Packed  int   // files, because of Options.Compress
	Freed   int64 // bytes on disk, by both
	Beyond  Beyond
}

// Beyond says what is in the database alone: calls of log files that are no
// longer there, which a rebuilt database would not have.
type Beyond struct {
	Calls int64
	Since time.Time // of the oldest line in those files; zero if Calls is 0
}

// Repriced is how a changed price table moved the cost of one model.
type Repriced struct {
	Model         string
	Calls         int64
	Before, After int64 // 1e-12 USD
	NewlyPriced   int64 // calls that had no price
	NewlyUnpriced int64 // calls that have none any more
}

// ErrLoggerOnly is the error of every function of a burn that was built
// without cgo.
var ErrLoggerOnly = errors.New("this burn is the logger alone: it was built with CGO_ENABLED=0, without the database; build with cgo and a C compiler for this command")

// ErrNothingReadable means that there were log files but none could be read.
var ErrNothingReadable = errors.New("none of the log files could be read")

// Answer is what a run printed, kept so that a run that finds nothing new can
// print it again without asking the database.
type Answer struct {
	Body []byte
	Exit int // exit code that went with it
}

// Interrupted is the error of an Ingest whose context was cancelled.
type Interrupted struct {
	Lines int64 // read by this run and kept
	err   error
}

func (e *Interrupted) Error() string {
	return fmt.Sprintf("interrupted: %d lines were read and are kept, the next run goes on behind them", e.Lines)
}

func (e *Interrupted) Unwrap() error { return e.err }

// Ingest reads what is new in the log files. A database that proves to be
// damaged meanwhile is made anew and filled, see Repair.
func (db *DB) Ingest(ctx context.Context) (Stats, error) {
	stats, err := db.ingest(ctx)
	if err == nil {
		return stats, nil
	}
	anew, rerr := db.Repair(ctx, err)
	switch {
	case rerr != nil:
		return stats, rerr
	case !anew:
		return stats, err
	}
	return db.ingest(ctx)
}
