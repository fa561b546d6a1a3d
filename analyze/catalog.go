package analyze

import (
	"database/sql"
	"time"
)

// scanner reads one row of a query into the places for its columns.
type scanner func(dest ...any) error

// question is one row of the catalogue: a file in queries and where its rows go.
type question struct {
	name string // file name without .sql
	// cols are the columns taken, in the order read expects them. Their names
	// say how they are read: see cast.
	cols string
	// order repeats the file's ORDER BY, for the query is taken as a subquery.
	order string
	// slow are columns that cost more than the rest of the query; they follow
	// cols and are left out of a run for tables, where read gets none of them.
	slow string
	// where cuts a run for tables.
	where string
	// packed gives one row per value of the first column, the others of all its rows
	// as one text with spaces between: a row costs the driver more than it holds.
	packed bool
	// table keeps the answer, for questions that come after; otherwise is asked for it
	// where there is none. parts is a condition on a hash, to ask in parts.
	table, otherwise, parts, after string
	// sums tells that, but for slow columns, the table hourly gives the same as calls.
	sums bool
	when func(need Need, r *Result) bool // nil: always
	exam bool                            // asked by Examine
	read func(r *Result, scan scanner) error
}

const (
	rowCols   = "key cost_usd requests input_tokens cache_read_tokens cache_write_tokens output_tokens reasoning_tokens avg_tokens errors rate_limited estimated_usd unpriced_requests"
	quantiles = "p50_ms p95_ms"
	byMoney   = "cost_usd DESC NULLS LAST, requests DESC, key"
	byKey     = "key"
	spendCols = "key quarter cost_usd estimated_usd"
)

// TrendHours is the longest period, in hours, whose trend is drawn by the hour.
const TrendHours = 50

// catalog is every question, in the order in which they are asked. Each .sql file
// of queries, but for schema, words and views, stands here once. It is a function so
// that the logger alone, which asks nothing, is built without it.
func catalog() []question {
	return []question{
		{name: "totals", exam: true, cols: totalCols, read: readTotals},
		{name: "hourly", table: "hourly", when: never},
		{name: "by_agent", cols: rowCols + " " + quantiles, order: byMoney, read: readAgents},
		{name: "by_user", cols: rowCols, slow: quantiles, order: byMoney, read: into(func(r *Result) *[]Row { return &r.ByUser })},
		{name: "by_model", sums: true, cols: rowCols, slow: quantiles, order: byMoney, read: into(func(r *Result) *[]Row { return &r.ByModel })},
		{name: "by_endpoint", sums: true, cols: rowCols, slow: quantiles, order: byMoney, read: into(func(r *Result) *[]Row { return &r.ByEndpoint })},
		{name: "by_team", sums: true, cols: rowCols, slow: quantiles, order: byMoney, when: onlyLong, read: into(func(r *Result) *[]Row { return &r.ByTeam })},
		{name: "by_session", cols: rowCols, slow: quantiles, order: byMoney, when: onlyWhole, read: into(func(r *Result) *[]Row { return &r.BySession })},
		{name: "by_day", sums: true, cols: rowCols, slow: quantiles, order: byKey, read: into(func(r *Result) *[]Row { return &r.ByDay })},
		{name: "by_hour", sums: true, cols: rowCols, slow: quantiles, order: byKey, read: into(func(r *Result) *[]Row { return &r.ByHour })},
		{name: "by_time", cols: rowCols, slow: quantiles, order: byKey, when: onlyWhole, read: into(func(r *Result) *[]Row { return &r.ByTime })},
		{name: "by_weekday_hour", sums: true, cols: rowCols, slow: quantiles, order: byKey, read: into(func(r *Result) *[]Row { return &r.ByWeekdayHour })},
		{name: "waste", cols: "agent ratio input_tokens output_tokens cost_usd estimated_usd", order: "input_tokens DESC, agent", read: readWaste},
		{name: "consumption", cols: consumptionCols, order: "agent, model, basis", when: onlySplit, read: readConsumption},
		{name: "unknown_callers", exam: true, cols: strangerCols, order: "place, points DESC, agent", read: readStranger},
		{name: "mark_days", cols: markDayCols, order: "n, agent, day", when: never, read: readMarkDay},
		{name: "actions", table: "action", otherwise: "action_sessions", parts: "trace_hash <> 0"},
		{name: "action_sessions", table: "action", parts: "session_hash <> 0", when: never},
		{name: "traces", after: "actions", cols: traceCols, order: "trace_rank, started_at, call_boot, call_seq", where: "trace_rank <= 10", read: readTraces},
		{name: "unpriced", exam: true, cols: "provider model requests tokens", order: "tokens DESC, requests DESC, provider, model", read: readUnpriced},
		{name: "inconsistent", exam: true, cols: "provider model requests", order: "requests DESC, provider, model", read: readInconsistent},
		{name: "streams_without_usage", exam: true, cols: "agent provider model endpoint requests cost_usd",
			order: "cost_usd DESC NULLS LAST, requests DESC, agent, provider, model, endpoint", read: readStreams},
		{name: "trend_day", sums: true, cols: "key agent cost_usd estimated_usd", order: "key, agent", when: trend(false), read: readTrend},
		{name: "trend_hour", sums: true, cols: "key agent cost_usd estimated_usd", order: "key, agent", when: trend(true), read: readTrend},
		{name: "by_agent_hour", sums: true, cols: "key agent cost_usd estimated_usd", order: "key, agent", when: onlyPictures, read: readAgentHours},
		{name: "prompt_ratio", cols: "requests cost_usd estimated_usd unpriced_requests", when: onlyPictures, read: readAboveTen},
		{name: "prompt_sample", cols: "agent input_tokens output_tokens", order: "agent, boot, seq", when: onlyPictures, read: readSample},
		{name: "big_prompts", cols: "started_at agent user model input_tokens output_tokens cost_usd estimated",
			order: "beyond_tokens DESC, started_at, boot, seq", when: onlyPictures, read: readBigPrompt},
		{name: "trace_typical", after: "actions", cols: "traces typical_usd", when: onlyPictures, read: readTypical},
		{name: "quality_files", exam: true, cols: "files lines accepted duplicates torn other_kinds damaged", read: readFiles},
		{name: "quality_rejects", exam: true, cols: "reason lines", order: "lines DESC, reason", read: readRejects},
		{name: "quality_seq", exam: true, cols: "missing_seq open_calls", read: readSeq},
		{name: "first_call", cols: "first_at", when: onlySplit, read: readFirstCall},
		{name: "last_call", exam: true, cols: "last_at", when: onlyEmpty, read: readLastCall},
		{name: "agents_seen", exam: true, cols: "agent last_at", order: "agent", when: never, read: readSeen},
		{name: "unlabelled", exam: true, cols: "program requests cost_usd", order: "requests DESC, program", when: never, read: readUnlabelled},
		{name: "clock_jumps", exam: true, cols: "requests", when: never, read: readJumps},
		{name: "spend_agent", cols: spendCols, order: "quarter, key", packed: true, when: never, read: readSpending(ScopeAgent)},
		{name: "spend_user", cols: spendCols, order: "quarter, key", packed: true, when: never, read: readSpending(ScopeUser)},
		{name: "spend_model", cols: spendCols, order: "quarter, key", packed: true, when: never, read: readSpending(ScopeModel)},
		{name: "spend_team", cols: spendCols, order: "quarter, key", packed: true, when: never, read: readSpending(ScopeTeam)},
		{name: "spend_calls", cols: "quarter started_at agent user model team cost_usd", order: "started_at, boot, seq", when: never, read: readSpentCall},
		{name: "quality_writers", exam: true, cols: "dropped write_errors lost_lines", read: readWriters},
	}
}

// Columns of text, of approximate numbers and of truth values; the others are named by their
// suffix or are whole numbers.
var (
	textual = map[string]bool{"key": true, "agent": true, "user": true, "model": true, "endpoint": true, "step": true,
		"end": true, "program": true, "basis": true, "team": true, "system": true, "key_id": true, "client": true, "shared": true, "call_boot": true, "trace_key": true, "provider": true, "reason": true, "trace_id": true, "grouped_by": true}
	approximate = map[string]bool{"ratio": true, "avg_tokens": true, "points": true}
	logical     = map[string]bool{"estimated": true}
)

func onlyWhole(need Need, _ *Result) bool    { return need&Whole != 0 }
func onlySplit(need Need, _ *Result) bool    { return need&Split != 0 }
func never(Need, *Result) bool               { return false }
func onlyEmpty(_ Need, r *Result) bool       { return r.Totals.Requests == 0 }
func onlyPictures(need Need, _ *Result) bool { return need&Pictures != 0 }
func onlyLong(need Need, _ *Result) bool     { return need&(Whole|Pictures) != 0 }

func trend(hourly bool) func(Need, *Result) bool {
	return func(need Need, r *Result) bool { return need&Pictures != 0 && r.TrendHourly == hourly }
}

const totalCols = "cost_usd requests input_tokens cache_read_tokens cache_write_tokens output_tokens reasoning_tokens avg_tokens errors rate_limited " +
	"estimated_usd agents gap_requests estimated_requests unpriced_requests inconsistent_requests"

func readTotals(r *Result, scan scanner) error {
	t := &r.Totals
	return scan(&t.Cost, &t.Requests, &t.InputTokens, &t.CacheReadTokens, &t.CacheWriteTokens, &t.OutputTokens, &t.ReasoningTokens,
		&t.AvgTokens, &t.Errors, &t.RateLimited, &t.Estimated, &t.Agents, &t.gapRequests, &t.estimatedRequests, &t.unpricedRequests, &t.inconsistentRequests)
}

func (row *Row) dest() []any {
	return []any{&row.Key, &row.Cost, &row.Requests, &row.InputTokens, &row.CacheReadTokens, &row.CacheWriteTokens, &row.OutputTokens,
		&row.ReasoningTokens, &row.AvgTokens, &row.Errors, &row.RateLimited, &row.Estimated, &row.Unpriced, &row.P50, &row.P95}
}

// into reads rows of a by-table, with or without quantiles.
func into(table func(*Result) *[]Row) func(*Result, scanner) error {
	return func(r *Result, scan scanner) error {
		var row Row
		if err := scan(row.dest()...); err != nil {
			return err
		}
		t := table(r)
		*t = append(*t, row)
		return nil
	}
}

func readAgents(r *Result, scan scanner) error {
	var row AgentRow
	if err := scan(row.dest()...); err != nil {
		return err
	}
	r.ByAgent = append(r.ByAgent, row)
	return nil
}

func readWaste(r *Result, scan scanner) error {
	var w Waste
	if err := scan(&w.Agent, &w.Ratio, &w.InputTokens, &w.OutputTokens, &w.Cost, &w.Estimated); err != nil {
		return err
	}
	r.Waste = append(r.Waste, w)
	return nil
}

const traceCols = "trace_id grouped_by trace_usd trace_rank started_at agent user model endpoint step status end latency_ms " +
	"input_tokens cache_read_tokens output_tokens cost_usd estimated call_boot call_seq trace_key " +
	"span_hash parent_hash response_hash prev_response_hash fp_turn_0 fp_turn_1 fp_turn_2 fp_turn_3 tool_calls"

func readTraces(r *Result, scan scanner) error {
	var t Trace
	var c Call
	var l links
	var rank, at int64
	err := scan(&t.ID, &t.By, &t.Cost, &rank, &at, &c.Agent, &c.User, &c.Model, &c.Endpoint, &c.Step, &c.Status, &c.End, &c.LatencyMS,
		&c.InputTokens, &c.CacheReadTokens, &c.OutputTokens, &c.Cost, &c.Estimated, &c.Boot, &c.Seq, &t.hash,
		&l.span, &l.parent, &l.response, &l.previous, &l.turns[0], &l.turns[1], &l.turns[2], &l.turns[3], &l.toolCalls)
	if err != nil {
		return err
	}
	c.At = time.UnixMicro(at).UTC()
	if int(rank) > len(r.Traces) {
		r.Traces = append(r.Traces, t)
	}
	last := &r.Traces[len(r.Traces)-1]
	last.Calls, last.links = append(last.Calls, c), append(last.links, l)
	return nil
}

func readUnpriced(r *Result, scan scanner) error {
	var u Unpriced
	if err := scan(&u.Provider, &u.Model, &u.Requests, &u.Tokens); err != nil {
		return err
	}
	r.Unpriced = append(r.Unpriced, u)
	return nil
}

func readInconsistent(r *Result, scan scanner) error {
	var x Inconsistent
	if err := scan(&x.Provider, &x.Model, &x.Requests); err != nil {
		return err
	}
	r.Inconsistent = append(r.Inconsistent, x)
	return nil
}

func readStreams(r *Result, scan scanner) error {
	var s Stream
	if err := scan(&s.Agent, &s.Provider, &s.Model, &s.Endpoint, &s.Requests, &s.Cost); err != nil {
		return err
	}
	r.Streams = append(r.Streams, s)
	return nil
}

func readTrend(r *Result, scan scanner) error {
	var p TrendPoint
	if err := scan(&p.Key, &p.Agent, &p.Cost, &p.Estimated); err != nil {
		return err
	}
	r.Trend = append(r.Trend, p)
	return nil
}

func readFiles(r *Result, scan scanner) error {
	q := &r.Quality
	return scan(&q.Files, &q.Lines, &q.Accepted, &q.Duplicates, &q.Torn, &q.OtherKinds, &q.DamagedFiles)
}

func readRejects(r *Result, scan scanner) error {
	var reason string
	var n int64
	if err := scan(&reason, &n); err != nil {
		return err
	}
	r.Quality.Rejected[reason] = n
	return nil
}

func readSeq(r *Result, scan scanner) error {
	return scan(&r.Quality.MissingSeq, &r.Quality.OpenCalls)
}

func readFirstCall(r *Result, scan scanner) error { return readMoment(&r.FirstCall, scan) }

func readLastCall(r *Result, scan scanner) error { return readMoment(&r.LastCall, scan) }

// readMoment leaves to as it is where there is none.
func readMoment(to *time.Time, scan scanner) error {
	var at sql.NullInt64
	if err := scan(&at); err != nil {
		return err
	}
	if at.Valid {
		*to = time.UnixMicro(at.Int64).UTC()
	}
	return nil
}
