//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// inserting returns an inserter into the empty table call of a new database.
func inserting(t *testing.T) (*inserter, *sql.Conn) {
	t.Helper()
	e := newEnv(t)
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := db.sql.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n, err := newInserter(conn, &db.calls, new(callCells).columns())
	if err != nil {
		t.Fatal(err)
	}
	return n, conn
}

func fill(c *callChunk, from, rows int) {
	for i := range rows {
		c.boot[i], c.seq[i], c.input[i] = 7, uint64(from+i), uint32(2*(from+i))
		c.cost.put(i, int64(from+i), i%3 != 0)
		if i%100 == 0 {
			c.seconds.rows = append(c.seconds.rows, text{i, strings.Repeat("9", 40)})
		}
	}
	c.rows = rows
}

// trySendRows takes a chunk, fills it with rows that are numbered from, and sends it.
func trySendRows(n *inserter, from, rows int) error {
	c, err := n.take()
	if err != nil {
		return err
	}
	if c.rows != 0 {
		return fmt.Errorf("a chunk that was taken has %d rows", c.rows)
	}
	fill(c, from, rows)
	return n.send(c)
}

func sendRows(t *testing.T, n *inserter, from, rows int) {
	t.Helper()
	if err := trySendRows(n, from, rows); err != nil {
		t.Fatal(err)
	}
}

// What is sent arrives, over several statements of one transaction, between
// which the connection is free.
func TestInserterInsertsWhatIsSent(t *testing.T) {
	n, conn := inserting(t)
	ctx := context.Background()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for range 3 {
		for i := range 2 * fullChunks {
			rows := []int{chunkRows, 1, 700}[i%3]
			sendRows(t, n, sent, rows)
			sent += rows
		}
		if err := n.push(); err != nil {
			t.Fatal(err)
		}
		var rows, seconds, costs int
		var right bool
		err := conn.QueryRowContext(ctx, `SELECT count(*), count(seconds), count(cost_usd),
			bool_and(boot = 7 AND input_tokens = 2 * seq AND coalesce(cost_usd * 1000000000000 = seq, true) AND coalesce(length(seconds) = 40, true)) AND count(DISTINCT seq) = count(*)
			FROM call`).Scan(&rows, &seconds, &costs, &right)
		if err != nil || rows != sent || !right || seconds == 0 || costs == 0 || costs == rows {
			t.Fatalf("%v: %d rows of %d, %d with seconds, %d with a cost, all right: %v", err, rows, sent, seconds, costs, right)
		}
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "FROM new_calls()"); err == nil || !strings.Contains(err.Error(), "nothing is being inserted") {
		t.Errorf("new_calls without an inserter: %v", err)
	}
}

// A statement that fails makes a later take, send or push fail and keeps nobody waiting.
func TestInserterFails(t *testing.T) {
	ctx := context.Background()
	for name, after := range map[string]int{"before the first chunk": 0, "at a later one": 2} {
		t.Run(name, func(t *testing.T) {
			n, conn := inserting(t)
			var ddl string
			if err := conn.QueryRowContext(ctx, "SELECT sql FROM duckdb_tables() WHERE table_name = 'call'").Scan(&ddl); err != nil {
				t.Fatal(err)
			}
			ddl = "DROP TABLE call; " + strings.TrimSuffix(ddl, ");") + fmt.Sprintf(", CHECK (seq < %d));", after*chunkRows)
			if after == 0 {
				ddl = "DROP TABLE call"
			}
			if _, err := conn.ExecContext(ctx, ddl); err != nil {
				t.Fatal(err)
			}
			var err error
			for i := 0; err == nil && i < after; i++ {
				err = trySendRows(n, i*chunkRows, chunkRows)
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 * fullChunks { // an error is not told at once
				if err = trySendRows(n, (after+i)*chunkRows, chunkRows); err != nil {
					break
				}
			}
			if kept := len(n.read); kept < fullChunks-1 {
				t.Errorf("%d chunks of %d are there after a failure", kept, fullChunks)
			}
			if err == nil || !strings.HasPrefix(err.Error(), "insert rows: ") || strings.Contains(err.Error(), "not all of them") {
				t.Errorf("send: %v", err)
			}
			if err := n.push(); err != nil { // nothing is running
				t.Errorf("push: %v", err)
			}
			if err := n.close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if _, err := conn.ExecContext(ctx, "SELECT 1"); err != nil {
				t.Errorf("the connection: %v", err)
			}
		})
	}
}

// With more ranges than are loaded in one go, each boot's are asked for while
// rows are on their way.
func TestIdentitiesAskedForOneByOne(t *testing.T) {
	e := newEnv(t)
	e.opt.seenAtOnce = 1
	e.write("a.jsonl", logFile(1, 1, 1, 3000))
	e.write("b.jsonl", logFile(2, 1, 1, 3000))
	e.run()
	e.write("c.jsonl", join2(logFile(3, 1, 1, 3000), logFile(1, 2, 2001, 4000), logFile(2, 2, 2501, 3500)))
	stats, n, _ := e.run()
	if n != 3000+4000+3500 || stats.Duplicates != 1000+500 || stats.Rejected != 0 {
		t.Errorf("%d calls; %+v", n, stats)
	}
	accounted(t, e)
}
