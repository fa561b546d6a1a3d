//go:build cgo

package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keep runs once more and keeps an answer to "question".
func (e *env) keep(body string) {
	e.t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := db.Ingest(context.Background()); err != nil {
		e.t.Fatal(err)
	}
	if err := db.KeepAnswer(context.Background(), "question", Answer{Body: []byte(body), Exit: 4}); err != nil {
		e.t.Fatal(err)
	}
	if _, ok := Kept(e.opt, "question", true); ok {
		e.t.Error("there is an answer while the database is open")
	}
	if err := db.Close(); err != nil {
		e.t.Fatal(err)
	}
}

// TestKeptAnswer: it stands as long as nothing it comes from has changed, and
// nothing else that a run would do is asked for.
func TestKeptAnswer(t *testing.T) {
	body := "line\n\x00\xff{}\n"
	later := func(e *env, d time.Duration) { e.opt.Now = func() time.Time { return testNow.Add(d) } }
	log := func(e *env, name string) string { return filepath.Join(e.dir, name) }
	for _, c := range []struct {
		name         string
		change       func(t *testing.T, e *env)
		look, nolook bool // whether it still stands, if log files are looked at and if not
	}{
		{"nothing", func(*testing.T, *env) {}, true, true},
		{"almost an hour", func(_ *testing.T, e *env) { later(e, readAtLeast-time.Second) }, true, true},
		{"an hour", func(_ *testing.T, e *env) { later(e, readAtLeast) }, false, true},
		{"an empty log file", func(_ *testing.T, e *env) { e.write("b.jsonl", nil) }, false, true},
		{"a new log file", func(_ *testing.T, e *env) { e.write("b.jsonl", logFile(2, 1, 1, 3)) }, false, true},
		{"a log file less", func(t *testing.T, e *env) { remove(t, log(e, "a.jsonl")) }, false, true},
		{"a log file of another time", func(t *testing.T, e *env) { touch(t, log(e, "a.jsonl")) }, false, true},
		{"no log directory", func(_ *testing.T, e *env) { e.opt.Dirs = append(e.opt.Dirs, e.dir+"-none") }, false, true},
		{"a database of another time", func(t *testing.T, e *env) { touch(t, e.opt.Path) }, false, false},
		{"no database", func(t *testing.T, e *env) { remove(t, e.opt.Path) }, false, false},
		{"a database not closed", func(t *testing.T, e *env) { write(t, e.opt.Path+".wal", nil) }, false, false},
		{"another run", func(_ *testing.T, e *env) { e.write("b.jsonl", logFile(2, 1, 1, 3)); e.run() }, false, false},
		{"another version", func(_ *testing.T, e *env) { e.opt.Version = "newer" }, false, false},
		{"other prices", func(t *testing.T, e *env) { e.opt.Prices = override(t, "openai,gpt-4o,,chat,,,5,20,test\n") }, false, false},
		{"made anew", func(_ *testing.T, e *env) { e.opt.Rebuild = true }, false, false},
		{"packed", func(_ *testing.T, e *env) { e.opt.Compress = true }, false, false},
		{"deleted", func(_ *testing.T, e *env) { e.opt.Keep = testNow }, false, false},
		{"an answer cut short", func(t *testing.T, e *env) {
			if err := os.Truncate(answerPath(e.opt.Path), 300); err != nil {
				t.Fatal(err)
			}
		}, false, false},
		{"an answer that is none", func(t *testing.T, e *env) { write(t, answerPath(e.opt.Path), []byte("null\n")) }, false, false},
		{"a link for an answer", func(t *testing.T, e *env) {
			if err := os.Rename(answerPath(e.opt.Path), e.opt.Path+".moved"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(e.opt.Path+".moved", answerPath(e.opt.Path)); err != nil {
				t.Fatal(err)
			}
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnv(t)
			e.write("a.jsonl", logFile(1, 1, 1, 5))
			e.keep(body)
			c.change(t, e)
			for look, want := range map[bool]bool{true: c.look, false: c.nolook} {
				a, ok := Kept(e.opt, "question", look)
				if ok != want || ok && (string(a.Body) != body || a.Exit != 4) {
					t.Errorf("looking at log files %v: %v, %q, exit %d; want %v", look, ok, a.Body, a.Exit, want)
				}
			}
			if _, ok := Kept(e.opt, "another question", true); ok {
				t.Error("it answers another question")
			}
		})
	}
}

// TestNoAnswerWhileLinesAreNotWhole: until the last line is whole, or lost, the
// files are looked into again.
func TestNoAnswerWhileLinesAreNotWhole(t *testing.T) {
	e := newEnv(t)
	whole := logFile(1, 1, 1, 5)
	e.write("a.jsonl", whole[:len(whole)-7])
	e.keep("answer")
	if _, ok := Kept(e.opt, "question", true); ok {
		t.Error("a file whose last line is not whole was not looked into")
	}
	if _, ok := Kept(e.opt, "question", false); !ok {
		t.Error("no answer, though nobody is to read files")
	}
	e.write("a.jsonl", whole)
	e.keep("answer")
	if _, ok := Kept(e.opt, "question", true); !ok {
		t.Error("no answer, though all lines are whole and read")
	}
}

// TestForgottenAnswer: from then on there is none, unless another is kept.
func TestForgottenAnswer(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	e.keep("answer")
	for range 2 {
		db, err := Open(t.Context(), e.opt)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.KeepAnswer(t.Context(), "question", Answer{}); err != nil {
			t.Fatal(err)
		}
		if err := db.ForgetAnswer(); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, ok := Kept(e.opt, "question", true); ok {
			t.Error("a forgotten answer is given")
		}
	}
}

// TestAnswerThatCannotBeKept: the run has done what it was asked for, says that the
// next one will have to look again, and leaves no answer.
func TestAnswerThatCannotBeKept(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	var said bytes.Buffer
	e.opt.Logger = slog.New(slog.NewTextHandler(&said, nil))
	if err := os.Mkdir(answerPath(e.opt.Path)+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	e.keep("answer")
	if !strings.Contains(said.String(), "level=WARN") || !strings.Contains(said.String(), ".answer.new") {
		t.Errorf("said %q", &said)
	}
	if _, ok := Kept(e.opt, "question", true); ok {
		t.Error("there is an answer")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	at := testNow.Add(-time.Minute)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}
