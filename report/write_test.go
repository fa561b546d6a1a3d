package report_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"burn/report"
)

// TestWriteFileKeepsWhatIsThere: a link, a pipe and a device stay what they are, and
// a file is replaced only by a whole one.
func TestWriteFileKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	content := func(want string) {
		t.Helper()
		if b, err := os.ReadFile(file); err != nil || string(b) != want {
			t.Errorf("%q, %v; want %q", b, err, want)
		}
	}
	if err := os.Symlink("file", link); err != nil {
		t.Skip(err)
	}
	if err := report.WriteFile(link, text("dangling")); err != nil { // makes a file of the link's name
		t.Error(err)
	}
	if err := errors.Join(report.WriteFile(file, text("first")), os.Remove(link), os.Symlink("file", link), report.WriteFile(link, text("second"))); err != nil {
		t.Fatal(err)
	}
	content("second")
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v, %v", info, err)
	}
	broken := errors.New("broken")
	if err := report.WriteFile(link, func(w io.Writer) error { return errors.Join(text("third")(w), broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	content("second")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	read := make(chan string)
	go func() {
		b, err := os.ReadFile(pipe)
		read <- string(b) + map[bool]string{true: "", false: "!"}[err == nil]
	}()
	if err := report.WriteFile(pipe, text("through")); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "through" {
		t.Errorf("%q came through the pipe", got)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe is %v, %v", info, err)
	}
}
