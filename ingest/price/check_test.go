package price

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	const header = "provider,model,match,effective_from,effective_to,input_per_mtok,output_per_mtok\n"
	base, err := Load(strings.NewReader(header+
		"openai,alpha,=alpha alpha-mini*,,,2,10\n"+
		"openai,beta,=beta,,2026-06-01,4,8\n"+
		"openai,beta,=beta,2026-06-01,,2,4\n"+
		"google,gem,=gem,,,1,3\n"), "base.csv")
	if err != nil {
		t.Fatal(err)
	}
	builtin := newTable("2026-08-21", pointers(base), nil)
	now := time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, row string
		want      []string
	}{
		{"new model", "openai,gamma,,,,1,2", nil},
		{"same period", "openai,alpha,,,,3,10", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): input_per_mtok 2 → 3"}},
		{"same prices", "openai,alpha,,,,2,10", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): the same prices"}},
		{"one id of a row", "openai,mine,=alpha,,,1,10", []string{
			"2: : wins over the built-in row alpha (alpha): input_per_mtok 2 → 1"}},
		{"open over dated rows", "openai,beta,,,,2,4", []string{
			"2: : wins over the built-in row beta (beta): input_per_mtok 4 → 2, output_per_mtok 8 → 4",
			"2: : wins over the built-in row beta from 2026-06-01 (beta): the same prices"}},
		{"price taken away", "openai,alpha,,,,2,", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): output_per_mtok 10 → none"}},
		{"over", "openai,gamma,,,2026-08-21,1,2", []string{
			"2: effective_to: the period ended on 2026-08-21: the row prices older calls only"}},
		{"to come", "openai,gamma,,2026-08-22,,1,2", []string{
			"2: effective_from: the period begins on 2026-08-22: the row prices no call until then"}},
		{"provider", "opanai,gamma,,,,1,2", []string{
			"2: provider: opanai is no provider burn knows: the row prices calls to an upstream configured under that name"}},
		{"too dear", "openai,alpha,,,,201,10", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): input_per_mtok 2 → 201",
			"2: input_per_mtok: 201 is more than 100 times the built-in 2: is it USD per million tokens?"}},
		{"just not too dear", "openai,alpha,,,,200,10", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): input_per_mtok 2 → 200"}},
		{"per token", "openai,alpha,,,,2,0.00001", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): output_per_mtok 10 → 0.00001",
			"2: output_per_mtok: 0.00001 is less than 1/100 of the built-in 10: is it USD per million tokens?"}},
		{"through a second table", "vertex,mine,gem*,,,1,5", []string{
			"2: : wins over the built-in row gem (gem): output_per_mtok 3 → 5"}},
		{"nothing left to match", "openai,alpha,,,,2,10\nopenai,mine,alpha-mini* =alpha,,,1,1", []string{
			"2: : replaces the built-in row alpha (alpha, alpha-mini): the same prices",
			"3: match: nothing can match this row: earlier rows of the file take every id it names"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, warnings, err := builtin.Check(strings.NewReader(header+c.row+"\n"), "mine.csv", now)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Count(c.row, "\n") + 1; rows != want {
				t.Errorf("%d rows, want %d", rows, want)
			}
			var got []string
			for _, w := range warnings {
				got = append(got, fmt.Sprintf("%d: %s: %s", w.Line, w.Column, w.Text))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestCheckErrors(t *testing.T) {
	_, _, err := Builtin().Check(strings.NewReader("provider,model,input_per_mtok\nopenai,a,x\nopenai,b,-1\n"), "mine.csv", time.Now())
	want := "mine.csv:2: input_per_mtok: \"x\" is not a decimal number\nmine.csv:3: input_per_mtok: -1 is negative"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestCheckOfEverything holds the comparison to a bound that a file as large as
// the table needs: its own rows change nothing.
func TestCheckOfEverything(t *testing.T) {
	var b strings.Builder
	if err := WriteCSV(&b, Builtin().Rows()); err != nil {
		t.Fatal(err)
	}
	rows, warnings, err := Builtin().Check(strings.NewReader(b.String()), "copy.csv", time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC))
	if err != nil || rows != len(Builtin().Rows()) {
		t.Fatalf("%d rows, %v", rows, err)
	}
	for _, w := range warnings {
		if w.Column == "" && !strings.HasSuffix(w.Text, "the same prices") {
			t.Errorf("line %d: %s", w.Line, w.Text)
		}
		if w.Column != "" && w.Column != "effective_to" && w.Column != "effective_from" {
			t.Errorf("line %d: %s: %s", w.Line, w.Column, w.Text)
		}
	}
}
