package analyze

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Scopes of a budget.
const (
	ScopeTotal = "total"
	ScopeAgent = "agent"
	ScopeUser  = "user"
	ScopeModel = "model"
	ScopeTeam  = "team" // the tag team
)

// Stretches of the calendar that a budget is for, in the period's zone. Weeks
// begin on Monday.
const (
	PerDay   = "day"
	PerWeek  = "week"
	PerMonth = "month"
)

// BudgetRule is a limit on spending. Key is a name or a glob, as in Filter: all
// that match share the limit; of the total it is "".
type BudgetRule struct {
	Scope string
	Key   string
	Per   string
	Limit USD
}

// ParseBudget reads an amount of dollars and what it is for: 2000 or 2000/month,
// 500/week, 80/day.
func ParseBudget(text string) (BudgetRule, error) {
	amount, per, given := strings.Cut(text, "/")
	if !given {
		per = PerMonth
	}
	amount = strings.TrimPrefix(strings.TrimSpace(amount), "$")
	if thousands.MatchString(amount) {
		amount = strings.ReplaceAll(amount, ",", "")
	}
	limit, err := ParseUSD(amount)
	b := BudgetRule{Scope: ScopeTotal, Per: strings.TrimSpace(per), Limit: limit}
	if err == nil {
		err = b.Check()
	}
	if err != nil {
		return b, fmt.Errorf("%q is not a budget: use dollars, such as 2000 (per month), 500/week or 80/day", text)
	}
	return b, nil
}

// thousands is a number whose thousands have commas; elsewhere a comma may be meant for
// a point.
var thousands = regexp.MustCompile(`^\d{1,3}(,\d{3})+(\.\d*)?$`)

// Check refuses unknown scopes and stretches, a missing or superfluous key, and a
// limit that is no amount.
func (b BudgetRule) Check() error {
	switch {
	case !slices.Contains([]string{ScopeTotal, ScopeAgent, ScopeUser, ScopeModel, ScopeTeam}, b.Scope):
		return fmt.Errorf("%q has no budgets: use total, agent, user, model or team", b.Scope)
	case !slices.Contains([]string{PerDay, PerWeek, PerMonth}, b.Per):
		return fmt.Errorf("per %q: use day, week or month", b.Per)
	case !b.Limit.Known() || b.Limit.Pico().Sign() < 0:
		return fmt.Errorf("a budget of %q is no amount of dollars", b.Limit.String())
	case (b.Key == "") != (b.Scope == ScopeTotal):
		return fmt.Errorf("a budget of %s with the name %q", b.Scope, b.Key)
	}
	return nil
}

// unit is the stretch of the calendar that t lies in.
func (b BudgetRule) unit(t time.Time, zone *time.Location) span {
	y, m, d := t.In(zone).Date()
	switch b.Per {
	case PerDay:
		return days(y, m, d, 1, zone)
	case PerWeek:
		return days(y, m, d-(int(t.In(zone).Weekday())+6)%7, 7, zone)
	}
	return months(y, m, zone)
}

// matcher tells which keys of spending a budget is about.
func (b BudgetRule) matcher() func(key string) bool {
	if b.Scope == ScopeTotal {
		return func(string) bool { return true }
	}
	return compile([]string{b.Key}).MatchString
}

// budgetsOf are the rules of a run: those given, then those of the agents file.
func budgetsOf(opt Options) []BudgetRule {
	list := slices.Clone(opt.Budgets)
	var ids []string
	for id, a := range opt.Agents {
		if a.Budget.Known() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		list = append(list, BudgetRule{Scope: ScopeAgent, Key: escapeGlob(id), Per: PerMonth, Limit: opt.Agents[id].Budget})
	}
	return list
}

var globSigns = regexp.MustCompile(`[*?\[\\]`)

// escapeGlob makes a glob that matches a name alone.
func escapeGlob(name string) string { return globSigns.ReplaceAllString(name, `\$0`) }

// plainKey undoes escapeGlob for people; a real glob stays as it is.
func plainKey(glob string) string {
	if name := strings.NewReplacer(`\*`, "*", `\?`, "?", `\[`, "[", `\\`, `\`).Replace(glob); escapeGlob(name) == glob {
		return name
	}
	return glob
}
