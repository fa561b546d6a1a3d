package usage

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A hundred starts within one millisecond of the clock: a hundred boots, each
// with its own file and its own calls.
func TestRestartStorm(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC)
	boots := map[uint64]bool{}
	for i := range 100 {
		cfg := testConfig(dir)
		cfg.Now = func() time.Time { return now }
		l, err := OpenLog(cfg)
		check(t, err)
		boots[l.Boot()] = true
		for n := range i % 3 {
			l.Append(call(n + 1))
		}
		mustClose(t, l)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	check(t, err)
	calls := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		check(t, err)
		got := &logLines{lines: map[string][]Record{}, calls: map[uint64]bool{}}
		got.read(t, filepath.Base(path), b)
		if len(got.lines[KindStop]) != 1 || !bytes.HasSuffix(b, newline) {
			t.Errorf("%s: %d stop lines", path, len(got.lines[KindStop]))
		}
		calls += len(got.calls)
	}
	if len(boots) != 100 || len(paths) != 100 || calls != 99 {
		t.Errorf("%d boots, %d files, %d calls, want 100, 100 and 99", len(boots), len(paths), calls)
	}
}

// A million agents, on a disk that works and on one that does not: the log keeps
// nothing per agent beyond its bounds.
func TestManyAgentsTakeNoMemory(t *testing.T) {
	agents := 1_000_000
	if testing.Short() {
		agents = 100_000
	}
	for _, tc := range []struct {
		name string
		cfg  func(dir string) LogConfig
	}{
		{"written", func(dir string) LogConfig { c := testConfig(dir); c.RotateSize = 1 << 40; return c }},
		{"folded", func(dir string) LogConfig { c := testConfig(dir); c.QueueLen = 1; return c }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := tc.cfg(t.TempDir())
			if tc.name == "written" {
				cfg.tick = time.Second // seldom looks at the file, which stays short
				cfg.disk = &faultDisk{write: func(_ string, b []byte, _ io.Writer) (int, error) { return len(b), nil }}
			}
			l := openLog(t, cfg)
			at := func(i int) {
				for tc.name == "written" && len(l.queue) > cap(l.queue)/2 {
					time.Sleep(100 * time.Microsecond) // the queue empties by itself
				}
				r := call(1)
				r.Agent = fmt.Sprintf("agent-%d", i)
				l.Append(r)
			}
			if tc.name == "folded" {
				agents /= 5 // each is counted by the caller
			}
			for i := range agents / 10 {
				at(i)
			}
			before := heap()
			for i := range agents {
				at(agents + i)
			}
			after := heap()
			t.Logf("heap %d KiB before %d agents, %d KiB after", before>>10, agents, after>>10)
			if after > before+8<<20 {
				t.Errorf("heap %d KiB before, %d KiB after", before>>10, after>>10)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
