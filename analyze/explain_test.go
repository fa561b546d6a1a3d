//go:build cgo

package analyze_test

import (
	"strings"
	"testing"

	"burn/analyze"
	"burn/queries"
)

// TestExplainAddsUp: in a world of overlapping waste, the calls of each finding are
// those that were made, they add up to the finding to the last digit, its SQL gives
// the same of each call, and no call saves more than it cost over all findings.
func TestExplainAddsUp(t *testing.T) {
	m := newMixer(121)
	w := m.into(t, true)
	r := w.find(analyze.Options{Period: analyze.Period{Since: m.since, Until: m.until}})
	made := map[uint64]*event{}
	for _, e := range m.calls {
		made[e.seq] = e
	}
	asked := map[string]map[uint64]string{}
	taken := map[uint64][]analyze.USD{} // of each call, by place
	sum := map[string]analyze.USD{}
	kinds := map[string]bool{}
	for place, kind := range analyze.Kinds() {
		for _, f := range r.Findings {
			if f.Kind != kind {
				continue
			}
			kinds[kind] = true
			e, err := analyze.Explain(t.Context(), w.db, r, f.ID)
			if err != nil {
				t.Fatal(err)
			}
			if asked[kind] == nil {
				asked[kind] = w.avoidable(e.SQL)
			}
			var cost, saving, earlier analyze.USD
			for _, c := range e.Calls {
				cost, saving = cost.Add(c.Cost), saving.Add(c.Saving)
				x := made[c.Seq]
				if c.Boot != "0000000000000001" || x == nil || !c.At.Equal(x.at) || c.Agent != x.who || c.Agent != f.Agents[0] || c.Model != x.model || c.InputTokens != x.in ||
					c.CacheReadTokens != x.read || c.OutputTokens != x.out || int(c.Status) != x.status || c.End != x.end || c.Cost.Pico().Int64() != x.cost {
					t.Errorf("%s: call %+v is not %+v", f.ID, c, x)
					continue
				}
				left := c.Cost
				for _, u := range taken[c.Seq] {
					left, earlier = left.Sub(u), earlier.Add(u)
				}
				want := usd(asked[kind][c.Seq])
				if want.Cmp(left) > 0 {
					want = left
				}
				if c.Saving.Pico().Sign() <= 0 || c.Saving.Cmp(want) != 0 || c.Saving.Cmp(left) > 0 {
					t.Errorf("%s: call %d saves %s; its SQL says %s, and earlier findings left %s", f.ID, c.Seq, c.Saving, asked[kind][c.Seq], left)
				}
			}
			for _, c := range e.Calls {
				taken[c.Seq] = append(taken[c.Seq], c.Saving)
			}
			if int64(len(e.Calls)) != f.Calls || cost.Cmp(f.Cost) != 0 || saving.Cmp(f.Saving) != 0 || earlier.Pico().Cmp(e.Earlier.Pico()) != 0 {
				t.Errorf("%s: %d calls of %s save %s, earlier ones %s; the explanation says %s, the finding %+v", f.ID, len(e.Calls), cost, saving, earlier, e.Earlier, f)
			}
			if e.Columns[0] == "" || e.Columns[1] == "" || e.SQL != queries.Text("finding_"+kind) {
				t.Errorf("%s: columns %q of %q", f.ID, e.Columns, e.SQL)
			}
			sum[f.Class] = sum[f.Class].Add(f.Saving)
		}
		if len(kinds) != place+1 {
			t.Errorf("no %s in this world: the test shows nothing of it", kind)
		}
	}
	for class, total := range map[string]analyze.USD{analyze.Certain: r.Totals.Avoidable.Certain, analyze.Likely: r.Totals.Avoidable.Likely, analyze.Test: r.Totals.Avoidable.Test} {
		if total.Cmp(sum[class]) != 0 {
			t.Errorf("%s: total %s, findings %s", class, total, sum[class])
		}
	}
	if _, err := analyze.Explain(t.Context(), w.db, r, "nope"); err == nil || !strings.Contains(err.Error(), r.Findings[0].ID) {
		t.Errorf("an unknown id: %v", err)
	}
}

// avoidable asks a finding's query, as pasted into a shell, what of each call's cost
// could be saved.
func (w *world) avoidable(text string) map[uint64]string {
	w.t.Helper()
	rows, err := w.db.Query("SELECT seq, CAST(avoidable_usd AS VARCHAR) FROM (" + text + ") pasted")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	list := map[uint64]string{}
	for rows.Next() {
		var seq uint64
		var u string
		if err := rows.Scan(&seq, &u); err != nil {
			w.t.Fatal(err)
		}
		if _, twice := list[seq]; twice {
			w.t.Fatalf("call %d is there twice", seq)
		}
		list[seq] = u
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return list
}
