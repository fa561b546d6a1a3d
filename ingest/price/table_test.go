package price

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestBuiltinTable holds the project's own table to more than overrides are.
func TestBuiltinTable(t *testing.T) {
	data, err := os.ReadFile("prices.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, date, err := parse(strings.NewReader(string(data)), "prices.csv")
	if err != nil {
		t.Fatalf("the table has errors:\n%v", err)
	}
	if !regexp.MustCompile(`^20\d\d-\d\d-\d\d$`).MatchString(date) {
		t.Errorf("date is %q", date)
	}
	if len(rows) < 600 {
		t.Errorf("only %d rows", len(rows))
	}
	tables := make(map[string]bool)
	for _, p := range providers {
		tables[p.table] = true
	}
	sourceDate := regexp.MustCompile(`@(20\d\d-\d\d-\d\d)`)
	for _, r := range rows {
		name := r.Provider + "/" + r.Model + " " + r.From
		if !tables[r.Provider] {
			t.Errorf("%s: provider is not in the table of names", name)
		}
		if len(r.patterns) == 0 || r.Mode == "" || r.Source == "" || r.Confidence == "" {
			t.Errorf("%s: match, mode, source or confidence is empty", name)
		}
		if r.slow&^(1<<minuteCol) != 0 {
			t.Errorf("%s: a figure has more decimals than any list price", name)
		}
		if m := sourceDate.FindStringSubmatch(r.Source); m != nil && m[1] > date {
			t.Errorf("%s: source of %s is newer than the table's date", name, m[1])
		}
		checkLong(t, name, &r)
	}
}

// checkLong requires a long price for every base price it would replace.
func checkLong(t *testing.T, name string, r *Row) {
	t.Helper()
	if n, _ := r.LongThreshold(); n == 0 {
		return
	}
	base := []column{inputCol, cacheReadCol, write5mCol, write1hCol, outputCol}
	long := []column{longInputCol, longReadCol, longWrite5mCol, longWrite1hCol, longOutputCol}
	for i := range base {
		if r.set(base[i]) != r.set(long[i]) {
			t.Errorf("%s: only one of %s and %s", name, base[i], long[i])
		}
	}
}

func TestLoadErrors(t *testing.T) {
	const header = "provider,model,match,effective_from,effective_to,input_per_mtok,output_per_mtok,audio_cache_read_per_mtok,long_threshold,long_op,long_input_per_mtok,batch_multiplier,confidence,mode\n"
	for _, c := range []struct {
		name, csv string
		want      []string
	}{
		{"empty file", "", []string{"p.csv:1: no header line"}},
		{"unknown and doubled column", "provider,model,inputs,model\n", []string{
			"p.csv:1: inputs: unknown column", "p.csv:1: model: column is there twice"}},
		{"missing columns", "input_per_mtok\n1\n", []string{
			"p.csv:1: provider: column is missing", "p.csv:1: model: column is missing"}},
		{"cells", header + "p,m,=m,,,1\n", []string{"p.csv:2: 6 cells, the header has 14"}},
		{"quote", header + "p,m\"x,=m,,,1,2,,,,,,,\n", []string{`p.csv:2: byte 4: bare " in non-quoted-field`}},
		{"negative", header + "p,m,=m,,,-1,2,,,,,,,\n", []string{"p.csv:2: input_per_mtok: -1 is negative"}},
		{"not a number", header + "p,m,=m,,,1$,2,,,,,,,\n", []string{`p.csv:2: input_per_mtok: "1$" is not a decimal number`}},
		{"absurd price", header + "p,m,=m,,,1000001,2,,,,,,,\n", []string{"p.csv:2: input_per_mtok: 1000001 is above 1000000"}},
		{"multiplier zero", header + "p,m,=m,,,1,2,,,,,0,,\n", []string{
			"p.csv:2: batch_multiplier: a multiplier of 0 would make every call free; leave the cell empty for none"}},
		{"multiplier absurd", header + "p,m,=m,,,1,2,,,,,101,,\n", []string{"p.csv:2: batch_multiplier: 101 is above 100"}},
		{"dates", header + "p,m,=m,2026-02-30,1.3.2026,1,2,,,,,,,\n", []string{
			`p.csv:2: effective_from: "2026-02-30" is not a day such as 2026-08-21`,
			`p.csv:2: effective_to: "1.3.2026" is not a day such as 2026-08-21`}},
		{"period backwards", header + "p,m,=m,2026-02-02,2026-02-02,1,2,,,,,,,\n", []string{
			"p.csv:2: effective_to: 2026-02-02 is not after effective_from 2026-02-02"}},
		{"several lines at once", header + ",m,=m,,,1,2,,,,,,,\n\np,,=m,,,1,2,,,,,,D,poetry\n", []string{
			"p.csv:2: provider: is empty", "p.csv:4: model: is empty",
			`p.csv:4: confidence: "D" is none of A, B, C`,
			`p.csv:4: mode: unknown mode "poetry", known are chat, embedding, image, moderation, realtime, rerank, speech, transcription`}},
		{"line after a quoted line break", header + "\"p\",m,=m,,,1,2,,,,,,,\"\n\"\np,n,=n,,,x,2,,,,,,,\n", []string{
			`p.csv:4: input_per_mtok: "x" is not a decimal number`}},
		{"patterns", header + "p,m,m,,,1,2,,,,,,,\np,n,=n*,,,1,2,,,,,,,\np,o,a*b,,,1,2,,,,,,,\np,q,**,,,1,2,,,,,,,\np,r,=r =r,,,1,2,,,,,,,\n", []string{
			`p.csv:2: match: "m" needs a = in front for an exact id, or a * for a part`,
			`p.csv:3: match: "=n*" has a * that is neither first nor last`,
			`p.csv:4: match: "a*b" has a * that is neither first nor last`,
			`p.csv:5: match: "**" names no id`,
			`p.csv:6: match: =r is there twice`}},
		{"no price", header + "p,m,=m,,,,,,,,,,,\n", []string{"p.csv:2: input_per_mtok: the row has no price (write 0 for a free model)"}},
		{"long price without threshold", header + "p,m,=m,,,1,2,,,,3,,,\n", []string{"p.csv:2: long_threshold: long prices without a threshold"}},
		{"threshold without long price", header + "p,m,=m,,,1,2,,200000,gt,,,,\n", []string{"p.csv:2: long_threshold: a threshold without long prices"}},
		{"threshold without comparison", header + "p,m,=m,,,1,2,,200000,,3,,,\n", []string{"p.csv:2: long_op: long_op and long_threshold need each other"}},
		{"bad threshold and comparison", header + "p,m,=m,,,1,2,,0.5,>,3,,,\n", []string{
			`p.csv:2: long_threshold: "0.5" is not a number of tokens`, `p.csv:2: long_op: ">" is neither gt nor ge`}},
		{"audio cache without audio", header + "p,m,=m,,,1,2,0.5,,,,,,\n", []string{"p.csv:2: audio_cache_read_per_mtok: needs audio_input_per_mtok"}},
		{"periods overlap", header + "p,m,=m,,2026-02-02,1,2,,,,,,,\np,m,=m,2026-02-01,,1,2,,,,,,,\n", []string{
			"p.csv:3: effective_from: period overlaps that of line 2 for the same model"}},
		{"same id in two rows", header + "p,m,=x y*,,2026-02-02,1,2,,,,,,,\np,n,=x y*,2026-02-01,,1,2,,,,,,,\n", []string{
			"p.csv:3: match: =x is also in line 2 for the same time", "p.csv:3: match: y* is also in line 2 for the same time"}},
		{"same provider under two names", header + "google,m,=m,,,1,2,,,,,,,\ngcp.gemini,m,=m,,,1,2,,,,,,,\n", []string{
			"p.csv:3: effective_from: period overlaps that of line 2 for the same model"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := Load(strings.NewReader(c.csv), "p.csv")
			if err == nil {
				t.Fatalf("read %d rows without an error", len(rows))
			}
			if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", err, strings.Join(c.want, "\n"))
			}
			if rows != nil {
				t.Errorf("got %d rows beside the error", len(rows))
			}
		})
	}
}

func TestLoadAccepts(t *testing.T) {
	const header = "provider,model,match,effective_from,effective_to,input_per_mtok\n"
	for name, csv := range map[string]string{
		"byte order mark":            "\ufeff" + header + "p,m,=m,,,1\n",
		"CRLF":                       strings.ReplaceAll(header+"p,m,=m,,,1\n", "\n", "\r\n"),
		"comment, spaces, no end":    "# mine\n" + header + "p, m ,=m,,, 1",
		"same id at different times": header + "p,m,=m,,2026-01-01,1\np,n,=m,2026-01-01,,2\n",
		"same id, other provider":    header + "p,m,=m,,,1\nq,m,=m,,,2\n",
		"every id":                   header + "p,m,*,,,1\n",
	} {
		if rows, err := Load(strings.NewReader(csv), "p.csv"); err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}

func TestLoadStopsAtAHundredErrors(t *testing.T) {
	_, err := Load(strings.NewReader("provider,model,input_per_mtok\n"+strings.Repeat("p,m,x\n", 1000)), "p.csv")
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxErrors+1 || lines[maxErrors] != "p.csv:102: more errors follow" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestLoadReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, err := Load(failingReader{broken}, "p.csv"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzLoad reads anything; what is accepted must work as a table.
func FuzzLoad(f *testing.F) {
	f.Add("provider,model,match,input_per_mtok\np,m,=m,1\n", "m")
	f.Add("provider,model,match,input_per_mtok,effective_from\np,m,*m* x*,1e-9,2026-01-01\n", "models/x-2024-01-01")
	f.Add("# date: x\nprovider,model,input_per_mtok,mode\n\"gemini\",m,,moderation", "m")
	f.Fuzz(func(t *testing.T, csv, model string) {
		rows, err := Load(strings.NewReader(csv), "p.csv")
		if (err == nil) != (rows != nil) && err != nil {
			t.Fatalf("%d rows and %v", len(rows), err)
		}
		base := newTable("", nil, nil)
		table := base.With(rows)
		if len(rows) > 0 && table.Hash() == base.Hash() {
			t.Fatal("rows were added and the hash is the same")
		}
		for i := range rows {
			if got := len(table.byProvider[rows[i].Provider]); got == 0 {
				t.Fatalf("no row of %s", rows[i].Provider)
			}
			table.lookup(rows[i].Provider).dated(table, model).at(rows[i].from)
		}
	})
}
