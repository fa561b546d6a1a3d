//go:build cgo

package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A listing has every name once, in order, whatever names have in common, in
// whichever of the directories they are.
func TestListingIsInOrder(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	var want []string
	for i := range 3_000 {
		name := fmt.Sprintf("burn-%05d-%s.jsonl", i*7919%3_000/3, strings.Repeat("x", i%150))
		path := filepath.Join(dirs[i%2], name)
		if i%3 == 0 && i < 300 {
			path = filepath.Join(dirs[i%2], "é"+name[:i%7]+".jsonl.gz")
		}
		if !slices.Contains(want[max(0, len(want)-1):], path) {
			want = append(want, path)
		}
		write(t, path, nil)
	}
	slices.SortFunc(want, func(a, b string) int {
		if c := strings.Compare(filepath.Base(a), filepath.Base(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	want = slices.Compact(want)
	if err := os.Symlink("nowhere", filepath.Join(dirs[0], "a.jsonl")); err != nil {
		t.Fatal(err)
	}
	l, err := list([]string{dirs[0], dirs[1], want[5], dirs[0] + "/."})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	skipped, err := l.each(func(i int, f found) error {
		if l.path(i) != f.path {
			t.Fatalf("%d is %s and %s", i, l.path(i), f.path)
		}
		got = append(got, f.path)
		return nil
	})
	if err != nil || skipped != 1 || !slices.Equal(got, want) {
		t.Errorf("%d of %d names in order, %d skipped; %v", len(got), len(want), skipped, err)
	}
}
