// Package price turns tokens into dollars. It is the only place that does.
//
// Read in this order: this file (the table and how overrides join it), row.go (its
// columns), table.go (the CSV file and its checks), providers.go (names of
// providers), pattern.go and resolve.go (which row prices a model id; alias.go has
// ids that stand for another one, cache.go remembers), cost.go and bill.go (the
// rules of a cost; passes.go divides a call, flags.go has what can be unusual),
// exact.go (the arithmetic), money.go (decimals), explain.go and explain_text.go (a
// cost in its parts). Beside that path: list.go and write.go (the table for people
// and as a file), check.go (what is odd about an override file), import.go with
// import_litellm.go and import_genai.go (price lists of others), family.go (what
// findings need to know of a model).
//
// # What a cost is
//
// A cost is an integer of 1e-12 USD ("pico"). Everything that makes it up
// (parts, multipliers, fees, further models inside the call) is added exactly
// and rounded once per call, half away from zero. There are no floats.
//
// A cost that is not known is not zero: see Cost.Known. A price that is
// missing and replaced by another one, a tier without a multiplier and the
// like leave a flag on the cost.
//
// # The table
//
// prices.csv holds list prices with the periods in which they apply, and the
// source of each figure. Table.Date tells how old its facts are; every report
// shows it. Files of the same format override or add rows: Load, Table.With.
package price

import (
	"bytes"
	_ "embed"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"sync"
)

//go:embed prices.csv
var builtinCSV []byte

// rules counts changes of this package that can change a cost without a change
// of the table. It is part of Table.Hash; raise it with such a change.
const rules = 3

// Table is a set of price rows. It does not change; With makes another one.
// Its methods may be called from several goroutines at once.
type Table struct {
	date       string
	rows       []*Row
	aliases    []alias
	byProvider map[string][]*Row
	hash       uint64
	sellers    memo[*seller]
}

// Builtin returns the project's own table.
var Builtin = sync.OnceValue(func() *Table {
	rows, date, err := parse(bytes.NewReader(builtinCSV), "prices.csv")
	if err != nil {
		panic(fmt.Sprintf("built-in price table: %v", err)) // a test reads it
	}
	return newTable(date, pointers(rows), nil)
})

// Load reads an override file: CSV with the columns of the built-in table, of
// which provider, model and at least one price must be there. name is the
// file's name for errors, which are reported all at once (errors.Join), each as
// name:line: column: reason.
//
// provider is any name of a provider. Without a match column, or with an empty
// cell in it, a row prices the ids that the built-in model of that name covers,
// or the id that equals model if there is none.
func Load(r io.Reader, name string) ([]Row, error) {
	rows, _, err := parse(r, name)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// With returns a table in which rows win over those of t. A row of the same
// provider, model and period takes the other's place, and prices the ids of
// both; other rows are added, and win wherever they match an id as well as a
// built-in row does.
func (t *Table) With(rows []Row) *Table {
	all := slices.Clone(t.rows)
	for _, row := range rows {
		row.override = true
		twin := slices.IndexFunc(all, func(r *Row) bool { return r.sameModel(&row) && r.From == row.From && r.To == row.To })
		row.patterns = t.patternsFor(&row, twin >= 0)
		if twin >= 0 {
			all[twin] = &row
		} else {
			all = append(all, &row)
		}
	}
	return newTable(t.date, all, t.aliases)
}

// patternsFor returns what an override matches: its own patterns and, if it
// has none or replaces a row, those that t has for the model.
func (t *Table) patternsFor(row *Row, replaces bool) []pattern {
	patterns := slices.Clone(row.patterns)
	if len(patterns) > 0 && !replaces {
		return patterns
	}
	for _, r := range t.byProvider[row.Provider] {
		if !r.sameModel(row) {
			continue
		}
		for _, p := range r.patterns {
			if !slices.Contains(patterns, p) {
				patterns = append(patterns, p)
			}
		}
	}
	if len(patterns) == 0 {
		patterns = []pattern{newPattern(kindExact, row.Model)}
	}
	return patterns
}

func newTable(date string, rows []*Row, aliases []alias) *Table {
	t := &Table{date: date, rows: rows, aliases: aliases, byProvider: make(map[string][]*Row)}
	var facts bytes.Buffer
	fmt.Fprintf(&facts, "rules %d\n", rules)
	for _, row := range rows {
		t.byProvider[row.Provider] = append(t.byProvider[row.Provider], row)
		row.writeFacts(&facts)
	}
	for i := range aliases {
		aliases[i].writeFacts(&facts)
	}
	h := fnv.New64a()
	h.Write(facts.Bytes())
	t.hash = h.Sum64()
	return t
}

func pointers(rows []Row) []*Row {
	ps := make([]*Row, len(rows))
	for i := range rows {
		ps[i] = &rows[i]
	}
	return ps
}

// Date returns the day, as 2006-01-02, up to which the built-in table's facts
// were read from their sources.
func (t *Table) Date() string { return t.date }

// Hash changes when anything in the table, or in the rules, changes that can
// change a cost; notes and sources do not count.
func (t *Table) Hash() uint64 { return t.hash }

// Rows returns the table's rows in their order. They are shared: read only.
func (t *Table) Rows() []*Row { return t.rows }
