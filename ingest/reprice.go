//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/marcboeker/go-duckdb/v2"

	"burn/ingest/price"
	"burn/proxy/usage"
)

// newPricer returns what decoding goroutines price with; the table's cache is
// safe to share.
func (db *DB) newPricer() pricer { return db.opt.Prices }

// repriceRows is how many rows are priced again at a time, to bound memory.
const repriceRows = 1 << 19

// reprice prices every call again if the table is not the one it was priced
// with, in one transaction.
func (db *DB) reprice(ctx context.Context, stats *Stats) error {
	hash := fmt.Sprintf("%016x", db.opt.Prices.Hash())
	have, err := db.meta(ctx, "prices")
	if err != nil {
		return err
	}
	if have == hash {
		return nil
	}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	r := repricer{ctx: ctx, conn: conn, prices: db.opt.Prices, moved: map[string]*Repriced{}}
	err = r.run()
	if err == nil {
		err = r.setMeta("prices", hash)
	}
	if err == nil {
		err = r.setMeta("prices_at", db.opt.Prices.Date())
	}
	if err == nil {
		err = changed(ctx, conn)
	}
	if err != nil {
		// The error that led here is reported; closing would roll back as well.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	if have != "" {
		stats.Repriced = r.summary()
	}
	return nil
}

type repricer struct {
	ctx    context.Context
	conn   *sql.Conn
	prices *price.Table
	moved  map[string]*Repriced
	bases  map[string]uint32
	nextID uint32
}

func (r *repricer) setMeta(key, value string) error {
	if _, err := r.conn.ExecContext(r.ctx, "DELETE FROM meta WHERE key = ?", key); err != nil {
		return err
	}
	_, err := r.conn.ExecContext(r.ctx, "INSERT INTO meta VALUES (?, ?)", key, value)
	return err
}

func (r *repricer) run() error {
	var rows int64
	if err := r.conn.QueryRowContext(r.ctx, "SELECT coalesce(max(rowid) + 1, 0) FROM call").Scan(&rows); err != nil || rows == 0 {
		return err
	}
	r.bases = map[string]uint32{}
	err := eachRow(r.ctx, r.conn, "SELECT id, name FROM dim WHERE kind = 'cost_basis'", func(rows *sql.Rows) error {
		var id uint32
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		r.bases[name], r.nextID = id, max(r.nextID, id+1)
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := r.conn.ExecContext(r.ctx, "CREATE OR REPLACE TEMP TABLE new_cost (row_id BIGINT, cost_usd DECIMAL(18,12), cost_basis_id UINTEGER)"); err != nil {
		return err
	}
	for from := int64(0); from < rows; from += repriceRows {
		if err := r.pass(from, from+repriceRows); err != nil {
			return err
		}
	}
	_, err = r.conn.ExecContext(r.ctx, "DROP TABLE new_cost")
	return err
}

// pass prices the rows from ≤ rowid < to. A cost that the provider reported
// stays: it does not come from the table.
func (r *repricer) pass(from, to int64) error {
	word := func(kind string) string {
		return fmt.Sprintf("(SELECT list(name ORDER BY id) FROM dim WHERE kind = '%s')[%s_id + 1]", kind, kind)
	}
	query := fmt.Sprintf(`SELECT rowid, epoch_ms(ts), %s, %s, %s, %s, %s, %s, %s, %s, %s,
		input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, citation_tokens,
		audio_input_tokens, audio_cache_read_tokens, audio_output_tokens, image_input_tokens, image_output_tokens,
		web_searches, billed_requests, coalesce(seconds, ''), coalesce(sub_usage, ''),
		coalesce((cost_usd * 1000000000000)::BIGINT, -1), gap, requests
		FROM call WHERE rowid >= %d AND rowid < %d`,
		word("provider"), word("upstream"), word("request_model"), word("response_model"), word("service_tier"),
		word("speed"), word("geo"), word("usage_source"), word("cost_basis"), from, to)
	query = strings.ReplaceAll(query, "cost_usd * 1000000000000", "cost_usd::DECIMAL(38,12) * 1000000000000")
	var ids []int64
	var costs []price.Cost
	err := eachRow(r.ctx, r.conn, query, func(rows *sql.Rows) error {
		var rec usage.Record
		var id, before, requests int64
		var sub, basis string
		var gap bool
		t := &rec.Tokens
		if err := rows.Scan(&id, &rec.TS, &rec.Provider, &rec.Upstream, &rec.RequestModel, &rec.ResponseModel, &rec.ServiceTier,
			&rec.Speed, &rec.Geo, &rec.UsageSource, &basis,
			&t.Input, &t.CacheRead, &t.CacheWrite, &t.CacheWrite1h, &t.Output, &t.Reasoning, &t.Citation,
			&t.AudioInput, &t.AudioCacheRead, &t.AudioOutput, &t.ImageInput, &t.ImageOutput,
			&t.WebSearches, &t.Requests, &t.Seconds, &sub, &before, &gap, &requests); err != nil {
			return err
		}
		if basis == price.BasisReported {
			return nil
		}
		if gap {
			rec.Kind, rec.Calls = usage.KindGap, requests
		}
		if sub != "" {
			if err := json.Unmarshal([]byte(sub), &rec.SubUsage); err != nil {
				return fmt.Errorf("sub_usage of row %d: %w", id, err)
			}
		}
		c := r.prices.Cost(&rec)
		r.note(&rec, before, c)
		ids, costs = append(ids, id), append(costs, c)
		return nil
	})
	if err != nil {
		return err
	}
	return r.write(ids, costs)
}

// note adds one row to what moved.
func (r *repricer) note(rec *usage.Record, before int64, c price.Cost) {
	if c.Known() == (before >= 0) && (before < 0 || before == c.Pico) {
		return
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
	if before < 0 {
		m.NewlyPriced++
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

func (r *repricer) write(ids []int64, costs []price.Cost) error {
	if _, err := r.conn.ExecContext(r.ctx, "DELETE FROM new_cost"); err != nil {
		return err
	}
	for i := range costs {
		if _, ok := r.bases[costs[i].Basis]; !ok {
			if _, err := r.conn.ExecContext(r.ctx, "INSERT INTO dim VALUES ('cost_basis', ?, ?)", r.nextID, costs[i].Basis); err != nil {
				return err
			}
			r.bases[costs[i].Basis] = r.nextID
			r.nextID++
		}
	}
	err := r.conn.Raw(func(driverConn any) error {
		a, err := duckdb.NewAppender(driverConn.(driver.Conn), "temp", "main", "new_cost")
		if err != nil {
			return err
		}
		for i, id := range ids {
			var cost driver.Value
			if costs[i].Known() {
				cost = decimal(costs[i].Pico)
			}
			if err = a.AppendRow(id, cost, r.bases[costs[i].Basis]); err != nil {
				break
			}
		}
		if cerr := a.Close(); err == nil {
			err = cerr
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = r.conn.ExecContext(r.ctx, `UPDATE call SET cost_usd = n.cost_usd, cost_basis_id = n.cost_basis_id
		FROM new_cost n WHERE call.rowid = n.row_id AND (call.cost_usd IS DISTINCT FROM n.cost_usd OR call.cost_basis_id <> n.cost_basis_id)`)
	return err
}

// decimal is p, in 1e-12 USD, as the driver's DECIMAL(18,12).
func decimal(p int64) duckdb.Decimal {
	return duckdb.Decimal{Width: 18, Scale: 12, Value: big.NewInt(p)}
}
