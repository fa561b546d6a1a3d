package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
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

func readSpending(scope string) func(*Result, scanner) error {
	return func(r *Result, scan scanner) error {
		var q int64
		var key string
		var b bill
		if err := scan(&q, &key, &b.cost, &b.estimated); err != nil {
			return err
		}
		if r.spent.by[scope][key] == nil {
			r.spent.by[scope][key] = map[int64]bill{}
		}
		r.spent.by[scope][key][q] = b
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

// watch fills Budgets and Spikes. Budgets are about all calls, whatever the run's
// filters. It moves the views, so it comes before what they are left for.
func watch(ctx context.Context, db *sql.DB, r *Result, opt Options) error {
	rules := budgetsOf(opt)
	if len(rules) == 0 && opt.Need&(Whole|Pictures|Alerts) == 0 {
		return nil
	}
	zone := opt.Period.zone()
	end := opt.Period.Until
	if opt.Now.Before(end) && opt.Now.After(opt.Period.Since) {
		end = opt.Now
	}
	since := opt.Period.Since
	if earliest := end.AddDate(0, 0, -unitDays); since.Before(earliest) {
		since = earliest
	}
	from := since
	scopes := []string{ScopeAgent}
	for _, rule := range rules {
		if b := rule.unit(since, zone).begin; b.Before(from) {
			from = b
		}
		if rule.Scope != ScopeTotal && !slices.Contains(scopes, rule.Scope) {
			scopes = append(scopes, rule.Scope)
		}
	}
	past := empty(opt, Period{Since: from.AddDate(0, 0, -historyDays), Until: end, Zone: zone})
	past.spent = spent{by: map[string]map[string]map[int64]bill{}}
	var wanted []string
	for _, s := range scopes {
		past.spent.by[s] = map[string]map[int64]bill{}
		wanted = append(wanted, spendFiles[s])
	}
	opt.Filter = Filter{}
	if err := ask(ctx, db, past, opt, func(q question) bool { return slices.Contains(wanted, q.name) }); err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	w := watcher{spent: &past.spent, since: since, end: end, zone: zone}
	r.Budgets = w.budgets(rules)
	if err := w.moments(ctx, db, past, r.Budgets, opt); err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	r.Spikes = w.spikes(r.Period.Since)
	return nil
}

// watcher judges spending between since and end.
type watcher struct {
	spent      *spent
	since, end time.Time
	zone       *time.Location
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
	at := slices.IndexFunc(catalog, func(q question) bool { return q.name == "spend_calls" })
	q := catalog[at]
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
