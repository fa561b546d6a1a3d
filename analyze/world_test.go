//go:build cgo

package analyze_test

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/marcboeker/go-duckdb/v2"

	"burn/analyze"
	"burn/queries"
)

// call is a row of the table call under readable names; empty words are id 0,
// which is how ingest stores what a line does not say.
type call struct {
	boot, seq                                     uint64
	ts                                            time.Time
	agent, user, provider, requested, served      string
	endpoint, end, session, trace, step           string
	program, flags, tags                          string
	status, requests                              int
	gap, estimated, stream                        bool
	input, cacheRead, cacheWrite, output, reasons int
	cost, basis                                   string // cost "": no price
	latency                                       float64
}

// world is a database as ingest leaves it, made of calls.
type world struct {
	t    testing.TB
	db   *sql.DB
	dims map[string][]string
	seq  uint64

	tables  map[string][]tableColumn
	pending []map[string]any // calls to be stored before the next run
	names   map[string]bool

	// So that cases do not meet in one world: lane stands before the names of
	// agents, keys, sessions and traces of put, and shift is added to fingerprints.
	lane  string
	shift uint64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return openWorld(t, "")
}

// openWorld makes it in a file, or in memory if path is "".
func openWorld(t testing.TB, path string) *world {
	t.Helper()
	db, err := sql.Open("duckdb", path+"?threads=2&memory_limit=512MB")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, db: db, dims: map[string][]string{}, tables: map[string][]tableColumn{}, names: map[string]bool{}}
	w.exec(queries.Text("schema"))
	return w
}

func (w *world) exec(text string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(text, args...); err != nil {
		w.t.Fatalf("%.200s: %v", text, err)
	}
}

// id gives a word's number within its kind.
func (w *world) id(kind, word string) int {
	if w.dims[kind] == nil {
		w.dims[kind] = []string{""}
		w.exec("INSERT INTO dim VALUES (?, 0, '')", kind)
	}
	for i, have := range w.dims[kind] {
		if have == word {
			return i
		}
	}
	w.dims[kind] = append(w.dims[kind], word)
	w.exec("INSERT INTO dim VALUES (?, ?, ?)", kind, len(w.dims[kind])-1, word)
	return len(w.dims[kind]) - 1
}

// hash gives a session's or trace's number and stores its spelling, twice.
func (w *world) hash(word string) uint64 {
	if word == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(word))
	if w.names[word] {
		return h.Sum64() >> 1
	}
	w.names[word] = true
	w.exec("INSERT INTO name VALUES (?, ?), (?, ?)", h.Sum64()>>1, word, h.Sum64()>>1, word)
	return h.Sum64() >> 1
}

// add stores calls; what a row leaves out is a plain good call.
func (w *world) add(calls ...call) {
	w.t.Helper()
	rows := make([]map[string]any, len(calls))
	for i, c := range calls {
		rows[i] = w.row(c)
	}
	w.insert("call", rows...)
}

// insert adds rows to a table of the schema; columns left out are 0, empty or
// false, or NULL where they may be.
func (w *world) insert(table string, rows ...map[string]any) {
	w.t.Helper()
	used := map[string]bool{}
	for _, set := range rows {
		for name := range set {
			used[name] = true
		}
	}
	var list, names []string
	zero := map[string]string{}
	for _, c := range w.columns(table) {
		zero[c.name] = c.zero
		list = append(list, c.zero)
		if used[c.name] {
			list[len(list)-1] = `"` + c.name + `"`
			names = append(names, c.name)
		}
	}
	if len(names) != len(used) {
		w.t.Fatalf("table %s has columns %q, not all of %v", table, names, slices.Sorted(maps.Keys(used)))
	}
	for len(rows) > 0 {
		var text strings.Builder
		sep := ""
		for _, set := range rows[:min(len(rows), 1000)] {
			text.WriteString(sep)
			for i, name := range names {
				v, ok := set[name]
				if !ok {
					v = zero[name]
				}
				text.WriteString([]string{"(", ", "}[min(i, 1)])
				fmt.Fprint(&text, v)
			}
			sep = "), "
		}
		w.exec("INSERT INTO " + table + " SELECT " + strings.Join(list, ", ") + " FROM (VALUES " + text.String() + `)) v("` + strings.Join(names, `", "`) + `")`)
		rows = rows[min(len(rows), 1000):]
	}
}

func (w *world) row(c call) map[string]any {
	w.seq++
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	if c.seq == 0 {
		c.boot, c.seq = 1, w.seq
	}
	if c.status == 0 && !c.gap {
		c.status = 200
	}
	if !c.gap {
		c.end = or(c.end, "complete")
	}
	if c.requests == 0 {
		c.requests = 1
	}
	cost, basis := "NULL", or(c.basis, "unknown_model")
	if c.cost != "" {
		cost, basis = "'"+c.cost+"'", or(c.basis, "computed")
	}
	return map[string]any{
		"boot": c.boot, "seq": c.seq, "requests": c.requests, "gap": c.gap, "estimated": c.estimated, "stream": c.stream,
		"ts": "'" + c.ts.UTC().Format("2006-01-02 15:04:05.000") + "'::TIMESTAMP", "latency_us": int64(c.latency * 1000),
		"agent_id": w.id("agent", c.agent), "user_id": w.id("user", c.user), "provider_id": w.id("provider", c.provider),
		"request_model_id": w.id("request_model", c.requested), "response_model_id": w.id("response_model", c.served),
		"endpoint_id": w.id("endpoint", c.endpoint), "end_id": w.id("end", c.end), "status": c.status, "step_id": w.id("step", c.step),
		"user_agent_id": w.id("user_agent", c.program), "flags_id": w.id("flags", c.flags), "tags_id": w.id("tags", c.tags),
		"session_hash": w.hash(c.session), "trace_hash": w.hash(c.trace),
		"input_tokens": c.input, "cache_read_tokens": c.cacheRead, "cache_write_tokens": c.cacheWrite,
		"output_tokens": c.output, "reasoning_tokens": c.reasons,
		"cost_usd": cost + "::DECIMAL(18,12)", "cost_basis_id": w.id("cost_basis", basis),
	}
}

type tableColumn struct{ name, zero string }

func (w *world) columns(table string) []tableColumn {
	w.t.Helper()
	if w.tables[table] != nil {
		return w.tables[table]
	}
	rows, err := w.db.Query(`SELECT column_name, CASE WHEN column_name IN ('cost_usd', 'seconds', 'sub_usage', 'batch_multiplier') THEN 'NULL' WHEN data_type = 'VARCHAR' THEN ''''''
		WHEN data_type = 'BOOLEAN' THEN 'false' ELSE '0' END FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index`, table)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c tableColumn
		if err := rows.Scan(&c.name, &c.zero); err != nil {
			w.t.Fatal(err)
		}
		w.tables[table] = append(w.tables[table], c)
	}
	return w.tables[table]
}

// run analyses everything between since and until.
func (w *world) run(opt analyze.Options) *analyze.Result {
	w.t.Helper()
	w.insert("call", w.pending...)
	w.pending = nil
	if opt.Need == 0 {
		opt.Need = analyze.Whole | analyze.Pictures
	}
	opt.Now = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	r, err := analyze.Run(context.Background(), w.db, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func period(since, until string) analyze.Period {
	return analyze.Period{Since: at(since), Until: at(until)}
}

// rate stores what 1,000 tokens of a model cost, in millionths of a dollar.
func (w *world) rate(provider, model string, input, read, write, output int64) {
	w.t.Helper()
	w.tier(provider, model, "", input, read, write, output)
}

// tier is rate for one service tier.
func (w *world) tier(provider, model, tier string, input, read, write, output int64) {
	w.t.Helper()
	w.insert("rate", map[string]any{
		"service_tier_id": w.id("service_tier", tier),
		"provider_id":     w.id("provider", provider), "request_model_id": w.id("request_model", model),
		"from_at": "TIMESTAMP '2020-01-01'", "until_at": "TIMESTAMP '2030-01-01'", "most_tokens": 4294967295,
		"input_pico": input * 1e6, "read_pico": read * 1e6, "write_pico": write * 1e6, "output_pico": output * 1e6,
		"batch_multiplier": "0.5", "cache_minimum": 1024,
	})
}
