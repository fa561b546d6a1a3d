package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	agentsFile := filepath.Join(dir, "agents.csv")
	if err := os.WriteFile(agentsFile, demo.Agents(), 0o644); err != nil {
		return fmt.Errorf("write agents file: %w", err)
	}
	agents, err := analyze.ReadAgents(strings.NewReader(string(demo.Agents())))
	if err != nil {
		return fmt.Errorf("agents file: %w", err)
	}
	t := task{
		format: "table",
		db: ingest.Options{
			Path: filepath.Join(dir, "burn.duckdb"), Prices: price.Builtin(), Version: p.version, Progress: p.progress(),
			// The demo's months are fixed; a clock that is behind them must not
			// make burn take their calls for mistakes.
			Now: func() time.Time { return later(time.Now(), demo.After.Until()) },
		},
		text:    report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal()), Top: 10},
		html:    filepath.Join(dir, "report.html"),
		htmlOpt: report.HTMLOptions{Command: "burn demo", Version: p.version},
	}
	t.look = analyze.Options{Agents: agents, Now: time.Now(), Need: analyze.Pictures | analyze.Split}
	for _, m := range []demo.Month{demo.Before, demo.After} {
		fmt.Fprintf(p.stderr, "writing %d calls of the month %s\n", m.Calls(), m)
		logs := filepath.Join(dir, m.String())
		if err := demo.Write(c.Context, logs, m, func(int, int) {}); err != nil {
			return fmt.Errorf("write demo: %w", err)
		}
		t.db.Dirs = append(t.db.Dirs, logs)
	}
	for _, m := range demo.Marks() {
		if _, err := usage.AppendMark(t.db.Dirs[1], m); err != nil {
			return fmt.Errorf("write demo: %w", err)
		}
	}
	base := []string{"burn", "analyze", "--agents", agentsFile}
	for _, d := range t.db.Dirs {
		base = append(base, "--log-dir", d)
	}
	before, after, err := p.demoMonths(c.Context, t)
	if err != nil {
		return err
	}
	t.htmlOpt.Base = report.Command(append(base, spanFlags(analyze.Period{Since: demo.Before.Since(), Until: demo.Before.Until()})...)...)
	if err := p.show(p.stdout, t, before); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout)
	if err := report.Comparison(p.stdout, before, after, t.text.Width); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "\nReport: %s\nAsk it yourself: burn analyze --log-dir %s --log-dir %s --agents %s --since 2026-09 --until 2026-10 --tz UTC\n",
		t.html, t.db.Dirs[0], t.db.Dirs[1], agentsFile)
	return err
}

// demoMonths ingests both months in one go and looks at each, the second one
// first: the views stay where the report is.
func (p *program) demoMonths(ctx context.Context, t task) (before, after *analyze.Result, err error) {
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
