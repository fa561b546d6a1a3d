package main

import (
	"strings"
	"testing"
)

// TestDoctorSeesTheProxy: that it runs, that it was stopped, and where its files
// are without being told.
func TestDoctorSeesTheProxy(t *testing.T) {
	s := newSandbox(t)
	_, stop := s.proxy()
	for _, c := range []struct{ when, proxy string }{
		{"while it runs", "ok    proxy      a proxy on this host writes here; newest line just now\n"},
		{"after it was stopped", "warn  proxy      no proxy on this host writes here; newest line just now, when it was stopped\n"},
	} {
		out, told, code := s.run("doctor")
		if code != 0 || told != "" {
			t.Errorf("%s: exit %d, %s", c.when, code, told)
		}
		if !strings.Contains(out, c.proxy) || !strings.Contains(out, "ok    directory  "+s.logs()+", mode 0700\n") {
			t.Errorf("%s:\n%swant\n%s", c.when, out, c.proxy)
		}
		if c.when == "while it runs" {
			stop()
		}
	}
}
