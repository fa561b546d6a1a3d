package price

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Warning is something odd in an override file that is still valid.
type Warning struct {
	Line   int    // in the file, from 1
	Column string // of the table; "" if it is about the whole row
	Text   string
}

// maxNamed is how many built-in rows or ids one warning names.
const maxNamed = 3

// oddRatio is how far a price may be from the built-in one before it looks like
// a slip, such as a price per token or per thousand tokens.
const oddRatio = 100

// Check reads an override file as Load does and says what its rows would do to
// t: which built-in rows they win over and how the prices change, which periods
// are over or still to come, which rows no id can reach, which prices are far
// from the built-in ones. It returns the number of rows. The error is Load's.
func (t *Table) Check(r io.Reader, name string, now time.Time) (rows int, warnings []Warning, err error) {
	loaded, err := Load(r, name)
	if err != nil {
		return 0, nil, err
	}
	c := &checker{builtin: t, with: t.With(loaded), shadows: make(map[*Row][]shadow)}
	for _, row := range c.with.rows {
		if row.override && row.line > 0 {
			c.rows = append(c.rows, row)
		}
	}
	c.findShadows()
	for _, row := range c.rows {
		c.provider(row)
		c.period(row, now)
		c.reach(row)
		c.changes(row)
	}
	slices.SortStableFunc(c.warnings, func(a, b Warning) int { return cmp.Compare(a.Line, b.Line) })
	return len(loaded), c.warnings, nil
}

// checker compares a table with and without an override file.
type checker struct {
	builtin, with *Table
	rows          []*Row // of the file
	shadows       map[*Row][]shadow
	warnings      []Warning
}

// shadow is a built-in row that an override row takes ids from.
type shadow struct {
	row *Row
	ids []string // examples
}

func (c *checker) warn(row *Row, column, format string, args ...any) {
	c.warnings = append(c.warnings, Warning{row.line, column, fmt.Sprintf(format, args...)})
}

// findShadows asks both tables about the ids that the built-in rows name, at
// every moment at which the answer can change.
func (c *checker) findShadows() {
	starts := make(map[string][]int64)
	for _, row := range c.rows {
		starts[row.Provider] = append(starts[row.Provider], row.from)
	}
	for _, b := range c.builtin.rows {
		for _, p := range buyers(b.Provider) {
			moments := append([]int64{b.from}, starts[p.table]...)
			slices.Sort(moments)
			for _, id := range b.examples() {
				for _, ms := range slices.Compact(moments) {
					c.compare(p, b, id, ms)
				}
			}
		}
	}
}

// buyers are the providers whose models a table's rows can price.
func buyers(table string) []*provider {
	list := []*provider{findProvider(table)}
	for i := range providers {
		if providers[i].then == table {
			list = append(list, &providers[i])
		}
	}
	return list
}

// examples are ids that the row's patterns name.
func (r *Row) examples() []string {
	ids := []string{r.Model}
	for _, p := range r.patterns {
		if p.text != "" && !slices.Contains(ids, p.text) {
			ids = append(ids, p.text)
		}
	}
	return ids
}

// compare notes it if at a moment b loses id to a row of the file.
func (c *checker) compare(p *provider, b *Row, id string, ms int64) {
	if !b.active(ms) {
		return
	}
	if m := c.builtin.resolveAt(p, id, ms); m == nil || m.Row != b {
		return
	}
	m := c.with.resolveAt(p, id, ms)
	if m == nil || !m.Row.override {
		return
	}
	winner := m.Row
	list := c.shadows[winner]
	i := slices.IndexFunc(list, func(s shadow) bool { return s.row == b })
	if i < 0 {
		i = len(list)
		list = append(list, shadow{row: b})
	}
	if !slices.Contains(list[i].ids, id) {
		list[i].ids = append(list[i].ids, id)
	}
	c.shadows[winner] = list
}

func (c *checker) provider(row *Row) {
	if providerByName[row.Provider] == nil && len(c.builtin.byProvider[row.Provider]) == 0 {
		c.warn(row, "provider", "%s is no provider burn knows: the row prices calls to an upstream configured under that name", row.Provider)
	}
}

func (c *checker) period(row *Row, now time.Time) {
	switch ms := now.UnixMilli(); {
	case row.to <= ms:
		c.warn(row, "effective_to", "the period ended on %s: the row prices older calls only", row.To)
	case row.from > ms:
		c.warn(row, "effective_from", "the period begins on %s: the row prices no call until then", row.From)
	}
}

// reach warns of a row that no id can come to, because others take them all.
func (c *checker) reach(row *Row) {
	at := slices.Index(c.with.rows, row)
	for _, p := range row.patterns {
		if p.kind == kindExact {
			if m := c.with.resolve(row.Provider, p.text, row.from); m != nil && m.Row == row {
				return
			}
			continue
		}
		taken := slices.ContainsFunc(c.with.rows[:at], func(o *Row) bool {
			return o.override && o.Provider == row.Provider && o.from <= row.from && o.to >= row.to && slices.Contains(o.patterns, p)
		})
		if !taken {
			return
		}
	}
	c.warn(row, "match", "nothing can match this row: earlier rows of the file take every id it names")
}

// changes says what the row's shadows cost instead.
func (c *checker) changes(row *Row) {
	for i, s := range c.shadows[row] {
		if i == maxNamed {
			c.warn(row, "", "wins over %d more built-in rows", len(c.shadows[row])-i)
			break
		}
		verb := "replaces"
		if !s.row.sameModel(row) || s.row.From != row.From || s.row.To != row.To {
			verb = "wins over"
		}
		ids := s.ids
		if len(ids) > maxNamed {
			ids = ids[:maxNamed]
		}
		c.warn(row, "", "%s the built-in row %s%s (%s): %s", verb, s.row.Model, s.row.since(), strings.Join(ids, ", "), difference(s.row, row))
		c.odd(row, s.row)
	}
}

func (r *Row) since() string {
	if r.From == "" {
		return ""
	}
	return " from " + r.From
}

// difference lists the cells that differ, old → new.
func difference(old, row *Row) string {
	var list []string
	for col := range numCols {
		a, b := old.shown(col), row.shown(col)
		if a != b {
			list = append(list, fmt.Sprintf("%s %s → %s", col, a, b))
		}
	}
	if old.threshold != row.threshold {
		list = append(list, fmt.Sprintf("long_threshold %d → %d", old.threshold, row.threshold))
	}
	if list == nil {
		return "the same prices"
	}
	return strings.Join(list, ", ")
}

func (r *Row) shown(c column) string {
	if !r.set(c) {
		return "none"
	}
	return r.numbers[c].String()
}

// odd warns of prices that are far from the built-in ones.
func (c *checker) odd(row, old *Row) {
	limit := big.NewRat(oddRatio, 1)
	for col := range numCols {
		if col >= firstMultiplier && col < firstFee || !row.set(col) || !old.set(col) ||
			row.numbers[col].Sign() == 0 || old.numbers[col].Sign() == 0 {
			continue
		}
		ratio := row.numbers[col].Rat()
		ratio.Quo(ratio, old.numbers[col].rat)
		switch {
		case ratio.Cmp(limit) > 0:
			c.warn(row, col.String(), "%s is more than %d times the built-in %s: is it USD per million tokens?", row.shown(col), oddRatio, old.shown(col))
		case ratio.Inv(ratio).Cmp(limit) > 0:
			c.warn(row, col.String(), "%s is less than 1/%d of the built-in %s: is it USD per million tokens?", row.shown(col), oddRatio, old.shown(col))
		}
	}
}
