package demo

import (
	"math"
	"testing"
)

// near fails unless got lies within 1 % of want.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	off := (got - want) / want
	if math.Abs(off) > 0.01 || math.IsNaN(off) {
		t.Errorf("%s = %.4f, want %.4f ± 1 %% (off by %+.2f %%)", what, got, want, 100*off)
		return
	}
	t.Logf("%-40s %12.4f  wanted %12.4f  %+.2f %%", what, got, want, 100*off)
}

// figures are sums over some calls of a month.
type figures struct {
	calls         int
	dollars       float64
	input, output int64
	billed        int
}

func (m monthLog) sum(keep func(*row) bool) figures {
	var f figures
	for i := range m.rows {
		r := &m.rows[i]
		if !keep(r) {
			continue
		}
		f.calls++
		f.dollars += r.dollars()
		f.input += r.input
		f.output += r.output
		if r.status == 200 {
			f.billed++
		}
	}
	return f
}

func everything(*row) bool { return true }

func ofAgent(names ...string) func(*row) bool {
	return func(r *row) bool {
		for _, n := range names {
			if r.agent == n {
				return true
			}
		}
		return false
	}
}

func ofPart(p *part) func(*row) bool {
	return func(r *row) bool { return r.agent == p.agent && r.stream == p.stream }
}

func TestStoryHoldsWithinOnePercent(t *testing.T) {
	before, after := months.before, months.after
	b, a := before.sum(everything), after.sum(everything)

	if b.calls != 143_000 || a.calls != 81_000 {
		t.Errorf("calls = %d and %d, want exactly 143000 and 81000", b.calls, a.calls)
	}
	if n, m := before.agents(), after.agents(); n != 7 || m != 5 {
		t.Errorf("agents = %d and %d, want 7 and 5", n, m)
	}
	near(t, "before: cost", b.dollars, 2_300)
	near(t, "before: tokens per call", float64(b.input+b.output)/float64(b.calls), 4_200)
	near(t, "after: cost", a.dollars, 920)
	near(t, "after: tokens per call", float64(a.input+a.output)/float64(a.calls), 890)

	twins := before.sum(ofAgent("doc-classifier", "ticket-router"))
	near(t, "before: share of the two classifiers", twins.dollars/b.dollars, 0.40)
	yesNo := before.sum(ofPart(&gate))
	near(t, "before: tokens per yes or no", float64(yesNo.input)/float64(yesNo.calls), 48_000)
	saved := 1 - after.sum(ofAgent("chat-gate")).dollars/before.sum(ofAgent("chat-gate")).dollars
	near(t, "after: chat-gate cut by", saved, 0.80)
}

func TestHoursOfDay(t *testing.T) {
	hoursBefore, hoursAfter := months.before.byHour(), months.after.byHour()
	near(t, "before: hour 14", hoursBefore[14], 180)
	near(t, "before: hour 13", hoursBefore[13], 167.0)
	for hour, dollars := range hoursBefore {
		if hour != 14 && dollars >= hoursBefore[14] {
			t.Errorf("before: hour %d costs %.2f, more than the peak at 14", hour, dollars)
		}
		if hour < 7 || hour > 14 {
			near(t, "before: an hour without a run", dollars, 76.3)
		}
	}
	low, high := math.Inf(1), 0.0
	for _, dollars := range hoursAfter {
		near(t, "after: an hour", dollars, 38)
		low, high = min(low, dollars), max(high, dollars)
	}
	if high/low > 1.005 {
		t.Errorf("after: hours cost %.2f … %.2f, want at most 0.5 %% apart", low, high)
	}
}

func TestPartsHoldWithinOnePercent(t *testing.T) {
	tests := []struct {
		name          string
		month         monthLog
		part          *part
		calls         float64
		input, output float64 // per billed call
		dollars       float64
	}{
		{"before classify", months.before, &classify, 29_800, 690, 70, 464.88},
		{"before route", months.before, &route, 29_800, 11_900, 60, 461.15},
		{"before gate", months.before, &gate, 2_000, 48_000, 5, 480.25},
		{"before reply", months.before, &reply, 11_200, 900, 220, 112.00},
		{"before digest", months.before, &digest, 28_080, 2_150, 234, 466.13},
		{"before draft", months.before, &draft, 3_900, 300, 300, 105.30},
		{"before rewrite", months.before, &rewrite, 30_860, 560, 110, 171.27},
		{"before prototype", months.before, &prototype, 7_360, 2_900, 420, 37.08},
		{"after classify", months.after, &classify, 26_800, 690, 70, 418.08},
		{"after gate", months.after, &gate, 2_000, 620, 5, 6.45},
		{"after reply", months.after, &reply, 11_200, 900, 220, 112.00},
		{"after digest", months.after, &digest, 6_240, 2_150, 234, 103.58},
		{"after draft", months.after, &draft, 3_900, 300, 300, 105.30},
		{"after rewrite", months.after, &rewrite, 30_860, 560, 110, 171.27},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := test.month.sum(ofPart(test.part))
			near(t, "calls", float64(f.calls), test.calls)
			near(t, "input tokens", float64(f.input)/float64(f.billed), test.input)
			near(t, "output tokens", float64(f.output)/float64(f.billed), test.output)
			near(t, "dollars", f.dollars, test.dollars)
		})
	}
}

// Every part but the job that runs by the clock has equal calls per hour of day.
func TestCallsAreDealtEvenly(t *testing.T) {
	for _, m := range []monthLog{months.before, months.after} {
		for _, p := range parts {
			if p == &digest && m.month == Before || p.calls[m.month] == 0 {
				continue
			}
			var perHour [hours]int
			for i := range m.rows {
				if r := &m.rows[i]; ofPart(p)(r) {
					perHour[r.hour()]++
				}
			}
			low, high := math.MaxInt, 0
			for _, n := range perHour {
				low, high = min(low, n), max(high, n)
			}
			if high-low > 1 {
				t.Errorf("%s %s: %d … %d calls per hour of day, want at most one apart", m.month, p.agent, low, high)
			}
		}
	}
}

func TestErrorsAreWhereTheyBelong(t *testing.T) {
	var limited [hours]int
	other := 0
	for i := range months.before.rows {
		r := &months.before.rows[i]
		switch {
		case r.status == 200:
			continue
		case r.status == 429 && r.agent == digest.agent:
			limited[r.hour()]++
		default:
			other++
		}
		if r.input != 0 || r.output != 0 || r.source != "none" {
			t.Fatalf("line of %s with status %d is billed", r.agent, r.status)
		}
	}
	if limited[14] != days*limitedAtPeak || limited[13] != days*limitedBefore {
		t.Errorf("rate limits = %v, want %d at 14 and %d at 13", limited, days*limitedAtPeak, days*limitedBefore)
	}
	if other == 0 || other > 143 {
		t.Errorf("%d other errors, want some, at most one in a thousand", other)
	}
}
