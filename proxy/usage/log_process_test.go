//go:build unix

package usage

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the process that is killed or short of
// resources: BURN_TEST_LOG names a role and a directory.
func TestMain(m *testing.M) {
	role, dir, ok := strings.Cut(os.Getenv("BURN_TEST_LOG"), ":")
	if !ok {
		os.Exit(m.Run())
	}
	if err := logRoles[role](dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var logRoles = map[string]func(dir string) error{
	"load":     loadRole,
	"filesize": fileSizeRole,
	"files":    filesRole,
}

func startRole(t *testing.T, role, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BURN_TEST_LOG="+role+":"+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, out
}

// loadRole appends for ever, telling each call's number and the time once
// Append has returned.
func loadRole(dir string) error {
	l, err := OpenLog(LogConfig{Dir: dir, RotateSize: 64 << 10})
	if err != nil {
		return err
	}
	start := time.Now()
	for i := 1; ; i++ {
		r := call(i)
		r.Seq = l.Begin(nil)
		seq := r.Seq
		l.Append(r)
		fmt.Println(seq, time.Since(start).Microseconds())
		if i%10 == 0 {
			time.Sleep(time.Millisecond) // a load, not a contest
		}
	}
}

// TestKillLosesOnlyTheLastMoment kills a real process with SIGKILL under load.
// What it told to be appended must be in the files, but for the last moment:
// 10 ms by promise, which the log of this test shows; it fails only beyond what
// a busy machine could add.
func TestKillLosesOnlyTheLastMoment(t *testing.T) {
	const allowed = 400_000 // µs, well below the shortest round
	for round := range 3 {
		dir := t.TempDir()
		cmd, out := startRole(t, "load", dir)
		killAt := 800_000 + 300_000*int64(round)
		told := map[uint64]int64{}
		last := int64(0)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var seq uint64
			var at int64
			if n, err := fmt.Sscan(lines.Text(), &seq, &at); n != 2 || err != nil {
				break // cut by the kill
			}
			told[seq], last = at, at
			if at > killAt {
				killAt = math.MaxInt64
				check(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait()
		cutTornLine(t, dir)
		got := readLog(t, dir)
		lost, oldest := 0, int64(0)
		for seq, at := range told {
			if !got.calls[seq] {
				lost++
				oldest = max(oldest, last-at)
			}
		}
		t.Logf("round %d: %d told, %d lost, the oldest %d µs before the last", round, len(told), lost, oldest)
		if oldest > allowed || lost > len(told)/2 {
			t.Errorf("%d of %d calls lost, the oldest %d µs before the last", lost, len(told), oldest)
		}
		if len(got.lines[KindStop]) != 0 || len(got.files) < 2 {
			t.Errorf("%d stop lines, %d files", len(got.lines[KindStop]), len(got.files))
		}
	}
}

// cutTornLine removes what a kill left of the last line of the newest file: a
// write ends between two pages then, and readers take no line without its end.
func cutTornLine(t *testing.T, dir string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	check(t, err)
	if len(paths) == 0 {
		t.Fatal("no files")
	}
	newest := slices.Max(paths)
	b, err := os.ReadFile(newest)
	check(t, err)
	if end := bytes.LastIndexByte(b, '\n') + 1; end < len(b) {
		t.Logf("%d bytes of a torn line", len(b)-end)
		check(t, os.Truncate(newest, int64(end)))
	}
}

// fileSizeRole runs under a limit on the size of files, which the kernel
// enforces with SIGXFSZ.
func fileSizeRole(dir string) error {
	l, err := OpenLog(testConfig(dir))
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 10_000, Max: 10_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return appendAndClose(l, 300)
}

func appendAndClose(l *Log, n int) error {
	for i := 1; i <= n; i++ {
		l.Append(call(i))
	}
	return closeLog(l)
}

func TestFileSizeLimitOpensTheNextFile(t *testing.T) {
	dir := t.TempDir()
	cmd, out := startRole(t, "filesize", dir)
	_, err := io.Copy(io.Discard, out)
	check(t, err)
	check(t, cmd.Wait())
	got := readLog(t, dir)
	got.wantAll(t, 300)
	if len(got.calls) != 300 || len(got.files) < 5 {
		t.Errorf("%d records in %d files", len(got.calls), len(got.files))
	}
}

// filesRole takes every descriptor there is and then needs the next file.
func filesRole(dir string) error {
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	cfg := testConfig(dir)
	cfg.RotateSize = 4096
	l, err := OpenLog(cfg)
	if err != nil {
		return err
	}
	for {
		if _, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0); err != nil {
			break
		}
	}
	return appendAndClose(l, 200)
}

func TestReserveOpensTheNextFileWithoutDescriptors(t *testing.T) {
	dir := t.TempDir()
	cmd, out := startRole(t, "files", dir)
	_, err := io.Copy(io.Discard, out)
	check(t, err)
	check(t, cmd.Wait())
	got := readLog(t, dir)
	got.wantAll(t, 200)
	if len(got.calls) != 200 || len(got.files) < 2 {
		t.Errorf("%d records in %d files (%s)", len(got.calls), len(got.files), filepath.Base(dir))
	}
}
