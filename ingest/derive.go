//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// derive works out what no single line says, over all calls: which answers
// that were fetched later are billed already, and how many tokens the calls
// had whose usage is missing or was cut off. It runs when rows have come since
// it last did, and starts from what the records say, so that its result
// depends on the lines alone, not on the order in which files arrived.
func (db *DB) derive(ctx context.Context) error {
	generation, err := db.meta(ctx, "generation")
	if err != nil {
		return err
	}
	done, err := db.meta(ctx, "derived")
	if err != nil || done == generation {
		return err
	}
	return db.transaction(ctx, func(conn *sql.Conn) error {
		d := deriver{ctx: ctx, conn: conn}
		if err := d.words(); err != nil {
			return err
		}
		if err := d.retrieved(); err != nil {
			return fmt.Errorf("answers fetched later: %w", err)
		}
		if err := d.estimate(); err != nil {
			return fmt.Errorf("estimate missing usage: %w", err)
		}
		if len(d.changed) > 0 {
			r, err := newRepricer(ctx, conn, db.opt.Prices)
			if err != nil {
				return err
			}
			if err := r.run(strings.Join(d.changed, " OR ")); err != nil {
				return err
			}
		}
		if err := d.elsewhere(); err != nil {
			return err
		}
		if err := d.sessions(); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		if err := d.rates(db.opt.Prices); err != nil {
			return fmt.Errorf("rates: %w", err)
		}
		return setMeta(ctx, conn, "derived", generation)
	})
}

type deriver struct {
	ctx     context.Context
	conn    *sql.Conn
	ids     map[string]uint32 // "kind word" to id
	changed []string          // conditions on rows whose cost must be found again
	guessed bool              // the table guess is there
}

// words finds the ids of the words that rules are about; a word that no line
// has used has none.
func (d *deriver) words() error {
	d.ids = map[string]uint32{}
	return eachRow(d.ctx, d.conn, `SELECT kind, name, id FROM dim WHERE kind IN ('operation', 'usage_source', 'cost_basis')`, func(rows *sql.Rows) error {
		var kind, name string
		var id uint32
		if err := rows.Scan(&kind, &name, &id); err != nil {
			return err
		}
		d.ids[kind+" "+name] = id
		return nil
	})
}

// in is an SQL condition: the word of column is one of names.
func (d *deriver) in(kind string, names ...string) (cond string, any bool) {
	var ids []string
	for _, name := range names {
		if id, ok := d.ids[kind+" "+name]; ok {
			ids = append(ids, fmt.Sprint(id))
		}
	}
	if len(ids) == 0 {
		return "false", false
	}
	return kind + "_id IN (" + strings.Join(ids, ", ") + ")", true
}

// word returns the id of a word, adding it if it is new.
func (d *deriver) word(kind, name string) (uint32, error) {
	if id, ok := d.ids[kind+" "+name]; ok {
		return id, nil
	}
	var id uint32
	if err := d.conn.QueryRowContext(d.ctx, "SELECT max(id) + 1 FROM dim WHERE kind = ?", kind).Scan(&id); err != nil {
		return 0, err
	}
	if _, err := d.conn.ExecContext(d.ctx, "INSERT INTO dim VALUES (?, ?, ?)", kind, id, name); err != nil {
		return 0, err
	}
	d.ids[kind+" "+name] = id
	return id, nil
}

// countColumns are the columns that hold usage.
var countColumns = strings.Fields(`input_tokens cache_read_tokens cache_write_tokens cache_write_1h_tokens output_tokens reasoning_tokens citation_tokens
	audio_input_tokens audio_cache_read_tokens audio_output_tokens image_input_tokens image_output_tokens web_searches billed_requests`)

// retrieved bills an answer once. A record read by GET is billed if it is the
// first one that shows the usage of its (provider, response id), counting
// records of POST before all GETs; the others' usage is zero.
func (d *deriver) retrieved() error {
	get, any := d.in("operation", "retrieve", "batch_result")
	if !any {
		return nil
	}
	none, err := d.word("usage_source", "none")
	if err != nil {
		return err
	}
	noCost, err := d.word("cost_basis", "none")
	if err != nil {
		return err
	}
	shown, _ := d.in("usage_source", "reported", "derived")
	var set []string
	for _, c := range countColumns {
		set = append(set, fmt.Sprintf("%s = CASE WHEN f.billed THEN f.%s ELSE 0 END", c, c))
	}
	for _, step := range []string{
		`INSERT INTO retrieved SELECT * FROM call WHERE ` + get + ` AND NOT EXISTS (SELECT 1 FROM retrieved r WHERE r.boot = call.boot AND r.seq = call.seq)`,
		// Everything known of the answers that were fetched: how each record
		// stands among those that show the usage of the same answer.
		`CREATE OR REPLACE TEMP TABLE fetched AS
		 WITH shown AS (
		   SELECT boot, seq, ts, provider_id, response_hash, true AS fetched FROM retrieved WHERE response_hash <> 0 AND ` + shown + `
		   UNION ALL
		   SELECT boot, seq, ts, provider_id, response_hash, false FROM call
		   WHERE response_hash <> 0 AND NOT (` + get + `) AND ` + shown + ` AND (provider_id, response_hash) IN (SELECT (provider_id, response_hash) FROM retrieved)
		 ), ranked AS (
		   SELECT boot, seq, row_number() OVER (PARTITION BY provider_id, response_hash ORDER BY fetched, ts, boot, seq) AS place FROM shown
		 )
		 SELECT r.*, coalesce(ranked.place, 1) = 1 AS billed FROM retrieved r LEFT JOIN ranked USING (boot, seq)`,
		fmt.Sprintf(`UPDATE call SET %s, usage_source_id = CASE WHEN f.billed THEN f.usage_source_id ELSE %d END,
		   seconds = CASE WHEN f.billed THEN f.seconds END, sub_usage = CASE WHEN f.billed THEN f.sub_usage END,
		   cost_usd = CASE WHEN f.billed THEN f.cost_usd ELSE 0 END, cost_basis_id = CASE WHEN f.billed THEN f.cost_basis_id ELSE %d END
		 FROM fetched f WHERE call.boot = f.boot AND call.seq = f.seq AND call.gap = f.gap`, strings.Join(set, ", "), none, noCost),
		`DROP TABLE fetched`,
	} {
		if _, err := d.conn.ExecContext(d.ctx, step); err != nil {
			return err
		}
	}
	d.changed = append(d.changed, get)
	return nil
}

// estimate fills in the tokens of calls whose usage is missing or partial.
//
// Input: what the record says of it, else the text of the request in bytes
// (else its body) divided by how many bytes the model reads per token. Output:
// the larger of what the record says and, for streams, the events delivered
// times the tokens per event, else the text delivered (else the answer's body)
// divided by the bytes per token; never more than the request's limit. All
// ratios are of the calls that asked for the same model and did report, else
// 4 bytes and 1 token per event. Sums are of integers, so the ratios do not
// depend on the order of rows.
//
// A call answered later by GET (a background response) is not estimated: its
// usage is in that record.
func (d *deriver) estimate() error {
	open, any := d.in("usage_source", "missing", "partial")
	if !any {
		return nil
	}
	// Bytes of sound and pictures say nothing about tokens: such calls stay
	// without a price.
	text, _ := d.in("operation", "chat", "responses", "text_completion", "embeddings", "messages", "generate_content")
	open += " AND " + text
	reported, _ := d.in("usage_source", "reported", "derived")
	steps := []string{
		`CREATE OR REPLACE TEMP TABLE ratio AS SELECT provider_id, request_model_id, count(*) AS calls,
		   sum(CASE WHEN text > 0 THEN text END) / nullif(sum(CASE WHEN text > 0 THEN input_tokens END), 0) AS text_bytes,
		   sum(request_bytes) / nullif(sum(CASE WHEN request_bytes > 0 THEN input_tokens END), 0) AS body_bytes,
		   sum(CASE WHEN stream AND events > 0 THEN output_tokens END) / nullif(sum(CASE WHEN stream THEN events END), 0) AS event_tokens,
		   sum(CASE WHEN NOT stream THEN response_bytes END) / nullif(sum(CASE WHEN NOT stream AND response_bytes > 0 THEN output_tokens END), 0) AS answer_bytes
		 FROM (SELECT *, ` + textBytes + ` AS text FROM call WHERE NOT gap AND status < 400 AND input_tokens > 0 AND ` + reported + `)
		 GROUP BY ALL`,
		`CREATE OR REPLACE TEMP TABLE guess AS
		 SELECT call.rowid AS row_id, response_hash <> 0 AND (provider_id, response_hash) IN (SELECT (provider_id, response_hash) FROM retrieved WHERE ` + reported + `) AS elsewhere,
		   ` + inputGuess + ` AS input_guess, ` + outputGuess + ` AS output_guess
		 FROM call LEFT JOIN ratio USING (provider_id, request_model_id) WHERE NOT gap AND ` + open,
		`UPDATE call SET estimated = NOT elsewhere,
		   input_tokens = CASE WHEN elsewhere THEN 0 WHEN seen_input_tokens > 0 THEN seen_input_tokens ELSE least(g.input_guess, 4294967295) END,
		   output_tokens = CASE WHEN elsewhere THEN 0 ELSE greatest(seen_output_tokens, least(g.output_guess, CASE WHEN max_tokens > 0 THEN max_tokens ELSE 4294967295 END)) END
		 FROM guess g WHERE call.rowid = g.row_id`,
		// How well the same rules do on calls that reported: the sum of the
		// errors of single calls, as a share of the tokens.
		`DELETE FROM meta WHERE key IN ('estimate_calls', 'estimate_input_error_pct', 'estimate_output_error_pct')`,
		`INSERT INTO meta
		 WITH tried AS (
		   SELECT input_tokens, ` + inputGuess + ` AS input_guess, CASE WHEN stream THEN output_tokens ELSE 0 END AS output_tokens,
		     CASE WHEN stream THEN least(` + outputGuess + `, CASE WHEN max_tokens > 0 THEN max_tokens ELSE 4294967295 END) ELSE 0 END AS output_guess
		   FROM call JOIN ratio USING (provider_id, request_model_id) WHERE NOT gap AND status < 400 AND input_tokens > 0 AND ` + reported + `
		 )
		 SELECT * FROM (SELECT unnest(['estimate_calls', 'estimate_input_error_pct', 'estimate_output_error_pct']), unnest([
		   CAST(count(*) AS VARCHAR),
		   CAST(round(100 * sum(abs(input_guess - input_tokens::BIGINT)) / nullif(sum(input_tokens), 0), 1) AS VARCHAR),
		   CAST(round(100 * sum(abs(output_guess - output_tokens::BIGINT)) / nullif(sum(output_tokens), 0), 1) AS VARCHAR)]) AS value
		 FROM tried) WHERE value IS NOT NULL`,
		`DROP TABLE ratio`,
	}
	for _, step := range steps {
		if _, err := d.conn.ExecContext(d.ctx, step); err != nil {
			return err
		}
	}
	d.changed = append(d.changed, open)
	d.guessed = true
	return nil
}

// elsewhere makes calls cost nothing whose usage is in a later record.
func (d *deriver) elsewhere() error {
	if !d.guessed {
		return nil
	}
	none, err := d.word("cost_basis", "none")
	if err != nil {
		return err
	}
	_, err = d.conn.ExecContext(d.ctx, fmt.Sprintf("UPDATE call SET cost_usd = 0, cost_basis_id = %d FROM guess g WHERE call.rowid = g.row_id AND g.elsewhere; DROP TABLE guess", none))
	return err
}

const (
	textBytes  = `(system_bytes::BIGINT + tools_bytes + history_bytes + input_bytes)`
	inputGuess = `CAST(round(CASE WHEN ` + textBytes + ` > 0 THEN ` + textBytes + ` / coalesce(text_bytes, 4.0) ELSE request_bytes / coalesce(body_bytes, 4.0) END) AS BIGINT)`
	// outputGuess counts events where the stream shows how many tokens come in
	// one, else bytes of text, else bytes of the answer.
	outputGuess = `CAST(round(CASE
		WHEN stream AND events > 0 AND event_tokens IS NOT NULL THEN events * event_tokens
		WHEN output_bytes > 0 THEN output_bytes / 4.0
		WHEN stream THEN events
		ELSE response_bytes / coalesce(answer_bytes, 4.0) END) AS BIGINT)`
)
