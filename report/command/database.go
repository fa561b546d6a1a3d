package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"burn/analyze"
	"burn/ingest"
	"burn/ingest/price"
	"burn/report"
)

const noLogDir = "burn proxy makes its log directory; name the one that it writes to: --log-dir DIR"

// lookForLogs is the error of a run that has neither a database nor a log directory.
// It would leave an empty database where it looked.
func lookForLogs(t task) error {
	if _, err := os.Stat(t.db.Path); err == nil || t.noIngest {
		return nil
	}
	var missing error
	for _, dir := range t.db.Dirs {
		d, err := os.Open(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				d.Close()
			}
			return nil // reading says what is wrong with it
		}
		missing = err
	}
	return &exit{ExitFailed, fmt.Errorf("read log directory: %w", missing), noLogDir}
}

// withDatabase opens the database, ingests what is new, and calls f.
func (p *program) withDatabase(ctx context.Context, t task, f func(context.Context, *ingest.DB) error) (err error) {
	if err := lookForLogs(t); err != nil {
		return err
	}
	db, err := ingest.Open(ctx, t.db)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() {
		if cerr := db.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close database: %w", cerr)
		}
	}()
	if err = p.ingestAndAsk(ctx, db, t, f); err == nil {
		return nil
	}
	// Damage may show only where a query reads.
	anew, rerr := db.Repair(ctx, err)
	switch {
	case rerr != nil:
		return rerr
	case anew:
		return p.ingestAndAsk(ctx, db, t, f)
	}
	return interrupted(ctx, err)
}

// ingestAndAsk reads what is new, and calls f.
func (p *program) ingestAndAsk(ctx context.Context, db *ingest.DB, t task, f func(context.Context, *ingest.DB) error) error {
	if !t.noIngest {
		stats, err := db.Ingest(ctx)
		p.reading.clear()
		if errors.Is(err, fs.ErrNotExist) {
			return &exit{ExitFailed, err, noLogDir}
		}
		if err != nil {
			return err
		}
		_, lost, kept := db.Rebuilt()
		if !t.tell.Quiet || stats.Rejected > 0 || len(stats.Problems) > 0 || lost.Calls > 0 || kept != "" { // something was not read
			p.tell(db, stats)
		}
	} else if why, _, _ := db.Rebuilt(); why != "" {
		fmt.Fprintln(p.stderr, "burn: the database was to be made anew and the log files were not read to the end: leave --no-ingest out")
	}
	if err := db.Lock(ctx); err != nil {
		return fmt.Errorf("lock database down: %w", err)
	}
	asking, cancel := context.WithTimeoutCause(ctx, queryTime, fmt.Errorf("the queries took longer than %s", queryTime))
	defer cancel()
	err := f(asking, db)
	if err != nil && ctx.Err() == nil && asking.Err() != nil {
		return context.Cause(asking)
	}
	return err
}

// queryTime bounds the queries of a run: their files may be edited, and a
// question may have no end.
const queryTime = 30 * time.Minute

// interrupted says of a run that a signal ended what became of its work.
func interrupted(ctx context.Context, err error) error {
	var told *ingest.Interrupted
	switch {
	case errors.As(err, &told):
		return told
	case ctx.Err() != nil:
		return errors.New("interrupted: what was read before is kept")
	}
	return err
}

// tell says what was unusual about reading the files.
func (p *program) tell(db *ingest.DB, s ingest.Stats) {
	note := func(format string, args ...any) {
		fmt.Fprintf(p.stderr, "burn: "+format+"\n", args...)
	}
	if why, lost, kept := db.Rebuilt(); why != "" {
		note("the database was made anew: %s", report.Clean(why))
		if lost.Calls > 0 {
			note("lost to it are %s from %s on, whose log files are no longer there", counted(lost.Calls, "call"), lost.Since.Format(time.DateOnly))
		}
		if kept != "" {
			note("the old database is kept: %s", report.Clean(kept))
		}
	}
	if s.Deleted > 0 || s.Packed > 0 {
		note("log files: %d packed, %d deleted, %d MB freed; beyond rebuilding are now %s", s.Packed, s.Deleted, s.Freed/1e6, counted(s.Beyond.Calls, "call"))
	}
	if s.Skipped > 0 {
		note("%d entries of the log directories skipped: no readable files", s.Skipped)
	}
	for i, problem := range s.Problems {
		if i == 10 {
			note("… and %d more files with problems", len(s.Problems)-i)
			break
		}
		note("%s", report.Clean(problem))
	}
	if s.Rejected > 0 {
		how := "--rebuild --rejects FILE lists them all"
		if p.listed {
			how = "--rejects has them"
		}
		note("%s rejected: %s", counted(s.Rejected, "line"), how)
	}
	if s.Folded > 0 {
		note("%s with labels beyond the number that is kept apart: counted as \"other\"", counted(s.Folded, "call"))
	}
	if len(s.Repriced) == 0 {
		return
	}
	note("prices changed: calls priced again")
	if err := repricedSheet(s.Repriced).Text(p.stderr, report.TextOptions{}); err != nil {
		note("%v", err)
	}
}

// counted is n of a thing, in words.
func counted[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Count(int64(n)) + " " + what + "s"
}

// repricedSheet shows what a changed price table moved, by model.
func repricedSheet(moved []ingest.Repriced) report.Sheet {
	s := report.Sheet{Heads: []string{"Model", "Calls", "Before", "After", "Difference", "Newly priced", "Newly unpriced"}}
	s.Right = s.Heads[1:]
	row := func(m ingest.Repriced) {
		sign := ""
		if m.After > m.Before {
			sign = "+"
		}
		before, after := dollars(m.Before), dollars(m.After)
		if m.NewlyPriced == m.Calls {
			before = "not priced"
		}
		if m.NewlyUnpriced == m.Calls {
			after = "not priced"
		}
		s.Rows = append(s.Rows, []string{m.Model, report.Count(m.Calls), before, after, sign + dollars(m.After-m.Before),
			report.Count(m.NewlyPriced), report.Count(m.NewlyUnpriced)})
	}
	total := ingest.Repriced{Model: "Total"}
	for _, m := range moved {
		row(m)
		total.Calls, total.Before, total.After = total.Calls+m.Calls, total.Before+m.Before, total.After+m.After
		total.NewlyPriced, total.NewlyUnpriced = total.NewlyPriced+m.NewlyPriced, total.NewlyUnpriced+m.NewlyUnpriced
	}
	row(total)
	return s
}

// dollars writes 1e-12 USD for people.
func dollars(pico int64) string {
	u, err := analyze.ParseUSD(price.FormatPico(pico))
	if err != nil {
		panic("burn: " + err.Error()) // FormatPico writes such decimals
	}
	return report.Cents(u)
}
