//go:build cgo

package analyze_test

import (
	"reflect"
	"testing"
	"time"

	"burn/analyze"
)

// TestSumsByHourGiveTheSame: summing calls by hour first changes nothing, in zones
// that are half an hour off or change their offset, before 1970, with calls that have
// no price, stand for several, are estimated, or name no team.
func TestSumsByHourGiveTheSame(t *testing.T) {
	w := newWorld(t)
	analyze.InPartsOf(t, 100)
	days := []string{"1969-12-31 22:10:00", "2026-10-24 20:00:00", "2026-10-25 00:20:00", "2026-10-25 01:40:00"}
	for i := range 400 {
		when := at(days[i%4]).Add(time.Duration(i*i) * time.Second)
		c := call{ts: when, agent: []string{"", "a", "b"}[i%3], user: "u", provider: "p", requested: []string{"m", "n"}[i/7%2], endpoint: []string{"/x", "/y"}[i/5%2],
			tags: []string{"", `{"team":"t"}`}[i/3%2], input: 10 + i, output: i % 5, cacheRead: i % 10, reasons: i % 3, status: []int{200, 500, 429}[i%50/48+i%100/99], estimated: i%11 == 0}
		if i%6 > 0 {
			c.cost = []string{"0.000000000001", "12.5"}[i%2]
		}
		if i%90 == 7 {
			c.gap, c.requests = true, 9
		}
		w.add(c)
	}
	for _, since := range []string{"1969-12-31 12:00:00", "2026-10-24 12:00:00"} {
		for _, name := range []string{"UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin", "Australia/Lord_Howe"} {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			p := period(since, "2026-10-26 12:00:00")
			p.Since, p.Until = p.Since.In(zone), p.Until.In(zone)
			var got [2]*analyze.Result
			for i := range got {
				analyze.ByHour(t, i == 0)
				w.exec("DROP TABLE IF EXISTS hourly")
				got[i] = w.run(analyze.Options{Period: p, Need: analyze.Pictures})
				var tables int
				if err := w.db.QueryRow("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'hourly'").Scan(&tables); err != nil || tables != 1-i {
					t.Fatalf("%d tables of sums by hour: %v", tables, err)
				}
			}
			if !reflect.DeepEqual(got[0], got[1]) {
				t.Errorf("%s since %s: by hour %+v\nby call %+v", name, since, got[0], got[1])
			}
			if len(got[0].ByTeam) != 2 || len(got[0].ByHour) < 3 || len(got[0].Trend) == 0 || len(got[0].Scenes.AgentHours) == 0 {
				t.Errorf("%s since %s: too little to compare", name, since)
			}
		}
	}
}
