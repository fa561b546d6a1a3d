package analyze

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Period is a half-open range of time [Since, Until), Since before Until, and the
// zone its days and hours are of.
type Period struct {
	Since, Until time.Time
	Zone         *time.Location // nil is UTC
}

func (p Period) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// AcceptedTimes lists what --since and --until take, for error messages and help.
const AcceptedTimes = "90m or 24h (back from now, exactly), 7d, 2w, 3mo or 1y (back to the same time of day), " +
	"today, yesterday, this-week, last-week, this-month, last-month, 2026-11-01, 2026-11, 2026-W47, " +
	"2026-11-01T09:00:00Z (RFC 3339) or now"

// AcceptedCompare lists what --compare takes.
const AcceptedCompare = "previous, none, a day, week or month (2026-11-01, 2026-W47, 2026-11, last-week …) or SINCE..UNTIL"

// longest is how many years a period may span, and how far it may look back.
const longest = 100

// ParsePeriod resolves --since and --until. A calendar form means its beginning,
// in both places: --until 2026-11 ends before November. An until of "" is "now",
// but for a since of yesterday, last-week or last-month, which then ends where
// that day, week or month ends. Weeks begin on Monday (ISO 8601). A period that is
// empty, reversed or longer than 100 years is an error, as is a text that is none
// of AcceptedTimes; the message lists them. now is taken at zone's wall clock.
func ParsePeriod(since, until string, now time.Time, zone *time.Location) (Period, error) {
	if zone == nil {
		zone = time.UTC
	}
	now = now.In(zone)
	from, err := parseSpan(since, now)
	if err != nil {
		return Period{}, fmt.Errorf("--since %w", err)
	}
	end := now
	switch {
	case until != "":
		to, err := parseSpan(until, now)
		if err != nil {
			return Period{}, fmt.Errorf("--until %w", err)
		}
		end = to.begin
	case from.past:
		end = from.end
	}
	if until == "" && from.begin.After(now) {
		return Period{}, fmt.Errorf("--since %s lies in the future: it is %s; use one of %s", since, now.Format(time.RFC3339), AcceptedTimes)
	}
	p := Period{Since: from.begin, Until: end, Zone: zone}
	if err := p.check(); err != nil {
		return Period{}, err
	}
	return p, nil
}

// ParseTime resolves one of AcceptedTimes; a calendar form means its beginning.
func ParseTime(text string, now time.Time, zone *time.Location) (time.Time, error) {
	s, err := parseSpan(text, now.In(zone))
	return s.begin, err
}

// ParseCompare resolves --compare for p: nil for "" and "none"; for "previous" the
// equally long range before p, counted in calendar days where both ends of p are
// at the same time of day; else a day, week or month, or SINCE..UNTIL.
func ParseCompare(text string, p Period, now time.Time) (*Period, error) {
	now = now.In(p.zone())
	var c Period
	switch text {
	case "", "none":
		return nil, nil
	case "previous":
		c = p.previous()
	default:
		since, until, isRange := strings.Cut(text, "..")
		from, err := parseSpan(since, now)
		if err != nil {
			return nil, fmt.Errorf("--compare %w, or %s", err, AcceptedCompare)
		}
		c = Period{Since: from.begin, Until: from.end, Zone: p.Zone}
		if isRange {
			to, err := parseSpan(until, now)
			if err != nil {
				return nil, fmt.Errorf("--compare %w, or %s", err, AcceptedCompare)
			}
			c.Until = to.begin
		} else if from.end.IsZero() {
			return nil, fmt.Errorf("--compare %q names a moment, not a range: use %s", text, AcceptedCompare)
		}
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("--compare: %w", err)
	}
	return &c, nil
}

func (p Period) check() error {
	switch {
	case !p.Since.Before(p.Until):
		return fmt.Errorf("period is empty: it begins at %s and ends at %s; use one of %s",
			p.Since.Format(time.RFC3339), p.Until.Format(time.RFC3339), AcceptedTimes)
	case p.Since.AddDate(longest, 0, 0).Before(p.Until):
		return fmt.Errorf("period is longer than %d years; use one of %s", longest, AcceptedTimes)
	}
	return nil
}

// previous is the equally long range before p.
func (p Period) previous() Period {
	since, until := p.Since.In(p.zone()), p.Until.In(p.zone())
	if days := wholeDays(since, until); days > 0 {
		return Period{Since: backTo(since, 0, 0, days), Until: p.Since, Zone: p.Zone}
	}
	return Period{Since: p.Since.Add(p.Since.Sub(p.Until)), Until: p.Since, Zone: p.Zone}
}

// wholeDays counts the days between two moments with equal wall clocks, else 0.
func wholeDays(a, b time.Time) int {
	utc := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	d := utc(b).Sub(utc(a))
	if d%(24*time.Hour) != 0 {
		return 0
	}
	return int(d / (24 * time.Hour))
}

// span is what a text names: a moment, or a stretch of the calendar with an end.
type span struct {
	begin, end time.Time // end is zero for a moment
	past       bool      // named as wholly past: yesterday, last-week, last-month
}

var (
	backForm  = regexp.MustCompile(`^([0-9]{1,9})(m|h|d|w|mo|y)$`)
	dayForm   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	monthForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}$`)
	weekForm  = regexp.MustCompile(`^([0-9]{4})-W([0-9]{2})$`)
)

var errNoTime = errors.New("use one of " + AcceptedTimes)

// parseSpan resolves one text at the wall clock of now.
func parseSpan(text string, now time.Time) (span, error) {
	s, err := parseForm(text, now)
	if err != nil {
		return span{}, fmt.Errorf("%q: %w", text, err)
	}
	if y := s.begin.Year(); y < 1 || y > 9999 {
		return span{}, fmt.Errorf("%q is out of range: %w", text, errNoTime)
	}
	return s, nil
}

func parseForm(text string, now time.Time) (span, error) {
	if s, ok := named(text, now); ok {
		return s, nil
	}
	zone := now.Location()
	if m := backForm.FindStringSubmatch(text); m != nil {
		return parseBack(m[1], m[2], now)
	}
	if dayForm.MatchString(text) {
		t, err := time.Parse("2006-01-02", text)
		if err != nil {
			return span{}, fmt.Errorf("no such day; %w", errNoTime)
		}
		return days(t.Year(), t.Month(), t.Day(), 1, zone), nil
	}
	if monthForm.MatchString(text) {
		t, err := time.Parse("2006-01", text)
		if err != nil {
			return span{}, fmt.Errorf("no such month; %w", errNoTime)
		}
		return months(t.Year(), t.Month(), zone), nil
	}
	if m := weekForm.FindStringSubmatch(text); m != nil {
		return parseWeek(m[1], m[2], zone)
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return span{begin: t.In(zone)}, nil
	}
	return span{}, errNoTime
}

// named resolves the words.
func named(text string, now time.Time) (span, bool) {
	zone := now.Location()
	y, m, d := now.Date()
	monday := d - (int(now.Weekday())+6)%7
	var s span
	switch text {
	case "now":
		s = span{begin: now}
	case "today":
		s = days(y, m, d, 1, zone)
	case "yesterday":
		s = days(y, m, d-1, 1, zone)
	case "this-week":
		s = days(y, m, monday, 7, zone)
	case "last-week":
		s = days(y, m, monday-7, 7, zone)
	case "this-month":
		s = months(y, m, zone)
	case "last-month":
		s = months(y, m-1, zone)
	default:
		return span{}, false
	}
	s.past = text == "yesterday" || text == "last-week" || text == "last-month"
	return s, true
}

// parseBack resolves 90m, 24h exactly and 7d, 2w, 3mo, 1y by the calendar.
func parseBack(digits, unit string, now time.Time) (span, error) {
	n, err := strconv.Atoi(digits)
	if err != nil || n == 0 {
		return span{}, fmt.Errorf("not a length of time above zero; %w", errNoTime)
	}
	limit := map[string]int{"m": longest * 366 * 24 * 60, "h": longest * 366 * 24, "d": longest * 366, "w": longest * 53, "mo": longest * 12, "y": longest}
	if n > limit[unit] {
		return span{}, fmt.Errorf("more than %d years; %w", longest, errNoTime)
	}
	switch unit {
	case "m":
		return span{begin: now.Add(-time.Duration(n) * time.Minute)}, nil
	case "h":
		return span{begin: now.Add(-time.Duration(n) * time.Hour)}, nil
	case "d":
		return span{begin: backTo(now, 0, 0, n)}, nil
	case "w":
		return span{begin: backTo(now, 0, 0, 7*n)}, nil
	case "mo":
		return span{begin: backTo(now, 0, n, 0)}, nil
	}
	return span{begin: backTo(now, n, 0, 0)}, nil
}

func parseWeek(year, week string, zone *time.Location) (span, error) {
	y, _ := strconv.Atoi(year)
	w, _ := strconv.Atoi(week)
	// 4 January is always in week 1.
	first := time.Date(y, 1, 4, 0, 0, 0, 0, time.UTC)
	monday := first.AddDate(0, 0, -(int(first.Weekday())+6)%7+7*(w-1))
	if gotY, gotW := monday.ISOWeek(); gotY != y || gotW != w {
		return span{}, fmt.Errorf("no such week; %w", errNoTime)
	}
	return days(monday.Year(), monday.Month(), monday.Day(), 7, zone), nil
}

// days is n days from the given one on, which may be outside the month.
func days(y int, m time.Month, d, n int, zone *time.Location) span {
	return span{begin: wall(y, m, d, 0, 0, 0, 0, zone), end: wall(y, m, d+n, 0, 0, 0, 0, zone)}
}

// months is the given month, which may be outside the year.
func months(y int, m time.Month, zone *time.Location) span {
	return span{begin: wall(y, m, 1, 0, 0, 0, 0, zone), end: wall(y, m+1, 1, 0, 0, 0, 0, zone)}
}

// backTo goes back by the calendar to the same time of day. A day that the month
// does not have (31 May less three months) becomes the month's last.
func backTo(t time.Time, years, months, days int) time.Time {
	y, m, d := t.Date()
	if years > 0 || months > 0 {
		y, m = y-years, m-time.Month(months)
		if last := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day(); d > last {
			d = last
		}
	}
	return wall(y, m, d-days, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

// wall is the moment at which zone's clocks show the given time: the earlier of
// two when they are set back, and when they are set forward over it, as much
// later as they skip. time.Date leaves open which it takes.
func wall(y int, m time.Month, d, hh, mm, ss, ns int, zone *time.Location) time.Time {
	utc := time.Date(y, m, d, hh, mm, ss, ns, time.UTC)
	offset := func(t time.Time) time.Duration {
		_, s := t.In(zone).Zone()
		return time.Duration(s) * time.Second
	}
	before, after := offset(utc.Add(-24*time.Hour)), offset(utc.Add(24*time.Hour))
	for _, off := range []time.Duration{before, after} {
		if t := utc.Add(-off); offset(t) == off {
			return t.In(zone)
		}
	}
	return utc.Add(-before).In(zone)
}

// Zone resolves --tz: an IANA name such as Europe/Berlin, or "" for the system's
// zone, under its IANA name where the system tells it, so that a report can say
// which it was.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return systemZone(), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("unknown time zone %q: use a name such as Europe/Berlin or UTC", name)
	}
	return zone, nil
}

// systemZone finds the name behind time.Local, which calls itself "Local": in the
// variable TZ, else in the link /etc/localtime.
func systemZone() *time.Location {
	name, set := os.LookupEnv("TZ")
	if !set {
		target, err := filepath.EvalSymlinks("/etc/localtime")
		if err != nil {
			return time.Local
		}
		_, name, _ = strings.Cut(target, "zoneinfo/")
	}
	name = strings.TrimPrefix(name, ":")
	if strings.EqualFold(name, "etc/utc") || (set && name == "") {
		return time.UTC
	}
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return time.Local
}
