//go:build cgo

package command

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// TestPastPeriodsEnd: a day, week or month that is over ends where it is over, unless
// --until says otherwise.
func TestPastPeriodsEnd(t *testing.T) {
	logs := t.TempDir()
	for _, c := range []struct {
		since, until string
		days         func(begin time.Time) time.Time // where it is to end; nil: today
	}{
		{"yesterday", "", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"last-week", "", func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }},
		{"last-month", "", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"last-month", "now", nil},
		{"this-week", "", nil},
	} {
		args := []string{"burn", "analyze", "--log-dir", logs, "--tz", "Europe/Berlin", "--format", "json", "--since", c.since}
		if c.until != "" {
			args = append(args, "--until", c.until)
		}
		var out, errs bytes.Buffer
		if code := Run("1", args, &out, &errs); code != ExitNothing {
			t.Fatalf("%v: exit %d, %s", c, code, &errs)
		}
		var r struct {
			Period struct {
				Since, Until time.Time
			}
		}
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		switch begin, end := r.Period.Since.In(zone), r.Period.Until; {
		case c.days != nil && !end.Equal(c.days(begin)):
			t.Errorf("%s is %s to %s, want to %s", c.since, begin, end, c.days(begin))
		case c.days == nil && time.Since(end).Abs() > time.Hour:
			t.Errorf("%s is %s to %s, want to now", c.since, begin, end)
		}
	}
}
