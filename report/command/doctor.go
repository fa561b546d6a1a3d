package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"burn/analyze"
	"burn/ingest"
	"burn/report"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say what is wrong, and what to type",
		Description: `Looks at the log files and the database without changing them. One line each:
ok, warn or fail; exit 1 if there is a fail. New lines are read by burn analyze.

  burn doctor
  burn doctor --agents agents.csv --since 30d --format json`,
		Flags: append([]cli.Flag{
			list("log-dir", "look at log files in `DIR`; repeatable (default: "+defaultLogDir()+")"),
			text("db", "", "database `FILE` (default: burn.duckdb beside the first log directory)"),
			text("agents", "", "CSV `FILE` of agents: id,name,owner,purpose,budget_usd_month"),
			pricesFlag(),
			text("since", "7d", "start of the period in which calls are looked at; it ends now"),
			text("format", "table", "table or json"),
		}, commonFlags()...),
		Action: p.doctor,
	}
}

func (p *program) doctor(c *cli.Context) error {
	if err := oneOf(c, "format", "table", "json"); err != nil {
		return usageError(err)
	}
	now := time.Now()
	period, err := analyze.ParsePeriod(c.String("since"), "now", now, time.Local)
	if err != nil {
		return usageError(err)
	}
	t := task{look: analyze.Options{Period: period, Now: now}, db: ingest.Options{Path: c.String("db"), Dirs: c.StringSlice("log-dir"), Version: p.version}}
	t.defaults()
	if err := p.readTables(c, &t); err != nil {
		return usageError(err)
	}
	h, err := health(c.Context, t)
	if err != nil {
		return err
	}
	if h.Mail, err = p.mailHealth(c.Context, t); err != nil {
		return usageError(err)
	}
	checks := report.Diagnose(h)
	if c.String("format") == "json" {
		err = report.Object(p.stdout, map[string]any{"schema": "burn.doctor/1", "checks": checks})
	} else {
		err = report.Checks(p.stdout, checks, p.textOptions())
	}
	if err == nil && report.Failed(checks) {
		return &exit{code: ExitFailed, err: errors.New("something does not work: see what fails above")}
	}
	return quiet(err, 0)
}

// mailHealth looks whether mail could be sent, if the configuration wants it, and
// for mail that was not.
func (p *program) mailHealth(ctx context.Context, t task) (h report.MailHealth, err error) {
	if !slices.Contains(p.config.Keys(), "mail") && !slices.Contains(p.config.Keys(), "mail-to") {
		return h, nil
	}
	alerts, err := p.config.Alerts(os.Getenv)
	if err != nil {
		return h, err
	}
	h.Wanted = true
	h.Text, h.Err = report.Transport(alerts.Mail.Transport).Probe(ctx)
	h.Kept, err = filepath.Glob(filepath.Join(filepath.Dir(t.db.Path), "burn.*.eml"))
	return h, err
}

// health looks at everything that a diagnosis is made from.
func health(ctx context.Context, t task) (report.Health, error) {
	files := ingest.LookAtFiles(t.db.Dirs)
	h := report.Health{
		Now: t.look.Now, Since: t.look.Period.Since, Agents: t.look.Agents, Prices: t.db.Prices.Date(),
		Files: int64(files.Files), Bytes: files.Bytes, Unreadable: files.Unreadable, Damaged: files.Damaged,
		Writing: files.Writing, NewestLine: files.Newest, Stopped: files.Stopped,
	}
	for _, d := range files.Dirs {
		h.Dirs = append(h.Dirs, report.Directory{Path: d.Path, IsFile: d.Mode != 0 && !d.Mode.IsDir(), Mode: uint32(d.Mode.Perm()), Err: d.Err})
	}
	h.Database.Path = t.db.Path
	db, look, err := ingest.LookAtDatabase(ctx, t.db)
	if errors.Is(err, ingest.ErrLoggerOnly) {
		h.Database.Unavailable = "this burn is the logger alone"
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("look at database: %w", err)
	}
	h.Damaged = append(h.Damaged, look.Damaged...)
	h.Database = report.DatabaseHealth{Path: t.db.Path, Exists: look.Exists, Holder: look.Holder, Blocked: look.Locked, Denied: look.Denied,
		Unfit: look.Unfit, Unread: int64(look.Unread)}
	if db == nil {
		return h, nil
	}
	if err = db.Lock(ctx); err == nil {
		h.Records, err = analyze.Examine(ctx, db.SQL(), t.look)
	}
	return h, errors.Join(err, db.Close())
}
