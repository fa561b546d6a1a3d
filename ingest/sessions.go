//go:build cgo

package ingest

import (
	"fmt"
)

// sessions gives calls without a session the one that they continue. A request
// continues an earlier one of the same key within 24 hours when what stood before
// one of its last answers is that whole request, or when it names the earlier
// answer. The newest such request counts, of the most recent turn. A session is
// called ~boot-seq after its first call, unless that call says its own; a call
// that nothing continues has none. It starts from what the records say, so that
// neither the order of files nor earlier runs matter.
func (d *deriver) sessions() error {
	for _, step := range []string{
		`UPDATE call SET session_hash = 0 FROM inferred i WHERE call.boot = i.boot AND call.seq = i.seq AND NOT call.gap`,
		`DELETE FROM name WHERE hash IN (SELECT session_hash FROM inferred WHERE named)`,
		`DELETE FROM inferred`,
		`CREATE OR REPLACE TEMP TABLE turn AS
		 SELECT * FROM (
		   SELECT rowid AS id, ts, key_id_id, unnest([1, 2, 3]) AS place, unnest([fp_turn_1, fp_turn_2, fp_turn_3]) AS turn
		   FROM call WHERE NOT gap AND fp_turn_1 <> 0 AND session_hash = 0
		 ) WHERE turn <> 0`,
		// Calls of one millisecond: the first of them, so that there is one answer.
		`CREATE OR REPLACE TEMP TABLE whole AS
		 SELECT rowid AS id, ts, key_id_id, fp_turn_0 AS turn FROM call
		 WHERE NOT gap AND fp_turn_0 IN (SELECT turn FROM turn)
		 QUALIFY row_number() OVER (PARTITION BY fp_turn_0, key_id_id, ts ORDER BY boot, seq) = 1`,
		`CREATE OR REPLACE TEMP TABLE link AS
		 SELECT id, arg_min(parent, place) AS parent FROM (
		   SELECT t.id, t.place, w.id AS parent
		   FROM turn t ASOF JOIN whole w ON t.turn = w.turn AND t.key_id_id = w.key_id_id AND t.ts > w.ts
		   WHERE t.ts - w.ts <= INTERVAL 24 HOUR
		 ) GROUP BY id`,
		`INSERT INTO link
		 SELECT c.rowid, arg_min(a.rowid, (a.ts, a.boot, a.seq))
		 FROM call c JOIN call a ON a.response_hash = c.prev_response_hash AND a.provider_id = c.provider_id
		 WHERE c.prev_response_hash <> 0 AND c.session_hash = 0 AND NOT c.gap AND NOT a.gap
		   AND (a.ts, a.boot, a.seq) < (c.ts, c.boot, c.seq) AND c.rowid NOT IN (SELECT id FROM link)
		 GROUP BY c.rowid`,
	} {
		if _, err := d.conn.ExecContext(d.ctx, step); err != nil {
			return err
		}
	}
	if err := d.roots(); err != nil {
		return err
	}
	for _, step := range []string{
		`INSERT INTO inferred
		 SELECT c.boot, c.seq, CASE WHEN r.session_hash <> 0 THEN r.session_hash ELSE hash(printf('~%016x-%d', r.boot, r.seq)) | 1 END, r.session_hash = 0
		 FROM (SELECT id, parent FROM link UNION SELECT parent, parent FROM link) l
		 JOIN call c ON c.rowid = l.id JOIN call r ON r.rowid = l.parent
		 WHERE c.session_hash = 0`,
		`INSERT INTO name
		 SELECT DISTINCT hash(printf('~%016x-%d', r.boot, r.seq)) | 1, printf('~%016x-%d', r.boot, r.seq)
		 FROM (SELECT DISTINCT parent FROM link) l JOIN call r ON r.rowid = l.parent WHERE r.session_hash = 0`,
		`UPDATE call SET session_hash = i.session_hash FROM inferred i WHERE call.boot = i.boot AND call.seq = i.seq AND NOT call.gap`,
		`DROP TABLE turn; DROP TABLE whole; DROP TABLE link`,
	} {
		if _, err := d.conn.ExecContext(d.ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// roots makes every call's parent the first of its chain, in as many steps as
// the longest chain's length has binary digits.
func (d *deriver) roots() error {
	for {
		res, err := d.conn.ExecContext(d.ctx, `UPDATE link SET parent = up.parent FROM link up WHERE link.parent = up.id`)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("count joined chains: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}
