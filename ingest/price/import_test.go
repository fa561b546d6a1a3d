package price

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// importCase is a list and what becomes of it: rows as CSV cells that are not
// empty, notes as entry: reason.
type importCase struct {
	name, list    string
	rows          []string
	skipped, left []string
}

func (c *importCase) run(t *testing.T) {
	im, err := Import(strings.NewReader(c.list))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range im.Rows {
		s := r.Provider + " " + r.Model + " " + r.Match()
		for _, name := range header[3:] {
			if cell := r.cell(name); cell != "" && name != "source" && name != "confidence" {
				s += " " + name + "=" + cell
			}
		}
		rows = append(rows, s)
	}
	for _, x := range []struct {
		what      string
		got, want []string
	}{{"rows", rows, c.rows}, {"skipped", notes(im.Skipped), c.skipped}, {"partial", notes(im.Partial), c.left}} {
		if !slices.Equal(x.got, x.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", x.what, strings.Join(x.got, "\n"), strings.Join(x.want, "\n"))
		}
	}
	loads(t, im)
}

// loads requires that what was imported is an override file.
func loads(t *testing.T, im *Imported) {
	t.Helper()
	var b strings.Builder
	if err := WriteCSV(&b, im.Rows); err != nil {
		t.Fatal(err)
	}
	rows, err := Load(strings.NewReader(b.String()), "imported.csv")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if len(rows) != len(im.Rows) {
		t.Fatalf("%d rows load, want %d", len(rows), len(im.Rows))
	}
	for i := range rows {
		if !rows[i].sameNumbers(im.Rows[i]) || rows[i].Match() != im.Rows[i].Match() {
			t.Errorf("%s loads with other numbers or ids", rows[i].Model)
		}
	}
}

func notes(list []Note) (s []string) {
	for _, n := range list {
		s = append(s, n.Entry+": "+n.Reason)
	}
	return s
}

func TestImportLiteLLM(t *testing.T) {
	entry := func(key, fields string) string { return fmt.Sprintf(`{%q: {%s}}`, key, fields) }
	for _, c := range []importCase{
		{name: "exact literals",
			list: entry("alpha-1", `"litellm_provider":"openai","mode":"chat","input_cost_per_token":1.25e-06,"output_cost_per_token":0.00001,"cache_read_input_token_cost":2.9999900000000002e-07,"max_tokens":1.5`),
			rows: []string{"openai alpha-1 =alpha-1 mode=chat input_per_mtok=1.25 cache_read_per_mtok=0.29999900000000002 output_per_mtok=10"}},
		{name: "every price per token",
			list: entry("gemini/beta", `"litellm_provider":"gemini","input_cost_per_token":1e-6,"cache_read_input_token_cost":1e-7,"cache_creation_input_token_cost":1.25e-6,
				"cache_creation_input_token_cost_above_1hr":2e-6,"output_cost_per_token":4e-6,"output_cost_per_reasoning_token":3e-6,"input_cost_per_audio_token":5e-6,
				"cache_read_input_audio_token_cost":5e-7,"output_cost_per_audio_token":6e-6,"input_cost_per_image_token":7e-6,"output_cost_per_image_token":8e-6`),
			rows: []string{"google beta =beta input_per_mtok=1 cache_read_per_mtok=0.1 cache_write_5m_per_mtok=1.25 cache_write_1h_per_mtok=2 output_per_mtok=4 " +
				"reasoning_per_mtok=3 audio_input_per_mtok=5 audio_cache_read_per_mtok=0.5 audio_output_per_mtok=6 image_input_per_mtok=7 image_output_per_mtok=8"}},
		{name: "long context, what has no long price goes on",
			list: entry("claude-x", `"litellm_provider":"anthropic","mode":"chat","input_cost_per_token":3e-6,"input_cost_per_token_above_200k_tokens":6e-6,"output_cost_per_token":15e-6,
				"output_cost_per_token_above_200k_tokens":22.5e-6,"cache_read_input_token_cost":3e-7,"cache_creation_input_token_cost_above_1hr":6e-6,"cache_creation_input_token_cost_above_1hr_above_200k_tokens":12e-6`),
			rows: []string{"anthropic claude-x =claude-x mode=chat input_per_mtok=3 cache_read_per_mtok=0.3 cache_write_1h_per_mtok=6 output_per_mtok=15 " +
				"long_threshold=200000 long_op=gt long_input_per_mtok=6 long_cache_read_per_mtok=0.3 long_cache_write_1h_per_mtok=12 long_output_per_mtok=22.5"}},
		{name: "xAI's limit is inclusive",
			list: entry("xai/grok-x", `"litellm_provider":"xai","input_cost_per_token":2e-6,"output_cost_per_token":0,"input_cost_per_token_above_128k_tokens":4e-6`),
			rows: []string{"xai grok-x =grok-x input_per_mtok=2 output_per_mtok=0 long_threshold=128000 long_op=ge long_input_per_mtok=4 long_output_per_mtok=0"}},
		{name: "tiers that are a factor",
			list: entry("gpt-x", `"litellm_provider":"openai","input_cost_per_token":2e-6,"output_cost_per_token":8e-6,"input_cost_per_token_flex":1e-6,"output_cost_per_token_flex":4e-6,
				"input_cost_per_token_priority":3.5e-6,"output_cost_per_token_priority":14e-6,"input_cost_per_token_batches":1e-6,"cache_read_input_token_cost":0,"cache_read_input_token_cost_priority":0`),
			rows: []string{"openai gpt-x =gpt-x input_per_mtok=2 cache_read_per_mtok=0 output_per_mtok=8 batch_multiplier=0.5 flex_multiplier=0.5 priority_multiplier=1.75"}},
		{name: "tiers that are none",
			list: entry("gpt-x", `"litellm_provider":"openai","input_cost_per_token":3e-6,"output_cost_per_token":8e-6,"input_cost_per_token_flex":1e-6,"output_cost_per_token_flex":2e-6,
				"input_cost_per_token_priority":4e-6,"cache_read_input_token_cost_batches":1e-6`),
			rows: []string{"openai gpt-x =gpt-x input_per_mtok=3 output_per_mtok=8"},
			left: []string{"gpt-x: without the batches prices, which are not one factor of the standard ones, the flex prices, which are not one factor of the standard ones, " +
				"the priority prices, which are not one factor of the standard ones"}},
		{name: "speed, region and searches",
			list: entry("claude-y", `"litellm_provider":"anthropic","input_cost_per_token":5e-6,"output_cost_per_token":25e-6,"provider_specific_entry":{"us":1.1,"fast":6.0},
				"search_context_cost_per_query":{"search_context_size_low":0.01,"search_context_size_high":0.014,"search_context_size_medium":0.01}`),
			rows: []string{"anthropic claude-y =claude-y input_per_mtok=5 output_per_mtok=25 fast_multiplier=6 geo_multiplier=1.1 usd_per_1k_web_searches=14"}},
		{name: "Perplexity's fee is per request",
			list: entry("perplexity/sonar-x", `"litellm_provider":"perplexity","input_cost_per_token":1e-6,"output_cost_per_token":1e-6,"search_context_cost_per_query":{"search_context_size_high":0.012}`),
			rows: []string{"perplexity sonar-x =sonar-x input_per_mtok=1 output_per_mtok=1 usd_per_1k_requests=12"}},
		{name: "seconds and queries",
			list: `{"groq/whisper-x":{"litellm_provider":"groq","mode":"audio_transcription","input_cost_per_second":3.083e-05,"output_cost_per_second":0},
				"rerank-x":{"litellm_provider":"cohere","mode":"rerank","input_cost_per_query":0.002,"input_cost_per_token":0}}`,
			rows: []string{"cohere rerank-x =rerank-x mode=rerank input_per_mtok=0 usd_per_1k_requests=2", "groq whisper-x =whisper-x mode=transcription usd_per_minute=0.0018498"}},
		{name: "names",
			list: `{"sample_spec":{"litellm_provider":"one of these","mode":"poetry"},
				"together_ai/maker/model-x":{"litellm_provider":"together_ai","input_cost_per_token":1e-6},
				"openrouter/maker/model-x:free":{"litellm_provider":"openrouter","input_cost_per_token":0,"output_cost_per_token":0},
				"vertex_ai/claude-x@20260101":{"litellm_provider":"vertex_ai-anthropic_models","input_cost_per_token":3e-6},
				"eu.maker.model-x-v1:0":{"litellm_provider":"bedrock_converse","input_cost_per_token":4e-6},
				"ft:gpt-x":{"litellm_provider":"openai","input_cost_per_token":5e-6},
				"newcomer/model-x":{"litellm_provider":"newcomer","input_cost_per_token":6e-6},
				"ollama/any":{"litellm_provider":"ollama","input_cost_per_token":0.0,"output_cost_per_token":0.0}}`,
			rows: []string{
				"bedrock eu.maker.model-x-v1:0 =eu.maker.model-x-v1:0 input_per_mtok=4", "newcomer model-x =model-x input_per_mtok=6",
				"ollama any =any input_per_mtok=0 output_per_mtok=0", "openai ft:gpt-x ft:gpt-x* input_per_mtok=5",
				"openrouter maker/model-x:free =maker/model-x:free input_per_mtok=0 output_per_mtok=0", "together maker/model-x =maker/model-x input_per_mtok=1",
				"vertex claude-x@20260101 =claude-x@20260101 input_per_mtok=3"}},
		{name: "the same id twice",
			list: `{"deepseek/chat-x":{"litellm_provider":"deepseek","input_cost_per_token":2e-6},"chat-x":{"litellm_provider":"deepseek","input_cost_per_token":1e-6},
				"same":{"litellm_provider":"deepseek","input_cost_per_token":1e-6},"deepseek/same":{"litellm_provider":"deepseek","input_cost_per_token":0.000001}}`,
			rows:    []string{"deepseek chat-x =chat-x input_per_mtok=1", "deepseek same =same input_per_mtok=1"},
			skipped: []string{"deepseek/chat-x: the list has another price for the same id", "deepseek/same: the list has it twice, with the same prices"}},
		{name: "skipped",
			list: `{"a":{"litellm_provider":"openai","mode":"chat"},
				"azure/eu/gpt-x":{"litellm_provider":"azure","input_cost_per_token":1e-6},
				"b":{"litellm_provider":"openai","mode":"video_generation","input_cost_per_token":1e-6},
				"c":{"litellm_provider":"openai","mode":"image_generation","output_cost_per_image":0.04,"input_cost_per_pixel":0.0},
				"d":{"litellm_provider":"openai","input_cost_per_token":"cheap"},
				"e":{"litellm_provider":"openai","input_cost_per_token":-1e-6},
				"f":{"litellm_provider":"openai","input_cost_per_token":0,"output_cost_per_token":0.0},
				"g":{"litellm_provider":"openai","input_cost_per_token":1e-6,"input_cost_per_token_above_128k_tokens":2e-6,"input_cost_per_token_above_200k_tokens":3e-6},
				"h":{"litellm_provider":"openai","input_cost_per_token":2},
				"i":{"mode":"chat"},
				"j":7,
				"k x":{"litellm_provider":"openai","input_cost_per_token":1e-6},
				"l*":{"litellm_provider":"openai","input_cost_per_token":1e-6},
				"m":{"litellm_provider":"openai","input_cost_per_token":1e-60},
				"n":{"litellm_provider":"#x","input_cost_per_token":1e-6}}`,
			skipped: []string{
				"a: no price",
				"b: mode video_generation is not priced by tokens, requests or seconds",
				"c: priced by output_cost_per_image alone, which records do not count",
				"d: input_cost_per_token is not a number",
				"e: input_per_mtok: -1 is negative",
				"f: all its prices are 0, which lists also write for unknown: if it is free, write a row",
				"g: input_cost_per_token_above_200k_tokens is a second long-context limit beside 128000",
				"h: input_per_mtok: 2000000 is above 1000000",
				"i: no litellm_provider", "j: not an object",
				"k x: name \"k x\" has a space or an unprintable character", "l*: stands for many models",
				"m: input_cost_per_token 1e-60 has more than 24 decimals", "n: provider begins like a comment",
				"azure/eu/gpt-x: a price of eu only"}},
		{name: "kept without what has no column",
			list: entry("multi", `"litellm_provider":"vertex_ai-language-models","input_cost_per_token":1e-6,"input_cost_per_character":2.5e-7,"input_cost_per_image":0.001,"output_cost_per_image":0.0,"cache_read_input_audio_token_cost":1e-7`),
			rows: []string{"vertex multi =multi input_per_mtok=1"},
			left: []string{"multi: without input_cost_per_character, input_cost_per_image, cache_read_input_audio_token_cost"}},
		{name: "null is no price",
			list: entry("n", `"litellm_provider":"openai","input_cost_per_token":1e-6,"output_cost_per_token":null,"input_cost_per_token_priority":null`),
			rows: []string{"openai n =n input_per_mtok=1"}},
	} {
		t.Run(c.name, c.run)
	}
}

func TestImportGenAIPrices(t *testing.T) {
	model := func(rest string) string { return `[{"id":"openai","models":[{"id":"alpha",` + rest + `}]}]` }
	for _, c := range []importCase{
		{name: "every price, rules",
			list: `[{"id":"x-ai","name":"X","models":[{"id":"alpha","match":{"or":[{"equals":"alpha"},{"starts_with":"alpha-"},{"or":[{"ends_with":"/alpha"},{"contains":"alphabet"}]}]},
				"prices":{"input_mtok":1.50,"cache_read_mtok":0.15,"cache_write_mtok":1.875,"output_mtok":6,"input_audio_mtok":10,"cache_audio_read_mtok":1,"output_audio_mtok":20,
				"requests_kcount":5,"tool_use_kcount":{"web_search":14}}}]}]`,
			rows: []string{"xai alpha =alpha alpha-* */alpha *alphabet* input_per_mtok=1.5 cache_read_per_mtok=0.15 cache_write_5m_per_mtok=1.875 output_per_mtok=6 audio_input_per_mtok=10 " +
				"audio_cache_read_per_mtok=1 audio_output_per_mtok=20 usd_per_1k_requests=5 usd_per_1k_web_searches=14"}},
		{name: "tiers",
			list: model(`"match":{"equals":"alpha"},"prices":{"input_mtok":{"base":1.25,"tiers":[{"start":200000,"price":2.5}]},"output_mtok":{"base":10,"tiers":[{"start":200000,"price":15}]},"cache_read_mtok":0.125}`),
			rows: []string{"openai alpha =alpha input_per_mtok=1.25 cache_read_per_mtok=0.125 output_per_mtok=10 long_threshold=200000 long_op=gt long_input_per_mtok=2.5 long_cache_read_per_mtok=0.125 long_output_per_mtok=15"}},
		{name: "periods",
			list: model(`"match":{"equals":"alpha"},"prices":[{"prices":{"input_mtok":10}},{"constraint":{"start_date":"2026-06-01"},"prices":{"input_mtok":2}},{"constraint":{"type":"start_date","start_date":"2026-03-01"},"prices":{"input_mtok":4}}]`),
			rows: []string{"openai alpha =alpha effective_to=2026-03-01 input_per_mtok=10", "openai alpha =alpha effective_from=2026-03-01 effective_to=2026-06-01 input_per_mtok=4",
				"openai alpha =alpha effective_from=2026-06-01 input_per_mtok=4"}},
		{name: "before the first date the first price holds",
			list: model(`"match":{"equals":"alpha"},"prices":[{"constraint":{"start_date":"2026-03-01"},"prices":{"input_mtok":4}}]`),
			rows: []string{"openai alpha =alpha effective_to=2026-03-01 input_per_mtok=4", "openai alpha =alpha effective_from=2026-03-01 input_per_mtok=4"}},
		{name: "time of day",
			list: model(`"match":{"equals":"alpha"},"prices":[{"prices":{"input_mtok":1}},{"constraint":{"start_time":"00:30:00Z","end_time":"16:30:00Z"},"prices":{"input_mtok":2}}]`),
			rows: []string{"openai alpha =alpha input_per_mtok=1"},
			left: []string{"openai/alpha: without prices by the time of day"}},
		{name: "rules we cannot say",
			list: model(`"match":{"or":[{"regex":"^a.*b$"},{"and":[{"contains":"a"},{"contains":"b"}]},{"equals":"a b"}]},"prices":{"input_mtok":1,"per_page":2}`),
			rows: []string{"openai alpha =alpha input_per_mtok=1"},
			left: []string{"openai/alpha: without per_page, the ids of a rule that no pattern can say, the ids of its and rule, the ids of its regex rule"}},
		{name: "fees of the provider",
			list: `{"providers":[{"id":"aws","tool_use_kcount":{"web_search":10,"code":1},"models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":1}},{"id":"none","match":{"equals":"none"},"prices":{}}]}]}`,
			rows: []string{"bedrock m =m input_per_mtok=1 usd_per_1k_web_searches=10"}, skipped: []string{"aws/none: no price"},
			left: []string{"aws/m: without the fee of code"}},
		{name: "one id, two models",
			list: `[{"id":"openai","models":[{"id":"a","match":{"starts_with":"x"},"prices":{"input_mtok":1}},{"id":"b","match":{"or":[{"starts_with":"x"},{"equals":"b"}]},"prices":{"input_mtok":2}},
				{"id":"c","match":{"starts_with":"x"},"prices":{"input_mtok":3}}]}]`,
			rows:    []string{"openai a x* input_per_mtok=1", "openai b =b input_per_mtok=2"},
			skipped: []string{"openai/c: every id it matches belongs to another model of the list"},
			left:    []string{"openai/b: x* is also said of a and stays there", "openai/c: x* is also said of a and stays there"}},
		{name: "skipped",
			list: `[{"id":"openai","models":[{"match":{}},{"id":"a"},{"id":"b","prices":{"input_mtok":"1"}},{"id":"c","prices":{"input_mtok":{"base":1,"tiers":[{"start":1,"price":2},{"start":2,"price":3}]}}},
				{"id":"d","prices":{"input_mtok":{"base":1,"tiers":[{"start":100,"price":2}]},"output_mtok":{"base":1,"tiers":[{"start":200,"price":2}]}}},
				{"id":"e","prices":[{"constraint":{"start_date":"soon"},"prices":{"input_mtok":1}}]},{"id":"f","prices":{"input_mtok":0}},{"id":"g:free","prices":{"input_mtok":0}},
				{"id":"h","prices":[{"constraint":{"start_time":"1"},"prices":{"input_mtok":1}}]}]}]`,
			rows: []string{"openai g:free =g:free input_per_mtok=0"},
			skipped: []string{"openai/: no id", "openai/a: no prices", "openai/b: input_mtok is not a number", "openai/c: input_mtok has more than one long-context limit",
				"openai/d: output_mtok begins its tier at 200, another price at 100", `openai/e: start_date "soon" is not a day such as 2026-08-21`,
				"openai/f: all its prices are 0, which lists also write for unknown: if it is free, write a row", "openai/h: all its prices are by the time of day"}},
	} {
		t.Run(c.name, c.run)
	}
}

func TestImportRefuses(t *testing.T) {
	for name, c := range map[string]struct{ list, want string }{
		"text":     {"hello", "not a JSON object or array"},
		"nothing":  {"", "not a JSON object or array"},
		"cut":      {`{"a":`, "unexpected EOF"},
		"more":     {`[] []`, "more follows behind the end"},
		"object":   {`{"a":{"price":1}}`, "neither LiteLLM's shape"},
		"array":    {`[{"a":1}]`, "no provider with an id and models"},
		"of lists": {`{"providers":[1]}`, "no provider with an id and models"},
	} {
		if _, err := Import(strings.NewReader(c.list)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := Import(strings.NewReader(strings.Repeat(" ", maxImport+1))); err == nil || !strings.Contains(err.Error(), "more than 64 MB") {
		t.Errorf("too long: error %v", err)
	}
}

// FuzzImport reads anything; what comes out must be an override file.
func FuzzImport(f *testing.F) {
	f.Add(`{"a":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1.25e-06,"input_cost_per_token_flex":1e-7,"input_cost_per_token_above_200k_tokens":1}}`)
	f.Add(`{"azure/b":{"litellm_provider":"azure","mode":"audio_transcription","input_cost_per_second":1e-5,"search_context_cost_per_query":{"a":0.1},"provider_specific_entry":{"us":1.1}}}`)
	f.Add(`[{"id":"openai","tool_use_kcount":{"web_search":1},"models":[{"id":"a","match":{"or":[{"equals":"x"},{"contains":"y"}]},"prices":[{"prices":{"input_mtok":{"base":1,"tiers":[{"start":5,"price":2}]}}},{"constraint":{"start_date":"2026-01-01"},"prices":{"output_mtok":2}}]}]}]`)
	f.Fuzz(func(t *testing.T, list string) {
		if im, err := Import(strings.NewReader(list)); err == nil {
			loads(t, im)
		}
	})
}
