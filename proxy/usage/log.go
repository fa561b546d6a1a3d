package usage

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of LogConfig.
const (
	DefaultRotateSize  = 64 << 20
	DefaultRotateEvery = time.Hour
	DefaultQueueLen    = 8192
)

// LogConfig says where and how a Log writes. Only Dir is required.
type LogConfig struct {
	Dir         string        // created with mode 0700 if missing, and again if it is removed
	RotateSize  int64         // bytes at which the next file is opened; 0: DefaultRotateSize
	RotateEvery time.Duration // age at which the next file is opened, monotonic; 0: DefaultRotateEvery
	QueueLen    int           // records that may wait for the writer; 0: DefaultQueueLen
	Version     string        // burn's version, for the start line
	Logger      *slog.Logger  // told when writing stops and resumes, never per record; nil: nobody

	// Now is the wall clock; nil: time.Now. It gives names and the times of
	// burn's own lines; ages and delays come from the monotonic clock.
	Now func() time.Time

	disk  disk                 // where files live; nil: the file system
	mono  func() time.Duration // monotonic clock; nil: since OpenLog
	boot  uint64               // 0: random
	tick  time.Duration        // the writer's clock; every other period counts ticks
	delay time.Duration        // how long the writer waits for more records
}

// The writer's periods. All but the first are counted in ticks.
const (
	defaultTick  = 250 * time.Millisecond
	defaultDelay = 2 * time.Millisecond

	syncTicks = 4  // fsync, and a look at the file from outside
	beatTicks = 40 // a beat line, if calls arrived
	openTicks = 5  // a call begun that many ticks ago has run for more than 1 s
	maxWait   = 8  // longest pause between two attempts to write to a bad disk
)

// Log appends records to files that only this process writes, without ever
// making a caller wait. All methods may be called from any goroutine.
//
// # Files
//
// A file is called burn-<time>-<boot>-<n>.jsonl: when it was created (UTC,
// yyyymmddThhmmssmmmZ), the boot of its process, its number from 1. It is
// created exclusively, mode 0600, never through a link, only ever appended to,
// and never renamed, reopened or deleted by the proxy (but for a new file that
// could not take its first line). Two processes may share a directory.
//
// The first line is start. Further lines follow in whole batches. The last line
// is stop if the process ended by Close; a file that was followed by another
// one of the same boot has no end mark of its own.
//
// # When a file is sealed
//
// Nothing more is appended to a file if any of these holds:
//
//   - its last line is stop;
//   - there is a file of the same boot with a higher number and a start line;
//   - its process is gone. While a process writes to a file it holds an
//     advisory lock on it where the system has flock, so on the same host a
//     file for which InUse is false, and whose start line is there, is sealed.
//
// A last line without newline in a sealed file is torn: the process or the
// machine died while it was written, or the disk failed and refused the repair;
// in the second case the whole line stands in the next file.
//
// # What a caller can rely on
//
// Append hands a record to one writer goroutine through a bounded queue. It is
// with the kernel within 10 ms (kill -9 loses no more), and synced every second
// by a goroutine of its own, so that a slow disk delays only itself. If the
// queue is full, or no file can be written, the call is added to sums per key
// and UTC hour, which are written as gap lines as soon as that is possible.
//
// # Faults
//
// After a short or failed write the file is truncated back to its last whole
// line and the rest is tried again; a file that cannot be repaired, or that
// cannot be written while the disk has room, is left for the next one. A failed
// fsync condemns a file: what the kernel dropped cannot be known, so nothing
// more is put there. Once a second the file is looked at from outside:
// deleted, its lines are counted as lost; moved away, they are not; cut short
// by somebody (copytruncate), the lines cut off are counted as lost; in all
// three cases, and if the directory is gone, the next file is opened. A file
// that was cut short has lost its start line and is not continued. If nothing
// can be opened, attempts are repeated for as long as it takes, at most two
// seconds apart.
//
// A file size limit (RLIMIT_FSIZE) needs no care: Go's runtime takes SIGXFSZ
// without ending the process, the write fails with EFBIG, and the next file is
// opened.
type Log struct {
	boot    uint64
	seq     atomic.Uint64
	queue   chan queued
	folded  foldTable
	running runningTable

	refused, skipped atomic.Int64
	jumps            atomic.Uint32
	closed           atomic.Bool
	stats            logStats

	closeOnce sync.Once
	closing   chan struct{}
	done      chan struct{}
	closeErr  error // valid once done is closed
}

// queued is a record on its way to the writer.
type queued struct {
	rec   *Record
	jumps uint32 // Log.jumps when the call began
}

// logStats is what the writer counts.
type logStats struct {
	lines, bytes, files     atomic.Int64
	dropped, lost           atomic.Int64
	writeErrors, syncErrors atomic.Int64
}

// Stats is a snapshot of a Log's counters, all since OpenLog.
type Stats struct {
	LastSeq     uint64 // newest call number given out
	Running     int64  // calls begun and not ended
	Queue       int    // records waiting for the writer
	QueueCap    int
	Lines       int64 // lines of any kind handed to the kernel
	Bytes       int64 // their length
	Files       int64 // files opened
	Dropped     int64 // calls folded into sums
	WriteErrors int64 // failed writes and failed attempts to open a file
	SyncErrors  int64 // failed fsyncs
	LostLines   int64 // lines in files that were deleted or cut short by somebody
	Refused     int64 // see CountRefused
	Skipped     int64 // see CountSkipped
	ClockJumps  uint32
}

var records = sync.Pool{New: func() any { return new(Record) }}

// NewRecord returns an empty record. Append, which takes it over, lets it be
// used again.
func NewRecord() *Record { return records.Get().(*Record) }

// release empties a record for the next call. Slices are not kept: whoever
// filled them may still hold them.
func release(r *Record) {
	*r = Record{}
	records.Put(r)
}

// OpenLog creates the directory if it is missing and the first file in it,
// start line written and synced, which proves that records can be kept there.
// The error tells the directory.
func OpenLog(cfg LogConfig) (*Log, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{
		boot:    cfg.boot,
		queue:   make(chan queued, cfg.QueueLen),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	l.running.init()
	w := newWriter(l, cfg)
	if err := w.first(); err != nil {
		return nil, err
	}
	go w.run()
	return l, nil
}

func (cfg LogConfig) withDefaults() (LogConfig, error) {
	if cfg.RotateSize <= 0 {
		cfg.RotateSize = DefaultRotateSize
	}
	if cfg.RotateEvery <= 0 {
		cfg.RotateEvery = DefaultRotateEvery
	}
	if cfg.QueueLen <= 0 {
		cfg.QueueLen = DefaultQueueLen
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.disk == nil {
		cfg.disk = &osDisk{}
	}
	if cfg.mono == nil {
		start := time.Now()
		cfg.mono = func() time.Duration { return time.Since(start) }
	}
	if cfg.tick <= 0 {
		cfg.tick = defaultTick
	}
	if cfg.delay <= 0 {
		cfg.delay = defaultDelay
	}
	for cfg.boot == 0 {
		var b [8]byte
		if _, err := crand.Read(b[:]); err != nil {
			return cfg, fmt.Errorf("read random boot number: %w", err)
		}
		cfg.boot = binary.LittleEndian.Uint64(b[:])
	}
	return cfg, nil
}

// Boot returns the random number of this process that is in every line.
func (l *Log) Boot() uint64 { return l.boot }

// Begin gives out the next call number and notes that the call runs. Should it
// run for more than a second, known is called once, by another goroutine, for
// what is known of the call by then, which is written as its open line; the log
// sets kind, boot and seq and takes the record over. known may return nil to
// have no such line. It is never running any more once Append or End returned,
// so it must not wait for a lock that a caller of those holds. known may be nil.
func (l *Log) Begin(known func() *Record) (seq uint64) {
	seq = l.seq.Add(1)
	l.running.add(seq, known, l.jumps.Load())
	return seq
}

// NextSeq gives out a number for a record that is not a running call: a further
// part of one. Append does the same for records with Seq 0.
func (l *Log) NextSeq() uint64 { return l.seq.Add(1) }

// End forgets a call that Begin numbered and that leaves no record. Its number
// will be reported as missing.
func (l *Log) End(seq uint64) { l.running.remove(seq) }

// Append hands over a call's record: the caller must not touch it again. It
// never blocks. Boot is set, Seq too if it is 0; a call that Begin numbered
// ends with this. If the wall clock was set while the call ran, the record gets
// the flag clock_jump. After Close, records are only counted as dropped.
func (l *Log) Append(r *Record) {
	jumps, ok := uint32(0), false
	if r.Seq == 0 {
		r.Seq = l.seq.Add(1)
	} else {
		jumps, ok = l.running.remove(r.Seq)
	}
	if !ok {
		jumps = l.jumps.Load()
	}
	r.Boot, r.Kind = l.boot, KindCall
	if !l.closed.Load() {
		select {
		case l.queue <- queued{r, jumps}:
			return
		default:
		}
	}
	l.fold(r)
}

// fold adds a record to the sums and releases it.
func (l *Log) fold(r *Record) {
	if r.Kind == KindCall {
		l.stats.dropped.Add(1)
	}
	l.folded.add(r)
	release(r)
}

// CountRefused counts a request that burn answered without forwarding it.
func (l *Log) CountRefused() { l.refused.Add(1) }

// CountSkipped counts a call whose request was not inspected.
func (l *Log) CountSkipped() { l.skipped.Add(1) }

// ClockJumps returns how often the wall clock was set, by more than a second,
// since OpenLog. It costs one load.
func (l *Log) ClockJumps() uint32 { return l.jumps.Load() }

// Stats returns the counters. They are read one by one.
func (l *Log) Stats() Stats {
	s := &l.stats
	return Stats{
		LastSeq: l.seq.Load(), Running: l.running.len(), Queue: len(l.queue), QueueCap: cap(l.queue),
		Lines: s.lines.Load(), Bytes: s.bytes.Load(), Files: s.files.Load(),
		Dropped: s.dropped.Load(), WriteErrors: s.writeErrors.Load(), SyncErrors: s.syncErrors.Load(), LostLines: s.lost.Load(),
		Refused: l.refused.Load(), Skipped: l.skipped.Load(), ClockJumps: l.jumps.Load(),
	}
}

// Close writes what is queued and folded and the stop line, syncs and closes
// the file. It is to be called after the last Append has returned. If ctx ends
// first its error is returned and the rest goes on behind it. A second call
// waits for the first.
func (l *Log) Close(ctx context.Context) error {
	l.closed.Store(true)
	l.closeOnce.Do(func() { close(l.closing) })
	select {
	case <-l.done:
		return l.closeErr
	case <-ctx.Done():
		return fmt.Errorf("close log: %w", ctx.Err())
	}
}

// bare strips the operation and the path that os adds, which the caller says
// better.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
