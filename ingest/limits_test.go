//go:build cgo

package ingest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"burn/proxy/usage"
)

// TestWordsBeyondTheLimitAreOther: a hostile caller cannot make as many agents as it
// likes; what is folded is counted, and no call or dollar is lost.
func TestWordsBeyondTheLimitAreOther(t *testing.T) {
	e := newEnv(t)
	const more = 50
	start := usage.Record{Kind: usage.KindStart, Boot: 1, Seq: 1, TS: testNow.UnixMilli(), File: 1}
	log := start.AppendJSON(nil)
	for seq := 1; seq <= maxWords+more; seq++ {
		r := sample(1, seq)
		r.Agent = fmt.Sprint("agent-", seq)
		log = r.AppendJSON(log)
	}
	e.write("a.jsonl", log)
	stats, n, _ := e.run()
	if n != maxWords+more || stats.Folded == 0 {
		t.Fatalf("%d calls, %d words folded", n, stats.Folded)
	}
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var words, other int
	if err := db.sql.QueryRow("SELECT count(*) FROM dim WHERE kind = 'agent'").Scan(&words); err != nil {
		t.Fatal(err)
	}
	if err := db.sql.QueryRow("SELECT count(*) FROM call WHERE agent_id = (SELECT id FROM dim WHERE kind = 'agent' AND name = 'other')").Scan(&other); err != nil {
		t.Fatal(err)
	}
	if words > maxWords+2 || other < more || other > more+2 {
		t.Errorf("%d words, %d calls of other", words, other)
	}
}

// TestDatabaseIsItsOwnersAlone: whatever the mask that burn is started with.
func TestDatabaseIsItsOwnersAlone(t *testing.T) {
	defer umask(umask(0))
	e := newEnv(t)
	e.write("a.jsonl", logFile(1, 1, 1, 5))
	e.keep("answer")
	for _, suffix := range []string{"", ".lock", ".answer"} {
		info, err := os.Stat(e.opt.Path + suffix)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", e.opt.Path+suffix, info, err)
		}
	}
}
