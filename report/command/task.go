package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"burn/analyze"
	"burn/ingest"
	"burn/ingest/price"
	"burn/report"
	"burn/report/settings"
)

// task is one analysis: what to read, what to look at, how to show it.
type task struct {
	db       ingest.Options
	noIngest bool
	look     analyze.Options
	format   string
	text     report.TextOptions
	html     string
	htmlOpt  report.HTMLOptions
	strict   bool
	explain  string   // id of the finding to show instead of the report
	failOn   []string // budget, findings
	tell     report.Delivery
	result   **analyze.Result // what answer found out, for what is done with it afterwards
}

// defaults fills in where files are.
func (t *task) defaults() {
	if len(t.db.Dirs) == 0 {
		t.db.Dirs = []string{defaultLogDir()}
	}
	if t.db.Path == "" {
		t.db.Path = filepath.Join(filepath.Dir(filepath.Clean(t.db.Dirs[0])), "burn.duckdb")
	}
}

// keeps reports whether the next run may print what this one does.
func (t task) keeps() bool { return t.html == "" && !t.tell.Wanted() }

// budgets are those of --budget and of the configuration.
func (p *program) budgets(c *cli.Context) (list []analyze.BudgetRule, err error) {
	for _, text := range c.StringSlice("budget") {
		b, err := analyze.ParseBudget(text)
		if err != nil {
			return nil, fmt.Errorf("--budget: %w", err)
		}
		list = append(list, b)
	}
	given, err := p.config.Budgets()
	if err != nil {
		return nil, err
	}
	for _, g := range given {
		b, err := analyze.ParseBudget(g.Limit)
		if b.Scope, b.Key = g.Scope, g.Key; err == nil {
			err = b.Check()
		}
		if err != nil {
			return nil, p.config.Errorf("budgets", err)
		}
		list = append(list, b)
	}
	return list, nil
}

// question spells out everything that the output depends on, beside the data.
func (t task) question() string {
	spell := func(p *analyze.Period) string {
		if p == nil {
			return "none"
		}
		return fmt.Sprint(p.Since.UTC(), p.Until.UTC(), p.Zone)
	}
	return fmt.Sprintf("%q", []string{
		spell(&t.look.Period), spell(t.look.Compare), fmt.Sprintf("%q", t.look.Filter), fmt.Sprintf("%q", t.look.Agents), fmt.Sprint(t.look.Thresholds), spellMarks(t.look.Marks),
		t.format, fmt.Sprint(t.text, t.strict), t.explain, fmt.Sprint(t.failOn, t.look.Budgets), report.PriceWarning(t.db.Prices.Date(), t.look.Now),
	})
}

func spellMarks(marks []analyze.Mark) string {
	var b strings.Builder
	for _, m := range marks {
		fmt.Fprintf(&b, "%q", []string{m.At.String(), m.Agent, m.Text})
	}
	return b.String()
}

// exitCode is 0, or what the result itself calls for.
func (t task) exitCode(r *analyze.Result) int {
	rejected := int64(0)
	for _, n := range r.Quality.Rejected {
		rejected += n
	}
	avoidable := r.Totals.Avoidable.Certain.Add(r.Totals.Avoidable.Likely)
	switch {
	case slices.Contains(t.failOn, "budget") && r.BudgetCrossed():
		return ExitCrossed
	case slices.Contains(t.failOn, "findings") && avoidable.Pico().Sign() > 0:
		return ExitFound
	case t.strict && (rejected > 0 || r.Quality.UnpricedRequests > 0):
		return ExitStrict
	case r.Totals.Requests == 0:
		return ExitNothing
	}
	return 0
}

func (p *program) analyzeTask(c *cli.Context) (t task, err error) {
	logger, err := p.logger(c)
	if err != nil {
		return t, err
	}
	now := time.Now().Truncate(time.Millisecond) // as records are, so that a period can be typed again
	zone, err := analyze.Zone(c.String("tz"))
	if err != nil {
		return t, fmt.Errorf("--tz: %w", err)
	}
	period, err := analyze.ParsePeriod(c.String("since"), c.String("until"), now, zone)
	if err != nil {
		return t, err
	}
	compare, err := analyze.ParseCompare(c.String("compare"), period, now)
	if err != nil {
		return t, err
	}
	t = task{
		noIngest: c.Bool("no-ingest"), format: c.String("format"), html: c.String("html"), strict: c.Bool("strict"),
		explain: c.String("explain"), failOn: c.StringSlice("fail-on"),
		db: ingest.Options{
			Path: c.String("db"), Dirs: c.StringSlice("log-dir"), Rebuild: c.Bool("rebuild"), NoRebuild: c.Bool("no-rebuild"),
			Version: p.version, Logger: logger, Progress: p.progress(),
		},
		look: analyze.Options{
			Period: period, Compare: compare, Now: now,
			Filter: analyze.Filter{Agents: c.StringSlice("agent"), Users: c.StringSlice("user"), Models: c.StringSlice("model"), Endpoints: c.StringSlice("endpoint")},
		},
		text:    report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal()), Compact: c.Bool("compact"), Top: c.Int("top")},
		htmlOpt: report.HTMLOptions{Top: c.Int("top"), Plain: c.Bool("html-plain"), Command: "burn " + strings.Join(os.Args[1:], " "), Version: p.version},
	}
	switch t.format {
	case "table":
	case "json", "csv", "markdown":
		t.look.Need |= analyze.Whole
	default:
		return t, fmt.Errorf("--format %q: use table, json, csv or markdown", t.format)
	}
	if t.html != "" {
		t.look.Need |= analyze.Pictures
		t.text.Report = t.html
	}
	if t.explain != "" && (t.html != "" || t.format == "csv" || t.format == "markdown") {
		return t, errors.New("--explain is shown as --format table or json")
	}
	for _, what := range t.failOn {
		if what != "budget" && what != "findings" {
			return t, fmt.Errorf("--fail-on %q: use budget or findings", what)
		}
	}
	if t.look.Budgets, err = p.budgets(c); err != nil {
		return t, err
	}
	if t.explain == "" {
		t.look.Need |= analyze.Alerts
	}
	if t.html == "-" && t.format != "table" {
		return t, errors.New("--html - and --format both want standard output")
	}
	if c.Int("top") < 1 {
		return t, errors.New("--top: use a number from 1")
	}
	t.defaults()
	t.htmlOpt.Base = sameCalls(c, period)
	if !c.IsSet("top") {
		t.htmlOpt.Top = 20
	}
	if err := p.deliver(c, &t); err != nil {
		return t, err
	}
	if t.db.Rebuild && (t.db.NoRebuild || t.noIngest) {
		return t, errors.New("--rebuild contradicts --no-rebuild and --no-ingest")
	}
	if t.db.Compress = c.Bool("compress"); t.noIngest && (t.db.Compress || c.String("keep") != "") {
		return t, errors.New("--no-ingest contradicts --keep and --compress")
	}
	if t.db.Keep, err = keepSince(c.String("keep"), now, zone); err != nil {
		return t, err
	}
	t.db.NoRebuild = t.db.NoRebuild || t.noIngest // nothing would fill the new one
	if t.db.LockWait, err = settings.Wait(c.String("lock-wait")); err != nil {
		return t, fmt.Errorf("--lock-wait: %w", err)
	}
	if t.db.Memory, err = settings.Size(c.String("memory")); err != nil {
		return t, fmt.Errorf("--memory: %w", err)
	}
	if err := p.config.Section("thresholds", &t.look.Thresholds); err != nil {
		return t, err
	}
	if err := analyze.CheckThresholds(t.look.Thresholds); err != nil {
		return t, p.config.Errorf("thresholds", err)
	}
	if t.look.Marks, err = p.marks(t.db.Dirs); err != nil {
		return t, err
	}
	return t, p.readTables(c, &t)
}

// readTables reads the files of agents and prices.
func (p *program) readTables(c *cli.Context, t *task) (err error) {
	if path := c.String("agents"); path != "" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("--agents: %w", err)
		}
		defer f.Close()
		if t.look.Agents, err = analyze.ReadAgents(f); err != nil {
			return fmt.Errorf("--agents %s: %w", path, err)
		}
	}
	t.db.Prices, err = p.priceTable(c)
	return err
}

// priceTable is the built-in table with the rows of --prices and what the
// configuration says ids stand for.
func (p *program) priceTable(c *cli.Context) (*price.Table, error) {
	table := price.Builtin()
	if path := c.String("prices"); path != "" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--prices: %w", err)
		}
		defer f.Close()
		rows, err := price.Load(f, path)
		if err != nil {
			return nil, fmt.Errorf("--prices: %w", err)
		}
		table = table.With(rows)
	}
	var models []struct {
		Provider string `yaml:"provider"`
		Model    string `yaml:"model"`
		As       string `yaml:"as"`
	}
	if err := p.config.Section("models", &models); err != nil || len(models) == 0 {
		return table, err
	}
	var aliases []price.Alias
	for _, m := range models {
		aliases = append(aliases, price.Alias(m))
	}
	table, err := table.WithAliases(aliases)
	if err != nil {
		return nil, p.config.Errorf("models", err)
	}
	return table, nil
}
