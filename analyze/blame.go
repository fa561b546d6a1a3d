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
	type identity struct {
		boot string
		seq  uint64
	}
	calls := map[identity]*Call{}
	hashes := make([]string, len(r.Traces))
	for i := range r.Traces {
		t := &r.Traces[i]
		hashes[i] = t.hash
		for j := range t.Calls {
			calls[identity{t.Calls[j].Boot, t.Calls[j].Seq}] = &t.Calls[j]
		}
	}
	type group struct {
		place                int64
		class, caller, other string
	}
	ids := map[group]*Finding{}
	for i := range r.Findings {
		f := &r.Findings[i]
		ids[group{f.place, f.Class, f.caller, f.other}] = f
	}
	// The finding that takes the most of a call names it; the first of equals.
	rows, err := db.QueryContext(ctx, `SELECT CAST(place AS BIGINT), class, CAST(caller_id AS VARCHAR), CAST(other_id AS VARCHAR), printf('%016x', boot), seq
FROM charge
JOIN (SELECT boot, seq FROM calls WHERE trace_hash IN (`+strings.Join(hashes, ", ")+`)) USING (boot, seq)
ORDER BY boot, seq, saved_usd, place DESC`)
	if err != nil {
		return fmt.Errorf("read findings of traces: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g group
		var id identity
		if err := rows.Scan(&g.place, &g.class, &g.caller, &g.other, &id.boot, &id.seq); err != nil {
			return fmt.Errorf("read findings of traces: %w", err)
		}
		if c, f := calls[id], ids[g]; c != nil && f != nil {
			c.Kind, c.Finding = f.Kind, f.ID
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read findings of traces: %w", err)
	}
	return nil
}
