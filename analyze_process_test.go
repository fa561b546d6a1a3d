//go:build cgo

package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/proxy/usage"
	"burn/report/command"
)

// logs writes a log file of so many calls and returns its directory.
func (s sandbox) logsOf(calls int) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, "logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	var b []byte
	for seq := 1; seq <= calls; seq++ {
		r := usage.Record{Boot: 1, Seq: uint64(seq), TS: at.UnixMilli() + int64(seq)/100, Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: "POST",
			Status: 200, End: usage.EndComplete, RequestModel: "gpt-4o", Agent: fmt.Sprintf("agent-%d", seq%50), Session: fmt.Sprint(seq), UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: 100, Output: 10}}
		b = r.AppendJSON(b)
	}
	if err := os.WriteFile(filepath.Join(dir, "burn-1.jsonl"), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// A reader that has seen enough is no failure; a full disk is one. The database
// is fine either way.
func TestOutputThatCannotBeWritten(t *testing.T) {
	s := newSandbox(t)
	dir := s.logsOf(2000)
	for _, args := range [][]string{{"--format", "json"}, {"--format", "csv"}, {}, {"--html", "-"}} {
		args = append([]string{"analyze", "--log-dir", dir}, args...)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := read.Close(); err != nil {
			t.Fatal(err)
		}
		cmd := s.command(args...)
		var told bytes.Buffer
		cmd.Stdout, cmd.Stderr = write, &told
		if err := cmd.Run(); err != nil || strings.Contains(told.String(), "write") {
			t.Errorf("%q into a closed pipe: %v\n%s", args, err, &told)
		}
		if err := write.Close(); err != nil {
			t.Fatal(err)
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd = s.command(args...)
		told.Reset()
		cmd.Stdout, cmd.Stderr = full, &told
		var failed *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &failed) || failed.ExitCode() != command.ExitFailed || !strings.Contains(told.String(), "no space left on device") {
			t.Errorf("%q into a full disk: %v\n%s", args, err, &told)
		}
		if err := full.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out, told, code := s.run("analyze", "--log-dir", dir, "--format", "json"); code != 0 || !strings.Contains(out, `"requests": 2000,`) {
		t.Errorf("afterwards: exit %d\n%s", code, told)
	}
}

// A report that cannot be finished leaves the older one whole.
func TestOldReportStays(t *testing.T) {
	s := newSandbox(t)
	dir := s.logsOf(500)
	path := filepath.Join(s.dir, "report.html")
	if _, told, code := s.run("analyze", "--log-dir", dir, "--html", path); code != 0 {
		t.Fatalf("exit %d\n%s", code, told)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(s.dir, "missing", "report.html"), "/proc/report.html"} {
		if _, told, code := s.run("analyze", "--log-dir", dir, "--html", name); code != command.ExitFailed || !strings.Contains(told, "report.html") {
			t.Errorf("%s: exit %d\n%s", name, code, told)
		}
	}
	// Killed at any moment, what has the report's name is a whole report.
	for i := range 8 {
		cmd := s.command("analyze", "--log-dir", dir, "--html", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(i)*60*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or not
		timer.Stop()
		after, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(bytes.TrimSpace(after), []byte("</html>")) || len(after) < len(before)/2 {
			t.Errorf("round %d: %d bytes, %v", i, len(after), err)
		}
	}
}

// A signal ends a long reading: what was read stays, and the next run goes on.
func TestSignalDuringAnalyze(t *testing.T) {
	s := newSandbox(t)
	dir := s.logsOf(200_000)
	// More rejected lines than a pipe holds: while nobody takes them, burn is in
	// the middle of reading.
	bad := strings.Repeat("no record: "+strings.Repeat("x", 100)+"\n", 3000)
	if err := os.WriteFile(filepath.Join(dir, "burn-0.jsonl"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(s.dir, "rejects")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	rejects, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rejects.Close()
	cmd := s.command("analyze", "--log-dir", dir, "--rejects", fifo)
	var told bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill(); _ = rejects.Close() })
	defer timer.Stop()
	if _, err := rejects.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, rejects)
	var failed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &failed) || failed.ExitCode() != command.ExitFailed || !strings.Contains(told.String(), "burn: interrupted: ") || strings.Count(told.String(), "\n") != 1 {
		t.Errorf("%v\n%s", err, &told)
	}
	if out, told, code := s.run("analyze", "--log-dir", dir, "--format", "json"); code != 0 || !strings.Contains(out, `"requests": 200000,`) {
		t.Errorf("afterwards: exit %d\n%s", code, told)
	}
}

// Of two runs that would send one mail at once, the second waits for the first,
// and sends none.
func TestTwoRunsSendOneMail(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("needs to see what another process has open: ", err)
	}
	s := newSandbox(t)
	dir := s.logsOf(100)
	for name, text := range map[string]string{
		"sendmail":  "#!/bin/sh\ncat >/dev/null\necho sent >>sent\n",
		"burn.yaml": "mail: {sendmail: ./sendmail, from: burn@example.com}\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format(time.DateOnly) }
	args := []string{"analyze", "--log-dir", dir, "--since", day(-2), "--until", day(2), "--config", "burn.yaml", "--mail-to", "a@example.com"}
	if _, told, code := s.run(args...); code != 0 {
		t.Fatalf("exit %d\n%s", code, told)
	}
	memory := filepath.Join(s.dir, "burn.duckdb.told")
	sent, err := os.ReadFile(memory)
	if err != nil {
		t.Fatal(err)
	}
	// Now this process is the first run, which is about to send.
	mine, err := os.OpenFile(memory+".lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	if err := syscall.Flock(int(mine.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(memory); err != nil {
		t.Fatal(err)
	}
	second := s.command(args...)
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = second.Process.Kill() })
	defer timer.Stop()
	ended := make(chan error, 1)
	go func() { ended <- second.Wait() }()
	for !opened(second.Process.Pid, memory+".lock") {
		select {
		case err := <-ended:
			t.Fatalf("the second did not wait: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := os.WriteFile(memory, sent, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mine.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(s.dir, "sent")); err != nil || string(b) != "sent\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// opened reports whether a process has this file open.
func opened(pid int, name string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, _ := os.ReadDir(dir) // gone when the process is
	for _, e := range list {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && to == name {
			return true
		}
	}
	return false
}

// The page that a mail carries names the commands that give its figures again.
func TestMailedPageNamesItsCommands(t *testing.T) {
	s := newSandbox(t)
	dir := s.logsOf(100)
	out, told, code := s.run("analyze", "--log-dir", dir, "--mail-to", "a@example.com", "--eml", "-")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, told)
	}
	_, page, ok := strings.Cut(out, "Content-Disposition: attachment;")
	_, page, split := strings.Cut(strings.ReplaceAll(page, "\r\n", "\n"), "\n\n")
	page, _, ended := strings.Cut(page, "\n--")
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(page, "\n", ""))
	if !ok || !split || !ended || err != nil || !strings.Contains(strings.NewReplacer("<i>", "", "</i>", "").Replace(string(b)), "burn analyze --log-dir "+dir+" --since 20") {
		t.Errorf("attachment of %d bytes, %v", len(b), err)
	}
}
