package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"burn/queries"
)

// Verdicts on marks.
const (
	Worked   = "worked"
	Partly   = "partly"
	NoEffect = "no effect"
	TooEarly = "too early"
)

// Mark is a dated note about a change to an agent, and what came of it. Costs are
// per 1,000 billed calls, over the same weekdays before and after; Expected is
// what the calls after the mark would have cost per 1,000 without the change:
// Before, moved as the calls of agents that were not touched moved. The interval
// is one of 95 %. Fields other than the first three are null or 0 where there is
// nothing to compare.
//
// A fix that saves calls (a cache, a high-water mark) leaves the cost of a call as
// it is. Where that cost does not fall and requests have fingerprints, the cost per
// 1,000 different requests of a day is compared instead, and Per says so: less
// demand moves it as little as the other.
type Mark struct {
	At    time.Time `json:"at"`
	Agent string    `json:"agent"`
	Text  string    `json:"text"`

	Verdict       string   `json:"verdict"`               // worked, partly, no effect, too early
	Why           string   `json:"why"`                   // the verdict in a sentence
	Per           string   `json:"per"`                   // call, or request where different requests are counted
	Before        USD      `json:"before_per_1000_usd"`   //
	After         USD      `json:"after_per_1000_usd"`    //
	Expected      USD      `json:"expected_per_1000_usd"` //
	ChangePct     *float64 `json:"change_pct"`            // of After against Expected, with its interval
	ChangeLowPct  *float64 `json:"change_low_pct"`        //
	ChangeHighPct *float64 `json:"change_high_pct"`       //
	CallsBefore   int64    `json:"calls_before"`          // billed, on the weekdays that are compared
	CallsAfter    int64    `json:"calls_after"`           //
	DaysBefore    int64    `json:"days_before"`           // days with such calls
	DaysAfter     int64    `json:"days_after"`            //
	Untouched     int64    `json:"untouched_agents"`      // how many it is compared with
	UntouchedPct  *float64 `json:"untouched_change_pct"`  // what became of their cost per call
	Saved         USD      `json:"saved_usd"`             // since the mark, until the agent's next one; below 0: it cost more
	SavedLow      USD      `json:"saved_low_usd"`         //
	SavedHigh     USD      `json:"saved_high_usd"`        //
	StillLeft     USD      `json:"still_avoidable_usd"`   // of the agent's calls after the mark in the period: certain and likely
	Daily         []Day    `json:"daily"`                 // what a chart shows

	called bool // in the period
}

// Day is 24 hours of a marked agent, counted from the mark: 0 begins with it.
type Day struct {
	Day   int64 `json:"day"`
	Calls int64 `json:"calls"`
	Cost  USD   `json:"cost_usd"`
}

// What verdicts rest on.
const (
	markWindow = 28 // days before a mark that are looked at
	markDays   = 3  // with calls, on either side, before anything is said
	markCalls  = 30
	// A fall below smallFall, or one that leaves more than a third of what there
	// was to save, worked only partly.
	smallFall = 0.10
	// An interval from a third less to a half more says nothing yet.
	wideLow, wideHigh = 2.0 / 3, 1.5
)

// markDay is a row of the query mark_days.
type markDay struct {
	n                 int64
	agent             string
	day, calls, works int64
	cost              USD
}

const markDayCols = "n agent day calls cost_usd works"

func readMarkDay(r *Result, scan scanner) error {
	var d markDay
	if err := scan(&d.n, &d.agent, &d.day, &d.calls, &d.cost, &d.works); err != nil {
		return err
	}
	r.markDays = append(r.markDays, d)
	return nil
}

// lookAtMarks fills r.Marks with those of opt that lie before the end of the
// period and whose agents pass the filter, oldest first. It sets the views to what
// marks need: agents that the filter hides are what others are compared with.
func lookAtMarks(ctx context.Context, db *sql.DB, r *Result, opt Options) error {
	match := compile(opt.Filter.Agents)
	for _, m := range opt.Marks {
		if !m.At.Before(r.Period.Until) {
			continue
		}
		m.At = m.At.In(r.Period.Since.Location())
		r.changed = append(r.changed, m)
		if len(opt.Filter.Agents) == 0 || match.MatchString(m.Agent) {
			r.Marks = append(r.Marks, m)
		}
	}
	if _, err := db.ExecContext(ctx, "CREATE OR REPLACE TABLE mark (n INTEGER, agent VARCHAR, marked_at TIMESTAMP, since_at TIMESTAMP, until_at TIMESTAMP)"); err != nil {
		return fmt.Errorf("write marks: %w", err)
	}
	if len(r.Marks) == 0 {
		return nil
	}
	for i := range r.Marks {
		since, until := markRange(r, i)
		if _, err := db.ExecContext(ctx, "INSERT INTO mark VALUES (?, ?, ?, ?, ?)", i, r.Marks[i].Agent, r.Marks[i].At.UTC(), since.UTC(), until.UTC()); err != nil {
			return fmt.Errorf("write marks: %w", err)
		}
	}
	opt.Filter.Agents = nil
	p := queries.Period{Since: r.Period.Since, Until: r.Period.Until, Zone: r.Period.Since.Location()}
	if err := opt.Filter.apply(ctx, db, &p); err != nil {
		return err
	}
	if err := queries.SetPeriod(ctx, db, p); err != nil {
		return err
	}
	for _, q := range catalog() {
		if q.name == "mark_days" {
			return q.ask(ctx, db, r, opt.Need)
		}
	}
	return nil
}

// markRange is what is looked at for a mark: markWindow days before it and all
// after it, no further than the agent's marks around it.
func markRange(r *Result, i int) (since, until time.Time) {
	m := r.Marks[i]
	since, until = m.At.Add(-markWindow*24*time.Hour), r.Period.Until
	for _, other := range r.Marks {
		switch {
		case other.Agent != m.Agent:
		case other.At.Before(m.At) && other.At.After(since):
			since = other.At
		case other.At.After(m.At) && other.At.Before(until):
			until = other.At
		}
	}
	return since, until
}

// judge gives every mark its verdict. The table charge is there.
func judge(ctx context.Context, db *sql.DB, r *Result) error {
	for i := range r.Marks {
		m := &r.Marks[i]
		m.called = slices.ContainsFunc(r.ByAgent, func(row AgentRow) bool { return row.Key == m.Agent })
		if r.Totals.Requests == 0 || r.Quality.FindingsSkipped != "" {
			m.judge(i, r)
			continue
		}
		err := db.QueryRowContext(ctx, `SELECT CAST(coalesce(sum(saved_usd), 0) AS VARCHAR) FROM charge
WHERE ts >= ? AND place < 10 AND caller_agent(caller_id) = ?`,
			m.At.UTC(), m.Agent).Scan(&m.StillLeft)
		if err != nil {
			return fmt.Errorf("read what is still avoidable: %w", err)
		}
		m.judge(i, r)
	}
	return nil
}

// stretch is an agent's calls on one side of a mark.
type stretch struct {
	days         map[int64]*markDay // by day
	calls, works int64
	cost         USD
}

func (s *stretch) add(d *markDay) {
	if s.days == nil {
		s.days = map[int64]*markDay{}
	}
	s.days[d.day] = d
	s.calls, s.works, s.cost = s.calls+d.calls, s.works+d.works, s.cost.Add(d.cost)
}

// weekday of a day counted from a mark; a week has the same ones before it.
func weekday(day int64) int64 { return ((day % 7) + 7) % 7 }

func (m *Mark) judge(n int, r *Result) {
	m.Per, m.Verdict, m.Daily = "call", TooEarly, []Day{}
	since, until := markRange(r, n)
	touched := map[string]bool{m.Agent: true}
	for _, other := range r.changed {
		if !other.At.Before(since) && other.At.Before(until) {
			touched[other.Agent] = true
		}
	}
	var days []*markDay
	var total units
	has := map[bool]map[int64]bool{true: {}, false: {}} // weekdays of the marked agent, after and before
	after, before := map[string]*stretch{}, map[string]*stretch{}
	for i := range r.markDays {
		if d := &r.markDays[i]; d.n == int64(n) && (d.agent == m.Agent || !touched[d.agent]) {
			days = append(days, d)
			if d.agent == m.Agent {
				has[d.day >= 0][weekday(d.day)] = true
				m.Daily = append(m.Daily, Day{d.day, d.calls, d.cost})
				if d.day >= 0 {
					total.calls, total.works = total.calls+d.calls, total.works+d.works
				}
			}
		}
	}
	retired := len(has[true]) == 0 && until.Sub(m.At) >= markDays*24*time.Hour
	for _, d := range days {
		w := weekday(d.day)
		if !has[false][w] || !has[true][w] && !retired {
			continue // the other side has no such weekday
		}
		side := before
		if d.day >= 0 {
			side = after
		}
		if side[d.agent] == nil {
			side[d.agent] = &stretch{}
		}
		side[d.agent].add(d)
	}
	old, now := before[m.Agent], after[m.Agent]
	if old == nil {
		old = &stretch{}
	}
	if now == nil {
		now = &stretch{}
	}
	m.CallsBefore, m.CallsAfter, m.DaysBefore, m.DaysAfter = old.calls, now.calls, int64(len(old.days)), int64(len(now.days))
	if retired && old.calls > 0 {
		m.retire(old, until)
		return
	}
	delete(before, m.Agent)
	delete(after, m.Agent)
	m.weigh(compareSides(old, now, before, after, byCall), total, "call")
	if m.Verdict == NoEffect && old.works > 0 && now.works > 0 {
		other := *m
		other.weigh(compareSides(old, now, before, after, byWork), total, "request")
		if other.Verdict == Worked || other.Verdict == Partly {
			*m = other
		}
	}
}

// retire judges an agent that makes no calls any more: all that it cost is saved.
func (m *Mark) retire(old *stretch, until time.Time) {
	span := int64(1)
	for day := range old.days {
		span = max(span, -day)
	}
	perDay := new(big.Rat).Quo(exact(old.cost), whole(span))
	elapsed := big.NewRat(int64(until.Sub(m.At)/time.Second), 86400)
	m.Verdict, m.Saved = Worked, rounded(perDay.Mul(perDay, elapsed))
	m.SavedLow, m.SavedHigh = m.Saved, m.Saved
	m.Before = perThousand(old.cost, old.calls)
	m.Why = "it makes no billed calls any more; what it cost per day before is saved"
}

func perThousand(cost USD, n int64) USD {
	if n == 0 {
		return USD{}
	}
	return rounded(new(big.Rat).Quo(new(big.Rat).Mul(exact(cost), whole(1000)), whole(n)))
}

// units are an agent's calls and requests after a mark, on all weekdays.
type units struct{ calls, works int64 }

// comparison is the estimate behind a verdict, in units of calls or requests.
type comparison struct {
	before, after float64 // cost of a unit
	control       float64 // what became of the cost of a call of others; 1: nothing
	spread        float64 // standard error of log(after / (before × control))
	freedom       int     // degrees of it
	agents        int64   // others
}

// unit counts what the cost of a day is divided by.
type unit func(*markDay) float64

func byCall(d *markDay) float64 { return float64(d.calls) }
func byWork(d *markDay) float64 { return float64(d.works) }

// compareSides estimates by ratios of sums, days being what varies. The days
// before are weighted so that each weekday has the share that it has after the
// mark. Others are each held to their own cost per call before, so that a shift of
// traffic among them is no change.
func compareSides(old, now *stretch, before, after map[string]*stretch, per unit) comparison {
	var oldUnits, nowUnits [7]float64
	for day, d := range old.days {
		oldUnits[weekday(day)] += per(d)
	}
	for day, d := range now.days {
		nowUnits[weekday(day)] += per(d)
	}
	c := comparison{control: 1, freedom: min(len(old.days), len(now.days)) - 1}
	var oldError, nowError float64
	c.before, oldError = old.ratio(per, func(day int64) float64 {
		if w := weekday(day); oldUnits[w] > 0 {
			return nowUnits[w] / oldUnits[w]
		}
		return 0
	})
	c.after, nowError = now.ratio(per, equally)
	variance := oldError + nowError

	var expected, real, ratesError float64
	rates := map[string]float64{}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		was, is := before[name], after[name]
		if was == nil || !was.cost.Known() || was.cost.Pico().Sign() <= 0 || is.calls == 0 {
			continue
		}
		rate, off := was.ratio(byCall, equally)
		share := rate * float64(is.calls)
		rates[name], expected, real = rate, expected+share, real+is.cost.Float()
		ratesError += share * share * off
	}
	if expected <= 0 || real <= 0 {
		c.spread = math.Sqrt(variance)
		return c
	}
	c.agents, c.control = int64(len(rates)), real/expected
	residual := map[int64]float64{}
	for _, name := range slices.Sorted(maps.Keys(rates)) {
		for day, d := range after[name].days {
			residual[day] += d.cost.Float() - c.control*rates[name]*float64(d.calls)
		}
	}
	var squares float64
	for _, day := range slices.Sorted(maps.Keys(residual)) {
		squares += residual[day] * residual[day]
	}
	c.spread = math.Sqrt(variance + ratesError/(expected*expected) + squares/(real*real)*widened(len(residual)))
	return c
}

func equally(int64) float64 { return 1 }

// widened corrects a variance for having been taken around its own mean.
func widened(days int) float64 { return float64(days) / float64(max(days-1, 1)) }

// ratio is the cost of a unit over weighted days, and its relative variance.
func (s *stretch) ratio(per unit, weight func(day int64) float64) (rate, variance float64) {
	order := slices.Sorted(maps.Keys(s.days))
	var cost, units float64
	for _, day := range order {
		cost += weight(day) * s.days[day].cost.Float()
		units += weight(day) * per(s.days[day])
	}
	if cost <= 0 || units <= 0 {
		return 0, 0
	}
	rate = cost / units
	for _, day := range order {
		off := weight(day) * (s.days[day].cost.Float() - rate*per(s.days[day]))
		variance += off * off
	}
	return rate, variance / (cost * cost) * widened(len(order))
}

// weigh fills in m from an estimate.
func (m *Mark) weigh(c comparison, since units, per string) {
	m.Per, m.Untouched = per, c.agents
	if c.before <= 0 || c.after <= 0 {
		m.Why = m.tooFew()
		return
	}
	n := float64(since.calls)
	if per == "request" {
		n = float64(since.works)
	}
	expected := c.before * c.control
	reach := quantile95(c.freedom) * c.spread
	change, low, high := c.after/expected, c.after/expected*math.Exp(-reach), c.after/expected*math.Exp(reach)
	m.Before, m.After, m.Expected = estimate(1000*c.before), estimate(1000*c.after), estimate(1000*expected)
	m.ChangePct, m.ChangeLowPct, m.ChangeHighPct = percent(change), percent(low), percent(high)
	if c.agents > 0 {
		m.UntouchedPct = percent(c.control)
	}
	m.Saved, m.SavedLow, m.SavedHigh = estimate(n*expected*(1-change)), estimate(n*expected*(1-high)), estimate(n*expected*(1-low))
	left := m.StillLeft.Float()
	switch {
	case m.DaysBefore < markDays || m.DaysAfter < markDays || m.CallsBefore < markCalls || m.CallsAfter < markCalls:
		m.Verdict, m.Why = TooEarly, m.tooFew()
	case low < 1 && high >= 1 && (low < wideLow || high > wideHigh):
		m.Verdict, m.Why = TooEarly, "days differ too much to tell yet"
	case low > 1:
		m.Verdict, m.Why = NoEffect, fmt.Sprintf("the cost per 1,000 %ss rose", per)
	case high >= 1:
		m.Verdict, m.Why = NoEffect, fmt.Sprintf("the cost per 1,000 %ss did not fall beyond what days differ by", per)
	case change > 1-smallFall:
		m.Verdict, m.Why = Partly, fmt.Sprintf("the cost per 1,000 %ss fell by less than a tenth", per)
	case 2*left > m.Saved.Float():
		m.Verdict, m.Why = Partly, fmt.Sprintf("the cost per 1,000 %ss fell, and more than a third of what there was to save is still spent", per)
	default:
		m.Verdict, m.Why = Worked, fmt.Sprintf("the cost per 1,000 %ss fell", per)
	}
}

// Silent reports whether the agent made no call in the period, nor a billed one in all
// the time that is looked at for a mark: perhaps its name is wrong.
func (m Mark) Silent() bool { return len(m.Daily)+int(m.CallsBefore+m.CallsAfter) == 0 && !m.called }

// Rose reports whether the cost rose beyond what days differ by.
func (m Mark) Rose() bool {
	return m.Verdict == NoEffect && m.ChangeLowPct != nil && *m.ChangeLowPct > 0
}

// tooFew says which side has not enough calls or days, and what it needs.
func (m *Mark) tooFew() string {
	switch {
	case m.Silent():
		return fmt.Sprintf("this agent made no billed call in the %d days before, and none since: is its name right?", markWindow)
	case len(m.Daily) == 0 && m.CallsBefore == 0 && m.CallsAfter == 0:
		return fmt.Sprintf("no billed call of this agent in the %d days before and none since, but for the hour of the mark, which counts for neither", markWindow)
	case m.CallsBefore == 0 && m.CallsAfter == 0:
		return "no billed calls of this agent on the same weekdays before and after"
	}
	for _, side := range []struct {
		calls, days int64
		when        string
	}{{m.CallsBefore, m.DaysBefore, "before"}, {m.CallsAfter, m.DaysAfter, "since"}} {
		var needs []string
		if side.calls < markCalls {
			needs = append(needs, fmt.Sprintf("%d calls", markCalls))
		}
		if side.days < markDays {
			needs = append(needs, fmt.Sprintf("%d days", markDays))
		}
		if len(needs) > 0 {
			return fmt.Sprintf("only %s on %s %s: a verdict needs %s", counted(side.calls, "billed call"), counted(side.days, "day"), side.when, strings.Join(needs, " on "))
		}
	}
	return "its calls cost nothing before or since"
}

func percent(ratio float64) *float64 {
	p := math.Round((ratio-1)*1e4) / 100
	return &p
}

// estimate makes an amount of a figure that is none: it comes from a sample, and
// is rounded to a millionth of a dollar.
func estimate(dollars float64) USD {
	u, err := ParseUSD(strings.Replace(strconv.FormatFloat(dollars, 'f', 6, 64), "-0.000000", "0", 1))
	if err != nil {
		return USD{}
	}
	return u
}

// quantile95 is how many standard errors an interval of 95 % reaches to either
// side: Student's distribution, to three digits.
func quantile95(freedom int) float64 {
	table := []float64{12.71, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086}
	switch {
	case freedom < 1:
		return table[0]
	case freedom < len(table):
		return table[freedom]
	}
	return 1.96 + 2.5/float64(freedom)
}
