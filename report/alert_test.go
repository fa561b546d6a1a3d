package report_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"burn/report"
)

func TestBudgetAlerts(t *testing.T) {
	got := report.BudgetAlerts(world(nil))
	if len(got) != 1 || got[0].Line != "budget crossed: $2,196.12 of $2,000.00 in September 2026; chat-gate $612.25 (+98 %)" {
		t.Errorf("%q", got)
	}
}

func TestWebhook(t *testing.T) {
	var posts []string
	answer := http.StatusOK
	leave := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posts = append(posts, r.Method+" "+r.Header.Get("Content-Type")+" "+string(b))
		switch answer {
		case 0:
			<-leave
		case http.StatusFound:
			http.Redirect(w, r, "/elsewhere", answer)
		default:
			w.WriteHeader(answer)
		}
	}))
	defer server.Close()
	defer close(leave)
	hook := report.Webhook{URL: server.URL + "/services/T0/secret", Timeout: time.Minute}
	alerts := []report.Alert{{ID: "a", Line: "budget of team <!channel> & more"}, {ID: "b", Line: "b"}}
	if err := hook.Post(context.Background(), alerts); err != nil || len(posts) != 1 {
		t.Fatalf("%v %q", err, posts)
	}
	var m map[string]string
	head, body, _ := strings.Cut(posts[0], " {")
	if err := json.Unmarshal([]byte("{"+body), &m); err != nil || head != "POST application/json" || m["text"] != "burn\n• budget of team &lt;!channel&gt; &amp; more\n• b" {
		t.Errorf("%q %v", posts[0], err)
	}
	for _, status := range []int{http.StatusFound, http.StatusNotFound, http.StatusInternalServerError} {
		answer = status
		err := hook.Post(context.Background(), alerts)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("status %d: %v", status, err)
		}
	}
	if len(posts) != 4 {
		t.Errorf("%d posts: a redirect was followed, or one was sent again", len(posts))
	}
	answer, hook.Timeout = 0, time.Millisecond
	if err := hook.Post(context.Background(), alerts); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that does not answer: %v", err)
	}
	for url, ok := range map[string]bool{"https://hooks.example/x": true, "http://127.0.0.1:1/": true, "http://localhost/": true, "http://hooks.example/": false, "ftp://x/": false, "/path": false, "": false} {
		if err := (report.Webhook{URL: url}).Check(); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "told")
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	told, err := report.ReadTold(path)
	if err != nil {
		t.Fatal(err)
	}
	alerts := []report.Alert{{ID: "a"}, {ID: "b"}}
	told.Note("webhook", alerts[:1], now)
	if err := told.Save(); err != nil {
		t.Fatal(err)
	}
	if told, err = report.ReadTold(path); err != nil {
		t.Fatal(err)
	}
	if fresh := told.Fresh("webhook", alerts); len(fresh) != 1 || fresh[0].ID != "b" || len(told.Fresh("terminal", alerts)) != 2 {
		t.Errorf("%v", fresh)
	}
	told.Remember("later", now.AddDate(2, 0, 0))
	if len(told.Fresh("webhook", alerts)) != 2 {
		t.Error("remembered for ever")
	}
}
