package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// blame tells of the calls of r's traces which finding charges them. The table
// charge is filled.
func blame(ctx context.Context, db *sql.DB, r *Result) error {
	if len(r.Findings) == 0 || len(r.Traces) == 0 {
		return nil
	}
	calls := map[identity]*Call{}
	hashes := make([]string, len(r.Traces))
	by := "trace_hash"
	if r.Traces[0].By == BySession {
		by = "session_hash"
	}
	for i := range r.Traces {
		t := &r.Traces[i]
		hashes[i] = t.hash
		for j := range t.Calls {
			calls[identity{t.Calls[j].Boot, t.Calls[j].Seq}] = &t.Calls[j]
		}
	}
	ids := map[findingKey]*Finding{}
	for i := range r.Findings {
		ids[r.Findings[i].key()] = &r.Findings[i]
	}
	// The finding that takes the most of a call names it; the first of equals.
	rows, err := db.QueryContext(ctx, `SELECT CAST(place AS BIGINT), class, CAST(caller_id AS VARCHAR), CAST(other_id AS VARCHAR), printf('%016x', boot), seq
FROM charge
JOIN (SELECT boot, seq FROM calls WHERE `+by+` IN (`+strings.Join(hashes, ", ")+`)) USING (boot, seq)
ORDER BY boot, seq, saved_usd, place DESC`)
	if err != nil {
		return fmt.Errorf("read findings of traces: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k findingKey
		var id identity
		if err := rows.Scan(&k.place, &k.class, &k.caller, &k.other, &id.boot, &id.seq); err != nil {
			return fmt.Errorf("read findings of traces: %w", err)
		}
		if c, f := calls[id], ids[k]; c != nil && f != nil {
			c.Kind, c.Finding = f.Kind, f.ID
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read findings of traces: %w", err)
	}
	return nil
}
