package analyze

import (
	"maps"
	"slices"
	"time"
)

// States of a budget.
const (
	BudgetOK      = "ok"
	BudgetAtRisk  = "at_risk" // the forecast is above the limit
	BudgetCrossed = "crossed"
)

// Budget is a limit, and how much of it is spent in the day, week or month that
// the end of the period lies in: [Since, Until), whatever the period and its
// filters. Spent counts what was recorded until the end of the period.
type Budget struct {
	Scope     string     `json:"scope"` // total, agent, user, model or team
	Key       string     `json:"key"`   // a name or glob; "" of the total
	Per       string     `json:"per"`   // day, week or month
	Since     time.Time  `json:"since"`
	Until     time.Time  `json:"until"`
	Limit     USD        `json:"limit_usd"`
	Spent     USD        `json:"spent_usd"`
	Estimated USD        `json:"estimated_usd"` // part of Spent
	State     string     `json:"state"`         // ok, at_risk or crossed
	CrossedAt *time.Time `json:"crossed_at"`    // start of the call that passed the limit
	Forecast  *Forecast  `json:"forecast"`      // for the time until Until; null if that is past, or nobody can say
	// ForecastNote says what the forecast rests on, or why there is none.
	ForecastNote string `json:"forecast_note"`
	// Over are the days, weeks or months of the period, at most 62 days back, in
	// which more than the limit was spent, this one included; oldest first.
	Over []Over `json:"over"`

	rule BudgetRule
}

// Over is a day, week or month in which a budget was crossed. The Agent is the
// one that spent most in it, AgentCost how much, AgentBefore how much in the one
// before; of budgets of users, models and teams it is not looked for. What is
// Estimated is a part of Spent or AgentCost.
type Over struct {
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"`
	Spent       USD       `json:"spent_usd"`
	Estimated   USD       `json:"estimated_usd"`
	At          time.Time `json:"crossed_at"`
	Agent       string    `json:"agent"`
	AgentCost   USD       `json:"agent_usd"`
	AgentBefore USD       `json:"agent_before_usd"`

	AgentEstimated USD `json:"agent_estimated_usd"`

	quarter int64 // in which it was crossed
	before  USD   // what was spent before that
}

// Crossed reports whether the budget is over its limit now, or was at some time
// of the period.
func (b Budget) Crossed(since time.Time) bool {
	return b.State == BudgetCrossed || slices.ContainsFunc(b.Over, func(o Over) bool { return !o.At.Before(since) })
}

// BudgetCrossed reports whether one of r's budgets is crossed: see Budget.Crossed.
func (r *Result) BudgetCrossed() bool {
	return slices.ContainsFunc(r.Budgets, func(b Budget) bool { return b.Crossed(r.Period.Since) })
}

func (w watcher) budgets(rules []BudgetRule) []Budget {
	list := []Budget{}
	for _, rule := range rules {
		list = append(list, w.budget(rule))
	}
	return list
}

// budget judges one rule.
func (w watcher) budget(rule BudgetRule) Budget {
	series := w.series(rule)
	now := rule.unit(w.end.Add(-1), w.zone)
	zero := USD{pico: zeroPico}
	b := Budget{Scope: rule.Scope, Key: plainKey(rule.Key), Per: rule.Per, Since: now.begin, Until: now.end, Limit: rule.Limit,
		Spent: zero, Estimated: zero, State: BudgetOK, Over: []Over{}, rule: rule}
	for u := rule.unit(w.since, w.zone); u.begin.Before(w.end); u = rule.unit(u.end, w.zone) {
		total, over := w.unit(rule, series, u)
		if over != nil {
			b.Over = append(b.Over, *over)
		}
		if u.begin.Equal(b.Since) {
			b.Spent, b.Estimated = b.Spent.Add(total.cost), b.Estimated.Add(total.estimated)
			if over != nil {
				b.State = BudgetCrossed
			}
		}
	}
	b.Forecast, b.ForecastNote = w.forecast(series, b.Spent, b.Per, b.Until)
	if f := b.Forecast; f != nil && b.State == BudgetOK && f.Cost.Cmp(b.Limit) > 0 {
		b.State = BudgetAtRisk
	}
	return b
}

// unit sums one day, week or month, and says so if it is over the limit.
func (w watcher) unit(rule BudgetRule, series map[int64]bill, u span) (total bill, over *Over) {
	first, last := quarterOf(u.begin), quarterOf(u.end)
	for _, q := range slices.Sorted(maps.Keys(series)) {
		if q < first || q >= last {
			continue
		}
		before := total.cost
		total = total.add(series[q])
		if over == nil && total.cost.Cmp(rule.Limit) > 0 {
			over = &Over{Since: u.begin, Until: u.end, At: time.Unix(q*int64(quarter/time.Second), 0).In(w.zone), quarter: q, before: before}
		}
	}
	if over != nil {
		over.Spent, over.Estimated = total.cost, total.estimated
		if rule.Scope == ScopeTotal || rule.Scope == ScopeAgent {
			w.blame(rule, over)
		}
	}
	return total, over
}

func quarterOf(t time.Time) int64 { return t.Unix() / int64(quarter/time.Second) }

// blame finds the agent that spent most in a stretch of time, and what it spent
// in the equally long one before.
func (w watcher) blame(rule BudgetRule, o *Over) {
	match := rule.matcher()
	first, last := quarterOf(o.Since), quarterOf(o.Until)
	if end := quarterOf(w.end.Add(quarter - 1)); last > end {
		last = end // compare like with like
	}
	for _, key := range slices.Sorted(maps.Keys(w.spent.by[ScopeAgent])) {
		if !match(key) {
			continue
		}
		var now bill
		var before USD
		for q, b := range w.spent.by[ScopeAgent][key] {
			switch {
			case q >= first && q < last:
				now = now.add(b)
			case q < first && q >= first-(last-first):
				before = before.Add(b.cost)
			}
		}
		if now.cost.Cmp(o.AgentCost) > 0 {
			o.Agent, o.AgentCost, o.AgentEstimated, o.AgentBefore = key, now.cost, now.estimated, before
		}
	}
}
