package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"burn/analyze"
)

// csvColumns are the columns of the one flat table, in order. A row fills those
// its table has; "table" says which that is.
var csvColumns = []string{"table", "key", "cost_usd", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
	"reasoning_tokens", "avg_tokens", "errors", "rate_limited", "p50_ms", "p95_ms", "name", "owner", "purpose", "ratio", "estimated_usd", "agents",
	"provider", "tokens", "ts", "agent", "user", "model", "endpoint", "step", "status", "end", "latency_ms", "value",
	"kind", "class", "title", "evidence", "fix", "saving_usd",
	"before_usd", "change_usd", "price_usd", "volume_usd", "size_usd", "mix_usd", "presence_usd", "unpriced_usd",
	"fp_system", "key_id", "client", "user_agent", "limit_usd", "forecast_usd", "low_usd", "high_usd", "call", "parent", "depth", "subtree_usd", "unpriced_requests"}

// CSV writes every table of r whole, as one flat table whose first column names
// the table. Cells that a spreadsheet would take for a formula get a leading '.
func CSV(w io.Writer, r *analyze.Result) error {
	c := sheet{w: csv.NewWriter(w)}
	c.record(csvColumns)
	c.row("period", "since", cells{"value": stamp(r.Period.Since)})
	c.row("period", "until", cells{"value": stamp(r.Period.Until)})
	c.row("period", "tz", cells{"value": r.Period.TZ})
	c.totals("totals", r.Totals)
	if r.Previous != nil {
		c.totals("previous", *r.Previous)
	}
	for _, a := range r.ByAgent {
		set := rowSet(a.Row)
		set["name"], set["owner"], set["purpose"] = a.Name, a.Owner, a.Purpose
		c.row("by_agent", a.Key, set)
	}
	for _, t := range []struct {
		name string
		rows []analyze.Row
	}{
		{"by_user", r.ByUser}, {"by_model", r.ByModel}, {"by_endpoint", r.ByEndpoint}, {"by_team", r.ByTeam}, {"by_session", r.BySession},
		{"by_day", r.ByDay}, {"by_hour", r.ByHour}, {"by_time", r.ByTime}, {"by_weekday_hour", r.ByWeekdayHour},
	} {
		for _, row := range t.rows {
			c.row(t.name, row.Key, rowSet(row))
		}
	}
	for _, x := range r.Waste {
		c.row("waste", x.Agent, cells{"agent": x.Agent, "ratio": float(x.Ratio), "input_tokens": whole(x.InputTokens),
			"output_tokens": whole(x.OutputTokens), "cost_usd": x.Cost.String(), "estimated_usd": x.Estimated.String()})
	}
	for _, f := range r.Findings {
		c.row("findings", f.ID, cells{"kind": f.Kind, "class": f.Class, "agents": strings.Join(f.Agents, " "), "title": f.Title, "evidence": f.Evidence,
			"fix": f.Fix, "requests": whole(f.Calls), "cost_usd": f.Cost.String(), "saving_usd": f.Saving.String()})
	}
	for _, x := range r.Changes {
		c.row("changes", x.Agent, cells{"agent": x.Agent, "kind": x.Kind, "evidence": x.Why, "requests": whole(x.Requests), "cost_usd": x.After.String(),
			"before_usd": x.Before.String(), "change_usd": x.Change.String(), "price_usd": x.Price.String(), "volume_usd": x.Volume.String(),
			"size_usd": x.Size.String(), "mix_usd": x.Mix.String(), "presence_usd": x.Presence.String(), "unpriced_usd": x.Unpriced.String()})
	}
	for _, m := range r.Marks {
		set := cells{"ts": stamp(m.At), "agent": m.Agent, "title": m.Text, "kind": m.Verdict, "evidence": m.Why, "requests": whole(m.CallsAfter), "saving_usd": m.Saved.String()}
		if m.ChangePct != nil {
			set["value"] = float(*m.ChangePct)
		}
		c.row("marks", m.Agent, set)
	}
	for _, x := range r.Strangers {
		c.row("unknown_callers", x.Program, cells{"agent": x.Resembles, "evidence": strings.Join(x.Shared, " "), "requests": whole(x.Calls), "cost_usd": x.Cost.String(), "ts": stamp(x.First),
			"fp_system": x.System, "key_id": x.KeyID, "client": x.Client, "user_agent": x.Program})
	}
	if r.Roster != nil {
		for _, id := range r.Roster.Unregistered {
			c.row("agents_file", id, cells{"agent": id, "kind": "unregistered"})
		}
		for _, id := range r.Roster.Silent {
			c.row("agents_file", id, cells{"agent": id, "kind": "silent"})
		}
	}
	c.traces(r.Traces)
	for _, u := range r.Unpriced {
		c.row("unpriced", u.Model, cells{"provider": u.Provider, "model": u.Model, "requests": whole(u.Requests), "tokens": whole(u.Tokens)})
	}
	for _, x := range r.Inconsistent {
		c.row("inconsistent", x.Model, cells{"provider": x.Provider, "model": x.Model, "requests": whole(x.Requests)})
	}
	for _, x := range r.Streams {
		c.row("streams_without_usage", x.Agent, cells{"agent": x.Agent, "provider": x.Provider, "model": x.Model, "endpoint": x.Endpoint,
			"requests": whole(x.Requests), "cost_usd": x.Cost.String(), "estimated_usd": x.Cost.String()})
	}
	c.budgets(r)
	c.quality(r.Quality)
	return c.flush()
}

// cells are the filled cells of a row by column.
type cells map[string]string

type sheet struct {
	w   *csv.Writer
	err error
}

func (c *sheet) record(fields []string) {
	if c.err == nil {
		c.err = c.w.Write(fields)
	}
}

func (c *sheet) row(table, key string, set cells) {
	fields := make([]string, len(csvColumns))
	for i, name := range csvColumns {
		fields[i] = set[name]
		if _, err := strconv.ParseFloat(fields[i], 64); strings.HasSuffix(name, "_usd") || name == "value" && err == nil {
			continue // a figure
		}
		fields[i] = Cell(fields[i])
	}
	fields[0], fields[1] = table, Cell(key)
	c.record(fields)
}

func (c *sheet) flush() error {
	if c.err == nil {
		c.w.Flush()
		c.err = c.w.Error()
	}
	if c.err != nil {
		return fmt.Errorf("write csv: %w", c.err)
	}
	return nil
}

func (c *sheet) totals(table string, t analyze.Totals) {
	set := rowSet(analyze.Row{Cost: t.Cost, Requests: t.Requests, InputTokens: t.InputTokens, CacheReadTokens: t.CacheReadTokens,
		CacheWriteTokens: t.CacheWriteTokens, OutputTokens: t.OutputTokens, ReasoningTokens: t.ReasoningTokens, AvgTokens: t.AvgTokens,
		Errors: t.Errors, RateLimited: t.RateLimited, Estimated: t.Estimated})
	set["agents"] = whole(t.Agents)
	delete(set, "unpriced_requests") // quality has it
	c.row(table, "", set)
	for _, x := range []struct {
		class string
		usd   analyze.USD
	}{{analyze.Certain, t.Avoidable.Certain}, {analyze.Likely, t.Avoidable.Likely}, {analyze.Test, t.Avoidable.Test}} {
		c.row(table, "avoidable", cells{"class": x.class, "saving_usd": x.usd.String()})
	}
	if p := t.PeakHour; p != nil {
		c.row(table, "peak_hour", cells{"value": p.Hour, "cost_usd": p.Cost.String(), "estimated_usd": p.Estimated.String()})
	}
}

func (c *sheet) traces(traces []analyze.Trace) {
	for _, t := range traces {
		c.row("traces", t.ID, cells{"kind": t.By, "cost_usd": t.Cost.String(), "requests": strconv.Itoa(len(t.Calls))})
		for _, x := range t.Calls {
			set := cells{"ts": stamp(x.At), "agent": x.Agent, "user": x.User, "model": x.Model, "endpoint": x.Endpoint,
				"step": x.Step, "status": whole(x.Status), "end": x.End, "latency_ms": float(x.LatencyMS), "input_tokens": whole(x.InputTokens),
				"cache_read_tokens": whole(x.CacheReadTokens), "output_tokens": whole(x.OutputTokens), "cost_usd": x.Cost.String(), "kind": x.Kind,
				"call": callName(x.Boot, x.Seq), "depth": strconv.Itoa(x.Depth), "subtree_usd": x.Subtree.String()}
			if x.ParentBy != "" {
				set["parent"] = callName(x.ParentBoot, x.ParentSeq)
			}
			if x.Estimated {
				set["estimated_usd"] = x.Cost.String()
			}
			c.row("trace_calls", t.ID, set)
		}
	}
}

// callName is a call's identity as one cell.
func callName(boot string, seq uint64) string { return boot + "-" + strconv.FormatUint(seq, 10) }

func (c *sheet) quality(q analyze.Quality) {
	for _, x := range []struct {
		key string
		n   int64
	}{
		{"files", q.Files}, {"lines", q.Lines}, {"accepted", q.Accepted}, {"duplicates", q.Duplicates}, {"torn", q.Torn}, {"other_kinds", q.OtherKinds},
		{"missing_seq", q.MissingSeq}, {"open_calls", q.OpenCalls}, {"gap_requests", q.GapRequests},
		{"estimated_requests", q.EstimatedRequests}, {"unpriced_requests", q.UnpricedRequests}, {"inconsistent_requests", q.InconsistentRequests},
		{"write_errors", q.WriteErrors}, {"lost_lines", q.LostLines}, {"dropped", q.Dropped}, {"beyond_rebuild", q.BeyondRebuild}, {"lost_calls", q.LostCalls}, {"damaged_files", q.DamagedFiles}, {"unread_files", q.UnreadFiles},
	} {
		c.row("quality", x.key, cells{"value": whole(x.n)})
	}
	for _, reason := range sortedReasons(q) {
		c.row("rejected", reason, cells{"value": whole(q.Rejected[reason])})
	}
	for _, x := range []struct {
		key string
		pct *float64
	}{{"estimate_input_error_pct", q.EstimateInputErrorPct}, {"estimate_output_error_pct", q.EstimateOutputErrorPct}} {
		if x.pct != nil {
			c.row("quality", x.key, cells{"value": float(*x.pct)})
		}
	}
	c.row("quality", "price_table_date", cells{"value": q.PriceTableDate})
}

func rowSet(r analyze.Row) cells {
	set := cells{"cost_usd": r.Cost.String(), "requests": whole(r.Requests), "input_tokens": whole(r.InputTokens),
		"cache_read_tokens": whole(r.CacheReadTokens), "cache_write_tokens": whole(r.CacheWriteTokens), "output_tokens": whole(r.OutputTokens),
		"reasoning_tokens": whole(r.ReasoningTokens), "avg_tokens": float(r.AvgTokens), "errors": whole(r.Errors), "rate_limited": whole(r.RateLimited), "estimated_usd": r.Estimated.String(), "unpriced_requests": whole(r.Unpriced)}
	if r.P50 != nil {
		set["p50_ms"] = float(*r.P50)
	}
	if r.P95 != nil {
		set["p95_ms"] = float(*r.P95)
	}
	return set
}

func whole(n int64) string     { return strconv.FormatInt(n, 10) }
func float(f float64) string   { return strconv.FormatFloat(f, 'f', -1, 64) }
func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

// Cell makes foreign text safe in a spreadsheet: what begins with = + - @ TAB or
// CR is taken for a formula and gets a leading '. Negative figures begin so as well, and
// are no text.
func Cell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", []rune(s)[0]) {
		return s
	}
	return "'" + s
}
