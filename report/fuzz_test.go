package report_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"burn/analyze"
	"burn/report"
)

// unwrapped is a width at which no sentence is wrapped, however long its names.
const unwrapped = 100_000

// FuzzNames: whatever an agent, a model or a trace is called, no output gets more
// script, markup, columns, lines or controls than with plain names.
func FuzzNames(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r := world([]string{name, "plain"})
		r.ByModel[0].Key, r.Unpriced[0].Model, r.Waste[0].Agent = name, name, name
		r.Traces[0].ID, r.Traces[0].Calls[1].Step, r.Quality.Rejected[name] = name, name, 1
		plain := world([]string{"name", "plain"})
		plain.Traces[0].Calls[1].Step, plain.Quality.Rejected["name"] = "name", 1

		var page, text, md, table bytes.Buffer
		for _, err := range []error{
			report.HTML(&page, r, report.HTMLOptions{Command: name}),
			report.Text(&text, r, report.TextOptions{Width: unwrapped, Report: "x" + name}),
			report.Markdown(&md, r, 0),
			report.CSV(&table, r),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, want := strings.Count(page.String(), "<script"), 3; got != want {
			t.Errorf("page has %d scripts, want %d", got, want)
		}
		for _, s := range []string{page.String(), text.String(), md.String()} {
			noControls(t, s)
		}
		if got, want := strings.Count(text.String(), "\n"), lines(t, plain); got != want {
			t.Errorf("%d lines, want %d", got, want)
		}
		rows, err := csv.NewReader(&table).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if _, err := analyze.ParseUSD(cell); err == nil {
					continue // a figure; a name of digits is one to a spreadsheet too
				}
				if cell != "" && strings.ContainsRune("=+-@\t\r", []rune(cell)[0]) {
					t.Errorf("a spreadsheet takes %q for a formula", cell)
				}
			}
		}
	})
}

func noControls(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Error("invalid UTF-8")
	}
	for _, c := range s {
		if c != '\n' && (unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Fatalf("control %U", c)
		}
	}
}

func lines(t *testing.T, r *analyze.Result) int {
	t.Helper()
	var b bytes.Buffer
	if err := report.Text(&b, r, report.TextOptions{Width: unwrapped, Report: "x"}); err != nil {
		t.Fatal(err)
	}
	return strings.Count(b.String(), "\n")
}
