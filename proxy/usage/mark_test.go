package usage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var markTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// TestMarksOfManyWritersAreAllThere: and each is whole.
func TestMarksOfManyWritersAreAllThere(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	const writers, each = 8, 25
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := AppendMark(dir, Mark{At: markTime.Add(time.Duration(i) * time.Second), Agent: fmt.Sprint("agent-", w), Text: strings.Repeat("long ", 60) + fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	marks, bad, err := ReadMarks([]string{dir, dir, filepath.Join(dir, "none"), filepath.Join(dir, MarkFile)})
	if err != nil || bad != 0 || len(marks) != writers*each {
		t.Fatalf("%d marks, %d bad lines, %v; want %d", len(marks), bad, err, writers*each)
	}
	for i := 1; i < len(marks); i++ {
		if marks[i].At.Before(marks[i-1].At) {
			t.Fatalf("mark %d is before the one before it", i)
		}
	}
}

// TestMarkAfterACutLine: what a full disk left stands alone.
func TestMarkAfterACutLine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, MarkFile), []byte(`{"v":1,"at":"2026-11-2`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AppendMark(dir, Mark{At: markTime, Agent: "a", Text: "t"}); err != nil {
		t.Fatal(err)
	}
	marks, bad, err := ReadMarks([]string{dir})
	if err != nil || bad != 1 || len(marks) != 1 || marks[0].Agent != "a" {
		t.Errorf("%+v, %d bad lines, %v", marks, bad, err)
	}
}

// TestTooManyMarks: they are not passed over without a word.
func TestTooManyMarks(t *testing.T) {
	dir := t.TempDir()
	if _, err := AppendMark(dir, Mark{At: markTime, Agent: "a", Text: "t"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, MarkFile)
	for size, want := range map[int64]string{maxMarks: "", maxMarks + 1: "read marks: " + path + " has more than 16 MiB"} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, _, err := ReadMarks([]string{dir}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
	}
}

func TestMarksAreCleaned(t *testing.T) {
	dir := t.TempDir()
	m, err := AppendMark(dir, Mark{At: markTime.In(time.FixedZone("x", 3600)), Agent: " a\x1b[2J\u202e ", Text: "two\nlines\t" + strings.Repeat("é", 500)})
	if err != nil {
		t.Fatal(err)
	}
	if m.Agent != "a[2J" || !strings.HasPrefix(m.Text, "two lines é") || len(m.Text) > MarkText || m.At.Location() != time.UTC {
		t.Errorf("written %+v", m)
	}
	for _, bad := range []Mark{{At: markTime, Text: "t"}, {At: markTime, Agent: "\x00", Text: "t"}, {At: markTime, Agent: "a", Text: " \n"}, {Agent: "a", Text: "t"}} {
		if _, err := AppendMark(dir, bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if marks, _, err := ReadMarks([]string{dir}); err != nil || len(marks) != 1 || marks[0] != m {
		t.Errorf("read %+v, %v; written %+v", marks, err, m)
	}
}

func FuzzReadMarks(f *testing.F) {
	f.Add([]byte("{\"v\":1,\"at\":\"2026-11-23T09:00:00Z\",\"agent\":\"a\",\"text\":\"t\"}\n\n{}\nx"))
	f.Add([]byte("{\"v\":1,\"at\":\"9999-12-31T23:59:59-23:59\",\"agent\":\"\\u0000\",\"text\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, MarkFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		marks, _, err := ReadMarks([]string{dir})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			again, err := AppendMark(dir, m)
			if err != nil || again.Agent != m.Agent || again.At != m.At {
				t.Fatalf("mark %+v, written again as %+v: %v", m, again, err)
			}
		}
	})
}
