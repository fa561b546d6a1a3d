// Package manual makes of the program's commands, as plain data, what shells and
// people read: completion scripts and the manual page. It knows no library for
// command lines; main describes what it has.
package manual

import "strings"

// Command is a command of the program as people type it: what completion scripts
// and the manual page are made from.
type Command struct {
	Name        string    // the last word: list of burn prices list
	Usage       string    // what it does, in a line
	Operand     string    // the one argument it takes, such as FILE, or ""
	Operands    []string  // what the operand may be, if that is a closed set
	Description string    // paragraphs; lines indented by two spaces are examples
	Flags       []Flag    // its own flags, and those of every command
	Commands    []Command // below it, or none
}

// Flag is a flag of a command.
type Flag struct {
	Names   []string // without dashes, the long name first
	Usage   string   // what it does; what it takes stands in backquotes
	Default string   // as typed, or ""
	Env     string   // the environment variable, or ""
	Takes   bool     // a value follows
	Repeats bool     // it may be given several times
	Values  []string // words that the value may be, to be offered
}

// argument is what a flag takes, in capitals, and its usage without backquotes.
func (f Flag) argument() (name, usage string) {
	if !f.Takes {
		return "", f.Usage
	}
	before, rest, ok := strings.Cut(f.Usage, "`")
	name, after, ok2 := strings.Cut(rest, "`")
	if !ok || !ok2 {
		return "VALUE", f.Usage
	}
	return name, before + name + after
}

// spellings are the flag's names with their dashes.
func (f Flag) spellings() []string {
	var list []string
	for _, name := range f.Names {
		if len(name) == 1 {
			list = append(list, "-"+name)
		} else {
			list = append(list, "--"+name)
		}
	}
	return list
}

// placed is a command and the words that lead to it: burn prices list.
type placed struct {
	path string
	Command
}

// places are c and all commands below it, in order.
func (c Command) places() []placed {
	list := []placed{{c.Name, c}}
	for _, sub := range c.Commands {
		for _, p := range sub.places() {
			list = append(list, placed{c.Name + " " + p.path, p.Command})
		}
	}
	return list
}

// Examples are the command lines that a description shows.
func (c Command) Examples() (lines []string) {
	for line := range strings.Lines(c.Description) {
		if example, ok := strings.CutPrefix(line, "  "); ok {
			lines = append(lines, strings.TrimSpace(example))
		}
	}
	return lines
}
