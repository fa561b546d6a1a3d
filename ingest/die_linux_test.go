//go:build cgo

package ingest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dieAnywhere makes TestDiesBeforeAnyWrite die before each block of data as well:
//
//	go test -tags soak -run DiesBeforeAnyWrite -v ./ingest
var dieAnywhere = false

// A run that dies before any single write, sync or removal of the database's
// files, and is run again, gives what an uninterrupted run gives, from the same
// database. A block of data means nothing before a header or the log points to it,
// so by default the run dies before all else.
func TestDiesBeforeAnyWrite(t *testing.T) {
	lib := filepath.Join(t.TempDir(), "die.so")
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", lib, "testdata/die.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const files, per = 6, 8000 // more than a row group, which goes to the file before the commit
	fill := func(e *env, from, to int) {
		for i := from; i < to; i++ {
			e.write(fmt.Sprintf("burn-%d.jsonl", i), logFile(uint64(i%3+1), i/3+1, i/3*per+1, i/3*per+per))
		}
	}
	for _, begun := range []int{0, 2} { // files that an earlier run has read
		t.Run(fmt.Sprintf("%d files read before", begun), func(t *testing.T) {
			e := newEnv(t)
			var before []byte
			if fill(e, 0, begun); begun > 0 {
				e.run()
				var err error
				if before, err = os.ReadFile(e.opt.Path); err != nil {
					t.Fatal(err)
				}
			}
			fill(e, begun, files)
			dies := func(at int, log string) error {
				for _, name := range []string{"", ".wal"} {
					if err := os.Remove(e.opt.Path + name); err != nil && !os.IsNotExist(err) {
						t.Fatal(err)
					}
				}
				if before != nil {
					write(t, e.opt.Path, before)
				}
				cmd := e.child("")
				cmd.Env = append(cmd.Env, "LD_PRELOAD="+lib, fmt.Sprintf("DIE_AT=%d", at), "DIE_LOG="+log)
				return cmd.Run()
			}
			log := filepath.Join(t.TempDir(), "log")
			if err := dies(0, log); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			_, wantN, wantCost := e.run()
			if wantN != files*per {
				t.Fatalf("%d calls, want %d", wantN, files*per)
			}
			steps, died := strings.Split(strings.TrimSpace(string(text)), "\n"), 0
			usable := 0 // the step behind which the file is a database
			if begun == 0 {
				usable = slices.Index(steps, "sync duckdb 0")
			}
			for i, step := range steps {
				if !dieAnywhere && step == fmt.Sprintf("write duckdb %d", blockBytes) {
					continue
				}
				if err := dies(i+1, os.DevNull); err == nil {
					t.Errorf("step %d of %d, %s: it lives", i+1, len(steps), step)
				}
				died++
				if _, n, cost := e.run(); n != wantN || cost != wantCost || e.anew != "" && i >= usable {
					t.Errorf("dead before step %d of %d, %s: %d calls for %s, want %d for %s; made anew: %q", i+1, len(steps), step, n, cost, wantN, wantCost, e.anew)
				}
				accounted(t, e)
			}
			if died < 10 {
				t.Errorf("died before %d steps of\n%s", died, text)
			}
			t.Logf("%d steps, died before %d", len(steps), died)
		})
	}
}
