package price

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"burn/proxy/usage"
)

// costCase is one entry of testdata/cases.json: tokens as the record holds
// them, and what they cost. The costs were worked out by hand from the prices.
type costCase struct {
	Name        string
	Provider    string
	Model       string
	At          string
	Tier        string
	Speed       string
	Geo         string
	Reported    string
	UsageSource string `json:"usage_source"`
	Seconds     string
	Tokens      map[string]int64
	Row         *string
	Basis       string
	CostUSD     *string `json:"cost_usd"`
	Flags       []string
}

func readCases(t testing.TB) []costCase {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []costCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// record returns the case as a record of the given provider name, at the given
// time of the case's day.
func (c *costCase) record(t testing.TB, provider string, clock time.Duration) *usage.Record {
	t.Helper()
	day, err := time.Parse(time.DateOnly, c.At)
	if err != nil {
		t.Fatal(err)
	}
	rec := &usage.Record{
		Provider: provider, TS: day.Add(clock).UnixMilli(),
		ServiceTier: c.Tier, Speed: c.Speed, Geo: c.Geo,
		UsageSource: c.UsageSource, CostUSD: c.Reported,
	}
	if rec.UsageSource == "" {
		rec.UsageSource = usage.SourceReported
	}
	switch OTelName(provider) {
	case "aws.bedrock", "gcp.vertex_ai":
		rec.RequestModel, rec.ResponseModel = c.Model, "served-under-another-name"
	case "azure.ai.openai":
		rec.RequestModel, rec.ResponseModel = "prod-chat-eu", c.Model
	default:
		rec.ResponseModel = c.Model
	}
	rec.Seconds = c.Seconds
	counts := map[string]*int64{
		"input_tokens": &rec.Input, "cache_read_tokens": &rec.CacheRead,
		"cache_write_tokens": &rec.CacheWrite, "cache_write_1h_tokens": &rec.CacheWrite1h,
		"output_tokens": &rec.Output, "reasoning_tokens": &rec.Reasoning, "citation_tokens": &rec.Citation,
		"audio_input_tokens": &rec.AudioInput, "audio_output_tokens": &rec.AudioOutput,
		"image_input_tokens": &rec.ImageInput, "image_output_tokens": &rec.ImageOutput,
		"web_searches": &rec.WebSearches, "requests": &rec.Requests,
	}
	for key, n := range c.Tokens {
		if counts[key] == nil {
			t.Fatalf("%s: unknown count %s", c.Name, key)
		}
		*counts[key] = n
	}
	return rec
}

func TestCases(t *testing.T) {
	cases := readCases(t)
	if len(cases) != 70 {
		t.Errorf("cases: got %d, want 70", len(cases))
	}
	table := Builtin()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, provider := range []string{c.Provider, OTelName(c.Provider)} {
				for _, clock := range []time.Duration{0, 24*time.Hour - time.Millisecond} {
					rec := c.record(t, provider, clock)
					checkCost(t, &c, table.Cost(rec))
					checkExplanation(t, &c, table.Explain(rec))
				}
			}
		})
	}
}

func checkCost(t *testing.T, c *costCase, got Cost) {
	t.Helper()
	if got.Basis != c.Basis {
		t.Errorf("basis: got %s, want %s", got.Basis, c.Basis)
	}
	switch {
	case got.Known() != (c.CostUSD != nil):
		t.Errorf("known: got %v", got.Known())
	case c.CostUSD != nil && FormatPico(got.Pico) != *c.CostUSD:
		t.Errorf("cost: got %s, want %s", FormatPico(got.Pico), *c.CostUSD)
	}
	switch {
	case (got.Row == nil) != (c.Row == nil):
		t.Errorf("row: got %v, want %v", got.Row, c.Row)
	case got.Row != nil && got.Row.Model != *c.Row:
		t.Errorf("row: got %s, want %s", got.Row.Model, *c.Row)
	}
	if !slices.Equal(got.Flags.Strings(), c.Flags) {
		t.Errorf("flags: got %q, want %q", got.Flags.Strings(), c.Flags)
	}
}

// checkExplanation compares the explanation with the case, and its parts with
// its sum.
func checkExplanation(t *testing.T, c *costCase, e Explanation) {
	t.Helper()
	if (e.CostUSD == nil) != (c.CostUSD == nil) || e.CostUSD != nil && *e.CostUSD != *c.CostUSD {
		t.Errorf("explained cost: got %v, want %v", e.CostUSD, c.CostUSD)
	}
	if (e.PriceRow == nil) != (c.Row == nil) || e.PriceRow != nil && *e.PriceRow != *c.Row {
		t.Errorf("explained row: got %v, want %v", e.PriceRow, c.Row)
	}
	if e.CostBasis != c.Basis || !slices.Equal(e.Flags, c.Flags) {
		t.Errorf("explained basis and flags: got %s %q", e.CostBasis, e.Flags)
	}
	if e.CostUSD != nil {
		if sum := sumOfParts(t, e); sum != *e.CostUSD {
			t.Errorf("parts add up to %s, cost is %s", sum, *e.CostUSD)
		}
	}
}

// sumOfParts works every part out again from its figures and adds them up.
func sumOfParts(t *testing.T, e Explanation) string {
	t.Helper()
	var sum Decimal
	total := sum.Rat()
	for _, p := range e.Parts {
		amount := parseDecimal(t, p.Amount).Rat()
		total.Add(total, amount)
		if p.Column == "" {
			continue
		}
		again := parseDecimal(t, p.Quantity).Rat()
		again.Mul(again, parseDecimal(t, p.UnitPrice).Rat())
		again.Quo(again, parseDecimal(t, p.Per).Rat())
		again.Mul(again, parseDecimal(t, p.Multiplier).Rat())
		if again.Cmp(amount) != 0 {
			t.Errorf("%s: %s × %s / %s × %s is not %s", p.Name, p.Quantity, p.UnitPrice, p.Per, p.Multiplier, p.Amount)
		}
	}
	return ratString(total)
}

func parseDecimal(t *testing.T, s string) Decimal {
	t.Helper()
	d, err := ParseDecimal(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}
