//go:build cgo

package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestChild is no test: other tests run it as a process of its own.
func TestChild(t *testing.T) {
	dir := os.Getenv("BURN_TEST_CHILD")
	if dir == "" {
		t.Skip("run by other tests")
	}
	opt := Options{Path: filepath.Join(dir, "burn.duckdb"), Dirs: []string{filepath.Join(dir, "logs")}, LockWait: 2 * time.Minute, Version: "test", Now: func() time.Time { return testNow }}
	if os.Getenv("BURN_TEST_TASK") == "hold" { // as another program would, without burn's lock
		db := &DB{opt: opt}
		db.opt.defaults()
		if err := db.connect(context.Background()); err != nil {
			t.Fatal(err)
		}
		fmt.Println("holding")
		_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the parent closes it
		return
	}
	opt.Compress, opt.Rebuild = os.Getenv("BURN_TEST_TASK") == "compress", os.Getenv("BURN_TEST_TASK") == "rebuild"
	db, err := Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Ingest(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// child is a process that runs TestChild for e.
func (e *env) child(task string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "BURN_TEST_CHILD="+filepath.Dir(e.opt.Path), "BURN_TEST_TASK="+task)
	return cmd
}

// Many runs at once: one works at a time, nothing is counted twice.
func TestParallelRuns(t *testing.T) {
	e := newEnv(t)
	for i := range 10 {
		e.write(fmt.Sprintf("burn-%d.jsonl", i), logFile(uint64(i+1), 1, 1, 1000))
	}
	runs := make([]*exec.Cmd, 20)
	for i := range runs {
		runs[i] = e.child("")
		if err := runs[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range runs {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	stats, n, _ := e.run()
	if n != 10_000 || stats.Files != 0 {
		t.Errorf("%d calls, %+v", n, stats)
	}
	accounted(t, e)
}

// A program that holds the database without burn's lock is named.
func TestHeldByAnotherProgram(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 10))
	e.run()
	cmd := e.child("hold")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "holding\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, err = Open(context.Background(), e.opt)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("PID %d", cmd.Process.Pid)) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line with PID %d", err, cmd.Process.Pid)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, n, _ := e.run(); n != 10 {
		t.Errorf("%d calls", n)
	}
}

// Nor can one open a database that has just been filled, until it is closed:
// that its file was opened once more must not cost it DuckDB's lock.
func TestFilledDatabaseIsHeld(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 10))
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Ingest(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out, err := e.child("hold").CombinedOutput(); err == nil || !strings.Contains(string(out), "Could not set lock on file") {
		t.Errorf("another program: %v, %s", err, out)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := e.child("hold").CombinedOutput(); err != nil {
		t.Errorf("another program, later: %v, %s", err, out)
	}
}

// Wherever a database is damaged, the run either does not need that place or
// makes the database anew: the figures are the same.
func TestDamageAnywhereChangesNothing(t *testing.T) {
	e := newEnv(t)
	const calls = 3000
	e.write("a.jsonl", logFile(1, 1, 1, calls))
	_, wantN, wantCost := e.run()
	whole, err := os.ReadFile(e.opt.Path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	rebuilt := 0
	for range 60 {
		damaged := append([]byte(nil), whole...)
		at := rng.IntN(len(damaged))
		switch rng.IntN(3) {
		case 0:
			damaged[at] ^= 1 << rng.IntN(8)
		case 1:
			clear(damaged[at:min(len(damaged), at+4096)])
		case 2:
			damaged = damaged[:at]
		}
		for _, s := range []string{".wal", ".unusable", ".unusable.wal"} {
			_ = os.Remove(e.opt.Path + s)
		}
		write(t, e.opt.Path, damaged)
		n, cost, anew := e.runWhole()
		if n != wantN || cost != wantCost {
			t.Errorf("damaged at %d of %d: %d calls for %s, want %d for %s", at, len(whole), n, cost, wantN, wantCost)
		}
		if anew {
			rebuilt++
		}
	}
	if rebuilt == 0 || rebuilt == 60 {
		t.Errorf("%d of 60 rebuilt: the test does not show both", rebuilt)
	}
	t.Logf("%d of 60 rebuilt", rebuilt)
}

// runWhole is a run as main does it: new lines, then queries that read every
// column, repaired if need be.
func (e *env) runWhole() (n int64, cost string, anew bool) {
	e.t.Helper()
	ctx := context.Background()
	db, err := Open(ctx, e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	ask := func() error {
		if _, err := db.Ingest(ctx); err != nil {
			return err
		}
		if err := db.SQL().QueryRow("SELECT count(*), coalesce(sum(cost_usd), 0)::VARCHAR FROM call").Scan(&n, &cost); err != nil {
			return err
		}
		return db.readAll(ctx)
	}
	if err := ask(); err != nil {
		if done, rerr := db.Repair(ctx, err); !done {
			e.t.Fatalf("not repaired: %v, %v", err, rerr)
		}
		if err := ask(); err != nil {
			e.t.Fatalf("after repair: %v", err)
		}
	}
	why, _, _ := db.Rebuilt()
	return n, cost, why != ""
}

// A write-ahead log that is damaged, cut, gone, or of another database costs no
// call either.
func TestDamagedWALChangesNothing(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 500))
	e.run()
	base, err := os.ReadFile(e.opt.Path)
	if err != nil {
		t.Fatal(err)
	}
	// A killed run leaves its log: take the files while the database is open.
	wal := func(e *env) (db, wal []byte) {
		t.Helper()
		d, err := Open(context.Background(), e.opt)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.sql.Exec("SET checkpoint_threshold='1GB'"); err != nil {
			t.Fatal(err)
		}
		if err := d.reprice(context.Background(), new(Stats)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.sql.Exec("UPDATE meta SET value = value || '.' WHERE key = 'installation'; UPDATE file SET problem = 'x'; UPDATE file SET problem = ''"); err != nil {
			t.Fatal(err)
		}
		if db, err = os.ReadFile(e.opt.Path); err != nil {
			t.Fatal(err)
		}
		if wal, err = os.ReadFile(e.opt.Path + ".wal"); err != nil {
			t.Fatal(err)
		}
		return db, wal
	}
	db, log := wal(e)
	e.write("b.jsonl", logFile(2, 1, 1, 500))
	write(t, e.opt.Path, base)
	_ = os.Remove(e.opt.Path + ".wal")
	_, wantN, wantCost := e.run()
	other := newEnv(t)
	other.write("x.jsonl", logFile(77, 1, 1, 40))
	other.run()
	_, foreign := wal(other)

	check := func(name string, log []byte) {
		t.Helper()
		for _, s := range []string{".wal", ".unusable", ".unusable.wal"} {
			_ = os.Remove(e.opt.Path + s)
		}
		write(t, e.opt.Path, db)
		if log != nil {
			write(t, e.opt.Path+".wal", log)
		}
		if n, cost, _ := e.runWhole(); n != wantN || cost != wantCost {
			t.Errorf("%s: %d calls for %s, want %d for %s", name, n, cost, wantN, wantCost)
		}
		accounted(t, e)
	}
	check("whole", log)
	check("gone", nil)
	check("foreign", foreign)
	check("empty", []byte{})
	rng := rand.New(rand.NewPCG(11, 12))
	for range 20 {
		at := rng.IntN(len(log))
		flipped := append([]byte(nil), log...)
		flipped[at] ^= 0xff
		check(fmt.Sprintf("flipped at %d of %d", at, len(log)), flipped)
		check(fmt.Sprintf("cut at %d of %d", at, len(log)), log[:at])
	}
	// A log whose database is gone.
	if err := os.Remove(e.opt.Path); err != nil {
		t.Fatal(err)
	}
	write(t, e.opt.Path+".wal", log)
	if n, cost, _ := e.runWhole(); n != wantN || cost != wantCost {
		t.Errorf("no database: %d calls for %s", n, cost)
	}
}

// What a newer version made is kept, however often; the new database stands
// beside it.
func TestNewerDatabaseIsKept(t *testing.T) {
	e := newEnv(t)
	e.opt.Version = "1.2.0"
	e.write("a.jsonl", logFile(1, 1, 1, 100))
	_, wantN, _ := e.run()
	schema := func(t *testing.T) {
		db := &DB{opt: e.opt}
		db.opt.defaults()
		if err := db.connect(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer db.disconnect()
		if _, err := db.sql.Exec("UPDATE meta SET value = '99' WHERE key = 'schema'; UPDATE meta SET value = '1.10.0' WHERE key = 'burn'"); err != nil {
			t.Fatal(err)
		}
	}
	storage := func(t *testing.T) { // the version stands behind the checksum and "DUCK"
		b, err := os.ReadFile(e.opt.Path)
		if err != nil {
			t.Fatal(err)
		}
		sum := func() uint64 { // of the first header, as DuckDB reckons it
			s := uint64(5381)
			for at := 8; at < 4096; at += 8 {
				s ^= binary.LittleEndian.Uint64(b[at:]) * 0xbf58476d1ce4e5b9
			}
			return s
		}
		if sum() != binary.LittleEndian.Uint64(b) {
			t.Fatal("DuckDB reckons its checksum in another way now")
		}
		b[12] = 200
		binary.LittleEndian.PutUint64(b, sum())
		write(t, e.opt.Path, b)
	}
	for i, change := range []func(*testing.T){schema, storage, schema} {
		change(t)
		before, err := os.ReadFile(e.opt.Path)
		if err != nil {
			t.Fatal(err)
		}
		db, err := Open(context.Background(), e.opt)
		if err != nil {
			t.Fatal(err)
		}
		why, _, kept := db.Rebuilt()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(why, "newer") || kept != fmt.Sprintf("%s.kept-%d", e.opt.Path, i+1) {
			t.Errorf("why %q, kept as %q", why, kept)
		}
		if after, err := os.ReadFile(kept); err != nil || string(after) != string(before) {
			t.Errorf("the old database changed, or is gone: %v", err)
		}
		if _, n, _ := e.run(); n != wantN {
			t.Errorf("%d calls", n)
		}
	}
}

func TestVersionsCompare(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		later bool
	}{{"1.10.0", "1.9.9", true}, {"1.9.9", "1.10.0", false}, {"1.2.0", "1.2.0-dev", false}, {"v2", "1.9", true}, {"test", "1.0.0", false}, {"1.0.0", "", false}, {"1.0.0.0", "0.1", false}} {
		if later(tt.a, tt.b) != tt.later {
			t.Errorf("later(%q, %q) is %v", tt.a, tt.b, !tt.later)
		}
	}
}

// Queries may have been edited by others: once the database is locked they
// reach nothing but its tables, and spilling to disk still works.
func TestLockedDatabaseReachesNothingElse(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 100))
	e.run()
	e.opt.Memory = 64 << 20
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := context.Background()
	if err := db.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	for _, query := range []string{
		"COPY (SELECT 1) TO '" + out + "'",
		"COPY call TO '" + out + "' (FORMAT parquet)",
		"EXPORT DATABASE '" + out + "'",
		"SELECT * FROM read_text('/etc/hostname')",
		"SELECT * FROM read_csv('/etc/hostname')",
		"SELECT * FROM read_json('" + e.dir + "/a.jsonl')",
		"SELECT * FROM '/etc/hostname'",
		"SELECT * FROM glob('/*')",
		"ATTACH '" + out + "'",
		"ATTACH '" + out + "' AS x (READ_ONLY)",
		"INSTALL httpfs", "LOAD httpfs", "LOAD '" + out + "'",
		"SET enable_external_access=true", "RESET enable_external_access", "SET lock_configuration=false", "SET temp_directory='/'",
		"PRAGMA enable_external_access", "SET autoinstall_known_extensions=true",
		"SELECT * FROM 'https://localhost:1/x.parquet'",
	} {
		if _, err := db.SQL().Exec(query); err == nil {
			t.Errorf("allowed: %s", query)
		}
	}
	if _, err := os.Lstat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
	if _, err := db.SQL().Exec("CREATE TEMP TABLE big AS SELECT hash(a) AS h, a, a::VARCHAR AS s FROM range(3000000) t(a) ORDER BY h"); err != nil {
		t.Errorf("spill: %v", err)
	}
	// A question without end stops when its time is over.
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := db.SQL().ExecContext(short, "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT sum(n) FROM r"); err == nil || short.Err() == nil {
		t.Errorf("endless query: %v", err)
	}
	var n int64
	if err := db.SQL().QueryRow("SELECT count(*) FROM call").Scan(&n); err != nil || n != 100 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

// Where temporary data cannot be written the error names the place, the
// database stays as it is, and is not taken for damaged.
func TestNoPlaceForTemporaryData(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 100))
	e.run()
	write(t, e.opt.Path+".tmp", []byte("a file where a directory should be"))
	e.opt.Memory = 64 << 20
	ctx := context.Background()
	db, err := Open(ctx, e.opt)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.SQL().Exec("CREATE TEMP TABLE big AS SELECT hash(a) AS h, a, a::VARCHAR AS s FROM range(6000000) t(a) ORDER BY h")
	if err == nil || !strings.Contains(err.Error(), "burn.duckdb.tmp") {
		t.Errorf("error %v, want one that names the directory", err)
	}
	if anew, rerr := db.Repair(ctx, err); anew || rerr != nil {
		t.Errorf("rebuilt %v, %v", anew, rerr)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, n, _ := e.run(); n != 100 {
		t.Errorf("%d calls", n)
	}
}

// A run that is told to stop keeps what it has read; the next goes on there.
func TestInterruptedRunKeepsWhatItRead(t *testing.T) {
	e := newEnv(t)
	for i := range 10 {
		e.write(fmt.Sprintf("burn-%d.jsonl", i), logFile(1, i+1, i*1000+1, i*1000+1000))
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.opt.Progress = func(done, _ int64) {
		if done > 3<<20 {
			cancel()
		}
	}
	db, err := Open(ctx, e.opt)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Ingest(ctx)
	var told *Interrupted
	if !errors.As(err, &told) || !errors.Is(err, context.Canceled) || told.Lines == 0 || told.Lines >= 10_010 {
		t.Fatalf("error %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e.opt.Progress = nil
	stats, n, _ := e.run()
	if n != 10_000 || stats.Duplicates != 0 || stats.Lines != 10_010-told.Lines {
		t.Errorf("%d calls, %+v after %d lines", n, stats, told.Lines)
	}
	accounted(t, e)
}

// A reader that notices the end before a block is written does not make the run
// look complete.
func TestInterruptedReaderIsNotTheEnd(t *testing.T) {
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 10))
	f, err := newRegistry().look(filepath.Join(e.opt.Dirs[0], "a.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 { // it notices by chance, or gives a block
		p := &pipeline{pricer: e.opt.Prices, pool: newChunkPool(nil, maxChunks)}
		err := p.run(ctx, []*fileState{f}, func(*block) error { return errors.New("a block was written") })
		p.pool.close()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
	}
}
