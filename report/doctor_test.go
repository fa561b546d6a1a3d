package report_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"
	"unicode"

	"burn/analyze"
	"burn/report"
)

// healthy is an installation at which every check is ok.
func healthy() report.Health {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	return report.Health{
		Now: now, Since: now.AddDate(0, 0, -7), Prices: "2026-11-01",
		Dirs:  []report.Directory{{Path: "/logs", Mode: 0o700}},
		Files: 12, Bytes: 340_000_000, Writing: 1, NewestLine: now.Add(-3 * time.Minute),
		Database: report.DatabaseHealth{Path: "/burn.duckdb", Exists: true},
		Records: &analyze.Result{
			Totals: analyze.Totals{Requests: 1000}, Quality: analyze.Quality{Lines: 1010, Rejected: map[string]int64{}}, LastCall: now.Add(-4 * time.Minute),
			Exam: &analyze.Examination{Seen: []analyze.Seen{{Agent: "a", Last: now.Add(-time.Hour)}}},
		},
	}
}

func TestDiagnoseHealthy(t *testing.T) {
	var b bytes.Buffer
	checks := report.Diagnose(healthy())
	if err := report.Checks(&b, checks, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `ok    directory  /logs, mode 0700
ok    proxy      a proxy on this host writes here; newest line 3 minutes ago
ok    files      12 log files, 340 MB, all readable
ok    database   /burn.duckdb
ok    prices     prices of 2026-11-01, 22 days old
ok    lines      1,010 lines read, none rejected
ok    numbers    no call is missing
ok    clock      no line from the future, no clock set during a call
ok    agents     every call says which agent made it: 1,000 calls
ok    silent     no agent has fallen silent since 16 Nov 2026
ok    streams    every stream that ended well said what it used
ok    unpriced   every call has a price or costs nothing
ok    usage      no provider's counts contradict each other
ok    mail       not set up
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if report.Failed(checks) {
		t.Error("a healthy installation fails")
	}
}

func TestDiagnose(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name   string
		change func(h *report.Health)
		want   string // the check's lines
	}{
		{"a directory that is not there", func(h *report.Health) { h.Dirs[0] = report.Directory{Path: "/lo gs", Err: fs.ErrNotExist} },
			"fail  directory  /lo gs: file does not exist\n      → name the proxy's log directory with --log-dir DIR; burn proxy --log-dir '/lo gs' makes it\n"},
		{"a directory of another user", func(h *report.Health) { h.Dirs[0].Err = errors.New("permission denied") },
			"fail  directory  /logs: permission denied\n      → run burn as the owner of /logs, or: chmod u+rx /logs\n"},
		{"a directory that others can list", func(h *report.Health) { h.Dirs[0].Mode = 0o750 },
			"warn  directory  /logs, mode 0750: others on this host can list it\n      → chmod 700 /logs\n"},
		{"a single file", func(h *report.Health) { h.Dirs[0].IsFile, h.Dirs[0].Mode = true, 0o644 }, "ok    directory  /logs, a single file\n"},
		{"a proxy without calls", func(h *report.Health) { h.NewestLine = h.Now.Add(-8 * day) },
			"warn  proxy      a proxy on this host writes here, but sees no calls: newest line 8 days ago\n      → point the base URL of your clients at it, such as OPENAI_BASE_URL=http://localhost:9090/v1 or ANTHROPIC_BASE_URL=http://localhost:9090\n"},
		{"no proxy", func(h *report.Health) { h.Writing = 0 },
			"warn  proxy      no proxy on this host writes here; newest line 3 minutes ago; it did not say that it ended\n      → burn proxy --log-dir /logs  (not needed where files of other hosts are gathered)\n"},
		{"a proxy that was stopped", func(h *report.Health) { h.Writing, h.Stopped, h.NewestLine = 0, true, h.Now.Add(-3*time.Hour) },
			"warn  proxy      no proxy on this host writes here; newest line 3 hours ago, when it was stopped\n      → burn proxy --log-dir /logs  (not needed where files of other hosts are gathered)\n"},
		{"nothing yet", func(h *report.Health) { h.Writing, h.Files, h.NewestLine = 0, 0, time.Time{} },
			"warn  proxy      no proxy on this host writes here, and there are no log files\n      → burn proxy --log-dir /logs\n"},
		{"unreadable files", func(h *report.Health) { h.Unreadable = []string{"a: denied", "b: denied", "c: denied", "d: denied"} },
			"fail  files      cannot be read, and is in no report: a: denied, b: denied, c: denied and 1 more\n      → make them readable for the user that runs burn, or remove what is no log file\n"},
		{"a damaged file", func(h *report.Health) { h.Damaged = []string{"a.jsonl.gz: unexpected EOF"} },
			"warn  files      1 file damaged, read up to the damage: a.jsonl.gz: unexpected EOF\n      → copy them again from the proxy's host; what was read already is not counted twice\n"},
		{"no database", func(h *report.Health) { h.Database.Exists, h.Records = false, nil },
			"warn  database   none yet at /burn.duckdb: only files were looked at\n      → burn analyze --log-dir /logs --db /burn.duckdb\n"},
		{"a database of another user", func(h *report.Health) {
			h.Database.Denied, h.Records = errors.New("open /burn.duckdb: permission denied"), nil
		},
			"fail  database   open /burn.duckdb: permission denied\n      → run burn as the owner of the file, or choose another one with --db FILE\n"},
		{"a database that a shell holds", func(h *report.Health) {
			h.Database.Holder, h.Database.Blocked, h.Records = "another program has it open", true, nil
		}, "fail  database   /burn.duckdb: another program has it open\n      → close it; a DuckDB shell can share it with others only if all open it with -readonly\n"},
		{"a database in use", func(h *report.Health) {
			h.Database.Holder, h.Records = "another burn is using this database: process 7", nil
		}, "warn  database   not looked at: another burn is using this database: process 7\n      → run burn doctor again when it has ended\n"},
		{"a database of another version", func(h *report.Health) { h.Database.Unfit, h.Records = "it has schema \"x\"", nil },
			"warn  database   /burn.duckdb: it has schema \"x\"; the next run makes it anew from the log files\n      → burn analyze --log-dir /logs --db /burn.duckdb\n"},
		{"new lines", func(h *report.Health) { h.Database.Unread = 2 }, "ok    database   /burn.duckdb; 2 files with lines that the next run reads\n"},
		{"the logger alone", func(h *report.Health) { h.Database.Unavailable, h.Records = "this burn is the logger alone", nil },
			"ok    database   not looked at: this burn is the logger alone\n"},
		{"old prices", func(h *report.Health) { h.Prices = "2026-09-23" },
			"warn  prices     prices of 2026-09-23, 61 days old\n      → update burn, or import a newer list: burn prices import FILE > prices.csv; burn analyze --prices prices.csv\n"},
		{"rejected lines", func(h *report.Health) {
			h.Records.Quality.Rejected = map[string]int64{"syntax": 5, "range": 2}
			h.Records.Quality.Torn = 1
		}, "warn  lines      7 lines of 1,010 rejected: range 2, syntax 5; 1 torn, where a proxy died while it wrote\n      → burn analyze --log-dir /logs --db /burn.duckdb --rebuild --rejects rejects.txt  (writes file, line and reason of each)\n"},
		{"missing calls", func(h *report.Health) { h.Records.Quality.MissingSeq, h.Records.Quality.OpenCalls = 1, 2 },
			"warn  numbers    1 call numbered by a proxy and not in the files; 2 calls begun and not seen to end\n      → gather the log files of every proxy, older ones too, and name each directory with --log-dir\n"},
		{"a bad disk", func(h *report.Health) {
			h.Records.Exam.Writers = analyze.Writers{Dropped: 3, WriteErrors: 1, LostLines: 2}
		}, "warn  numbers    3 calls kept only as sums, 2 lines lost with files that were deleted or cut under a proxy, 1 failed write to a log file\n      → see that the disk of the log directory has room, and that nothing moves or cuts files there: df -h /logs\n"},
		{"open calls", func(h *report.Health) { h.Records.Quality.OpenCalls = 1 }, "ok    numbers    no call is missing; 1 call begun and not seen to end\n"},
		{"clocks", func(h *report.Health) {
			h.Records.Quality.Rejected = map[string]int64{"clock": 1}
			h.Records.LastCall = h.Now.Add(2 * time.Hour)
			h.Records.Exam.Jumped = 4
		}, "warn  clock      1 line rejected for a time more than a day ahead, or before 2020, the newest line is 2 hours in the future, 4 calls during which a proxy's clock was set\n      → let NTP set the clocks of the proxy's host and of this one: timedatectl set-ntp true\n"},
		{"a clock, without a database", func(h *report.Health) { h.Records, h.NewestLine = nil, h.Now.Add(3*time.Minute) },
			"warn  clock      the newest line is 3 minutes in the future\n      → let NTP set the clocks of the proxy's host and of this one: timedatectl set-ntp true\n"},
		{"calls without an agent", func(h *report.Health) {
			h.Records.Exam.Unlabelled = []analyze.Program{{Name: "AsyncOpenAI/Python", Requests: 100}, {Name: "claude-cli/2.0", Requests: 15}, {Requests: 4}, {Name: "curl/8", Requests: 1}}
		}, `warn  agents     12.0 % of 1,000 calls without an agent (AsyncOpenAI/Python 100, claude-cli/2.0 15, (none) 4)
      → OpenAI, Python: AsyncOpenAI(default_headers={"X-Agent-ID": "NAME"})
      → Claude Code: ANTHROPIC_CUSTOM_HEADERS='X-Agent-ID: NAME'
      → send the header X-Agent-ID: NAME with each call
      → send the header X-Agent-ID: NAME, or in the configuration: agent-rules: [{agent: NAME, user_agent: curl/8}]
`},
		{"few calls without an agent", func(h *report.Health) { h.Records.Exam.Unlabelled = []analyze.Program{{Name: "curl/8", Requests: 9}} },
			"ok    agents     0.9 % of 1,000 calls without an agent (curl/8 9)\n"},
		{"no calls", func(h *report.Health) { h.Records.Totals.Requests = 0 }, "ok    agents     no calls since 16 Nov 2026\n"},
		{"silent agents", func(h *report.Health) {
			h.Agents = map[string]analyze.Agent{"a": {}, "never": {}, "old": {}}
			h.Records.Exam.Seen = append(h.Records.Exam.Seen, analyze.Seen{Agent: "late", Last: h.Since.Add(-time.Hour)},
				analyze.Seen{Agent: "old", Last: h.Since.Add(-200 * day)}, analyze.Seen{Agent: "retired", Last: h.Since.Add(-91 * day)},
				analyze.Seen{Agent: "unknown", Last: h.Since.Add(-time.Hour)}, analyze.Seen{Agent: "on time", Last: h.Since})
		}, `warn  silent     3 agents not seen since 16 Nov 2026: late (last on 16 Nov 2026), old (last on 30 Apr 2026), never (in the agents file, never seen)
      → see whether they still run, still call through the proxy, and still send the same X-Agent-ID
`},
		{"streams without usage", func(h *report.Health) {
			h.Records.Streams = []analyze.Stream{{Agent: "a", Model: "gpt-4o", Endpoint: "/v1/chat/completions", Requests: 10, Cost: usd("1.5")},
				{Agent: "b", Model: "m", Endpoint: "/openai/deployments/*/chat/completions", Requests: 1}, {Agent: "c", Model: "claude", Endpoint: "/v1/messages", Requests: 2, Cost: usd("1")}}
		}, `warn  streams    13 streams without usage, $2.50 est.: a with gpt-4o 10, b with m 1, c with claude 2
      → set stream_options: {"include_usage": true} in the request (a, b)
      → read each stream to its end, where usage comes last (c)
`},
		{"unpriced models", func(h *report.Health) {
			h.Records.Unpriced = []analyze.Unpriced{{Provider: "acme", Model: "x y", Requests: 3, Tokens: 1200}}
		}, "warn  unpriced   3 calls with 1,200 tokens in 1 model without a price: they are in no sum\n      → burn prices explain 'x y' --provider acme\n"},
		{"contradictions", func(h *report.Health) {
			h.Records.Quality.InconsistentRequests = 3
			h.Records.Inconsistent = []analyze.Inconsistent{{Provider: "openai", Model: "gpt-4o", Requests: 2}, {Provider: "acme", Model: "m", Requests: 1}}
		}, "warn  usage      3 calls with counts that contradict each other, priced as they are: gpt-4o of openai 2, m of acme 1\n" +
			"      → after burn analyze, in a DuckDB shell: SELECT * FROM calls WHERE inconsistent\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := healthy()
			c.change(&h)
			checks := report.Diagnose(h)
			var b bytes.Buffer
			if err := report.Checks(&b, checks, report.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains("\n"+b.String(), "\n"+c.want) {
				t.Errorf("got\n%swant\n%s", b.String(), c.want)
			}
			if got := strings.HasPrefix(c.want, "fail"); report.Failed(checks) != got {
				t.Errorf("failed: %v, want %v", !got, got)
			}
		})
	}
}

func TestDiagnosisIsSafeForTerminals(t *testing.T) {
	for _, name := range hostile {
		h := healthy()
		h.Dirs[0].Path, h.Database.Path, h.Damaged = name, name, []string{name}
		h.Records.Exam.Unlabelled = []analyze.Program{{Name: name, Requests: 500}}
		h.Records.Exam.Seen = []analyze.Seen{{Agent: name}}
		h.Agents = map[string]analyze.Agent{name: {}}
		h.Records.Streams = []analyze.Stream{{Agent: name, Model: name}}
		h.Records.Unpriced = []analyze.Unpriced{{Provider: name, Model: name}}
		var b bytes.Buffer
		if err := report.Checks(&b, report.Diagnose(h), report.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.String() {
			if c != '\n' && (unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)) {
				t.Errorf("%q puts %U on the terminal", name, c)
			}
		}
	}
}

// TestChecksWrap: sentences are broken between words, what is to be typed is not.
func TestChecksWrap(t *testing.T) {
	var b bytes.Buffer
	command := "burn prices import FILE > prices.csv; burn analyze --prices prices.csv"
	checks := []report.Check{{Name: "prices", State: report.Warn, Text: "prices of 2026-08-21, which are 100 days old by now", Do: []string{command}}, {Name: "lines", State: report.OK, Text: "none rejected"}}
	if err := report.Checks(&b, checks, report.TextOptions{Width: 42}); err != nil {
		t.Fatal(err)
	}
	want := "warn  prices  prices of 2026-08-21, which\n              are 100 days old by now\n      → " + command + "\nok    lines   none rejected\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}
