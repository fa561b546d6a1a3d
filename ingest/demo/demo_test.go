package demo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"burn/ingest/price"
	"burn/proxy/usage"
)

// months are both months, written and read once for all tests.
var months struct{ before, after monthLog }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "burn-demo-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for month, log := range map[Month]*monthLog{Before: &months.before, After: &months.after} {
		if *log, err = writeAndRead(filepath.Join(dir, month.String()), month); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// monthLog is what the tests keep of a month's files.
type monthLog struct {
	month Month
	rows  []row
	files []fileInfo
	hash  [sha256.Size]byte // over names and contents in order of number
}

type fileInfo struct {
	name        string
	start, stop usage.Record
	bytes       int
	longest     int
}

// row is what the tests need of a call.
type row struct {
	ts                                   int64
	seq                                  uint64
	latency, ttft                        float64
	agent, model, key, source            string
	session, trace, user                 string
	status                               int
	stream                               bool
	billed                               bool // complete, by usage the provider reported
	pico                                 int64
	input, output                        int64
	system, tools, history, recent, last int64
	toolCount                            int64
	fpSystem, fpInput, fpRequest         uint64
	turns, prefix                        []uint64
}

func (r *row) dollars() float64 { return float64(r.pico) / 1e12 }
func (r *row) hour() int        { return int(r.ts / msHour % hours) }
func (r *row) text() int64      { return r.system + r.tools + r.history + r.last }

func (m monthLog) agents() int {
	seen := map[string]bool{}
	for i := range m.rows {
		seen[m.rows[i].agent] = true
	}
	return len(seen)
}

func (m monthLog) byHour() (dollars [hours]float64) {
	for i := range m.rows {
		dollars[m.rows[i].hour()] += m.rows[i].dollars()
	}
	return dollars
}

func writeAndRead(dir string, month Month) (monthLog, error) {
	if err := Write(context.Background(), dir, month, nil); err != nil {
		return monthLog{}, err
	}
	log := monthLog{month: month}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return log, err
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(fileNumber(a), fileNumber(b)) })
	sum := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return log, err
		}
		fmt.Fprintln(sum, filepath.Base(name))
		sum.Write(data)
		if err := log.read(filepath.Base(name), data); err != nil {
			return log, err
		}
	}
	sum.Sum(log.hash[:0])
	return log, nil
}

func fileNumber(name string) (n int) {
	base := strings.TrimSuffix(filepath.Base(name), ".jsonl")
	fmt.Sscan(base[strings.LastIndexByte(base, '-')+1:], &n)
	return n
}

func (m *monthLog) read(name string, data []byte) error {
	info := fileInfo{name: name, bytes: len(data)}
	var d usage.Decoder
	var rec usage.Record
	n := 0
	for line := range bytes.Lines(data) {
		n++
		info.longest = max(info.longest, len(line))
		if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &rec); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		info.stop = usage.Record{} // counts only as the last line
		switch {
		case n == 1 && rec.Kind == usage.KindStart:
			info.start = rec
		case rec.Kind == usage.KindStop:
			info.stop = rec
		case rec.Kind == usage.KindCall:
			r, err := newRow(&rec)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", name, n, err)
			}
			m.rows = append(m.rows, r)
		default:
			return fmt.Errorf("%s:%d: unexpected kind %q", name, n, rec.Kind)
		}
	}
	m.files = append(m.files, info)
	return nil
}

// words keeps one copy of each of the few strings of rows.
var words = map[string]string{}

func word(s string) string {
	if w, ok := words[s]; ok {
		return w
	}
	s = strings.Clone(s)
	words[s] = s
	return s
}

func newRow(r *usage.Record) (row, error) {
	pico, err := cost(r)
	if err != nil {
		return row{}, err
	}
	return row{
		ts: r.TS, seq: r.Seq, latency: r.LatencyMS, ttft: r.TTFTMS,
		agent: word(r.Agent), model: word(r.ResponseModel), key: word(r.KeyID), source: word(r.UsageSource),
		session: word(r.Session), trace: strings.Clone(r.TraceID), user: word(r.User),
		status: r.Status, stream: r.Stream || r.RequestModel == opus45.asked && r.MaxTokens == reply.maxTokens,
		billed: r.End == usage.EndComplete && r.UsageSource == usage.SourceReported, pico: pico,
		input: r.Input, output: r.Output,
		system: r.SystemBytes, tools: r.ToolsBytes, history: r.HistoryBytes, recent: r.RecentBytes, last: r.InputBytes,
		toolCount: r.Tools, fpSystem: r.FPSystem, fpInput: r.FPInput, fpRequest: r.FPRequest,
		turns: slices.Clone(r.FPTurns), prefix: slices.Clone(r.FPPrefix),
	}, nil
}

// cost prices a call in 1e-12 USD by the price table, and by hand: a price that
// moves in the table would move the story.
func cost(r *usage.Record) (int64, error) {
	c := price.Builtin().Cost(r)
	if r.UsageSource == usage.SourceNone && c.Known() && c.Pico == 0 {
		return 0, nil
	}
	perToken := map[string][2]int64{ // 1e-12 USD for one token in and out
		opus41.served: {15_000_000, 75_000_000},
		opus45.served: {5_000_000, 25_000_000},
		gpt5.served:   {1_250_000, 10_000_000},
		o4mini.served: {1_100_000, 4_400_000},
	}
	p, ok := perToken[r.ResponseModel]
	if !ok || r.CacheRead != 0 || r.CacheWrite != 0 {
		return 0, fmt.Errorf("no price for %q", r.ResponseModel)
	}
	byHand := r.Input*p[0] + r.Output*p[1]
	if c.Basis != price.BasisComputed || c.Flags != 0 || c.Pico != byHand {
		return 0, fmt.Errorf("%s of %s by the table (%s, flags %b), %s by hand", price.FormatPico(c.Pico), r.ResponseModel, c.Basis, c.Flags, price.FormatPico(byHand))
	}
	return c.Pico, nil
}

func TestFilesAreWholeAndInOrder(t *testing.T) {
	for _, m := range []monthLog{months.before, months.after} {
		if len(m.files) != days {
			t.Fatalf("%s: %d files, want %d", m.month, len(m.files), days)
		}
		total := 0
		for i, f := range m.files {
			n := int64(i + 1)
			if f.start.File != n || f.start.Seq != uint64(n) {
				t.Errorf("%s: the start line of file %d is missing or misnumbered", m.month, n)
			}
			if stopped := f.stop.Kind == usage.KindStop; stopped != (n == days) {
				t.Errorf("%s: stop line at the end of file %d: %v", m.month, n, stopped)
			}
			want := fmt.Sprintf("burn-%s000Z-%016x-%d.jsonl",
				m.month.Since().AddDate(0, 0, i).Format("20060102T150405"), f.start.Boot, n)
			if f.name != want {
				t.Errorf("file name = %s, want %s", f.name, want)
			}
			if f.longest > usage.MaxLine {
				t.Errorf("%s: a line of %d bytes", f.name, f.longest)
			}
			total += f.bytes
		}
		for i := range m.rows {
			if m.rows[i].seq != uint64(i+1) {
				t.Fatalf("%s: seq %d at place %d", m.month, m.rows[i].seq, i+1)
			}
			if i > 0 && m.rows[i].ts < m.rows[i-1].ts {
				t.Fatalf("%s: seq %d is earlier than the one before", m.month, i+1)
			}
		}
		if last := m.files[days-1].stop.LastSeq; last != uint64(m.month.Calls()) || len(m.rows) != m.month.Calls() {
			t.Errorf("%s: last seq %d, %d calls, want %d", m.month, last, len(m.rows), m.month.Calls())
		}
		first, last := m.rows[0].ts, m.rows[len(m.rows)-1].ts
		if first < m.month.Since().UnixMilli() || last >= m.month.Until().UnixMilli() {
			t.Errorf("%s: calls from %d to %d lie outside the month", m.month, first, last)
		}
		if size := total / len(m.rows); size < 700 || size > 1_750 {
			t.Errorf("%s: %d bytes per record, want 700 … 1750", m.month, size)
		}
	}
}

// The bytes do not depend on how many days are made at once.
func TestSameBytesEveryTime(t *testing.T) {
	old := runtime.GOMAXPROCS(5)
	defer runtime.GOMAXPROCS(old)
	again, err := writeAndRead(t.TempDir(), After)
	if err != nil {
		t.Fatal(err)
	}
	if again.hash != months.after.hash {
		t.Error("a second run wrote other bytes")
	}
	if months.before.hash == months.after.hash {
		t.Error("both months have the same bytes")
	}
}

func TestWriteReplacesWhatItWrote(t *testing.T) {
	dir := t.TempDir()
	first, err := writeAndRead(dir, After)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, first.files[3].name), 100); err != nil {
		t.Fatal(err)
	}
	second, err := writeAndRead(dir, After)
	if err != nil {
		t.Fatal(err)
	}
	if second.hash != first.hash {
		t.Error("the second run did not restore the files of the first")
	}
}

func TestWriteReportsProgress(t *testing.T) {
	last, steps := 0, 0
	err := Write(context.Background(), t.TempDir(), After, func(done, total int) {
		steps++
		if done <= last || total != 81_000 {
			t.Errorf("progress(%d, %d) after %d", done, total, last)
		}
		last = done
	})
	if err != nil || last != 81_000 || steps != days {
		t.Errorf("err = %v, last = %d, steps = %d", err, last, steps)
	}
}

func TestWriteStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	err := Write(ctx, dir, Before, func(int, int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) == 0 || len(names) == days {
		t.Errorf("%d files, want some but not all", len(names))
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".jsonl") {
			t.Errorf("%s was left behind", filepath.Base(name))
		}
	}
}

func TestWriteSaysWhereItFailed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Write(context.Background(), file, Before, nil)
	if err == nil || !strings.Contains(err.Error(), "create log directory") {
		t.Errorf("err = %v, want one about the log directory", err)
	}
}

func TestMonths(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		month        Month
		name         string
		since, until time.Time
	}{
		{Before, "before", day(9, 1), day(10, 1)},
		{After, "after", day(10, 1), day(10, 31)},
	}
	for _, test := range tests {
		if m := test.month; m.String() != test.name || !m.Since().Equal(test.since) || !m.Until().Equal(test.until) {
			t.Errorf("%s: %v … %v, want %s: %v … %v", m, m.Since(), m.Until(), test.name, test.since, test.until)
		}
	}
}

func TestAgentsRegistersEveryAgent(t *testing.T) {
	lines, err := csv.NewReader(bytes.NewReader(Agents())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines[0], ","); got != "id,name,owner,purpose,budget_usd_month" {
		t.Errorf("columns = %s", got)
	}
	registered := map[string]bool{}
	for _, line := range lines[1:] {
		registered[line[0]] = true
		if slices.Contains(line, "") {
			t.Errorf("%s has an empty column", line[0])
		}
	}
	for _, p := range parts {
		if !registered[p.agent] {
			t.Errorf("%s is not registered", p.agent)
		}
	}
	if len(registered) != 7 {
		t.Errorf("%d agents, want 7", len(registered))
	}
}
