package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"burn/analyze"
	"burn/report"
)

var update = flag.Bool("update", false, "write the goldens anew; read their difference before you keep them")

// small is one of the case study's months as it might be, cut to what fits a page.
func small() *analyze.Result {
	r := world(nil)
	r.Trend, r.ByWeekdayHour, r.ByDay = nil, r.ByWeekdayHour[:2], r.ByDay[:2]
	return r
}

func after() *analyze.Result {
	r := world([]string{"doc-classifier", "chat-gate"})
	since := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	r.Period.Since, r.Period.Until = since, since.AddDate(0, 0, 30)
	return r
}

// library is what a golden of the page leaves out.
var library = regexp.MustCompile(`(id="echarts-gz">)[^<]*<`)

func TestGoldens(t *testing.T) {
	oneHour := small()
	oneHour.Period.Since = time.Date(2026, 9, 1, 9, 30, 0, 0, time.UTC)
	oneHour.Period.Until = oneHour.Period.Since.Add(90 * time.Minute)
	oneHour.Compared, oneHour.Previous = nil, nil
	for _, c := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"result.json", func(w io.Writer) error { return report.JSON(w, small()) }},
		{"result.csv", func(w io.Writer) error { return report.CSV(w, small()) }},
		{"tables.md", func(w io.Writer) error { return report.Markdown(w, small(), 3) }},
		{"tables.txt", func(w io.Writer) error {
			return report.Text(w, small(), report.TextOptions{Width: 120, Top: 5, Report: "out/report.html"})
		}},
		{"narrow.txt", func(w io.Writer) error { return report.Text(w, small(), report.TextOptions{Width: 44, Top: 5}) }},
		{"compact.txt", func(w io.Writer) error { return report.Text(w, oneHour, report.TextOptions{Width: 80, Compact: true}) }},
		{"color.txt", func(w io.Writer) error {
			return report.Text(w, oneHour, report.TextOptions{Width: 80, Compact: true, Color: true, Top: 1})
		}},
		{"hostile.txt", func(w io.Writer) error { return report.Text(w, world(hostile), report.TextOptions{Width: 100}) }},
		{"hostile.md", func(w io.Writer) error { return report.Markdown(w, world(hostile), 0) }},
		{"empty.txt", func(w io.Writer) error { return report.Text(w, empty(), report.TextOptions{Width: 80}) }},
		{"empty.md", func(w io.Writer) error { return report.Markdown(w, empty(), 0) }},
		{"page.html", func(w io.Writer) error {
			var b bytes.Buffer
			err := report.HTML(&b, pageWorld(nil), report.HTMLOptions{Top: 3, Version: "1.2.3", Command: "burn analyze --since 2026-09 --html report.html"})
			_, err2 := w.Write(library.ReplaceAll(b.Bytes(), []byte("${1}(the library)<")))
			return errors.Join(err, err2)
		}},
		{"empty.html", func(w io.Writer) error { return report.HTML(w, empty(), report.HTMLOptions{Version: "1.2.3"}) }},
		{"comparison.txt", func(w io.Writer) error { return report.Comparison(w, small(), after(), 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", c.name)
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("differs from %s; go test ./report -update and read the difference. Now:\n%s", file, b.String())
			}
		})
	}
}

// TestTerminalGetsNoControls: whatever names hold, only line ends and, where asked
// for, burn's own colours reach the terminal, in lines of the width allowed.
func TestTerminalGetsNoControls(t *testing.T) {
	ours := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, color := range []bool{false, true} {
		var b bytes.Buffer
		r := world(hostile)
		r.Quality.PriceTableDate = hostile[6]
		if err := report.Text(&b, r, report.TextOptions{Width: 100, Color: color, Report: hostile[6]}); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if color {
			text = ours.ReplaceAllString(text, "")
		}
		for i, c := range text {
			if c != '\n' && (unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)) {
				t.Fatalf("color %v: control %U after %q", color, c, text[max(0, i-40):i])
			}
		}
		if !utf8.ValidString(text) || !strings.Contains(text, `\x1b]52`) {
			t.Errorf("color %v: invalid text, or the attack is not shown", color)
		}
	}
}

// TestNarrowTablesKeepMoney: columns go one by one, whole, and money never.
func TestNarrowTablesKeepMoney(t *testing.T) {
	r := world([]string{"an-agent-with-a-name-that-is-longer-than-any-column-should-be-and-then-some", "b"})
	var heads []string
	for width := 140; width >= 40; width-- {
		var b bytes.Buffer
		if err := report.Text(&b, r, report.TextOptions{Width: width, Compact: true}); err != nil {
			t.Fatal(err)
		}
		lines := fromAgents(b.String())
		head := strings.Join(strings.Fields(lines[0]), " ")
		if len(heads) == 0 || heads[len(heads)-1] != head {
			heads = append(heads, head)
		}
		for _, a := range r.ByAgent {
			if !regexp.MustCompile(" " + regexp.QuoteMeta(report.Money(a.Cost)) + "[ \n]").MatchString(b.String()) {
				t.Errorf("width %d: %s is cut:\n%s", width, report.Money(a.Cost), b.String())
			}
		}
		for _, line := range lines[:4] {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("width %d: line of %d: %q", width, n, line)
			}
		}
	}
	want := []string{
		"Agent Cost est. vs prev. Share Requests $/1k req In : out p95",
		"Agent Cost est. vs prev. Share Requests $/1k req In : out",
		"Agent Cost est. vs prev. Share Requests $/1k req",
		"Agent Cost est. vs prev. Share Requests",
		"Agent Cost est. vs prev. Share",
		"Agent Cost est. vs prev.",
		"Agent Cost est.",
	}
	if strings.Join(heads, "\n") != strings.Join(want, "\n") {
		t.Errorf("columns give way as\n%s\nwant\n%s", strings.Join(heads, "\n"), strings.Join(want, "\n"))
	}
}

// TestTablesFit: no line of a table is wider than a terminal of 80 columns, whatever
// names there are.
func TestTablesFit(t *testing.T) {
	r := pageWorld([]string{"an-agent-with-a-name-that-is-longer-than-any-column-should-be-and-then-some", "b"})
	var b bytes.Buffer
	if err := report.Text(&b, r, report.TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	saving := usd("0.257675")
	e := &analyze.Explanation{Period: r.Period, Finding: r.Findings[0], Columns: [2]string{"input_tokens", "output_tokens"}, SQL: "SELECT 1", Calls: []analyze.ChargedCall{
		{Boot: "46b73e79f0c37c00", Seq: 132, At: r.Period.Since, Agent: r.ByAgent[0].Key, Model: "claude-opus-4-5-20251101", InputTokens: 54_196, OutputTokens: 5, Cost: usd("0.271105"), Saving: saving}}}
	if err := report.Explanation(&b, e, report.TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("line of %d columns: %s", n, line)
		}
	}
	for _, want := range []string{"Dearest user actions", " 46b73e79f0c37c00/132  2026-09-01 00:00:00 ", "  0.271105        0.257675\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

// TestOneOtherIsNamed: a sum of one row would take the room of the row.
func TestOneOtherIsNamed(t *testing.T) {
	r := world(nil)
	var b bytes.Buffer
	if err := report.Text(&b, r, report.TextOptions{Compact: true, Top: len(r.ByAgent) - 1}); err != nil {
		t.Fatal(err)
	}
	last := r.ByAgent[len(r.ByAgent)-1]
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, " "+last.Key) && strings.Contains(line, report.Millis(last.P95)) && strings.Contains(line, " new ") {
			return
		}
	}
	t.Errorf("no whole row of %s in\n%s", last.Key, &b)
}

// fromAgents are the lines of a text from the head of the agents' table on.
func fromAgents(text string) []string {
	lines := strings.Split(text, "\n")
	return lines[slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, " Agent ") }):]
}

// TestLongNamesGiveWayToColumns: where there is room for every column beside
// names of 20 columns none goes, a name fills what is left and is cut in its
// middle, and no line is wider than the terminal.
func TestLongNamesGiveWayToColumns(t *testing.T) {
	const prefix = "platform-europe-west-production-"
	bell := "\a" + strings.Repeat("世界", 30) + "e\u0301\u202e"
	names := []string{prefix + "reader", prefix + "writer", bell}
	const all = "Agent Cost est. vs prev. Share Requests $/1k req In : out p95"
	last, width := 0, 160
	for ; width > 40; width-- {
		var b bytes.Buffer
		if err := report.Text(&b, world(names), report.TextOptions{Width: width, Compact: true}); err != nil {
			t.Fatal(err)
		}
		lines := fromAgents(b.String())
		table := lines[:slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, " Total") })]
		if head := strings.Join(strings.Fields(table[0]), " "); head != all {
			break
		}
		for _, line := range table {
			if n := twwidth.Width(line); n > width {
				t.Errorf("width %d: line of %d: %q", width, n, line)
			}
		}
		var shown []string
		for _, line := range table[1:] {
			shown = append(shown, strings.Fields(line)[0])
		}
		for _, end := range []string{"reader", "writer"} {
			i := slices.IndexFunc(shown, func(s string) bool { return strings.HasPrefix(s, "platform") && strings.HasSuffix(s, end) })
			if i < 0 {
				t.Fatalf("width %d: no name ends with %s: %q", width, end, shown)
			}
			n := utf8.RuneCountInString(shown[i])
			if n < 20 || last > 0 && n > last {
				t.Errorf("width %d: a name of %d columns after one of %d", width, n, last)
			}
			if end == "writer" {
				last = n
			}
		}
		if !slices.ContainsFunc(shown, func(s string) bool { return strings.HasPrefix(s, `\a`) || strings.HasPrefix(s, `\x07`) }) {
			t.Errorf("width %d: the hostile name is not shown: %q", width, shown)
		}
	}
	if last != 20 {
		t.Errorf("at width %d a column goes while names have %d columns, want 20", width, last)
	}
}

func TestCSVIsOneSafeTable(t *testing.T) {
	var b bytes.Buffer
	if err := report.CSV(&b, world(append(hostile, "\rCR", "a,\"b\"\nc"))); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll() // fails if rows differ in length
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		seen[row[0]] = true
		for _, cell := range row {
			if _, err := analyze.ParseUSD(cell); err != nil && cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	for _, table := range []string{"period", "totals", "previous", "by_agent", "by_user", "by_model", "by_endpoint", "by_session", "by_day", "by_hour",
		"by_time", "by_weekday_hour", "waste", "traces", "trace_calls", "unpriced", "quality", "rejected"} {
		if !seen[table] {
			t.Errorf("no row of table %s", table)
		}
	}
}

func TestFigures(t *testing.T) {
	ms := func(f float64) *float64 { return &f }
	for _, c := range []struct{ got, want string }{
		{report.Money(usd("2300.295")), "$2,300.30"}, {report.Money(usd("2300.294999999999")), "$2,300.29"},
		{report.Money(usd("0")), "$0.00"}, {report.Money(usd("0.004999")), "<$0.01"}, {report.Money(usd("0.005")), "$0.01"},
		{report.Money(usd("-12345.678")), "-$12,345.68"}, {report.Money(analyze.USD{}), "not priced"}, {report.Money(usd("999.995")), "$1,000.00"},
		{report.Cents(usd("0.01155")), "$0.0116"}, {report.Cents(usd("0.00001")), "<$0.0001"},
		{report.Count(143000), "143,000"}, {report.Count(-1234), "-1,234"}, {report.Count(7), "7"},
		{report.Tokens(910_000_000), "910 M"}, {report.Tokens(999), "999"}, {report.Tokens(999_999), "1.00 M"}, {report.Tokens(31_400_000), "31.4 M"}, {report.Tokens(1_234), "1.23 k"},
		{report.Share(usd("1"), usd("3")), "33 %"}, {report.Share(usd("1"), usd("1000")), "<1 %"}, {report.Share(usd("1"), usd("0")), "-"}, {report.Share(usd("0"), usd("1")), "0 %"},
		{report.Change(usd("124"), usd("100")), "+24 %"}, {report.Change(usd("95"), usd("100")), "-5 %"}, {report.Change(usd("1"), analyze.USD{}), "new"},
		{report.Change(analyze.USD{}, usd("1")), "gone"}, {report.Change(usd("1"), usd("1")), "±0 %"}, {report.Change(usd("1000"), usd("1")), "×1,000"}, {report.Change(usd("0"), usd("0")), "-"},
		{report.Ratio(37, 1), "37 : 1"}, {report.Ratio(42, 10), "4.2 : 1"}, {report.Ratio(5, 0), "-"},
		{report.Millis(ms(840.4)), "840 ms"}, {report.Millis(ms(7912)), "7.9 s"}, {report.Millis(nil), "-"}, {report.Millis(ms(999.6)), "1.0 s"},
		{report.Millis(ms(119_400)), "119.4 s"}, {report.Millis(ms(725_000)), "12 min 5 s"}, {report.Millis(ms(39_259_200)), "10 h 54 min"}, {report.Millis(ms(273_600_000)), "3 d 4 h"},
		{report.Clean("a\x1b[2Jb\r\n\u202e\x00\xff\u0085"), `a\x1b[2Jb\x0d\x0a\u202e\x00\xff\x85`}, {report.Clean("ok é 漢 \uFFFD"), "ok é 漢 \uFFFD"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestPeriodsForPeople(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(y int, m time.Month, d, h, mi, s int) time.Time { return time.Date(y, m, d, h, mi, s, 0, berlin) }
	for _, c := range []struct {
		since, until time.Time
		want         string
	}{
		{day(2026, 10, 24, 0, 0, 0), day(2026, 11, 23, 0, 0, 0), "24 Oct – 22 Nov 2026 (30 days, Europe/Berlin)"},
		{day(2026, 10, 24, 9, 0, 0), day(2026, 11, 23, 9, 0, 0), "24 Oct 09:00 – 23 Nov 09:00 2026 (30 days, Europe/Berlin)"},
		{day(2026, 10, 25, 0, 0, 0), day(2026, 10, 26, 0, 0, 0), "25 Oct 2026 (1 day, Europe/Berlin)"},
		{day(2025, 12, 29, 0, 0, 0), day(2026, 1, 5, 0, 0, 0), "29 Dec 2025 – 4 Jan 2026 (7 days, Europe/Berlin)"},
		{day(2026, 11, 23, 8, 0, 0), day(2026, 11, 23, 9, 30, 0), "23 Nov 2026 08:00 – 09:30 (90 minutes, Europe/Berlin)"},
		{day(2026, 11, 23, 8, 0, 5), day(2026, 11, 23, 9, 0, 5), "23 Nov 2026 08:00:05 – 09:00:05 (1 hour, Europe/Berlin)"},
		{day(2026, 11, 22, 20, 0, 0), day(2026, 11, 24, 8, 0, 0), "22 Nov 20:00 – 24 Nov 08:00 2026 (36 hours, Europe/Berlin)"},
	} {
		r := &analyze.Result{Period: analyze.Span{Between: analyze.Between{Since: c.since, Until: c.until}, TZ: "Europe/Berlin"}}
		if got := report.PeriodLine(r); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSentences(t *testing.T) {
	r := world(nil)
	r.Totals.Cost, r.Totals.Requests, r.Quality.UnpricedRequests, r.Previous, r.Totals.Estimated = usd("2300.30"), 143_000, 0, nil, usd("0")
	avoidable := world(nil)
	avoidable.Totals.Cost, avoidable.Totals.Requests, avoidable.Quality.UnpricedRequests, avoidable.Previous, avoidable.Totals.Estimated = usd("2300"), 143_000, 0, nil, usd("23")
	avoidable.Totals.Avoidable.Certain, avoidable.Totals.Avoidable.Likely = usd("380"), usd("1000")
	unpriced := world(nil)
	unpriced.Totals.Cost, unpriced.Totals.Requests = analyze.USD{}, 3
	guessed := world(nil)
	guessed.Totals.Cost, guessed.Totals.Estimated, guessed.Totals.Requests, guessed.Quality.UnpricedRequests = usd("1"), usd("1"), 3, 0
	never := empty()
	never.LastCall = time.Time{}
	for _, c := range []struct {
		r    *analyze.Result
		want string
	}{
		{r, "You spent $2,300.30 in 30 days (143,000 calls)."},
		{avoidable, "You spent $2,300.00 (1.0 % est.) in 30 days (143,000 calls). About $1,380.00 of it (60 %) looks avoidable."},
		{guessed, "You spent $1.00 (-100 %, est.) in 30 days (3 calls)."},
		{unpriced, "3 calls in 30 days, and none of them has a price: see what is not priced below."},
		{never, "Nothing recorded in 1 Sep – 30 Sep 2026. No call was ever recorded here. Run `burn doctor`."},
	} {
		if got := report.Sentence(c.r); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestColor(t *testing.T) {
	for _, c := range []struct {
		env      string
		terminal bool
		want     bool
	}{
		{"", true, true}, {"", false, false}, {"NO_COLOR=1", true, false}, {"TERM=dumb", true, false},
		{"CLICOLOR_FORCE=1", false, true}, {"CLICOLOR_FORCE=0", false, false}, {"NO_COLOR=1 CLICOLOR_FORCE=1", true, false},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(pair, "=")
			env[k] = v
		}
		if got := report.UseColor(func(k string) string { return env[k] }, c.terminal); got != c.want {
			t.Errorf("%q on a terminal %v: %v, want %v", c.env, c.terminal, got, c.want)
		}
	}
}

func TestWriteFileIsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	put := func(text string, fail error) error {
		return report.WriteFile(file, func(w io.Writer) error {
			io.WriteString(w, text)
			return fail
		})
	}
	if err := put("old", nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := put("half", broken); !errors.Is(err, broken) {
		t.Errorf("error %v, want the writer's", err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "old" {
		t.Errorf("after a failed write: %q, %v; want the old report", got, err)
	}
	if err := put("new", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "new" {
		t.Errorf("%q, %v; want the new report", got, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("directory holds %v, %v; want the report alone", left, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	for path, want := range map[string]string{filepath.Join(dir, "none", "x"): ": no such file or directory", dir: ": is a directory"} {
		if err := report.WriteFile(path, func(io.Writer) error { return nil }); err == nil || err.Error() != "write "+path+want {
			t.Errorf("error %v, want that %s%s", err, path, want)
		}
	}
}

// TestWritersReportErrors: a closed or full output is an error, never silence.
func TestWritersReportErrors(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full: %v", err)
	}
	defer full.Close()
	for name, write := range map[string]func(io.Writer) error{
		"json":     func(w io.Writer) error { return report.JSON(w, small()) },
		"csv":      func(w io.Writer) error { return report.CSV(w, small()) },
		"markdown": func(w io.Writer) error { return report.Markdown(w, small(), 0) },
		"text":     func(w io.Writer) error { return report.Text(w, small(), report.TextOptions{}) },
		"html":     func(w io.Writer) error { return report.HTML(w, small(), report.HTMLOptions{}) },
		"compare":  func(w io.Writer) error { return report.Comparison(w, small(), after(), 0) },
	} {
		if write(full) == nil {
			t.Errorf("%s: no error from a full disk", name)
		}
	}
}

// TestJSONIsWhatEncodingJSONMakes: written in pieces, the same bytes.
func TestJSONIsWhatEncodingJSONMakes(t *testing.T) {
	for name, r := range map[string]*analyze.Result{"full": world(hostile), "empty": empty(), "zero": {}} {
		var got bytes.Buffer
		if err := report.JSON(&got, r); err != nil {
			t.Fatal(err)
		}
		want, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want)+"\n" {
			t.Errorf("%s: differs from encoding/json", name)
		}
	}
}

// TestFixesAreWholeOnANarrowTerminal: a sentence that says what to do is of no use
// with its end cut off.
func TestFixesAreWholeOnANarrowTerminal(t *testing.T) {
	r := pageWorld(nil)
	r.Findings[0].Fix = "keep a high-water mark; send only what is new since the last run"
	for _, width := range []int{40, 60, 80} {
		var b bytes.Buffer
		if err := report.Text(&b, r, report.TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		_, list, _ := strings.Cut(b.String(), "What to fix first")
		list, _, _ = strings.Cut(list, "\n\n")
		words := strings.Join(strings.Fields(list), " ")
		if strings.Contains(list, "…") || !strings.Contains(words, "Do: "+r.Findings[0].Fix) {
			t.Errorf("at %d columns:\n%s", width, list)
		}
		for line := range strings.Lines(list) {
			if w := twwidth.Width(strings.TrimRight(line, "\n")); w > width {
				t.Errorf("%d columns at %d: %q", w, width, line)
			}
		}
	}
}
