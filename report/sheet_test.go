package report

import (
	"errors"
	"strings"
	"testing"
)

func TestSheet(t *testing.T) {
	s := Sheet{
		Above: []string{"above \x1b[31m"},
		Heads: []string{"Name", "Price"}, Right: []string{"Price"},
		Rows:  [][]string{{"a|b\x1b", "1.5"}, {"longer name", "12"}},
		Below: []string{"below"},
	}
	var b strings.Builder
	if err := s.Text(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	want := "above \\x1b[31m\n\n Name         Price\n a|b\\x1b        1.5\n longer name     12\n\nbelow\n"
	if b.String() != want {
		t.Errorf("text\n%q\nwant\n%q", b.String(), want)
	}
	b.Reset()
	if err := s.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	want = "above \\\\x1b\\[31m\n\n\n| Name | Price |\n| --- | ---: |\n| a\\|b\\\\x1b | 1.5 |\n| longer name | 12 |\n\nbelow\n"
	if b.String() != want {
		t.Errorf("markdown\n%q\nwant\n%q", b.String(), want)
	}
}

type fullDisk struct{ err error }

func (w fullDisk) Write([]byte) (int, error) { return 0, w.err }

func TestSheetErrors(t *testing.T) {
	full := errors.New("no space")
	for name, err := range map[string]error{
		"text":     Sheet{Above: []string{"x"}}.Text(fullDisk{full}, TextOptions{}),
		"markdown": Sheet{Heads: []string{"x"}}.Markdown(fullDisk{full}),
		"object":   Object(fullDisk{full}, 1),
	} {
		if !errors.Is(err, full) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
