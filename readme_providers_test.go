package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"burn/proxy/provider"
)

// kept is an answer that proxy/provider keeps as a case.
type kept struct {
	Method, Path string
	Want         struct{ Stream bool }
}

// TestReadmeProviders holds the README's table to the answers that the tests
// read: each provider and each path in it has one, a streamed one where the
// table says that streams are read.
func TestReadmeProviders(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## What is read from each provider\n")
	section, _, _ = strings.Cut(section, "\n## ")
	span := regexp.MustCompile("(GET )?`([^`]+)`")
	rows := 0
	named := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows++
		for _, name := range span.FindAllStringSubmatch(cells[1], -1) {
			named[name[2]] = true
			list := keptAnswers(t, name[2])
			streamed := false
			for _, path := range span.FindAllStringSubmatch(cells[2], -1) {
				found := false
				for _, k := range list {
					if endsIn(k.Path, path[2]) && (k.Method == "GET") == (path[1] != "") {
						found = true
						streamed = streamed || k.Want.Stream
					}
				}
				if !found {
					t.Errorf("%s: no answer to %s%s among the cases", name[2], path[1], path[2])
				}
			}
			if claimed := strings.TrimSpace(cells[3]); strings.HasPrefix(claimed, "yes") != streamed && !strings.HasPrefix(claimed, "as ") {
				t.Errorf("%s,%s: streamed %q, cases with a stream: %v", name[2], cells[2], claimed, streamed)
			}
		}
	}
	for _, p := range provider.Providers {
		if !named[p.Name] {
			t.Errorf("the table leaves out %s", p.Name)
		}
	}
	if rows < 30 {
		t.Errorf("%d rows", rows)
	}
}

// keptAnswers are a provider's cases. Sessions begin with a GET.
func keptAnswers(t *testing.T, name string) (list []kept) {
	t.Helper()
	for _, file := range []string{"call.json", "session.json"} {
		files, err := filepath.Glob(filepath.Join("proxy/provider/testdata", name, "*", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			k := kept{Method: "GET"}
			if err := json.Unmarshal(b, &k); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			list = append(list, k)
		}
	}
	return list
}

// endsIn reports whether a path ends as the table says; "*" is one segment, and
// an ending that begins with ":" is a method behind the last one.
func endsIn(path, ending string) bool {
	if strings.HasPrefix(ending, ":") {
		return strings.HasSuffix(path, ending)
	}
	have, want := strings.Split(path, "/"), strings.Split(strings.TrimPrefix(ending, "/"), "/")
	if len(have) < len(want) {
		return false
	}
	for i, segment := range have[len(have)-len(want):] {
		if want[i] != "*" && want[i] != segment {
			return false
		}
	}
	return true
}
