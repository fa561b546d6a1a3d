package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"burn/report/manual"
)

// TestSentences: of an error of the database only what is meant for people is shown.
func TestSentences(t *testing.T) {
	text := "checkpoint: FATAL Error: Could not write file \"/tmp/x [0x1]\": No space left on device\n\nStack Trace:\n\n/bin/burn(duckdb::Exception::ToJSON(char const*)+0x4c) [0x21c22ac]\n/bin/burn() [0xe3f144]\nclose: no"
	want := []string{"checkpoint: FATAL Error: Could not write file \"/tmp/x [0x1]\": No space left on device", "close: no"}
	if got := sentences(text); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestHelp: every command's help names all its flags and their variables, and keeps
// to the width of a terminal.
func TestHelp(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "~/.local/share") // a default of no one machine
	var look func(path []string, c manual.Command)
	look = func(path []string, c manual.Command) {
		var out, errs bytes.Buffer
		if code := Run("0", append(path, "--help"), &out, &errs); code != 0 || errs.Len() > 0 {
			t.Fatalf("%q: exit %d, %s", path, code, &errs)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > helpWidth || strings.Contains(line, "\t") {
				t.Errorf("%q: wider than %d columns, or with a tab: %q", path, helpWidth, line)
			}
		}
		for _, f := range c.Flags {
			if len(c.Commands) > 0 { // their help has the flags
				continue
			}
			if !strings.Contains(out.String(), "\n  --"+f.Names[0]) || f.Env != "" && !strings.Contains(out.String(), "[$"+f.Env+"]") {
				t.Errorf("%q: --%s or its variable %s is not in\n%s", path, f.Names[0], f.Env, &out)
			}
		}
		for _, sub := range c.Commands {
			look(append(path[:len(path):len(path)], sub.Name), sub)
		}
	}
	look([]string{"burn"}, Describe())
}
