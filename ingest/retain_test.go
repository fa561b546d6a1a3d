//go:build cgo

package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"burn/proxy/usage"
)

// names lists the log directory.
func (e *env) names() []string {
	e.t.Helper()
	entries, err := os.ReadDir(e.dir)
	if err != nil {
		e.t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// rest makes all files as old as a process that ended a day and an hour ago
// leaves them.
func (e *env) rest() {
	e.t.Helper()
	for _, name := range e.names() {
		at := testNow.Add(-25 * time.Hour)
		if err := os.Chtimes(filepath.Join(e.dir, name), at, at); err != nil {
			e.t.Fatal(err)
		}
	}
}

// logFileAt is logFile with all calls at a time.
func logFileAt(boot uint64, number, from, to int, at time.Time) []byte {
	start := usage.Record{Kind: usage.KindStart, Boot: boot, Seq: uint64(number), TS: at.UnixMilli(), File: int64(number)}
	b := start.AppendJSON(nil)
	for seq := from; seq <= to; seq++ {
		r := sample(boot, seq)
		r.TS = at.UnixMilli()
		b = r.AppendJSON(b)
	}
	return b
}

func (e *env) beyond() Beyond {
	e.t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	b, err := db.countBeyond(context.Background())
	if err != nil {
		e.t.Fatal(err)
	}
	calls, err := db.meta(context.Background(), "beyond_calls")
	if err != nil || calls != fmt.Sprint(b.Calls) && (calls != "" || b.Calls != 0) {
		e.t.Errorf("noted %q, found %d; %v", calls, b.Calls, err)
	}
	return b
}

// Calls are beyond rebuilding only where no file has them: not while a copy is
// there that counted as duplicates, nor where a name is not text.
func TestBeyondIsWhatNoFileHas(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 10))
	e.write("b.jsonl", logFile(1, 1, 1, 10))
	e.write("c-\xff.jsonl", logFile(2, 1, 1, 5))
	for _, step := range []struct {
		remove string
		beyond int64
	}{{"", 0}, {"a.jsonl", 0}, {"b.jsonl", 10}, {"c-\xff.jsonl", 15}} {
		if step.remove != "" {
			if err := os.Remove(filepath.Join(e.dir, step.remove)); err != nil {
				t.Fatal(err)
			}
		}
		if stats, n, _ := e.run(); n != 15 || stats.Beyond.Calls != step.beyond {
			t.Errorf("without %q: %d calls, %d of them beyond, want %d", step.remove, n, stats.Beyond.Calls, step.beyond)
		}
		if got := e.beyond(); got.Calls != step.beyond {
			t.Errorf("without %q: %+v", step.remove, got)
		}
	}
}

func TestKeepDeletesWhatIsOldAndRead(t *testing.T) {
	e := newEnv(t)
	old, young := testNow.AddDate(0, 0, -100), testNow.AddDate(0, 0, -10)
	e.write("old-1.jsonl", logFileAt(1, 1, 1, 10, old))
	e.write("old-2.jsonl.gz", gz(t, logFileAt(1, 2, 11, 20, old)))
	e.write("both.jsonl", append(logFileAt(2, 1, 1, 1, old), logFileAt(2, 2, 2, 3, young)...))
	e.write("young.jsonl", logFileAt(3, 1, 1, 10, young))
	e.write("rejected.jsonl", append(logFileAt(4, 1, 1, 5, old), "what?\n"...))
	torn := logFileAt(5, 1, 1, 5, old) // nothing will ever complete its last line
	e.write("torn.jsonl", torn[:len(torn)-20])
	e.write("storm.jsonl", logFileAt(6, 1, 1, 0, young))
	e.write("damaged.jsonl.gz", gz(t, logFileAt(7, 1, 1, 500, old))[:2000])
	e.write("other.txt", []byte("not ours\n"))
	outside := filepath.Join(t.TempDir(), "outside.jsonl")
	write(t, outside, logFileAt(8, 1, 1, 5, old))
	if err := os.Symlink(outside, filepath.Join(e.dir, "linked.jsonl")); err != nil {
		t.Fatal(err)
	}
	e.write("old-3.jsonl", logFileAt(9, 1, 1, 5, old))
	e.rest()
	e.write("fresh.jsonl", logFileAt(10, 1, 1, 5, old)) // written to just now
	if err := os.Chtimes(filepath.Join(e.dir, "fresh.jsonl"), testNow, testNow); err != nil {
		t.Fatal(err)
	}

	_, before, cost := e.run()
	if got := e.beyond(); got.Calls != 0 {
		t.Errorf("beyond %+v", got)
	}
	e.opt.Keep = testNow.AddDate(0, 0, -90)
	stats, n, cost2 := e.run()
	want := []string{"both.jsonl", "damaged.jsonl.gz", "fresh.jsonl", "linked.jsonl", "other.txt", "rejected.jsonl", "young.jsonl"}
	if got := e.names(); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	if n != before || cost2 != cost || stats.Deleted != 5 {
		t.Errorf("%d calls for %s, before %d for %s; %+v", n, cost2, before, cost, stats)
	}
	if got := e.beyond(); got.Calls != 29 || !got.Since.Equal(old.Truncate(time.Second)) {
		t.Errorf("beyond %+v", got)
	}
	if again, m, _ := e.run(); again.Deleted != 0 || m != n {
		t.Errorf("again: %d calls, %+v", m, again)
	}
	accounted(t, e)

	// Made anew, it says what it lost, and keeps the old database.
	rebuild := func(what string, opt Options) {
		t.Helper()
		db, err := Open(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		why, lost, kept := db.Rebuilt()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(kept); why == "" || lost.Calls != 29 || !lost.Since.Equal(old) || err != nil {
			t.Errorf("%s: %q, lost %+v, kept %q, %v", what, why, lost, kept, err)
		}
		if _, err := os.Stat(opt.Path + ".beyond"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: what the old database had alone is still noted of the new one", what)
		}
		write(t, opt.Path+".beyond", []byte(lost.text()))
		if err := os.Rename(kept, opt.Path); err != nil {
			t.Fatal(err)
		}
	}
	asked := e.opt
	asked.Rebuild = true
	rebuild("asked for", asked)
	flip(t, e.opt.Path, 20)
	rebuild("damaged", e.opt)
	flip(t, e.opt.Path, 20)
	if _, m, _ := e.run(); m != n {
		t.Errorf("the old database back: %d calls", m)
	}
}

// A file that a proxy writes to is never touched, however old its calls.
func TestFileInUseIsLeftAlone(t *testing.T) {
	e := newEnv(t)
	log, err := usage.OpenLog(usage.LogConfig{Dir: e.dir, Now: func() time.Time { return testNow.AddDate(-1, 0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	r := usage.NewRecord()
	*r = *sample(log.Boot(), 1)
	r.Seq, r.TS = log.Begin(func() *usage.Record { return nil }), testNow.AddDate(-1, 0, 0).UnixMilli()
	log.Append(r)
	name := e.names()[0]
	for { // the writer is another goroutine
		if b, err := os.ReadFile(filepath.Join(e.dir, name)); err != nil || bytes.Count(b, []byte("\n")) > 1 {
			break
		}
	}
	e.opt.Keep, e.opt.Compress = testNow.AddDate(0, 0, -1), true
	e.rest()
	for range 2 {
		if stats, n, _ := e.run(); n != 1 || stats.Deleted+stats.Packed != 0 || !slices.Equal(e.names(), []string{name}) {
			t.Errorf("%d calls, %+v, left %q", n, stats, e.names())
		}
	}
	if err := log.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e.rest()
	e.run()
	if stats, n, _ := e.run(); n != 1 || len(e.names()) != 0 {
		t.Errorf("after its end: %d calls, %+v, left %q", n, stats, e.names())
	}
}

func TestCompressKeepsEveryLine(t *testing.T) {
	e := newEnv(t)
	files := map[string][]byte{
		"burn-a.jsonl":      logFile(1, 1, 1, 500),
		"burn-b.jsonl":      append(logFile(2, 1, 1, 500), "what?\n"...),
		"burn-torn.jsonl":   logFile(1, 2, 501, 600)[:20_000],
		"burn-gz.jsonl.gz":  gz(t, logFile(4, 1, 1, 50)),
		"burn-zst.jsonl":    zst(t, logFile(5, 1, 1, 50)),
		"burn-twin.jsonl":   logFile(6, 1, 1, 50), // a run was killed before it removed the original
		"burn-clash.jsonl":  logFile(7, 1, 1, 50), // something else has the name
		"burn-latest.jsonl": logFile(1, 3, 700, 710),
	}
	for name, data := range files {
		e.write(name, data)
	}
	e.write("burn-twin.jsonl.zst", zst(t, files["burn-twin.jsonl"]))
	e.write("burn-clash.jsonl.zst", zst(t, logFile(8, 1, 1, 9)))
	e.rest()
	_, wantN, wantCost := e.run()
	e.opt.Compress = true
	stats, n, cost := e.run()
	want := []string{"burn-a.jsonl.zst", "burn-b.jsonl.zst", "burn-clash.jsonl", "burn-clash.jsonl.zst", "burn-gz.jsonl.gz", "burn-latest.jsonl.zst",
		"burn-torn.jsonl.zst", "burn-twin.jsonl.zst", "burn-zst.jsonl"}
	if got := e.names(); !slices.Equal(got, want) || stats.Packed != 5 || stats.Freed <= 0 {
		t.Errorf("left are %q, want %q; %+v", got, want, stats)
	}
	if len(stats.Problems) != 1 || !strings.Contains(stats.Problems[0], "burn-clash.jsonl: ") {
		t.Errorf("problems %q", stats.Problems)
	}
	for _, name := range want {
		plain, ok := files[strings.TrimSuffix(name, packedName)]
		if !ok || filepath.Ext(name) != packedName || strings.Contains(name, "clash") {
			continue
		}
		src, err := openSource(filepath.Join(e.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(src)
		src.Close()
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s holds something else: %v", name, err)
		}
	}
	if n != wantN || cost != wantCost || stats.Beyond.Calls != 0 {
		t.Errorf("%d calls for %s, want %d for %s; %+v", n, cost, wantN, wantCost, stats)
	}
	if again, m, _ := e.run(); m != wantN || again.Lines != 0 || again.Packed != 0 || again.Files != 0 {
		t.Errorf("again: %d calls, %+v", m, again)
	}
	accounted(t, e)
	e.opt.Rebuild = true
	if _, m, cost := e.run(); m != wantN || cost != wantCost {
		t.Errorf("made anew: %d calls for %s, want %d for %s", m, cost, wantN, wantCost)
	}
}

// A run that is killed while it packs loses no line and counts none twice.
func TestKilledWhilePacking(t *testing.T) {
	e := newEnv(t)
	const files, per = 12, 1500
	fill := func() {
		for i := range files {
			e.write(fmt.Sprintf("burn-%02d.jsonl", i), logFile(uint64(i+1), 1, 1, per))
		}
		e.rest()
	}
	fill()
	_, wantN, wantCost := e.run()
	rng := rand.New(rand.NewPCG(13, 14))
	killed, packed := 0, 0
	for range 10 {
		for _, name := range e.names() {
			if err := os.Remove(filepath.Join(e.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		fill()
		cmd := e.child("compress")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(100+rng.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if cmd.Wait() != nil {
			killed++
		}
		kill.Stop()
		for _, name := range e.names() {
			if strings.HasSuffix(name, packedName) {
				packed++
			}
		}
		fresh := *e
		fresh.opt.Path = filepath.Join(t.TempDir(), "fresh.duckdb")
		for _, e := range []*env{e, &fresh} {
			if _, n, cost := e.run(); n != wantN || cost != wantCost {
				t.Fatalf("%d calls for %s, want %d for %s", n, cost, wantN, wantCost)
			}
			accounted(t, e)
		}
	}
	if killed == 0 || packed == 0 {
		t.Errorf("%d runs killed, %d files packed: the test proves nothing", killed, packed)
	}
	t.Logf("%d of 10 runs killed, %d files packed", killed, packed)
}

// What cannot be written in its place leaves the original alone.
func TestPackingFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl")
	write(t, path, logFile(1, 1, 1, 10))
	f, err := openRegular(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, filepath.Join(dir, ".a.jsonl.zst.tmp"), nil)
	if _, err := pack(f, path); !errors.Is(err, errBusy) {
		t.Errorf("error %v", err)
	}
	past := time.Now().Add(-2 * staleTemporary)
	if err := os.Chtimes(filepath.Join(dir, ".a.jsonl.zst.tmp"), past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := pack(f, path); err != nil {
		t.Errorf("a file left behind: %v", err)
	}
}
