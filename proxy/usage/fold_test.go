package usage

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

func foldAll(records ...*Record) []*Record {
	var t foldTable
	for _, r := range records {
		t.add(r)
	}
	lines := t.take()
	slices.SortFunc(lines, func(a, b *Record) int {
		return cmp.Or(cmp.Compare(a.TS, b.TS), cmp.Compare(a.RequestModel, b.RequestModel), cmp.Compare(a.Agent, b.Agent), cmp.Compare(b.Calls, a.Calls))
	})
	return lines
}

func TestFoldSumsPerKeyAndHour(t *testing.T) {
	const hour = 1_790_000_000_000 / hourMS * hourMS
	base := Record{TS: hour + 5, Provider: "openai", RequestModel: "m", Agent: "a", Tokens: Tokens{Input: 10, CacheRead: 4, Output: 2}}
	with := func(change func(*Record)) *Record {
		r := base
		change(&r)
		return &r
	}
	none := with(func(*Record) {})
	for _, tc := range []struct {
		name string
		in   []*Record
		want []string // calls model agent input output seconds cost
	}{
		{"same key", []*Record{none, none, none}, []string{`3 m a 30 6 "" ""`}},
		{"next hour", []*Record{none, with(func(r *Record) { r.TS = hour + hourMS })}, []string{`1 m a 10 2 "" ""`, `1 m a 10 2 "" ""`}},
		{"other agent", []*Record{none, with(func(r *Record) { r.Agent = "b" })}, []string{`1 m a 10 2 "" ""`, `1 m b 10 2 "" ""`}},
		{"other tier", []*Record{none, with(func(r *Record) { r.ServiceTier = "batch" })}, []string{`1 m a 10 2 "" ""`, `1 m a 10 2 "" ""`}},
		{"seconds", []*Record{
			with(func(r *Record) { r.Seconds = "0.25" }), with(func(r *Record) { r.Seconds = "1e1" }), none,
		}, []string{`3 m a 30 6 "10.25" ""`}},
		{"reported costs, kept apart", []*Record{
			with(func(r *Record) { r.CostUSD = "0.00014579999999999999" }), with(func(r *Record) { r.CostUSD = "12" }), none,
		}, []string{`2 m a 20 4 "" "12.00014579999999999999"`, `1 m a 10 2 "" ""`}},
		{"a cost that is no plain decimal", []*Record{with(func(r *Record) { r.CostUSD = "1e999999999" })}, []string{`1 m a 10 2 "" ""`}},
		{"a gap line that came back", []*Record{none, with(func(r *Record) { r.Kind, r.Calls, r.Input, r.TS = KindGap, 7, 70, hour })}, []string{`8 m a 80 4 "" ""`}},
		{"a count beyond what a line may hold", []*Record{
			with(func(r *Record) { r.Input = MaxCount - 5 }), none, none,
		}, []string{`2 m a 20 4 "" ""`, fmt.Sprintf(`1 m a %d 2 "" ""`, int64(MaxCount-5))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, r := range foldAll(tc.in...) {
				got = append(got, fmt.Sprintf("%d %s %s %d %d %q %q", r.Calls, r.RequestModel, r.Agent, r.Input, r.Output, r.Seconds, r.CostUSD))
				if r.TS%hourMS != 0 {
					t.Errorf("ts %d is not an hour", r.TS)
				}
				decodes(t, r)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// decodes checks that a gap line is one that ingest accepts.
func decodes(t *testing.T, r *Record) {
	t.Helper()
	r.Boot, r.Seq = 1, 1
	line := r.AppendJSON(nil)
	var d Decoder
	var back Record
	if err := d.Decode(line[:len(line)-1], &back); err != nil || back.Calls != r.Calls || back.Tokens != r.Tokens || back.CostUSD != r.CostUSD {
		t.Errorf("line %s reads back as %+v: %v", line, back, err)
	}
}

func TestFoldKeepsFurtherModelsApart(t *testing.T) {
	r := &Record{RequestModel: "m", Tokens: Tokens{Input: 1}}
	for i := range 2 * MaxSubUsage {
		r.SubUsage = append(r.SubUsage, SubUsage{fmt.Sprint("sub", i%(MaxSubUsage+2)), Tokens{Output: 1}})
	}
	lines := foldAll(r, r)
	if len(lines) != 1 || len(lines[0].SubUsage) != MaxSubUsage {
		t.Fatalf("got %d lines, %+v", len(lines), lines[0].SubUsage)
	}
	sum, other := int64(0), int64(0)
	for _, s := range lines[0].SubUsage {
		sum += s.Output
		if s.Model == Other {
			other += s.Output
		}
	}
	if sum != 4*MaxSubUsage || other == 0 || lines[0].Calls != 2 || lines[0].Input != 2 {
		t.Errorf("got %d calls, %d output tokens of sub models, %d of them other", lines[0].Calls, sum, other)
	}
	if len(r.SubUsage) != 2*MaxSubUsage {
		t.Error("the record's own slice was changed")
	}
}

func TestFoldKeysAreBounded(t *testing.T) {
	var table foldTable
	const n = 10 * maxFoldKeys
	for i := range n {
		r := Record{Provider: "openai", RequestModel: "m", Agent: fmt.Sprint("a", i), Tokens: Tokens{Input: 3}}
		if i >= n/2 {
			r.RequestModel = fmt.Sprint("m", i)
		}
		table.add(&r)
	}
	lines := table.take()
	if len(lines) > 2*maxFoldKeys+1 {
		t.Errorf("%d keys", len(lines))
	}
	calls, input, unlabelled, rest := int64(0), int64(0), int64(0), int64(0)
	for _, r := range lines {
		calls, input = calls+r.Calls, input+r.Input
		if r.Agent == Other && r.RequestModel == "m" {
			unlabelled += r.Calls
		}
		if r.Provider == Other {
			rest += r.Calls
		}
	}
	if calls != n || input != 3*n {
		t.Errorf("%d calls, %d tokens", calls, input)
	}
	if unlabelled != n/2-maxFoldKeys || rest == 0 {
		t.Errorf("%d calls kept their model without agent, %d lost both", unlabelled, rest)
	}
	if table.take() != nil {
		t.Error("sums taken twice")
	}
}
