package price

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// litellmProviders are LiteLLM's names of providers that differ from all of
// ours.
var litellmProviders = map[string]string{
	"text-completion-openai":        "openai",
	"azure_text":                    "azure",
	"bedrock_converse":              "bedrock",
	"cohere_chat":                   "cohere",
	"fireworks_ai-embedding-models": "fireworks",
	"text-completion-codestral":     "mistral",
	"codestral":                     "mistral",
}

// litellmModes are LiteLLM's modes in our words. Others are not priced by what
// a record counts.
var litellmModes = map[string]string{
	"": "", "chat": "chat", "completion": "chat", "responses": "chat", "embedding": "embedding",
	"image_generation": "image", "image_edit": "image", "audio_transcription": "transcription",
	"audio_speech": "speech", "moderation": "moderation", "rerank": "rerank", "realtime": "realtime",
}

// litellmColumns are the prices per token.
var litellmColumns = map[string]column{
	"input_cost_per_token":                      inputCol,
	"cache_read_input_token_cost":               cacheReadCol,
	"input_cost_per_token_cache_hit":            cacheReadCol,
	"cache_creation_input_token_cost":           write5mCol,
	"cache_creation_input_token_cost_above_1hr": write1hCol,
	"output_cost_per_token":                     outputCol,
	"output_cost_per_reasoning_token":           reasoningCol,
	"input_cost_per_audio_token":                audioInCol,
	"cache_read_input_audio_token_cost":         audioReadCol,
	"output_cost_per_audio_token":               audioOutCol,
	"input_cost_per_image_token":                imageInCol,
	"cache_read_input_image_token_cost":         imageReadCol,
	"output_cost_per_image_token":               imageOutCol,
	"input_cost_per_video_token":                videoInCol,
}

// longColumns are the columns beyond a long-context threshold.
var longColumns = map[column]column{
	inputCol: longInputCol, cacheReadCol: longReadCol, write5mCol: longWrite5mCol, write1hCol: longWrite1hCol, outputCol: longOutputCol,
}

// litellmTiers are the suffixes of tiers.
var litellmTiers = map[string]column{"_batches": batchCol, "_flex": flexCol, "_priority": priorityCol}

func (im *importer) litellm(data []byte) error {
	im.Format = "litellm"
	var list map[string]any
	if err := decode(data, &list); err != nil {
		return err
	}
	if nested, ok := list["providers"].([]any); ok {
		return im.genaiProviders(nested)
	}
	delete(list, "sample_spec")
	known := false
	// Names without a provider in front come first: they are the list's own.
	keys := slices.SortedFunc(maps.Keys(list), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), strings.Compare(a, b))
	})
	for _, key := range keys {
		fields, ok := list[key].(map[string]any)
		im.Entries++
		if !ok {
			im.skip(key, "not an object")
			continue
		}
		provider, _ := fields["litellm_provider"].(string)
		known = known || provider != ""
		if err := im.litellmEntry(key, provider, fields); err != nil {
			im.skip(key, "%v", err)
		}
	}
	if !known {
		return errors.New("neither LiteLLM's shape (no litellm_provider in any entry) nor that of genai-prices (an array of providers)")
	}
	return nil
}

// entry is a model of LiteLLM's list being read.
type entry struct {
	row   *Row
	tiers map[column]map[column]Decimal // prices of a tier, by the column they are a factor of
	left  []string                      // names of prices that were not understood
}

func (im *importer) litellmEntry(key, provider string, fields map[string]any) error {
	if provider == "" {
		return errors.New("no litellm_provider")
	}
	mode, _ := fields["mode"].(string)
	ours, ok := litellmModes[mode]
	if !ok {
		return fmt.Errorf("mode %s is not priced by tokens, requests or seconds", mode)
	}
	row := &Row{Provider: litellmProvider(provider), Mode: ours, Source: "litellm", Confidence: "B", from: math.MinInt64, to: math.MaxInt64}
	var err error
	if row.Model, err = litellmModel(row.Provider, key); err != nil {
		return err
	}
	form := "=" + row.Model
	if strings.HasPrefix(row.Model, "ft:") { // ft:MODEL:ORG::ID
		form = row.Model + "*"
	}
	p, err := parsePattern(form)
	if err != nil {
		return err
	}
	row.patterns = []pattern{p}
	e := &entry{row: row, tiers: make(map[column]map[column]Decimal)}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := e.field(name, fields[name]); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	if row.has == 0 && ours != moderation {
		if e.left == nil {
			return errors.New("no price")
		}
		return fmt.Errorf("priced by %s alone, which records do not count", strings.Join(e.left, ", "))
	}
	row.fillLong()
	e.factors()
	if row.set(audioReadCol) && !row.set(audioInCol) {
		row.has &^= 1 << audioReadCol
		e.left = append(e.left, "cache_read_input_audio_token_cost")
	}
	kept := len(im.Rows)
	im.add(key, row, row.Provider == "ollama" || strings.HasSuffix(row.Model, ":free"))
	if len(e.left) > 0 && len(im.Rows) > kept {
		im.partly(key, "without %s", strings.Join(e.left, ", "))
	}
	return nil
}

func litellmProvider(name string) string {
	if strings.HasPrefix(name, "vertex_ai-") { // one per maker: vertex_ai-mistral_models
		return "vertex"
	}
	if ours, ok := litellmProviders[name]; ok {
		return ours
	}
	return TableName(name)
}

// litellmModel takes the provider from the front of a name. What is left in
// front of the id is a region, a size or a quality, which an id in a record does
// not show.
func litellmModel(provider, key string) (string, error) {
	id := key
	if front, rest, ok := strings.Cut(key, "/"); ok && litellmProvider(front) == provider {
		id = rest
	}
	switch provider {
	case "openai", "azure", "anthropic", "bedrock", "google":
		if i := strings.LastIndexByte(id, '/'); i >= 0 && !strings.HasPrefix(id, "arn:") {
			return "", fmt.Errorf("a price of %s only", id[:i])
		}
	}
	if strings.Contains(id, "*") {
		return "", errors.New("stands for many models")
	}
	return id, nil
}

// field reads one member of an entry. Members that are no prices are passed
// over; prices we have no column for are remembered.
func (e *entry) field(name string, v any) error {
	switch name {
	case "search_context_cost_per_query":
		return e.searches(v)
	case "provider_specific_entry":
		return e.multipliers(v)
	case "input_cost_per_request", "input_cost_per_query":
		return e.set(requestsCol, v, 1000)
	case "input_cost_per_second", "output_cost_per_second":
		return e.seconds(name, v)
	}
	bare, tier := name, numCols
	for suffix, c := range litellmTiers {
		if s, ok := strings.CutSuffix(bare, suffix); ok {
			bare, tier = s, c
		}
	}
	bare, threshold, err := cutThreshold(bare)
	if err != nil {
		return err
	}
	c, ok := litellmColumns[bare]
	if ok && threshold > 0 {
		c, ok = longColumns[c]
	}
	if !ok {
		e.leave(name, v)
		return nil
	}
	if v == nil {
		return nil
	}
	if threshold > 0 && tier == numCols {
		if err := e.long(threshold); err != nil {
			return err
		}
	}
	if tier == numCols {
		return e.set(c, v, 1_000_000)
	}
	d, err := amount(v, 1_000_000)
	if err != nil {
		return err
	}
	if e.tiers[tier] == nil {
		e.tiers[tier] = make(map[column]Decimal)
	}
	e.tiers[tier][c] = d
	return nil
}

// cutThreshold takes _above_200k_tokens from the end of a name.
func cutThreshold(name string) (bare string, tokens int64, err error) {
	front, ok := strings.CutSuffix(name, "k_tokens")
	i := strings.LastIndex(front, "_above_")
	if !ok || i < 0 {
		return name, 0, nil
	}
	n, err := strconv.ParseInt(front[i+len("_above_"):], 10, 32)
	if err != nil || n <= 0 {
		return "", 0, errors.New("has no number of tokens")
	}
	return front[:i], n * 1000, nil
}

func (e *entry) set(c column, v any, scale int64) error {
	if v == nil {
		return nil
	}
	d, err := amount(v, scale)
	if err != nil {
		return err
	}
	if e.row.set(c) && e.row.numbers[c].rat.Cmp(d.rat) != 0 {
		return errors.New("contradicts another price of the entry")
	}
	e.row.put(c, d)
	return nil
}

func (e *entry) long(threshold int64) error {
	if e.row.threshold != 0 && e.row.threshold != threshold {
		return fmt.Errorf("is a second long-context limit beside %d", e.row.threshold)
	}
	e.row.threshold = threshold
	e.row.atLeast = e.row.Provider == "xai" // from the limit on, see the built-in rows
	return nil
}

// leave remembers a price that has no column.
func (e *entry) leave(name string, v any) {
	if !strings.Contains(name, "cost") {
		return
	}
	if d, err := amount(v, 1); err == nil && d.Sign() == 0 {
		return
	}
	e.left = append(e.left, name)
}

// seconds reads prices of transcriptions; elsewhere time is that of a machine.
func (e *entry) seconds(name string, v any) error {
	d, err := amount(v, 60)
	if e.row.Mode != "transcription" || err == nil && d.Sign() == 0 {
		e.leave(name, v)
		return nil
	}
	if e.row.set(minuteCol) { // input comes first; the output's second is the same one
		return nil
	}
	return e.set(minuteCol, v, 60)
}

// searches reads the fee of a search, the highest of its sizes, as the built-in
// table does. Perplexity takes it for each request.
func (e *entry) searches(v any) error {
	sizes, ok := v.(map[string]any)
	if !ok {
		return errors.New("is not an object")
	}
	c := searchesCol
	if e.row.Provider == "perplexity" {
		c = requestsCol
	}
	for _, v := range sizes {
		d, err := amount(v, 1000)
		if err != nil {
			return err
		}
		if !e.row.set(c) || d.rat.Cmp(e.row.numbers[c].rat) > 0 {
			e.row.put(c, d)
		}
	}
	return nil
}

// multipliers reads Anthropic's factors for speed and region.
func (e *entry) multipliers(v any) error {
	factors, ok := v.(map[string]any)
	if !ok {
		return errors.New("is not an object")
	}
	for _, name := range slices.Sorted(maps.Keys(factors)) {
		c, ok := map[string]column{"fast": fastCol, "us": geoCol}[name]
		if !ok {
			e.left = append(e.left, "provider_specific_entry."+name)
			continue
		}
		if err := e.set(c, factors[name], 1); err != nil {
			return err
		}
	}
	return nil
}

// factors makes a multiplier of each tier whose prices are all the same exact
// multiple of the standard ones.
func (e *entry) factors() {
	for _, suffix := range slices.Sorted(maps.Keys(litellmTiers)) {
		tier := litellmTiers[suffix]
		prices := e.tiers[tier]
		if len(prices) == 0 {
			continue
		}
		if factor, ok := e.factor(prices); ok {
			e.row.put(tier, factor)
		} else {
			e.left = append(e.left, "the "+suffix[1:]+" prices, which are not one factor of the standard ones")
		}
	}
}

func (e *entry) factor(prices map[column]Decimal) (Decimal, bool) {
	var factor *big.Rat
	for c, d := range prices {
		standard := e.row.numbers[c]
		switch {
		case !e.row.set(c):
			return Decimal{}, false
		case standard.Sign() == 0 && d.Sign() == 0:
			continue
		case standard.Sign() == 0:
			return Decimal{}, false
		}
		ratio := new(big.Rat).Quo(d.rat, standard.rat)
		if factor != nil && factor.Cmp(ratio) != 0 {
			return Decimal{}, false
		}
		factor = ratio
	}
	if factor == nil {
		return Decimal{}, false
	}
	places, exact := factor.FloatPrec()
	f := Decimal{factor}
	return f, exact && places <= ratDigits && batchCol.check(f, f.String()) == nil
}
