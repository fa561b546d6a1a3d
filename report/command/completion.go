package command

import (
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"burn/proxy"
	"burn/report"
	"burn/report/manual"
)

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
			err := manual.Completion(p.stdout, c.Args().First(), Describe())
			if errors.Is(err, manual.ErrShell) {
				return &exit{ExitUsage, err, "burn completion --help"}
			}
			return err
		},
	}
}

// Describe is the program's commands as plain data.
func Describe() manual.Command {
	app := new(program).app()
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
	"mail-when":    report.Whens,
	"log-level":    {"debug", "info", "warn", "error"},
	"fingerprints": {"on", "off"},
	"users":        {string(proxy.UsersPlain), string(proxy.UsersHash), string(proxy.UsersOff)},
}
