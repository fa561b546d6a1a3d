package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSectionErrors holds what a file that cannot be used is answered with: its
// line, in words of the file's.
func TestSectionErrors(t *testing.T) {
	type entry struct {
		Agent string `yaml:"agent"`
		USD   string `yaml:"usd"`
	}
	tests := []struct {
		name, file string
		into       any
		want       string // what follows the path; "" for none
	}{
		{"fine", "mail:\n  agent: a\n", &entry{}, ""},
		{"a number for a text", "mail:\n  usd: 80\n", &entry{}, ""},
		{"misspelt", "# first\nmail:\n  # what\n  agnt: a\n", &entry{}, `:4: unknown key "agnt" in mail: did you mean "agent"?`},
		{"like nothing", "mail:\n  telephone: 1\n", &entry{}, `:2: unknown key "telephone" in mail`},
		{"in a list", "mail:\n  - agent: a\n  - agent: b\n    used: 1\n", &[]entry{}, `:4: unknown key "used" in mail: did you mean "usd"?`},
		{"in a mapping", "mail:\n  x: {agent: a, us: 1}\n", &map[string]entry{}, `:2: unknown key "us" in mail: did you mean "usd"?`},
		{"in flow style", "mail: {agnt: a}\n", &entry{}, `:1: unknown key "agnt" in mail: did you mean "agent"?`},
		{"merged in", "mail:\n  - &a {agent: a}\n  - {<<: *a, usd: 1}\n", &[]entry{}, ""},
		{"merged in and misspelt", "mail:\n  x: &a {agent: a}\n  y:\n    <<: [*a, {agnt: 1}]\n", &map[string]entry{}, `:4: unknown key "agnt" in mail: did you mean "agent"?`},
		{"by an alias", "tags:\n  x: &a {agnt: a}\nmail: *a\n", &entry{}, `:2: unknown key "agnt" in mail: did you mean "agent"?`},
		{"given twice", "mail:\n  agent: a\n  agent: b\n", &entry{}, `:3: mail: mapping key "agent" already defined at line 2`},
		{"a list for keys", "mail:\n  - a\n", &entry{}, `:2: mail: want keys with values, not a list`},
		{"a word for keys", "mail: yes please\n", &entry{}, `:1: mail: want keys with values, not "yes please"`},
		{"keys for a list", "mail:\n  agent: a\n", &[]entry{}, `:2: mail: want a list, not keys with values`},
		{"a word for a number", "mail:\n  a: 1\n  b: many\n", &map[string]int64{}, `:3: mail: want a whole number, not "many"`},
		{"a list for a word", "mail:\n  agent: [a, b]\n", &entry{}, `:2: mail: want a plain value, not a list`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "burn.yaml")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Read(path, []string{"mail", "tags"})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := f.Section("mail", tt.into); err != nil {
				got = strings.TrimPrefix(err.Error(), path)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestReadErrors is the same for the whole file.
func TestReadErrors(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"a list", "- mail\n", `:1: want keys with values, not a list`},
		{"misspelt", "tags: {}\nmial: {}\n", `:2: unknown key "mial": did you mean "mail"?`},
		{"given twice", "mail: {}\nmail: {}\n", `:2: mapping key "mail" already defined at line 1`},
		{"two documents", "mail: {}\n---\ntags: {}\n", `:2: a second document: want one`},
		{"no YAML", "mail: {}\n\ttags: {}\n", ":2: found character that cannot start any token; indent with spaces, not tabs, and put quotes around values that begin with % @ or `"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "burn.yaml")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path, []string{"mail", "tags"})
			if err == nil || strings.TrimPrefix(err.Error(), path) != tt.want {
				t.Errorf("got  %v\nwant …%s", err, tt.want)
			}
		})
	}
}

// TestValues holds what a key of a flag's name gives the flag.
func TestValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "burn.yaml")
	file := "one: &a a b\nlist: [1, *a]\nalias: *a\nnothing:\ntilde: ~\nempty: \"\"\nkeys: {a: 1}\ndeep: [[a]]\n"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	known := []string{"one", "list", "alias", "nothing", "tilde", "empty", "keys", "deep"}
	f, err := Read(path, known)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key  string
		want []string
		err  string // what follows the path
	}{
		{"one", []string{"a b"}, ""},
		{"list", []string{"1", "a b"}, ""},
		{"alias", []string{"a b"}, ""},
		{"nothing", nil, ""},
		{"tilde", nil, ""},
		{"empty", []string{""}, ""},
		{"keys", nil, ":7: keys: want a value or a list of values"},
		{"deep", nil, ":8: deep: want a list of plain values"},
	} {
		got, err := f.Values(tt.key)
		text := ""
		if err != nil {
			text = strings.TrimPrefix(err.Error(), path)
		}
		if !slices.Equal(got, tt.want) || text != tt.err {
			t.Errorf("%s: %q, %s; want %q, %s", tt.key, got, text, tt.want, tt.err)
		}
	}
}

// TestEmptyFile holds that a file in which everything is commented out is fine.
func TestEmptyFile(t *testing.T) {
	for _, file := range []string{"", "# since: 7d\n", "---\n"} {
		path := filepath.Join(t.TempDir(), "burn.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := Read(path, nil); err != nil || len(f.Keys()) != 0 {
			t.Errorf("%q: %v", file, err)
		}
	}
}
