package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"burn/analyze"
	"burn/ingest"
	"burn/report"
)

func (p *program) analyzeCommand() *cli.Command {
	return &cli.Command{
		Name:  "analyze",
		Usage: "read new log lines and report what was spent, by whom, when",
		Description: `Reads what is new in the log files, prices it, and prints tables.
` + strings.Join(report.Wrapped("--since and --until take "+analyze.AcceptedTimes+".", helpWidth), "\n") + `

  burn analyze --since 7d
  burn analyze --since last-month --compare previous --html report.html`,
		Flags: slices.Concat(
			group("Which calls",
				text("since", "7d", "start of the period"),
				text("until", "", "end of the period, not included (default: now; of yesterday, last-week and last-month their own end)"),
				text("tz", "", "`ZONE` of days and hours, such as Europe/Berlin (default: the system's)"),
				text("compare", "previous", "compare with: "+analyze.AcceptedCompare),
				list("agent", "only agents that match `GLOB`; repeatable"),
				list("user", "only users that match `GLOB`; repeatable"),
				list("model", "only models that match `GLOB`; repeatable"),
				list("endpoint", "only endpoints that match `GLOB`; repeatable"),
			),
			group("What is shown",
				text("format", "table", "table, json, csv or markdown"),
				number("top", 10, "rows per table in text and HTML"),
				toggle("compact", "only the most important tables"),
				text("html", "", "write a self-contained report to `FILE`, or - for standard output"),
				toggle("html-plain", "embed the chart library as text, for browsers without DecompressionStream"),
				text("explain", "", "show the calls, the arithmetic and the SQL of one finding, by its `ID`"),
			),
			group("Who is told",
				list("budget", "limit in dollars, such as 2000 (per month), 500/week or 80/day; repeatable, others in the configuration's budgets"),
				list("fail-on", "budget: exit 10 if one is crossed; findings: exit 11 if there are certain or likely ones; repeatable"),
				toggle("strict", "exit 6 if lines were rejected or calls have no price"),
				toggle("quiet", "print nothing unless a budget is crossed, a finding is new, or something fails"),
				list("mail-to", "send the report to these `ADDRESSES`, separated by commas; how is said under mail in the configuration"),
				text("mail-when", "always", "always, findings or budget: send it only if there are certain or likely findings, or a budget is crossed"),
				text("eml", "", "write the mail to `FILE`, or - for sendmail -t, instead of sending it"),
			),
			group("Names and prices",
				text("agents", "", "CSV `FILE` of agents: id,name,owner,purpose,budget_usd_month"),
				pricesFlag(),
			),
			group("Log files and database",
				list("log-dir", "read log files in `DIR`; repeatable (default: "+defaultLogDir()+")"),
				text("db", "", "database `FILE` (default: burn.duckdb beside the first log directory)"),
				toggle("no-ingest", "do not read log files"),
				toggle("rebuild", "forget the database and read all log files again"),
				toggle("no-rebuild", "fail instead of rebuilding a database that cannot be used"),
				text("rejects", "", "write file:line: reason of rejected lines to `FILE`"),
				text("lock-wait", "30s", "how long to wait for another run"),
				text("memory", "512MB", "memory the database may use"),
				text("keep", "", "delete log files whose calls are all older than `AGE`, such as 90d, once they are complete and read (default: keep all)"),
				toggle("compress", "pack log files with zstd, once they are complete and read"),
			),
			commonFlags(),
		),
		Action: p.analyze,
	}
}

func (p *program) analyze(c *cli.Context) error {
	if !ingest.Available { // a constant: the logger alone carries nothing of what follows
		return ingest.ErrLoggerOnly
	}
	t, err := p.analyzeTask(c)
	if err != nil {
		return usageError(err)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that leaves is an error of writing, which quiet knows
	// The first signal ends reading in good order, a second one at once.
	defer context.AfterFunc(c.Context, func() { signal.Reset(ending()...) })()
	t.result = new(*analyze.Result)
	run := func() error {
		if t.keeps() { // nothing may have changed since the last run
			if a, ok := ingest.Kept(t.db, t.question(), !t.noIngest); ok {
				_, err := p.stdout.Write(a.Body)
				return quiet(err, a.Exit)
			}
		}
		err := p.withDatabase(c.Context, t, func(ctx context.Context, db *ingest.DB) error { return p.answer(ctx, db, t) })
		if e := (*exit)(nil); *t.result == nil || err != nil && (!errors.As(err, &e) || e.code == ExitUsage) {
			return err
		}
		return worst(err, p.alert(c.Context, t, *t.result))
	}
	if path := c.String("rejects"); path != "" {
		return p.writeRejects(path, &t.db, run)
	}
	return run()
}

// writeRejects runs with a file for rejected lines. It is written as it comes:
// what an interrupted run has read is not read again.
func (p *program) writeRejects(path string, opt *ingest.Options, run func() error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open rejects file: %w", err)
	}
	w := bufio.NewWriter(f)
	p.listed, opt.Rejects = true, w
	err = run()
	werr := w.Flush()
	if cerr := f.Close(); werr == nil {
		werr = cerr
	}
	if werr != nil {
		return errors.Join(err, fmt.Errorf("write rejects file: %w", werr))
	}
	return err
}

// answer prints the result for t, and keeps what it prints for the next run.
func (p *program) answer(ctx context.Context, db *ingest.DB, t task) error {
	if err := db.ForgetAnswer(); err != nil {
		return err
	}
	r, err := analyze.Run(ctx, db.SQL(), t.look)
	if err != nil {
		return err
	}
	keep := t.keeps()
	var out bytes.Buffer
	if t.explain != "" {
		err = p.explain(ctx, &out, db, t, r)
	} else {
		err = p.show(&out, t, r)
	}
	if err != nil {
		return err
	}
	if t.result != nil {
		*t.result = r
	}
	if t.tell.Quiet || t.tell.EML == "-" {
		out.Reset()
	}
	// Tables say it themselves; who reads the rest may be a program.
	if line := report.UnpricedLine(r); !t.tell.Quiet && line != "" && (t.format != "table" || t.html == "-") {
		fmt.Fprintf(p.stderr, "burn: %s\n", line)
		keep = false
	}
	a := ingest.Answer{Body: out.Bytes(), Exit: t.exitCode(r)}
	if t.tell.Quiet && a.Exit == ExitStrict {
		fmt.Fprintf(p.stderr, "burn: --strict: %s rejected, %s without a price\n", counted(r.Quality.RejectedLines(), "line"), counted(r.Quality.UnpricedRequests, "call"))
	}
	_, err = p.stdout.Write(a.Body)
	if keep && err == nil && len(a.Body) < maxAnswer {
		err = db.KeepAnswer(ctx, t.question(), a)
	}
	return quiet(err, a.Exit)
}

// show writes the result as asked for.
func (p *program) show(w io.Writer, t task, r *analyze.Result) error {
	if t.html == "-" {
		return report.HTML(w, r, t.htmlOpt)
	}
	if t.html != "" {
		if err := report.WriteFile(t.html, func(w io.Writer) error { return report.HTML(w, r, t.htmlOpt) }); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	switch t.format {
	case "json":
		return report.JSON(w, r)
	case "csv":
		return report.CSV(w, r)
	case "markdown":
		return report.Markdown(w, r, t.text.Top)
	}
	return report.Text(w, r, t.text)
}

// explain writes one finding with its calls.
func (p *program) explain(ctx context.Context, w io.Writer, db *ingest.DB, t task, r *analyze.Result) error {
	e, err := analyze.Explain(ctx, db.SQL(), r, t.explain)
	var none *analyze.NoFinding
	switch {
	case errors.As(err, &none):
		return &exit{ExitUsage, err, "use the period and filters of the report that names it"}
	case err != nil:
		return err
	case t.format == "json":
		return report.Object(w, e)
	}
	return report.Explanation(w, e, t.text)
}

// maxAnswer is how many bytes of output are kept for the next run.
const maxAnswer = 32 << 20

// quiet turns what came of printing into the command's error: a reader that
// has seen enough is no failure.
func quiet(err error, code int) error {
	if err = report.Written(err); err == nil && code != 0 {
		return &exit{code: code, err: fmt.Errorf("exit code %d", code)}
	}
	return err
}
