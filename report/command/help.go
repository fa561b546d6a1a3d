package command

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"burn/report"
)

// Help keeps to a terminal of the usual width, wherever it is shown: a flag with what
// it takes on the left, and what it is for beside it.
const (
	helpWidth  = 80
	helpColumn = 28 // of the longest flag, --allow-unauthenticated, and the space around it
)

// flagHelp is a flag as help shows it: name and explanation with a tab between them,
// each further line with the tab in front.
func flagHelp(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	usage, takes := doc.GetUsage(), ""
	if doc.TakesValue() {
		takes = "VALUE"
		if before, rest, ok := strings.Cut(usage, "`"); ok {
			name, after, _ := strings.Cut(rest, "`")
			takes, usage = name, before+name+after
		}
		if value := doc.GetDefaultText(); value != "" {
			usage += fmt.Sprintf(" (default: %s)", strings.Trim(value, `"`))
		}
	}
	for _, name := range doc.GetEnvVars() {
		usage += " [$" + name + "]"
	}
	var names []string
	for _, name := range f.Names() {
		dashes := "--"
		if len(name) == 1 {
			dashes = "-"
		}
		names = append(names, dashes+name)
	}
	left := strings.TrimSpace(strings.Join(names, ", ") + " " + takes)
	return left + "\t" + strings.Join(report.Wrapped(usage, helpWidth-helpColumn), "\n  \t")
}

// commonHeading stands above what all commands take.
const commonHeading = "Common flags"

// group puts flags under one heading of help.
func group(heading string, flags ...cli.Flag) []cli.Flag {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			f.Category = heading
		case *cli.StringSliceFlag:
			f.Category = heading
		case *cli.BoolFlag:
			f.Category = heading
		case *cli.IntFlag:
			f.Category = heading
		}
	}
	return flags
}
