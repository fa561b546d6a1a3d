package provider

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// vector is one case of testdata/usage.json: a usage object as a provider
// returns it, and what a record must say of it.
type vector struct {
	Name, Provider, Flavour string
	Raw                     json.RawMessage
	Tokens                  map[string]any
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/usage.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 70 {
		t.Fatalf("%d cases, want at least 70", len(list))
	}
	return list
}

// counts shows a record's usage under the record's keys, defaults left out.
func counts(rec *usage.Record) map[string]any {
	m := map[string]any{}
	for k, n := range map[string]int64{
		"input_tokens": rec.Input, "cache_read_tokens": rec.CacheRead, "cache_write_tokens": rec.CacheWrite,
		"cache_write_1h_tokens": rec.CacheWrite1h, "output_tokens": rec.Output, "reasoning_tokens": rec.Reasoning,
		"citation_tokens": rec.Citation, "audio_input_tokens": rec.AudioInput,
		"audio_cache_read_tokens": rec.AudioCacheRead, "audio_output_tokens": rec.AudioOutput,
		"image_input_tokens": rec.ImageInput, "image_output_tokens": rec.ImageOutput,
		"web_searches": rec.WebSearches, "requests": rec.Requests,
	} {
		if n != 0 {
			m[k] = float64(n)
		}
	}
	for k, s := range map[string]string{
		"seconds": rec.Seconds, "usage_source": rec.UsageSource, "service_tier": rec.ServiceTier,
		"speed": rec.Speed, "geo": rec.Geo, "cost_usd": rec.CostUSD,
	} {
		if s != "" && s != "standard" {
			m[k] = s
		}
	}
	return m
}

func same(a, b map[string]any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestFromUsage(t *testing.T) {
	for _, v := range vectors(t) {
		for _, flavour := range []string{v.Flavour, ""} {
			t.Run(v.Name+"/"+flavour, func(t *testing.T) {
				rec, err := FromUsage(v.Provider, flavour, v.Raw)
				if err != nil {
					t.Fatal(err)
				}
				if got := counts(&rec); !same(got, v.Tokens) {
					t.Errorf("got  %v\nwant %v\nraw %s", got, v.Tokens, v.Raw)
				}
				if len(rec.Flags) > 0 {
					t.Errorf("flags %v", rec.Flags)
				}
			})
		}
	}
}

func TestFromUsageRefuses(t *testing.T) {
	for _, c := range []struct{ name, flavour, raw, want string }{
		{"text", "", "hello", "not a JSON object"},
		{"number", "", "12", "not a JSON object"},
		{"broken", "", `{"a":`, "not a JSON object"},
		{"flavour", "openai.chatt", `{}`, "unknown usage flavour"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := FromUsage("openai", c.flavour, []byte(c.raw)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
