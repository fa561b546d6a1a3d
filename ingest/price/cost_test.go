package price

import (
	"slices"
	"testing"

	"burn/proxy/usage"
)

// priced is a record of a reported call on the 21st of August 2026.
func priced(provider, model string, tokens usage.Tokens, change ...func(*usage.Record)) *usage.Record {
	rec := &usage.Record{
		Provider: provider, RequestModel: model, TS: august.UnixMilli(),
		UsageSource: usage.SourceReported, Tokens: tokens,
	}
	for _, f := range change {
		f(rec)
	}
	return rec
}

func tierIs(s string) func(*usage.Record)     { return func(r *usage.Record) { r.ServiceTier = s } }
func speedIs(s string) func(*usage.Record)    { return func(r *usage.Record) { r.Speed = s } }
func geoIs(s string) func(*usage.Record)      { return func(r *usage.Record) { r.Geo = s } }
func sourceIs(s string) func(*usage.Record)   { return func(r *usage.Record) { r.UsageSource = s } }
func kindIs(s string) func(*usage.Record)     { return func(r *usage.Record) { r.Kind = s } }
func reported(s string) func(*usage.Record)   { return func(r *usage.Record) { r.CostUSD = s } }
func servedBy(s string) func(*usage.Record)   { return func(r *usage.Record) { r.ResponseModel = s } }
func upstreamIs(s string) func(*usage.Record) { return func(r *usage.Record) { r.Upstream = s } }

func inside(model string, t usage.Tokens) func(*usage.Record) {
	return func(r *usage.Record) { r.SubUsage = append(r.SubUsage, usage.SubUsage{Model: model, Tokens: t}) }
}

const overridesCSV = `provider,model,match,input_per_mtok,output_per_mtok,cache_read_per_mtok,cache_write_5m_per_mtok,long_threshold,long_op,long_input_per_mtok,long_output_per_mtok,long_cache_write_5m_per_mtok,batch_multiplier,usd_per_1k_requests
gateway,tiny,,0.0000015,0.0000015,,,,,,,,0.5,
gateway,half,,0.0000005,0.0000005,,,,,,,,,
gateway,fees,,1,1,,,,,,,,0.5,0.0000000005
gateway,outlong,,1,2,0.1,,100,gt,,4,,,
gateway,inlong,,1,2,0.1,1.25,100,ge,3,,4,,
ollama,house,house*,1,1,,,,,,,,,
`

func TestCost(t *testing.T) {
	type tok = usage.Tokens
	text := tok{Input: 1000, Output: 100}
	table := Builtin().With(load(t, overridesCSV))
	for _, c := range []struct {
		name  string
		rec   *usage.Record
		basis string
		cost  string // "" for not known
		flags []string
	}{
		// Where the cost comes from.
		{"nothing to bill", priced("openai", "gpt-4o", tok{}, sourceIs("none")), "none", "0", nil},
		{"nothing to bill of an unknown model", priced("acme", "", tok{}, sourceIs("none")), "none", "0", nil},
		{"usage missing", priced("openai", "gpt-4o", tok{}, sourceIs("missing")), "missing", "", nil},
		{"usage missing, model unknown", priced("openai", "acme", tok{}, sourceIs("missing")), "unknown_model", "", nil},
		{"usage estimated", priced("openai", "gpt-4o", text, sourceIs("estimated")), "computed", "0.0035", nil},
		{"usage partial", priced("openai", "gpt-4o", text, sourceIs("partial")), "computed", "0.0035", nil},
		{"zero usage", priced("openai", "gpt-4o", tok{}), "computed", "0", nil},
		{"zero usage of an unknown model", priced("openai", "acme", tok{}), "unknown_model", "", nil},
		{"served model", priced("openai", "gpt-4o", text, servedBy("gpt-4o-mini")), "computed", "0.00021", nil},
		{"served model unknown, requested known", priced("openai", "gpt-4o", text, servedBy("acme")), "unknown_model", "", nil},
		{"bedrock by the requested id", priced("aws.bedrock", "us.anthropic.claude-opus-5", text, servedBy("claude-opus-5")), "computed", "0.00825", nil},
		{"vertex by the requested id", priced("gcp.vertex_ai", "gemini-2.5-flash", text, servedBy("acme")), "computed", "0.00055", nil},
		{"vertex by the served id if there is no other", priced("gcp.vertex_ai", "", text, servedBy("gemini-2.5-flash")), "computed", "0.00055", nil},
		{"local", priced("ollama", "llama3.2", text), "free_local", "0", nil},
		{"local without usage", priced("ollama", "llama3.2", tok{}, sourceIs("missing")), "free_local", "0", nil},
		{"local with a price of one's own", priced("ollama", "house-7b", text), "computed", "0.0011", nil},
		{"configured name", priced("gateway", "tiny", tok{Input: 2_000_000}), "computed", "0.000003", nil},
		{"configured name only as upstream", priced("", "gpt-4o", text, upstreamIs("openai")), "computed", "0.0035", nil},

		// Reported costs.
		{"reported wins", priced("openai", "gpt-4o", text, reported("0.00014579999999999999")), "reported", "0.0001458", nil},
		{"reported zero wins", priced("openrouter", "x/y:free", text, reported("0")), "reported", "0", nil},
		{"reported beside nothing to bill", priced("openrouter", "x", tok{}, sourceIs("none"), reported("0.01")), "reported", "0.01", nil},
		{"reported for an unknown model", priced("x_ai", "grok-99", text, reported("9.78e-05")), "reported", "0.0000978", nil},
		{"reported unreadable", priced("openai", "gpt-4o", text, reported("free")), "computed", "0.0035", []string{"reported cost unreadable, computed instead"}},
		{"reported negative", priced("openai", "gpt-4o", text, reported("-1")), "computed", "0.0035", []string{"reported cost unreadable, computed instead"}},
		{"reported beyond all bounds", priced("openai", "gpt-4o", text, reported("9223373")), "unknown_model", "", []string{"cost overflow"}},

		// Tiers, speed, region.
		{"batch", priced("anthropic", "claude-sonnet-4-5", text, tierIs("batch")), "computed", "0.00225", nil},
		{"standard words", priced("groq", "llama-3.1-8b-instant", text, tierIs("on_demand")), "computed", "0.000058", nil},
		{"vertex standard", priced("gcp.vertex_ai", "gemini-2.5-flash", text, tierIs("ON_DEMAND")), "computed", "0.00055", nil},
		{"vertex flex", priced("gcp.vertex_ai", "gemini-2.5-flash", text, tierIs("ON_DEMAND_FLEX")), "computed", "0.000275", nil},
		{"fast is openai's priority", priced("openai", "gpt-4o", text, tierIs("fast")), "computed", "0.00595", nil},
		{"priority without a multiplier", priced("anthropic", "claude-sonnet-4-5", text, tierIs("priority")), "computed", "0.0045", []string{"priority_multiplier missing, used standard"}},
		{"flex without a multiplier", priced("openai", "gpt-4o", text, tierIs("flex")), "computed", "0.0035", []string{"flex_multiplier missing, used standard"}},
		{"batch without a multiplier", priced("groq", "llama-3.1-8b-instant", text, tierIs("batch")), "computed", "0.000058", []string{"batch_multiplier missing, used standard"}},
		{"unknown tier", priced("openai", "gpt-4o", text, tierIs("scale")), "computed", "0.0035", []string{"service_tier unknown, used standard"}},
		{"fast without a multiplier", priced("anthropic", "claude-sonnet-4-5", text, speedIs("fast")), "computed", "0.0045", []string{"fast_multiplier missing, used standard"}},
		{"unknown speed", priced("anthropic", "claude-opus-4-8", text, speedIs("warp")), "computed", "0.0075", []string{"speed unknown, used standard"}},
		{"three multipliers", priced("anthropic", "claude-opus-4-7", text, speedIs("fast"), geoIs("us"), tierIs("batch")), "computed", "0.02475", nil},
		{"region that changes nothing", priced("anthropic", "claude-opus-4-7", text, geoIs("global")), "computed", "0.0075", nil},
		{"region of a model without a premium", priced("anthropic", "claude-sonnet-4-5", text, geoIs("us")), "computed", "0.0045", nil},
		{"provisioned", priced("gcp.vertex_ai", "gemini-2.5-pro", text, tierIs("PROVISIONED_THROUGHPUT")), "computed", "0", []string{"provisioned throughput, tokens cost nothing"}},
		{"provisioned, but searches", priced("gcp.vertex_ai", "gemini-2.5-pro", tok{Input: 1000, WebSearches: 2}, tierIs("PROVISIONED_THROUGHPUT")), "computed", "0.07", []string{"provisioned throughput, tokens cost nothing"}},
		{"provisioned, unknown model", priced("gcp.vertex_ai", "tuned-123", text, tierIs("PROVISIONED_THROUGHPUT")), "computed", "0", []string{"provisioned throughput, tokens cost nothing"}},
		{"provisioned, unknown model, searches", priced("gcp.vertex_ai", "tuned-123", tok{WebSearches: 1}, tierIs("PROVISIONED_THROUGHPUT")), "unknown_model", "", nil},
		{"provisioned, as records say it", priced("gcp.vertex_ai", "gemini-2.5-pro", text, tierIs("provisioned")), "computed", "0", []string{"provisioned throughput, tokens cost nothing"}},

		// Long context.
		{"at a threshold that includes", priced("x_ai", "grok-4.5", tok{Input: 200_000, Output: 1000}), "computed", "0.812", nil},
		{"below it", priced("x_ai", "grok-4.5", tok{Input: 199_999, Output: 1000}), "computed", "0.405998", nil},
		{"at one that excludes", priced("openai", "gpt-5.4", tok{Input: 272_000}), "computed", "0.68", nil},
		{"one above", priced("openai", "gpt-5.4", tok{Input: 272_001}), "computed", "1.360005", nil},
		{"a gap line is many calls", priced("openai", "gpt-5.4", tok{Input: 300_000}, kindIs(usage.KindGap)), "computed", "0.75", nil},
		{"long input price missing", priced("gateway", "outlong", tok{Input: 1000, Output: 10}), "computed", "0.00104", []string{"long_input_per_mtok missing, used input_per_mtok"}},
		{"long output and cache prices missing", priced("gateway", "inlong", tok{Input: 1000, CacheRead: 100, CacheWrite: 200, CacheWrite1h: 50, Output: 10}), "computed", "0.00322",
			[]string{"long_cache_read_per_mtok missing, used long_input_per_mtok", "long_cache_write_1h_per_mtok missing, used long_cache_write_5m_per_mtok", "long_output_per_mtok missing, used output_per_mtok"}},

		// Parts and their fallbacks.
		{"1 h write at the 5 min price", priced("aws.bedrock", "us.anthropic.claude-3-5-haiku-20241022-v1:0", tok{Input: 1000, CacheWrite: 1000, CacheWrite1h: 1000}), "computed", "0.001",
			[]string{"cache_write_1h_per_mtok missing, used cache_write_5m_per_mtok"}},
		{"writes at the input price", priced("anthropic", "claude-mythos-5", tok{Input: 1000, CacheWrite: 1000, CacheWrite1h: 400}), "computed", "0.01",
			[]string{"cache_write_5m_per_mtok missing, used input_per_mtok", "cache_write_1h_per_mtok missing, used input_per_mtok"}},
		{"cached audio", priced("openai", "gpt-realtime", tok{Input: 1000, CacheRead: 300, AudioInput: 500, AudioCacheRead: 200}), "computed", "0.01132", nil},
		{"cached audio without a price", priced("openai", "gpt-audio", tok{Input: 600, CacheRead: 200, AudioInput: 500, AudioCacheRead: 200}), "computed", "0.01625",
			[]string{"audio_cache_read_per_mtok missing, used audio_input_per_mtok"}},
		{"audio not priced apart", priced("openai", "gpt-4o", tok{Input: 1000, AudioInput: 500, Output: 100, AudioOutput: 50}), "computed", "0.0035", nil},
		{"cached images are cached tokens", priced("openai", "gpt-image-1.5", tok{Input: 350, ImageInput: 300, CacheRead: 320}), "computed", "0.00064", nil},
		{"free without any price", priced("openai", "omni-moderation-latest", text), "computed", "0", nil},
		{"no input price", priced("groq", "whisper-large-v3", text), "unknown_model", "", []string{"input_per_mtok missing", "output_per_mtok missing"}},
		{"no output price", priced("azure.ai.openai", "babbage-002", text), "unknown_model", "", []string{"output_per_mtok missing"}},
		{"parts beyond the total", priced("openai", "gpt-4o", tok{Input: 100, CacheRead: 150}), "computed", "0.0001875", []string{"token counts inconsistent"}},
		{"more 1 h writes than writes", priced("anthropic", "claude-sonnet-4-5", tok{Input: 100, CacheWrite: 50, CacheWrite1h: 60}), "computed", "0.00045", []string{"token counts inconsistent"}},
		{"negative count", priced("openai", "gpt-4o", tok{Input: -5, Output: 10}), "computed", "0.0001", []string{"token counts inconsistent"}},
		{"absurd count", priced("openai", "gpt-4o", tok{Input: 1<<63 - 1, CacheRead: 1<<63 - 1}), "unknown_model", "", []string{"cost overflow"}},
		{"too dear to be true", priced("openai", "gpt-4o", tok{Input: 1 << 50}), "unknown_model", "", []string{"cost overflow"}},

		// Fees.
		{"searches without a price", priced("openai", "gpt-4o", tok{Input: 1000, WebSearches: 3}), "computed", "0.0025", []string{"usd_per_1k_web_searches missing, searches not priced"}},
		{"a third of a second", priced("groq", "whisper-large-v3-turbo", tok{Seconds: "0.333333333333333"}), "computed", "0.000003703333", nil},
		{"seconds without a price", priced("openai", "gpt-4o-transcribe", tok{Seconds: "12"}), "unknown_model", "", []string{"usd_per_minute missing"}},
		{"seconds beside tokens", priced("openai", "gpt-4o-transcribe", tok{Input: 10, Output: 1, Seconds: "12"}), "computed", "0.000035", nil},
		{"zero seconds", priced("openai", "gpt-4o-transcribe", tok{Seconds: "0.0"}), "computed", "0", nil},
		{"seconds unreadable", priced("groq", "whisper-large-v3", tok{Seconds: "soon"}), "unknown_model", "", []string{"seconds unreadable"}},
		{"fees are not discounted", priced("perplexity", "sonar", tok{Input: 10, Requests: 1}, tierIs("batch")), "computed", "0.01201", []string{"batch_multiplier missing, used standard"}},

		// One rounding, half away from zero.
		{"half a unit", priced("gateway", "half", tok{Input: 1}), "computed", "0.000000000001", nil},
		{"two halves are one unit", priced("gateway", "half", tok{Input: 1, Output: 1}), "computed", "0.000000000001", nil},
		{"one and a half", priced("gateway", "tiny", tok{Input: 1}), "computed", "0.000000000002", nil},
		{"three quarters", priced("gateway", "tiny", tok{Input: 1}, tierIs("batch")), "computed", "0.000000000001", nil},
		{"a fee of half a unit and tokens", priced("gateway", "fees", tok{Input: 1, Requests: 1}), "computed", "0.000001000001", nil},
		{"halves of two models are one unit", priced("gateway", "half", tok{Input: 1}, inside("half", tok{Input: 1})), "computed", "0.000000000001", nil},

		// Models inside the call.
		{"advisor", priced("anthropic", "claude-sonnet-4-6", tok{Input: 100, Output: 10}, inside("claude-haiku-4-5-20251001", tok{Input: 200, Output: 20})), "computed", "0.00075", nil},
		{"advisor in a batch", priced("anthropic", "claude-sonnet-4-6", tok{Input: 100, Output: 10}, inside("claude-haiku-4-5", tok{Input: 200, Output: 20}), tierIs("batch")), "computed", "0.000375", nil},
		{"advisor of a fast call", priced("anthropic", "claude-opus-4-8", tok{Input: 100, Output: 10}, inside("claude-haiku-4-5", tok{Input: 200, Output: 20}), speedIs("fast")), "computed", "0.0018", nil},
		{"advisor has its own long context", priced("anthropic", "claude-haiku-4-5", tok{Input: 100}, inside("claude-sonnet-4-5", tok{Input: 200_001})), "computed", "1.200106", nil},
		{"unknown advisor", priced("anthropic", "claude-sonnet-4-6", text, inside("acme", tok{Input: 1})), "unknown_model", "", []string{"sub_usage model unknown"}},
		{"advisor of a reported call", priced("openrouter", "x", text, inside("acme", tok{Input: 1}), reported("0.5")), "reported", "0.5", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := costCase{Basis: c.basis, Flags: c.flags}
			if c.cost != "" {
				want.CostUSD = &c.cost
			}
			got := table.Cost(c.rec)
			if got.Row != nil {
				want.Row = &got.Row.Model
			}
			checkCost(t, &want, got)
			e := table.Explain(c.rec)
			if (e.CostUSD == nil) != (c.cost == "") || e.CostUSD != nil && *e.CostUSD != c.cost {
				t.Errorf("explained cost: got %v", e.CostUSD)
			}
			if !slices.Equal(e.Flags, c.flags) {
				t.Errorf("explained flags: got %q", e.Flags)
			}
		})
	}
}

func TestFlagsHaveNames(t *testing.T) {
	if last := Flags(1) << (len(flagNames) - 1); last != FlagOverflow {
		t.Errorf("%d names, the last flag is %b", len(flagNames), FlagOverflow)
	}
	if got := Flags(0).Strings(); got == nil || len(got) != 0 {
		t.Errorf("no flags: got %#v", got)
	}
}

func TestProviderNames(t *testing.T) {
	seen := make(map[string]string)
	for _, p := range providers {
		for _, name := range append([]string{p.table, p.otel}, p.aliases...) {
			if name == "" {
				continue
			}
			if other, ok := seen[name]; ok && other != p.table {
				t.Errorf("%s is %s and %s", name, other, p.table)
			}
			seen[name] = p.table
			if got := TableName(name); got != p.table {
				t.Errorf("table name of %s: got %s, want %s", name, got, p.table)
			}
			if want := p.otel; want != "" && OTelName(name) != want {
				t.Errorf("otel name of %s: got %s, want %s", name, OTelName(name), want)
			}
		}
	}
	if TableName("acme") != "acme" || OTelName("acme") != "acme" {
		t.Error("an unknown name is not its own")
	}
}
