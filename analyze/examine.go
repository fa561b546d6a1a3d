package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"burn/queries"
)

// Examination is what the records say about how well calls are recorded, beside
// what every Result says of it.
type Examination struct {
	Seen       []Seen    // every agent that ever called, by name
	Unlabelled []Program // what called without an agent in the period, most calls first
	Jumped     int64     // calls of the period during which a proxy's clock was set
	Writers    Writers
}

// Seen is an agent and the start of its newest call.
type Seen struct {
	Agent string
	Last  time.Time
}

// Program is a client by the first word of its User-Agent.
type Program struct {
	Name     string
	Requests int64
	Cost     USD
}

// Writers sums what proxies counted while they wrote their files, of all times:
// calls kept only as sums, failed writes, and lines of files that were deleted
// or cut under them.
type Writers struct{ Dropped, WriteErrors, LostLines int64 }

// Examine asks only what tells how well calls are recorded: of the Result there
// are Totals, Unpriced, Inconsistent, Streams, Quality, LastCall and Exam. Need and Compare of
// opt have no meaning.
func Examine(ctx context.Context, db *sql.DB, opt Options) (*Result, error) {
	opt.Need, opt.Compare = 0, nil
	r := empty(opt, opt.Period)
	r.Exam = &Examination{}
	if err := queries.SetWords(ctx, db); err != nil {
		return nil, fmt.Errorf("examine: %w", err)
	}
	if err := ask(ctx, db, r, opt, func(q question) bool { return q.exam }); err != nil {
		return nil, err
	}
	if err := readMeta(ctx, db, r); err != nil {
		return nil, fmt.Errorf("examine: %w", err)
	}
	finish(r, opt)
	return r, nil
}

func readSeen(r *Result, scan scanner) error {
	var s Seen
	var at int64
	if err := scan(&s.Agent, &at); err != nil {
		return err
	}
	s.Last = time.UnixMicro(at).In(r.Period.Since.Location())
	r.Exam.Seen = append(r.Exam.Seen, s)
	return nil
}

func readUnlabelled(r *Result, scan scanner) error {
	var p Program
	if err := scan(&p.Name, &p.Requests, &p.Cost); err != nil {
		return err
	}
	r.Exam.Unlabelled = append(r.Exam.Unlabelled, p)
	return nil
}

func readJumps(r *Result, scan scanner) error { return scan(&r.Exam.Jumped) }

func readWriters(r *Result, scan scanner) error {
	q := &r.Quality
	if err := scan(&q.Dropped, &q.WriteErrors, &q.LostLines); err != nil {
		return err
	}
	if r.Exam != nil {
		r.Exam.Writers = Writers{Dropped: q.Dropped, WriteErrors: q.WriteErrors, LostLines: q.LostLines}
	}
	return nil
}
