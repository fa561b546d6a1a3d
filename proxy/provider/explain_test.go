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

// TestFromUsageShapes reads objects by provider and shape alone.
func TestFromUsageShapes(t *testing.T) {
	for _, c := range []struct {
		name, provider, raw string
		want                map[string]any
	}{
		{"images, output not divided", "openai", `{"input_tokens":50,"output_tokens":1000,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}`,
			map[string]any{"input_tokens": 50, "output_tokens": 1000, "image_input_tokens": 40, "image_output_tokens": 1000, "usage_source": "reported"}},
		{"events of Responses", "openai", `[{"type":"response.created","response":{"usage":null}},{"type":"response.completed","response":{"service_tier":"flex","usage":{"input_tokens":10,"output_tokens":5}}}]`,
			map[string]any{"input_tokens": 10, "output_tokens": 5, "service_tier": "flex", "usage_source": "reported"}},
		{"events with an end mark", "openai", `[{"response":{"usage":{"input_tokens":10,"output_tokens":5}}},"[DONE]"]`,
			map[string]any{"input_tokens": 10, "output_tokens": 5, "usage_source": "reported"}},
		{"Ollama's response is text", "ollama", `{"response":"four","prompt_eval_count":5,"eval_count":3}`,
			map[string]any{"input_tokens": 5, "output_tokens": 3, "usage_source": "reported"}},
		{"an event of a realtime session", "openai", `{"type":"response.done","response":{"usage":{"total_tokens":100,"input_tokens":60,"output_tokens":40,"input_token_details":{"audio_tokens":40},"output_token_details":{"audio_tokens":30}}}}`,
			map[string]any{"input_tokens": 60, "output_tokens": 40, "audio_input_tokens": 40, "audio_output_tokens": 30, "usage_source": "reported"}},
		{"a whole response", "openai", `{"object":"response","service_tier":"flex","output":[{"type":"web_search_call","action":{"type":"search"}}],"usage":{"input_tokens":10,"output_tokens":5},"tool_usage":{"web_search":{"num_requests":2}}}`,
			map[string]any{"input_tokens": 10, "output_tokens": 5, "web_searches": 2, "service_tier": "flex", "usage_source": "reported"}},
		{"a gateway's cache", "vercel", `{"prompt_tokens":100,"completion_tokens":5,"cache_creation_input_tokens":30,"cache_read_input_tokens":20,"prompt_tokens_details":{"cached_tokens":20}}`,
			map[string]any{"input_tokens": 100, "cache_read_tokens": 20, "cache_write_tokens": 30, "output_tokens": 5, "usage_source": "reported"}},
		{"an agent's cache", "qwen", `{"input_tokens":100,"output_tokens":5,"input_tokens_details":{"cache_creation_input_tokens":30,"cache_read_input_tokens":20}}`,
			map[string]any{"input_tokens": 100, "cache_read_tokens": 20, "cache_write_tokens": 30, "output_tokens": 5, "usage_source": "reported"}},
		{"Gemini's Interactions", "google", `{"total_input_tokens":9,"total_cached_tokens":4,"total_output_tokens":7,"total_thought_tokens":2,"total_tokens":18}`,
			map[string]any{"input_tokens": 9, "cache_read_tokens": 4, "output_tokens": 9, "reasoning_tokens": 2, "usage_source": "reported"}},
		{"pages", "mistral", `{"pages_processed":3,"doc_size_bytes":3002783}`, map[string]any{"requests": 3, "usage_source": "reported"}},
		{"a total alone", "voyage", `{"total_tokens":1500}`, map[string]any{"input_tokens": 1500, "usage_source": "reported"}},
		{"Gemini without a prompt", "google", `{"candidatesTokenCount":15,"totalTokenCount":15}`, map[string]any{"output_tokens": 15, "usage_source": "reported"}},
		{"Vertex's predictions", "vertex", `{"predictions":[{"embeddings":{"statistics":{"token_count":7}}}]}`, map[string]any{"input_tokens": 7, "usage_source": "reported"}},
		{"Cohere without what is billed", "cohere", `{"usage":{"tokens":{"input_tokens":5,"output_tokens":2}}}`,
			map[string]any{"input_tokens": 5, "output_tokens": 2, "usage_source": "derived"}},
		{"llama.cpp", "llama", `{"tokens_evaluated":10,"tokens_predicted":4,"timings":{"cache_n":3}}`,
			map[string]any{"input_tokens": 10, "cache_read_tokens": 3, "output_tokens": 4, "usage_source": "reported"}},
		{"Bedrock's last event", "aws.bedrock", `{"metadata":{"usage":{"inputTokens":5,"outputTokens":2}}}`, map[string]any{"input_tokens": 5, "output_tokens": 2, "usage_source": "reported"}},
		{"zero is a usage", "openai", `{"prompt_tokens":0,"completion_tokens":0}`, map[string]any{"usage_source": "reported"}},
		{"nothing is none", "openai", `{}`, map[string]any{"usage_source": "missing"}},
		{"no usage in an answer", "openai", `{"choices":[],"usage":null}`, map[string]any{"usage_source": "missing"}},
		{"unknown keys are none", "openai", `{"units":12}`, map[string]any{"usage_source": "missing"}},
		{"an error is none", "openai", `{"error":{"message":"no"}}`, map[string]any{"usage_source": "missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := FromUsage(c.provider, "", []byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if got := counts(&rec); !same(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// FuzzFromUsage reads anything: no count is negative, and what is no usage is
// never one of zero.
func FuzzFromUsage(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Provider, string(v.Raw))
	}
	f.Add("openai", `[{"response":{"usage":{"input_tokens":1e99}}},null,"[DONE]",[]]`)
	f.Fuzz(func(t *testing.T, provider, raw string) {
		rec, err := FromUsage(provider, "", []byte(raw))
		if err != nil {
			return
		}
		for _, n := range []int64{rec.Input, rec.CacheRead, rec.CacheWrite, rec.CacheWrite1h, rec.Output, rec.Reasoning, rec.Citation,
			rec.AudioInput, rec.AudioCacheRead, rec.AudioOutput, rec.ImageInput, rec.ImageOutput, rec.WebSearches, rec.Requests} {
			if n < 0 {
				t.Errorf("a count is %d", n)
			}
		}
		if rec.UsageSource == "" || rec.UsageSource == usage.SourceReported && !saysUsage([]byte(raw)) {
			t.Errorf("usage source %q", rec.UsageSource)
		}
	})
}
