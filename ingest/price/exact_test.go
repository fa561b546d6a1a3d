package price

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// randomDecimal returns a number below 10^whole with up to the given decimals.
func randomDecimal(r *rand.Rand, whole, decimals int) string {
	s := fmt.Sprint(r.Int64N(pow10(whole).Int64()))
	if n := r.IntN(decimals + 1); n > 0 {
		s += "." + fmt.Sprintf("%0*d", n, r.Int64N(pow10(n).Int64()))
	}
	return s
}

// randomTable returns a table of one provider whose model m0, m1 … have any
// mix of prices. Some have more decimals than the fast arithmetic can hold.
func randomTable(t testing.TB, r *rand.Rand, models int) *Table {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("provider,model,match,long_threshold,long_op")
	for _, name := range columnNames {
		csv.WriteString("," + name)
	}
	for i := range models {
		fmt.Fprintf(&csv, "\np,m%d,=m%d", i, i)
		long := r.IntN(2) == 0
		if long {
			fmt.Fprintf(&csv, ",%d,%s", 1+r.IntN(2000), []string{"gt", "ge"}[r.IntN(2)])
		} else {
			csv.WriteString(",,")
		}
		decimals := 6
		if r.IntN(4) == 0 {
			decimals = 12
		}
		for c := range numCols {
			csv.WriteByte(',')
			required := c == inputCol || c == outputCol || c == longInputCol && long || c == audioInCol
			isLong := c >= firstLong && c < firstMultiplier
			if isLong && !long || !required && r.IntN(3) == 0 {
				continue
			}
			if c >= firstMultiplier && c < firstFee {
				csv.WriteString([]string{"0.5", "1.1", "1.75", "2", "6", "1.0001", "0.3333333"}[r.IntN(7)])
				continue
			}
			csv.WriteString(randomDecimal(r, 3, decimals))
		}
	}
	rows, err := Load(strings.NewReader(csv.String()), "random.csv")
	if err != nil {
		t.Fatal(err)
	}
	return newTable("", pointers(rows), nil)
}

func randomTokens(r *rand.Rand, max int64) (t usage.Tokens) {
	t.Input, t.Output = r.Int64N(max), r.Int64N(max)
	part := func(of int64) int64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return r.Int64N(of/2 + 1)
	}
	t.CacheRead, t.CacheWrite = part(t.Input), part(t.Input)
	t.CacheWrite1h = part(t.CacheWrite)
	t.AudioInput, t.ImageInput = part(t.Input), part(t.Input)
	t.AudioCacheRead = min(part(t.AudioInput), t.CacheRead)
	t.Reasoning, t.AudioOutput, t.ImageOutput, t.Citation = part(t.Output), part(t.Output), part(t.Output), part(t.Output)
	t.WebSearches, t.Requests = part(20), part(20)
	if r.IntN(8) == 0 {
		t.Seconds = randomDecimal(r, 4, 18)
	}
	return t
}

func randomRecord(r *rand.Rand, models int) *usage.Record {
	max := []int64{10, 4000, 1_000_000, 1 << 40, maxCount}[r.IntN(5)]
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	rec := &usage.Record{
		Provider: "p", ResponseModel: fmt.Sprintf("m%d", r.IntN(models)), UsageSource: usage.SourceReported,
		Tokens:      randomTokens(r, max),
		ServiceTier: pick("", "batch", "flex", "priority", "scale", "PROVISIONED_THROUGHPUT"),
		Speed:       pick("", "", "fast"), Geo: pick("", "", "us"),
	}
	for range r.IntN(5) / 2 {
		rec.SubUsage = append(rec.SubUsage, usage.SubUsage{Model: fmt.Sprintf("m%d", r.IntN(models)), Tokens: randomTokens(r, max)})
	}
	return rec
}

// TestFastEqualsExact prices random calls by integers and by fractions without
// limits: wherever the integers claim an answer it must be the same.
func TestFastEqualsExact(t *testing.T) {
	const models, seed = 200, 7
	r := rand.New(rand.NewPCG(seed, seed))
	table := randomTable(t, r, models)
	p := table.lookup("p")
	fast, overflows := 0, 0
	for i := range 20_000 {
		rec := randomRecord(r, models)
		c := table.Cost(rec)
		row := p.dated(table, rec.ResponseModel).at(rec.TS).Row
		want, fits := roundPico(table.exact(rec, row, p))
		switch {
		case c.Flags&unpriced&^FlagOverflow != 0:
			continue
		case !fits:
			overflows++
			if c.Known() || c.Flags&FlagOverflow == 0 || c.Pico != 0 {
				t.Fatalf("call %d: got %v for a cost that does not fit: %+v", i, c, rec)
			}
			continue
		case !c.Known() || c.Pico != want:
			t.Fatalf("call %d: got %s %s, want %s: %+v", i, c.Basis, FormatPico(c.Pico), FormatPico(want), rec)
		}
		for _, b := range table.bills(rec, row, p) {
			f, ok := b.fast()
			if !ok {
				continue
			}
			fast++
			got := new(big.Rat).SetFrac(new(big.Int).SetUint64(f.num), new(big.Int).SetUint64(f.den))
			got.Quo(got, new(big.Rat).SetInt(pow10(picoDigits)))
			if exact := b.exact(); got.Cmp(exact) != 0 {
				t.Fatalf("call %d: fast %s, exact %s: %+v", i, got, exact, rec)
			}
		}
	}
	if fast < 5000 || overflows < 100 {
		t.Errorf("the calls did not exercise both ways: %d fast bills, %d overflows", fast, overflows)
	}
}

func TestPartsCoverTheTotals(t *testing.T) {
	const models, seed = 50, 11
	r := rand.New(rand.NewPCG(seed, seed))
	table := randomTable(t, r, models)
	checked := 0
	for range 5000 {
		rec := randomRecord(r, models)
		rec.ServiceTier = ""
		rec.CacheWrite = min(rec.CacheWrite, rec.Input-rec.CacheRead)
		rec.CacheWrite1h = min(rec.CacheWrite1h, rec.CacheWrite)
		c := table.Cost(rec)
		if c.Flags&(FlagInconsistent|unpriced) != 0 {
			continue
		}
		checked++
		var in, out int64
		var b bill
		b.fill(c.Row, rec)
		for _, charge := range b.charges[:b.n] {
			if charge.part < citationPart {
				in += charge.quantity
			} else {
				out += charge.quantity
			}
		}
		if in != rec.Input || out != rec.Output {
			t.Fatalf("charged %d of %d input and %d of %d output tokens: %+v", in, rec.Input, out, rec.Output, rec)
		}
	}
	if checked < 500 {
		t.Errorf("only %d calls checked", checked)
	}
}

func TestFractionRound(t *testing.T) {
	for _, c := range []struct {
		name string
		in   fraction
		want int64
		ok   bool
	}{
		{"zero", fraction{0, 1}, 0, true},
		{"whole", fraction{7, 1}, 7, true},
		{"below half", fraction{49, 100}, 0, true},
		{"half", fraction{1, 2}, 1, true},
		{"half above one", fraction{3, 2}, 2, true},
		{"third", fraction{1, 3}, 0, true},
		{"two thirds", fraction{2, 3}, 1, true},
		{"greatest", fraction{1<<63 - 1, 1}, 1<<63 - 1, true},
		{"too great", fraction{1 << 63, 1}, 0, false},
	} {
		got, ok := c.in.round()
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %d %v, want %d %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestFractionAdd(t *testing.T) {
	const most = 1<<64 - 1
	for _, c := range []struct {
		name string
		a, b fraction
		want fraction
		ok   bool
	}{
		{"same denominator", fraction{1, 3}, fraction{4, 3}, fraction{5, 3}, true},
		{"different ones", fraction{1, 2}, fraction{1, 3}, fraction{5, 6}, true},
		{"sum too great", fraction{most, 1}, fraction{1, 1}, fraction{}, false},
		{"left numerator too great", fraction{most, 1}, fraction{0, 2}, fraction{}, false},
		{"right numerator too great", fraction{0, 2}, fraction{most, 1}, fraction{}, false},
		{"denominator too great", fraction{1, 1e10}, fraction{1, 1e10 + 1}, fraction{}, false},
	} {
		got, ok := c.a.add(c.b)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

// BenchmarkCost prices the cases' calls through the cache, and the same calls
// by fractions; with -count the two take turns.
func BenchmarkCost(b *testing.B) {
	table := Builtin()
	var recs []*usage.Record
	for _, c := range readCases(b) {
		if rec := c.record(b, OTelName(c.Provider), 0); c.Basis == BasisComputed && c.Seconds == "" {
			recs = append(recs, rec)
		}
	}
	for _, rec := range recs {
		table.Cost(rec) // fill the cache
	}
	b.Run("fast", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			table.Cost(recs[i%len(recs)])
		}
	})
	b.Run("exact", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			rec := recs[i%len(recs)]
			c, s := table.settle(rec)
			roundPico(table.exact(rec, c.Row, s))
		}
	})
}

func TestCostDoesNotAllocate(t *testing.T) {
	table := Builtin()
	for _, c := range readCases(t) {
		if c.Seconds != "" {
			continue
		}
		rec := c.record(t, OTelName(c.Provider), 0)
		table.Cost(rec)
		if n := testing.AllocsPerRun(100, func() { table.Cost(rec) }); n != 0 {
			t.Errorf("%s: %v allocations", c.Name, n)
		}
	}
}
