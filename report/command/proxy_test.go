package command

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortInUse: who has the port is not known, what to do is.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, flags := range [][]string{{"--listen", l.Addr().String()}, {"--listen", "127.0.0.1:0", "--admin", l.Addr().String()}} {
		var stderr bytes.Buffer
		logs := filepath.Join(t.TempDir(), "logs")
		code := Run("1", append([]string{"burn", "proxy", "--log-dir", logs}, flags...), io.Discard, &stderr)
		if files, err := filepath.Glob(filepath.Join(logs, "*")); err != nil || len(files) > 0 {
			t.Errorf("%q: it left %q, %v", flags, files, err)
		}
		want := "burn: listen on " + l.Addr().String() + ": bind: address already in use\nburn: hint: another program has this port"
		if code != ExitFailed || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", flags, code, &stderr, ExitFailed, want)
		}
	}
}
