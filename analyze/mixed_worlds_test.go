//go:build cgo

package analyze_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"burn/analyze"
)

// number is what an environment variable says, else n.
func number(t *testing.T, name string, n int) int {
	if s := os.Getenv(name); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestFindingsFollowTheRules: in random worlds of overlapping waste, findings take
// of each call what the rules say, to the last digit. BURN_WORLDS says how many
// worlds, BURN_FIRST_WORLD which comes first; else there are two that have all kinds.
func TestFindingsFollowTheRules(t *testing.T) {
	seeds := []int{1054, 2262}
	if worlds, first := number(t, "BURN_WORLDS", 0), number(t, "BURN_FIRST_WORLD", 0); worlds > 0 {
		seeds = nil
		for seed := first; seed < first+worlds; seed++ {
			seeds = append(seeds, seed)
		}
	}
	var score tally
	for _, seed := range seeds {
		m := newMixer(uint64(seed))
		w := m.into(t, true)
		var calls []*event
		for _, e := range m.calls {
			if !e.at.Before(m.since.AddDate(0, 0, -7)) && e.at.Before(m.until) {
				calls = append(calls, e)
			}
		}
		if !slices.ContainsFunc(calls, func(e *event) bool { return !e.at.Before(m.since) }) {
			w.db.Close()
			continue // an empty period, which has no findings
		}
		want := rule(calls, m.since)
		w.find(analyze.Options{Period: analyze.Period{Since: m.since, Until: m.until}})
		got := w.charges()
		bySeq := map[uint64]*event{}
		for _, e := range m.calls {
			bySeq[e.seq] = e
		}
		if lines := score.count(want.took, got, bySeq); len(lines) > 0 {
			t.Errorf("world %d, %d calls:\n%s", seed, len(calls), strings.Join(lines[:min(len(lines), 6)], "\n"))
		}
		w.db.Close()
	}
	for _, kind := range analyze.Kinds() {
		if score.planted[kind] == 0 {
			t.Errorf("no %s in these worlds: the test shows nothing of it", kind)
		}
	}
	t.Logf("%d worlds\n%s", len(seeds), score.table())
}

// find looks for findings alone.
func (w *world) find(opt analyze.Options) *analyze.Result {
	w.t.Helper()
	w.insert("call", w.pending...)
	w.pending = nil
	r, err := analyze.Findings(w.t.Context(), w.db, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// tally sums, by kind, what was planted, what was claimed, and what of it rightly.
type tally struct{ planted, claimed, right map[string]int64 }

// count compares call by call and tells the differences.
func (s *tally) count(want, got map[plantKey]int64, calls map[uint64]*event) (lines []string) {
	if s.planted == nil {
		*s = tally{map[string]int64{}, map[string]int64{}, map[string]int64{}}
	}
	for k, n := range want {
		s.planted[k.kind] += n
		s.right[k.kind] += min(n, got[k])
		if got[k] != n {
			lines = append(lines, fmt.Sprintf("%s: wants %d, takes %d of %s", k.kind, n, got[k], calls[k.seq]))
		}
	}
	for k, n := range got {
		s.claimed[k.kind] += n
		if _, ok := want[k]; !ok {
			lines = append(lines, fmt.Sprintf("%s: takes %d, wants nothing of %s", k.kind, n, calls[k.seq]))
		}
	}
	slices.Sort(lines)
	return lines
}

func (e *event) String() string {
	if e == nil {
		return "a call that was not made"
	}
	return fmt.Sprintf("%+v", *e)
}

// ratio is a part of a whole; 1 of nothing.
func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func (s *tally) table() string {
	var b strings.Builder
	for _, kind := range analyze.Kinds() {
		planted, claimed, right := s.planted[kind], s.claimed[kind], s.right[kind]
		fmt.Fprintf(&b, "%-13s planted $%11.4f  claimed $%11.4f  wrongly $%10.4f  precision %.4f  recall %.4f\n", kind, float64(planted)/1e12, float64(claimed)/1e12,
			float64(claimed-right)/1e12, ratio(right, claimed), ratio(right, planted))
	}
	return b.String()
}
