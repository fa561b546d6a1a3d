//go:build cgo

package ingest

import (
	"context"
	"maps"
	"math/rand/v2"
	"testing"

	"burn/proxy/usage"
)

// sessions maps the calls of a database to the names of their sessions.
func (e *env) sessions() map[int64]string {
	e.t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.SQL().Query("SELECT c.seq, min(n.name) FROM call c JOIN name n ON n.hash = c.session_hash GROUP BY c.seq")
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	found := map[int64]string{}
	for rows.Next() {
		var seq int64
		var name string
		if err := rows.Scan(&seq, &name); err != nil {
			e.t.Fatal(err)
		}
		found[seq] = name
	}
	return found
}

// A chain of requests is one session, named after its first call, whatever files
// it lies in and in whatever order they arrive, and runs change nothing.
func TestSessionsAreInferred(t *testing.T) {
	const minute = 60_000
	call := func(seq int, after int64, turns ...uint64) *usage.Record {
		r := sample(1, seq)
		r.TS, r.FPTurns, r.Session, r.ResponseID, r.PrevResponseID = sample(1, 1).TS+after*minute, turns, "", "", ""
		return r
	}
	said := call(9, 3, 901, 900)
	said.Session = "said"
	other := call(6, 4, 103, 101) // another key
	other.KeyID = "other"
	first, answer := call(20, 0, 701), call(21, 5, 702)
	first.ResponseID, answer.PrevResponseID = "resp_1", "resp_1"
	all := []*usage.Record{
		call(1, 0, 101), call(2, 2, 102, 101), call(3, 4, 104, 102, 101), call(4, 6, 105, 999, 104), // one talk; the third link is older
		call(5, 7, 555),                              // nothing continues it
		other,                                        // not of this talk
		call(7, 25*60, 106, 101),                     // a day later
		call(8, 0, 900), said, call(10, 5, 902, 901), // the middle one says its session
		first, answer,
	}
	name := func(seq string) string { return "~0000000000000001-" + seq }
	want := map[int64]string{1: name("1"), 2: name("1"), 3: name("1"), 4: name("1"), 9: "said", 10: "said", 20: name("20"), 21: name("20")}
	rng := rand.New(rand.NewPCG(2, 2))
	for range 3 {
		e := newEnv(t)
		var files [3][]byte
		for i, j := range rng.Perm(len(all)) {
			files[i%3] = append(files[i%3], encode(all[j])...)
		}
		for i, f := range files {
			e.write(string(rune('a'+i))+".jsonl", f)
			e.run()
		}
		if got := e.sessions(); !maps.Equal(got, want) {
			t.Errorf("sessions %v, want %v", got, want)
		}
	}
}
