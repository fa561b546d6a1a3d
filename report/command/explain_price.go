package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"burn/ingest/price"
	"burn/proxy/provider"
	"burn/proxy/usage"
	"burn/report"
	"burn/report/settings"
)

func (p *program) explainPriceCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", ArgsUsage: "MODEL",
		Usage: "which row prices a model, and what a usage costs",
		Description: `The usage is a provider's usage object, a whole answer, or a JSON array of a
stream's events. Without it, the row alone is shown.

  burn prices explain gpt-4o --provider openai
  burn prices explain claude-sonnet-4-5 --provider anthropic --usage usage.json`,
		Flags: append([]cli.Flag{
			text("provider", "", "the provider's `NAME`, in any spelling: google or gcp.gemini"),
			text("usage", "", "JSON `FILE`, or - for standard input"),
			atFlag(), pricesFlag(),
			text("tier", "", "service `TIER`: batch, flex, priority …; over what the usage says"),
			text("format", "table", "table or json"),
		}, commonFlags()...),
		Action: p.explainPrice,
	}
}

func (p *program) explainPrice(c *cli.Context) error {
	if err := oneOf(c, "format", "table", "json"); err != nil {
		return usageError(err)
	}
	table, at, err := p.pricesAt(c)
	if err != nil {
		return usageError(err)
	}
	model, name := c.Args().First(), c.String("provider")
	if name == "" {
		hint := "burn prices explain --help"
		if sellers := table.Sellers(model, at); len(sellers) > 0 {
			hint = "prices for this model: --provider " + strings.Join(sellers, ", ")
		}
		return &exit{ExitUsage, errors.New("--provider is missing"), hint}
	}
	rec, err := usageRecord(price.TableName(name), c.String("usage"))
	if err != nil {
		return err
	}
	rec.Provider, rec.RequestModel, rec.ResponseModel, rec.TS = price.OTelName(name), model, model, at.UnixMilli()
	if tier := c.String("tier"); tier != "" {
		rec.ServiceTier = tier
	}
	e := table.Explain(&rec)
	if c.String("usage") == "" {
		e.Tokens, e.UsageSource = nil, ""
	}
	p.suggestModel(table, name, e, at)
	if c.String("format") == "json" {
		return quiet(report.Object(p.stdout, e), 0)
	}
	return quiet(explanationSheet(&e).Text(p.stdout, p.textOptions()), 0)
}

// usageRecord reads a usage object from a file, - for standard input; without a
// path there is a call of which nothing is known.
func usageRecord(name, path string) (rec usage.Record, err error) {
	if path == "" {
		return usage.Record{UsageSource: usage.SourceMissing}, nil
	}
	f := os.Stdin
	if path != "-" {
		if f, err = os.Open(path); err != nil {
			return rec, fmt.Errorf("--usage: %w", err)
		}
		defer f.Close()
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxUsage+1))
	if err != nil {
		return rec, fmt.Errorf("--usage: %w", err)
	}
	if len(raw) > maxUsage {
		return rec, fmt.Errorf("--usage %s: more than %d MB", path, maxUsage>>20)
	}
	if rec, err = provider.FromUsage(name, "", raw); err != nil {
		return rec, fmt.Errorf("--usage %s: %w", path, err)
	}
	return rec, nil
}

// maxUsage bounds what is read as one answer.
const maxUsage = 64 << 20

// suggestModel says on standard error what else a model without a price may be.
func (p *program) suggestModel(table *price.Table, name string, e price.Explanation, at time.Time) {
	if e.PriceRow != nil || e.CostUSD != nil {
		return
	}
	fmt.Fprintf(p.stderr, "burn: no price for %q of %s on %s\n", e.Model, report.Clean(e.Provider), at.Format(time.DateOnly))
	models := table.Models(name)
	switch near := settings.Nearest(e.Model, models); {
	case near != "":
		fmt.Fprintf(p.stderr, "burn: hint: did you mean %s?\n", near)
	case len(models) == 0 && settings.Nearest(name, table.Providers()) != "":
		fmt.Fprintf(p.stderr, "burn: hint: did you mean --provider %s?\n", settings.Nearest(name, table.Providers()))
	default:
		if sellers := table.Sellers(e.Model, at); len(sellers) > 0 {
			fmt.Fprintf(p.stderr, "burn: hint: there are prices for --provider %s\n", strings.Join(sellers, ", "))
		}
	}
}

// explanationSheet shows the arithmetic, or without a usage the row's prices.
func explanationSheet(e *price.Explanation) report.Sheet {
	s := report.Sheet{Above: append(e.Why(), e.Read()), Heads: price.PartHeads, Right: []string{"Quantity", "USD", "per", "Factor", "Amount in USD"}}
	if e.Tokens == nil {
		s.Heads, s.Right = []string{"Price column", "USD"}, []string{"USD"}
		for _, column := range slices.Sorted(maps.Keys(e.Prices)) {
			s.Rows = append(s.Rows, []string{column, e.Prices[column]})
		}
		return s
	}
	s.Rows, s.Below = e.Arithmetic(), e.Outcome()
	return s
}
