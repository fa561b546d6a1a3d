//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/marcboeker/go-duckdb/mapping"

	"burn/ingest/price"
	"burn/proxy/usage"
)

// repriceRows is how many rows are priced again at a time, to bound memory.
const repriceRows = 1 << 19

// reprice prices every call again if the table is not the one it was priced
// with, in one transaction.
func (db *DB) reprice(ctx context.Context, stats *Stats) error {
	hash := fmt.Sprintf("%016x", db.opt.Prices.Hash())
	have, err := db.meta(ctx, "prices")
	if err != nil || have == hash {
		return err
	}
	return db.transaction(ctx, func(conn *sql.Conn) error {
		r, err := newRepricer(ctx, conn, db.opt.Prices)
		if err != nil {
			return err
		}
		if err := r.run("true"); err != nil {
			return err
		}
		for key, value := range map[string]string{"prices": hash, "prices_at": db.opt.Prices.Date()} {
			if err := setMeta(ctx, conn, key, value); err != nil {
				return err
			}
		}
		if have != "" {
			stats.Repriced = r.summary()
		}
		return changed(ctx, conn)
	})
}

// transaction calls f on a connection, inside a transaction that is undone if
// f fails.
func (db *DB) transaction(ctx context.Context, f func(*sql.Conn) error) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	if err = f(conn); err == nil {
		err = commit(ctx, conn)
	}
	if err != nil {
		// The error that led here is reported; closing would roll back as well.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func setMeta(ctx context.Context, conn *sql.Conn, key, value string) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM meta WHERE key = ?", key); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?)", key, value)
	return err
}

// setNotes sets values of meta that reports show, after which the last answer is none.
func setNotes(ctx context.Context, conn *sql.Conn, values map[string]string) error {
	for key, value := range values {
		if err := setMeta(ctx, conn, key, value); err != nil {
			return err
		}
	}
	return changed(ctx, conn)
}

// repricer prices stored rows: it reads them in DuckDB's own vectors, which is
// ten times faster than row by row, and writes back what differs.
type repricer struct {
	ctx     context.Context
	conn    *sql.Conn
	prices  *price.Table
	words   map[string][]string // of dim, by kind and id
	bases   map[string]uint32
	moved   map[string]*Repriced
	updates []newCost // of the newest pass
	used    []bool    // of pricedColumns: some row has a value other than 0 in it
}

func newRepricer(ctx context.Context, conn *sql.Conn, prices *price.Table) (*repricer, error) {
	r := &repricer{ctx: ctx, conn: conn, prices: prices, words: map[string][]string{}, bases: map[string]uint32{}, moved: map[string]*Repriced{}}
	err := eachRow(ctx, conn, "SELECT kind, id, name FROM dim ORDER BY kind, id", func(rows *sql.Rows) error {
		var kind, name string
		var id uint32
		if err := rows.Scan(&kind, &id, &name); err != nil {
			return err
		}
		for uint32(len(r.words[kind])) < id {
			r.words[kind] = append(r.words[kind], "")
		}
		r.words[kind] = append(r.words[kind], name)
		if kind == "cost_basis" {
			r.bases[name] = id
		}
		return nil
	})
	return r, err
}

// run prices the rows for which the SQL condition holds, in stretches of time:
// these DuckDB finds by its own indexes, where ranges of rowid are found by
// looking at every row.
func (r *repricer) run(where string) error {
	if err := r.findUsed(); err != nil {
		return err
	}
	stretches, err := r.stretches(where)
	if err != nil {
		return err
	}
	for _, between := range stretches {
		if err := r.pass(between, where); err != nil {
			return err
		}
	}
	return nil
}

// stretches are SQL conditions on ts, each true for at most about repriceRows
// rows, or for one hour.
func (r *repricer) stretches(where string) (conds []string, err error) {
	const stamp = "2006-01-02 15:04:05"
	var from, last time.Time
	rows := int64(0)
	end := func(to time.Time) {
		conds = append(conds, fmt.Sprintf("ts >= TIMESTAMP '%s' AND ts < TIMESTAMP '%s'", from.Format(stamp), to.Format(stamp)))
		rows = 0
	}
	err = eachRow(r.ctx, r.conn, "SELECT date_trunc('hour', ts) AS hour, count(*) FROM call WHERE "+where+" GROUP BY hour ORDER BY hour", func(result *sql.Rows) error {
		var hour time.Time
		var n int64
		if err := result.Scan(&hour, &n); err != nil {
			return err
		}
		if rows > 0 && rows+n > repriceRows {
			end(hour)
		}
		if rows == 0 {
			from = hour
		}
		rows, last = rows+n, hour
		return nil
	})
	if rows > 0 {
		end(last.Add(time.Hour))
	}
	return conds, err
}

// pricedColumns are what a cost comes from, in the order in which price reads
// them: first words, then counts.
var pricedColumns = strings.Fields(`provider_id upstream_id request_model_id response_model_id service_tier_id speed_id geo_id usage_source_id
	cost_basis_id requests
	input_tokens cache_read_tokens cache_write_tokens cache_write_1h_tokens output_tokens reasoning_tokens citation_tokens
	audio_input_tokens audio_cache_read_tokens audio_output_tokens image_input_tokens image_output_tokens web_searches billed_requests`)

// findUsed finds the columns worth reading: most kinds of tokens are rare.
func (r *repricer) findUsed() error {
	r.used = make([]bool, len(pricedColumns))
	dest := make([]any, len(pricedColumns))
	exprs := make([]string, len(pricedColumns))
	for i, name := range pricedColumns {
		exprs[i] = "coalesce(max(" + name + "), 0) > 0"
		dest[i] = &r.used[i]
	}
	return r.conn.QueryRowContext(r.ctx, "SELECT "+strings.Join(exprs, ", ")+" FROM call").Scan(dest...)
}

// newCost is a row whose cost or basis is not what is stored.
type newCost struct {
	row  int64
	cost price.Cost
}

// pass prices the rows of one stretch of time. A cost that the provider
// reported stays: it does not come from the table.
func (r *repricer) pass(between, cond string) error {
	where := between + " AND (" + cond + ")"
	query := "SELECT rowid, ts, coalesce(cost_usd, CAST(-1 AS DECIMAL(18,12))), gap, estimated, seconds IS NOT NULL OR sub_usage IS NOT NULL, " +
		strings.Join(r.usedColumns(), ", ") + " FROM call WHERE " + where
	extra, err := r.extras(where)
	if err != nil {
		return err
	}
	updates := r.updates[:0]
	basisWords := r.words["cost_basis"]
	err = eachChunk(r.conn, query, func(c mapping.DataChunk, n int) {
		// A TIMESTAMP is microseconds; a DECIMAL(18,12) is an integer of 1e-12.
		row, ts, before := cells[int64](c, 0, n), cells[int64](c, 1, n), cells[int64](c, 2, n)
		gap, estimated, more := cells[bool](c, 3, n), cells[bool](c, 4, n), cells[bool](c, 5, n)
		var cols [24][]uint32
		at := 6
		for i := range pricedColumns {
			cols[i] = zeros[:n]
			if r.used[i] {
				cols[i] = cells[uint32](c, at, n)
				at++
			}
		}
		for i := range n {
			rec := r.record(&cols, i)
			rec.TS = floorDiv(ts[i], 1000)
			if gap[i] {
				rec.Kind, rec.Calls = usage.KindGap, int64(cols[9][i])
			}
			if estimated[i] && !gap[i] {
				rec.UsageSource = SourceEstimated
			}
			if more[i] {
				x := extra[row[i]]
				rec.Seconds, rec.SubUsage, rec.RawUsage = x.seconds, x.subs, x.passes
			}
			basis := basisWords[cols[8][i]]
			if basis == price.BasisReported {
				continue
			}
			cost := r.prices.Cost(&rec)
			if cost.Basis == basis && cost.Known() == (before[i] >= 0) && (before[i] < 0 || before[i] == cost.Pico) {
				continue
			}
			r.note(&rec, before[i], cost)
			updates = append(updates, newCost{row[i], cost})
		}
	})
	r.updates = updates
	if err != nil || len(updates) == 0 {
		return err
	}
	return r.write(updates, between)
}

// floorDiv divides and rounds down, also before 1970.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// zeros stands for every column that is not read.
var zeros [chunkRows]uint32

func (r *repricer) usedColumns() (names []string) {
	for i, name := range pricedColumns {
		if r.used[i] {
			names = append(names, "CAST("+name+" AS UINTEGER)")
		}
	}
	return append(names, "1")
}

// SourceEstimated is the usage_source of a call whose tokens ingest estimated.
const SourceEstimated = "estimated"

func (r *repricer) record(cols *[24][]uint32, i int) usage.Record {
	word := func(kind string, col int) string { return r.words[kind][cols[col][i]] }
	count := func(col int) int64 { return int64(cols[col][i]) }
	return usage.Record{
		Provider: word("provider", 0), Upstream: word("upstream", 1), RequestModel: word("request_model", 2), ResponseModel: word("response_model", 3),
		ServiceTier: word("service_tier", 4), Speed: word("speed", 5), Geo: word("geo", 6), UsageSource: word("usage_source", 7),
		Tokens: usage.Tokens{
			Input: count(10), CacheRead: count(11), CacheWrite: count(12), CacheWrite1h: count(13), Output: count(14), Reasoning: count(15), Citation: count(16),
			AudioInput: count(17), AudioCacheRead: count(18), AudioOutput: count(19), ImageInput: count(20), ImageOutput: count(21),
			WebSearches: count(22), Requests: count(23),
		},
	}
}

// extra is what few rows have.
type extra struct {
	seconds string
	subs    []usage.SubUsage
	passes  []byte
}

func (r *repricer) extras(where string) (map[int64]extra, error) {
	found := map[int64]extra{}
	err := eachRow(r.ctx, r.conn, "SELECT rowid, coalesce(seconds, ''), coalesce(sub_usage, '') FROM call WHERE (seconds IS NOT NULL OR sub_usage IS NOT NULL) AND "+where, func(rows *sql.Rows) error {
		var id int64
		var x extra
		var subs string
		if err := rows.Scan(&id, &x.seconds, &subs); err != nil {
			return err
		}
		var err error
		switch {
		case strings.HasPrefix(subs, "{"):
			var kept subUsage
			err = json.Unmarshal([]byte(subs), &kept)
			x.subs, x.passes = kept.Subs, kept.Passes
		case subs != "":
			err = json.Unmarshal([]byte(subs), &x.subs)
		}
		if err != nil {
			return fmt.Errorf("sub_usage of row %d: %w", id, err)
		}
		found[id] = x
		return nil
	})
	return found, err
}

// note adds one row to what moved.
func (r *repricer) note(rec *usage.Record, before int64, c price.Cost) {
	if c.Known() == (before >= 0) && max(before, 0) == c.Pico {
		return // only the basis has another name
	}
	model := rec.ResponseModel
	if model == "" {
		model = rec.RequestModel
	}
	m := r.moved[model]
	if m == nil {
		m = &Repriced{Model: model}
		r.moved[model] = m
	}
	m.Calls++
	m.Before += max(before, 0)
	m.After += c.Pico
	switch {
	case before < 0:
		m.NewlyPriced++
	case !c.Known():
		m.NewlyUnpriced++
	}
}

func (r *repricer) summary() []Repriced {
	var out []Repriced
	for _, m := range r.moved {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Repriced) int { return strings.Compare(a.Model, b.Model) })
	return out
}

// write stores the new costs.
func (r *repricer) write(updates []newCost, between string) error {
	if _, err := r.conn.ExecContext(r.ctx, "CREATE OR REPLACE TEMP TABLE new_cost (row_id BIGINT, cost_usd DECIMAL(18,12), cost_basis_id UINTEGER)"); err != nil {
		return err
	}
	for _, u := range updates {
		if _, ok := r.bases[u.cost.Basis]; !ok {
			id := uint32(len(r.words["cost_basis"]))
			if _, err := r.conn.ExecContext(r.ctx, "INSERT INTO dim VALUES ('cost_basis', ?, ?)", id, u.cost.Basis); err != nil {
				return err
			}
			r.bases[u.cost.Basis] = id
			r.words["cost_basis"] = append(r.words["cost_basis"], u.cost.Basis)
		}
	}
	var rows *rowid
	var costs picos
	var bases *u32s
	cols := []column{{"row_id", &rows}, {"cost_usd", &costs}, {"cost_basis_id", &bases}}
	app, err := newAppender(r.conn, "temp", "new_cost", cols)
	if err != nil {
		return err
	}
	defer app.close()
	c := newChunk(app.types, cols)
	defer c.close()
	for some := range slices.Chunk(updates, chunkRows) {
		for i, u := range some {
			rows[i], bases[i] = u.row, r.bases[u.cost.Basis]
			costs.put(i, u.cost.Pico, u.cost.Known())
		}
		c.rows = len(some)
		if err := app.send(&c); err != nil {
			return err
		}
	}
	if err := app.push(); err != nil {
		return err
	}
	_, err = r.conn.ExecContext(r.ctx, `UPDATE call SET cost_usd = n.cost_usd, cost_basis_id = n.cost_basis_id FROM new_cost n WHERE call.rowid = n.row_id AND `+between)
	return err
}

// eachChunk runs query and calls f with its result, up to 2,048 rows at a time.
func eachChunk(conn *sql.Conn, query string, f func(c mapping.DataChunk, rows int)) error {
	return conn.Raw(func(driverConn any) error {
		raw, err := rawConnection(driverConn)
		if err != nil {
			return err
		}
		var res mapping.Result
		defer mapping.DestroyResult(&res)
		if mapping.Query(raw, query, &res) == mapping.StateError {
			return errors.New(mapping.ResultError(&res))
		}
		for i := range mapping.ResultChunkCount(res) {
			c := mapping.ResultGetChunk(res, i)
			if n := int(mapping.DataChunkGetSize(c)); n > 0 {
				f(c, n)
			}
			mapping.DestroyDataChunk(&c)
		}
		return nil
	})
}

// cells views a column of a chunk, which must have no NULL.
func cells[T any](c mapping.DataChunk, col, rows int) []T {
	return unsafe.Slice((*T)(mapping.VectorGetData(mapping.DataChunkGetVector(c, mapping.IdxT(col)))), rows)
}
