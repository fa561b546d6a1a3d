package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Sheet is a table of finished text that belongs to no Result, with lines above
// and below it. Its text may be foreign: it is cleaned when written.
type Sheet struct {
	Above []string
	Heads []string
	Right []string // heads of the columns of figures
	Drop  []string // heads of the columns that may be left out where there is no room, in order
	Rows  [][]string
	Below []string
}

// Text writes the sheet for a terminal. Figures are never shortened.
func (s Sheet) Text(w io.Writer, opt TextOptions) error {
	p := painter{w: bufio.NewWriter(w), opt: opt}
	for _, line := range s.Above {
		p.line(Clean(line))
	}
	if len(s.Rows) > 0 {
		if len(s.Above) > 0 {
			p.line("")
		}
		p.table(s.grid())
		if len(s.Below) > 0 {
			p.line("")
		}
	}
	for _, line := range s.Below {
		p.line(Clean(line))
	}
	return p.flush()
}

// Markdown writes the sheet as a table between paragraphs.
func (s Sheet) Markdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, line := range s.Above {
		fmt.Fprintf(b, "%s\n\n", escapeMarkdown(line))
	}
	writeMarkdown(b, s.grid())
	for _, line := range s.Below {
		fmt.Fprintf(b, "\n%s\n", escapeMarkdown(line))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func (s Sheet) grid() grid {
	g := grid{}
	for _, head := range s.Heads {
		g.cols = append(g.cols, column{head: head, right: slices.Contains(s.Right, head), drop: slices.Index(s.Drop, head) + 1})
	}
	for _, row := range s.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Clean(cell)
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// Object writes v as indented JSON.
func Object(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}
