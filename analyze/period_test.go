package analyze_test

import (
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestParsePeriod(t *testing.T) {
	const wed = "2026-11-25T10:30:00+01:00" // a Wednesday in Berlin
	for _, c := range []struct {
		name, now, since, until string
		want                    string // since until, in Berlin; "" an error
	}{
		{"minutes", wed, "90m", "", "2026-11-25T09:00:00+01:00 2026-11-25T10:30:00+01:00"},
		{"hours", wed, "24h", "now", "2026-11-24T10:30:00+01:00 2026-11-25T10:30:00+01:00"},
		{"days", wed, "7d", "", "2026-11-18T10:30:00+01:00 2026-11-25T10:30:00+01:00"},
		{"weeks", wed, "2w", "", "2026-11-11T10:30:00+01:00 2026-11-25T10:30:00+01:00"},
		{"months", wed, "3mo", "", "2026-08-25T10:30:00+02:00 2026-11-25T10:30:00+01:00"},
		{"a year", wed, "1y", "", "2025-11-25T10:30:00+01:00 2026-11-25T10:30:00+01:00"},
		{"a hundred years", wed, "100y", "", "1926-11-25T10:30:00+01:00 2026-11-25T10:30:00+01:00"},
		{"until a while ago", wed, "7d", "24h", "2026-11-18T10:30:00+01:00 2026-11-24T10:30:00+01:00"},
		{"today", wed, "today", "", "2026-11-25T00:00:00+01:00 2026-11-25T10:30:00+01:00"},
		{"yesterday is one day", wed, "yesterday", "", "2026-11-24T00:00:00+01:00 2026-11-25T00:00:00+01:00"},
		{"yesterday until now", wed, "yesterday", "now", "2026-11-24T00:00:00+01:00 2026-11-25T10:30:00+01:00"},
		{"this week", wed, "this-week", "", "2026-11-23T00:00:00+01:00 2026-11-25T10:30:00+01:00"},
		{"last week", wed, "last-week", "", "2026-11-16T00:00:00+01:00 2026-11-23T00:00:00+01:00"},
		{"last week until this", wed, "last-week", "this-week", "2026-11-16T00:00:00+01:00 2026-11-23T00:00:00+01:00"},
		{"this month", wed, "this-month", "", "2026-11-01T00:00:00+01:00 2026-11-25T10:30:00+01:00"},
		{"last month has 25 hours once", wed, "last-month", "", "2026-10-01T00:00:00+02:00 2026-11-01T00:00:00+01:00"},
		{"last month in January", "2026-01-31T12:00:00+01:00", "last-month", "", "2025-12-01T00:00:00+01:00 2026-01-01T00:00:00+01:00"},
		{"week on a Monday", "2026-11-23T00:00:00+01:00", "last-week", "", "2026-11-16T00:00:00+01:00 2026-11-23T00:00:00+01:00"},
		{"week on a Sunday", "2026-11-22T23:59:59+01:00", "this-week", "", "2026-11-16T00:00:00+01:00 2026-11-22T23:59:59+01:00"},
		{"a day", wed, "2026-11-01", "", "2026-11-01T00:00:00+01:00 2026-11-25T10:30:00+01:00"},
		{"two days", wed, "2026-11-01", "2026-11-02", "2026-11-01T00:00:00+01:00 2026-11-02T00:00:00+01:00"},
		{"a month", wed, "2026-10", "2026-11", "2026-10-01T00:00:00+02:00 2026-11-01T00:00:00+01:00"},
		{"a week", wed, "2026-W47", "2026-W48", "2026-11-16T00:00:00+01:00 2026-11-23T00:00:00+01:00"},
		{"week 1 begins in December", wed, "2026-W01", "2026-01-01", "2025-12-29T00:00:00+01:00 2026-01-01T00:00:00+01:00"},
		{"week 53", "2027-01-20T00:00:00+01:00", "2026-W53", "2027-W01", "2026-12-28T00:00:00+01:00 2027-01-04T00:00:00+01:00"},
		{"RFC 3339", wed, "2026-11-01T09:00:00Z", "2026-11-01T12:00:00.5+01:00", "2026-11-01T10:00:00+01:00 2026-11-01T12:00:00.5+01:00"},
		{"in the future", wed, "2026-12-01", "2027-01", "2026-12-01T00:00:00+01:00 2027-01-01T00:00:00+01:00"},

		{"days over spring keep the clock", "2026-03-30T10:00:00+02:00", "2d", "", "2026-03-28T10:00:00+01:00 2026-03-30T10:00:00+02:00"},
		{"hours over spring do not", "2026-03-30T10:00:00+02:00", "48h", "", "2026-03-28T09:00:00+01:00 2026-03-30T10:00:00+02:00"},
		{"days over autumn keep the clock", "2026-10-26T10:00:00+01:00", "2d", "", "2026-10-24T10:00:00+02:00 2026-10-26T10:00:00+01:00"},
		{"back into the skipped hour", "2026-03-30T02:30:00+02:00", "1d", "", "2026-03-29T03:30:00+02:00 2026-03-30T02:30:00+02:00"},
		{"back into the doubled hour", "2026-10-26T02:30:00+01:00", "1d", "", "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"the 23-hour day", "2026-03-30T08:00:00+02:00", "yesterday", "", "2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00"},
		{"the 25-hour day", "2026-10-26T08:00:00+01:00", "yesterday", "", "2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00"},
		{"a month with fewer days", "2026-05-31T12:00:00+02:00", "3mo", "", "2026-02-28T12:00:00+01:00 2026-05-31T12:00:00+02:00"},
		{"a leap day a year ago", "2028-02-29T12:00:00+01:00", "1y", "", "2027-02-28T12:00:00+01:00 2028-02-29T12:00:00+01:00"},

		{"nothing", wed, "", "", ""},
		{"zero", wed, "0d", "", ""},
		{"negative", wed, "-7d", "", ""},
		{"over 100 years", wed, "101y", "", ""},
		{"over 100 years in months", wed, "1201mo", "", ""},
		{"over 100 years between", wed, "1900-01-01", "2026-01-01", ""},
		{"absurd", wed, "999999999999h", "", ""},
		{"no unit", wed, "7", "", ""},
		{"capital unit", wed, "7D", "", ""},
		{"mixed", wed, "1h30m", "", ""},
		{"fraction", wed, "1.5h", "", ""},
		{"seconds", wed, "90s", "", ""},
		{"no such day", wed, "2026-02-30", "", ""},
		{"no such month", wed, "2026-13", "", ""},
		{"no such week", wed, "2025-W53", "", ""},
		{"week 0", wed, "2026-W00", "", ""},
		{"ambiguous date", wed, "11-01", "", ""},
		{"ambiguous date with slashes", wed, "01/11/2026", "", ""},
		{"year", wed, "2026", "", ""},
		{"no zone", wed, "2026-11-01T09:00:00", "", ""},
		{"year zero", wed, "0000-01-01", "2026-01-01", ""},
		{"reversed", wed, "2026-11-02", "2026-11-01", ""},
		{"empty", wed, "2026-11-02", "2026-11-02", ""},
		{"since now", wed, "now", "", ""},
		{"since the future until now", wed, "2026-12-01", "", ""},
		{"bad until", wed, "7d", "tomorrow", ""},
		{"spaces", wed, " 7d", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			p, err := analyze.ParsePeriod(c.since, c.until, now.UTC(), zone(t, "Europe/Berlin"))
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), analyze.AcceptedTimes) {
					t.Errorf("got %v, %v; want an error that lists what is accepted", p, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Since.Format(time.RFC3339Nano) + " " + p.Until.Format(time.RFC3339Nano); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDayWithoutMidnight(t *testing.T) {
	// In Beirut 2022-03-27 began at 01:00.
	p, err := analyze.ParsePeriod("2022-03-27", "2022-03-28", at("2022-04-01 00:00:00"), zone(t, "Asia/Beirut"))
	if err != nil || p.Until.Sub(p.Since) != 23*time.Hour || p.Since.Format("15:04") != "01:00" {
		t.Errorf("%v, %v; want 23 hours from 01:00", p, err)
	}
}

func TestParseCompare(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	now := at("2026-11-25 09:30:00")
	for _, c := range []struct {
		name, since, until, compare string
		want                        string // "none", "" an error
	}{
		{"none", "7d", "", "none", "none"},
		{"nothing", "7d", "", "", "none"},
		{"days", "7d", "", "previous", "2026-11-11T10:30:00+01:00 2026-11-18T10:30:00+01:00"},
		{"days over a clock change", "2026-10-26", "2026-10-28", "previous", "2026-10-24T00:00:00+02:00 2026-10-26T00:00:00+01:00"},
		{"hours over a clock change", "2026-10-25T03:00:00+01:00", "2026-10-25T06:00:00+01:00", "previous", "2026-10-25T01:00:00+02:00 2026-10-25T03:00:00+01:00"},
		{"minutes", "90m", "", "previous", "2026-11-25T07:30:00+01:00 2026-11-25T09:00:00+01:00"},
		{"a month is as long, not the month before", "2026-10", "2026-11", "previous", "2026-08-31T00:00:00+02:00 2026-10-01T00:00:00+02:00"},
		{"a named month", "2026-11", "", "2026-09", "2026-09-01T00:00:00+02:00 2026-10-01T00:00:00+02:00"},
		{"a named week", "7d", "", "last-week", "2026-11-16T00:00:00+01:00 2026-11-23T00:00:00+01:00"},
		{"a day", "7d", "", "2026-11-02", "2026-11-02T00:00:00+01:00 2026-11-03T00:00:00+01:00"},
		{"a range", "7d", "", "2026-09-01..2026-09-08", "2026-09-01T00:00:00+02:00 2026-09-08T00:00:00+02:00"},
		{"a moment", "7d", "", "14d", ""},
		{"nonsense", "7d", "", "before", ""},
		{"half a range", "7d", "", "2026-09-01..", ""},
		{"reversed range", "7d", "", "2026-09-08..2026-09-01", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := analyze.ParsePeriod(c.since, c.until, now, berlin)
			if err != nil {
				t.Fatal(err)
			}
			got, err := analyze.ParseCompare(c.compare, p, now)
			switch {
			case c.want == "":
				if err == nil {
					t.Errorf("got %v, want an error", got)
				}
			case err != nil:
				t.Fatal(err)
			case got == nil:
				if c.want != "none" {
					t.Errorf("got none, want %s", c.want)
				}
			default:
				if s := got.Since.Format(time.RFC3339) + " " + got.Until.Format(time.RFC3339); s != c.want {
					t.Errorf("got  %s\nwant %s", s, c.want)
				}
			}
		})
	}
}

func TestZone(t *testing.T) {
	t.Setenv("TZ", "America/New_York")
	for _, c := range []struct{ name, want string }{{"Europe/Berlin", "Europe/Berlin"}, {"UTC", "UTC"}, {"", "America/New_York"}} {
		if z, err := analyze.Zone(c.name); err != nil || z.String() != c.want {
			t.Errorf("Zone(%q) = %v, %v; want %s", c.name, z, err, c.want)
		}
	}
	for _, bad := range []string{"Mars/Olympus", "../etc/passwd", "Local"} {
		if z, err := analyze.Zone(bad); err == nil {
			t.Errorf("Zone(%q) = %v, want an error", bad, z)
		}
	}
	t.Setenv("TZ", "")
	if z, err := analyze.Zone(""); err != nil || z != time.UTC {
		t.Errorf("Zone with an empty TZ = %v, %v; want UTC", z, err)
	}
}

// FuzzParsePeriod: whatever people type, the answer is an error that helps, or a
// period that is not empty, not longer than promised and within years that print.
func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"7d", "90m", "3mo", "1y", "2026-11-01", "2026-11", "2026-W47", "last-week", "2026-11-01T09:00:00+05:30", "-1d", "0h", "9999-12-31"} {
		f.Add(s, "now", int64(1_790_000_000))
		f.Add(s, s, int64(0))
	}
	berlin := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, since, until string, now int64) {
		clock := time.Unix(now%(1<<34), 0)
		p, err := analyze.ParsePeriod(since, until, clock, berlin)
		if err != nil {
			if !strings.Contains(err.Error(), "use one of") {
				t.Fatalf("error does not help: %v", err)
			}
			return
		}
		if !p.Since.Before(p.Until) || p.Until.After(p.Since.AddDate(100, 0, 0)) {
			t.Fatalf("period %v", p)
		}
		if y := p.Since.Year(); y < 1 || p.Until.Year() > 9999 {
			t.Fatalf("year %d", y)
		}
		c, err := analyze.ParseCompare("previous", p, clock)
		if err == nil && (c == nil || !c.Until.Equal(p.Since) || !c.Since.Before(c.Until)) {
			t.Fatalf("previous of %v is %v", p, c)
		}
	})
}
