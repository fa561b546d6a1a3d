package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"burn/analyze"
)

// TextOptions say how tables are shown on a terminal.
type TextOptions struct {
	Width   int    // columns of the terminal, 0 for no limit
	Color   bool   // see UseColor
	Compact bool   // the sentence, the agents and the trust line only
	Top     int    // rows per table, 0 for all
	Report  string // path of the HTML report, "" if none was written
}

// UseColor decides about colour: NO_COLOR and TERM=dumb turn it off,
// CLICOLOR_FORCE (not "0") turns it on where output is no terminal.
func UseColor(getenv func(string) string, terminal bool) bool {
	switch {
	case getenv("NO_COLOR") != "":
		return false
	case getenv("CLICOLOR_FORCE") != "" && getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return terminal && getenv("TERM") != "dumb"
}

// Text writes the run for a terminal: the period, the sentence, the tables, how
// far to trust them. Nothing in it can move the cursor or change colours but
// what opt.Color asks for.
func Text(w io.Writer, r *analyze.Result, opt TextOptions) error {
	p := painter{w: bufio.NewWriter(w), opt: opt}
	p.prose(PeriodLine(r), p.dim)
	p.prose(Sentence(r), p.bold)
	if r.Totals.Requests == 0 {
		p.alerts(r)
		p.trust(r)
		return p.flush()
	}
	p.findings(r)
	for _, g := range grids(r, opt.Top, opt.Compact) {
		p.line("")
		p.table(g)
	}
	p.line("")
	p.hours(r)
	p.alerts(r)
	p.trust(r)
	return p.flush()
}

// painter writes lines and remembers the first error.
type painter struct {
	w   *bufio.Writer
	opt TextOptions
	err error
}

func (p *painter) line(s string) {
	if p.err == nil {
		_, p.err = p.w.WriteString(s + "\n")
	}
}

// prose writes a sentence in as many lines as the terminal's width asks for.
func (p *painter) prose(s string, style func(string) string) {
	for _, line := range Wrapped(s, p.opt.Width) {
		p.line(style(line))
	}
}

func (p *painter) flush() error {
	if p.err == nil {
		p.err = p.w.Flush()
	}
	if p.err != nil {
		return fmt.Errorf("write tables: %w", p.err)
	}
	return nil
}

func (p *painter) paint(code, s string) string {
	if !p.opt.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *painter) plain(s string) string { return s }
func (p *painter) bold(s string) string  { return p.paint("1", s) }
func (p *painter) dim(s string) string   { return p.paint("2", s) }
func (p *painter) blue(s string) string  { return p.paint("34", s) }

// hours draws the cost by hour of day as one line and names the peak.
func (p *painter) hours(r *analyze.Result) {
	peak := r.Totals.PeakHour
	if peak == nil || peak.Cost.Pico().Sign() <= 0 {
		return
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	line := []rune(strings.Repeat("·", 24))
	for _, h := range r.ByHour {
		var at int
		if _, err := fmt.Sscanf(h.Key, "%02d", &at); err != nil || at < 0 || at > 23 || !h.Cost.Known() {
			continue
		}
		f, _ := fraction(h.Cost, peak.Cost)
		line[at] = levels[min(int(f*float64(len(levels))), len(levels)-1)]
	}
	const before, after = "Hour of day 00 ", " 23"
	dearest := "dearest " + peak.Hour + ":00 with " + marked(peak.Cost, peak.Estimated)
	drawn := before + p.blue(string(line)) + after
	if w := p.opt.Width; w > 0 && len(before)+len(line)+len(after)+len(", ")+twwidth.Width(dearest) > w {
		p.line(drawn)
		p.line(sentenceCase(dearest))
		return
	}
	p.line(drawn + ", " + dearest)
}

func (p *painter) trust(r *analyze.Result) {
	for _, line := range closing(r) {
		p.prose(line, p.plain)
	}
	if p.opt.Report != "" {
		p.line("Report: " + Clean(p.opt.Report))
	}
}

// table writes g with as many columns as fit. Names give way before figures do;
// a figure is never cut.
func (p *painter) table(g grid) {
	if g.title != "" {
		p.prose(g.title, p.bold)
	}
	fit(&g, p.opt.Width)
	if p.err == nil {
		p.err = p.render(g)
	}
	for _, note := range g.notes {
		for _, line := range Wrapped(note, max(p.opt.Width-1, 0)) {
			p.line(" " + p.dim(line))
		}
	}
}

func (p *painter) render(g grid) error {
	align := make([]tw.Align, len(g.cols))
	heads := make([]string, len(g.cols))
	for i, c := range g.cols {
		align[i], heads[i] = tw.AlignLeft, p.dim(c.head)
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{PerColumn: align},
		Padding:    tw.CellPadding{Global: tw.Padding{Left: " ", Right: " ", Overwrite: true}},
	}
	var b strings.Builder
	t := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Settings: tw.Settings{
				Separators: tw.Separators{ShowHeader: tw.Off, ShowFooter: tw.Off, BetweenRows: tw.Off, BetweenColumns: tw.Off},
				Lines:      tw.LinesNone,
			},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cell, Row: cell}),
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithTrimSpace(tw.Off),
	)
	t.Header(heads)
	for _, row := range g.rows {
		if err := t.Append(p.painted(g, row, false)); err != nil {
			return err
		}
	}
	if g.foot != nil {
		if err := t.Append(p.painted(g, g.foot, true)); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		p.line(strings.TrimRight(line, " \n"))
	}
	return p.err
}

func (p *painter) painted(g grid, row []string, bold bool) []string {
	cells := make([]string, len(row))
	for i, s := range row {
		switch {
		case bold:
			cells[i] = p.bold(s)
		case g.cols[i].bar:
			cells[i] = p.blue(s)
		default:
			cells[i] = s
		}
	}
	return cells
}

// nameWidth is what a name is shortened to, at most, so that columns beside it
// have room, and wordWidth where no column can go; longName is what it is shortened
// to anywhere.
const (
	nameWidth = 20
	wordWidth = 12
	longName  = 48
)

// fit makes g at most width wide. Names give way to columns, and if the shortest
// are still too wide, columns go in their order; the names then get what room
// is left. Where no column is left to go, other words are shortened like names.
func fit(g *grid, width int) {
	shorten(g, 0, longName)
	if width <= 0 {
		return
	}
	for drop := dropP95; drop <= dropLast && least(g) > width; drop++ {
		for i := len(g.cols) - 1; i >= 0; i-- {
			if g.cols[i].drop == drop {
				remove(g, i)
			}
		}
	}
	if over := total(g) - width; over > 0 {
		shorten(g, 0, max(nameWidth, widest(g, 0)-over))
	}
	for over := total(g) - 1 - width; over > 0; over = total(g) - 1 - width { // the last column needs no room behind it
		words := 0
		for i, c := range g.cols {
			if !c.right && !c.bar && widest(g, i) > widest(g, words) {
				words = i
			}
		}
		before := widest(g, words)
		shorten(g, words, max(wordWidth, before-over))
		if widest(g, words) == before {
			return
		}
	}
}

// shorten cuts the words of a column to a width, in their middle: what names have in
// common is often how they begin.
func shorten(g *grid, column, width int) {
	for _, row := range g.rows {
		row[column] = middle(row[column], width)
	}
}

// middle is s in at most width columns, at least 3, "…" standing for what is
// left out.
func middle(s string, width int) string {
	if twwidth.Width(s) <= width {
		return s
	}
	head := twwidth.Truncate(s, width-width/2, "…")
	tail := []rune(s)
	at, room := len(tail), width-twwidth.Width(head)
	for at > 0 && twwidth.Width(string(tail[at-1])) <= room {
		at--
		room -= twwidth.Width(string(tail[at]))
	}
	for at < len(tail) && twwidth.Width(string(tail[at])) == 0 {
		at++ // a mark belongs to what was before it
	}
	return head + string(tail[at:])
}

// least is how wide g is with its names as short as they may become.
func least(g *grid) int {
	names := widest(g, 0)
	return total(g) - names + min(names, max(nameWidth, twwidth.Width(g.cols[0].head)))
}

func total(g *grid) int {
	n := 0
	for i := range g.cols {
		n += widest(g, i) + 2
	}
	return n
}

func widest(g *grid, i int) int {
	n := twwidth.Width(g.cols[i].head)
	for _, row := range g.rows {
		n = max(n, twwidth.Width(row[i]))
	}
	if g.foot != nil {
		n = max(n, twwidth.Width(g.foot[i]))
	}
	return n
}

// remove takes column i out of g without touching the slices g was made of.
func remove(g *grid, i int) {
	without := func(row []string) []string { return append(append([]string(nil), row[:i]...), row[i+1:]...) }
	g.cols = append(append([]column(nil), g.cols[:i]...), g.cols[i+1:]...)
	rows := make([][]string, len(g.rows))
	for k, row := range g.rows {
		rows[k] = without(row)
	}
	g.rows = rows
	if g.foot != nil {
		g.foot = without(g.foot)
	}
}
