package price

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// header are all columns of a table, in the order of the built-in one.
var header = slices.Concat(
	[]string{"provider", "model", "match", "mode", "effective_from", "effective_to"},
	columnNames[:firstLong],
	[]string{"long_threshold", "long_op"},
	columnNames[firstLong:],
	[]string{"source", "confidence", "note"},
)

// WriteCSV writes rows as a table that Load reads: all columns, prices as exact
// decimals.
func WriteCSV(w io.Writer, rows []*Row) error {
	c := csv.NewWriter(w)
	err := c.Write(header)
	record := make([]string, len(header))
	for _, row := range rows {
		if err != nil {
			break
		}
		for i, name := range header {
			record[i] = row.cell(name)
		}
		err = c.Write(record)
	}
	if c.Flush(); err == nil {
		err = c.Error()
	}
	if err != nil {
		return fmt.Errorf("write prices: %w", err)
	}
	return nil
}

// cell returns what stands in a column.
func (r *Row) cell(name string) string {
	switch name {
	case "provider":
		return r.Provider
	case "model":
		return r.Model
	case "match":
		return r.Match()
	case "mode":
		return r.Mode
	case "effective_from":
		return r.From
	case "effective_to":
		return r.To
	case "long_threshold":
		if r.threshold > 0 {
			return strconv.FormatInt(r.threshold, 10)
		}
	case "long_op":
		return r.longOp()
	case "source":
		return r.Source
	case "confidence":
		return r.Confidence
	case "note":
		return r.Note
	default:
		if d, ok := r.Number(name); ok {
			return d.String()
		}
	}
	return ""
}

func (r *Row) longOp() string {
	switch {
	case r.threshold == 0:
		return ""
	case r.atLeast:
		return "ge"
	}
	return "gt"
}
