package command

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	// A link stays one: what stands beside a database, and takes its place, stands
	// beside the file.
	for range 10 {
		target, err := os.Readlink(t.db.Path)
		if err != nil {
			return // no link, or not there yet
		}
		if !filepath.IsAbs(target) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(t.db.Path)) // or its .. would be that of another directory
			if err != nil {
				return
			}
			target = filepath.Join(dir, target)
		}
		t.db.Path = target
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
		spell(&t.look.Period), spell(t.look.Compare), fmt.Sprint(t.look.Beside), fmt.Sprintf("%q", t.look.Filter), fmt.Sprintf("%q", t.look.Agents), fmt.Sprint(t.look.Thresholds), spellMarks(t.look.Marks),
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
	avoidable := r.Totals.Avoidable.Certain.Add(r.Totals.Avoidable.Likely)
	switch {
	case slices.Contains(t.failOn, "budget") && r.BudgetCrossed():
		return ExitCrossed
	case slices.Contains(t.failOn, "findings") && avoidable.Pico().Sign() > 0:
		return ExitFound
	case t.strict && (r.Quality.RejectedLines() > 0 || r.Quality.UnpricedRequests > 0):
		return ExitStrict
	case r.Totals.Requests == 0:
		return ExitNothing
	}
	return 0
}

// analyzeTask is what the flags of analyze and the configuration ask for.
func (p *program) analyzeTask(c *cli.Context) (t task, err error) {
	t.look.Now = time.Now().Truncate(time.Millisecond) // as records are, so that a period can be typed again
	if err := p.lookAt(c, &t.look); err != nil {
		return t, err
	}
	if err := p.files(c, &t); err != nil {
		return t, err
	}
	if err := p.output(c, &t); err != nil {
		return t, err
	}
	if err := p.deliver(c, &t); err != nil {
		return t, err
	}
	t.look.Marks = p.marks(t.db.Dirs)
	return t, p.readTables(c, &t)
}

// lookAt reads which calls are looked at, and what is asked about them.
func (p *program) lookAt(c *cli.Context, look *analyze.Options) error {
	zone, err := analyze.Zone(c.String("tz"))
	if err != nil {
		return fmt.Errorf("--tz: %w", err)
	}
	if look.Period, err = analyze.ParsePeriod(c.String("since"), c.String("until"), look.Now, zone); err != nil {
		return err
	}
	if look.Compare, err = analyze.ParseCompare(c.String("compare"), look.Period, look.Now); err != nil {
		return err
	}
	look.Beside = look.Compare != nil && c.String("compare") != "previous"
	look.Filter = analyze.Filter{Agents: c.StringSlice("agent"), Users: c.StringSlice("user"), Models: c.StringSlice("model"), Endpoints: c.StringSlice("endpoint")}
	if look.Budgets, err = p.budgets(c); err != nil {
		return err
	}
	if err := p.config.Section("thresholds", &look.Thresholds); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(look.Thresholds)) {
		if err := analyze.CheckThreshold(name, look.Thresholds[name]); err != nil {
			return p.config.ErrorIn("thresholds", name, err)
		}
	}
	return nil
}

// files reads where log files and the database are, and what may become of them.
func (p *program) files(c *cli.Context, t *task) error {
	logger, err := p.logger(c)
	if err != nil {
		return err
	}
	t.noIngest = c.Bool("no-ingest")
	t.db = ingest.Options{
		Path: c.String("db"), Dirs: c.StringSlice("log-dir"), Rebuild: c.Bool("rebuild"), NoRebuild: c.Bool("no-rebuild"),
		Compress: c.Bool("compress"), Version: p.version, Logger: logger, Progress: p.progress(),
	}
	t.defaults()
	switch {
	case t.db.Rebuild && (t.db.NoRebuild || t.noIngest):
		return errors.New("--rebuild contradicts --no-rebuild and --no-ingest")
	case t.noIngest && (t.db.Compress || c.String("keep") != ""):
		return errors.New("--no-ingest contradicts --keep and --compress")
	}
	t.db.NoRebuild = t.db.NoRebuild || t.noIngest // nothing would fill the new one
	if t.db.Keep, err = keepSince(c.String("keep"), t.look.Now, t.look.Period.Zone); err != nil {
		return err
	}
	if t.db.LockWait, err = settings.Wait(c.String("lock-wait")); err != nil {
		return fmt.Errorf("--lock-wait: %w", err)
	}
	if t.db.Memory, err = settings.Size(c.String("memory")); err != nil {
		return fmt.Errorf("--memory: %w", err)
	}
	if t.db.Memory < leastMemory {
		return fmt.Errorf("--memory %s: use at least 64MB", c.String("memory"))
	}
	if t.noIngest {
		if _, err := os.Stat(t.db.Path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--no-ingest: no database %s; leave the flag out to read the log files", t.db.Path)
		}
	}
	return nil
}

// leastMemory is what DuckDB needs to open a database and answer, in bytes.
const leastMemory = 64e6

// output reads how the answer is shown, and what it says to whoever waits for the
// exit code.
func (p *program) output(c *cli.Context, t *task) error {
	t.format, t.html, t.explain = c.String("format"), c.String("html"), c.String("explain")
	t.strict, t.failOn = c.Bool("strict"), c.StringSlice("fail-on")
	top := c.Int("top")
	t.text = report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal()), Compact: c.Bool("compact"), Top: top}
	t.htmlOpt = report.HTMLOptions{Top: top, Plain: c.Bool("html-plain"), Command: report.Command(p.args...), Version: p.version, Base: sameCalls(c, t.look)}
	if !c.IsSet("top") {
		t.htmlOpt.Top = 20
	}
	if err := oneOf(c, "format", "table", "json", "csv", "markdown"); err != nil {
		return err
	}
	switch {
	case t.explain != "" && (t.html != "" || t.format == "csv" || t.format == "markdown"):
		return errors.New("--explain is shown as --format table or json")
	case t.html == "-" && t.format != "table":
		return errors.New("--html - and --format both want standard output")
	case top < 1:
		return errors.New("--top: use a number from 1")
	}
	for _, what := range t.failOn {
		if what != "budget" && what != "findings" {
			return fmt.Errorf("--fail-on %q: use budget or findings", what)
		}
	}
	if t.format != "table" {
		t.look.Need |= analyze.Whole
	}
	if t.html != "" {
		t.look.Need |= analyze.Pictures
		t.text.Report = t.html
	}
	if t.explain == "" {
		t.look.Need |= analyze.Alerts
	}
	return nil
}

// keepSince is the moment that lies age back; zero without an age.
func keepSince(age string, now time.Time, zone *time.Location) (time.Time, error) {
	if age == "" {
		return time.Time{}, nil
	}
	period, err := analyze.ParsePeriod(age, "now", now, zone)
	if err != nil || !strings.ContainsAny(age[:1], "0123456789") || !slices.Contains([]string{"m", "h", "d", "w", "o", "y"}, age[len(age)-1:]) {
		return time.Time{}, fmt.Errorf("--keep %q: use an age, such as 36h, 90d, 6mo or 1y", age)
	}
	return period.Since, nil
}

// sameCalls is the command that looks at the same calls of the same period on any
// later day, without options of output.
func sameCalls(c *cli.Context, look analyze.Options) string {
	words := []string{"burn", "analyze"}
	for _, name := range []string{"config", "db", "agents", "prices"} {
		if v := c.String(name); v != "" {
			words = append(words, "--"+name, v)
		}
	}
	for _, name := range []string{"log-dir", "agent", "user", "model", "endpoint"} {
		for _, v := range c.StringSlice(name) {
			words = append(words, "--"+name, v)
		}
	}
	words = append(words, spanFlags(look.Period)...)
	switch c.String("compare") {
	case "previous":
	case "none", "":
		words = append(words, "--compare", "none")
	default:
		words = append(words, "--compare", dateOf(look.Compare.Since)+".."+dateOf(look.Compare.Until))
	}
	return report.Command(words...)
}

// dateOf is the date of a day's beginning, or a moment of RFC 3339.
func dateOf(t time.Time) string {
	if t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339Nano)
}

// spanFlags name a period by dates, or by moments where it has none.
func spanFlags(period analyze.Period) []string {
	zone := period.Since.Location()
	words := []string{"--since", dateOf(period.Since), "--until", dateOf(period.Until.In(zone))}
	if zone != time.Local {
		words = append(words, "--tz", zone.String())
	}
	return words
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
	var models []settings.Model
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
