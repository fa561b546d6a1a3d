// Package command is the command line: arguments to exit code. Each command is its
// flags and one plain function, which wires the other packages together, in a file
// of its name. Results go to standard output, everything else to standard error.
//
// Read in this order: command.go (the program, its exit codes), arguments.go and
// flags.go (what people type), terminal.go (where they read), then the commands. Of
// analyze, task.go is what a run is to do, database.go its work on the database, and
// deliver.go whom it tells.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"burn/ingest/price"
	"burn/report"
	"burn/report/settings"
)

// Exit codes, in the order in which they win when several apply.
const (
	ExitUsage   = 2
	ExitFailed  = 1
	ExitUnsent  = 5
	ExitCrossed = 10
	ExitFound   = 11
	ExitStrict  = 6
	ExitNothing = 4
)

// exit is an error that says how the process ends, and what to type next.
type exit struct {
	code int
	err  error
	hint string
}

func (e *exit) Error() string { return e.err.Error() }

func (e *exit) Unwrap() error { return e.err }

func usageError(err error) error { return &exit{code: ExitUsage, err: err} }

// Run does what args, the program's name first, ask for and returns the exit code.
func Run(version string, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	defer stop()
	forgetEmpty()
	p := &program{version: version, args: append([]string{"burn"}, args[1:]...), stdout: stdout, stderr: stderr}
	app := p.app()
	if len(args) > 1 && args[1] == "help" { // as many programs have it
		args = append(append(args[:1:1], args[2:]...), "--help")
	}
	err := app.RunContext(ctx, operandLast(app, args))
	if err == nil {
		return 0
	}
	code := ExitFailed
	var e *exit
	if errors.As(err, &e) {
		code = e.code
	}
	if code == ExitUsage || code == ExitFailed || code == ExitUnsent {
		for _, line := range sentences(p.origin(err.Error())) {
			fmt.Fprintf(stderr, "burn: %s\n", report.Clean(line))
		}
	}
	switch {
	case e != nil && e.hint != "":
		fmt.Fprintf(stderr, "burn: hint: %s\n", e.hint)
	case errors.Is(err, fs.ErrPermission):
		fmt.Fprintln(stderr, "burn: hint: run it as the user whose files these are, or name others: --log-dir DIR, of analyze --db FILE too")
	}
	return code
}

// sentences are the lines of an error's text that are meant for people: the database
// puts its stack below some.
func sentences(text string) (list []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line == "Stack Trace:" || strings.HasSuffix(line, "]") && strings.Contains(line, ") [0x") {
			continue
		}
		list = append(list, line)
	}
	return list
}

// ending are the signals that ask burn to end in good order: a closed terminal's is
// one of them, unless burn was started to outlive it (nohup).
func ending() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// forgetEmpty takes variables of burn's that are empty away: they are as if they were
// not set, where the library would take "" for the value.
func forgetEmpty() {
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); value == "" && strings.HasPrefix(name, "BURN_") {
			os.Unsetenv(name)
		}
	}
}

// program is burn with its surroundings.
type program struct {
	version        string
	args           []string // as typed, burn first
	stdout, stderr io.Writer
	config         *settings.File
	configured     []string  // flags whose value the file gave
	reading        *progress // nil where nobody sees it
	listed         bool      // rejected lines go to a file
}

func (p *program) app() *cli.App {
	cli.FlagStringer = flagHelp
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", Category: commonHeading}
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version"}
	app := &cli.App{
		Name:            "burn",
		Usage:           "shows where a team's LLM bill really goes",
		Version:         p.version,
		Writer:          p.stdout,
		ErrWriter:       p.stderr,
		HideHelpCommand: true,
		// A flag that may be repeated holds one value each time: 2,000 is no list, nor
		// is NAME=URL,kind=DIALECT.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		Commands:                  []*cli.Command{p.proxyCommand(), p.analyzeCommand(), p.demoCommand(), p.markCommand(), p.doctorCommand(), p.pricesCommand(), p.completionCommand(), p.versionCommand()},
		CustomAppHelpTemplate:     appHelp,
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
{{$heading := "none"}}{{range .VisibleFlags}}{{if ne .GetCategory $heading}}{{if ne $heading "none"}}
{{end}}{{$heading = .GetCategory}}{{or $heading "Flags"}}:
{{end}}  {{.}}
{{end}}{{end}}`

// worst is the one of two errors that says how the process ends, with the text of
// both.
func worst(a, b error) error {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	rank := func(err error) int {
		e := &exit{code: ExitFailed}
		errors.As(err, &e)
		return slices.Index([]int{ExitUsage, ExitFailed, ExitUnsent, ExitCrossed, ExitFound, ExitStrict, ExitNothing}, e.code)
	}
	if rank(b) <= rank(a) {
		a, b = b, a
	}
	if rank(b) > 2 { // says nothing
		return a
	}
	return fmt.Errorf("%w\n%w", a, b)
}

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
			_, err := fmt.Fprintf(p.stdout, "burn %s (commit %s, %s, prices of %s)\n", p.version, commit, runtime.Version(), price.Builtin().Date())
			return err
		},
	}
}
