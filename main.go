// Burn shows where a team's LLM bill really goes.
//
//	burn proxy      forwards calls to LLM providers and appends one line of
//	                metadata per call to log files: never a prompt, an answer
//	                or a key
//	burn analyze    reads those files, prices every call, and says which agent,
//	                user, model and hour burned the money
//	burn demo       shows all of it on two made-up months, without a key
//	burn doctor     says what is wrong with files, database and records, and
//	                what to type
//	burn prices     lists, checks, imports and explains prices
//	burn completion prints a script for completion in bash, zsh or fish
//	burn version    prints the version
//
// Every flag has an environment variable, BURN_ and its name in capitals, and a
// key of its name in the YAML file that --config names. A flag wins over the
// environment, the environment over the file, the file over the default.
//
// Exit codes: 0 fine; 1 it could not; 2 usage or configuration; 4 no calls in
// the period; 5 the report was made, the mail not sent; 6 lines rejected or calls
// unpriced, with --strict only; 10 a budget is crossed, 11 there are findings,
// with --fail-on budget or findings only. Results go to standard output,
// everything else to standard error.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"burn/analyze"
	"burn/ingest"
	"burn/ingest/demo"
	"burn/ingest/price"
	"burn/proxy"
	"burn/proxy/provider"
	"burn/proxy/usage"
	"burn/report"
	"burn/report/manual"
	"burn/report/settings"
)

// version is burn's; a release sets it at link time.
var version = "1.0.0-dev"

// Exit codes, in the order in which they win when several apply.
const (
	exitUsage   = 2
	exitFailed  = 1
	exitUnsent  = 5
	exitCrossed = 10
	exitFound   = 11
	exitStrict  = 6
	exitNothing = 4
)

// exit is an error that says how the process ends, and what to type next.
type exit struct {
	code int
	err  error
	hint string
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func usageError(err error) error { return &exit{code: exitUsage, err: err} }

func main() {
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{stdout: stdout, stderr: stderr}
	app := p.app()
	err := app.RunContext(ctx, operandLast(app, args))
	if err == nil {
		return 0
	}
	code := exitFailed
	var e *exit
	if errors.As(err, &e) {
		code = e.code
	}
	if code == exitUsage || code == exitFailed || code == exitUnsent {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(stderr, "burn: %s\n", report.Clean(strings.TrimRight(line, "\n")))
		}
	}
	if e != nil && e.hint != "" {
		fmt.Fprintf(stderr, "burn: hint: %s\n", e.hint)
	}
	return code
}

type program struct {
	stdout, stderr io.Writer
	config         *settings.File
}

func (p *program) app() *cli.App {
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version"}
	app := &cli.App{
		Name:                  "burn",
		Usage:                 "shows where a team's LLM bill really goes",
		Version:               version,
		Writer:                p.stdout,
		ErrWriter:             p.stderr,
		HideHelpCommand:       true,
		ExitErrHandler:        func(*cli.Context, error) {},
		OnUsageError:          onUsageError,
		Commands:              []*cli.Command{p.proxyCommand(), p.analyzeCommand(), p.demoCommand(), p.markCommand(), p.doctorCommand(), p.pricesCommand(), p.completionCommand(), p.versionCommand()},
		CustomAppHelpTemplate: appHelp,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c)
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, cmd := range commands(app.Commands) {
		cmd.OnUsageError = onUsageError
		cmd.HideHelpCommand = true
		cmd.CustomHelpTemplate = commandHelp
		if len(cmd.Subcommands) == 0 {
			cmd.Before = p.before
		}
	}
	return app
}

// commands are all commands of a list and below it.
func commands(list []*cli.Command) []*cli.Command {
	var all []*cli.Command
	for _, cmd := range list {
		all = append(append(all, cmd), commands(cmd.Subcommands)...)
	}
	return all
}

// operandLast moves a command's operand behind its flags, for commands that take
// one: the library reads no flag behind an operand.
func operandLast(app *cli.App, args []string) []string {
	var cmd *cli.Command
	list, at := app.Commands, 1
	for at < len(args) {
		i := slices.IndexFunc(list, func(c *cli.Command) bool { return c.Name == args[at] })
		if i < 0 {
			break
		}
		cmd, list = list[i], list[i].Subcommands
		at++
	}
	if cmd == nil || cmd.ArgsUsage == "" {
		return args
	}
	var flags, operands []string
	for rest := args[at:]; len(rest) > 0; rest = rest[1:] {
		arg := rest[0]
		switch {
		case arg == "--":
			operands = append(operands, rest[1:]...)
			rest = rest[:1]
		case len(arg) < 2 || arg[0] != '-':
			operands = append(operands, arg)
		default:
			flags = append(flags, arg)
			if !takesValue(cmd, arg) {
				continue
			}
			if len(rest) == 1 { // the library says so
				return slices.Concat(args[:at], flags)
			}
			flags = append(flags, rest[1])
			rest = rest[1:]
		}
	}
	return slices.Concat(args[:at], flags, []string{"--"}, operands)
}

// takesValue reports whether the next argument belongs to a flag.
func takesValue(cmd *cli.Command, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

const appExamples = "  burn demo\n  burn analyze --since 7d"

const appHelp = `burn shows where a team's LLM bill really goes.

Usage: burn COMMAND [FLAGS]

Commands:{{range .VisibleCommands}}
  {{printf "%-10s" .Name}} {{.Usage}}{{end}}

Examples:
` + appExamples + `

"burn COMMAND --help" lists a command's flags and shows how to use it.
`

const commandHelp = `{{.HelpName}}: {{.Usage}}

Usage: {{.HelpName}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}{{if .Subcommands}} COMMAND{{end}} [FLAGS]

{{.Description}}
{{if .Subcommands}}
Commands:{{range .Subcommands}}
  {{printf "%-14s" (print .Name " " .ArgsUsage)}} {{.Usage}}{{end}}
{{else}}
Flags:{{range .VisibleFlags}}
  {{.}}{{end}}
{{end}}`

func onUsageError(c *cli.Context, err error, _ bool) error {
	text, hint := err.Error(), "burn --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "burn" {
		hint = c.Command.HelpName + " --help"
	}
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		name = strings.TrimLeft(name, "-")
		text = fmt.Sprintf("unknown flag --%s", name)
		if c.Command != nil {
			if near := settings.Nearest(name, flagNames(c.Command)); near != "" {
				hint = "did you mean --" + near + "?"
			}
		}
	}
	return &exit{exitUsage, errors.New(text), hint}
}

func unknownCommand(c *cli.Context) error {
	return unknown("burn", c.Args().First(), c.App.Commands)
}

// unknown is the error for a name behind parent that is none of list.
func unknown(parent, name string, list []*cli.Command) error {
	var names []string
	for _, cmd := range list {
		names = append(names, cmd.Name)
	}
	hint := parent + " --help"
	if near := settings.Nearest(name, names); near != "" {
		hint = "did you mean " + parent + " " + near + "?"
	}
	return &exit{exitUsage, fmt.Errorf("unknown command %q", name), hint}
}

// operands refuses all arguments but the one a command may take.
func operands(c *cli.Context) error {
	want, hint := 0, c.Command.HelpName+" --help"
	if c.Command.ArgsUsage != "" {
		want = 1
	}
	switch n := c.NArg(); {
	case n > want:
		return &exit{exitUsage, fmt.Errorf("unexpected argument %q", c.Args().Get(want)), hint}
	case n < want || want == 1 && c.Args().First() == "":
		return &exit{exitUsage, fmt.Errorf("%s is missing", c.Command.ArgsUsage), hint}
	}
	return nil
}

// before refuses arguments, which the library would ignore together with all
// flags behind them, and sets every flag that is given neither on the command
// line nor in the environment from the file named by --config. One file serves
// all commands: a key that belongs to another command is checked and left.
func (p *program) before(c *cli.Context) error {
	if err := operands(c); err != nil {
		return err
	}
	p.config = &settings.File{}
	path := c.String("config")
	if path == "" {
		return nil
	}
	known := slices.Clone(sections)
	for _, cmd := range commands(c.App.Commands) {
		known = append(known, flagNames(cmd)...)
	}
	known = slices.DeleteFunc(known, func(name string) bool { return name == "config" || name == "help" || name == "h" })
	var err error
	if p.config, err = settings.Read(path, known); err != nil {
		return usageError(err)
	}
	own := flagNames(c.Command)
	for _, key := range p.config.Keys() {
		if slices.Contains(sections, key) || !slices.Contains(own, key) || c.IsSet(key) {
			continue
		}
		values, err := p.config.Values(key)
		if err != nil {
			return usageError(err)
		}
		for _, v := range values {
			if err := c.Set(key, v); err != nil {
				return usageError(p.config.Errorf(key, err))
			}
		}
	}
	return nil
}

// sections are keys of the configuration file that are not flags.
var sections = []string{"agent-rules", "tags", "models", "thresholds", "budgets", "webhook", "mail"}

func flagNames(cmd *cli.Command) []string {
	var names []string
	for _, f := range cmd.Flags {
		names = append(names, f.Names()...)
	}
	return names
}

// Flags. Durations are strings because the library's own type refuses 7d.

func env(name string) []string {
	return []string{"BURN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}

func text(name, value, usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Value: value, Usage: usage, EnvVars: env(name)}
}

func list(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: env(name)}
}

func toggle(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, EnvVars: env(name)}
}

func number(name string, value int, usage string) *cli.IntFlag {
	return &cli.IntFlag{Name: name, Value: value, Usage: usage, EnvVars: env(name)}
}

func commonFlags() []cli.Flag {
	return []cli.Flag{
		text("config", "", "read flags from this YAML `FILE`"),
		text("log-level", "info", "what to tell on standard error: debug, info, warn or error"),
	}
}

// logger writes to standard error at the level of --log-level.
func (p *program) logger(c *cli.Context) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, usageError(fmt.Errorf("--log-level %q: use debug, info, warn or error", c.String("log-level")))
	}
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level})), nil
}

// defaultLogDir is the user's data directory.
func defaultLogDir() string {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return filepath.Join("burn", "logs")
		}
		base = filepath.Join(home, ".local", "share")
		if runtime.GOOS == "darwin" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	}
	return filepath.Join(base, "burn", "logs")
}

// proxy

func (p *program) proxyCommand() *cli.Command {
	return &cli.Command{
		Name:  "proxy",
		Usage: "forward calls to LLM providers and log one line about each",
		Description: `Point a client's base URL at it: http://127.0.0.1:9090 for Anthropic,
http://127.0.0.1:9090/v1 for OpenAI, http://127.0.0.1:9090/NAME/… for others.
Nothing of a call is changed, and no prompt, answer or key is written.

  burn proxy
  burn proxy --listen 0.0.0.0:9090 --auth-token-file token --upstream azure=https://acme.openai.azure.com`,
		Flags: append([]cli.Flag{
			text("log-dir", defaultLogDir(), "append log files in `DIR`"),
			text("listen", proxy.DefaultListen, "serve on `ADDR`"),
			list("upstream", "another provider, as `NAME=URL[,kind=DIALECT]`; repeatable"),
			text("admin", "", "serve /healthz and /metrics on this loopback `ADDR`"),
			text("rotate-size", "64MB", "begin a new file after this many `BYTES`"),
			text("rotate-every", "1h", "begin a new file after this `TIME`"),
			text("grace", "30s", "how long running calls may take to end after SIGTERM"),
			text("header-timeout", "10m", "give up on a provider that sends no answer for this `TIME`"),
			text("auth-token-file", "", "callers must send the token in this `FILE` as X-Burn-Token"),
			toggle("allow-unauthenticated", "listen beyond loopback without a token"),
			toggle("use-env-proxy", "reach providers through HTTPS_PROXY and the like"),
			text("upstream-ca", "", "trust the certificate authorities in this PEM `FILE` as well"),
			text("fingerprints", "on", "on or off: keyed hashes that show repeated work"),
			text("key-file", "", "the secret of these hashes in `FILE`, made if missing (default: burn.key beside the log directory)"),
			text("users", string(proxy.UsersPlain), "plain, hash or off: what to keep of user labels"),
		}, commonFlags()...),
		Action: p.proxy,
	}
}

func (p *program) proxy(c *cli.Context) error {
	cfg, err := p.proxyConfig(c)
	if err != nil {
		return usageError(err)
	}
	// The first signal drains, a second one ends at once.
	kill, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-c.Context.Done()
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		select {
		case <-signals:
			cancel()
		case <-kill.Done():
		}
	}()
	err = proxy.RunUntil(c.Context, kill, cfg)
	if config := (*proxy.ConfigError)(nil); errors.As(err, &config) {
		return usageError(err)
	}
	return err
}

func (p *program) proxyConfig(c *cli.Context) (cfg proxy.Config, err error) {
	logger, err := p.logger(c)
	if err != nil {
		return cfg, err
	}
	cfg = proxy.Config{
		Listen: c.String("listen"), Admin: c.String("admin"), Version: version, LogDir: c.String("log-dir"), Logger: logger,
		AuthTokenFile: c.String("auth-token-file"), AllowUnauthenticated: c.Bool("allow-unauthenticated"),
		UseEnvProxy: c.Bool("use-env-proxy"), UpstreamCA: c.String("upstream-ca"), KeyFile: c.String("key-file"),
		Users: proxy.Users(c.String("users")),
	}
	switch c.String("fingerprints") {
	case "on":
	case "off":
		cfg.NoFingerprints = true
	default:
		return cfg, fmt.Errorf("--fingerprints %q: use on or off", c.String("fingerprints"))
	}
	for _, s := range c.StringSlice("upstream") {
		u, err := proxy.ParseUpstream(s)
		if err != nil {
			return cfg, fmt.Errorf("--upstream: %w", err)
		}
		cfg.Upstreams = append(cfg.Upstreams, u)
	}
	if cfg.RotateSize, err = settings.Size(c.String("rotate-size")); err != nil {
		return cfg, fmt.Errorf("--rotate-size: %w", err)
	}
	for name, d := range map[string]*time.Duration{"rotate-every": &cfg.RotateEvery, "grace": &cfg.Grace, "header-timeout": &cfg.HeaderTimeout} {
		if *d, err = settings.Wait(c.String(name)); err != nil {
			return cfg, fmt.Errorf("--%s: %w", name, err)
		}
	}
	var rules []struct {
		Agent     string `yaml:"agent"`
		KeyID     string `yaml:"key_id"`
		Client    string `yaml:"client"`
		UserAgent string `yaml:"user_agent"`
		Path      string `yaml:"path"`
	}
	if err := p.config.Section("agent-rules", &rules); err != nil {
		return cfg, err
	}
	for _, r := range rules {
		cfg.Rules = append(cfg.Rules, proxy.AgentRule(r))
	}
	return cfg, p.config.Section("tags", &cfg.Tags)
}

// analyze

func (p *program) analyzeCommand() *cli.Command {
	return &cli.Command{
		Name:  "analyze",
		Usage: "read new log lines and report what was spent, by whom, when",
		Description: `Reads what is new in the log files, prices it, and prints tables.
--since and --until take ` + analyze.AcceptedTimes + `.

  burn analyze --since 7d
  burn analyze --since last-month --compare previous --html report.html`,
		Flags: append([]cli.Flag{
			list("log-dir", "read log files in `DIR`; repeatable (default: "+defaultLogDir()+")"),
			text("since", "7d", "start of the period"),
			text("until", "now", "end of the period, not included"),
			text("tz", "", "`ZONE` of days and hours, such as Europe/Berlin (default: the system's)"),
			text("compare", "previous", "compare with: "+analyze.AcceptedCompare),
			list("agent", "only agents that match `GLOB`; repeatable"),
			list("user", "only users that match `GLOB`; repeatable"),
			list("model", "only models that match `GLOB`; repeatable"),
			list("endpoint", "only endpoints that match `GLOB`; repeatable"),
			number("top", 10, "rows per table in text and HTML"),
			text("format", "table", "table, json, csv or markdown"),
			toggle("compact", "only the most important tables"),
			text("html", "", "write a self-contained report to `FILE`, or - for standard output"),
			toggle("html-plain", "embed the chart library as text, for browsers without DecompressionStream"),
			text("agents", "", "CSV `FILE` of agents: id,name,owner,purpose,budget_usd_month"),
			text("prices", "", "CSV `FILE` of prices that win over the built-in ones"),
			text("explain", "", "show the calls, the arithmetic and the SQL of one finding, by its `ID`"),
			list("budget", "limit in dollars, such as 2000 (per month), 500/week or 80/day; repeatable, others in the configuration's budgets"),
			list("fail-on", "budget: exit 10 if one is crossed; findings: exit 11 if there are certain or likely ones; repeatable"),
			list("mail-to", "send the report to these `ADDRESSES`, separated by commas; how is said under mail in the configuration"),
			text("mail-when", "always", "always, findings or budget: send it only if there are certain or likely findings, or a budget is crossed"),
			text("eml", "", "write the mail to `FILE`, or - for sendmail -t, instead of sending it"),
			toggle("quiet", "print nothing unless a budget is crossed, a finding is new, or something fails"),
			toggle("strict", "exit 6 if lines were rejected or calls have no price"),
			text("db", "", "database `FILE` (default: burn.duckdb beside the first log directory)"),
			toggle("no-ingest", "do not read log files"),
			toggle("rebuild", "forget the database and read all log files again"),
			toggle("no-rebuild", "fail instead of rebuilding a database that cannot be used"),
			text("rejects", "", "write file:line: reason of rejected lines to `FILE`"),
			text("lock-wait", "30s", "how long to wait for another run"),
			text("memory", "512MB", "memory the database may use"),
			text("keep", "", "delete log files whose calls are all older than `AGE`, such as 90d, once they are complete and read (default: keep all)"),
			toggle("compress", "pack log files with zstd, once they are complete and read"),
		}, commonFlags()...),
		Action: p.analyze,
	}
}

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
	defer context.AfterFunc(c.Context, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })()
	t.result = new(*analyze.Result)
	run := func() error {
		if t.keeps() { // nothing may have changed since the last run
			if a, ok := ingest.Kept(t.db, t.question(), !t.noIngest); ok {
				_, err := p.stdout.Write(a.Body)
				return quiet(err, a.Exit)
			}
		}
		err := p.withDatabase(c.Context, t, func(ctx context.Context, db *ingest.DB) error { return p.answer(ctx, db, t) })
		if e := (*exit)(nil); *t.result == nil || err != nil && (!errors.As(err, &e) || e.code == exitUsage) {
			return err
		}
		return worst(err, p.alert(c.Context, t, *t.result))
	}
	if path := c.String("rejects"); path != "" {
		return writeRejects(path, &t.db, run)
	}
	return run()
}

// writeRejects runs with a file for rejected lines. It is written as it comes:
// what an interrupted run has read is not read again.
func writeRejects(path string, opt *ingest.Options, run func() error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open rejects file: %w", err)
	}
	w := bufio.NewWriter(f)
	opt.Rejects = w
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
	_, err = p.stdout.Write(a.Body)
	if keep && err == nil && len(a.Body) < maxAnswer {
		err = db.KeepAnswer(ctx, t.question(), a)
	}
	return quiet(err, a.Exit)
}

// keeps reports whether the next run may print what this one does.
func (t task) keeps() bool { return t.html == "" && !t.tell.Wanted() }

// explain writes one finding with its calls.
func (p *program) explain(ctx context.Context, w io.Writer, db *ingest.DB, t task, r *analyze.Result) error {
	e, err := analyze.Explain(ctx, db.SQL(), r, t.explain)
	var none *analyze.NoFinding
	switch {
	case errors.As(err, &none):
		return &exit{exitUsage, err, "use the period and filters of the report that names it"}
	case err != nil:
		return err
	case t.format == "json":
		return report.Object(w, e)
	}
	return report.Explanation(w, e, t.text)
}

// deliver reads what --quiet, --mail-to, --mail-when, --eml and the configuration
// ask for.
func (p *program) deliver(c *cli.Context, t *task) error {
	alerts, err := p.config.Alerts(os.Getenv)
	if err != nil {
		return err
	}
	d := &t.tell
	*d = report.Delivery{
		Quiet: c.Bool("quiet"), Webhook: report.Webhook(alerts.Webhook), When: c.String("mail-when"), EML: c.String("eml"),
		Transport: report.Transport(alerts.Mail.Transport), Database: t.db.Path, Now: t.look.Now, Stdout: p.stdout, Stderr: p.stderr,
	}
	if d.Webhook.URL != "" {
		if err := d.Webhook.Check(); err != nil {
			return p.config.Errorf("webhook", err)
		}
	}
	if !slices.Contains(report.Whens, d.When) {
		return fmt.Errorf("--mail-when %q: use always, findings or budget", d.When)
	}
	if d.Mail.To, err = report.Addresses(c.StringSlice("mail-to")); err != nil {
		return fmt.Errorf("--mail-to: %w", err)
	}
	switch {
	case d.EML != "" && !d.Mails():
		return errors.New("--eml needs --mail-to")
	case !d.Mails():
		return nil
	case t.explain != "":
		return errors.New("--explain is not mailed")
	case d.EML == "-" && t.html == "-":
		return errors.New("--eml - and --html - both want standard output")
	}
	if d.Mail.From, err = report.Sender(alerts.Mail.From); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	d.Mail.HTML = t.htmlOpt
	d.Mail.HTML.Scope = fmt.Sprintf("%q", t.look.Filter)
	t.look.Need |= analyze.Pictures
	if d.EML == "" {
		if err := d.Transport.Check(); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
	}
	return nil
}

// worst is the one of two errors that says how the process ends, with the text of
// both.
func worst(a, b error) error {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	rank := func(err error) int {
		e := &exit{code: exitFailed}
		errors.As(err, &e)
		return slices.Index([]int{exitUsage, exitFailed, exitUnsent, exitCrossed, exitFound, exitStrict, exitNothing}, e.code)
	}
	if rank(b) <= rank(a) {
		a, b = b, a
	}
	if rank(b) > 2 { // says nothing
		return a
	}
	return fmt.Errorf("%w\n%w", a, b)
}

// tellTime is how long a run waits for another one that sends mail and alerts.
const tellTime = 5 * time.Minute

// alert tells people what t.tell says of r.
func (p *program) alert(ctx context.Context, t task, r *analyze.Result) (err error) {
	if !t.tell.Wanted() {
		return nil
	}
	// Of two runs at once, the second knows what the first has told.
	mine, err := ingest.TakeLock(ctx, t.db.Path+".told.lock", "telling of this database", tellTime)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mine.Free()) }()
	unsent, failed := t.tell.Run(ctx, r)
	if unsent != nil {
		unsent = &exit{code: exitUnsent, err: unsent}
	}
	return worst(failed, unsent)
}

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

// maxAnswer is how many bytes of output are kept for the next run.
const maxAnswer = 32 << 20

// exitCode is 0, or what the result itself calls for.
func (t task) exitCode(r *analyze.Result) int {
	rejected := int64(0)
	for _, n := range r.Quality.Rejected {
		rejected += n
	}
	avoidable := r.Totals.Avoidable.Certain.Add(r.Totals.Avoidable.Likely)
	switch {
	case slices.Contains(t.failOn, "budget") && r.BudgetCrossed():
		return exitCrossed
	case slices.Contains(t.failOn, "findings") && avoidable.Pico().Sign() > 0:
		return exitFound
	case t.strict && (rejected > 0 || r.Quality.UnpricedRequests > 0):
		return exitStrict
	case r.Totals.Requests == 0:
		return exitNothing
	}
	return 0
}

// quiet turns what came of printing into the command's error: a reader that
// has seen enough is no failure.
func quiet(err error, code int) error {
	if err = report.Written(err); err == nil && code != 0 {
		return &exit{code: code, err: fmt.Errorf("exit code %d", code)}
	}
	return err
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
			Version: version, Logger: logger, Progress: p.progress(),
		},
		look: analyze.Options{
			Period: period, Compare: compare, Now: now,
			Filter: analyze.Filter{Agents: c.StringSlice("agent"), Users: c.StringSlice("user"), Models: c.StringSlice("model"), Endpoints: c.StringSlice("endpoint")},
		},
		text:    report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal()), Compact: c.Bool("compact"), Top: c.Int("top")},
		htmlOpt: report.HTMLOptions{Top: c.Int("top"), Plain: c.Bool("html-plain"), Command: "burn " + strings.Join(os.Args[1:], " "), Version: version},
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

// sameCalls is the command that looks at the same calls of the same period on any
// later day, without options of output.
func sameCalls(c *cli.Context, period analyze.Period) string {
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
	return report.Command(append(words, spanFlags(period)...)...)
}

// spanFlags name a period by dates, or by moments where it has none.
func spanFlags(period analyze.Period) []string {
	zone := period.Since.Location()
	day := func(t time.Time) string {
		t = t.In(zone)
		if t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)) {
			return t.Format(time.DateOnly)
		}
		return t.Format(time.RFC3339Nano)
	}
	words := []string{"--since", day(period.Since), "--until", day(period.Until)}
	if zone != time.Local {
		words = append(words, "--tz", zone.String())
	}
	return words
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

// withDatabase opens the database, ingests what is new, and calls f.
func (p *program) withDatabase(ctx context.Context, t task, f func(context.Context, *ingest.DB) error) (err error) {
	db, err := ingest.Open(ctx, t.db)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() {
		if cerr := db.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close database: %w", cerr)
		}
	}()
	if err = p.ingestAndAsk(ctx, db, t, f); err == nil {
		return nil
	}
	// Damage may show only where a query reads.
	anew, rerr := db.Repair(ctx, err)
	switch {
	case rerr != nil:
		return rerr
	case anew:
		return p.ingestAndAsk(ctx, db, t, f)
	}
	return interrupted(ctx, err)
}

// ingestAndAsk reads what is new, and calls f.
func (p *program) ingestAndAsk(ctx context.Context, db *ingest.DB, t task, f func(context.Context, *ingest.DB) error) error {
	if !t.noIngest {
		stats, err := db.Ingest(ctx)
		if err != nil {
			return err
		}
		if !t.tell.Quiet || stats.Rejected > 0 || len(stats.Problems) > 0 { // something was not read
			p.tell(db, stats)
		}
	}
	if err := db.Lock(ctx); err != nil {
		return fmt.Errorf("lock database down: %w", err)
	}
	asking, cancel := context.WithTimeoutCause(ctx, queryTime, fmt.Errorf("the queries took longer than %s", queryTime))
	defer cancel()
	err := f(asking, db)
	if err != nil && ctx.Err() == nil && asking.Err() != nil {
		return context.Cause(asking)
	}
	return err
}

// queryTime bounds the queries of a run: their files may be edited, and a
// question may have no end.
const queryTime = 30 * time.Minute

// interrupted says of a run that a signal ended what became of its work.
func interrupted(ctx context.Context, err error) error {
	var told *ingest.Interrupted
	switch {
	case errors.As(err, &told):
		return told
	case ctx.Err() != nil:
		return errors.New("interrupted: what was read before is kept")
	}
	return err
}

// tell says what was unusual about reading the files.
func (p *program) tell(db *ingest.DB, s ingest.Stats) {
	note := func(format string, args ...any) {
		fmt.Fprintf(p.stderr, "burn: "+format+"\n", args...)
	}
	if why, lost, kept := db.Rebuilt(); why != "" {
		note("the database was made anew: %s", report.Clean(why))
		if lost.Calls > 0 {
			note("lost to it are %s from %s on, whose log files are no longer there", counted(lost.Calls, "call"), lost.Since.Format(time.DateOnly))
		}
		if kept != "" {
			note("the old database is kept: %s", report.Clean(kept))
		}
	}
	if s.Deleted > 0 || s.Packed > 0 {
		note("log files: %d packed, %d deleted, %d MB freed; beyond rebuilding are now %s", s.Packed, s.Deleted, s.Freed/1e6, counted(s.Beyond.Calls, "call"))
	}
	if s.Skipped > 0 {
		note("%d entries of the log directories skipped: no readable files", s.Skipped)
	}
	for i, problem := range s.Problems {
		if i == 10 {
			note("… and %d more files with problems", len(s.Problems)-i)
			break
		}
		note("%s", report.Clean(problem))
	}
	if s.Rejected > 0 {
		note("%s rejected: see --rejects FILE", counted(s.Rejected, "line"))
	}
	if s.Folded > 0 {
		note("%s with labels beyond the number that is kept apart: counted as \"other\"", counted(s.Folded, "call"))
	}
	if len(s.Repriced) == 0 {
		return
	}
	note("prices changed: calls priced again")
	if err := repricedSheet(s.Repriced).Text(p.stderr, report.TextOptions{}); err != nil {
		note("%v", err)
	}
}

// counted is n of a thing, in words.
func counted[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Count(int64(n)) + " " + what + "s"
}

// repricedSheet shows what a changed price table moved, by model.
func repricedSheet(moved []ingest.Repriced) report.Sheet {
	s := report.Sheet{Heads: []string{"Model", "Calls", "Before", "After", "Difference", "Newly priced", "Newly unpriced"}}
	s.Right = s.Heads[1:]
	row := func(m ingest.Repriced) {
		sign := ""
		if m.After > m.Before {
			sign = "+"
		}
		s.Rows = append(s.Rows, []string{m.Model, report.Count(m.Calls), dollars(m.Before), dollars(m.After), sign + dollars(m.After-m.Before),
			report.Count(m.NewlyPriced), report.Count(m.NewlyUnpriced)})
	}
	total := ingest.Repriced{Model: "Total"}
	for _, m := range moved {
		row(m)
		total.Calls, total.Before, total.After = total.Calls+m.Calls, total.Before+m.Before, total.After+m.After
		total.NewlyPriced, total.NewlyUnpriced = total.NewlyPriced+m.NewlyPriced, total.NewlyUnpriced+m.NewlyUnpriced
	}
	row(total)
	return s
}

// dollars writes 1e-12 USD for people.
func dollars(pico int64) string {
	u, err := analyze.ParseUSD(price.FormatPico(pico))
	if err != nil {
		panic("burn: " + err.Error()) // FormatPico writes such decimals
	}
	return report.Cents(u)
}

// show writes the result as asked for.
func (p *program) show(w io.Writer, t task, r *analyze.Result) error {
	if t.html == "-" {
		return report.HTML(w, r, t.htmlOpt)
	}
	if t.html != "" {
		if err := report.WriteFile(t.html, func(w io.Writer) error { return report.HTML(w, r, t.htmlOpt) }); err != nil {
			return fmt.Errorf("write report: %w", err)
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

// demo

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
			Path: filepath.Join(dir, "burn.duckdb"), Prices: price.Builtin(), Version: version, Progress: p.progress(),
			// The demo's months are fixed; a clock that is behind them must not
			// make burn take their calls for mistakes.
			Now: func() time.Time { return later(time.Now(), demo.After.Until()) },
		},
		text:    report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal()), Top: 10},
		html:    filepath.Join(dir, "report.html"),
		htmlOpt: report.HTMLOptions{Command: "burn demo", Version: version},
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

// mark

func (p *program) markCommand() *cli.Command {
	return &cli.Command{
		Name:  "mark",
		Usage: "note that something about an agent was changed",
		Description: `Writes a dated note beside the logs. Later reports say whether the change
worked: what the agent's calls cost before and after, against the agents that
were not touched, and the dollars saved since. --at takes what --since of
analyze takes, in the zone of --tz.

  burn mark chat-gate -m "max_history: 5"
  burn mark digest-cron -m "new documents only" --at yesterday`,
		ArgsUsage: "AGENT",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "what was changed, in a few words: `TEXT`", EnvVars: env("message")},
			text("at", "now", "when it was changed: `TIME`"),
			text("tz", "", "`ZONE` of --at, such as Europe/Berlin (default: the system's)"),
			text("log-dir", defaultLogDir(), "`DIR` of the log files that the note stands beside"),
		}, commonFlags()...),
		Action: p.mark,
	}
}

func (p *program) mark(c *cli.Context) error {
	if strings.TrimSpace(c.String("message")) == "" {
		return &exit{exitUsage, errors.New("burn mark needs a message"), `burn mark AGENT -m "what was changed"`}
	}
	zone, err := analyze.Zone(c.String("tz"))
	if err != nil {
		return usageError(fmt.Errorf("--tz: %w", err))
	}
	now := time.Now()
	at, err := analyze.ParseTime(c.String("at"), now, zone)
	if err != nil {
		return usageError(fmt.Errorf("--at %w", err))
	}
	if at.After(now) {
		return usageError(fmt.Errorf("--at %s lies in the future", c.String("at")))
	}
	dir := c.String("log-dir")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &exit{exitFailed, fmt.Errorf("log directory %s is not there", dir), "give the one that burn proxy writes to with --log-dir"}
	}
	m, err := usage.AppendMark(dir, usage.Mark{At: at, Agent: c.Args().First(), Text: c.String("message")})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Marked %s at %s: %s\n", m.Agent, m.At.In(zone).Format(time.RFC3339), m.Text)
	return nil
}

// marks reads the notes beside the logs.
func (p *program) marks(dirs []string) (list []analyze.Mark, err error) {
	marks, bad, err := usage.ReadMarks(dirs)
	if err != nil {
		return nil, err
	}
	if bad > 0 {
		fmt.Fprintf(p.stderr, "burn: %d lines of %s are no marks\n", bad, usage.MarkFile)
	}
	for _, m := range marks {
		list = append(list, analyze.Mark{At: m.At, Agent: m.Agent, Text: m.Text})
	}
	return list, nil
}

// doctor

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
			text("prices", "", "CSV `FILE` of prices that win over the built-in ones"),
			text("since", "7d", "start of the period in which calls are looked at; it ends now"),
			text("format", "table", "table or json"),
		}, commonFlags()...),
		Action: p.doctor,
	}
}

func (p *program) doctor(c *cli.Context) error {
	format := c.String("format")
	if format != "table" && format != "json" {
		return usageError(fmt.Errorf("--format %q: use table or json", format))
	}
	now := time.Now()
	period, err := analyze.ParsePeriod(c.String("since"), "now", now, time.Local)
	if err != nil {
		return usageError(err)
	}
	t := task{look: analyze.Options{Period: period, Now: now}, db: ingest.Options{Path: c.String("db"), Dirs: c.StringSlice("log-dir"), Version: version}}
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
	if format == "json" {
		err = report.Object(p.stdout, map[string]any{"schema": "burn.doctor/1", "checks": checks})
	} else {
		err = report.Checks(p.stdout, checks, p.textOptions())
	}
	if err == nil && report.Failed(checks) {
		return &exit{code: exitFailed, err: errors.New("something does not work: see what fails above")}
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

// prices

func (p *program) pricesCommand() *cli.Command {
	prices := func() cli.Flag { return text("prices", "", "CSV `FILE` of prices that win over the built-in ones") }
	at := func() cli.Flag { return text("at", "", "the day, or RFC 3339 `TIME`, of the call (default: now)") }
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
				at(), prices(),
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
			Usage: "turn a price list of LiteLLM or genai-prices into an override file",
			Description: `Reads a downloaded JSON list and prints CSV for --prices; what could not be
taken over is named on standard error. The literals are kept exactly.

  burn prices import model_prices_and_context_window.json > prices.csv
  burn prices check prices.csv`,
			Flags:  commonFlags(),
			Action: p.importPrices,
		}, {
			Name: "explain", ArgsUsage: "MODEL",
			Usage: "which row prices a model and what a usage object costs, part by part",
			Description: `The usage is a provider's usage object, a whole answer, or a JSON array of a
stream's events. Without it, the row alone is shown.

  burn prices explain gpt-4o --provider openai
  burn prices explain claude-sonnet-4-5 --provider anthropic --usage usage.json --format json`,
			Flags: append([]cli.Flag{
				text("provider", "", "the provider's `NAME`, in any spelling: google or gcp.gemini"),
				text("usage", "", "JSON `FILE`, or - for standard input"),
				at(), prices(),
				text("tier", "", "service `TIER`: batch, flex, priority …; over what the usage says"),
				text("format", "table", "table or json"),
			}, commonFlags()...),
			Action: p.explainPrice,
		}},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknown("burn prices", c.Args().First(), c.Command.Subcommands)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
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

func (p *program) textOptions() report.TextOptions {
	return report.TextOptions{Width: p.width(), Color: report.UseColor(os.Getenv, p.isTerminal())}
}

func (p *program) listPrices(c *cli.Context) error {
	at, err := moment(c)
	if err != nil {
		return usageError(err)
	}
	table, err := p.priceTable(c)
	if err != nil {
		return usageError(err)
	}
	rows := table.InForce(price.Selection{Providers: c.StringSlice("provider"), Models: c.StringSlice("model"), At: at})
	sheet := report.Sheet{
		Above: []string{fmt.Sprintf("Prices in force on %s, USD per million tokens; table of %s", at.Format(time.DateOnly), table.Date())},
		Heads: price.SummaryHeads, Right: price.SummaryHeads[2:7],
	}
	listed := []price.Listed{}
	for _, row := range rows {
		sheet.Rows = append(sheet.Rows, row.Summary())
		listed = append(listed, row.List())
	}
	if len(rows) == 0 {
		fmt.Fprintln(p.stderr, "burn: no row is in force for this selection")
	}
	switch format := c.String("format"); format {
	case "table":
		err = sheet.Text(p.stdout, p.textOptions())
	case "markdown":
		err = sheet.Markdown(p.stdout)
	case "csv":
		err = price.WriteCSV(p.stdout, rows)
	case "json":
		err = report.Object(p.stdout, map[string]any{"schema": "burn.prices/1", "date": table.Date(), "at": at, "rows": listed})
	default:
		return usageError(fmt.Errorf("--format %q: use table, json, csv or markdown", format))
	}
	return quiet(err, 0)
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

func (p *program) explainPrice(c *cli.Context) error {
	at, err := moment(c)
	if err != nil {
		return usageError(err)
	}
	table, err := p.priceTable(c)
	if err != nil {
		return usageError(err)
	}
	format := c.String("format")
	if format != "table" && format != "json" {
		return usageError(fmt.Errorf("--format %q: use table or json", format))
	}
	model, name := c.Args().First(), c.String("provider")
	if name == "" {
		hint := "burn prices explain --help"
		if sellers := table.Sellers(model, at); len(sellers) > 0 {
			hint = "prices for this model: --provider " + strings.Join(sellers, ", ")
		}
		return &exit{exitUsage, errors.New("--provider is missing"), hint}
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
	if format == "json" {
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

// completion

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", ArgsUsage: "SHELL",
		Usage: "print a script for completion in bash, zsh or fish",
		Description: `SHELL is bash, zsh or fish. The script holds all names and does not run burn.

  source <(burn completion bash)
  burn completion zsh > "${fpath[1]}/_burn"
  burn completion fish > ~/.config/fish/completions/burn.fish`,
		Flags: commonFlags(),
		Action: func(c *cli.Context) error {
			err := manual.Completion(p.stdout, c.Args().First(), describe(p.app()))
			if errors.Is(err, manual.ErrShell) {
				return &exit{exitUsage, err, "burn completion --help"}
			}
			return err
		},
	}
}

// describe is the program's commands as plain data.
func describe(app *cli.App) manual.Command {
	root := describeCommand(&cli.Command{Name: app.Name, Usage: app.Usage, Description: appExamples, Subcommands: app.Commands})
	root.Flags = append(root.Flags, manual.Flag{Names: []string{"version"}, Usage: "print the version"})
	return root
}

func describeCommand(cmd *cli.Command) manual.Command {
	d := manual.Command{Name: cmd.Name, Usage: cmd.Usage, Operand: cmd.ArgsUsage, Description: cmd.Description}
	if cmd.ArgsUsage == "SHELL" {
		d.Operands = manual.Shells
	}
	for _, f := range cmd.Flags {
		flag := manual.Flag{Names: f.Names()}
		if doc, ok := f.(cli.DocGenerationFlag); ok {
			flag.Usage, flag.Takes, flag.Env = doc.GetUsage(), doc.TakesValue(), doc.GetEnvVars()[0]
			if flag.Takes {
				flag.Default = doc.GetValue()
			}
		}
		if slice, ok := f.(cli.DocGenerationSliceFlag); ok {
			flag.Repeats = slice.IsSliceFlag()
		}
		for _, word := range offered[flag.Names[0]] {
			if flag.Names[0] != "format" || strings.Contains(flag.Usage, word) {
				flag.Values = append(flag.Values, word)
			}
		}
		d.Flags = append(d.Flags, flag)
	}
	d.Flags = append(d.Flags, manual.Flag{Names: []string{"help", "h"}, Usage: "show help"}) // the library adds it when it runs
	for _, sub := range cmd.Subcommands {
		d.Commands = append(d.Commands, describeCommand(sub))
	}
	return d
}

// offered are the words that completion offers behind a flag.
var offered = map[string][]string{
	"since":        {"today", "yesterday", "this-week", "last-week", "this-month", "last-month"},
	"until":        {"now", "today", "yesterday", "this-week", "last-week", "this-month", "last-month"},
	"compare":      {"previous", "none", "last-week", "last-month"},
	"format":       {"table", "json", "csv", "markdown"},
	"fail-on":      {"budget", "findings"},
	"mail-when":    {"always", "findings", "budget"},
	"log-level":    {"debug", "info", "warn", "error"},
	"fingerprints": {"on", "off"},
	"users":        {string(proxy.UsersPlain), string(proxy.UsersHash), string(proxy.UsersOff)},
}

// version

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", Description: `Prints burn's version, the commit, Go's version and the prices' date.

  burn version
  burn --version`,
		Flags: commonFlags(),
		Action: func(*cli.Context) error {
			commit := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = s.Value
					}
				}
			}
			_, err := fmt.Fprintf(p.stdout, "burn %s (commit %s, %s, prices of %s)\n", version, commit, runtime.Version(), price.Builtin().Date())
			return err
		},
	}
}
