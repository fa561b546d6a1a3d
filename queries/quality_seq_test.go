//go:build cgo

package queries_test

import (
	"database/sql"
	"fmt"
	"testing"

	"burn/queries"
)

// Which numbers count as missing, of proxies that run, rest, were killed or
// stopped; and which files were copied too early to tell.
func TestMissingNumbers(t *testing.T) {
	type event struct {
		boot int
		kind string
		seq  int
		at   string // of 2026-11-23
		last int
	}
	start := event{1, "start", 1, "12:00:00", 0}
	tests := []struct {
		name          string
		events        []event
		seen          [][3]int // boot, lo, hi
		readAt        string
		missing, open int
	}{
		{"all there, stopped", []event{start, {1, "stop", 1, "12:01:00", 20}}, [][3]int{{1, 1, 20}}, "12:01:01", 0, 0},
		{"two gone, stopped", []event{start, {1, "stop", 1, "12:01:00", 20}}, [][3]int{{1, 1, 9}, {1, 12, 20}}, "12:01:01", 2, 0},
		{"the last ones gone, stopped", []event{start, {1, "stop", 1, "12:01:00", 20}}, [][3]int{{1, 1, 18}}, "12:01:01", 2, 0},
		{"running: in flight at the newest beat", []event{start, {1, "beat", 1, "12:00:10", 20}}, [][3]int{{1, 1, 15}}, "12:00:12", 0, 0},
		{"running: in flight below the newest number read", []event{start, {1, "beat", 1, "12:00:10", 20}}, [][3]int{{1, 1, 10}, {1, 13, 30}}, "12:00:15", 0, 0},
		{"running: gone at the beat before", []event{start, {1, "beat", 1, "12:00:10", 20}, {1, "beat", 2, "12:00:20", 40}}, [][3]int{{1, 1, 10}, {1, 13, 35}}, "12:00:21", 2, 0},
		{"running: long calls are open, not missing", []event{start, {1, "beat", 1, "12:00:10", 5}, {1, "open", 3, "12:00:08", 0}, {1, "beat", 2, "12:00:20", 9}}, [][3]int{{1, 1, 2}, {1, 4, 9}}, "12:00:21", 0, 1},
		{"an open call that ended", []event{start, {1, "open", 3, "12:00:08", 0}, {1, "stop", 1, "12:01:00", 3}}, [][3]int{{1, 1, 3}}, "12:02:00", 0, 0},
		{"killed and started again", []event{start, {1, "beat", 1, "12:00:10", 20}, {2, "start", 1, "12:00:15", 0}}, [][3]int{{1, 1, 17}, {1, 22, 25}}, "12:00:40", 4, 0},
		{"killed and started again, a moment ago", []event{start, {1, "beat", 1, "12:00:10", 20}, {2, "start", 1, "12:00:15", 0}}, [][3]int{{1, 1, 17}}, "12:00:16", 0, 0},
		{"killed, an hour ago", []event{start, {1, "beat", 1, "12:00:10", 20}}, [][3]int{{1, 1, 17}}, "13:00:11", 3, 0},
		{"copied, less than an hour ago", []event{start, {1, "beat", 1, "12:00:10", 20}}, [][3]int{{1, 1, 17}}, "12:30:00", 0, 0},
		{"two at once", []event{start, {2, "start", 1, "12:00:05", 0}, {1, "beat", 1, "12:00:10", 20}, {2, "beat", 1, "12:00:15", 8}}, [][3]int{{1, 1, 17}, {2, 1, 7}}, "12:00:16", 0, 0},
		{"without any line of its proxy", nil, [][3]int{{1, 1, 5}, {1, 8, 9}}, "12:00:16", 2, 0},
		{"open beyond the numbers told", []event{start, {1, "open", 50, "12:00:08", 0}}, [][3]int{{1, 1, 5}}, "12:00:09", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, err := sql.Open("duckdb", "")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			exec := func(text string) {
				t.Helper()
				if _, err := db.Exec(text); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			exec(queries.Text("schema"))
			exec(fmt.Sprintf("INSERT INTO meta VALUES ('read_at', '2026-11-23T%sZ')", tt.readAt))
			for _, e := range tt.events {
				exec(fmt.Sprintf("INSERT INTO event VALUES (%d, '%s', %d, TIMESTAMP '2026-11-23 %s', %d, 0, 0, 0, 0, 0, '', '')", e.boot, e.kind, e.seq, e.at, e.last))
			}
			for _, s := range tt.seen {
				exec(fmt.Sprintf("INSERT INTO seen VALUES (%d, '', %d, %d)", s[0], s[1], s[2]))
			}
			var missing, open int
			if err := db.QueryRow(queries.Text("quality_seq")).Scan(&missing, &open); err != nil {
				t.Fatal(err)
			}
			if missing != tt.missing || open != tt.open {
				t.Errorf("%d missing, %d open; want %d, %d", missing, open, tt.missing, tt.open)
			}
		})
	}
}
