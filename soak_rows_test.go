package main

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every test that testdata/soak/README.md names for a fault is there, in the
// package that it says.
func TestFaultsHaveTheirTests(t *testing.T) {
	where := map[string][]string{} // directories of each test, benchmark and fuzz target
	defined := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range defined.FindAllSubmatch(text, -1) {
			where[string(m[1])] = append(where[string(m[1])], filepath.ToSlash(filepath.Dir(path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/soak/README.md")
	if err != nil {
		t.Fatal(err)
	}
	proxies, analyzers, found := strings.Cut(string(text), "The analyzer's, in `ingest`")
	if !found {
		t.Fatal("no part of the analyzer")
	}
	word := regexp.MustCompile("`[^`]*`|\\*soak\\*|\\*soak, root\\*|the program's|; ")
	name := regexp.MustCompile(`^(Test|Fuzz|Benchmark)\w+$`)
	rows := 0
	var listed []int
	for home, part := range map[string]string{"proxy": proxies, "ingest": analyzers} {
		for line := range strings.Lines(part) {
			cells := strings.Split(line, "|")
			if len(cells) != 5 || !strings.Contains(cells[3], "`") {
				continue
			}
			rows++
			listed = append(listed, numbers(t, cells[1])...)
			dirs, named := []string{home}, false
			for _, w := range word.FindAllString(cells[3], -1) {
				text := strings.Trim(w, "`")
				switch {
				case w == "; ":
					dirs = []string{home}
				case w[0] == '*':
					dirs = []string{"testdata/soak", home}
				case w == "the program's":
					dirs = []string{"."}
				case name.MatchString(text):
					named = true
					if !slices.ContainsFunc(where[text], func(dir string) bool { return slices.Contains(dirs, dir) }) {
						t.Errorf("%s: %s is not in %s but in %q", strings.TrimSpace(cells[2]), text, dirs[0], where[text])
					}
				case !strings.HasPrefix(text, "-"): // a flag
					dirs = []string{text}
				}
			}
			if !named {
				t.Errorf("%s: no test", strings.TrimSpace(cells[2]))
			}
		}
	}
	slices.Sort(listed)
	for n := 1; n <= 110; n++ {
		if !slices.Contains(listed, n) && n != 8 { // which there is none of
			t.Errorf("fault %d is in none of %d rows", n, rows)
		}
	}
}

// numbers are those of a cell: 28, 33 or 52–54; of rows beside the faults there are none.
func numbers(t *testing.T, cell string) (list []int) {
	if strings.TrimSpace(cell) == "" {
		return nil
	}
	for part := range strings.SplitSeq(cell, ",") {
		from, to, _ := strings.Cut(strings.TrimSpace(part), "–")
		a, err := strconv.Atoi(from)
		b, berr := strconv.Atoi(cmp.Or(to, from))
		if err != nil || berr != nil {
			t.Errorf("row %q", cell)
			continue
		}
		for n := a; n <= b; n++ {
			list = append(list, n)
		}
	}
	return list
}
