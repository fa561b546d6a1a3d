// Package demo writes the log files of a case study: two months of one team's
// LLM calls, before and after it read its first report. Nothing is recorded
// from anybody; every figure comes from the table in story.go, every detail
// from a fixed seed, so the files are the same bytes on every machine.
//
// Before: 143,000 calls, 7 agents, $2,300. Two agents classify the same
// tickets, one sends 48,000 tokens of history for a yes or no, an hourly job
// reads the whole day again. After: 81,000 calls, 5 agents, $920.
//
// Read in this order: story.go (who calls what, how often, how large),
// deal.go (which calls fall into which hour), tickets.go, chat.go and
// digest.go (how calls belong together), call.go and line.go (from a call to
// its record), seed.go (where every number comes from).
//
// The files have the proxy's names and lines, one file per UTC day, without the
// open and beat lines of a live proxy.
package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"burn/proxy/usage"
)

// Month is one of the two months of the case study.
type Month int

// The months. Each has 30 days in UTC.
const (
	Before Month = iota // 2026-09-01 … 2026-10-01, half-open
	After               // 2026-10-01 … 2026-10-31, half-open
)

const (
	days  = 30
	hours = 24
	slots = days * hours
)

const (
	msHour = int64(time.Hour / time.Millisecond)
	msDay  = hours * msHour
)

// String returns "before" or "after", the names of the directories `burn demo`
// makes.
func (m Month) String() string {
	if m == Before {
		return "before"
	}
	return "after"
}

// Since returns the first moment of the month, in UTC.
func (m Month) Since() time.Time {
	return time.Date(2026, time.September+time.Month(m), 1, 0, 0, 0, 0, time.UTC)
}

// Until returns the first moment after the month, 30 days after Since, in UTC.
func (m Month) Until() time.Time { return m.Since().AddDate(0, 0, days) }

// Calls returns how many records Write writes for the month.
func (m Month) Calls() int {
	n := 0
	for _, p := range parts {
		n += p.calls[m]
	}
	return n
}

// boot is the identity of the month's proxy process.
func (m Month) boot() uint64 { return seed(seedBoot, uint64(m)) }

// Write writes the month's log files into dir, which it creates if need be: one
// file per day, 3 to 6 MB each, the last with a stop line. Each appears under its
// name when it is whole; files of an earlier Write are replaced by the same bytes.
// Days are made in parallel on all processors, one in memory per processor.
// progress, if not nil, is called after each day with the records written so far
// and their total, never twice at once. When ctx ends, Write stops after the days
// in work and returns its error.
func Write(ctx context.Context, dir string, month Month, progress func(done, total int)) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create log directory: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	st := newStory(month)
	var (
		mu      sync.Mutex
		next    int
		written int
		workers sync.WaitGroup
	)
	take := func() (day int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == days || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	finish := func(calls int) {
		mu.Lock()
		defer mu.Unlock()
		written += calls
		if progress != nil {
			progress(written, month.Calls())
		}
	}
	for range min(days, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			w := writer{story: st, dir: dir}
			for day, ok := take(); ok; day, ok = take() {
				calls, err := w.writeDay(day)
				if err != nil {
					cancel(err)
					return
				}
				finish(calls)
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// writer makes days, one after the other, reusing its memory.
type writer struct {
	story *story
	dir   string
	calls []call
	buf   []byte
	rec   usage.Record
}

// writeDay writes one day's file and returns how many calls are in it.
func (w *writer) writeDay(day int) (int, error) {
	w.calls = w.story.appendDay(w.calls[:0], day)
	slices.SortFunc(w.calls, order)

	boot, number := w.story.month.boot(), int64(day+1)
	opened := w.story.dayStart(day)
	start := usage.Record{
		Boot: boot, Kind: usage.KindStart, Seq: uint64(number), TS: opened,
		BurnVersion: "demo", File: number,
	}
	w.buf = start.AppendJSON(w.buf[:0])
	seq := w.story.callsBefore(day)
	for i := range w.calls {
		seq++
		w.calls[i].fill(&w.rec)
		w.rec.Boot, w.rec.Seq = boot, seq
		w.buf = w.rec.AppendJSON(w.buf)
	}
	if day == days-1 {
		stop := usage.Record{Boot: boot, Kind: usage.KindStop, Seq: 1, TS: opened + msDay - 1, LastSeq: seq}
		w.buf = stop.AppendJSON(w.buf)
	}

	name := usage.FileName(time.UnixMilli(opened), boot, number)
	if err := replaceFile(filepath.Join(w.dir, name), w.buf); err != nil {
		return 0, fmt.Errorf("write demo log: %w", err)
	}
	return len(w.calls), nil
}

// replaceFile writes the file beside its name and renames it, so that a reader
// never meets half a day.
func replaceFile(name string, data []byte) error {
	temp := name + ".tmp"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// Agents returns the agents registry of the case study, a CSV with the columns
// id, name, owner (a team), purpose and budget_usd_month.
func Agents() []byte { return bytes.Clone(agents) }
