//go:build cgo

package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"burn/proxy/usage"
)

func gz(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func join2(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func shuffled(data []byte) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return join2(lines...)
}

// Every way of having the same lines several times counts each of them once,
// in one run, file by file, and in the other order.
func TestEachLineCountsOnce(t *testing.T) {
	a, b := logFile(1, 1, 1, 300), logFile(1, 2, 301, 500)
	other := logFile(2, 1, 1, 100)
	tests := []struct {
		name  string
		files [][2]string // name, content
	}{
		{"twice", [][2]string{{"a.jsonl", string(a)}, {"b.jsonl", string(a)}}},
		{"renamed by logrotate", [][2]string{{"burn-x.jsonl.1", string(a)}}},
		{"gz twin", [][2]string{{"a.jsonl", string(a)}, {"a.jsonl.gz", string(gz(t, a))}}},
		{"zst twin", [][2]string{{"a.jsonl", string(a)}, {"a.jsonl.zst", string(zst(t, a))}}},
		{"packed under a plain name", [][2]string{{"a.jsonl", string(gz(t, a))}}},
		{"two gzip members", [][2]string{{"a.jsonl.gz", string(join2(gz(t, a[:5000]), gz(t, a[5000:])))}}},
		{"concatenated", [][2]string{{"a.jsonl", string(a)}, {"b.jsonl", string(b)}, {"c.jsonl", string(join2(a, b))}, {"d.jsonl", string(join2(b, a))}}},
		{"shuffled", [][2]string{{"a.jsonl", string(a)}, {"b.jsonl", string(shuffled(join2(a, b)))}}},
		{"a prefix beside the whole", [][2]string{{"a.jsonl", string(a[:bytes.LastIndexByte(a[:9000], '\n')+1])}, {"b.jsonl", string(a)}}},
		{"boots share seqs, not identity", [][2]string{{"a.jsonl", string(a)}, {"b.jsonl", string(other)}}},
		{"BOM and CRLF", [][2]string{{"a.jsonl", "\ufeff" + strings.ReplaceAll(string(a), "\n", "\r\n")}, {"b.jsonl", string(a)}}},
	}
	for _, tt := range tests {
		want := map[string]bool{}
		for _, f := range tt.files {
			for _, line := range strings.Split(plainText(t, f[1]), "\n") {
				if line = strings.TrimPrefix(strings.TrimSpace(line), "\ufeff"); line != "" && !strings.Contains(line, `"kind"`) {
					want[line] = true
				}
			}
		}
		check := func(t *testing.T, e *env, how string) {
			t.Helper()
			stats, n, _ := e.run()
			if n != int64(len(want)) || stats.Rejected != 0 || stats.Torn != 0 {
				t.Errorf("%s: %d calls, want %d; %+v", how, n, len(want), stats)
			}
			again, n, _ := e.run()
			if n != int64(len(want)) || again.Accepted != 0 {
				t.Errorf("%s, again: %d calls, want %d; %+v", how, n, len(want), again)
			}
			accounted(t, e)
		}
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			for _, f := range tt.files {
				e.write(f[0], []byte(f[1]))
			}
			check(t, e, "together")
			e = newEnv(t)
			for i, f := range tt.files {
				e.write(f[0], []byte(f[1]))
				if i < len(tt.files)-1 {
					e.run()
				}
			}
			check(t, e, "one by one")
			e = newEnv(t)
			for i := len(tt.files) - 1; i >= 0; i-- {
				e.write(tt.files[i][0], []byte(tt.files[i][1]))
				if i > 0 {
					e.run()
				}
			}
			check(t, e, "backwards")
		})
	}
}

func plainText(t *testing.T, s string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, []byte(s))
	src, err := openSource(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(src); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// accounted checks the identity over what the database says of all files.
func accounted(t testing.TB, e *env) {
	t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lines, sum, calls, accepted int64
	err = db.SQL().QueryRow(`SELECT coalesce(sum(lines), 0)::BIGINT, coalesce(sum(accepted + rejected + duplicates + other_kinds), 0)::BIGINT,
		(SELECT count(*) FROM call WHERE NOT gap), coalesce(sum(accepted), 0)::BIGINT FROM file`).Scan(&lines, &sum, &calls, &accepted)
	if err != nil {
		t.Fatal(err)
	}
	if lines != sum || calls != accepted {
		t.Errorf("%d lines, %d accounted for; %d calls, %d accepted", lines, sum, calls, accepted)
	}
}

// A last line that is cut at any byte waits, and counts once when it is whole.
func TestTornLastLineWaits(t *testing.T) {
	whole := logFile(1, 1, 1, 3)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last; cut < len(whole); cut += 37 {
		e := newEnv(t)
		e.write("a.jsonl", whole[:cut])
		stats, n, _ := e.run()
		if n != 2 || stats.Torn != 0 || stats.Rejected != 0 {
			t.Fatalf("cut at %d: %d calls, %+v", cut, n, stats)
		}
		e.write("a.jsonl", whole)
		if stats, n, _ = e.run(); n != 3 || stats.Duplicates != 0 {
			t.Fatalf("whole after %d: %d calls, %+v", cut, n, stats)
		}
	}
}

// newer makes a log file's process start a minute later.
func newer(data []byte) []byte {
	start, rest, _ := bytes.Cut(data, []byte("\n"))
	old := string(usage.AppendTime(nil, testNow.Add(-2*time.Hour).UnixMilli()))
	late := string(usage.AppendTime(nil, testNow.Add(-2*time.Hour+time.Minute).UnixMilli()))
	return []byte(strings.Replace(string(start), old, late, 1) + "\n" + string(rest))
}

func TestTornLastLineOfSealedFileIsCounted(t *testing.T) {
	whole := logFile(1, 1, 1, 3)
	tests := []struct {
		name   string
		second []byte
		pack   bool
	}{
		{"a later file of the process", logFile(1, 2, 4, 5), false},
		{"a newer process", newer(logFile(2, 1, 1, 2)), false},
		{"packed", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			torn := whole[:len(whole)-40]
			if tt.pack {
				torn = gz(t, torn)
			}
			e.write("a.jsonl", torn)
			if tt.second != nil {
				e.write("b.jsonl", tt.second)
			}
			stats, _, _ := e.run()
			if stats.Torn != 1 || stats.Rejected != 0 {
				t.Errorf("%+v", stats)
			}
			// Only the newline is missing: that line is whole.
			e = newEnv(t)
			sealed := whole[:len(whole)-1]
			if tt.pack {
				sealed = gz(t, sealed)
			}
			e.write("a.jsonl", sealed)
			if tt.second != nil {
				e.write("b.jsonl", tt.second)
			}
			if stats, _, _ := e.run(); stats.Torn != 0 || stats.Accepted < 3 {
				t.Errorf("without newline: %+v", stats)
			}
		})
	}
}

// Damage inside a file costs exactly the damaged lines.
func TestBadLinesLoseNoNeighbours(t *testing.T) {
	lines := bytes.SplitAfter(logFile(1, 1, 1, 2000), []byte("\n"))
	lines = lines[:len(lines)-1]
	bad := 0
	rng := rand.New(rand.NewPCG(5, 6))
	for i := 1; i < len(lines); i++ {
		if rng.IntN(20) != 0 {
			continue
		}
		bad++
		switch rng.IntN(5) {
		case 0:
			lines[i] = append(bytes.Clone(lines[i][:rng.IntN(200)+1]), '\n')
		case 1:
			lines[i] = append(bytes.Repeat([]byte{0}, 4096), '\n')
		case 2:
			lines[i] = append(bytes.Repeat([]byte("x"), 2<<20), '\n')
		case 3:
			lines[i] = []byte("[1,2]\n")
		case 4:
			lines[i] = bytes.Replace(lines[i], []byte(`"v":1`), []byte(`"v":9`), 1)
		}
	}
	e := newEnv(t)
	e.write("a.jsonl", join2(lines...))
	var rejects bytes.Buffer
	e.opt.Rejects = &rejects
	stats, n, _ := e.run()
	if int(n) != len(lines)-1-bad || int(stats.Rejected) != bad || strings.Count(rejects.String(), "\n") != bad {
		t.Errorf("%d calls, want %d; %d rejected, want %d; %+v", n, len(lines)-1-bad, stats.Rejected, bad, stats)
	}
	for _, line := range strings.Split(strings.TrimSpace(rejects.String()), "\n") {
		var number int
		if _, err := fmt.Sscanf(line[strings.LastIndex(line, "a.jsonl:"):], "a.jsonl:%d:", &number); err != nil || number < 2 || number > len(lines) {
			t.Fatalf("reject %q: %v", line, err)
		}
		if l := lines[number-1]; bytes.HasPrefix(l, []byte(`{"v":1`)) && bytes.HasSuffix(l, []byte("}\n")) {
			t.Errorf("%q names a good line", line)
		}
	}
	accounted(t, e)
}

func TestUnreadableAndDamagedFiles(t *testing.T) {
	a := logFile(1, 1, 1, 2000)
	packed := gz(t, a)
	crc := bytes.Clone(packed)
	crc[len(crc)-6] ^= 0xff
	tests := []struct {
		name    string
		content []byte
		calls   func(int64) bool
		problem bool
	}{
		{"empty", nil, func(n int64) bool { return n == 0 }, false},
		{"half a gzip file", packed[:len(packed)/2], func(n int64) bool { return n > 100 && n < 2000 }, true},
		{"wrong gzip checksum", crc, func(n int64) bool { return n == 2000 }, true},
		{"only a gzip header", packed[:3], func(n int64) bool { return n == 0 }, true},
		{"half a zstd file", zst(t, a)[:2000], func(n int64) bool { return n < 2000 }, true},
		{"binary", bytes.Repeat([]byte{0x7f, 'E', 'L', 'F', 0}, 5000), func(n int64) bool { return n == 0 }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.write("a.jsonl", tt.content)
			e.write("b.jsonl", logFile(2, 1, 1, 10))
			stats, n, _ := e.run()
			if !tt.calls(n-10) || (len(stats.Problems) > 0) != tt.problem || tt.problem && !strings.Contains(stats.Problems[0], "a.jsonl") {
				t.Errorf("%d calls, %+v", n-10, stats)
			}
			accounted(t, e)
			// The file completed: every line once.
			e.write("a.jsonl", packed)
			if err := os.Chtimes(filepath.Join(e.dir, "a.jsonl"), time.Time{}, testNow.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, n, _ = e.run(); n != 2010 {
				t.Errorf("completed: %d calls, want 2010", n)
			}
			accounted(t, e)
		})
	}
}

func TestTruncatedAndReusedFile(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 500))
	e.run()
	e.write("a.jsonl", logFile(2, 1, 1, 40))
	if _, n, _ := e.run(); n != 540 {
		t.Errorf("%d calls, want 540", n)
	}
	// Grown past the old position by another content with the same first line.
	e.write("a.jsonl", join2(logFile(2, 1, 1, 1), logFile(3, 1, 1, 900)))
	if _, n, _ := e.run(); n != 540+900 {
		t.Errorf("%d calls, want 1440", n)
	}
	accounted(t, e)
}

func TestUnbelievableClocksAreRejected(t *testing.T) {
	e := newEnv(t)
	data := logFile(1, 1, 1, 1)
	for i, ts := range []time.Time{testNow.Add(23 * time.Hour), testNow.Add(25 * time.Hour), testNow.AddDate(1, 0, 0), time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		r := sample(1, i+2)
		r.TS = ts.UnixMilli()
		data = r.AppendJSON(data)
	}
	e.write("a.jsonl", data)
	if stats, n, _ := e.run(); n != 2 || stats.Rejected != 4 {
		t.Errorf("%d calls, %+v", n, stats)
	}
}

// Gap lines stand for calls; the other kinds are kept as events.
func TestOtherKinds(t *testing.T) {
	e := newEnv(t)
	data := logFile(1, 1, 1, 5)
	for _, r := range []usage.Record{
		{Kind: usage.KindGap, Boot: 1, Seq: 1, TS: testNow.UnixMilli(), Provider: "openai", ResponseModel: "gpt-4o", Calls: 7, Tokens: usage.Tokens{Input: 7000, Output: 700}},
		{Kind: usage.KindOpen, Boot: 1, Seq: 6, TS: testNow.UnixMilli(), Agent: "slow"},
		{Kind: usage.KindBeat, Boot: 1, Seq: 1, TS: testNow.UnixMilli(), LastSeq: 6},
		{Kind: usage.KindStop, Boot: 1, Seq: 1, TS: testNow.UnixMilli(), LastSeq: 6},
	} {
		data = r.AppendJSON(data)
	}
	e.write("a.jsonl", data)
	e.write("copy.jsonl", data)
	e.run()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var requests, events int64
	var gapCost string
	if err := db.SQL().QueryRow("SELECT sum(requests)::BIGINT, (SELECT count(*) FROM event), (SELECT cost_usd::VARCHAR FROM call WHERE gap) FROM call").Scan(&requests, &events, &gapCost); err != nil {
		t.Fatal(err)
	}
	if requests != 12 || events != 4 || gapCost != "0.024500000000" {
		t.Errorf("%d requests, %d events, gap costs %s", requests, events, gapCost)
	}
}

// A run that is killed at any moment, and run again, gives what an
// uninterrupted run gives.
func TestKilledIngestHeals(t *testing.T) {
	if dir := os.Getenv("BURN_TEST_INGEST"); dir != "" {
		opt := Options{Path: filepath.Join(dir, "burn.duckdb"), Dirs: []string{filepath.Join(dir, "logs")}, Now: func() time.Time { return testNow }}
		db, err := Open(context.Background(), opt)
		if err == nil {
			_, err = db.Ingest(context.Background())
		}
		if err == nil {
			err = db.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	e := newEnv(t)
	const files, per = 8, 6000
	for i := range files {
		e.write(fmt.Sprintf("burn-%d.jsonl", i), logFile(uint64(i%3+1), i/3+1, i/3*per+1, i/3*per+per))
	}
	clean := *e
	clean.opt.Path = filepath.Join(t.TempDir(), "clean.duckdb")
	_, wantN, wantCost := clean.run()
	if wantN != files*per {
		t.Fatalf("%d calls, want %d", wantN, files*per)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	killed := 0
	for range 12 {
		for _, s := range []string{"", ".wal", ".unusable"} {
			_ = os.Remove(e.opt.Path + s)
		}
		for range 3 {
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledIngestHeals$")
			cmd.Env = append(os.Environ(), "BURN_TEST_INGEST="+filepath.Dir(e.opt.Path))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(time.Duration(rng.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			if err := cmd.Wait(); err != nil {
				killed++
			}
			kill.Stop()
		}
		if _, n, cost := e.run(); n != wantN || cost != wantCost {
			t.Fatalf("after kills: %d calls for %s, want %d for %s", n, cost, wantN, wantCost)
		}
		accounted(t, e)
	}
	if killed == 0 {
		t.Error("no run was killed: the test proves nothing")
	}
	t.Logf("%d of 36 runs killed", killed)
}

func TestDatabaseThatCannotBeUsedIsRebuilt(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
	}{
		{"text", func(t *testing.T, path string) { write(t, path, []byte("not a database\n")) }},
		{"empty", func(t *testing.T, path string) { write(t, path, nil) }},
		{"header", func(t *testing.T, path string) { flip(t, path, 20) }},
		{"cut", func(t *testing.T, path string) {
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		}},
		{"directory", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"pipe", func(t *testing.T, path string) { // reading it would never end
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"other schema", func(t *testing.T, path string) {
			db := &DB{opt: Options{Path: path}}
			db.opt.defaults()
			if err := db.connect(context.Background()); err != nil {
				t.Fatal(err)
			}
			defer db.disconnect()
			if _, err := db.sql.Exec("UPDATE meta SET value = '99' WHERE key = 'schema'"); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			e.write("a.jsonl", logFile(1, 1, 1, 500))
			_, wantN, wantCost := e.run()
			tt.damage(t, e.opt.Path)
			if tt.name != "empty" { // an empty file is a new database
				refuse := e.opt
				refuse.NoRebuild = true
				if _, err := Open(context.Background(), refuse); err == nil {
					t.Error("opened with NoRebuild")
				}
			}
			db, look, err := LookAtDatabase(context.Background(), e.opt)
			if err != nil || db != nil || look.Unfit == "" && look.Denied == nil {
				t.Errorf("looked at: %+v, %v", look, err)
			}
			if look.Denied != nil { // what is no file is nobody's database, and stays
				if _, err := Open(context.Background(), e.opt); err == nil || !strings.Contains(err.Error(), "is no file") {
					t.Errorf("opened: %v", err)
				}
				return
			}
			if _, n, cost := e.run(); n != wantN || cost != wantCost {
				t.Errorf("rebuilt: %d calls for %s, want %d for %s", n, cost, wantN, wantCost)
			}
		})
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0xff
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

func TestSecondRunWaitsAndNamesTheHolder(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	first, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), e.opt)
	if want := fmt.Sprintf("process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
	write(t, e.opt.Path+".lock", []byte("process 5\nburn: all is well\n"))
	if _, err = Open(context.Background(), e.opt); err == nil || !strings.Contains(err.Error(), "process 5") || strings.Contains(err.Error(), "well") {
		t.Errorf("error %v, want one line of the lock", err)
	}
	done := make(chan error)
	go func() {
		opt := e.opt
		opt.LockWait = time.Minute
		second, err := Open(context.Background(), opt)
		if err == nil {
			err = second.Close()
		}
		done <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
