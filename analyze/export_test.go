package analyze

import (
	"context"
	"database/sql"
	"math"
	"testing"

	"burn/queries"
)

// Question is a row of the catalogue, for tests.
type Question struct{ Name, Cols, Slow, Order string }

// Questions lists the catalogue.
func Questions() []Question {
	var list []Question
	for _, q := range catalog() {
		list = append(list, Question{q.name, q.cols, q.slow, q.order})
	}
	return list
}

// Match reports whether one of the globs matches word.
func Match(word string, globs ...string) bool { return compile(globs).MatchString(word) }

// Findings asks for nothing else.
func Findings(ctx context.Context, db *sql.DB, opt Options) (*Result, error) {
	r := empty(opt, opt.Period)
	if err := queries.SetWords(ctx, db); err != nil {
		return nil, err
	}
	totals := func(q question) bool { return q.name == "totals" }
	return r, ask(ctx, db, r, opt, totals, func(ctx context.Context, l *lanes) error { return find(ctx, db, l, r, opt) })
}

// Kinds are the names of the findings in order.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// InPartsOf makes findings be looked for in parts of so many calls, until the test
// is over.
func InPartsOf(t testing.TB, calls int64) {
	old := partCalls
	partCalls = calls
	t.Cleanup(func() { partCalls = old })
}

// ByHour makes calls be summed by hour first, or not, until the test is over.
func ByHour(t testing.TB, first bool) {
	old := hourCalls
	hourCalls = math.MaxInt32
	if first {
		hourCalls = 0
	}
	t.Cleanup(func() { hourCalls = old })
}

// Crowd asks with a task that has too little memory beside others, and tells
// whether it was alone each time.
func Crowd(ctx context.Context, db *sql.DB, opt Options) (alone []bool, err error) {
	if err := queries.SetWords(ctx, db); err != nil {
		return nil, err
	}
	err = ask(ctx, db, empty(opt, opt.Period), opt, func(q question) bool { return q.when == nil }, func(_ context.Context, l *lanes) error {
		alone = append(alone, l.alone)
		if !l.alone {
			return errCrowded
		}
		return nil
	})
	return alone, err
}
