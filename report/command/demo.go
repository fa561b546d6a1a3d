package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"burn/analyze"
	"burn/ingest"
	"burn/ingest/demo"
	"burn/ingest/price"
	"burn/proxy/usage"
	"burn/report"
)

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "show burn on two made-up months, without a key",
		Description: `Writes the logs of two months of a team of agents, before and after it
fixed what burn told it, analyses them and writes a report.

  burn demo
  burn demo --dir /tmp/burn-demo`,
		Flags:  append([]cli.Flag{text("dir", "", "write into `DIR` (default: a new temporary directory)")}, commonFlags()...),
		Action: p.demo,
	}
}

func (p *program) demo(c *cli.Context) error {
	if !ingest.Available { // a constant: the logger alone carries nothing of what follows
		return ingest.ErrLoggerOnly
	}
	dir := c.String("dir")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "burn-demo-"); err != nil {
			return fmt.Errorf("create directory: %w", err)
		}
	}
	if err := noOthers(dir); err != nil {
		return usageError(err)
	}
	t, err := p.demoTask(dir)
	if err != nil {
		return err
	}
	agents := filepath.Join(dir, "agents.csv")
	if err := p.writeDemo(c.Context, t.db.Dirs, agents); err != nil {
		return fmt.Errorf("write demo: %w", err)
	}
	before, after, err := p.askDemo(c.Context, t)
	if err != nil {
		return err
	}
	words := []string{"burn", "analyze"}
	for _, d := range t.db.Dirs {
		words = append(words, "--log-dir", d)
	}
	words = append(words, "--agents", agents)
	t.htmlOpt.Base = report.Command(append(words, spanFlags(analyze.Period{Since: demo.Before.Since(), Until: demo.Before.Until()})...)...)
	if err := p.show(p.stdout, t, before); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout)
	if err := report.Comparison(p.stdout, before, after, t.text.Width); err != nil {
		return err
	}
	again := report.Command(append(words, "--since", "2026-09", "--until", "2026-10", "--tz", "UTC")...)
	_, err = fmt.Fprintf(p.stdout, "\nReport: %s\nAsk it yourself: %s\n", t.html, again)
	return err
}

// demoTask is the analysis of a demo in dir.
func (p *program) demoTask(dir string) (task, error) {
	agents, err := analyze.ReadAgents(bytes.NewReader(demo.Agents()))
	if err != nil {
		return task{}, fmt.Errorf("agents of the demo: %w", err)
	}
	t := task{
		format: "table",
		db: ingest.Options{
			Path: filepath.Join(dir, "burn.duckdb"), Prices: price.Builtin(), Version: p.version, Progress: p.progress(),
			// The demo's months are fixed; a clock that is behind them must not
			// make burn take their calls for mistakes.
			Now: func() time.Time { return later(time.Now(), demo.After.Until()) },
		},
		look:    analyze.Options{Agents: agents, Now: time.Now(), Need: analyze.Pictures | analyze.Split},
		text:    report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal()), Top: 10},
		html:    filepath.Join(dir, "report.html"),
		htmlOpt: report.HTMLOptions{Command: report.Command(p.args...), Version: p.version},
	}
	for _, m := range demoMonths {
		t.db.Dirs = append(t.db.Dirs, filepath.Join(dir, m.String()))
	}
	return t, nil
}

// noOthers is the error for a directory that has something else than a demo, of which
// the demo would overwrite some.
func noOthers(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.IsDir() && e.Name() == demo.Before.String() }) {
		return fmt.Errorf("--dir %s: it has files that are none of a demo's: name an empty directory, or one that is not there", dir)
	}
	return nil
}

var demoMonths = []demo.Month{demo.Before, demo.After}

// writeDemo writes the log files of each month into a directory of its own, the
// marks of the second, and the agents file.
func (p *program) writeDemo(ctx context.Context, dirs []string, agents string) error {
	if err := os.MkdirAll(filepath.Dir(agents), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(agents, demo.Agents(), 0o600); err != nil {
		return err
	}
	for i, m := range demoMonths {
		fmt.Fprintf(p.stderr, "writing %d calls of the month %s\n", m.Calls(), m)
		if err := demo.Write(ctx, dirs[i], m, nil); err != nil {
			return err
		}
	}
	for _, m := range demo.Marks() {
		if _, err := usage.AppendMark(dirs[1], m); err != nil {
			return err
		}
	}
	return nil
}

// askDemo ingests both months in one go and looks at each, the second one
// first: the views stay where the report is.
func (p *program) askDemo(ctx context.Context, t task) (before, after *analyze.Result, err error) {
	err = p.withDatabase(ctx, t, func(ctx context.Context, db *ingest.DB) error {
		t.look.Period = analyze.Period{Since: demo.After.Since(), Until: demo.After.Until()}
		if after, err = analyze.Run(ctx, db.SQL(), t.look); err != nil {
			return err
		}
		t.look.Period = analyze.Period{Since: demo.Before.Since(), Until: demo.Before.Until()}
		before, err = analyze.Run(ctx, db.SQL(), t.look)
		return err
	})
	return before, after, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
