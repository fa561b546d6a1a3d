package command

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"burn/analyze"
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
