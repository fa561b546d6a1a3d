package usage

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"
)

const (
	flushBytes = 256 << 10 // a batch is written at this length at the latest
	nameTries  = 100       // names tried for one file before giving up
	maxOpens   = 1000      // open lines kept while nothing can be written

	// A step of the wall clock against the monotonic one by more than this is a
	// jump; slewing never gets there between two looks.
	jumpStep = time.Second

	flagClockJump = "clock_jump"
)

// writer is the state of the goroutine that owns the files of a Log. Between
// two events its batch is empty, and it has a file unless it is suspended.
type writer struct {
	*Log
	cfg  LogConfig
	disk disk
	log  *slog.Logger

	file   *logFile // nil: none could be opened
	number int64    // of the newest file

	buf   []byte  // the batch, encoded
	batch []entry // its lines

	suspended bool // writing does not work: calls are folded at once
	wait      int  // ticks of the last pause, 0 if writing works
	resumeAt  int  // tick of the next attempt
	lastErr   error
	rotateAt  int // until this tick a due rotation is not tried again

	ticks    int
	gapSeq   uint64
	beatSeq  uint64
	told     uint64        // calls and refusals told by the last beat
	clock    time.Duration // wall clock less monotonic clock, when last looked at
	unopened []*Record     // open lines that could not be written

	jobs    chan syncJob
	synced  chan syncResult
	syncing bool      // the syncer has a job
	retired []syncJob // files that wait to be closed
}

// entry is one line of the batch.
type entry struct {
	rec *Record
	end int // where it ends in buf
}

type syncResult struct {
	job syncJob
	err error
}

func newWriter(l *Log, cfg LogConfig) *writer {
	w := &writer{
		Log: l, cfg: cfg, disk: cfg.disk, log: cfg.Logger,
		jobs: make(chan syncJob, 1), synced: make(chan syncResult, 1),
	}
	w.clock = w.clockOffset()
	return w
}

// first opens the first file and makes it durable.
func (w *writer) first() error {
	if err := w.disk.mkdir(w.cfg.Dir); err != nil {
		return fmt.Errorf("create log directory %s: %w", w.cfg.Dir, bare(err))
	}
	f, err := w.create()
	if err != nil {
		return fmt.Errorf("create log file in %s: %w", w.cfg.Dir, bare(err))
	}
	if err := (syncJob{file: f}).run(w.disk); err != nil {
		_ = f.fd.Close()
		return fmt.Errorf("sync log file in %s: %w", w.cfg.Dir, bare(err))
	}
	w.file = f
	return nil
}

// run is the writer's goroutine; it ends after Close.
func (w *writer) run() {
	defer close(w.done)
	go w.sync()
	defer close(w.jobs)
	tick := time.NewTicker(w.cfg.tick)
	defer tick.Stop()
	delay := time.NewTimer(time.Hour)
	defer delay.Stop()
	for {
		select {
		case q := <-w.queue:
			// Under load this makes one write and one wake-up for many records.
			delay.Reset(w.cfg.delay)
			select {
			case <-delay.C:
			case <-w.closing:
			}
			w.lookAtClock()
			w.take(q)
			w.drain()
			w.flush()
		case <-tick.C:
			w.onTick()
		case r := <-w.synced:
			w.onSynced(r)
		case <-w.closing:
			w.closeErr = w.finish()
			return
		}
	}
}

// drain takes what is queued now, not what comes meanwhile: ticks want their
// turn. It reports whether the queue was empty in the end.
func (w *writer) drain() bool {
	for range cap(w.queue) {
		select {
		case q := <-w.queue:
			w.take(q)
		default:
			return true
		}
	}
	return false
}

func (w *writer) take(q queued) {
	if q.jumps != w.jumps.Load() {
		q.rec.Flags = append(slices.Clip(q.rec.Flags), flagClockJump)
	}
	w.add(q.rec)
}

// add puts a line into the batch, or folds it while writing is suspended.
func (w *writer) add(r *Record) {
	if w.suspended {
		w.putBack(r)
		return
	}
	start := len(w.buf)
	w.buf = r.AppendJSON(w.buf)
	if w.full(start) {
		line := slices.Clone(w.buf[start:])
		w.buf = w.buf[:start]
		w.flush()
		w.rotate()
		if w.suspended {
			w.putBack(r)
			return
		}
		w.buf = append(w.buf, line...)
	}
	w.batch = append(w.batch, entry{r, len(w.buf)})
	if len(w.buf) >= flushBytes {
		w.flush()
	}
}

// full reports whether the line that begins at start in the batch belongs into
// the next file. A file takes at least one line beside its start line.
func (w *writer) full(start int) bool {
	return w.file.size+int64(len(w.buf)) > w.cfg.RotateSize && (w.file.lines > 1 || start > 0) && w.ticks >= w.rotateAt
}

// flush hands the batch to the kernel. What cannot be written is put back, and
// writing suspended.
func (w *writer) flush() {
	written, failures := 0, 0
	for written < len(w.buf) && !w.suspended {
		n, err := w.file.append(w.buf[written:])
		written += n
		w.stats.bytes.Add(int64(n))
		if err == nil {
			continue
		}
		w.stats.writeErrors.Add(1)
		if n > 0 {
			failures = 0
		}
		failures++
		w.onWriteError(err, failures)
	}
	for _, e := range w.batch {
		if e.end <= written {
			w.stats.lines.Add(1)
			release(e.rec)
		} else {
			w.putBack(e.rec)
		}
	}
	clear(w.batch)
	w.batch, w.buf = w.batch[:0], w.buf[:0]
}

// onWriteError decides where the rest of a batch goes after that many failures
// without progress: again into the same file, into the next one, or nowhere.
func (w *writer) onWriteError(err error, failures int) {
	switch {
	case w.file.broken:
		w.abandon("log file could not be repaired", err, false)
	case failures == 2 && !noSpace(err):
		w.abandon("log file could not be written", err, false)
	}
	if !w.suspended && (failures > 2 || failures == 2 && noSpace(err)) {
		w.suspend(err)
	}
}

// putBack keeps of a line that could not be written what matters: the sums of a
// call or a gap, the open line of a call that may still run. Beats come again.
func (w *writer) putBack(r *Record) {
	switch {
	case r.Kind == KindCall || r.Kind == KindGap:
		w.fold(r)
	case r.Kind == KindOpen && len(w.unopened) < maxOpens:
		w.unopened = append(w.unopened, r)
	default:
		release(r)
	}
}

// suspend stops writing until a later tick; with every failure in a row later.
func (w *writer) suspend(err error) {
	if w.wait == 0 {
		w.log.Warn("log cannot be written, calls are summed until it can", "err", bare(err))
	}
	w.lastErr = bare(err)
	w.suspended = true
	w.wait = min(max(1, 2*w.wait), maxWait)
	w.resumeAt = w.ticks + w.wait
}

// resume tries to write again, the sums first.
func (w *writer) resume() {
	if w.file == nil && !w.open() {
		return
	}
	w.suspended = false
	w.writeGaps()
	if !w.suspended {
		w.wait = 0
		w.log.Info("log is written again", "file", filepath.Base(w.file.path))
	}
}

// writeGaps writes the sums, if there are any.
func (w *writer) writeGaps() {
	for _, r := range w.folded.take() {
		w.gapSeq++
		r.Boot, r.Seq = w.boot, w.gapSeq
		w.add(r)
	}
	w.flush()
}

// onTick does what is due by time.
func (w *writer) onTick() {
	w.ticks++
	w.running.now.Add(1)
	w.lookAtClock()
	if w.ticks%syncTicks == 0 && w.file != nil {
		w.inspect()
	}
	if w.suspended && w.ticks >= w.resumeAt {
		w.resume()
	}
	if w.suspended {
		return
	}
	if w.file.lines > 1 && w.ticks >= w.rotateAt && w.cfg.mono()-w.file.opened >= w.cfg.RotateEvery {
		w.rotate()
	}
	w.writeGaps()
	w.writeOpens()
	if n := w.seq.Load() + uint64(w.refused.Load()); w.ticks%beatTicks == 0 && n != w.told {
		w.told = n
		w.beatSeq++
		w.add(w.counters(KindBeat, w.beatSeq))
	}
	w.flush()
	if w.ticks%syncTicks == 0 {
		w.startSync()
	}
}

// writeOpens writes the open lines of calls that have run for a second.
func (w *writer) writeOpens() {
	again := w.unopened
	w.unopened = nil
	for _, r := range again {
		if !w.running.has(r.Seq) {
			release(r)
			continue
		}
		w.add(r)
	}
	w.running.overdue(openTicks, func(r *Record) {
		r.Boot = w.boot
		w.add(r)
	})
}

// counters returns a beat or stop line.
func (w *writer) counters(kind string, seq uint64) *Record {
	r := NewRecord()
	*r = Record{
		Boot: w.boot, Kind: kind, Seq: seq, TS: w.cfg.Now().UnixMilli(),
		LastSeq: w.seq.Load(), Refused: w.refused.Load(), Dropped: w.stats.dropped.Load(),
		WriteErrors: w.stats.writeErrors.Load() + w.stats.syncErrors.Load(),
		Skipped:     w.skipped.Load(), LostLines: w.stats.lost.Load(),
	}
	return r
}

// lookAtClock notices when the wall clock was set.
func (w *writer) lookAtClock() {
	now := w.clockOffset()
	if d := now - w.clock; d > jumpStep || d < -jumpStep {
		w.jumps.Add(1)
		w.log.Warn("wall clock was set", "by", d.Round(time.Millisecond))
	}
	w.clock = now
}

func (w *writer) clockOffset() time.Duration {
	return time.Duration(w.cfg.Now().UnixNano()) - w.cfg.mono()
}

// finish writes what is left, the stop line last.
func (w *writer) finish() error {
	w.lookAtClock()
	for !w.drain() {
	}
	w.flush()
	w.awaitSyncs() // a failure would open another file
	if w.suspended {
		w.resume()
	}
	w.writeGaps()
	w.add(w.counters(KindStop, 1))
	w.flush()
	w.awaitSyncs() // of files left just now
	var syncErr error
	if w.file != nil {
		syncErr = syncJob{file: w.file, close: true}.run(w.disk)
	}
	calls := int64(0)
	for _, r := range w.folded.take() {
		calls += r.Calls
	}
	switch {
	case w.suspended && calls > 0:
		return fmt.Errorf("close log: %d calls not recorded: %w", calls, w.lastErr)
	case w.suspended:
		return fmt.Errorf("close log: %w", w.lastErr)
	case syncErr != nil:
		return fmt.Errorf("close log: sync: %w", bare(syncErr))
	}
	return nil
}

func (w *writer) awaitSyncs() {
	for w.syncing {
		w.onSynced(<-w.synced)
	}
}
