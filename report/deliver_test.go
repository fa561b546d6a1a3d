package report_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

func TestDelivery(t *testing.T) {
	r := world(nil)
	r.Findings = []analyze.Finding{{ID: "x-1", Kind: "repeated", Agents: []string{"digest-cron"}, Class: analyze.Certain, Title: "digest-cron does it again", Evidence: "in 210 runs", Fix: "keep a mark", Saving: usd("362.54")}}
	r.Totals.Avoidable.Certain = usd("362.54")
	posts, status := 0, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { posts++; w.WriteHeader(status) }))
	defer server.Close()
	var out, told bytes.Buffer
	d := report.Delivery{Quiet: true, Webhook: report.Webhook{URL: server.URL, Timeout: time.Minute}, When: "always",
		Database: filepath.Join(t.TempDir(), "burn.duckdb"), Now: r.GeneratedAt, Stdout: &out, Stderr: &told}
	run := func() (lines string, unsent, failed error) {
		out.Reset()
		unsent, failed = d.Run(context.Background(), r)
		return out.String(), unsent, failed
	}
	status = http.StatusInternalServerError
	lines, unsent, failed := run()
	if unsent != nil || failed == nil || strings.Count(lines, "burn: budget crossed: ") != 1 || strings.Count(lines, "burn: new finding: $362.54 digest-cron does it again") != 1 {
		t.Errorf("first: %v, %v\n%s", unsent, failed, lines)
	}
	status = http.StatusOK
	if lines, unsent, failed = run(); unsent != nil || failed != nil || !strings.Contains(lines, "budget crossed") || strings.Contains(lines, "finding") || posts != 2 {
		t.Errorf("a finding is told once, a failed post again: %v, %v, %d posts\n%s", unsent, failed, posts, lines)
	}
	if _, _, failed = run(); failed != nil || posts != 2 {
		t.Errorf("%d posts, %v", posts, failed)
	}
	d.Webhook.URL = ""
	d.Mail = report.MailOptions{From: "burn <burn@example.com>", To: []string{"<a@example.com>"}}
	d.Transport = report.Transport{Sendmail: filepath.Join(t.TempDir(), "none"), Timeout: time.Minute}
	for _, when := range report.Whens {
		d.When = when
		if _, unsent, failed = run(); unsent == nil || failed != nil || !strings.Contains(unsent.Error(), "the mail is kept: ") {
			t.Errorf("%s: %v, %v", when, unsent, failed)
		}
	}
	r.Findings, r.Budgets, r.Totals.Avoidable.Certain = nil, nil, usd("0")
	for when, want := range map[string]bool{"always": true, "findings": false, "budget": false} {
		d.When = when
		if _, unsent, failed = run(); (unsent != nil) != want || failed != nil {
			t.Errorf("nothing to tell, %s: %v, %v", when, unsent, failed)
		}
	}
	if told.Len() > 0 {
		t.Errorf("said %q", &told)
	}
}

// A reader of standard output that has left is no failure; a full disk is one.
func TestDeliveryThatCannotBePrinted(t *testing.T) {
	for err, fails := range map[error]bool{syscall.EPIPE: false, syscall.ENOSPC: true} {
		d := report.Delivery{Quiet: true, Database: filepath.Join(t.TempDir(), "burn.duckdb"), Stdout: broken{err}, Stderr: io.Discard}
		if unsent, failed := d.Run(context.Background(), world(nil)); unsent != nil || (failed != nil) != fails {
			t.Errorf("%v: %v, %v", err, unsent, failed)
		}
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }
