package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"burn/ingest/price"
)

// explained is the output of burn prices explain --format json.
type explained struct {
	Tokens      map[string]any `json:"tokens"`
	UsageSource string         `json:"usage_source"`
	price.Explanation
}

// explainCommand runs burn prices explain on a usage object.
func explainCommand(t *testing.T, usage string, args ...string) explained {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usage.json")
	if err := os.WriteFile(path, []byte(usage), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(slices.Concat([]string{"burn", "prices", "explain"}, args, []string{"--usage", path, "--format", "json"}), &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	var e explained
	d := json.NewDecoder(&stdout)
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

// hand is a call worked out by hand: ingest/price's case and proxy/provider's
// reading of the same name, joined.
type hand struct {
	Name, Provider, Model, At, Tier string
	Row                             *string
	Basis                           string
	CostUSD                         *string `json:"cost_usd"`
	Flags                           []string

	raw    json.RawMessage
	tokens map[string]any
}

func hands(t *testing.T) []hand {
	t.Helper()
	var list []hand
	var readings []struct {
		Name   string
		Raw    json.RawMessage
		Tokens map[string]any
	}
	for path, into := range map[string]any{"ingest/price/testdata/cases.json": &list, "proxy/provider/testdata/usage.json": &readings} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	joined := 0
	for _, r := range readings {
		if i := slices.IndexFunc(list, func(h hand) bool { return h.Name == r.Name }); i >= 0 {
			list[i].raw, list[i].tokens = r.Raw, r.Tokens
			joined++
		}
	}
	if joined != 70 || len(list) != 70 {
		t.Fatalf("%d of %d cases joined, want 70", joined, len(list))
	}
	return list
}

// TestExplainByHand prices raw usages by provider, model, day and shape alone.
func TestExplainByHand(t *testing.T) {
	for _, h := range hands(t) {
		for _, name := range slices.Compact([]string{h.Provider, price.OTelName(h.Provider)}) {
			t.Run(h.Name+"/"+name, func(t *testing.T) {
				args := []string{h.Model, "--provider", name, "--at", h.At}
				if h.Tier != "" && h.tokens["service_tier"] == nil { // the answer does not say it
					args = append(args, "--tier", h.Tier)
				}
				h.check(t, explainCommand(t, string(h.raw), args...))
			})
		}
	}
}

func (h *hand) check(t *testing.T, e explained) {
	t.Helper()
	if spell(e.PriceRow) != spell(h.Row) || e.CostBasis != h.Basis || spell(e.CostUSD) != spell(h.CostUSD) || !slices.Equal(e.Flags, h.Flags) {
		t.Errorf("got row %s, basis %s, cost %s, flags %q; want %s, %s, %s, %q",
			spell(e.PriceRow), e.CostBasis, spell(e.CostUSD), e.Flags, spell(h.Row), h.Basis, spell(h.CostUSD), h.Flags)
	}
	want := map[string]any{"input_tokens": 0.0, "output_tokens": 0.0}
	for k, v := range h.tokens {
		want[k] = v
	}
	if h.Tier != "" {
		want["service_tier"] = h.Tier
	}
	if e.UsageSource != want["usage_source"] {
		t.Errorf("usage source %s, want %v", e.UsageSource, want["usage_source"])
	}
	if want["usage_source"] == "reported" {
		delete(want, "usage_source")
	}
	delete(want, "cost_usd") // stands beside
	if s, ok := want["seconds"].(string); ok {
		want["seconds"] = json.Number(s)
	}
	got, _ := json.Marshal(e.Tokens)
	expect, _ := json.Marshal(want)
	if string(got) != string(expect) {
		t.Errorf("tokens\n%s\nwant\n%s", got, expect)
	}
}

func spell(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// TestExplainRounds shows that a cost is rounded once, half away from zero, to
// 1e-12 USD, whatever was exact before.
func TestExplainRounds(t *testing.T) {
	override := filepath.Join(t.TempDir(), "prices.csv")
	if err := os.WriteFile(override, []byte("provider,model,input_per_mtok,batch_multiplier,usd_per_minute\n"+
		"openai,tiny,0.0000015,0.5,\nopenai,listener,,,0.006\nopenai,thirds,,,0.0001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, provider, model, tier, usage string
		cost, basis, sum                   string // sum: the parts' amounts
	}{
		{"half a unit is rounded up", "openai", "tiny", "batch", `{"prompt_tokens":2,"completion_tokens":0}`, "0.000000000002", "computed", "0.0000000000015"},
		{"three quarters", "openai", "tiny", "batch", `{"prompt_tokens":1,"completion_tokens":0}`, "0.000000000001", "computed", "0.00000000000075"},
		{"a million", "openai", "tiny", "batch", `{"prompt_tokens":1000000,"completion_tokens":0}`, "0.00000075", "computed", "0.00000075"},
		{"a float's tail", "openrouter", "any", "", `{"prompt_tokens":1,"completion_tokens":1,"cost":0.00014579999999999999}`, "0.0001458", "reported", "0.00014579999999999999"},
		{"a float's tail with an exponent", "openrouter", "any", "", `{"prompt_tokens":1,"completion_tokens":1,"cost":1.4579999999999999e-4}`, "0.0001458", "reported", "0.00014579999999999999"},
		{"a third of a second", "openai", "listener", "", `{"type":"duration","seconds":0.3333333333333333}`, "0.000033333333", "computed", "0.00003333333333333333"},
		{"a third of a cheap second", "openai", "thirds", "", `{"type":"duration","seconds":0.3333333333333333}`, "0.000000555556", "computed", "0.0000005555555555555555"},
		{"no seconds", "openai", "listener", "", `{"type":"duration","seconds":0}`, "0", "computed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explainCommand(t, c.usage, c.model, "--provider", c.provider, "--prices", override, "--tier", c.tier)
			if spell(e.CostUSD) != c.cost || e.CostBasis != c.basis {
				t.Errorf("cost %s, %s; want %s, %s", spell(e.CostUSD), e.CostBasis, c.cost, c.basis)
			}
			var sum string
			for _, p := range e.Parts {
				sum += p.Amount
			}
			if len(e.Parts) > 1 || !strings.HasPrefix(sum, c.sum) {
				t.Errorf("parts %+v, want one of %s", e.Parts, c.sum)
			}
		})
	}
}

// TestPricesExit holds the exit codes and on which stream what is said.
// TestExplainBoundaries prices by the id and at the edges of tiers: prefixes,
// regions, paths, dates and providers in both spellings.
func TestExplainBoundaries(t *testing.T) {
	million := `{"prompt_tokens":1000000,"completion_tokens":0}`
	claude := `{"input_tokens":1000,"output_tokens":0}`
	chat := func(n int) string { return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":1000}`, n) }
	gemini := func(n int) string {
		return fmt.Sprintf(`{"promptTokenCount":%d,"candidatesTokenCount":600,"thoughtsTokenCount":400}`, n)
	}
	const passes = `{"input_tokens":20001,"output_tokens":400,"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":600},{"type":"message","input_tokens":20001,"output_tokens":400}]}`
	for _, c := range []struct{ provider, otel, model, at, usage, row, cost string }{
		{"openai", "openai", "gpt-5.4-2026-03-05", "2026-08-21", chat(271_999), "gpt-5.4", "0.6949975"},
		{"openai", "openai", "gpt-5.4-2026-03-05", "2026-08-21", chat(272_000), "gpt-5.4", "0.695"},
		{"openai", "openai", "gpt-5.4-2026-03-05", "2026-08-21", chat(272_001), "gpt-5.4", "1.382505"},
		{"xai", "x_ai", "grok-4.5", "2026-08-21", chat(199_999), "grok-4.5", "0.405998"},
		{"xai", "x_ai", "grok-4.5", "2026-08-21", chat(200_000), "grok-4.5", "0.812"},
		{"xai", "x_ai", "grok-4.5", "2026-08-21", chat(200_001), "grok-4.5", "0.812004"},
		{"google", "gcp.gemini", "models/gemini-2.5-pro", "2026-08-21", gemini(200_000), "gemini-2.5-pro", "0.26"},
		{"google", "gcp.gemini", "gemini-2.5-pro:generateContent", "2026-08-21", gemini(200_001), "gemini-2.5-pro", "0.5150025"},
		{"vertex", "gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "2026-08-21", gemini(200_000), "gemini-2.5-pro", "0.26"},
		{"vertex", "gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "2026-08-21", claude, "claude-sonnet-4-5", "0.003"},
		{"anthropic", "anthropic", "claude-opus-4-6", "2026-03-12", passes, "claude-opus-4-6", "1.025005"},
		{"anthropic", "anthropic", "claude-opus-4-6", "2026-03-12", `{"input_tokens":200001,"output_tokens":1000}`, "claude-opus-4-6", "2.03751"},
		{"anthropic", "anthropic", "claude-opus-4-6", "2026-03-13", `{"input_tokens":200001,"output_tokens":1000}`, "claude-opus-4-6", "1.025005"},
		{"bedrock", "aws.bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "2026-08-21", claude, "global.anthropic.claude-haiku-4-5-20251001-v1:0", "0.001"},
		{"bedrock", "aws.bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "2026-08-21", claude, "regional.anthropic.claude-haiku-4-5-20251001-v1:0", "0.0011"},
		{"bedrock", "aws.bedrock", "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0", "2026-08-21", claude, "regional.anthropic.claude-haiku-4-5-20251001-v1:0", "0.0011"},
		{"bedrock", "aws.bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0", "2026-08-21", claude, "regional.anthropic.claude-haiku-4-5-20251001-v1:0", "0.0011"},
		{"bedrock", "aws.bedrock", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0", "2026-08-21", claude, "regional.anthropic.claude-haiku-4-5-20251001-v1:0", "0.0011"},
		{"bedrock", "aws.bedrock", "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc", "2026-08-21", claude, "null", "null"},
		{"azure", "azure.ai.openai", "gpt-35-turbo", "2026-08-21", million, "gpt-3.5-turbo", "0.5"},
		{"openai", "openai", "gpt-4o-2024-05-13", "2026-08-21", million, "gpt-4o-2024-05-13", "5"},
		{"openai", "openai", "GPT-4o-2024-11-20", "2026-08-21", million, "gpt-4o", "2.5"},
		{"openai", "openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", "2026-08-21", million, "ft:gpt-4o-mini", "0.3"},
		{"mistral", "mistral_ai", "mistral-medium-latest", "2026-08-21", million, "mistral-medium-3-5", "1.5"},
		{"openai", "openai", "gpt-unheard-of", "2026-08-21", million, "null", "null"},
		{"openai", "openai", "gpt-4o", "2026-08-21", "null", "gpt-4o", "null"},
		{"openai", "openai", "gpt-4o", "2026-08-21", `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`, "gpt-4o", "0"},
	} {
		for _, provider := range slices.Compact([]string{c.provider, c.otel}) {
			t.Run(provider+" "+c.model, func(t *testing.T) {
				e := explainCommand(t, c.usage, c.model, "--provider", provider, "--at", c.at)
				if spell(e.PriceRow) != c.row || spell(e.CostUSD) != c.cost {
					t.Errorf("row %s, cost %s; want %s, %s", spell(e.PriceRow), spell(e.CostUSD), c.row, c.cost)
				}
			})
		}
	}
}

func TestPricesExit(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(bad, []byte("provider,model,input_per_mtok\nopenai,x,-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"unknown model", []string{"explain", "nothing-like-it", "--provider", "openai"}, 0, `no price for "nothing-like-it"`},
		{"bad override", []string{"check", bad}, 1, "bad.csv:2: input_per_mtok: -1 is negative"},
		{"bad override in use", []string{"list", "--prices", bad}, 2, "bad.csv:2: input_per_mtok: -1 is negative"},
		{"no file to check", []string{"check", missing}, 1, "no such file"},
		{"no file to import", []string{"import", missing}, 1, "no such file"},
		{"no list", []string{"import", bad}, 1, "not a JSON object or array"},
		{"no usage", []string{"explain", "gpt-4o", "--provider", "openai", "--usage", missing}, 1, "no such file"},
		{"no operand", []string{"check"}, 2, "FILE is missing"},
		{"two operands", []string{"check", bad, "--log-level", "info", bad}, 2, "unexpected argument"},
		{"unknown flag behind the operand", []string{"check", bad, "--strict"}, 2, "unknown flag --strict"},
		{"flag without its value", []string{"explain", "gpt-4o", "--provider"}, 2, "--provider needs a value"},
		{"unknown command", []string{"expalin", "gpt-4o"}, 2, "did you mean burn prices explain?"},
		{"format", []string{"list", "--format", "xml"}, 2, "use table, json, csv or markdown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"burn", "prices"}, c.args...), &stdout, &stderr)
			if code != c.code || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit %d, want %d; stderr %s", code, c.code, stderr.String())
			}
			if code != 0 && stdout.Len() > 0 {
				t.Errorf("on standard output: %s", stdout.String())
			}
		})
	}
}
