package price

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"burn/proxy/usage"
)

// inPasses is a call to a model whose prices had a long tier of 200,000 tokens
// at the time: 5 and 25 USD per million tokens below it, 10 and 37.5 above, reads
// 0.5 and 1, writes of five minutes 6.25 and 12.5.
func inPasses(t usage.Tokens, raw string) *usage.Record {
	return &usage.Record{
		Provider: "anthropic", ResponseModel: "claude-opus-4-6", UsageSource: usage.SourceReported,
		TS: time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC).UnixMilli(), Tokens: t, RawUsage: []byte(raw),
	}
}

// Each pass of a call is long or not by itself.
func TestLongPasses(t *testing.T) {
	pass := func(kind string, in, read, write, out int64) string {
		return fmt.Sprintf(`{"type":%q,"input_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d,"output_tokens":%d}`, kind, in, read, write, out)
	}
	raw := func(passes ...string) string {
		return `{"input_tokens":1,"output_tokens":1,"iterations":[` + strings.Join(passes, ",") + `]}`
	}
	for _, c := range []struct {
		name string
		t    usage.Tokens
		raw  string
		want string
	}{
		{"two short ones", usage.Tokens{Input: 250_000, Output: 1000}, raw(pass("compaction", 180_000, 0, 0, 600), pass("message", 70_000, 0, 0, 400)), "1.275"},
		{"at the threshold and above", usage.Tokens{Input: 400_001, Output: 1000}, raw(pass("compaction", 200_000, 0, 0, 600), pass("message", 200_001, 0, 0, 400)), "3.03001"},
		{"short with its cache", usage.Tokens{Input: 250_000, CacheRead: 140_000, CacheWrite: 60_000, Output: 10},
			raw(pass("compaction", 10_000, 140_000, 50_000, 5), pass("message", 40_000, 0, 10_000, 5)), "0.69525"},
		{"long by its cache", usage.Tokens{Input: 250_001, CacheRead: 140_001, CacheWrite: 60_000, Output: 10},
			raw(pass("compaction", 10_000, 140_001, 50_000, 5), pass("message", 40_000, 0, 10_000, 5)), "1.1278135"},
		{"both long", usage.Tokens{Input: 500_000, Output: 0}, raw(pass("compaction", 250_000, 0, 0, 0), pass("message", 250_000, 0, 0, 0)), "5"},
		{"an advisor's is another model's", usage.Tokens{Input: 150_000}, raw(pass("message", 150_000, 0, 0, 0), pass("advisor_message", 190_000, 0, 0, 0)), "0.75"},
		{"other tokens than those", usage.Tokens{Input: 250_000}, raw(pass("compaction", 180_000, 0, 0, 0), pass("message", 69_999, 0, 0, 0)), "2.5"},
		{"none told", usage.Tokens{Input: 250_000}, `{"input_tokens":250000}`, "2.5"},
		{"not readable", usage.Tokens{Input: 250_000}, `{"iterations":[{"input_tokens":"x"}]}`, "2.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, raw := range map[string]string{"whole": c.raw, "kept": string(Passes([]byte(c.raw)))} {
				if raw == "" {
					continue
				}
				rec := inPasses(c.t, raw)
				cost := Builtin().Cost(rec)
				if got := FormatPico(cost.Pico); got != c.want || !cost.Known() {
					t.Errorf("%s: %s %s %v, want %s", how, got, cost.Basis, cost.Flags.Strings(), c.want)
				}
				if e := Builtin().Explain(rec); e.sum != c.want {
					t.Errorf("%s: the parts are %s, want %s", how, e.sum, c.want)
				}
			}
		})
	}
	if one := Passes([]byte(raw(pass("message", 1, 0, 0, 1)))); one != nil {
		t.Errorf("a single pass is kept: %s", one)
	}
}
