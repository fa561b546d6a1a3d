package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"burn/report"
)

// progress returns what reports on long reading; nil where no terminal shows it.
func (p *program) progress() func(done, total int64) {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	p.reading = newProgress(p.stderr, time.Now())
	return func(done, total int64) { p.reading.show(time.Now(), done, total) }
}

// progress is a line that says how far reading is, until it is cleared. A nil one
// was never shown.
type progress struct {
	w     io.Writer
	last  time.Time // when it was written, or progressStep before it may be first
	shown bool
}

// When the line is written first, and how often.
const (
	progressAfter = 500 * time.Millisecond
	progressStep  = 200 * time.Millisecond
)

func newProgress(w io.Writer, begin time.Time) *progress {
	return &progress{w: w, last: begin.Add(progressAfter - progressStep)}
}

func (g *progress) show(now time.Time, done, total int64) {
	if now.Sub(g.last) < progressStep {
		return
	}
	g.last, g.shown = now, true
	fmt.Fprintf(g.w, "\rreading log files: %d of %d MB \x1b[K", done>>20, total>>20)
}

// clear takes the line away, so that what comes next does not stand behind it.
func (g *progress) clear() {
	if g != nil && g.shown {
		fmt.Fprint(g.w, "\r\x1b[K")
		g.shown = false
	}
}

func (p *program) isTerminal() bool {
	f, ok := p.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is that of the terminal; 0, no limit, elsewhere.
func (p *program) width() int {
	if f, ok := p.stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return 0
}

func (p *program) textOptions() report.TextOptions {
	return report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal())}
}
