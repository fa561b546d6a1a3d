package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"burn/analyze"
)

// State says how a check came out.
type State string

// The states. Only Fail means that something does not work.
const (
	OK   State = "ok"
	Warn State = "warn"
	Fail State = "fail"
)

// Check is one line of a health report: what was looked at, how it is, and what
// to type or write to make it better.
type Check struct {
	Name  string   `json:"check"`
	State State    `json:"state"`
	Text  string   `json:"text"`
	Do    []string `json:"do,omitempty"`
}

// Failed reports whether one of the checks is a Fail.
func Failed(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return c.State == Fail })
}

// Checks writes one sentence per check, and what to do below those that need it, in
// one line, to be copied.
func Checks(w io.Writer, checks []Check, opt TextOptions) error {
	p := painter{w: bufio.NewWriter(w), opt: opt}
	wide := 0
	for _, c := range checks {
		wide = max(wide, len(c.Name))
	}
	colors := map[State]string{OK: "32", Warn: "33", Fail: "31"}
	for _, c := range checks {
		name := fmt.Sprintf("  %-*s  ", wide, c.Name)
		room, indent := 0, len("warn")+len(name)
		if opt.Width > 0 {
			room = max(opt.Width-indent, nameWidth)
		}
		before := p.paint(colors[c.State], fmt.Sprintf("%-4s", c.State)) + name
		for _, line := range Wrapped(Clean(c.Text), room) {
			p.line(before + line)
			before = strings.Repeat(" ", indent)
		}
		for _, do := range c.Do {
			p.line(strings.Repeat(" ", 6) + p.dim("→ "+Clean(do)))
		}
	}
	if err := p.flush(); err != nil {
		return fmt.Errorf("write checks: %w", err)
	}
	return nil
}

// Health is what a look at an installation found. Its names may be foreign.
type Health struct {
	Now   time.Time
	Since time.Time // start of the period of Records

	Dirs       []Directory
	Files      int64
	Bytes      int64
	Unreadable []string // files that cannot be opened, each with the reason
	Damaged    []string // files of which only a part can be read, each with the reason
	Writing    int      // files that a proxy on this host has open
	NewestLine time.Time
	Stopped    bool // the newest line says that its proxy ended well

	Database DatabaseHealth
	Mail     MailHealth
	Records  *analyze.Result          // of analyze.Examine; nil if the database cannot be looked at
	Agents   map[string]analyze.Agent // the agents file; nil if none was given
	Prices   string                   // date of the price table in use
}

// Directory is a log directory, or a single file given in its place.
type Directory struct {
	Path   string
	IsFile bool
	Mode   uint32 // permission bits
	Err    error  // why it cannot be read
}

// MailHealth says whether mail can leave.
type MailHealth struct {
	Wanted bool     // the configuration has mail
	Err    error    // why it cannot
	Text   string   // where it goes
	Kept   []string // files of mail that was not sent
}

// DatabaseHealth says whether the database can be used.
type DatabaseHealth struct {
	Path        string
	Unavailable string // why this program has none
	Exists      bool
	Holder      string // who uses it now
	Blocked     bool   // a run would fail because of Holder, instead of wait
	Denied      error  // why it cannot be read
	Unfit       string // why the next run makes it anew
	Unread      int64  // files with something that it does not have
}

// Diagnose judges h: first what is on disk, then what the records say.
func Diagnose(h Health) []Check {
	var list []Check
	for _, d := range h.Dirs {
		list = append(list, checkDirectory(d))
	}
	list = append(list, checkProxy(h), checkFiles(h), checkDatabase(h), checkPrices(h))
	if h.Records == nil {
		return append(list, checkFileClock(h), checkMail(h))
	}
	return append(list, checkLines(h), checkNumbers(h), checkClock(h), checkAgents(h), checkSilent(h), checkStreams(h), checkUnpriced(h), checkCounts(h), checkMail(h))
}

// checkMail says whether mail could leave. It sends none.
func checkMail(h Health) Check {
	m := h.Mail
	c := Check{Name: "mail", State: OK, Text: "not set up"}
	switch {
	case !m.Wanted:
		return c
	case m.Err != nil:
		c.State, c.Text = Fail, m.Err.Error()
		c.Do = []string{"correct mail in the configuration; see whether the server runs and is reached: nc -vz HOST PORT"}
	default:
		c.Text = m.Text
	}
	if len(m.Kept) > 0 {
		if c.State == OK {
			c.State = Warn
		}
		c.Text += "; not sent: " + some(m.Kept)
		c.Do = append(c.Do, "send it by hand and delete it: sendmail -t < "+shellWord(m.Kept[0]))
	}
	return c
}

func checkDirectory(d Directory) Check {
	c := Check{Name: "directory", State: OK, Text: fmt.Sprintf("%s, mode %04o", d.Path, d.Mode)}
	switch {
	case d.Err != nil:
		c.State, c.Text = Fail, d.Path+": "+d.Err.Error()
		c.Do = []string{"name the proxy's log directory with --log-dir DIR; burn proxy --log-dir " + shellWord(d.Path) + " makes it"}
		if d.Mode != 0 {
			c.Do = []string{"run burn as the owner of " + d.Path + ", or: chmod u+rx " + shellWord(d.Path)}
		}
	case d.IsFile:
		c.Text = d.Path + ", a single file"
	case d.Mode&0o077 != 0:
		c.State = Warn
		c.Text += ": others on this host can list it"
		c.Do = []string{"chmod 700 " + shellWord(d.Path)}
	}
	return c
}

// quietProxy is how long a proxy may see no call before that is told.
const quietProxy = 7 * 24 * time.Hour

func checkProxy(h Health) Check {
	c := Check{Name: "proxy", State: OK}
	newest := "no line yet"
	if !h.NewestLine.IsZero() {
		newest = "newest line " + ago(h.Now, h.NewestLine)
	}
	start := "burn proxy"
	if len(h.Dirs) > 0 {
		start += " --log-dir " + shellWord(h.Dirs[0].Path)
	}
	switch {
	case h.Writing > 0 && h.Now.Sub(h.NewestLine) > quietProxy:
		c.State, c.Text = Warn, "a proxy on this host writes here, but sees no calls: "+newest
		c.Do = []string{"point the base URL of your clients at it, such as OPENAI_BASE_URL=http://localhost:9090/v1 or ANTHROPIC_BASE_URL=http://localhost:9090"}
	case h.Writing > 0:
		c.Text = "a proxy on this host writes here; " + newest
	case h.Files == 0:
		c.State, c.Text = Warn, "no proxy on this host writes here, and there are no log files"
		c.Do = []string{start}
	default:
		how := "; it did not say that it ended"
		if h.Stopped {
			how = ", when it was stopped"
		}
		c.State, c.Text = Warn, "no proxy on this host writes here; "+newest+how
		c.Do = []string{start + "  (not needed where files of other hosts are gathered)"}
	}
	return c
}

func checkFiles(h Health) Check {
	c := Check{Name: "files", State: OK, Text: plural(h.Files, "log file") + ", " + size(h.Bytes) + ", all readable"}
	switch {
	case len(h.Unreadable) > 0:
		c.State, c.Text = Fail, "cannot be read, and is in no report: "+some(h.Unreadable)
		c.Do = []string{"make them readable for the user that runs burn, or remove what is no log file"}
	case len(h.Damaged) > 0:
		c.State, c.Text = Warn, fmt.Sprintf("%s damaged, read up to the damage: %s", plural(int64(len(h.Damaged)), "file"), some(h.Damaged))
		c.Do = []string{"copy them again from the proxy's host; what was read already is not counted twice"}
	case h.Files == 0:
		c.Text = "no log files"
	}
	return c
}

func checkDatabase(h Health) Check {
	d := h.Database
	c := Check{Name: "database", State: OK, Text: d.Path}
	again := analyzeCommand(h)
	switch {
	case d.Unavailable != "":
		c.Text = "not looked at: " + d.Unavailable
	case !d.Exists:
		c.State, c.Text, c.Do = Warn, "none yet at "+d.Path+": only files were looked at", []string{again}
	case d.Denied != nil:
		c.State, c.Text, c.Do = Fail, d.Denied.Error(), []string{"run burn as the owner of the file, or choose another one with --db FILE"}
	case d.Holder != "" && d.Blocked:
		c.State, c.Text, c.Do = Fail, d.Path+": "+d.Holder, []string{"close it; a DuckDB shell can share it with others only if all open it with -readonly"}
	case d.Holder != "":
		c.State, c.Text, c.Do = Warn, "not looked at: "+d.Holder, []string{"run burn doctor again when it has ended"}
	case d.Unfit != "":
		c.State, c.Text, c.Do = Warn, d.Path+": "+d.Unfit+"; the next run makes it anew from the log files", []string{again}
	case d.Unread > 0:
		c.Text += "; " + plural(d.Unread, "file") + " with lines that the next run reads"
	}
	return c
}

// analyzeCommand reads the files that were looked at.
func analyzeCommand(h Health) string {
	command := "burn analyze"
	for _, dir := range h.Dirs {
		command += " --log-dir " + shellWord(dir.Path)
	}
	return command + " --db " + shellWord(h.Database.Path)
}

func checkPrices(h Health) Check {
	c := Check{Name: "prices", State: OK, Text: "prices of " + h.Prices}
	if age, ok := priceAge(h.Prices, h.Now); ok {
		c.Text += ", " + plural(max(0, int64(age/(24*time.Hour))), "day") + " old"
		if age > maxPriceAge {
			c.State = Warn
			c.Do = []string{"update burn, or import a newer list: burn prices import FILE > prices.csv; burn analyze --prices prices.csv"}
		}
	}
	return c
}

// ago says how long before now a moment was, roughly.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < -time.Minute:
		return span(-d) + " in the future"
	case d < time.Minute:
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return plural(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int64(d/time.Hour), "hour")
	}
	return plural(int64(d/(24*time.Hour)), "day")
}

// size writes a number of bytes: 340 MB.
func size(n int64) string {
	if n < 1000 {
		return plural(n, "byte")
	}
	return Tokens(n) + "B" // with the same k, M and G
}

// some lists the first few of foreign names.
func some(list []string) string {
	shown, hidden := first(list, 3)
	s := strings.Join(shown, ", ")
	if hidden > 0 {
		s += " and " + Count(hidden) + " more"
	}
	return s
}
