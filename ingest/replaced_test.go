//go:build cgo

package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/marcboeker/go-duckdb/v2"
)

// TestRefusalIsNoDamage: where the system refuses a file, memory or descriptors, the
// database stays where it is, for there is nothing wrong with it.
func TestRefusalIsNoDamage(t *testing.T) {
	const unwritable = "/sys/kernel/uevent_seqnum" // not even by root
	if f, err := os.OpenFile(unwritable, os.O_RDWR, 0); !errors.Is(err, os.ErrPermission) {
		if err == nil {
			f.Close()
		}
		t.Skipf("no file that nobody may write: %v", err)
	}
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	if err := os.Symlink(unwritable, e.opt.Path); err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), e.opt)
	if err == nil {
		db.Close()
		t.Fatal("opened")
	}
	if to, lerr := os.Readlink(e.opt.Path); to != unwritable || !refusedText(err) {
		t.Errorf("%v; there is now %q, %v", err, to, lerr)
	}
	for _, suffix := range []string{".unusable", ".kept-1", ".replaced"} {
		if _, err := os.Lstat(e.opt.Path + suffix); err == nil {
			t.Errorf("%s was made", suffix)
		}
	}
}

func refusedText(err error) bool { return strings.Contains(err.Error(), "ermission") }

// TestRefused tells the system's refusals from damage, as DuckDB words both.
func TestRefused(t *testing.T) {
	for msg, want := range map[string]bool{
		`IO Error: Cannot open file "/x": Permission denied`:                          true,
		`IO Error: Cannot open file "/x": Too many open files`:                        true,
		`IO Error: The file "/x" exists, but it is not a valid DuckDB database file!`: false,
		`IO Error: Corrupt database file: computed checksum 1 does not match`:         false,
	} {
		err := &duckdb.Error{Type: duckdb.ErrorTypeIO, Msg: msg}
		if refused(err) != want || suspicious(err) == want {
			t.Errorf("%s: refused %v, suspicious %v", msg, refused(err), suspicious(err))
		}
	}
	e := newEnv(t)
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.sql.Exec("SET memory_limit='1MB'; SET temp_directory=''; CREATE TABLE burn.much AS SELECT hash(range) AS h FROM range(10000000)")
	if !refused(err) || suspicious(err) {
		t.Errorf("no memory: refused %v, suspicious %v: %v", refused(err), suspicious(err), err)
	}
}

// TestReplacedIsRemembered: a run that made the database anew and was ended before it
// had read the log files takes nothing with it: the next one says the same, also where
// the half-made one is damaged in turn, and reports say for good what is lost.
func TestReplacedIsRemembered(t *testing.T) {
	e := newEnv(t)
	old := testNow.AddDate(0, 0, -100)
	e.write("old.jsonl", logFileAt(8, 1, 1, 6, old))
	e.write("new.jsonl", logFile(1, 1, 1, 5))
	e.rest()
	e.run()
	e.opt.Keep = testNow.AddDate(0, 0, -90)
	if _, n, _ := e.run(); n != 11 || e.beyond().Calls != 6 {
		t.Fatalf("%d calls, beyond %+v", n, e.beyond())
	}
	open := func(rebuild bool) *DB {
		t.Helper()
		opt := e.opt
		opt.Rebuild = rebuild
		db, err := Open(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	kept := e.opt.Path + ".kept-1"
	check := func(when string, db *DB) {
		t.Helper()
		why, lost, where := db.Rebuilt()
		if why == "" || lost.Calls != 6 || !lost.Since.Equal(old) || where != kept {
			t.Errorf("%s: %q, lost %+v, kept %q", when, why, lost, where)
		}
	}
	db := open(true)
	check("made anew", db)
	for _, when := range []string{"next run", "damaged"} { // each ends before it reads
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if when == "damaged" {
			write(t, e.opt.Path, []byte("garbage"))
		}
		db = open(false)
		check(when, db)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	if _, err := db.Ingest(context.Background()); err != nil {
		t.Fatal(err)
	}
	check("the run that reads", db)
	for key, want := range map[string]string{"lost_calls": "6", "lost_since": old.UTC().Format("2006-01-02T15:04:05Z")} {
		if got, err := db.meta(context.Background(), key); got != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", key, got, err, want)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(false)
	defer db.Close()
	if why, lost, _ := db.Rebuilt(); why != "" || lost.Calls != 0 {
		t.Errorf("read to the end: %q, %+v", why, lost)
	}
}

// TestEmptyFilesAreDeleted: old ones, with the other old files.
func TestEmptyFilesAreDeleted(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	e.write("old.jsonl", nil)
	e.write("young.jsonl", nil)
	old := testNow.AddDate(0, 0, -100)
	if err := os.Chtimes(filepath.Join(e.dir, "old.jsonl"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(e.dir, "young.jsonl"), testNow, testNow); err != nil {
		t.Fatal(err)
	}
	e.run()
	e.opt.Keep = testNow.AddDate(0, 0, -90)
	stats, _, _ := e.run()
	if got := e.names(); stats.Deleted != 1 || !slices.Equal(got, []string{"a.jsonl", "young.jsonl"}) {
		t.Errorf("%d deleted, left are %q", stats.Deleted, got)
	}
}

// TestUnreadFilesAreCounted: until they can be read, or are gone.
func TestUnreadFilesAreCounted(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	gone := filepath.Join(e.dir, "gone")
	e.opt.Dirs = append(e.opt.Dirs, gone)
	for _, want := range []string{"1", "1", ""} {
		if want == "" {
			if err := os.Mkdir(gone, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		e.run()
		db, err := Open(context.Background(), e.opt)
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.meta(context.Background(), "unread_files")
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%q files, want %q", got, want)
		}
	}
}

// TestCallsThatStandTwice: a database in which a log was applied a second time, wholly
// or in its calls alone, is made anew.
func TestCallsThatStandTwice(t *testing.T) {
	for _, tables := range [][]string{{"call", "file"}, {"call"}, {"file"}} {
		e := newEnv(t)
		e.write("a.jsonl", logFile(1, 1, 1, 500))
		e.write("b.jsonl", logFile(2, 1, 1, 500))
		_, wantN, wantCost := e.run()
		db, err := Open(context.Background(), e.opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			if _, err := db.sql.Exec("INSERT INTO " + table + " FROM " + table); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, n, cost := e.run(); n != wantN || cost != wantCost {
			t.Errorf("%q twice: %d calls for %s, want %d for %s", tables, n, cost, wantN, wantCost)
		}
	}
}
