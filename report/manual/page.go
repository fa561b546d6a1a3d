package manual

import (
	"fmt"
	"io"
	"strings"
)

// Page writes the manual page of root, in man(7), for the version of the program.
// It has no date, so that it changes with what it describes alone.
func Page(w io.Writer, version string, root Command) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := strings.ToUpper(root.Name)
	line(`.\" Made from the program's commands and flags; go test . -run TestManual -update`)
	line(`.TH %s 1 "" "%s" "User Commands"`, name, roff(root.Name+" "+version))
	line(".SH NAME\n%s \\- %s", root.Name, roff(root.Usage))
	line(".SH SYNOPSIS")
	for i, p := range root.places()[1:] {
		if len(p.Commands) > 0 {
			continue
		}
		if i > 0 {
			line(".br")
		}
		line(".B %s", roff(p.path))
		if p.Operand != "" {
			line(".I %s", p.Operand)
		}
		line("[\\fIFLAGS\\fR]")
	}
	line(".SH DESCRIPTION")
	paragraphs(&b, about)
	line(".SH COMMANDS")
	everywhere := root.shared()
	for _, p := range root.places()[1:] {
		line(".SS %s", roff(strings.TrimSpace(p.path+" "+p.Operand)))
		line("%s.", roff(strings.ToUpper(p.Usage[:1])+p.Usage[1:]))
		line(".PP")
		paragraphs(&b, p.Description)
		if len(p.Commands) > 0 {
			continue
		}
		for _, f := range p.Flags {
			if !everywhere[f.Names[0]] {
				flag(&b, f)
			}
		}
	}
	line(".SS Flags of every command")
	for _, f := range root.Commands[0].Flags {
		if everywhere[f.Names[0]] {
			flag(&b, f)
		}
	}
	line(".SH ENVIRONMENT")
	paragraphs(&b, environment)
	line(".SH FILES")
	for _, f := range files {
		line(".TP\n.I %s\n%s", roff(f[0]), roff(f[1]))
	}
	line(".SH EXIT STATUS")
	for _, s := range statuses {
		line(".TP\n.B %s\n%s", s[0], roff(s[1]))
	}
	line(".SH EXAMPLES")
	paragraphs(&b, "The first needs no key, no configuration and no network.\n"+root.Description)
	_, err := io.WriteString(w, b.String())
	return err
}

// shared are the flags that all commands with flags have.
func (c Command) shared() map[string]bool {
	count, commands := map[string]int{}, 0
	for _, p := range c.places()[1:] {
		if len(p.Commands) > 0 {
			continue
		}
		commands++
		for _, f := range p.Flags {
			count[f.Names[0]]++
		}
	}
	all := map[string]bool{}
	for name, n := range count {
		all[name] = n == commands
	}
	return all
}

// flag is an entry of a list.
func flag(b *strings.Builder, f Flag) {
	argument, usage := f.argument()
	var spellings []string
	for _, s := range f.spellings() {
		if argument != "" {
			spellings = append(spellings, `\fB`+roff(s)+`\fR \fI`+roff(argument)+`\fR`)
		} else {
			spellings = append(spellings, `\fB`+roff(s)+`\fR`)
		}
	}
	fmt.Fprintf(b, ".TP\n%s\n%s", strings.Join(spellings, ", "), roff(usage))
	if f.Default != "" {
		fmt.Fprintf(b, " (default: %s)", roff(f.Default))
	}
	b.WriteString(".\n")
}

// paragraphs writes text whose indented lines are shown as they are.
func paragraphs(b *strings.Builder, text string) {
	shown := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		example, indented := strings.CutPrefix(line, "  ")
		switch {
		case indented && !shown:
			b.WriteString(".PP\n.RS 4\n.nf\n")
		case !indented && shown:
			b.WriteString(".fi\n.RE\n.PP\n")
		}
		if shown = indented; indented {
			line = example
		}
		if line != "" {
			b.WriteString(roff(line) + "\n")
		}
	}
	if shown {
		b.WriteString(".fi\n.RE\n")
	}
}

// roff is text that is not taken for requests, and whose hyphens, quotes and
// tildes can be pasted into a shell.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`, "…", "...", "→", "->").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// What follows is in no command's help.

const about = `A team shares one LLM bill and cannot say which service, agent, user or hour
burned it. burn proxy stands between services and providers, changes nothing and
appends one line of metadata per call to files: no prompt, no answer, no key.
burn analyze reads the files into a database, prices each call, finds what could
have been avoided and prints, writes or mails a report. The files are the truth;
the database can be deleted at any time.`

const environment = `Every flag has a variable: BURN_ and its name in capitals, with _ for each hyphen,
such as BURN_LOG_DIR. Every flag is also a key of the YAML file that --config
names. A flag wins over the environment, the environment over the file, the file
over the default. BURN_SMTP_PASSWORD is the password of a mail server. NO_COLOR
takes the colours from tables, and XDG_DATA_HOME is the user's data directory.`

var files = [][2]string{
	{"burn-*.jsonl", "In the log directory: one line of JSON per call."},
	{"burn-marks.ndjson", "In the log directory: what burn mark noted."},
	{"burn.key", "Beside the log directory: the secret of the fingerprints."},
	{"burn.duckdb", "Beside the log directory: the database, a cache."},
}

var statuses = [][2]string{
	{"0", "Fine."},
	{"1", "It could not be done."},
	{"2", "Usage or configuration is wrong."},
	{"4", "There are no calls in the period."},
	{"5", "The report was made, the mail not sent; it is kept as a file."},
	{"6", "With --strict: lines were rejected, or calls have no price."},
	{"10", "With --fail-on budget: a budget is crossed."},
	{"11", "With --fail-on findings: there are certain or likely findings."},
}
