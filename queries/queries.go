// Package queries holds burn's SQL: the schema of the database, the views, and
// one file per question. Query files take no parameters; they read the view
// calls (the period of the run, cut by its filters) and history (the period
// and the seven days before it), so each can be pasted into a DuckDB shell
// opened on burn.duckdb after a run.
package queries

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed *.sql
var files embed.FS

// SchemaVersion changes whenever schema.sql does; a database of another
// version is rebuilt from the log files.
var SchemaVersion = func() string {
	sum := sha256.Sum256([]byte(Text("schema")))
	return hex.EncodeToString(sum[:8])
}()

// Text returns the SQL of the file name.sql. It panics for a name that does
// not exist: names are constants of this program, checked by a test.
func Text(name string) string {
	b, err := files.ReadFile(name + ".sql")
	if err != nil {
		panic("queries: " + err.Error())
	}
	return string(b)
}

// Period is what the views show.
type Period struct {
	Since, Until time.Time      // half-open [Since, Until)
	Zone         *time.Location // of local_ts; nil is UTC
	// SpentSince and SpentUntil bound the view spending; zero is Since and Until.
	SpentSince, SpentUntil time.Time
	// Filter keeps only rows whose id is among the listed ones, per column of
	// the table call (agent_id, user_id, endpoint_id …). A listed column with
	// no ids keeps nothing.
	Filter map[string][]uint32
	// Models, if not nil, keeps rows whose effective model has one of these
	// pairs of ids (response_model_id, request_model_id where the former is 0).
	Models *ModelFilter
}

// ModelFilter lists dim ids of models: a row passes when its response model is
// listed in Response, or it has none and its request model is in Request.
type ModelFilter struct{ Response, Request []uint32 }

// viewWords are the numbers in the table words that stand in the views themselves,
// so that conditions on them are met while rows are read.
var viewWords = []string{"complete", "client_abort", "embeddings", "reported", "derived", "unknown_agent", "unknown_user", "nothing_to_bill"}

const stamp = "2006-01-02 15:04:05.000000"

// SetWords writes the one-row table words and the macros that name things by it.
// It is called when rows have come, before SetPeriod.
func SetWords(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, Text("words")); err != nil {
		return fmt.Errorf("write words: %w", err)
	}
	return nil
}

// SetPeriod (re)creates the views for p on db and writes the one-row table
// period(since_at, until_at, tz), in one transaction: one write to disk, and
// never views of one period beside the table of another.
func SetPeriod(ctx context.Context, db *sql.DB, p Period) error {
	zone := p.Zone
	if zone == nil {
		zone = time.UTC
	}
	fill := []string{
		"{{since}}", p.Since.UTC().Format(stamp),
		"{{until}}", p.Until.UTC().Format(stamp),
		"{{offset}}", offsetExpr(p.Since.AddDate(0, 0, -8), p.Until, zone),
		"{{filter}}", filterExpr(p),
		"{{spent}}", cmp.Or(p.SpentSince, p.Since).UTC().Format(stamp),
		"{{spent_until}}", cmp.Or(p.SpentUntil, p.Until).UTC().Format(stamp),
	}
	ids, dest := make([]uint32, len(viewWords)), make([]any, len(viewWords))
	for i := range ids {
		dest[i] = &ids[i]
	}
	if err := db.QueryRowContext(ctx, "SELECT "+strings.Join(viewWords, ", ")+" FROM words").Scan(dest...); err != nil {
		return fmt.Errorf("read numbers of words: %w", err)
	}
	for i, word := range viewWords {
		fill = append(fill, "{{"+word+"}}", fmt.Sprint(ids[i]))
	}
	text := strings.NewReplacer(fill...).Replace(Text("views"))
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin views: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("create views: %w", err)
	}
	_, err = tx.ExecContext(ctx, `CREATE OR REPLACE TABLE period AS SELECT ?::TIMESTAMP AS since_at, ?::TIMESTAMP AS until_at, ?::VARCHAR AS tz`,
		p.Since.UTC().Format(stamp), p.Until.UTC().Format(stamp), zone.String())
	if err != nil {
		return fmt.Errorf("write period: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit views: %w", err)
	}
	return nil
}

// offsetExpr is an SQL expression for the zone's offset from UTC in seconds at
// ts, exact between since and until.
func offsetExpr(since, until time.Time, zone *time.Location) string {
	var b strings.Builder
	t := since.In(zone)
	n := 0
	for {
		_, off := t.Zone()
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.Before(until) {
			if n == 0 {
				return fmt.Sprint(off)
			}
			fmt.Fprintf(&b, " ELSE %d END", off)
			return b.String()
		}
		if n == 0 {
			b.WriteString("CASE")
		}
		fmt.Fprintf(&b, " WHEN ts < TIMESTAMP '%s' THEN %d", end.UTC().Format(stamp), off)
		t, n = end.In(zone), n+1
	}
}

func filterExpr(p Period) string {
	conds := []string{"true"}
	for _, col := range slices.Sorted(maps.Keys(p.Filter)) {
		conds = append(conds, idList(col, p.Filter[col]))
	}
	if m := p.Models; m != nil {
		conds = append(conds, "("+idList("response_model_id", m.Response)+
			" OR (response_model_id = 0 AND "+idList("request_model_id", m.Request)+"))")
	}
	return strings.Join(conds, " AND ")
}

func idList(col string, ids []uint32) string {
	if len(ids) == 0 {
		return "false"
	}
	s := make([]string, len(ids))
	for i, id := range ids {
		s[i] = fmt.Sprint(id)
	}
	return col + " IN (" + strings.Join(s, ",") + ")"
}
