package price

import (
	"strings"
	"testing"
	"time"

	"burn/proxy/usage"
)

const profile = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6"

func TestAliases(t *testing.T) {
	at := time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC)
	table, err := Builtin().WithAliases([]Alias{
		{Provider: "azure", Model: "prod-chat-*", As: "gpt-4o"},
		{Provider: "azure.ai.openai", Model: "*", As: "gpt-4o-mini"},
		{Provider: "bedrock", Model: "arn:aws:bedrock:*:application-inference-profile/a1b2c3d4e5f6", As: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{Provider: "openai", Model: "gpt-4o", As: "gpt-4o-mini"},
		{Provider: "openai", Model: "gpt-4o-mini", As: "gpt-4o"},
	})
	if err != nil {
		t.Fatal(err)
	}
	direct, ok := Builtin().Resolve("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", at)
	if !ok {
		t.Fatal("the table has no row for the model inside the profile")
	}
	for _, c := range []struct{ name, provider, model, row, form string }{
		{"a deployment", "azure.ai.openai", "prod-chat-eu", "gpt-4o", "as gpt-4o (configured)"},
		{"the first entry that matches wins", "azure", "other", "gpt-4o-mini", "as gpt-4o-mini (configured)"},
		{"an inference profile", "aws.bedrock", profile, direct.Row.Model, "as eu.anthropic.claude-sonnet-4-5-20250929-v1:0 (configured)"},
		{"a listed id that has a row", "openai", "gpt-4o", "gpt-4o-mini", "as gpt-4o-mini (configured)"},
		{"what it stands for is not looked up again", "openai", "gpt-4o-mini", "gpt-4o", "as gpt-4o (configured)"},
		{"the id without its path", "openai", "models/gpt-4o", "gpt-4o-mini", "as gpt-4o-mini (configured)"},
		{"an id that is not listed", "openai", "gpt-4o-2024-11-20", "gpt-4o", "as given"},
		{"another provider", "mistral", "prod-chat-eu", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, ok := table.Resolve(c.provider, c.model, at)
			if ok != (c.row != "") {
				t.Fatalf("matched: %v", ok)
			}
			if ok && (m.Row.Model != c.row || m.Candidate != c.form) {
				t.Errorf("row %s, taken %s; want %s, %s", m.Row.Model, m.Candidate, c.row, c.form)
			}
		})
	}
	if _, ok := Builtin().Resolve("azure", "prod-chat-eu", at); ok {
		t.Error("a deployment has a price without being listed")
	}
}

func TestAliasesArePartOfTheTable(t *testing.T) {
	one, err := Builtin().WithAliases([]Alias{{"azure", "prod-*", "gpt-4o"}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := one.WithAliases([]Alias{{"azure", "test-*", "gpt-4o-mini"}})
	if err != nil {
		t.Fatal(err)
	}
	if Builtin().Hash() == one.Hash() || one.Hash() == two.Hash() {
		t.Error("an alias does not change the hash: history would keep its old prices")
	}
	more := two.With([]Row{{Provider: "azure", Model: "x", patterns: []pattern{newPattern(kindExact, "x")}}})
	rec := &usage.Record{Provider: "azure.ai.openai", RequestModel: "prod-1", UsageSource: usage.SourceReported, Tokens: usage.Tokens{Input: 500, Output: 50}}
	for name, table := range map[string]*Table{"one": one, "two": two, "with an override": more} {
		if c := table.Cost(rec); FormatPico(c.Pico) != "0.00175" || c.Basis != BasisComputed {
			t.Errorf("%s: cost %s, %s", name, FormatPico(c.Pico), c.Basis)
		}
	}
	if c := Builtin().Cost(rec); c.Known() {
		t.Error("the built-in table was changed")
	}
}

func TestAliasErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		alias Alias
		want  string
	}{
		{"no provider", Alias{"", "a", "gpt-4o"}, "entry 1: want provider, model and as"},
		{"no model", Alias{"azure", "", "gpt-4o"}, "entry 1: want provider, model and as"},
		{"stands for nothing", Alias{"azure", "a", ""}, "entry 1: want provider, model and as"},
		{"stands for a model without a price", Alias{"azure.ai.openai", "a", "gpt-4oo-x"}, `entry 1: no price for "gpt-4oo-x" of azure`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Builtin().WithAliases([]Alias{c.alias})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}
