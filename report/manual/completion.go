package manual

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Shells are the shells for which there is a completion script.
var Shells = []string{"bash", "zsh", "fish"}

// ErrShell says that there is no completion script for a shell.
var ErrShell = errors.New("no completion for this shell")

// Completion writes the script that makes a shell complete the commands of root,
// their flags, and values that are known words, files or directories. The
// script holds all names and never runs the program.
func Completion(w io.Writer, shell string, root Command) error {
	scripts := map[string]func(Command) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	script, ok := scripts[shell]
	if !ok {
		return fmt.Errorf("%w: %q, use %s", ErrShell, shell, Shells[0]+", "+Shells[1]+" or "+Shells[2])
	}
	_, err := io.WriteString(w, script(root))
	return err
}

// quoted is s as one word of a POSIX shell.
func quoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// deeper are the patterns of a case that finds commands: 'burn prices'|….
func deeper(root Command) string {
	var list []string
	for _, p := range root.places()[1:] {
		list = append(list, quoted(p.path))
	}
	return strings.Join(list, "|")
}

// bashScript needs nothing newer than bash 3.2. Where = breaks words, as it does
// unless told otherwise, --format=json arrives as three of them.
func bashScript(root Command) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# bash completion for %s", root.Name)
	line("_%s() {", root.Name)
	line("\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at=%s word words= IFS=$' \\t\\n'", root.Name)
	line("\tCOMPREPLY=()")
	line("\tif [ \"$cur\" = = ]; then cur=")
	line("\telif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}")
	line("\tfi")
	line("\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do")
	line("\t\tcase \"$at $word\" in")
	line("\t\t%s) at=\"$at $word\" ;;", deeper(root))
	line("\t\t*) break ;;")
	line("\t\tesac")
	line("\tdone")
	line("\tcase \"$at $prev\" in")
	var nothing []string
	for _, p := range root.places() {
		for _, f := range p.Flags {
			if !f.Takes {
				continue
			}
			var patterns []string
			for _, s := range f.spellings() {
				patterns = append(patterns, quoted(p.path+" "+s))
			}
			pattern := strings.Join(patterns, "|")
			switch name, _ := f.argument(); {
			case len(f.Values) > 0:
				line("\t%s) words=%s ;;", pattern, quoted(strings.Join(f.Values, " ")))
			case name == "FILE":
				line("\t%s) _%s_paths -f; return ;;", pattern, root.Name)
			case name == "DIR":
				line("\t%s) _%s_paths -d; return ;;", pattern, root.Name)
			default:
				nothing = append(nothing, pattern)
			}
		}
	}
	if len(nothing) > 0 {
		line("\t%s) return ;;", strings.Join(nothing, "|"))
	}
	line("\t*)")
	line("\t\tcase \"$at:$cur\" in") // the colon tells a command from those below it
	for _, p := range root.places() {
		var flags, names []string
		for _, f := range p.Flags {
			flags = append(flags, f.spellings()...)
		}
		for _, sub := range p.Commands {
			names = append(names, sub.Name)
		}
		line("\t\t%s-*) words=%s ;;", quoted(p.path+":"), quoted(strings.Join(flags, " ")))
		if names = append(names, p.Operands...); len(names) > 0 {
			line("\t\t%s*) words=%s ;;", quoted(p.path+":"), quoted(strings.Join(names, " ")))
		} else if p.Operand == "FILE" {
			line("\t\t%s*) _%s_paths -f; return ;;", quoted(p.path+":"), root.Name)
		} else {
			line("\t\t%s*) ;;", quoted(p.path+":"))
		}
	}
	line("\t\tesac ;;")
	line("\tesac")
	line("\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))")
	line("}")
	line("_%s_paths() {", root.Name)
	line("\tlocal IFS=$'\\n'")
	line("\tcompopt -o filenames 2>/dev/null")
	line("\tCOMPREPLY=($(compgen \"$1\" -- \"$cur\"))")
	line("}")
	line("complete -F _%s %s", root.Name, root.Name)
	return b.String()
}

// zshScript may be sourced, or stand as _burn in a directory of fpath.
func zshScript(root Command) string {
	// In a specification of _arguments these characters separate its parts.
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`).Replace
	action := func(name string, values []string) string {
		switch {
		case len(values) > 0:
			return "(" + strings.Join(values, " ") + ")"
		case name == "FILE":
			return "_files"
		case name == "DIR":
			return "_files -/"
		}
		return " " // asked for, with nothing to offer
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#compdef %s", root.Name)
	line("_%s() {", root.Name)
	line("\tlocal at=%s", root.Name)
	line("\twhile (( CURRENT > 2 )); do")
	line("\t\tcase \"$at $words[2]\" in")
	line("\t\t(%s) at=\"$at $words[2]\"; shift words; (( CURRENT-- )) ;;", deeper(root))
	line("\t\t(*) break ;;")
	line("\t\tesac")
	line("\tdone")
	line("\tlocal -a commands")
	line("\tcase $at in")
	for _, p := range root.places() {
		line("\t(%s)", quoted(p.path))
		var specs []string
		for _, f := range p.Flags {
			name, usage := f.argument()
			for i, s := range f.spellings() {
				spec := s
				if f.Takes && i == 0 {
					spec += "="
				}
				if f.Repeats {
					spec = "*" + spec
				} else if len(f.Names) > 1 {
					spec = "(" + strings.Join(f.spellings(), " ") + ")" + spec
				}
				spec += "[" + escape(usage) + "]"
				if f.Takes {
					spec += ":" + strings.ReplaceAll(name, ":", `\:`) + ":" + action(name, f.Values)
				}
				specs = append(specs, quoted(spec))
			}
		}
		switch {
		case len(p.Commands) > 0:
			line("\t\tcommands=(")
			for _, sub := range p.Commands {
				line("\t\t\t%s", quoted(strings.ReplaceAll(sub.Name, ":", `\:`)+":"+sub.Usage))
			}
			line("\t\t)")
			specs = append(specs, quoted("1:command:{_describe command commands}"))
		case p.Operand != "":
			specs = append(specs, quoted("1:"+p.Operand+":"+action(p.Operand, p.Operands)))
		}
		line("\t\t_arguments \\\n\t\t\t%s ;;", strings.Join(specs, " \\\n\t\t\t"))
	}
	line("\tesac")
	line("}")
	line("if [ \"$funcstack[1]\" = _%s ]; then _%s \"$@\"; else compdef _%s %s; fi", root.Name, root.Name, root.Name, root.Name)
	return b.String()
}

// fishScript offers files only where a file is wanted.
func fishScript(root Command) string {
	word := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# fish completion for %s", root.Name)
	line("function __%s_is", root.Name)
	line("    set -l at %s", root.Name)
	line("    set -l words (commandline -opc)")
	line("    set -e words[1]")
	line("    for word in $words")
	var known []string
	for _, p := range root.places()[1:] {
		known = append(known, word(p.path))
	}
	line("        contains -- \"$at $word\" %s; or break", strings.Join(known, " "))
	line("        set at \"$at $word\"")
	line("    end")
	line("    test \"$at\" = \"$argv\"")
	line("end")
	line("complete -c %s -f", root.Name)
	for _, p := range root.places() {
		here := fmt.Sprintf("complete -c %s -n %s", root.Name, word("__"+root.Name+"_is "+p.path))
		for _, sub := range p.Commands {
			line("%s -a %s -d %s", here, word(sub.Name), word(sub.Usage))
		}
		switch {
		case len(p.Operands) > 0:
			line("%s -a %s", here, word(strings.Join(p.Operands, " ")))
		case p.Operand == "FILE":
			line("%s -F", here)
		}
		for _, f := range p.Flags {
			name, usage := f.argument()
			var options strings.Builder
			for _, n := range slices.Backward(f.Names) {
				if len(n) == 1 {
					options.WriteString(" -s " + n)
				} else {
					options.WriteString(" -l " + n)
				}
			}
			switch {
			case len(f.Values) > 0:
				options.WriteString(" -x -a " + word(strings.Join(f.Values, " ")))
			case name == "FILE":
				options.WriteString(" -r -F")
			case name == "DIR":
				options.WriteString(" -x -a " + word("(__fish_complete_directories)"))
			case f.Takes:
				options.WriteString(" -x")
			}
			line("%s%s -d %s", here, options.String(), word(usage))
		}
	}
	return b.String()
}
