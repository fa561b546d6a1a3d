package command

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"burn/report"
)

// progress reports on long reading, on a terminal only and not before half a
// second has passed.
func (p *program) progress() func(done, total int64) {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	start, last := time.Now(), time.Now()
	return func(done, total int64) {
		if time.Since(start) < 500*time.Millisecond || time.Since(last) < 200*time.Millisecond {
			return
		}
		last = time.Now()
		fmt.Fprintf(p.stderr, "\rreading log files: %d of %d MB \x1b[K", done>>20, total>>20)
		if done >= total {
			fmt.Fprint(p.stderr, "\r\x1b[K")
		}
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
