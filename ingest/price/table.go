package price

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// textColumns are the other columns.
var textColumns = []string{
	"provider", "model", "match", "mode", "effective_from", "effective_to", "long_threshold", "long_op",
	"source", "confidence", "note",
}

// modes are the kinds of models; "" is allowed too. Only moderation has a
// meaning for prices: it may have none, and is free then.
var modes = []string{"chat", "embedding", "image", "moderation", "realtime", "rerank", "speech", "transcription"}

const moderation = "moderation"

// Limits on what a table may say; figures beyond them are slips.
const (
	maxMultiplier = 100
	maxPrice      = 1_000_000 // USD per million tokens, thousand units or minute
	maxName       = 128
	maxErrors     = 100
)

// datePrefix starts the comment that states a table's date.
const datePrefix = "# date: "

// parse reads a table. Lines that start with # are comments; the one that
// starts with datePrefix gives the date.
func parse(r io.Reader, name string) (rows []Row, date string, err error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", name, err)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	p := &parser{name: name, numbers: make(map[string]Decimal)}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan() && strings.HasPrefix(lines.Text(), "#"); {
		if s, ok := strings.CutPrefix(lines.Text(), datePrefix); ok {
			date = strings.TrimSpace(s)
		}
	}
	p.csv = csv.NewReader(bytes.NewReader(data))
	p.csv.Comment = '#'
	p.csv.FieldsPerRecord = -1
	p.csv.ReuseRecord = true
	if p.header() {
		p.body()
		p.crossCheck()
	}
	return p.rows, date, errors.Join(p.errs...)
}

// parser collects rows and errors.
type parser struct {
	name    string
	csv     *csv.Reader
	columns []string
	numeric []int              // per column: its place in columnNames, -1 for text
	numbers map[string]Decimal // cells read so far: few prices, many rows
	rows    []Row
	lines   []int // of rows
	errs    []error
}

// fail notes an error; after maxErrors there is no use in more.
func (p *parser) fail(line int, column, format string, args ...any) {
	switch at := fmt.Sprintf("%s:%d: ", p.name, line); {
	case len(p.errs) == maxErrors:
		p.errs = append(p.errs, errors.New(at+"more errors follow"))
	case len(p.errs) < maxErrors:
		if column != "" {
			at += column + ": "
		}
		p.errs = append(p.errs, fmt.Errorf(at+format, args...))
	}
}

func (p *parser) header() bool {
	record, err := p.csv.Read()
	if err == io.EOF {
		p.fail(1, "", "no header line")
		return false
	}
	if err != nil {
		p.failCSV(err)
		return false
	}
	line, _ := p.csv.FieldPos(0)
	for _, name := range record {
		switch {
		case slices.Contains(p.columns, name):
			p.fail(line, name, "column is there twice")
		case !slices.Contains(textColumns, name) && !slices.Contains(columnNames[:], name):
			p.fail(line, name, "unknown column")
		}
		p.columns = append(p.columns, name)
		p.numeric = append(p.numeric, slices.Index(columnNames[:], name))
	}
	for _, name := range []string{"provider", "model"} {
		if !slices.Contains(p.columns, name) {
			p.fail(line, name, "column is missing")
		}
	}
	return len(p.errs) == 0
}

func (p *parser) failCSV(err error) {
	var e *csv.ParseError
	if errors.As(err, &e) {
		p.fail(e.Line, "", "byte %d: %w", e.Column, e.Err)
		return
	}
	p.fail(1, "", "read: %w", err)
}

func (p *parser) body() {
	for {
		record, err := p.csv.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			p.failCSV(err)
			if len(p.errs) > maxErrors {
				return
			}
			continue
		}
		line, _ := p.csv.FieldPos(0)
		if len(record) != len(p.columns) {
			p.fail(line, "", "%d cells, the header has %d", len(record), len(p.columns))
			continue
		}
		p.row(record)
	}
}

// row reads one line. Its cells are checked one by one, then against each
// other.
func (p *parser) row(record []string) {
	row := Row{from: math.MinInt64, to: math.MaxInt64}
	op, before := "", len(p.errs)
	for i, name := range p.columns {
		var err error
		if cell := strings.TrimSpace(record[i]); p.numeric[i] < 0 {
			err = row.setText(name, cell, &op)
		} else if cell != "" {
			err = p.number(&row, column(p.numeric[i]), cell)
		}
		if err != nil {
			line, _ := p.csv.FieldPos(i)
			p.fail(line, name, "%w", err)
		}
	}
	line, _ := p.csv.FieldPos(0)
	if len(p.errs) == before {
		for _, c := range row.inconsistencies(op) {
			p.fail(line, c.column, "%s", c.reason)
		}
	}
	if len(p.errs) > before {
		return
	}
	row.atLeast = op == "ge"
	row.units = row.compile()
	row.line = line
	p.rows = append(p.rows, row)
	p.lines = append(p.lines, line)
}

// setText stores a cell of textColumns. What long_op says goes to op, it only
// has a meaning with a threshold.
func (r *Row) setText(name, cell string, op *string) (err error) {
	switch name {
	case "provider":
		r.Provider = TableName(cell)
		return checkName(cell)
	case "model":
		r.Model = cell
		return checkName(cell)
	case "match":
		r.patterns, err = parsePatterns(cell)
	case "mode":
		if r.Mode = cell; cell != "" && !slices.Contains(modes, cell) {
			return fmt.Errorf("unknown mode %q, known are %s", cell, strings.Join(modes, ", "))
		}
	case "effective_from":
		r.From = cell
		r.from, err = parseDay(cell, math.MinInt64)
	case "effective_to":
		r.To = cell
		r.to, err = parseDay(cell, math.MaxInt64)
	case "long_threshold":
		r.threshold, err = parseThreshold(cell)
	case "long_op":
		if *op = cell; cell != "" && cell != "gt" && cell != "ge" {
			return fmt.Errorf("%q is neither gt nor ge", cell)
		}
	case "source":
		r.Source = cell
	case "confidence":
		if r.Confidence = cell; !slices.Contains([]string{"", "A", "B", "C"}, cell) {
			return fmt.Errorf("%q is none of A, B, C", cell)
		}
	case "note":
		r.Note = cell
	}
	return err
}

// number stores a cell of columnNames.
func (p *parser) number(r *Row, c column, cell string) error {
	d, ok := p.numbers[cell]
	if !ok {
		var err error
		if d, err = ParseDecimal(cell); err != nil {
			return fmt.Errorf("%q is not a decimal number", cell)
		}
		p.numbers[cell] = d
	}
	if err := c.check(d, cell); err != nil {
		return err
	}
	r.put(c, d)
	return nil
}

// check refuses what a column cannot hold; cell is how d was written.
func (c column) check(d Decimal, cell string) error {
	if d.Sign() < 0 {
		return fmt.Errorf("%s is negative", cell)
	}
	isMultiplier := c >= firstMultiplier && c < firstFee
	switch limit := int64(maxPrice); {
	case isMultiplier && d.Sign() == 0:
		return errors.New("a multiplier of 0 would make every call free; leave the cell empty for none")
	case isMultiplier && d.above(maxMultiplier):
		return fmt.Errorf("%s is above %d", cell, maxMultiplier)
	case d.above(limit):
		return fmt.Errorf("%s is above %d", cell, limit)
	}
	return nil
}

func checkName(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	if len(s) > maxName {
		return fmt.Errorf("is longer than %d bytes", maxName)
	}
	if strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || c == 0xfffd }) {
		return fmt.Errorf("%q has a space or an unprintable character", s)
	}
	return nil
}

func parseDay(s string, open int64) (int64, error) {
	if s == "" {
		return open, nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return open, fmt.Errorf("%q is not a day such as 2026-08-21", s)
	}
	return day.UnixMilli(), nil
}

func parseThreshold(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if d, err := ParseDecimal(s); err == nil {
		if n, ok := d.scaled(0); ok && n > 0 && n < 1<<40 {
			return int64(n), nil
		}
	}
	return 0, fmt.Errorf("%q is not a number of tokens", s)
}

type inconsistency struct{ column, reason string }

// inconsistencies lists what is wrong between the cells of one row.
func (r *Row) inconsistencies(op string) (found []inconsistency) {
	add := func(column, reason string) { found = append(found, inconsistency{column, reason}) }
	if r.from >= r.to {
		add("effective_to", fmt.Sprintf("%s is not after effective_from %s", r.To, r.From))
	}
	if r.has&(1<<firstMultiplier-1)|r.has>>firstFee == 0 && r.Mode != moderation {
		add(inputCol.String(), "the row has no price (write 0 for a free model)")
	}
	const long = (1<<firstMultiplier - 1) &^ (1<<firstLong - 1)
	switch {
	case r.threshold == 0 && r.has&long != 0:
		add("long_threshold", "long prices without a threshold")
	case r.threshold > 0 && r.has&long == 0:
		add("long_threshold", "a threshold without long prices")
	case (op == "") != (r.threshold == 0):
		add("long_op", "long_op and long_threshold need each other")
	}
	if r.set(audioReadCol) && !r.set(audioInCol) {
		add(audioReadCol.String(), "needs audio_input_per_mtok")
	}
	return found
}

// crossCheck compares rows with each other: periods of a model must not
// overlap, and no pattern may be there twice at one time.
func (p *parser) crossCheck() {
	type key struct {
		provider string
		pattern  pattern
	}
	models := make(map[[2]string][]int)
	patterns := make(map[key][]int)
	for i := range p.rows {
		row := &p.rows[i]
		m := [2]string{row.Provider, row.Model}
		for _, j := range models[m] {
			if row.overlaps(&p.rows[j]) {
				p.fail(p.lines[i], "effective_from", "period overlaps that of line %d for the same model", p.lines[j])
			}
		}
		models[m] = append(models[m], i)
		for _, pat := range row.patterns {
			k := key{row.Provider, pat}
			for _, j := range patterns[k] {
				if row.overlaps(&p.rows[j]) && !row.sameModel(&p.rows[j]) {
					p.fail(p.lines[i], "match", "%s is also in line %d for the same time", pat.source(), p.lines[j])
				}
			}
			patterns[k] = append(patterns[k], i)
		}
	}
}
