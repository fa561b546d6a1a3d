package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"burn/report"
	"burn/report/settings"
)

// before refuses arguments, which the library would ignore together with all
// flags behind them, and sets every flag that is given neither on the command
// line nor in the environment from the file named by --config. One file serves
// all commands: a key that belongs to another command is checked and left.
func (p *program) before(c *cli.Context) error {
	if err := operands(c); err != nil {
		return err
	}
	var known []string
	for _, cmd := range commands(c.App.Commands) {
		known = append(known, flagNames(cmd)...)
	}
	p.misspelt(known)
	p.config = &settings.File{}
	path := c.String("config")
	if path == "" {
		return nil
	}
	known = slices.DeleteFunc(append(known, sections...), func(name string) bool { return name == "config" || name == "help" || name == "h" })
	var err error
	if p.config, err = settings.Read(path, known); err != nil {
		return usageError(err)
	}
	if err := p.config.Check(); err != nil {
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
		if len(values) > 1 && !repeats(c.Command, key) {
			return usageError(p.config.Errorf(key, errors.New("want one value, not a list")))
		}
		p.configured = append(p.configured, key)
		for _, v := range values {
			if err := c.Set(key, v); err != nil {
				return usageError(p.config.Errorf(key, fmt.Errorf("%q: %w; burn %s --help says what it takes", v, err, c.Command.Name)))
			}
		}
	}
	return nil
}

// misspelt warns of variables that are nearly those of flags. One that is further off
// may be another program's, and a short name is near to anything.
func (p *program) misspelt(flags []string) {
	known, long := []string{}, []string{settings.PasswordVariable}
	for _, name := range flags {
		if known = append(known, env(name)...); len(name) > 3 {
			long = append(long, env(name)...)
		}
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "BURN_") || slices.Contains(known, name) || slices.Contains(long, name) {
			continue
		}
		if near := settings.Nearest(name, long); near != "" {
			fmt.Fprintf(p.stderr, "burn: the variable %s means nothing: did you mean %s?\n", report.Clean(name), near)
		}
	}
}

// repeats reports whether a flag may be given more than once.
func repeats(cmd *cli.Command, name string) bool {
	return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool {
		slice, ok := f.(cli.DocGenerationSliceFlag)
		return ok && slice.IsSliceFlag() && f.Names()[0] == name
	})
}

// origin is an error's text with, where it begins with a flag that nobody typed, what
// gave the flag its value in its place: the file and its line, or the variable of the
// environment.
func (p *program) origin(text string) string {
	name, ok := strings.CutPrefix(text, "--")
	end := strings.IndexAny(name, " :")
	if !ok || end < 0 {
		return text
	}
	name, rest := name[:end], name[end:]
	typed := func(arg string) bool {
		arg, _, _ = strings.Cut(strings.TrimLeft(arg, "-"), "=")
		return arg == name
	}
	switch variable := env(name)[0]; {
	case slices.Contains(p.configured, name):
		return p.config.Position(name) + ": " + name + rest
	case os.Getenv(variable) != "" && !slices.ContainsFunc(p.args, typed):
		return variable + rest
	}
	return text
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

func pricesFlag() cli.Flag {
	return text("prices", "", "CSV `FILE` of prices that win over the built-in ones")
}

// oneOf is the error for a flag whose value is none of the words that it may be.
func oneOf(c *cli.Context, flag string, words ...string) error {
	value, last := c.String(flag), len(words)-1
	if slices.Contains(words, value) {
		return nil
	}
	return fmt.Errorf("--%s %q: use %s or %s", flag, value, strings.Join(words[:last], ", "), words[last])
}

func commonFlags() []cli.Flag {
	return group(commonHeading,
		text("config", "", "read flags from this YAML `FILE`"),
		text("log-level", "info", "what to tell on standard error: debug, info, warn or error"),
	)
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
		if err != nil { // a service without HOME
			var me *user.User
			if me, err = user.Current(); err == nil && me.HomeDir != "" {
				home = me.HomeDir
			}
		}
		if home == "" {
			return filepath.Join("burn", "logs")
		}
		base = filepath.Join(home, ".local", "share")
		if runtime.GOOS == "darwin" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	}
	return filepath.Join(base, "burn", "logs")
}
