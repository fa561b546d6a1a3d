// Package analyze asks burn's questions of the database and returns the answers
// as plain data. It formats nothing and prints nothing.
//
// Read in this order: result.go (the data, and its JSON form), pictures.go (what
// only a page shows), catalog.go (one row per question), analyze.go (how they are
// asked), tree.go (which call is part of which), findings.go, finding_text.go and
// blame.go (avoidable dollars), spending.go
// (budgets, forecasts and spikes), examine.go (those about the records
// themselves), period.go (how people name times), filter.go (globs to
// ids), money.go (exact dollars), lanes.go (statements side by side).
package analyze

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"burn/queries"
)

// Need says which costly parts of a Result are wanted. The zero value gives what
// tables on a terminal show.
type Need uint8

const (
	// Whole asks for by_session, by_time, all quantiles and 1,000 traces instead
	// of 10: for JSON and CSV.
	Whole Need = 1 << iota
	// Pictures asks for Result.Trend: for HTML.
	Pictures
	// Split asks for what Changes needs of both periods. Run asks for it by itself
	// where Options.Compare is set.
	Split
	// Alerts asks for Result.Spikes, as Whole and Pictures do. Budgets are always
	// looked at.
	Alerts
)

// Options say what to look at.
type Options struct {
	Period  Period
	Compare *Period // nil: no comparison
	Beside  bool    // asks for Result.Beside, the compared period's own findings
	Filter  Filter
	Need    Need
	Now     time.Time        // Result.GeneratedAt
	Agents  map[string]Agent // the agents file by id; nil if none was given
	// Thresholds of findings by name; what is not there has its default.
	Thresholds map[string]int64
	Marks      []Mark // At, Agent and Text, in order of time
	// Budgets beside those of the agents file; each passes its Check.
	Budgets []BudgetRule

	spentSince, spentUntil time.Time // what a watcher looks at
}

// Run points the views of db at opt.Period and asks every question of the
// catalogue. The views and the table period stay as they are afterwards, so that
// a query file can be pasted into a DuckDB shell. An empty period is no error:
// Totals.Requests is 0.
func Run(ctx context.Context, db *sql.DB, opt Options) (*Result, error) {
	if err := queries.SetWords(ctx, db); err != nil {
		return nil, err
	}
	var before *Result
	if opt.Compare != nil {
		opt.Need |= Split
		before = empty(opt, *opt.Compare)
		compared := onlyTotals
		if opt.Need&Pictures != 0 {
			compared = forPictures(before)
		}
		wanted := func(q question) bool { // of no calls nothing more can be told
			return q.name == "totals" || before.Totals.Requests > 0 && (compared(q) || opt.Beside && q.name == "waste")
		}
		var meanwhile []task
		before.Totals.Avoidable = Avoidable{} // not looked for
		if opt.Beside {
			meanwhile = append(meanwhile, func(ctx context.Context, l *lanes) error { return find(ctx, db, l, before, opt) })
		}
		if err := ask(ctx, db, before, opt, wanted, meanwhile...); err != nil {
			return nil, fmt.Errorf("compared period: %w", err)
		}
	}
	r := empty(opt, opt.Period)
	if err := lookAtMarks(ctx, db, r, opt); err != nil {
		return nil, err
	}
	meanwhile := []task{func(ctx context.Context, l *lanes) error { return find(ctx, db, l, r, opt) }}
	if w, ok := newWatcher(opt); ok {
		opt.spentSince, opt.spentUntil = w.from, w.end
		meanwhile = append(meanwhile, func(ctx context.Context, l *lanes) error { return w.watch(ctx, db, l, r, opt) })
	}
	wanted := func(q question) bool { return q.when == nil || q.when(opt.Need, r) }
	if err := ask(ctx, db, r, opt, wanted, meanwhile...); err != nil {
		return nil, err
	}
	if err := judge(ctx, db, r); err != nil {
		return nil, err
	}
	if err := blame(ctx, db, r); err != nil {
		return nil, err
	}
	if err := readMeta(ctx, db, r); err != nil {
		return nil, err
	}
	finish(r, opt)
	if before != nil {
		if opt.Need&Pictures != 0 {
			r.Before = before
		}
		if opt.Beside {
			r.Beside = before
		}
		r.Compared = &before.Period.Between
		r.Previous = &before.Totals
		r.PreviousAgents = make(map[string]USD, len(before.ByAgent))
		for _, row := range before.ByAgent {
			r.PreviousAgents[row.Key] = row.Cost
		}
		r.Changes = Changes(before, r)
	}
	return r, nil
}

// onlyTotals picks what Result.Previous, PreviousAgents and Changes are made of.
func onlyTotals(q question) bool {
	return q.name == "totals" || q.name == "by_agent" || q.name == "by_hour" || q.name == "consumption"
}

// forPictures adds to onlyTotals what pages set beside the same of the period.
func forPictures(before *Result) func(question) bool {
	return func(q question) bool {
		switch q.name {
		case "by_user", "by_model", "by_endpoint", "by_team":
			return true
		case "trend_day", "trend_hour":
			return q.when(Pictures, before)
		}
		return onlyTotals(q)
	}
}

// empty is a Result without rows, whose arrays are not null in JSON.
func empty(opt Options, p Period) *Result {
	zone := p.zone()
	return &Result{
		Schema:      Schema,
		GeneratedAt: opt.Now.In(zone),
		Period:      Span{Between: Between{Since: p.Since.In(zone), Until: p.Until.In(zone)}, TZ: zone.String()},
		Totals:      Totals{Avoidable: noneAvoidable()},
		TrendHourly: p.Until.Sub(p.Since) <= TrendHours*time.Hour,
		Filter:      opt.Filter.given(),

		ByAgent: []AgentRow{}, ByUser: []Row{}, ByModel: []Row{}, ByEndpoint: []Row{}, ByTeam: []Row{}, BySession: []Row{},
		ByDay: []Row{}, ByHour: []Row{}, ByTime: []Row{}, ByWeekdayHour: []Row{},
		Waste: []Waste{}, Findings: []Finding{}, Traces: []Trace{}, Marks: []Mark{}, Budgets: []Budget{}, Unpriced: []Unpriced{}, Inconsistent: []Inconsistent{}, Streams: []Stream{}, Changes: []AgentChange{}, Spikes: []Spike{}, Strangers: []Stranger{}, agents: opt.Agents,
		Quality: Quality{Rejected: map[string]int64{}},
	}
}

// task is what is done beside questions, in lanes, and fills other fields of the
// Result than they do.
type task func(context.Context, *lanes) error

// errCrowded is the error of a task that had too little memory beside others: it is
// done again alone.
var errCrowded = errors.New("too little memory beside other statements")

// ask sets the views to r's period and runs the questions that wanted picks, and
// what is to be done meanwhile.
func ask(ctx context.Context, db *sql.DB, r *Result, opt Options, wanted func(question) bool, meanwhile ...task) error {
	p := queries.Period{Since: r.Period.Since, Until: r.Period.Until, Zone: r.Period.Since.Location(), SpentSince: opt.spentSince, SpentUntil: opt.spentUntil}
	if err := opt.Filter.apply(ctx, db, &p); err != nil {
		return err
	}
	if err := queries.SetPeriod(ctx, db, p); err != nil {
		return err
	}
	// The first, totals, says which others there are. Those fill different fields
	// and are asked side by side.
	questions := catalog()
	if totals := questions[0]; wanted(totals) {
		if err := totals.ask(ctx, db, r, opt.Need); err != nil {
			return err
		}
	}
	l := newLanes(db)
	crowded := make(chan task, len(meanwhile))
	try := func(ctx context.Context, f task) error {
		err := f(ctx, l)
		if errors.Is(err, errCrowded) {
			crowded <- f
			return nil
		}
		return err
	}
	asked, askCtx := errgroup.WithContext(ctx)
	few := r.Totals.Requests <= partCalls // of many calls each takes the memory that there is
	for _, f := range meanwhile {
		if few {
			asked.Go(func() error { return try(askCtx, f) })
		}
	}
	kept := map[string]chan struct{}{}
	for _, q := range questions[1:] {
		if q.table != "" {
			kept[q.name] = make(chan struct{})
		}
	}
	byHour := worthHours(r, opt, wanted)
	for _, q := range questions[1:] {
		switch {
		case q.name == "hourly" && byHour:
		case !wanted(q):
			continue
		case q.sums && byHour:
			q.after = "hourly"
		}
		asked.Go(func() error {
			if q.after != "" && !happened(askCtx, kept[q.after]) {
				return nil
			}
			return l.do(canWait, func() error {
				if q.table == "" {
					return q.ask(askCtx, db, r, opt.Need)
				}
				err := q.keep(askCtx, db, r.Totals.Requests)
				if err == nil {
					close(kept[q.name])
				}
				return err
			})
		})
	}
	if err := asked.Wait(); err != nil {
		return err
	}
	r.Totals.PeakHour = peak(r.ByHour)
	for _, f := range meanwhile {
		if !few {
			if err := try(ctx, f); err != nil {
				return err
			}
		}
	}
	close(crowded)
	for f := range crowded {
		if err := f(ctx, &lanes{free: 1, alone: true}); err != nil {
			return err
		}
	}
	return nil
}

func (q question) ask(ctx context.Context, db *sql.DB, r *Result, need Need) error {
	text, n := q.statement(need)
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return fmt.Errorf("query %s: %w", q.name, err)
	}
	defer rows.Close()
	scan := func(dest ...any) error { return rows.Scan(dest[:n]...) }
	for rows.Next() {
		if err := q.read(r, scan); err != nil {
			return fmt.Errorf("query %s: %w", q.name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("query %s: %w", q.name, err)
	}
	return nil
}

// hourCalls is how many calls of an agent and hour, in the mean, make it worth
// while to sum them by hour once for several questions.
var hourCalls int64 = 4 // a variable for tests

// worthHours reports whether summing calls by hour first takes less time.
func worthHours(r *Result, opt Options, wanted func(question) bool) bool {
	questions := 0
	for _, q := range catalog()[1:] {
		if q.sums && wanted(q) {
			questions++
		}
	}
	hours := int64(r.Period.Until.Sub(r.Period.Since).Hours()) + 1
	return opt.Need&Whole == 0 && questions > 2 && r.Totals.Requests > hourCalls*max(1000, hours*r.Totals.Agents)
}

// keep writes the answer into q.table.
func (q question) keep(ctx context.Context, db *sql.DB, calls int64) error {
	if err := fill(ctx, db, q.table, queries.Text(q.name), q.parts, narrowParts(calls)); err != nil || q.otherwise == "" {
		return err
	}
	var rows int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+q.table).Scan(&rows); err != nil || rows > 0 {
		return err
	}
	i := slices.IndexFunc(catalog(), func(other question) bool { return other.name == q.otherwise })
	return catalog()[i].keep(ctx, db, calls)
}

// statement takes the wanted columns of the query's file, so that DuckDB does not
// compute the others, and tells how many the result has.
func (q question) statement(need Need) (string, int) {
	cols := strings.Fields(q.cols)
	if need&Whole != 0 {
		cols = append(cols, strings.Fields(q.slow)...)
	}
	for i := range cols {
		cols[i] = cast(cols[i])
	}
	text := strings.Join(cols, ", ")
	if q.packed {
		for i, c := range cols[1:] {
			cols[i+1] = "coalesce(CAST(" + c + " AS VARCHAR), '-')"
		}
		text = cols[0] + ", string_agg(concat_ws(' ', " + strings.Join(cols[1:], ", ") + "), ' ')"
	}
	from := queries.Text(q.name)
	if q.after == "hourly" {
		from = strings.Replace(from, "\nFROM calls\n", "\nFROM hourly\n", 1)
	}
	text = "SELECT " + text + " FROM (\n" + from + ") answer"
	if q.where != "" && need&Whole == 0 {
		text += " WHERE " + q.where
	}
	if q.packed {
		return text + " GROUP BY " + cols[0], 2
	}
	if q.order != "" {
		text += " ORDER BY " + q.order
	}
	return text, len(cols)
}

// cast makes an expression of one plain type out of a column: text; an amount as
// decimal text; microseconds since 1970; a float; a truth value; a 64-bit integer, or
// one without a sign.
func cast(column string) string {
	name := `answer."` + column + `"`
	switch {
	case textual[column]:
		return "coalesce(CAST(" + name + " AS VARCHAR), '')"
	case strings.HasSuffix(column, "_usd"):
		return "CAST(" + name + " AS VARCHAR)"
	case strings.HasSuffix(column, "_at"):
		return "epoch_us(" + name + ")"
	case strings.HasSuffix(column, "_ms"), approximate[column]:
		return "CAST(" + name + " AS DOUBLE)"
	case logical[column], strings.HasSuffix(column, "_hash"), strings.HasPrefix(column, "fp_"):
		return name
	}
	return "CAST(" + name + " AS BIGINT)"
}

// peak is the dearest row, the earliest of equals.
func peak(hours []Row) *PeakHour {
	var p *PeakHour
	for _, h := range hours {
		if h.Cost.Known() && (p == nil || h.Cost.Cmp(p.Cost) > 0) {
			p = &PeakHour{Hour: h.Key, Cost: h.Cost, Estimated: h.Estimated}
		}
	}
	return p
}

// readMeta takes what the database says about itself.
func readMeta(ctx context.Context, db *sql.DB, r *Result) error {
	rows, err := db.QueryContext(ctx, "SELECT key, value FROM meta")
	if err != nil {
		return fmt.Errorf("read meta: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return fmt.Errorf("read meta: %w", err)
		}
		switch key {
		case "prices_at":
			r.Quality.PriceTableDate = value
		case "beyond_calls", "lost_calls", "unread_files":
			if value == "" {
				continue
			}
			n := map[string]*int64{"beyond_calls": &r.Quality.BeyondRebuild, "lost_calls": &r.Quality.LostCalls, "unread_files": &r.Quality.UnreadFiles}[key]
			if *n, err = strconv.ParseInt(value, 10, 64); err != nil {
				return fmt.Errorf("read meta: %s: %w", key, err)
			}
		case "beyond_since":
			r.Quality.BeyondRebuildSince = value
		case "lost_since":
			r.Quality.LostSince = value
		case "installation":
			r.Installation = value
		case "estimate_input_error_pct", "estimate_output_error_pct":
			pct, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return fmt.Errorf("read meta: %s: %w", key, err)
			}
			if key == "estimate_input_error_pct" {
				r.Quality.EstimateInputErrorPct = &pct
			} else {
				r.Quality.EstimateOutputErrorPct = &pct
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read meta: %w", err)
	}
	return nil
}

// finish fills what is not a query's.
func finish(r *Result, opt Options) {
	for i := range r.ByAgent {
		r.ByAgent[i].Agent = opt.Agents[r.ByAgent[i].Key]
	}
	r.Roster = roster(r, opt)
	q, t := &r.Quality, &r.Totals
	q.GapRequests, q.EstimatedRequests, q.UnpricedRequests = t.gapRequests, t.estimatedRequests, t.unpricedRequests
	q.InconsistentRequests = t.inconsistentRequests
	zone := r.Period.Since.Location()
	for i := range r.Traces {
		r.Traces[i].nest()
		for j := range r.Traces[i].Calls {
			c := &r.Traces[i].Calls[j]
			c.At = c.At.In(zone)
		}
	}
	if !r.LastCall.IsZero() {
		r.LastCall = r.LastCall.In(zone)
	}
}
