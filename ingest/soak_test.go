//go:build cgo && soak

package ingest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var rounds = flag.Int("rounds", 200, "runs that are killed")

// TestSoakKilledRuns kills -rounds runs: while they read, commit, checkpoint and
// close, while they move a database aside and make it anew, and while they pack
// files. After each the figures are those of an uninterrupted run. It prints
// the figures; run it with
//
//	go test -tags soak -run Soak -v -timeout 30m ./ingest
func TestSoakKilledRuns(t *testing.T) {
	const files, per = 6, 4000
	e := newEnv(t)
	fill := func(upTo int) {
		for i := range upTo {
			e.write(fmt.Sprintf("burn-%d.jsonl", i), logFile(uint64(i%3+1), i/3+1, i/3*per+1, i/3*per+per))
		}
	}
	empty := func() {
		for _, name := range e.names() {
			if err := os.Remove(filepath.Join(e.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(files)
	clean := *e
	clean.opt.Path = filepath.Join(t.TempDir(), "clean.duckdb")
	_, wantN, wantCost := clean.run()

	began := time.Now()
	if err := e.child("").Run(); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed, differ := map[string]int{}, 0
	for round := range *rounds {
		task := []string{"", "", "rebuild", "compress"}[round%4]
		if task == "" { // a new database, or new lines for an old one
			_ = os.Remove(e.opt.Path)
			_ = os.Remove(e.opt.Path + ".wal")
		}
		if round%8 == 1 {
			empty()
			fill(files / 2)
			e.run()
		}
		empty()
		fill(files)
		if task == "compress" {
			e.rest()
		}
		delay := time.Duration(rng.Int64N(int64(whole)))
		if round%3 == 0 { // the end, where it commits, checkpoints and closes
			delay = whole*3/5 + time.Duration(rng.Int64N(int64(whole)*2/5))
		}
		cmd := e.child(task)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
		began := time.Now()
		if cmd.Wait() != nil {
			killed[task]++
		} else {
			whole = time.Since(began) // the machine is not always equally fast
		}
		timer.Stop()
		if _, n, cost := e.run(); n != wantN || cost != wantCost {
			differ++
			t.Errorf("round %d (%s): %d calls for %s, want %d for %s", round, task, n, cost, wantN, wantCost)
		}
		accounted(t, e)
	}
	fmt.Printf("row 91: %d rounds, %d killed while reading, %d while making anew, %d while packing; rounds that differ from an uninterrupted run: %d\n",
		*rounds, killed[""], killed["rebuild"], killed["compress"], differ)
}
