package command

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"burn/ingest/price"
	"burn/report"
)

func (p *program) pricesCommand() *cli.Command {
	return &cli.Command{
		Name:  "prices",
		Usage: "list, check, import and explain prices",
		Description: `Calls are priced by a built-in table of dated list prices, and by rows of your
own that win over it (burn analyze --prices FILE).

  burn prices list --provider openai --model 'gpt-5*'
  burn prices explain gpt-4o --provider openai --usage usage.json`,
		Subcommands: []*cli.Command{{
			Name:  "list",
			Usage: "the rows in force",
			Description: `Prices are USD per million tokens. The CSV has all columns and can be edited
and given to --prices.

  burn prices list --provider anthropic --at 2026-03-01
  burn prices list --model claude-sonnet-4-5-20250929 --format csv`,
			Flags: append([]cli.Flag{
				list("provider", "only this provider's `NAME`, in any spelling: google or gcp.gemini; repeatable"),
				list("model", "only rows that match `GLOB`, or price the id; repeatable"),
				atFlag(), pricesFlag(),
				text("format", "table", "table, json, csv or markdown"),
			}, commonFlags()...),
			Action: p.listPrices,
		}, {
			Name: "check", ArgsUsage: "FILE",
			Usage: "what is wrong or odd in an override file",
			Description: `Names all errors with line and column, exit 1. A valid file is compared with
the built-in table: what it wins over and how prices change.

  burn prices check prices.csv && burn analyze --prices prices.csv
  burn prices check -`,
			Flags:  commonFlags(),
			Action: p.checkPrices,
		}, {
			Name: "import", ArgsUsage: "FILE",
			Usage: "turn a list of LiteLLM or genai-prices into overrides",
			Description: `Reads a downloaded JSON list and prints CSV for --prices; what could not be
taken over is named on standard error. The literals are kept exactly.

  burn prices import model_prices_and_context_window.json > prices.csv
  burn prices check prices.csv`,
			Flags:  commonFlags(),
			Action: p.importPrices,
		}, p.explainPriceCommand()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknown("burn prices", c.Args().First(), c.Command.Subcommands)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func atFlag() cli.Flag {
	return text("at", "", "the day, or RFC 3339 `TIME`, of the call (default: now)")
}

func (p *program) listPrices(c *cli.Context) error {
	if err := oneOf(c, "format", "table", "json", "csv", "markdown"); err != nil {
		return usageError(err)
	}
	table, at, err := p.pricesAt(c)
	if err != nil {
		return usageError(err)
	}
	rows := table.InForce(price.Selection{Providers: c.StringSlice("provider"), Models: c.StringSlice("model"), At: at})
	sheet := report.Sheet{
		Above: []string{fmt.Sprintf("Prices in force on %s, USD per million tokens; table of %s", at.Format(time.DateOnly), table.Date())},
		Heads: price.SummaryHeads, Right: price.SummaryHeads[2:7], Drop: price.SummaryHeads[6:],
	}
	listed := []price.Listed{}
	for _, row := range rows {
		sheet.Rows = append(sheet.Rows, row.Summary())
		listed = append(listed, row.List())
	}
	if len(rows) == 0 {
		fmt.Fprintln(p.stderr, "burn: no row is in force for this selection")
	}
	switch c.String("format") {
	case "markdown":
		err = sheet.Markdown(p.stdout)
	case "csv":
		err = price.WriteCSV(p.stdout, rows)
	case "json":
		err = report.Object(p.stdout, map[string]any{"schema": "burn.prices/1", "date": table.Date(), "at": at, "rows": listed})
	default:
		err = sheet.Text(p.stdout, p.textOptions())
	}
	return quiet(err, 0)
}

// pricesAt are the prices that --prices and the configuration ask for, and the
// moment of --at.
func (p *program) pricesAt(c *cli.Context) (table *price.Table, at time.Time, err error) {
	if at, err = moment(c); err != nil {
		return nil, at, err
	}
	table, err = p.priceTable(c)
	return table, at, err
}

// moment reads --at: a day begins at midnight UTC, as periods of prices do.
func moment(c *cli.Context) (time.Time, error) {
	s := c.String("at")
	if s == "" {
		return time.Now().UTC(), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--at %q: use a day such as 2026-08-21 or an RFC 3339 time", s)
}

// openOperand opens the command's file; - is standard input.
func openOperand(c *cli.Context) (*os.File, error) {
	if path := c.Args().First(); path != "-" {
		return os.Open(path)
	}
	return os.Stdin, nil
}

func (p *program) checkPrices(c *cli.Context) error {
	f, err := openOperand(c)
	if err != nil {
		return err
	}
	defer f.Close()
	path := report.Clean(c.Args().First())
	rows, warnings, err := price.Builtin().Check(f, path, time.Now())
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, w := range warnings {
		column := ""
		if w.Column != "" {
			column = w.Column + ": "
		}
		fmt.Fprintf(&out, "%s:%d: %swarning: %s\n", path, w.Line, column, report.Clean(w.Text))
	}
	fmt.Fprintf(&out, "%s: %d rows, no errors, %d warnings\n", path, rows, len(warnings))
	_, err = p.stdout.Write(out.Bytes())
	return quiet(err, 0)
}

func (p *program) importPrices(c *cli.Context) error {
	f, err := openOperand(c)
	if err != nil {
		return err
	}
	defer f.Close()
	im, err := price.Import(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Args().First(), err)
	}
	var notes bytes.Buffer
	for _, n := range im.Skipped {
		fmt.Fprintf(&notes, "burn: skipped %s: %s\n", report.Clean(n.Entry), report.Clean(n.Reason))
	}
	for _, n := range im.Partial {
		fmt.Fprintf(&notes, "burn: partly %s: %s\n", report.Clean(n.Entry), report.Clean(n.Reason))
	}
	fmt.Fprintf(&notes, "burn: %s: %d entries gave %d rows; %d skipped, %d taken over in part\n", im.Format, im.Entries, len(im.Rows), len(im.Skipped), len(im.Partial))
	if _, err := p.stderr.Write(notes.Bytes()); err != nil {
		return err
	}
	if len(im.Rows) == 0 {
		return fmt.Errorf("%s: no price could be taken over", c.Args().First())
	}
	return quiet(price.WriteCSV(p.stdout, im.Rows), 0)
}
