//go:build cgo

package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
	"burn/queries"
)

func TestLookAtFiles(t *testing.T) {
	e := newEnv(t)
	last := testNow.Add(-time.Hour).Add(9 * time.Millisecond)
	e.write("burn-a-1.jsonl", logFile(1, 1, 1, 5))
	e.write("burn-a-2.jsonl.gz", gz(t, logFile(1, 2, 6, 9)))
	e.write("burn-b-1.jsonl", append(logFile(2, 1, 1, 3), []byte(`{"v":1,"boot":"00000`)...)) // torn
	e.write("bad.jsonl.gz", []byte("\x1f\x8bno gzip"))
	if err := os.Symlink("nowhere", filepath.Join(e.dir, "lost.jsonl")); err != nil {
		t.Fatal(err)
	}
	writing, err := os.Open(filepath.Join(e.dir, "burn-b-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := syscall.Flock(int(writing.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	l := LookAtFiles([]string{e.dir, e.dir + "/none", e.dir})
	if l.Files != 4 || l.Writing != 1 || !l.Newest.Equal(last) || l.Stopped || l.Bytes == 0 {
		t.Errorf("%+v, want 4 files, one of them written to, the newest line of %s", l, last)
	}
	if len(l.Damaged) != 1 || !strings.Contains(l.Damaged[0], "bad.jsonl.gz: read gzip header") {
		t.Errorf("damaged %q", l.Damaged)
	}
	if len(l.Unreadable) == 0 || !strings.Contains(l.Unreadable[0], "1 entries that are no files") {
		t.Errorf("unreadable %q", l.Unreadable)
	}
	if d := l.Dirs; len(d) != 3 || d[0].Err != nil || d[0].Mode.Perm() != 0o700 || d[1].Err != syscall.ENOENT || d[1].Mode != 0 {
		t.Errorf("directories %+v", l.Dirs)
	}

	stop := usage.Record{Kind: usage.KindStop, Boot: 3, Seq: 1, TS: testNow.UnixMilli(), LastSeq: 3}
	e.write("burn-c-1.jsonl", stop.AppendJSON(logFile(3, 1, 1, 3)))
	if l := LookAtFiles([]string{e.dir}); !l.Stopped || !l.Newest.Equal(testNow) {
		t.Errorf("newest line %s, stopped %v; want the stop line", l.Newest, l.Stopped)
	}
	if l := LookAtFiles([]string{t.TempDir()}); l.Files != 0 || !l.Newest.IsZero() {
		t.Errorf("an empty directory: %+v", l)
	}
}

// fingerprint is a file's content, nil if there is none.
func fingerprint(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func TestLookAtDatabaseChangesNothing(t *testing.T) {
	ctx := context.Background()
	e := newEnv(t)
	if db, look, err := LookAtDatabase(ctx, e.opt); db != nil || err != nil || look.Exists {
		t.Errorf("no database yet: %+v, %v", look, err)
	}
	e.write("burn-a-1.jsonl", logFile(1, 1, 1, 5))
	e.write("cut.jsonl.gz", gz(t, logFile(2, 1, 1, 5))[:60])
	e.run()
	e.write("burn-a-2.jsonl", logFile(1, 2, 6, 9))
	before := fingerprint(t, e.opt.Path)

	db, look, err := LookAtDatabase(ctx, e.opt)
	if err != nil || db == nil {
		t.Fatalf("%+v, %v", look, err)
	}
	if look.Unread != 1 || len(look.Damaged) != 1 || !strings.Contains(look.Damaged[0], "cut.jsonl.gz: ") {
		t.Errorf("%+v, want one file to be read and one damaged", look)
	}
	p := queries.Period{Since: testNow.AddDate(0, 0, -1), Until: testNow}
	if err := db.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if err := queries.SetWords(ctx, db.SQL()); err != nil {
		t.Fatal(err)
	}
	if err := queries.SetPeriod(ctx, db.SQL(), p); err != nil {
		t.Fatal(err)
	}
	var calls int
	if err := db.SQL().QueryRow("SELECT count(*) FROM calls WHERE agent LIKE 'agent-%'").Scan(&calls); err != nil || calls < 5 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if _, err := db.SQL().Exec("DELETE FROM burn.call"); err == nil {
		t.Error("the database can be written to")
	}
	// A run that starts now waits, and says for whom.
	e.opt.LockWait = time.Millisecond
	if _, err := Open(ctx, e.opt); err == nil || !strings.Contains(err.Error(), "another burn is using this database") {
		t.Errorf("a run beside the look: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, fingerprint(t, e.opt.Path)) {
		t.Error("the file has changed")
	}
	e.run()
}

func TestLookAtDatabaseThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, e *env)
		want func(DBLook) bool
	}{
		{"garbage", func(t *testing.T, e *env) { write(t, e.opt.Path, []byte("This is not a database.")) },
			func(l DBLook) bool { return strings.Contains(l.Unfit, "not a valid DuckDB") }},
		{"another schema", func(t *testing.T, e *env) { change(t, e, "UPDATE meta SET value = 'old' WHERE key = 'schema'") },
			func(l DBLook) bool { return strings.HasPrefix(l.Unfit, `it has schema "old"`) }},
		{"no tables of burn", func(t *testing.T, e *env) { change(t, e, "DROP TABLE call") },
			func(l DBLook) bool { return strings.HasPrefix(l.Unfit, "it has no tables of burn") }},
		{"a run holds it", func(t *testing.T, e *env) {
			db, err := Open(context.Background(), e.opt)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
		}, func(l DBLook) bool {
			return strings.HasPrefix(l.Holder, "another burn is using this database: process ") && !strings.Contains(l.Holder, "waited") && !l.Locked
		}},
		{"a directory in its place", func(t *testing.T, e *env) {
			if err := os.Mkdir(e.opt.Path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, func(l DBLook) bool { return l.Denied != nil && strings.Contains(l.Denied.Error(), "is no file") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnv(t)
			c.do(t, e)
			before, err := os.Stat(e.opt.Path)
			if err != nil {
				t.Fatal(err)
			}
			db, look, err := LookAtDatabase(context.Background(), e.opt)
			if db != nil || err != nil || !look.Exists || !c.want(look) {
				t.Errorf("%+v, %v", look, err)
			}
			if after, err := os.Stat(e.opt.Path); err != nil || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("the file has changed: %v", err)
			}
		})
	}
}

// change makes a database and runs one statement on it.
func change(t *testing.T, e *env, statement string) {
	t.Helper()
	e.write("burn-a-1.jsonl", logFile(1, 1, 1, 5))
	e.run()
	db, err := sql.Open("duckdb", e.opt.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// TestLookAtDatabaseWithItsLog: what a killed run left in the log is seen.
func TestLookAtDatabaseWithItsLog(t *testing.T) {
	ctx := context.Background()
	e := newEnv(t)
	e.write("burn-a-1.jsonl", logFile(1, 1, 1, 5))
	e.run()
	db, err := Open(ctx, e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.SQL().Exec("INSERT INTO meta VALUES ('late', 'seen')"); err != nil {
		t.Fatal(err)
	}
	copied := e.opt
	copied.Path = filepath.Join(t.TempDir(), "burn.duckdb")
	for _, suffix := range []string{"", ".wal"} {
		data, err := os.ReadFile(e.opt.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		write(t, copied.Path+suffix, data)
	}
	before := fingerprint(t, copied.Path+".wal")
	look, _, err := LookAtDatabase(ctx, copied)
	if err != nil || look == nil {
		t.Fatalf("not looked at: %v", err)
	}
	if value, err := look.meta(ctx, "late"); err != nil || value != "seen" {
		t.Errorf("%q, %v", value, err)
	}
	if err := look.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, fingerprint(t, copied.Path+".wal")) {
		t.Error("the log has changed")
	}
}
