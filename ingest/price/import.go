package price

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
)

// maxImport bounds the size of a price list, in bytes; the greatest known one
// has less than 2 MB.
const maxImport = 64 << 20

// Imported is what a price list of another project says in our terms.
type Imported struct {
	Format  string // litellm or genai-prices
	Entries int    // models in the list
	Rows    []*Row // valid for an override file, see WriteCSV
	Skipped []Note // models without a row, each with its reason
	Partial []Note // models of which not every price could be taken over
}

// Note is about one entry of a price list.
type Note struct {
	Entry  string // as the list names it
	Reason string
}

// Import reads a price list in the JSON of LiteLLM (one object, prices per token
// by model) or genai-prices (an array of providers, each with its models); which
// of them is told by the shape.
//
// Prices are read from their literals, never through a float: 1.25e-06 per token
// is 1.25 per million. What our table cannot say exactly is left out and noted:
// prices per image, character or page, two long-context limits, tiers that are
// not one factor of the standard prices, prices by the time of day. A model all
// of whose prices are 0 is skipped unless its name says that it is free: lists
// write 0 for what they do not know.
//
// Rows have no periods unless the list does; they then price all of history.
func Import(r io.Reader) (*Imported, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("read price list: %w", err)
	}
	if len(data) > maxImport {
		return nil, fmt.Errorf("read price list: more than %d MB", maxImport>>20)
	}
	im := &importer{}
	switch first := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))); {
	case len(first) > 0 && first[0] == '[':
		err = im.genai(first)
	case len(first) > 0 && first[0] == '{':
		err = im.litellm(first)
	default:
		err = errors.New("not a JSON object or array")
	}
	if err != nil {
		return nil, fmt.Errorf("read price list: %w", err)
	}
	im.settle()
	return &im.Imported, nil
}

type importer struct{ Imported }

func (im *importer) skip(entry, format string, args ...any) {
	im.Skipped = append(im.Skipped, Note{entry, fmt.Sprintf(format, args...)})
}

func (im *importer) partly(entry, format string, args ...any) {
	im.Partial = append(im.Partial, Note{entry, fmt.Sprintf(format, args...)})
}

// decode reads all of data, numbers as their literals.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more follows behind the end")
	}
	return nil
}

// amount reads a price from its literal, multiplied by scale.
func amount(v any, scale int64) (Decimal, error) {
	n, ok := v.(json.Number)
	if !ok {
		return Decimal{}, errors.New("is not a number")
	}
	d, err := ParseDecimal(n.String())
	if err != nil {
		return Decimal{}, fmt.Errorf("%s is not a price", n)
	}
	rat := d.Rat()
	d = Decimal{rat.Mul(rat, big.NewRat(scale, 1))}
	if places, _ := d.rat.FloatPrec(); places > ratDigits {
		return Decimal{}, fmt.Errorf("%s has more than %d decimals", n, ratDigits)
	}
	return d, nil
}

// add checks a row as Load would and keeps it, or notes why not. free tells that
// the entry's name says that it costs nothing.
func (im *importer) add(entry string, row *Row, free bool) {
	if err := row.fit(); err != nil {
		im.skip(entry, "%v", err)
		return
	}
	if !free && row.Mode != moderation && row.allZero() {
		im.skip(entry, "all its prices are 0, which lists also write for unknown: if it is free, write a row")
		return
	}
	row.units = row.compile()
	im.Rows = append(im.Rows, row)
}

func (r *Row) fit() error {
	if err := checkName(r.Provider); err != nil {
		return fmt.Errorf("provider %w", err)
	}
	if strings.HasPrefix(r.Provider, "#") {
		return errors.New("provider begins like a comment")
	}
	if err := checkName(r.Model); err != nil {
		return fmt.Errorf("name %w", err)
	}
	for c := range numCols {
		if !r.set(c) {
			continue
		}
		if err := c.check(r.numbers[c], r.numbers[c].String()); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	for _, wrong := range r.inconsistencies(r.longOp()) {
		return errors.New(wrong.column + ": " + wrong.reason)
	}
	return nil
}

func (r *Row) allZero() bool {
	for c := range numCols {
		if r.set(c) && !(c >= firstMultiplier && c < firstFee) && r.numbers[c].Sign() != 0 {
			return false
		}
	}
	return true
}

// fillLong gives every price that a long request can need its long column: where
// a list has no long price the usual one goes on.
func (r *Row) fillLong() {
	for base, long := range longColumns {
		if r.threshold > 0 && r.set(base) && !r.set(long) {
			r.put(long, r.numbers[base])
		}
	}
}

// settle sorts what was read and takes out what two rows would both claim: the
// first one keeps a model's name and an id.
func (im *importer) settle() {
	type claim struct {
		provider string
		pattern  pattern
	}
	claims := make(map[claim][]*Row)
	names := make(map[[2]string][]*Row)
	var rows []*Row
	for _, row := range im.Rows {
		entry := row.Provider + "/" + row.Model
		name := [2]string{row.Provider, row.Model}
		if o := overlapping(names[name], row); o != nil {
			if !o.sameNumbers(row) {
				im.skip(entry, "the list has another price for the same id")
			} else {
				im.skip(entry, "the list has it twice, with the same prices")
			}
			continue
		}
		row.patterns = slices.DeleteFunc(row.patterns, func(p pattern) bool {
			o := overlapping(claims[claim{row.Provider, p}], row)
			if o == nil || o.Model == row.Model {
				return false
			}
			im.partly(entry, "%s is also said of %s and stays there", p.source(), o.Model)
			return true
		})
		if len(row.patterns) == 0 {
			im.skip(entry, "every id it matches belongs to another model of the list")
			continue
		}
		for _, p := range row.patterns {
			k := claim{row.Provider, p}
			claims[k] = append(claims[k], row)
		}
		names[name] = append(names[name], row)
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b *Row) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model), cmp.Compare(a.from, b.from))
	})
	im.Rows = rows
}

func overlapping(rows []*Row, row *Row) *Row {
	if i := slices.IndexFunc(rows, row.overlaps); i >= 0 {
		return rows[i]
	}
	return nil
}

func (r *Row) sameNumbers(o *Row) bool {
	if r.has != o.has || r.threshold != o.threshold || r.atLeast != o.atLeast {
		return false
	}
	for c := range numCols {
		if r.set(c) && r.numbers[c].rat.Cmp(o.numbers[c].rat) != 0 {
			return false
		}
	}
	return true
}
