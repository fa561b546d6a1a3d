package price

import (
	"encoding/csv"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWriteCSV writes the built-in table and reads the same one again.
func TestWriteCSV(t *testing.T) {
	var b strings.Builder
	if err := WriteCSV(&b, Builtin().Rows()); err != nil {
		t.Fatal(err)
	}
	rows, err := Load(strings.NewReader(b.String()), "copy.csv")
	if err != nil {
		t.Fatal(err)
	}
	again := newTable("", pointers(rows), nil)
	if again.Hash() != Builtin().Hash() {
		t.Error("the copy's facts differ from the table's")
	}
	for i, row := range again.Rows() {
		if o := Builtin().Rows()[i]; row.Note != o.Note || row.Source != o.Source || row.Confidence != o.Confidence {
			t.Errorf("%s: note, source or confidence differ", row.Model)
		}
	}
}

func TestHeaderIsTheTables(t *testing.T) {
	f, err := os.Open("prices.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	got, err := r.Read()
	if err != nil || !slices.Equal(got, header) {
		t.Errorf("header of the table %q, %v", got, err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteCSVError(t *testing.T) {
	full := errors.New("no space")
	if err := WriteCSV(failingWriter{full}, Builtin().Rows()); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestInForce(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		name      string
		providers []string
		models    []string
		at        string
		want      []string // provider/model input
	}{
		{"glob", []string{"openai"}, []string{"gpt-5.6-lun?"}, "2026-08-21", []string{"openai/gpt-5.6-luna 0.2"}},
		{"earlier", []string{"openai"}, []string{"gpt-5.6-luna*"}, "2026-07-29", []string{"openai/gpt-5.6-luna 1"}},
		{"an id", []string{"openai"}, []string{"gpt-4o-2024-11-20"}, "2026-08-21", []string{"openai/gpt-4o 2.5"}},
		{"OpenTelemetry's name", []string{"gcp.gemini"}, []string{"gemini-2.5-flash"}, "2026-08-21", []string{"google/gemini-2.5-flash 0.3"}},
		{"two providers", []string{"openai", "azure.ai.openai"}, []string{"gpt-4o-mini"}, "2026-08-21",
			[]string{"azure/gpt-4o-mini 0.15", "openai/gpt-4o-mini 0.15"}},
		{"none", []string{"nobody"}, nil, "2026-08-21", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, row := range Builtin().InForce(Selection{c.providers, c.models, day(c.at)}) {
				got = append(got, row.Provider+"/"+row.Model+" "+row.shown(inputCol))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
