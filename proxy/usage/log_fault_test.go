package usage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestShortWritesLeaveWholeLines(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		cut  error // of Truncate
	}{
		{"short without error", nil, nil},
		{"short, I/O error", syscall.EIO, nil},
		{"short, interrupted once", syscall.EINTR, nil},
		{"short and beyond repair", syscall.EIO, syscall.EIO},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= 50; n++ {
				shortWriteEach(t, n, tc.err, tc.cut)
			}
		})
	}
}

// shortWriteEach lets each n-th write, from the second on, put down only part
// of its bytes.
func shortWriteEach(t *testing.T, n int, err, cut error) {
	t.Helper()
	dir := t.TempDir()
	var writes, left atomic.Int64
	left.Store(20)
	cfg := testConfig(dir)
	cfg.disk = &faultDisk{cutErr: cut, write: func(_ string, b []byte, next io.Writer) (int, error) {
		if i := writes.Add(1); i == 1 || i%int64(n) != 0 || left.Add(-1) < 0 {
			return next.Write(b)
		}
		done, _ := next.Write(b[:len(b)*3/5])
		return done, err
	}}
	l := openLog(t, cfg)
	const calls = 160
	before := writes.Load()
	for i := 1; i <= calls; i++ {
		l.Append(call(i))
		if i%3 == 0 { // a batch of its own, so that there are more than n
			waitFor(t, "write", func() bool { return writes.Load() > before })
			before = writes.Load()
		}
	}
	if n == 1 { // nothing can be written until the fault is over
		waitFor(t, "working disk", func() bool { return left.Load() <= 0 })
	}
	mustClose(t, l)
	if cut != nil {
		cutTornTails(t, dir)
	}
	readLog(t, dir).wantAll(t, calls)
	if l.Stats().WriteErrors == 0 {
		t.Errorf("each %d-th write short: no write errors counted", n)
	}
}

// cutTornTails does what ingest does with the last line of a sealed file that
// has no newline: leave it out.
func cutTornTails(t *testing.T, dir string) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	torn := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole := strings.LastIndexByte(string(b), '\n') + 1
		if whole < len(b) {
			torn++
			if err := os.Truncate(path, int64(whole)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if torn == 0 {
		t.Errorf("no torn line among %d files, although nothing could be repaired", len(paths))
	}
}

func TestBadDiskCostsOnlyDetail(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		open error // of creating files, while the disk is bad
	}{
		{"full", syscall.ENOSPC, nil},
		{"full, and no new files either", syscall.ENOSPC, syscall.ENOSPC},
		{"over quota", syscall.EDQUOT, nil},
		{"I/O errors", syscall.EIO, syscall.EIO},
		{"read-only", syscall.EROFS, syscall.EROFS},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			var bad atomic.Bool
			cfg := testConfig(dir)
			cfg.disk = &faultDisk{
				open: func(string) error {
					if bad.Load() {
						return tc.open
					}
					return nil
				},
				write: func(path string, b []byte, next io.Writer) (int, error) {
					if bad.Load() {
						return failWrite(tc.err)(path, b, next)
					}
					return next.Write(b)
				},
			}
			l := openLog(t, cfg)
			const n = 300
			dropped := int64(0)
			for i := 1; i <= n; i++ {
				switch i {
				case n / 3:
					bad.Store(true)
				case 2 * n / 3:
					waitFor(t, "folded calls", func() bool { return l.Stats().Dropped > dropped })
					bad.Store(false)
					waitFor(t, "gap lines", func() bool { return foldedKeys(l) == 0 })
				}
				l.Append(call(i))
			}
			mustClose(t, l)
			got := readLog(t, dir)
			got.wantAll(t, n)
			s, stop := l.Stats(), got.lines[KindStop]
			if s.Dropped == 0 || s.WriteErrors == 0 || s.Dropped != n-int64(len(got.calls)) || len(stop) != 1 || stop[0].Dropped != s.Dropped {
				t.Errorf("%d records of %d, stats %+v, stop %+v", len(got.calls), n, s, stop)
			}
			for i, gap := range got.lines[KindGap] {
				if gap.TS%hourMS != 0 || gap.Provider != "openai" || gap.Boot != l.Boot() {
					t.Errorf("gap line %d is %+v", i, gap)
				}
			}
			if len(got.files) > 4 {
				t.Errorf("left %d files behind", len(got.files))
			}
		})
	}
}

func TestCloseTellsWhatIsNotRecorded(t *testing.T) {
	var bad atomic.Bool
	cfg := testConfig(t.TempDir())
	cfg.disk = &faultDisk{write: func(path string, b []byte, next io.Writer) (int, error) {
		if bad.Load() {
			return failWrite(syscall.ENOSPC)(path, b, next)
		}
		return next.Write(b)
	}}
	l := openLog(t, cfg)
	bad.Store(true)
	for i := 1; i <= 5; i++ {
		l.Append(call(i))
	}
	err := closeLog(l)
	if err == nil || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "5 calls not recorded") {
		t.Errorf("Close returned %v", err)
	}
	l.Append(call(6)) // must neither block nor crash
	if got := l.Stats().Dropped; got < 6 {
		t.Errorf("%d calls dropped, want 6", got)
	}
}

// frozen is a disk whose writes wait until thaw is called.
func frozen() (d *faultDisk, freeze, thaw func()) {
	var mu sync.Mutex
	d = &faultDisk{write: func(_ string, b []byte, next io.Writer) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return next.Write(b)
	}}
	return d, mu.Lock, mu.Unlock
}

func TestFrozenDiskNeverBlocksACaller(t *testing.T) {
	dir := t.TempDir()
	d, freeze, thaw := frozen()
	cfg := testConfig(dir)
	cfg.disk, cfg.QueueLen = d, 16
	l := openLog(t, cfg)
	freeze()
	const n = 1000
	for i := 1; i <= n; i++ { // would wait for ever here
		l.Append(call(i))
	}
	if s := l.Stats(); s.Dropped < n-3*16 || s.Queue == 0 {
		t.Errorf("stats of the full queue are %+v", s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close returned %v before the disk thawed", err)
	}
	thaw()
	mustClose(t, l)
	got := readLog(t, dir)
	got.wantAll(t, n)
	if len(got.lines[KindGap]) == 0 || len(got.lines[KindGap]) > 14 {
		t.Errorf("%d gap lines for 7 agents", len(got.lines[KindGap]))
	}
}

func TestCloseDrainsTheQueue(t *testing.T) {
	dir := t.TempDir()
	d, freeze, thaw := frozen()
	cfg := testConfig(dir)
	cfg.disk = d
	l := openLog(t, cfg)
	freeze()
	const n = 5000
	for i := 1; i <= n; i++ {
		l.Append(call(i))
	}
	go func() {
		<-l.closing
		thaw()
	}()
	mustClose(t, l)
	if got := readLog(t, dir); len(got.calls) != n || len(got.lines[KindStop]) != 1 {
		t.Errorf("%d records of %d, %d stop lines", len(got.calls), n, len(got.lines[KindStop]))
	}
}

// TestFilesDisturbedFromOutside does to the current file, under load, what
// administrators and log rotators do.
func TestFilesDisturbedFromOutside(t *testing.T) {
	for _, tc := range []struct {
		name    string
		disturb func(t *testing.T, dir, file, away string)
		lost    bool
	}{
		{"file deleted", func(t *testing.T, _, file, _ string) { check(t, os.Remove(file)) }, true},
		{"directory deleted", func(t *testing.T, dir, _, _ string) { check(t, os.RemoveAll(dir)) }, true},
		{"file moved within the directory", func(t *testing.T, _, file, _ string) { check(t, os.Rename(file, file+".1.jsonl")) }, false},
		{"file moved away", func(t *testing.T, _, file, away string) {
			check(t, os.Rename(file, filepath.Join(away, filepath.Base(file))))
		}, false},
		{"file replaced", func(t *testing.T, _, file, away string) {
			check(t, os.Rename(file, filepath.Join(away, filepath.Base(file))))
			check(t, os.WriteFile(file, nil, 0o600))
		}, false},
		{"directory moved away", func(t *testing.T, dir, _, away string) { check(t, os.Rename(dir, filepath.Join(away, "logs"))) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tmp := t.TempDir()
			dir := filepath.Join(tmp, "logs")
			l := openLog(t, testConfig(dir))
			const n = 600
			for i := 1; i <= n; i++ {
				if i%(n/3) == 0 && i < n {
					files := l.Stats().Files
					away := filepath.Join(tmp, fmt.Sprint("away", i))
					check(t, os.Mkdir(away, 0o700))
					tc.disturb(t, dir, newestFile(t, dir, l.Boot(), files), away)
					waitFor(t, "next file", func() bool { return l.Stats().Files > files })
				}
				l.Append(call(i))
			}
			mustClose(t, l)
			got := readLog(t, dir)
			for _, pattern := range []string{"away*", "away*/logs"} {
				dirs, err := filepath.Glob(filepath.Join(tmp, pattern))
				check(t, err)
				for _, d := range dirs {
					for seq := range readLog(t, d).calls {
						got.calls[seq] = true
					}
				}
			}
			stop := got.lines[KindStop]
			if len(stop) != 1 || stop[0].LostLines != l.Stats().LostLines {
				t.Fatalf("stop lines are %+v", stop)
			}
			missing := int64(n - len(got.calls))
			switch lost := stop[0].LostLines; {
			case !tc.lost && (lost != 0 || missing != 0):
				t.Errorf("%d calls missing, %d lines reported lost", missing, lost)
			case tc.lost && (missing == 0 || lost < missing || lost > missing+4): // two start lines, beats
				t.Errorf("%d calls missing, %d lines reported lost", missing, lost)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newestFile(t *testing.T, dir string, boot uint64, n int64) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("burn-*-%016x-%d.jsonl", boot, n)))
	if err != nil || len(paths) != 1 {
		t.Fatalf("file %d is %q (%v)", n, paths, err)
	}
	return paths[0]
}

func TestCopyTruncateLeavesNoHoleAndIsCounted(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.tick = 20 * time.Millisecond // some records come between cut and notice
	l := openLog(t, cfg)
	const n = 400
	for i := 1; i <= n/2; i++ {
		l.Append(call(i))
	}
	waitFor(t, "records on disk", func() bool { return l.Stats().Lines >= 1+n/2 })
	first := newestFile(t, dir, l.Boot(), 1)
	copied, err := os.ReadFile(first)
	check(t, err)
	check(t, os.Truncate(first, 0))
	for i := n/2 + 1; i <= n; i++ {
		l.Append(call(i))
	}
	waitFor(t, "next file", func() bool { return l.Stats().Files == 2 })
	mustClose(t, l)

	// What came before anybody noticed stands in the first file without a
	// start line; put the copy before it to read both.
	rest, err := os.ReadFile(first)
	check(t, err)
	check(t, os.WriteFile(first, append(copied, rest...), 0o600))
	got := readLog(t, dir)
	got.wantAll(t, n)
	if lost := got.lines[KindStop][0].LostLines; lost < 1+n/2 || lost > 1+n/2+1 { // the start line, perhaps a beat
		t.Errorf("%d lines lost, want %d", lost, 1+n/2)
	}
}

func TestFailedSyncCondemnsTheFile(t *testing.T) {
	dir := t.TempDir()
	var syncs atomic.Int64
	cfg := testConfig(dir)
	cfg.disk = &faultDisk{sync: func(path string) error {
		if syncs.Add(1) == 2 && strings.HasSuffix(path, "-1.jsonl") { // the first is OpenLog's
			return syscall.EIO
		}
		return nil
	}}
	l := openLog(t, cfg)
	l.Append(call(1))
	waitFor(t, "next file", func() bool { return l.Stats().Files == 2 })
	l.Append(call(2))
	mustClose(t, l)
	got := readLog(t, dir)
	got.wantAll(t, 2)
	s, stop := l.Stats(), got.lines[KindStop][0]
	if s.SyncErrors != 1 || stop.WriteErrors != 1 || len(got.files) != 2 || len(got.calls) != 2 {
		t.Errorf("stats %+v, stop %+v, %d files", s, stop, len(got.files))
	}
}

func TestSlowSyncHoldsUpNoWrite(t *testing.T) {
	dir := t.TempDir()
	hold, held := make(chan struct{}), make(chan struct{}, 100)
	var opened atomic.Bool
	cfg := testConfig(dir)
	cfg.disk = &faultDisk{sync: func(string) error {
		if opened.Load() {
			held <- struct{}{}
			<-hold
		}
		return nil
	}}
	l := openLog(t, cfg)
	opened.Store(true)
	l.Append(call(1))
	<-held
	l.Append(call(2))
	waitFor(t, "record written during a sync", func() bool { return l.Stats().Lines >= 3 })
	close(hold)
	mustClose(t, l)
	readLog(t, dir).wantAll(t, 2)
}

func TestRotationThatCannotOpenStaysWithTheOldFile(t *testing.T) {
	dir := t.TempDir()
	var bad atomic.Bool
	cfg := testConfig(dir)
	cfg.RotateSize = 2048
	cfg.disk = &faultDisk{open: func(string) error {
		if bad.Load() {
			return syscall.EMFILE
		}
		return nil
	}}
	l := openLog(t, cfg)
	bad.Store(true)
	const n = 100
	for i := 1; i <= n/2; i++ {
		l.Append(call(i))
	}
	waitFor(t, "records on disk", func() bool { return l.Stats().Lines >= 1+n/2 })
	if s := l.Stats(); s.Files != 1 || s.Dropped != 0 {
		t.Errorf("stats without descriptors are %+v", s)
	}
	bad.Store(false)
	ticks := l.running.now.Load()
	waitFor(t, "time for another attempt", func() bool { return l.running.now.Load() > ticks+2*syncTicks })
	for i := n/2 + 1; i <= n; i++ {
		l.Append(call(i))
	}
	mustClose(t, l)
	got := readLog(t, dir)
	got.wantAll(t, n)
	if len(got.files) < 3 || len(got.calls) != n {
		t.Errorf("%d files, %d records", len(got.files), len(got.calls))
	}
}

func TestOpenLineSurvivesABadDisk(t *testing.T) {
	dir := t.TempDir()
	var bad, failed atomic.Bool
	cfg := testConfig(dir)
	cfg.disk = &faultDisk{write: func(path string, b []byte, next io.Writer) (int, error) {
		if bad.Load() {
			failed.Store(true)
			return failWrite(syscall.ENOSPC)(path, b, next)
		}
		return next.Write(b)
	}}
	l := openLog(t, cfg)
	bad.Store(true)
	seq := l.Begin(func() *Record { return call(1) })
	waitFor(t, "failed write", failed.Load)
	bad.Store(false)
	waitFor(t, "open line", func() bool { return l.Stats().Lines >= 2 })
	l.End(seq)
	mustClose(t, l)
	if open := readLog(t, dir).lines[KindOpen]; len(open) != 1 || open[0].Seq != seq {
		t.Errorf("open lines are %+v", open)
	}
}

func TestForeignBytesAreNotCutOff(t *testing.T) {
	dir := t.TempDir()
	var once atomic.Bool
	cfg := testConfig(dir)
	cfg.disk = &faultDisk{write: func(path string, b []byte, next io.Writer) (int, error) {
		if once.Load() {
			once.Store(false)
			n, _ := next.Write(b[:10])
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, _ = f.WriteString("somebody else's\n")
				_ = f.Close()
			}
			return n, syscall.EIO
		}
		return next.Write(b)
	}}
	l := openLog(t, cfg)
	once.Store(true)
	l.Append(call(1))
	mustClose(t, l)
	first := newestFile(t, dir, l.Boot(), 1)
	b, err := os.ReadFile(first)
	check(t, err)
	if !strings.HasSuffix(string(b), "somebody else's\n") {
		t.Errorf("first file ends with %q", b[max(0, len(b)-40):])
	}
	check(t, os.Remove(first))
	readLog(t, dir).wantAll(t, 1)
	if _, err := os.Stat(newestFile(t, dir, l.Boot(), 2)); errors.Is(err, fs.ErrNotExist) {
		t.Error("no second file")
	}
}

func foldedKeys(l *Log) int {
	l.folded.mu.Lock()
	defer l.folded.mu.Unlock()
	return len(l.folded.sums) + len(l.folded.full)
}
