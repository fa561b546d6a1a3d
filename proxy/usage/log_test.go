package usage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// logLines is what a directory of log files holds.
type logLines struct {
	files []string // names, sorted
	lines map[string][]Record
	calls map[uint64]bool // seq of every call's record
	sums  Tokens          // of calls and gaps
	total int64           // calls recorded and folded
}

// readLog reads every file of dir and fails the test for any line that is not
// whole and valid, for a file without start line and for a call told twice.
func readLog(t *testing.T, dir string) *logLines {
	t.Helper()
	got := &logLines{lines: map[string][]Record{}, calls: map[uint64]bool{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got.files = append(got.files, filepath.Base(path))
		got.read(t, filepath.Base(path), b)
	}
	return got
}

func (l *logLines) read(t *testing.T, name string, b []byte) {
	t.Helper()
	var d Decoder
	for i, line := range bytes.SplitAfter(b, newline) {
		if len(line) == 0 {
			continue
		}
		var r Record
		body, whole := bytes.CutSuffix(line, newline)
		if err := d.Decode(body, &r); err != nil || !whole {
			t.Fatalf("%s:%d: broken line %.80q: %v", name, i+1, line, err)
		}
		if (i == 0) != (r.Kind == KindStart) {
			t.Fatalf("%s:%d: kind %q", name, i+1, r.Kind)
		}
		l.lines[r.Kind] = append(l.lines[r.Kind], r)
		switch r.Kind {
		case KindCall:
			if l.calls[r.Seq] {
				t.Fatalf("%s:%d: call %d told twice", name, i+1, r.Seq)
			}
			l.calls[r.Seq] = true
			l.total++
			l.sums.Add(r.Tokens)
		case KindGap:
			l.total += r.Calls
			l.sums.Add(r.Tokens)
		}
	}
}

// testConfig is a Log with a quick clock.
func testConfig(dir string) LogConfig {
	return LogConfig{Dir: dir, Version: "test", tick: time.Millisecond, delay: 100 * time.Microsecond}
}

func openLog(t *testing.T, cfg LogConfig) *Log {
	t.Helper()
	l, err := OpenLog(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeLog(l) })
	return l
}

func closeLog(l *Log) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return l.Close(ctx)
}

func mustClose(t *testing.T, l *Log) {
	t.Helper()
	if err := closeLog(l); err != nil {
		t.Fatal(err)
	}
}

// call makes the i-th record of a test; its input tokens are i.
func call(i int) *Record {
	r := NewRecord()
	r.TS = 1_790_000_000_000 + int64(i)
	r.Provider, r.RequestModel, r.Agent = "openai", "gpt-5-mini", "agent-"+string(rune('a'+i%7))
	r.Endpoint, r.Operation, r.Method, r.Status, r.End = "/v1/chat/completions", "chat", "POST", 200, EndComplete
	r.UsageSource = SourceReported
	r.Input, r.Output = int64(i), 1
	return r
}

// appendCalls appends n calls, never more than the queue can hold.
func appendCalls(t *testing.T, l *Log, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		if len(l.queue) > cap(l.queue)/2 {
			waitFor(t, "room in the queue", func() bool { return len(l.queue) < cap(l.queue)/4 })
		}
		l.Append(call(i))
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within a minute", what)
		}
	}
}

// wantAll checks that calls 1 to n are all accounted for, in records or gaps.
func (l *logLines) wantAll(t *testing.T, n int64) {
	t.Helper()
	if l.total != n || l.sums.Output != n || l.sums.Input != n*(n+1)/2 {
		t.Errorf("%d calls, %d input and %d output tokens, want %d, %d and %d (%d records, %d gap lines)",
			l.total, l.sums.Input, l.sums.Output, n, n*(n+1)/2, n, len(l.calls), len(l.lines[KindGap]))
	}
}

func TestLogHoldsEveryRecordBetweenStartAndStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "logs")
	l := openLog(t, testConfig(dir))
	appendCalls(t, l, 1000)
	l.CountRefused()
	l.CountSkipped()
	mustClose(t, l)

	got := readLog(t, dir)
	got.wantAll(t, 1000)
	if len(got.files) != 1 || len(got.calls) != 1000 {
		t.Fatalf("%d records in %d files", len(got.calls), len(got.files))
	}
	start, stop := got.lines[KindStart][0], got.lines[KindStop]
	if start.Boot != l.Boot() || start.Seq != 1 || start.File != 1 || start.BurnVersion != "test" {
		t.Errorf("start line is %+v", start)
	}
	if len(stop) != 1 || stop[0].LastSeq != 1000 || stop[0].Refused != 1 || stop[0].Skipped != 1 || stop[0].Dropped != 0 {
		t.Errorf("stop lines are %+v", stop)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, got.files[0]): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %s is %v, want %v (%v)", path, info.Mode().Perm(), want, err)
		}
	}
	s := l.Stats()
	if info, err := os.Stat(filepath.Join(dir, got.files[0])); err != nil || s.Bytes != info.Size() || s.Lines != 1002 || s.Files != 1 {
		t.Errorf("stats are %+v, file has %d bytes (%v)", s, info.Size(), err)
	}
}

func TestRecordsDoNotWaitForTheTick(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.tick = 24 * time.Hour
	l := openLog(t, cfg)
	for i := 1; i <= 3; i++ {
		l.Append(call(i))
		waitFor(t, "record on disk", func() bool { return len(readLog(t, dir).calls) == i })
	}
}

func TestLogFileIsInUseUntilClosed(t *testing.T) {
	if noFollow == 0 {
		t.Skip("no locks on this system")
	}
	dir := t.TempDir()
	l := openLog(t, testConfig(dir))
	f, err := os.Open(filepath.Join(dir, readLog(t, dir).files[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !InUse(f) {
		t.Error("a file that is written is not in use")
	}
	mustClose(t, l)
	if InUse(f) {
		t.Error("a closed file is in use")
	}
}

func TestLogRotatesBySize(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 6, 789e6, time.UTC)
	for _, tc := range []struct {
		name         string
		size         int64
		calls, files int
	}{
		{"a record per file within one millisecond", 1, 50, 50},
		{"several per file", 4096, 500, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := testConfig(dir)
			cfg.RotateSize, cfg.boot = tc.size, 0xabc
			cfg.Now = func() time.Time { return now }
			l := openLog(t, cfg)
			appendCalls(t, l, tc.calls)
			mustClose(t, l)
			got := readLog(t, dir)
			got.wantAll(t, int64(tc.calls))
			if len(got.calls) != tc.calls {
				t.Errorf("%d records, want %d", len(got.calls), tc.calls)
			}
			if tc.files > 0 && len(got.files) != tc.files+1 { // the last one holds only stop
				t.Errorf("%d files, want %d", len(got.files), tc.files+1)
			}
			for n := 1; n <= len(got.files); n++ {
				name := fmt.Sprintf("burn-20261123T140506789Z-0000000000000abc-%d.jsonl", n)
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil {
					t.Fatalf("no file %s among %q", name, got.files)
				}
				if tc.files == 0 && info.Size() > tc.size {
					t.Errorf("%s has %d bytes", name, info.Size())
				}
			}
		})
	}
}

func TestLogRotatesByAgeOfMonotonicClock(t *testing.T) {
	dir := t.TempDir()
	var mono atomic.Int64
	cfg := testConfig(dir)
	cfg.mono = func() time.Duration { return time.Duration(mono.Load()) }
	cfg.Now = func() time.Time { return time.Unix(1_790_000_000, mono.Load()) }
	l := openLog(t, cfg)
	for i := 1; i <= 3; i++ {
		l.Append(call(i))
		waitFor(t, "record on disk", func() bool { return l.Stats().Lines == int64(2*i) })
		mono.Add(int64(time.Hour))
		waitFor(t, "next file", func() bool { return l.Stats().Files == int64(i)+1 })
	}
	mono.Add(int64(5 * time.Hour)) // a file without calls is not rotated
	mustClose(t, l)
	got := readLog(t, dir)
	got.wantAll(t, 3)
	if len(got.files) != 4 || l.ClockJumps() != 0 {
		t.Errorf("%d files, %d clock jumps", len(got.files), l.ClockJumps())
	}
}

func TestTwoLogsShareADirectory(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.RotateSize = 256 << 10
	const n = 20_000
	logs := []*Log{openLog(t, cfg), openLog(t, cfg)}
	done := make(chan struct{})
	for _, l := range logs {
		go func() {
			defer func() { done <- struct{}{} }()
			appendCalls(t, l, n)
		}()
	}
	for range logs {
		<-done
	}
	for _, l := range logs {
		mustClose(t, l)
	}
	calls := map[[2]uint64]bool{}
	got := &logLines{lines: map[string][]Record{}, calls: map[uint64]bool{}}
	for _, l := range logs {
		paths, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("*-%016x-*.jsonl", l.Boot())))
		if err != nil || len(paths) < 2 {
			t.Fatalf("%d files of one boot (%v)", len(paths), err)
		}
		got.calls = map[uint64]bool{}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got.read(t, filepath.Base(path), b)
		}
	}
	for _, r := range got.lines[KindCall] {
		calls[[2]uint64{r.Boot, r.Seq}] = true
	}
	if len(calls) != 2*n || got.total != 2*n {
		t.Errorf("%d of %d records, %d accounted for", len(calls), 2*n, got.total)
	}
}

func TestOpenLogRefusesWhatItCannotWrite(t *testing.T) {
	for _, tc := range []struct {
		name string
		dir  func(t *testing.T, tmp string) string
		disk disk
		want string
	}{
		{"a file in place of the directory", func(t *testing.T, tmp string) string {
			path := filepath.Join(tmp, "logs")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, nil, "create log directory"},
		{"a directory without write permission", func(t *testing.T, tmp string) string {
			if os.Geteuid() == 0 {
				t.Skip("root may write anywhere")
			}
			if err := os.Chmod(tmp, 0o500); err != nil {
				t.Fatal(err)
			}
			return tmp
		}, nil, "permission denied"},
		{"a full disk", func(_ *testing.T, tmp string) string { return tmp },
			&faultDisk{write: failWrite(syscall.ENOSPC)}, "no space left on device"},
		{"a disk that cannot sync", func(_ *testing.T, tmp string) string { return tmp },
			&faultDisk{sync: func(string) error { return syscall.EIO }}, "sync log file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := tc.dir(t, t.TempDir())
			cfg := testConfig(dir)
			cfg.disk = tc.disk
			l, err := OpenLog(cfg)
			if err == nil {
				t.Fatal("opened", l.Close(context.Background()))
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "burn-") {
				t.Errorf("error is %q, want %q and the directory in it, without the file", err, tc.want)
			}
		})
	}
}

func TestPlantedNamesAreNeverFollowed(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	target := filepath.Join(t.TempDir(), "target")
	plant := []func(path string) error{
		func(path string) error { return os.Symlink(target, path) },
		func(path string) error { return syscall.Mkfifo(path, 0o600) },
		func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		func(path string) error { return os.Mkdir(path, 0o700) },
	}
	for i, f := range plant {
		if err := f(filepath.Join(dir, FileName(now, 7, int64(i+1)))); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testConfig(dir)
	cfg.boot, cfg.Now = 7, func() time.Time { return now }
	l := openLog(t, cfg)
	l.Append(call(1))
	mustClose(t, l)
	b, err := os.ReadFile(filepath.Join(dir, FileName(now, 7, 5)))
	if err != nil || bytes.Count(b, newline) != 3 {
		t.Errorf("fifth name holds %q (%v)", b, err)
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link's target was written: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, FileName(now, 7, 3))); err != nil || string(b) != "precious" {
		t.Errorf("a foreign file holds %q (%v)", b, err)
	}
}

func TestOpenLineTellsOfLongCalls(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, testConfig(dir))
	var asked atomic.Int64
	known := func() *Record {
		asked.Add(1)
		return call(1)
	}
	long, silent, nothing := l.Begin(known), l.Begin(nil), l.Begin(func() *Record { return nil })
	waitFor(t, "open line", func() bool { return l.Stats().Lines == 2 })
	r := call(1)
	r.Seq = long
	l.Append(r)
	l.End(silent)
	l.End(nothing)
	short := l.Begin(known) // may become overdue or not
	l.End(short)
	mustClose(t, l)
	got := readLog(t, dir)
	open := slices.DeleteFunc(got.lines[KindOpen], func(r Record) bool { return r.Seq == short })
	if len(open) != 1 || open[0].Seq != long || open[0].Agent == "" || open[0].Boot != l.Boot() || !got.calls[long] {
		t.Errorf("open lines are %+v", open)
	}
	if n := asked.Load(); n != int64(len(got.lines[KindOpen])) || l.Stats().Running != 0 {
		t.Errorf("asked %d times, %d running", n, l.Stats().Running)
	}
}

func TestBeatOnlyWhileCallsArrive(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, testConfig(dir))
	for i := 1; i <= 2; i++ {
		l.Append(call(i))
		waitFor(t, "beat", func() bool { return l.Stats().Lines == int64(1+2*i) })
	}
	ticks := l.running.now.Load()
	waitFor(t, "quiet time", func() bool { return l.running.now.Load() > ticks+3*beatTicks })
	mustClose(t, l)
	beats := readLog(t, dir).lines[KindBeat]
	if len(beats) != 2 || beats[0].Seq != 1 || beats[0].LastSeq != 1 || beats[1].Seq != 2 || beats[1].LastSeq != 2 {
		t.Errorf("beats are %+v", beats)
	}
}

func TestCallsAcrossAClockJumpAreFlagged(t *testing.T) {
	for _, tc := range []struct {
		name string
		by   time.Duration
		want bool
	}{
		{"an hour back", -time.Hour, true},
		{"a year ahead", 365 * 24 * time.Hour, true},
		{"slewing", 100 * time.Millisecond, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			var shift, mono atomic.Int64
			wall := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
			cfg := testConfig(dir)
			cfg.RotateSize = 1
			cfg.mono = func() time.Duration { return time.Duration(mono.Load()) }
			cfg.Now = func() time.Time { return wall.Add(time.Duration(shift.Load() + mono.Load())) }
			l := openLog(t, cfg)
			before := call(1)
			before.Seq = l.Begin(nil)
			shift.Store(int64(tc.by))
			before.Flags = []string{"inconsistent"}
			l.Append(before)
			waitFor(t, "record on disk", func() bool { return l.Stats().Lines >= 2 })
			after := call(2)
			after.Seq = l.Begin(nil)
			l.Append(after)
			mustClose(t, l)
			for _, r := range readLog(t, dir).lines[KindCall] {
				if got := slices.Contains(r.Flags, flagClockJump); got != (tc.want && r.Seq == 1) {
					t.Errorf("call %d has flags %q", r.Seq, r.Flags)
				}
			}
			if got := l.ClockJumps() == 1; got != tc.want {
				t.Errorf("%d clock jumps", l.ClockJumps())
			}
		})
	}
}
