package price

import "testing"

func TestBuiltinTableReads(t *testing.T) {
	table := Builtin()
	if got, want := len(table.Rows()), 621; got != want {
		t.Errorf("rows: got %d, want %d", got, want)
	}
	if got, want := table.Date(), "2026-08-21"; got != want {
		t.Errorf("date: got %s, want %s", got, want)
	}
}
