//go:build cgo

package analyze_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"burn/analyze"
	"burn/queries"
)

// TestCatalogueAndFilesMatch: each file is a row, each row a file, and the rows
// name columns and order as the files do.
func TestCatalogueAndFilesMatch(t *testing.T) {
	files, err := filepath.Glob("../queries/*.sql")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".sql"); !slices.Contains([]string{"schema", "words", "views"}, name) && !strings.HasPrefix(name, "finding") {
			names = append(names, name)
		}
	}
	var rows []string
	for _, q := range analyze.Questions() {
		rows = append(rows, q.Name)
	}
	slices.Sort(names)
	slices.Sort(rows)
	if !slices.Equal(names, rows) {
		t.Errorf("files %q, catalogue %q", names, rows)
	}
}

// TestEachFileRunsPastedAlone: as in a DuckDB shell after a run, with nothing set.
func TestEachFileRunsPastedAlone(t *testing.T) {
	w := newWorld(t)
	w.add(call{ts: at("2026-11-02 00:00:00"), agent: "a", cost: "1", session: "s", trace: "t", input: 100, output: 1},
		call{ts: at("2026-11-02 00:00:01"), agent: "a", trace: "t", session: "s"},
		call{ts: at("2026-11-02 00:00:02"), agent: "a", cost: "1", stream: true, estimated: true},
		call{ts: at("2026-11-02 00:00:03"), cost: "1", flags: "inconsistent"})
	w.run(analyze.Options{Period: november, Marks: []analyze.Mark{{At: at("2026-11-01 12:00:00"), Agent: "a", Text: "t"}}})
	for _, q := range analyze.Questions() {
		t.Run(q.Name, func(t *testing.T) {
			text, err := os.ReadFile("../queries/" + q.Name + ".sql")
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != queries.Text(q.Name) {
				t.Error("embedded text differs from the file")
			}
			rows, err := w.db.Query(string(text))
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			cols, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for rows.Next() {
				n++
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if n == 0 && q.Name != "quality_rejects" {
				t.Error("no rows: the test shows nothing")
			}
			for _, c := range strings.Fields(q.Cols + " " + q.Slow) {
				if !slices.Contains(cols, c) {
					t.Errorf("no column %s in %q", c, cols)
				}
			}
			if i := strings.LastIndex(string(text), "\nORDER BY "); q.Order != "" && (i < 0 || strings.TrimSpace(string(text)[i+len("\nORDER BY "):]) != q.Order) {
				t.Errorf("file is not ordered by %q", q.Order)
			}
			if !strings.HasPrefix(string(text), "-- ") || strings.Contains(string(text), ";") {
				t.Error("file does not begin with its question, or holds a semicolon")
			}
		})
	}
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, word string
		want       bool
	}{
		{"a*", "abc", true}, {"a*", "ba", false}, {"*", "", true}, {"a*", "a/b\nc", true},
		{"a?c", "abc", true}, {"a?c", "aéc", true}, {"a?c", "ac", false},
		{"[a-c]x", "bx", true}, {"[a-c]x", "dx", false}, {"[!a-c]x", "dx", true}, {"[!a-c]x", "ax", false},
		{"[]]", "]", true}, {"[a-]", "-", true}, {"[z-a]", "[z-a]", true}, {"[abc", "[abc", true}, {"[", "[", true}, {"[]", "[]", true},
		{`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true}, {"a.c", "abc", false}, {"(a|b)", "a", false}, {"", "", true}, {"", "a", false},
		{`[\d]`, "5", false}, {"[[:alpha:]]", "a", false}, {"[a&&b]", "&", true},
	} {
		if got := analyze.Match(c.word, c.glob); got != c.want {
			t.Errorf("glob %q on %q: %v, want %v", c.glob, c.word, got, c.want)
		}
	}
	if !analyze.Match("b", "a", "b") || analyze.Match("ab", "a", "b") {
		t.Error("either of two globs must match the whole word")
	}
}
