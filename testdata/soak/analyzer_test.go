//go:build soak && linux

package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// whole is burn with its analyzer, from BURN_SOAK_WHOLE or built here.
var whole = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("BURN_SOAK_WHOLE"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "burn-soak")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "burn")
	if out, err := exec.Command("go", "build", "-o", path, "burn").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build burn: %w: %s", err, out)
	}
	return path, nil
})

// month makes the demo's first month, 143,000 calls, and gives its directory.
func month(t *testing.T) string {
	t.Helper()
	path, err := whole()
	must(t, err)
	dir := t.TempDir()
	if out, err := exec.Command(path, "demo", "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("demo: %v: %s", err, out)
	}
	return filepath.Join(dir, "before")
}

// analyzer is a run of burn analyze over the demo's month with its database in db.
func analyzer(t *testing.T, logs, db string) *exec.Cmd {
	path, err := whole()
	must(t, err)
	return exec.Command(path, "analyze", "--log-dir", logs, "--db", db, "--since", "2026-09", "--until", "2026-10", "--tz", "UTC", "--format", "json")
}

// figures is what a run must give however often others were broken off.
func figures(t *testing.T, out []byte) string {
	t.Helper()
	var r struct {
		Totals  json.RawMessage `json:"totals"`
		Quality struct {
			Accepted   int64 `json:"accepted"`
			Duplicates int64 `json:"duplicates"`
			Missing    int64 `json:"missing_seq"`
		} `json:"quality"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %.200s", err, out)
	}
	return fmt.Sprintf("%s %+v", r.Totals, r.Quality)
}

func output(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("analyze: %v: %s", err, stderr.Bytes())
	}
	return out
}

// Row 93: the image under the database is copied while a run reads, as a power
// cut would leave it; the next run on the copy gives the same figures.
func TestPowerCutWhileReading(t *testing.T) {
	asRoot(t)
	logs := month(t)
	want := figures(t, output(t, analyzer(t, logs, filepath.Join(t.TempDir(), "clean.duckdb"))))
	file, dir := image(t, 2*small) // a run that was cut off late, and the next one's log beside its
	same, broken, cuts := 0, 0, *rounds
	for round := range cuts {
		db := filepath.Join(dir, fmt.Sprintf("%d.duckdb", round))
		run := analyzer(t, logs, db)
		var said bytes.Buffer
		run.Stderr = &said
		must(t, run.Start())
		time.Sleep(time.Duration(100+round*1500/cuts) * time.Millisecond)
		must(t, copyFile(file, file+".cut"))
		if err := run.Wait(); err != nil {
			t.Fatalf("round %d, the run that reads: %v: %s", round, err, said.Bytes())
		}
		files, err := filepath.Glob(db + "*")
		must(t, err)
		for _, name := range files { // the image is small
			must(t, os.RemoveAll(name))
		}
		mounted := file + ".read"
		must(t, os.MkdirAll(mounted, 0o700))
		if out, err := exec.Command("mount", "-o", "loop", file+".cut", mounted).CombinedOutput(); err != nil {
			t.Errorf("the copy cannot be mounted: %v %s", err, out)
			continue
		}
		left := filepath.Join(mounted, filepath.Base(db))
		next := analyzer(t, logs, left)
		var stderr bytes.Buffer
		next.Stderr = &stderr
		out, err := next.Output()
		if err != nil {
			t.Errorf("round %d: %v: %s", round, err, stderr.Bytes())
		} else if figures(t, out) == want {
			same++
		}
		if bytes.Contains(stderr.Bytes(), []byte("unusable")) {
			broken++
		}
		unmount(mounted)
	}
	fmt.Printf("row 93: %d power cuts while a run read, the next run gave the same figures after %d; %d databases had to be made anew\n", cuts, same, broken)
	if same != cuts {
		t.Error("not what it should be")
	}
}

// Row 94: the file system of the database fills up in the middle of a run, and
// gets room.
func TestFullDiskWhileReading(t *testing.T) {
	asRoot(t)
	logs := month(t)
	want := figures(t, output(t, analyzer(t, logs, filepath.Join(t.TempDir(), "clean.duckdb"))))
	dir := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=12m", "burn-soak", dir)
	t.Cleanup(func() { unmount(dir) })
	db := filepath.Join(dir, "burn.duckdb")
	run := analyzer(t, logs, db)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	err := run.Run()
	message := bytes.TrimSpace(stderr.Bytes())
	mount(t, "-o", "remount,size=256m", dir)
	again := figures(t, output(t, analyzer(t, logs, db))) == want
	fmt.Printf("row 94: full disk: %v, %q; the next run gave the same figures: %v\n", err, message, again)
	if err == nil || len(message) == 0 || bytes.Contains(message, []byte("goroutine")) || bytes.Contains(message, []byte("Stack Trace")) || !again {
		t.Error("not what it should be")
	}
}
