package command

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"burn/report/settings"
)

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

var notANumber = regexp.MustCompile(`^invalid value (".*") for flag -(\S+): parse error$`)

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
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		text = "--" + strings.TrimLeft(name, "-") + " needs a value"
	}
	if m := notANumber.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("--%s %s: use a number", m[2], m[1])
	}
	text, _, _ = strings.Cut(text, ": strconv.") // Go's words for what was said before it
	return &exit{ExitUsage, errors.New(text), hint}
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
	return &exit{ExitUsage, fmt.Errorf("unknown command %q", name), hint}
}

// operands refuses all arguments but the one a command may take.
func operands(c *cli.Context) error {
	want, hint := 0, c.Command.HelpName+" --help"
	if c.Command.ArgsUsage != "" {
		want = 1
	}
	switch n := c.NArg(); {
	case n > want:
		return &exit{ExitUsage, fmt.Errorf("unexpected argument %q", c.Args().Get(want)), hint}
	case n < want || want == 1 && c.Args().First() == "":
		return &exit{ExitUsage, fmt.Errorf("%s is missing", c.Command.ArgsUsage), hint}
	}
	return nil
}
