package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// historyDays is how far back forecasts and spikes look.
	historyDays = 28
	// unitDays is how far before its end a period's earlier days, weeks and months
	// are looked at for budgets that were crossed in them.
	unitDays = 62
	quarter  = 15 * time.Minute
)

// spent is what a run learns about spending over time, beside its period: by
// scope, key and quarter of an hour since 1970.
type spent struct {
	by    map[string]map[string]map[int64]bill // scope, key, quarter
	calls []spentCall
}

// bill is an amount and the part of it that is estimated.
type bill struct{ cost, estimated USD }

func (b bill) add(c bill) bill { return bill{b.cost.Add(c.cost), b.estimated.Add(c.estimated)} }

// spentCall is one call of the quarters in which a budget was crossed.
type spentCall struct {
	quarter int64
	at      time.Time
	keys    map[string]string // by scope
	cost    USD
}

// spendFiles names the query of each scope.
var spendFiles = map[string]string{ScopeAgent: "spend_agent", ScopeUser: "spend_user", ScopeModel: "spend_model", ScopeTeam: "spend_team"}

// readSpending reads a key and, of each quarter, its number and its two amounts.
func readSpending(scope string) func(*Result, scanner) error {
	return func(r *Result, scan scanner) error {
		var key, text string
		if err := scan(&key, &text); err != nil {
			return err
		}
		fields := strings.Fields(text)
		quarters := make(map[int64]bill, len(fields)/3)
		for f := range slices.Chunk(fields, 3) {
			if len(f) < 3 {
				return fmt.Errorf("spending %q: want a quarter and two amounts", f)
			}
			q, err := strconv.ParseInt(f[0], 10, 64)
			if err != nil {
				return fmt.Errorf("spending: %w", err)
			}
			var b bill
			if f[1] != "-" { // no call of it has a price
				if b.cost, err = ParseUSD(f[1]); err != nil {
					return err
				}
			}
			if b.estimated, err = ParseUSD(f[2]); err != nil {
				return err
			}
			quarters[q] = b
		}
		r.spent.by[scope][key] = quarters
		return nil
	}
}

func readSpentCall(r *Result, scan scanner) error {
	var at int64
	var agent, user, model, team string
	c := spentCall{}
	if err := scan(&c.quarter, &at, &agent, &user, &model, &team, &c.cost); err != nil {
		return err
	}
	c.at = time.UnixMicro(at)
	c.keys = map[string]string{ScopeTotal: "", ScopeAgent: agent, ScopeUser: user, ScopeModel: model, ScopeTeam: team}
	r.spent.calls = append(r.spent.calls, c)
	return nil
}

// watch asks what was spent, and fills Budgets and Spikes. Budgets are about all
// calls, whatever the run's filters.
func (w watcher) watch(ctx context.Context, db *sql.DB, l *lanes, r *Result, opt Options) error {
	past := empty(opt, opt.Period)
	past.spent = spent{by: map[string]map[string]map[int64]bill{}}
	for _, s := range w.scopes {
		past.spent.by[s] = map[string]map[int64]bill{}
	}
	w.spent = &past.spent
	asked, askCtx := errgroup.WithContext(ctx)
	for _, q := range catalog() {
		if slices.ContainsFunc(w.scopes, func(s string) bool { return spendFiles[s] == q.name }) {
			asked.Go(func() error { return l.do(canWait, func() error { return q.ask(askCtx, db, past, opt.Need) }) })
		}
	}
	if err := asked.Wait(); err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	r.Budgets = w.budgets(w.rules)
	if err := l.do(canWait, func() error { return w.moments(ctx, db, past, r.Budgets, opt) }); err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	r.Spikes = w.spikes(r.Period.Since)
	return nil
}

// newWatcher says what of spending must be looked at, false if nothing.
func newWatcher(opt Options) (watcher, bool) {
	w := watcher{rules: budgetsOf(opt), scopes: []string{ScopeAgent}, zone: opt.Period.zone(), since: opt.Period.Since, end: opt.Period.Until}
	if len(w.rules) == 0 && opt.Need&(Whole|Pictures|Alerts) == 0 {
		return w, false
	}
	if opt.Now.Before(w.end) && opt.Now.After(opt.Period.Since) {
		w.end = opt.Now
	}
	if earliest := w.end.AddDate(0, 0, -unitDays); w.since.Before(earliest) {
		w.since = earliest
	}
	w.from = w.since
	for _, rule := range w.rules {
		if b := rule.unit(w.since, w.zone).begin; b.Before(w.from) {
			w.from = b
		}
		if rule.Scope != ScopeTotal && !slices.Contains(w.scopes, rule.Scope) {
			w.scopes = append(w.scopes, rule.Scope)
		}
	}
	w.from = w.from.AddDate(0, 0, -historyDays)
	return w, true
}

// watcher judges spending between since and end, by what was spent since from.
type watcher struct {
	rules            []BudgetRule
	scopes           []string // whose spending is needed
	spent            *spent
	from, since, end time.Time
	zone             *time.Location
}

// series sums the keys of a scope that match, by quarter.
func (w watcher) series(rule BudgetRule) map[int64]bill {
	scope := rule.Scope
	if scope == ScopeTotal {
		scope = ScopeAgent
	}
	match, sum := rule.matcher(), map[int64]bill{}
	for key, quarters := range w.spent.by[scope] {
		if !match(key) {
			continue
		}
		for q, b := range quarters {
			sum[q] = sum[q].add(b)
		}
	}
	return sum
}

// moments finds the calls that crossed budgets, in one query over the quarters in
// which that happened.
func (w watcher) moments(ctx context.Context, db *sql.DB, past *Result, list []Budget, opt Options) error {
	var quarters []string
	for i := range list {
		for j := range list[i].Over {
			if q := strconv.FormatInt(list[i].Over[j].quarter, 10); !slices.Contains(quarters, q) {
				quarters = append(quarters, q)
			}
		}
	}
	if len(quarters) == 0 {
		return nil
	}
	at := slices.IndexFunc(catalog(), func(q question) bool { return q.name == "spend_calls" })
	q := catalog()[at]
	q.where = "quarter IN (" + strings.Join(quarters, ", ") + ")"
	if err := q.ask(ctx, db, past, opt.Need&^Whole); err != nil {
		return fmt.Errorf("query %s: %w", q.name, err)
	}
	for i := range list {
		b := &list[i]
		for j := range b.Over {
			b.Over[j].At = w.moment(b.rule, b.Over[j])
		}
		if n := len(b.Over); n > 0 && b.Over[n-1].Since.Equal(b.Since) {
			b.CrossedAt = &b.Over[n-1].At
		}
	}
	return nil
}

// moment is the start of the call with which the limit was passed.
func (w watcher) moment(rule BudgetRule, o Over) time.Time {
	match, sum := rule.matcher(), o.before
	for _, c := range w.spent.calls {
		if c.quarter != o.quarter || !match(c.keys[rule.Scope]) {
			continue
		}
		if sum = sum.Add(c.cost); sum.Cmp(rule.Limit) > 0 {
			return c.at.In(w.zone)
		}
	}
	return o.At
}
