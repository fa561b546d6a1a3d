package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"burn/report/command"
	"burn/report/manual"
)

var update = flag.Bool("update", false, "write the manual page anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"burn": main})
}

// TestScripts runs testdata/script. Beside testscript's own commands there are
//
//	exits CODE COMMAND…    the command ends with this code
//	figure EXPR WANT [N%]  what the last output, JSON, says (see evaluate)
//	same FILE FILE         equal JSON, generated_at left out
//	old FILE…              let the files rest since the year before
//	unnamed DIR DIR        a copy of log files in which callers say nothing of themselves
//	hold FILE              lock the file as another burn would, until the script's end
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/data")
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "figure": figure, "same": same, "hold": hold, "old": old, "unnamed": unnamed,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	case err != nil:
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

func figure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: figure EXPR WANT [N%%]")
	}
	got, err := evaluate(decode(ts, "stdout"), args[0])
	ts.Check(err)
	within := new(big.Rat)
	if len(args) == 3 {
		if _, ok := within.SetString(strings.TrimSuffix(args[2], "%")); !ok {
			ts.Fatalf("%s is not N%%", args[2])
		}
		within.Quo(within, big.NewRat(100, 1))
	}
	for _, v := range got {
		if !near(v, args[1], within) {
			ts.Fatalf("%s is %s, want %s", args[0], v, strings.Join(args[1:], " within "))
		}
	}
}

// near compares numbers, or words if one of the two is none.
func near(got, want string, within *big.Rat) bool {
	g, ok1 := new(big.Rat).SetString(got)
	w, ok2 := new(big.Rat).SetString(want)
	if !ok1 || !ok2 {
		return got == want
	}
	allowed := new(big.Rat).Mul(new(big.Rat).Abs(w), within)
	return new(big.Rat).Abs(g.Sub(g, w)).Cmp(allowed) <= 0
}

// evaluate finds values in decoded JSON. An expression is a path, a sum of
// paths, or one divided by another: totals.cost_usd, by_agent.#,
// by_agent[key=a].cost_usd+by_agent[key=b].cost_usd/totals.cost_usd. [*] stands
// for all elements, and is allowed in a single path only.
func evaluate(doc any, expr string) ([]string, error) {
	if !strings.ContainsAny(expr, "+/") {
		return values(doc, strings.Split(expr, "."))
	}
	above, below, divided := strings.Cut(expr, "/")
	total := new(big.Rat)
	add := func(sum *big.Rat, text string) error {
		for path := range strings.SplitSeq(text, "+") {
			found, err := values(doc, strings.Split(path, "."))
			if err != nil {
				return err
			}
			n, ok := new(big.Rat).SetString(found[0])
			if !ok || len(found) != 1 {
				return fmt.Errorf("%s is %v, not one number", path, found)
			}
			sum.Add(sum, n)
		}
		return nil
	}
	if err := add(total, above); err != nil {
		return nil, err
	}
	if divided {
		by := new(big.Rat)
		if err := add(by, below); err != nil {
			return nil, err
		}
		total.Quo(total, by)
	}
	return []string{total.FloatString(12)}, nil
}

// values follows a path; everything it leads to as text.
func values(v any, path []string) ([]string, error) {
	if len(path) == 0 {
		if s, ok := v.(string); ok {
			return []string{s}, nil
		}
		b, err := json.Marshal(v)
		return []string{string(b)}, err
	}
	name, index, indexed := strings.Cut(path[0], "[")
	if list, ok := v.([]any); ok && name == "#" {
		return []string{strconv.Itoa(len(list))}, nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no %s in %v", name, v)
	}
	member, ok := object[name]
	if !ok {
		return nil, fmt.Errorf("no member %s", name)
	}
	if !indexed {
		return values(member, path[1:])
	}
	key, want, _ := strings.Cut(strings.TrimSuffix(index, "]"), "=")
	list, _ := member.([]any)
	var found []string
	for _, element := range list {
		row, _ := element.(map[string]any)
		if key != "*" && fmt.Sprint(row[key]) != want {
			continue
		}
		more, err := values(element, path[1:])
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no row %s", path[0])
	}
	return found, nil
}

func decode(ts *testscript.TestScript, file string) map[string]any {
	d := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile(file))))
	d.UseNumber()
	var doc map[string]any
	ts.Check(d.Decode(&doc))
	return doc
}

func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	a, b := decode(ts, args[0]), decode(ts, args[1])
	for _, doc := range []map[string]any{a, b} {
		if doc["generated_at"] == nil {
			ts.Fatalf("no generated_at")
		}
		delete(doc, "generated_at")
	}
	if reflect.DeepEqual(a, b) == neg {
		ts.Fatalf("%s and %s: the same: %v", args[0], args[1], !neg)
	}
}

func old(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: old FILE…")
	}
	at := time.Now().AddDate(-1, 0, 0)
	for _, name := range args {
		ts.Check(os.Chtimes(ts.MkAbs(name), at, at))
	}
}

func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold FILE")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR|os.O_CREATE, 0o600)
	ts.Check(err)
	ts.Defer(func() { f.Close() })
	ts.Check(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	_, err = f.WriteString("process 1 since 2026-09-01T00:00:00Z\n")
	ts.Check(err)
}

// TestScriptCommands holds that the scripts' own commands can fail.
func TestScriptCommands(t *testing.T) {
	var doc any
	d := json.NewDecoder(strings.NewReader(`{"n":"2297.43","rows":[{"key":"a","x":1},{"key":"b","x":3}],"none":null}`))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		expr string
		want []string // nil: an error
	}{
		{"n", []string{"2297.43"}},
		{"none", []string{"null"}},
		{"rows.#", []string{"2"}},
		{"rows[key=b].x", []string{"3"}},
		{"rows[*].x", []string{"1", "3"}},
		{"rows[key=a].x+rows[key=b].x", []string{"4.000000000000"}},
		{"rows[key=a].x+rows[key=b].x/rows[key=a].x", []string{"4.000000000000"}},
		{"rows[key=c].x", nil},
		{"rows.x", nil},
		{"missing", nil},
		{"rows[*].x+n", nil},
	}
	for _, tt := range tests {
		got, err := evaluate(doc, tt.expr)
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s is %v, %v; want %v", tt.expr, got, err, tt.want)
		}
	}
	one := big.NewRat(1, 100)
	for _, tt := range []struct {
		got, want string
		near      bool
	}{{"2297.43", "2300", true}, {"2276.9", "2300", false}, {"2323.1", "2300", false}, {"14", "14", true}, {"a", "b", false}, {"null", "0", false}} {
		if near(tt.got, tt.want, one) != tt.near {
			t.Errorf("%s near %s: %v", tt.got, tt.want, !tt.near)
		}
	}
}

// everyCommand calls f with every command and the words that lead to it.
func everyCommand(c manual.Command, path string, f func(path string, c manual.Command)) {
	path = strings.TrimPrefix(path+" "+c.Name, " ")
	f(path, c)
	for _, sub := range c.Commands {
		everyCommand(sub, path, f)
	}
}

// completionScript writes a shell's script and returns its path, and that of the
// shell, "" if there is none here.
func completionScript(t *testing.T, shell string) (script, path string) {
	t.Helper()
	var b bytes.Buffer
	if err := manual.Completion(&b, shell, command.Describe()); err != nil {
		t.Fatal(err)
	}
	script = filepath.Join(t.TempDir(), "burn."+shell)
	if err := os.WriteFile(script, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Logf("what %s makes of the script is not tested: %v", shell, err)
		return script, ""
	}
	return script, path
}

// TestCompletionIsWhole holds that each script names every command and flag, and
// that its shell can read it.
func TestCompletionIsWhole(t *testing.T) {
	for _, shell := range manual.Shells {
		t.Run(shell, func(t *testing.T) {
			script, program := completionScript(t, shell)
			b, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			everyCommand(command.Describe(), "", func(path string, c manual.Command) {
				if !strings.Contains(string(b), path) {
					t.Errorf("%s is not in the script", path)
				}
				for _, f := range c.Flags {
					want := "--" + f.Names[0]
					if shell == "fish" {
						want = "-l " + f.Names[0]
					}
					here := false
					for line := range strings.Lines(string(b)) {
						here = here || strings.Contains(line, want) && (shell == "zsh" || strings.Contains(line, path))
					}
					if !here {
						t.Errorf("%s --%s is not in the script", path, f.Names[0])
					}
				}
			})
			if program == "" {
				return
			}
			if out, err := exec.Command(program, "-n", script).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s -n: %v\n%s", shell, err, out)
			}
		})
	}
}

// TestCompletion types lines, the last word unfinished, into bash and fish.
func TestCompletion(t *testing.T) {
	tests := []struct {
		name string
		line []string
		want []string
	}{
		{"commands", []string{"pr"}, []string{"proxy", "prices"}},
		{"a command's commands", []string{"prices", "ex"}, []string{"explain"}},
		{"a partial flag", []string{"analyze", "--mail"}, []string{"--mail-to", "--mail-when"}},
		{"a flag of a command below", []string{"prices", "list", "--prov"}, []string{"--provider"}},
		{"a flag of another command", []string{"proxy", "--mail"}, nil},
		{"the program's own flags", []string{"--ver"}, []string{"--version"}},
		{"behind a flag and its value", []string{"analyze", "--since", "7d", "--no-i"}, []string{"--no-ingest"}},
		{"a value", []string{"analyze", "--format", "m"}, []string{"markdown"}},
		{"a value that this command does not know", []string{"doctor", "--format", "m"}, nil},
		{"a file", []string{"analyze", "--prices", "pric"}, []string{"prices of ours.csv"}},
		{"a file as operand", []string{"prices", "check", "pric"}, []string{"prices of ours.csv"}},
		{"a directory", []string{"proxy", "--log-dir", "lo"}, []string{"logs"}},
		{"a shell", []string{"completion", "z"}, []string{"zsh"}},
		{"an agent that is called as a command", []string{"mark", "prices", "--mess"}, []string{"--message"}},
		{"nothing to offer", []string{"proxy", "--listen", "1"}, nil},
	}
	dir := t.TempDir()
	for _, name := range []string{"prices of ours.csv", "lo.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	runs := map[string]func(program, script string, line []string) *exec.Cmd{
		"bash": func(program, script string, line []string) *exec.Cmd {
			const typed = `source "$1"; shift; COMP_WORDS=(burn "$@"); COMP_CWORD=$#; _burn; [ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"`
			return exec.Command(program, append([]string{"--norc", "-c", typed, "bash", script}, line...)...)
		},
		"fish": func(program, script string, line []string) *exec.Cmd {
			return exec.Command(program, "--no-config", "-c", `source $argv[1]; complete -C "$argv[2]"`, script, "burn "+strings.Join(line, " "))
		},
	}
	for shell, command := range runs {
		t.Run(shell, func(t *testing.T) {
			script, program := completionScript(t, shell)
			if program == "" {
				t.Skipf("no %s here", shell)
			}
			all := tests
			if shell == "bash" { // which breaks words at =
				all = append(slices.Clone(tests), tests[7], tests[9])
				for i, word := range []string{"m", "pric"} {
					split := &all[len(tests)+i]
					split.name += " behind ="
					split.line = []string{"analyze", split.line[1], "=", word}
				}
			}
			for _, tt := range all {
				cmd := command(program, script, tt.line)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("%s: %v\n%s", tt.name, err, out)
					continue
				}
				var got []string
				for line := range strings.Lines(string(out)) {
					word, _, _ := strings.Cut(strings.TrimSpace(line), "\t") // fish explains behind a tab
					got = append(got, strings.TrimSuffix(word, "/"))
				}
				slices.Sort(got)
				want := slices.Sorted(slices.Values(tt.want))
				if !slices.Equal(got, want) {
					t.Errorf("%s, %q: %q, want %q", tt.name, tt.line, got, want)
				}
			}
		})
	}
}

// TestExamples holds that every command shows at least two command lines, and
// that these name commands, flags and operands that there are.
func TestExamples(t *testing.T) {
	root := command.Describe()
	known := map[string]manual.Command{}
	everyCommand(root, "", func(path string, c manual.Command) { known[path] = c })
	for path, c := range known {
		lines := c.Examples()
		if len(lines) < 2 {
			t.Errorf("%s --help shows %d examples", path, len(lines))
		}
		shown := false
		for _, line := range lines {
			_, line, _ = strings.Cut("$("+line, "(burn") // source <(burn …)
			for command := range strings.SplitSeq("burn"+line, " && ") {
				at := ""
				for word := range strings.FieldsSeq(command) {
					if next := strings.TrimPrefix(at+" "+word, " "); known[next].Name != "" {
						at = next
						continue
					}
					name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
					if strings.HasPrefix(word, "-") && len(word) > 1 && !slices.ContainsFunc(known[at].Flags, func(f manual.Flag) bool { return slices.Contains(f.Names, name) }) {
						t.Errorf("%s --help: %q: %s has no %s", path, command, at, word)
					}
				}
				shown = shown || at == path || strings.HasPrefix(at, path+" ")
			}
		}
		if !shown {
			t.Errorf("%s --help does not show %s", path, path)
		}
	}
}

// TestManual holds that the manual page is that of the commands and flags as they
// are, names each, and is sound; -update makes it.
func TestManual(t *testing.T) {
	const page = "report/manual/burn.1"
	t.Setenv("XDG_DATA_HOME", "~/.local/share") // defaults of no one machine
	root := command.Describe()
	var b bytes.Buffer
	if err := manual.Page(&b, version, root); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, b.Bytes()) {
		t.Errorf("%s is not what the commands say: go test . -run TestManual -update", page)
	}
	text := strings.ReplaceAll(string(kept), `\-`, "-")
	everyCommand(root, "", func(path string, c manual.Command) {
		if path != "burn" && !strings.Contains(text, "\n.SS "+strings.TrimSpace(path+" "+c.Operand)+"\n") {
			t.Errorf("%s is not in the page", path)
		}
		for _, f := range c.Flags {
			if !strings.Contains(text, `\fB--`+f.Names[0]+`\fR`) && f.Names[0] != "version" {
				t.Errorf("%s --%s is not in the page", path, f.Names[0])
			}
		}
	})
	for _, code := range []int{0, command.ExitUsage, command.ExitFailed, command.ExitUnsent, command.ExitCrossed, command.ExitFound, command.ExitStrict, command.ExitNothing} {
		if !strings.Contains(text, fmt.Sprintf("\n.B %d\n", code)) {
			t.Errorf("exit status %d is not in the page", code)
		}
	}
	lint, err := exec.LookPath("mandoc")
	if err != nil {
		t.Logf("the page is not looked through: %v", err)
		return
	}
	// A page made from the source has no date of its own.
	out, err := exec.Command(lint, "-T", "lint", "-W", "warning", page).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") {
			t.Errorf("mandoc: %s", line)
		}
	}
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Error(err)
	}
}
