//go:build cgo

package ingest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// TestRatesAreMarginalPrices: what 1,000 more tokens of each kind cost in a call, in
// millionths of a dollar, and what findings need beside it.
func TestRatesAreMarginalPrices(t *testing.T) {
	for _, c := range []struct {
		provider, model, tier, speed string
		want                         string // per size: from-to in out of the four kinds, batch, cache minimum, sibling and its kinds
	}{
		{"anthropic", "claude-opus-4-5-20251101", "standard", "", "0-: 5000 500 6250 25000 batch 0.5 from 4096, claude-haiku-4-5: 1000 100 1250 5000"},
		{"anthropic", "claude-opus-4-5-20251101", "", "standard", "0-: 5000 500 6250 25000 batch 0.5 from 4096, claude-haiku-4-5: 1000 100 1250 5000"},
		{"anthropic", "claude-opus-4-5-20251101", "batch", "", "0-: 2500 250 3125 12500 batch none from 4096, claude-haiku-4-5: 500 50 625 2500"},
		{"anthropic", "claude-opus-4-6", "standard", "fast", "0-: 30000 3000 37500 150000 batch none from 4096, claude-haiku-4-5: 1000 100 1250 5000"},
		{"anthropic", "claude-haiku-4-5", "standard", "", "0-: 1000 100 1250 5000 batch 0.5 from 4096"},
		{"google", "gemini-2.5-pro", "on_demand", "", "0-200000: 1250 125 1250 10000 batch 0.5 from 4096, gemini-2.5-flash: 300 30 300 2500; 200001-: 2500 250 2500 15000 batch 0.5 from 4096, gemini-2.5-flash: 300 30 300 2500"},
		{"openai", "gpt-4.1-2025-04-14", "default", "", "0-: 2000 500 2000 8000 batch 0.5 from 1024, gpt-4.1-mini: 400 100 400 1600"},
		{"openai", "gpt-4.1-2025-04-14", "auto", "", "0-: 2000 500 2000 8000 batch 0.5 from 1024, gpt-4.1-mini: 400 100 400 1600"},
		{"openai", "gpt-4.1-2025-04-14", "priority", "", "0-: 3500 875 3500 14000 batch none from 1024, gpt-4.1-mini: 700 175 700 2800"},
		{"openai", "a-model-nobody-knows", "", "", ""},
	} {
		e := newEnv(t)
		r := sample(1, 1)
		r.Upstream, r.Provider, r.RequestModel, r.ResponseModel, r.ServiceTier, r.Speed = c.provider, c.provider, c.model, c.model, c.tier, c.speed
		r.UsageSource, r.Tokens, r.RawUsage = usage.SourceReported, usage.Tokens{Input: 10, Output: 1}, nil
		e.write("a.jsonl", encode(r))
		e.run()
		if got := strings.Join(e.rates(), "; "); got != c.want {
			t.Errorf("%s %s, tier %q, speed %q:\n got %s\nwant %s", c.provider, c.model, c.tier, c.speed, got, c.want)
		}
	}
}

func (e *env) rates() (list []string) {
	e.t.Helper()
	db, err := Open(context.Background(), e.opt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.SQL().Query(`SELECT least_tokens, most_tokens, input_pico, read_pico, write_pico, output_pico, coalesce(rtrim(CAST(batch_multiplier AS VARCHAR), '0'), 'none'), cache_minimum,
		sibling, sibling_input_pico, sibling_read_pico, sibling_write_pico, sibling_output_pico FROM rate ORDER BY least_tokens`)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var least, most, minimum int64
		var own, other [4]int64
		var batch, sibling string
		if err := rows.Scan(&least, &most, &own[0], &own[1], &own[2], &own[3], &batch, &minimum, &sibling, &other[0], &other[1], &other[2], &other[3]); err != nil {
			e.t.Fatal(err)
		}
		micro := func(n [4]int64) string { return fmt.Sprint(n[0]/1e6, n[1]/1e6, n[2]/1e6, n[3]/1e6) }
		until := ""
		if most < usage.MaxCount {
			until = fmt.Sprint(most)
		}
		text := fmt.Sprintf("%d-%s: %s batch %s from %d", least, until, micro(own), batch, minimum)
		if sibling != "" {
			text += fmt.Sprintf(", %s: %s", sibling, micro(other))
		}
		list = append(list, text)
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	return list
}
