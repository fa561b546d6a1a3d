//go:build cgo

package queries_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	_ "github.com/marcboeker/go-duckdb/v2"

	"burn/queries"
)

// openCalls makes a database with one call at each of the given UTC times: agents
// none, a, b in turn; models asked for none, m in turn; served none, none, n, n.
func openCalls(t *testing.T, times ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	exec := func(text string, args ...any) {
		if _, err := db.Exec(text, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	exec(queries.Text("schema"))
	exec(`INSERT INTO dim VALUES ('agent', 0, ''), ('agent', 1, 'a'), ('agent', 2, 'b'),
		('request_model', 0, ''), ('request_model', 1, 'm'), ('response_model', 0, ''), ('response_model', 1, 'n')`)
	// Columns that matter are set; the others get what absence is stored as.
	rows, err := db.Query(`SELECT column_name, CASE WHEN column_name IN ('cost_usd', 'seconds', 'sub_usage') THEN 'NULL' WHEN data_type = 'BOOLEAN' THEN 'false' ELSE '0' END
		FROM duckdb_columns() WHERE table_name = 'call' ORDER BY column_index`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list string
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
		switch name {
		case "ts":
			value = "?::TIMESTAMP"
		case "requests", "boot":
			value = "1"
		case "seq", "agent_id", "request_model_id", "response_model_id":
			value = "?::UINTEGER"
		}
		list += ", " + value
	}
	rows.Close()
	for i, ts := range times {
		exec("INSERT INTO call VALUES ("+list[2:]+")", i+1, ts, i%2, i/2%2, i%3)
	}
	if err := queries.SetWords(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func texts(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	out := ""
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out += s + " "
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestViewsShowThePeriodAndTheWeekBefore(t *testing.T) {
	db := openCalls(t, "2026-10-24 23:59:59.999", "2026-10-25", "2026-10-31 23:59:59.999", "2026-11-01", "2026-11-29 23:59:59.999999", "2026-11-30")
	p := queries.Period{Since: day("2026-11-01"), Until: day("2026-11-30")}
	for range 2 { // a second run replaces what the first left
		if err := queries.SetPeriod(context.Background(), db, p); err != nil {
			t.Fatal(err)
		}
	}
	if got := texts(t, db, "SELECT seq::VARCHAR FROM calls ORDER BY seq"); got != "4 5 " {
		t.Errorf("calls %s, want 4 5", got)
	}
	if got := texts(t, db, "SELECT seq::VARCHAR FROM history ORDER BY seq"); got != "2 3 4 5 " {
		t.Errorf("history %s, want 2 to 5", got)
	}
	if got := texts(t, db, "SELECT since_at || '/' || until_at || '/' || tz FROM period"); got != "2026-11-01 00:00:00/2026-11-30 00:00:00/UTC " {
		t.Errorf("period %s", got)
	}
}

// TestLocalTimes: the offset is the zone's at each moment, over many changes.
func TestLocalTimes(t *testing.T) {
	var times []string
	for m := range 40 {
		times = append(times, day("2024-01-15").AddDate(0, m, 0).Format("2006-01-02 15:04:05"))
	}
	for _, change := range []string{"2026-03-29 01:00:00", "2026-10-25 01:00:00", "2026-04-04 16:00:00"} {
		at, err := time.Parse("2006-01-02 15:04:05", change)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []int{-1, 0, 1} {
			times = append(times, at.Add(time.Duration(s)*time.Second).Format("2006-01-02 15:04:05"))
		}
	}
	db := openCalls(t, times...)
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		p := queries.Period{Since: day("2024-01-01"), Until: day("2028-01-01"), Zone: zone}
		if err := queries.SetPeriod(context.Background(), db, p); err != nil {
			t.Fatal(err)
		}
		rows, err := db.Query("SELECT ts, local_ts FROM calls ORDER BY seq")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			var utc, local time.Time
			if err := rows.Scan(&utc, &local); err != nil {
				t.Fatal(err)
			}
			n++
			if want := utc.In(zone).Format(time.DateTime); local.Format(time.DateTime) != want {
				t.Errorf("%s in %s is %s, want %s", utc.Format(time.DateTime), name, local.Format(time.DateTime), want)
			}
		}
		if err := rows.Close(); err != nil || n != len(times) {
			t.Fatalf("%d rows, %v; want %d", n, err, len(times))
		}
	}
}

func TestFiltersAreIDs(t *testing.T) {
	db := openCalls(t, "2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05", "2026-11-06")
	for _, c := range []struct {
		name   string
		period queries.Period
		want   string
	}{
		{"none", queries.Period{}, "1 2 3 4 5 6 "},
		{"one agent", queries.Period{Filter: map[string][]uint32{"agent_id": {1}}}, "2 5 "},
		{"absent agent", queries.Period{Filter: map[string][]uint32{"agent_id": {0}}}, "1 4 "},
		{"no agent", queries.Period{Filter: map[string][]uint32{"agent_id": nil}}, ""},
		{"served model", queries.Period{Models: &queries.ModelFilter{Response: []uint32{1}}}, "3 4 "},
		{"asked model where none served", queries.Period{Models: &queries.ModelFilter{Request: []uint32{1}}}, "2 6 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.period.Since, c.period.Until = day("2026-11-01"), day("2026-12-01")
			if err := queries.SetPeriod(context.Background(), db, c.period); err != nil {
				t.Fatal(err)
			}
			if got := texts(t, db, "SELECT seq::VARCHAR FROM calls ORDER BY seq"); got != c.want {
				t.Errorf("calls %q, want %q", got, c.want)
			}
		})
	}
}

// TestWords: absent agents and users are unknown, and a model is what served, else
// what was asked for, in words and in ids alike.
func TestWords(t *testing.T) {
	db := openCalls(t, "2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04")
	if err := queries.SetPeriod(context.Background(), db, queries.Period{Since: day("2026-11-01"), Until: day("2026-12-01")}); err != nil {
		t.Fatal(err)
	}
	const want = "unknown:unknown a:m b:n unknown:n "
	words := "SELECT agent || ':' || model FROM calls ORDER BY seq"
	ids := "SELECT agent_word(agent_id) || ':' || model_word(model_id) FROM calls ORDER BY seq"
	if got := texts(t, db, words); got != want {
		t.Errorf("words %q, want %q", got, want)
	}
	if got := texts(t, db, ids); got != want {
		t.Errorf("ids %q, want %q", got, want)
	}
}

// TestUSDIsExact: thousandths of 1e-12 USD are rounded down, whether they fit into
// 64 bits or not, and what is below nothing is nothing.
func TestUSDIsExact(t *testing.T) {
	db := openCalls(t)
	if err := queries.SetPeriod(t.Context(), db, queries.Period{Since: day("2026-11-01"), Until: day("2026-12-01")}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(queries.Text("findings")); err != nil {
		t.Fatal(err)
	}
	for thousandths, want := range map[string]string{
		"-1": "0.000000000000", "-9223372036854775809": "0.000000000000", "0": "0.000000000000", "999": "0.000000000000", "1000": "0.000000000001", "1999": "0.000000000001",
		"9223372036854775807": "9223.372036854775", "9223372036854775808": "9223.372036854775", "9223372036854776000": "9223.372036854776",
		"999999999999999999999": "999999.999999999999",
	} {
		if got := texts(t, db, "SELECT usd(CAST('"+thousandths+"' AS HUGEINT))::VARCHAR"); got != want+" " {
			t.Errorf("%s thousandths are %s, want %s", thousandths, got, want)
		}
	}
}

func TestTextPanicsForWhatDoesNotExist(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for a query that does not exist")
		}
	}()
	fmt.Println(queries.Text("no_such_query"))
}
