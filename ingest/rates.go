//go:build cgo

package ingest

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"burn/ingest/price"
	"burn/proxy/usage"
)

// rateKey is what a price depends on, as ids and as words.
type rateKey struct {
	ids         [7]uint32
	words       [7]string
	first, last time.Time
}

// rateDims are the columns of rateKey, by the kind of their words.
var rateDims = [7]string{"upstream", "provider", "request_model", "response_model", "service_tier", "speed", "geo"}

// rates writes what one more token costs, for every combination of names that
// calls have and every stretch of time and size in which it is the same: findings
// price a part of a call with it. A unit is 1,000 tokens, in 1e-12 USD, found as
// the difference of two costs, so that tiers and multipliers are in it.
func (d *deriver) rates(prices *price.Table) error {
	keys, err := d.rateKeys()
	if err != nil {
		return err
	}
	if _, err := d.conn.ExecContext(d.ctx, "DELETE FROM rate"); err != nil {
		return err
	}
	var rows []string
	for i := range keys {
		rows = append(rows, keys[i].rows(prices)...)
	}
	for len(rows) > 0 {
		n := min(len(rows), 200)
		if _, err := d.conn.ExecContext(d.ctx, "INSERT INTO rate VALUES "+strings.Join(rows[:n], ", ")); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (d *deriver) rateKeys() (keys []rateKey, err error) {
	words := map[string]map[uint32]string{}
	err = eachRow(d.ctx, d.conn, "SELECT kind, id, name FROM dim", func(rows *sql.Rows) error {
		var kind, name string
		var id uint32
		if err := rows.Scan(&kind, &id, &name); err != nil {
			return err
		}
		if words[kind] == nil {
			words[kind] = map[uint32]string{}
		}
		words[kind][id] = name
		return nil
	})
	if err != nil {
		return nil, err
	}
	columns := strings.Join(rateDims[:], "_id, ") + "_id"
	query := "SELECT " + columns + ", min(ts), max(ts) FROM call WHERE input_tokens + output_tokens > 0 AND NOT gap GROUP BY ALL ORDER BY ALL"
	err = eachRow(d.ctx, d.conn, query, func(rows *sql.Rows) error {
		var k rateKey
		dest := make([]any, 0, 9)
		for i := range k.ids {
			dest = append(dest, &k.ids[i])
		}
		if err := rows.Scan(append(dest, &k.first, &k.last)...); err != nil {
			return err
		}
		for i, kind := range rateDims {
			k.words[i] = words[kind][k.ids[i]]
		}
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

// rows are the SQL values of k's rates: one per price row and size.
func (k *rateKey) rows(prices *price.Table) (rows []string) {
	day := k.first.UTC().Truncate(24 * time.Hour)
	var begin time.Time
	var row *price.Row
	flush := func(end time.Time) {
		if row != nil {
			rows = append(rows, k.values(prices, row, begin, end)...)
		}
	}
	for ; !day.After(k.last); day = day.Add(24 * time.Hour) {
		rec := k.record(day, k.words[3])
		rec.Input = 1000
		if c := prices.Cost(&rec); c.Row != row || begin.IsZero() {
			flush(day)
			begin, row = day, c.Row
		}
	}
	flush(day)
	return rows
}

func (k *rateKey) record(at time.Time, served string) usage.Record {
	return usage.Record{
		TS: at.UnixMilli(), Upstream: k.words[0], Provider: k.words[1], RequestModel: k.words[2], ResponseModel: served,
		ServiceTier: k.words[4], Speed: k.words[5], Geo: k.words[6], UsageSource: usage.SourceReported,
	}
}

// values are the rates below and, where there is one, above the row's threshold
// of long prompts.
func (k *rateKey) values(prices *price.Table, row *price.Row, begin, end time.Time) (rows []string) {
	model := k.words[3]
	if model == "" {
		model = k.words[2]
	}
	family := price.FamilyOf(model)
	batch := "NULL"
	if m, ok := row.Number("batch_multiplier"); ok && price.Plain(k.words[4], k.words[5]) {
		batch = m.String()
	}
	const most = usage.MaxCount
	threshold, atLeast := row.LongThreshold()
	sizes := [][2]int64{{0, most}}
	if threshold > 0 {
		if !atLeast {
			threshold++
		}
		sizes = [][2]int64{{0, threshold - 1}, {threshold, most}}
	}
	for _, size := range sizes {
		own, ok := k.marginal(prices, begin, size[0], k.words[2], k.words[3])
		if !ok {
			continue
		}
		cheap, known := own, false
		if family.Sibling != "" {
			cheap, known = k.marginal(prices, begin, size[0], family.Sibling, family.Sibling)
			known = known && cheap[0] < own[0]
		}
		sibling := "''"
		if known {
			sibling = "'" + family.Sibling + "'"
		}
		ids := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(k.ids)), ", "), "[]")
		rows = append(rows, fmt.Sprintf("(%s, TIMESTAMP '%s', TIMESTAMP '%s', %d, %d, %d, %d, %d, %d, %s, %d, %s, %d, %d, %d, %d)",
			ids, begin.Format(time.DateTime), end.Format(time.DateTime), size[0], size[1],
			own[0], own[1], own[2], own[3], batch, family.CacheMinimum, sibling, cheap[0], cheap[1], cheap[2], cheap[3]))
	}
	return rows
}

// marginal is what 1,000 more tokens of input, cache reads, cache writes and
// output cost at a size.
func (k *rateKey) marginal(prices *price.Table, at time.Time, size int64, asked, served string) (r [4]int64, ok bool) {
	rec := k.record(at, served)
	rec.RequestModel, rec.Input = asked, size
	base := prices.Cost(&rec)
	if !base.Known() {
		return r, false
	}
	const unit = 1000
	for i, add := range []func(*usage.Record){
		func(r *usage.Record) { r.Input += unit },
		func(r *usage.Record) { r.Input += unit; r.CacheRead = unit },
		func(r *usage.Record) { r.Input += unit; r.CacheWrite = unit },
		func(r *usage.Record) { r.Output += unit },
	} {
		more := rec
		add(&more)
		c := prices.Cost(&more)
		if !c.Known() {
			return r, false
		}
		r[i] = c.Pico - base.Pico
	}
	return r, true
}
