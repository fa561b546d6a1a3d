//go:build cgo

package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
)

// What is no regular file is passed over and counted; none of it is waited for.
func TestOddEntriesAreSkipped(t *testing.T) {
	e := newEnv(t)
	path := func(name string) string { return filepath.Join(e.dir, name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(syscall.Mkfifo(path("a.jsonl"), 0o600))
	check(os.Mkdir(path("b.jsonl"), 0o700))
	check(os.Symlink(path("c.jsonl"), path("c.jsonl")))
	check(os.Symlink("/dev/zero", path("d.jsonl")))
	check(os.Symlink(path("nowhere"), path("e.jsonl")))
	check(os.Symlink(path("a.jsonl"), path("f.jsonl")))
	socket, err := net.Listen("unix", path("g.jsonl"))
	check(err)
	defer socket.Close()

	db, err := Open(context.Background(), e.opt)
	check(err)
	stats, err := db.Ingest(context.Background())
	if !errors.Is(err, ErrNothingReadable) || stats.Skipped != 7 {
		t.Errorf("nothing readable: %v, %+v", err, stats)
	}
	check(db.Close())

	e.write("h.jsonl", logFile(1, 1, 1, 10))
	check(os.Symlink(path("h.jsonl"), path("i.jsonl")))
	stats, n, _ := e.run()
	if stats.Skipped != 7 || n != 10 || stats.Duplicates != 11 {
		t.Errorf("%d calls, %+v", n, stats)
	}
	// The same where the kind changes between looking and opening.
	for _, name := range []string{"a.jsonl", "b.jsonl", "d.jsonl"} {
		if _, err := openSource(path(name)); err == nil {
			t.Errorf("%s opened", name)
		}
	}
}

// A directory that cannot be listed does not keep the others from being read.
func TestOneDirectoryIsMissing(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 10))
	e.opt.Dirs = append([]string{filepath.Join(e.dir, "missing")}, e.opt.Dirs...)
	stats, n, _ := e.run()
	if n != 10 || len(stats.Problems) != 1 || !strings.Contains(stats.Problems[0], "missing") {
		t.Errorf("%d calls, %+v", n, stats)
	}
	e.opt.Dirs = e.opt.Dirs[:1]
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Ingest(context.Background()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// Many files of a line each, and the same again with one line more.
func TestManySmallFiles(t *testing.T) {
	e := newEnv(t)
	const files = 20_000
	for i := 1; i <= files; i++ {
		e.write(fmt.Sprintf("burn-%06d.jsonl", i), sample(uint64(i), 1).AppendJSON(nil))
	}
	if stats, n, _ := e.run(); n != files || stats.Files != files {
		t.Fatalf("%d calls, %+v", n, stats)
	}
	for i := 1; i <= files; i += 2 {
		e.write(fmt.Sprintf("burn-%06d.jsonl", i), sample(uint64(i), 2).AppendJSON(sample(uint64(i), 1).AppendJSON(nil)))
	}
	if stats, n, _ := e.run(); n != files*3/2 || stats.Files != files/2 || stats.Duplicates != 0 {
		t.Errorf("%d calls, %+v", n, stats)
	}
	if stats, _, _ := e.run(); stats.Files != 0 {
		t.Errorf("again: %+v", stats)
	}
	accounted(t, e)
}

// How many files one transaction takes changes nothing: neither where they are
// copies of each other, nor where they have grown, were moved or are finished by
// later ones.
func TestFilesAtOnceChangeNothing(t *testing.T) {
	var want []string
	for _, atOnce := range []int{0, 1, 2, 5} {
		t.Run(fmt.Sprint(atOnce), func(t *testing.T) {
			e := newEnv(t)
			e.opt.filesAtOnce = atOnce
			var got []string
			run := func() {
				stats, n, cost := e.run()
				got = append(got, fmt.Sprintf("%d calls for %s: %+v", n, cost, stats))
			}
			a, b := logFile(1, 1, 1, 40), logFile(2, 1, 1, 30)
			torn := logFile(3, 1, 1, 20)
			e.write("a-1.jsonl", a)
			e.write("a-2.jsonl", logFile(1, 2, 41, 60))
			e.write("a-copy.jsonl", a)
			e.write("b.jsonl", b[:len(b)/2])
			e.write("b.jsonl.gz", gz(t, b))
			e.write("c.jsonl", torn[:len(torn)-20]) // its next file is in another transaction
			e.write("c-2.jsonl", logFile(3, 2, 21, 25))
			e.write("d.jsonl", join2(logFile(2, 1, 1, 30), logFile(4, 1, 1, 5)))
			run()
			e.write("b.jsonl", b)
			for _, name := range []string{"e.jsonl", "g.jsonl", "h.jsonl"} { // more than were read alike
				e.write(name, join2(a, sample(1, 61).AppendJSON(nil)))
			}
			if err := os.Rename(filepath.Join(e.dir, "a-2.jsonl"), filepath.Join(e.dir, "f.jsonl")); err != nil {
				t.Fatal(err)
			}
			e.write("a-copy.jsonl", join2(a, sample(1, 62).AppendJSON(nil)))
			run()
			run()
			e.opt.Rebuild = true
			run()
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q\nwant %q", got, want)
			}
			accounted(t, e)
		})
	}
}

// What happens to a file while it is read leaves a consistent beginning of it;
// the next run has the rest.
func TestFileChangesWhileRead(t *testing.T) {
	whole := logFile(1, 1, 1, 5000)
	half := bytes.LastIndexByte(whole[:len(whole)/2], '\n') + 1
	other := logFile(2, 1, 1, 100)
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
		calls  int64
	}{
		{"grows", func(t *testing.T, path string) { write(t, path, whole) }, 5000},
		{"cut short and written again", func(t *testing.T, path string) { write(t, path, nil); write(t, path, whole) }, 5000},
		{"replaced", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, join2(whole, other))
		}, 5100},
		{"moved away, another in its place", func(t *testing.T, path string) {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
			write(t, path, join2(other, whole[half:]))
		}, 5100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.write("a.jsonl", whole[:half])
			changed := false
			e.opt.Progress = func(int64, int64) { // the first block is read, the file still open
				if !changed {
					changed = true
					tt.change(t, filepath.Join(e.dir, "a.jsonl"))
				}
			}
			e.run()
			e.opt.Progress = nil
			later := testNow.Add(time.Minute) // clocks of file systems tick slowly
			if err := os.Chtimes(filepath.Join(e.dir, "a.jsonl"), later, later); err != nil {
				t.Fatal(err)
			}
			if stats, n, _ := e.run(); n != tt.calls || stats.Rejected != 0 {
				t.Errorf("%d calls, want %d; %+v", n, tt.calls, stats)
			}
			accounted(t, e)
		})
	}
}

// Names of files may be anything, that of the database's directory too.
func TestHostileFileNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's; DROP TABLE call; --\n\x1b[31m*[x]")
	logs := filepath.Join(dir, "l'ogs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, dir: logs, opt: Options{Path: filepath.Join(dir, "b'u\"rn;.duckdb"), Dirs: []string{logs}, Now: func() time.Time { return testNow }}}
	var rejects bytes.Buffer
	e.opt.Rejects = &rejects
	names := []string{"a\nb.jsonl", "'; DROP TABLE call; --.jsonl", "\x1b]0;x\a.jsonl", "*[?].jsonl", "\xff\xfe.jsonl", "\u202ex.jsonl", "${HOME}.jsonl", strings.Repeat("x", 240) + ".jsonl"}
	for i, name := range names {
		e.write(name, append(logFile(uint64(i+1), 1, 1, 20), "{}\n"...))
	}
	for range 2 {
		stats, n, _ := e.run()
		if n != int64(20*len(names)) || len(stats.Problems) > 0 {
			t.Errorf("%d calls, %+v", n, stats)
		}
	}
	lines := strings.Split(strings.TrimSuffix(rejects.String(), "\n"), "\n")
	if len(lines) != len(names) {
		t.Errorf("%d lines of rejects, want %d: %q", len(lines), len(names), lines)
	}
	for _, r := range rejects.String() {
		if r < ' ' && r != '\n' || r == '\u202e' {
			t.Errorf("control character %q in the rejects file", r)
		}
	}
	accounted(t, e)
	question := e.opt
	question.Path = filepath.Join(t.TempDir(), "burn?.duckdb") // DuckDB would look for its log elsewhere
	if _, err := Open(context.Background(), question); err == nil || !strings.Contains(err.Error(), "question mark") {
		t.Errorf("a question mark: %v", err)
	}
	// Data that does not fit into memory goes beside the database.
	e.opt.Memory = 64 << 20
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.SQL().Exec("CREATE TABLE spill AS SELECT hash(a) AS h, a FROM range(3000000) t(a) ORDER BY h"); err != nil {
		t.Error(err)
	}
}

// A packed file that expands beyond all measure ends there; what came before
// the bomb counts.
func TestDecompressionBomb(t *testing.T) {
	e := newEnv(t)
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	first := logFile(1, 1, 1, 10)
	if _, err := w.Write(first); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range bombBytes>>20 + 30 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ratio := bombBytes / b.Len(); ratio < bombRatio {
		t.Skipf("this gzip packs zeros only 1:%d", ratio)
	}
	e.write("a.jsonl.gz", b.Bytes())
	stats, n, _ := e.run()
	if n != 10 || len(stats.Problems) != 1 || !strings.Contains(stats.Problems[0], errBomb.Error()) {
		t.Errorf("%d calls, %+v", n, stats)
	}
	accounted(t, e)
}

// Reasons that a rejects file gives, one line each, and that lines from
// elsewhere in the same file are unharmed.
func TestRejectsFile(t *testing.T) {
	good := string(sample(1, 1).AppendJSON(nil))
	with := func(old, new string) string {
		s := strings.Replace(good, old, new, 1)
		if s == good {
			t.Fatalf("%q is not in the sample", old)
		}
		return s
	}
	tests := []struct{ name, line, want string }{
		{"not JSON", "what?\n", "syntax"},
		{"an array", "[1]\n", ""},
		{"null", "null\n", ""},
		{"a string for a number", with(`"input_tokens":1001`, `"input_tokens":"1001"`), "input_tokens"},
		{"negative", with(`"input_tokens":1001`, `"input_tokens":-1`), "input_tokens"},
		{"too large", with(`"input_tokens":1001`, `"input_tokens":9223372036854775808`), "input_tokens"},
		{"an exponent beyond numbers", with(`"input_tokens":1001`, `"input_tokens":1e400`), "input_tokens"},
		{"NaN", with(`"input_tokens":1001`, `"input_tokens":NaN`), ""},
		{"no boot", with(`"boot":"0000000000000001",`, ``), "boot"},
		{"no zone", with(`Z","latency`, `","latency`), "ts"},
		{"year 9999", with(`"ts":"2026`, `"ts":"9999`), "ts"},
		{"1970", with(`"ts":"2026`, `"ts":"1970`), "ts"},
		{"20 MB", `{"v":1,"x":"` + strings.Repeat("x", 20<<20) + "\"}\n", "long"},
		{"10,000 deep", `{"v":1,"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}\n", ""},
	}
	e := newEnv(t)
	data := logFile(1, 1, 100, 100)
	for i, tt := range tests {
		data = append(data, tt.line...)
		data = sample(1, 200+i).AppendJSON(data)
	}
	e.write("a.jsonl", data)
	var rejects bytes.Buffer
	e.opt.Rejects = &rejects
	stats, n, _ := e.run()
	if n != int64(1+len(tests)) || stats.Rejected != int64(len(tests)) {
		t.Errorf("%d calls, %+v", n, stats)
	}
	lines := strings.Split(strings.TrimSuffix(rejects.String(), "\n"), "\n")
	if len(lines) != len(tests) {
		t.Fatalf("%d lines for %d rejected", len(lines), len(tests))
	}
	for i, tt := range tests {
		at := fmt.Sprintf("a.jsonl:%d: ", 3+2*i)
		if !strings.Contains(lines[i], at) || !strings.Contains(lines[i], tt.want) || len(lines[i]) > 300 {
			t.Errorf("%s: %q, want %s…%s", tt.name, lines[i], at, tt.want)
		}
	}
	accounted(t, e)
}

// A file that was removed and made anew under its name, with its inode even, is
// another file.
func TestInodeMeansNothing(t *testing.T) {
	e := newEnv(t)
	for boot := range 5 {
		if err := os.Remove(filepath.Join(e.dir, "a.jsonl")); err != nil && boot > 0 {
			t.Fatal(err)
		}
		e.write("a.jsonl", logFile(uint64(boot+1), 1, 1, 50))
		if _, n, _ := e.run(); n != int64(50*(boot+1)) {
			t.Errorf("%d calls after %d files", n, boot+1)
		}
	}
	accounted(t, e)
}

// FuzzIngestFile holds for any bytes that every line is accounted for, that no
// call is counted twice, and that reading the file again or in two steps changes
// nothing.
func FuzzIngestFile(f *testing.F) {
	whole := logFile(1, 1, 1, 5)
	for _, seed := range [][]byte{
		nil, whole, whole[:len(whole)-20], join2(whole, whole), shuffled(whole), gz(f, whole), zst(f, whole), gz(f, whole)[:200],
		join2([]byte("\ufeff"), bytes.ReplaceAll(whole, []byte("\n"), []byte("\r\n"))), []byte("\n\n \n{}\n[]\nnull\n"), make([]byte, 5000),
		encode(&usage.Record{Kind: usage.KindGap, Boot: 1, Seq: 1, TS: testNow.UnixMilli(), Calls: 3}, &usage.Record{Kind: usage.KindStop, Boot: 1, Seq: 1, TS: testNow.UnixMilli(), LastSeq: 9}),
	} {
		f.Add(seed, 100)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		if len(data) > 1<<20 {
			return
		}
		n, cost := ingestAll(t, data, data) // the second time as if it had been touched
		if len(data) == 0 || data[0] == 0x1f || data[0] == 0x28 {
			return // a packed file in two steps is two damaged files
		}
		if m, cost2 := ingestAll(t, data[:uint(cut)%uint(len(data))], data); m != n || cost2 != cost {
			t.Errorf("in two steps: %d calls for %s, in one %d for %s", m, cost2, n, cost)
		}
	})
}

// ingestAll ingests a file's states one after the other, checking the sums after
// each and that the last one read again changes nothing.
func ingestAll(t *testing.T, states ...[]byte) (n int64, cost string) {
	e := newEnv(t)
	ctx := context.Background()
	db, err := Open(ctx, e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, data := range states {
		e.write("a.jsonl", data)
		at := testNow.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Join(e.dir, "a.jsonl"), at, at); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Ingest(ctx); err != nil && !errors.Is(err, ErrNothingReadable) { // a packed file without one good byte
			t.Fatal(err)
		}
		var lines, sum, calls, accepted int64
		err := db.SQL().QueryRow(`SELECT coalesce(sum(lines), 0)::BIGINT, coalesce(sum(accepted + rejected + duplicates + other_kinds), 0)::BIGINT, coalesce(sum(accepted), 0)::BIGINT FROM file`).Scan(&lines, &sum, &accepted)
		if err == nil {
			err = db.SQL().QueryRow(`SELECT count(*) FILTER (WHERE NOT gap), count(DISTINCT (boot, seq, gap)), coalesce(sum(cost_usd), 0)::VARCHAR FROM call`).Scan(&calls, &n, &cost)
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines != sum || calls != accepted || n < calls {
			t.Errorf("%d lines, %d accounted for; %d calls, %d accepted, %d distinct rows", lines, sum, calls, accepted, n)
		}
	}
	return n, cost
}
