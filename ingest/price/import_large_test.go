package price

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Lists of others have thousands of entries. Here the built-in table is written
// as they would write it, once for each price in force, and read again: every
// figure must come back to the last digit, and every id find its price.

// day is when the built-in rows are looked at: after the last known change.
var day = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

// listed are the rows that both kinds of list can say: in force on the day, with
// an id that stands for one model.
func listed(t *testing.T) (rows []*Row, ids []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range Builtin().Rows() {
		id := ""
		for _, p := range r.patterns {
			if p.kind == kindExact && id == "" {
				id = p.text
			}
		}
		m, ok := Builtin().Resolve(r.Provider, id, day)
		if id == "" || !ok || m.Row != r || strings.Contains(id, "*") || seen[r.Provider+" "+strings.ToLower(id)] {
			continue
		}
		seen[r.Provider+" "+strings.ToLower(id)] = true
		rows, ids = append(rows, r), append(ids, id)
	}
	if len(rows) < 250 {
		t.Fatalf("only %d rows", len(rows))
	}
	return rows, ids
}

// python spells a number as Python's json does: the shortest digits that give
// the same float, with an exponent below 1e-4.
func python(r *big.Rat) string {
	f, _ := r.Float64()
	if s := strconv.FormatFloat(f, 'g', -1, 64); f != 0 && f < 1e-4 {
		return s // 1.5e-07
	}
	if s := strconv.FormatFloat(f, 'f', -1, 64); strings.Contains(s, ".") {
		return s
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}

// perToken spells a price per million tokens as one per token.
func perToken(d Decimal) string { return python(new(big.Rat).Quo(d.Rat(), big.NewRat(1_000_000, 1))) }

// litellmSaid are the columns that an entry of LiteLLM's list can say.
var litellmSaid = map[column]string{
	inputCol: "input_cost_per_token", cacheReadCol: "cache_read_input_token_cost", write5mCol: "cache_creation_input_token_cost",
	write1hCol: "cache_creation_input_token_cost_above_1hr", outputCol: "output_cost_per_token", reasoningCol: "output_cost_per_reasoning_token",
	audioInCol: "input_cost_per_audio_token", audioOutCol: "output_cost_per_audio_token",
	longInputCol: "input_cost_per_token_above_%dk_tokens", longReadCol: "cache_read_input_token_cost_above_%dk_tokens",
	longWrite5mCol: "cache_creation_input_token_cost_above_%dk_tokens", longOutputCol: "output_cost_per_token_above_%dk_tokens",
}

func litellmEntryOf(r *Row) string {
	name := r.Provider
	if name == "google" {
		name = "gemini"
	}
	fields := []string{fmt.Sprintf(`"litellm_provider":%q`, name), `"mode":"chat"`, `"max_input_tokens":200000`, `"supports_vision":true`,
		`"source":"https://example.com/prices"`, `"supported_endpoints":["/v1/chat/completions"]`}
	for c, key := range litellmSaid {
		if !r.set(c) {
			continue
		}
		if strings.Contains(key, "%d") {
			key = fmt.Sprintf(key, r.threshold/1000)
		}
		fields = append(fields, fmt.Sprintf("%q:%s", key, perToken(r.numbers[c])))
		if c == inputCol && r.set(flexCol) {
			fields = append(fields, fmt.Sprintf("%q:%s", key+"_flex", python(new(big.Rat).Quo(new(big.Rat).Mul(r.numbers[c].Rat(), r.numbers[flexCol].Rat()), big.NewRat(1_000_000, 1)))))
		}
	}
	slices.Sort(fields)
	return "{" + strings.Join(fields, ",\n ") + "}"
}

func genaiEntryOf(r *Row, id string) string {
	var prices []string
	for name, c := range genaiColumns {
		if !r.set(c) {
			continue
		}
		value := python(r.numbers[c].Rat())
		if long, ok := longColumns[c]; ok && r.set(long) {
			value = fmt.Sprintf(`{"base":%s,"tiers":[{"start":%d,"price":%s}]}`, value, r.threshold, python(r.numbers[long].Rat()))
		}
		prices = append(prices, fmt.Sprintf("%q:%s", name, value))
	}
	slices.Sort(prices)
	return fmt.Sprintf(`{"id":%q,"match":{"or":[{"equals":%q},{"starts_with":%q}]},"context_window":200000,"prices":{%s}}`, id, id, id+"-preview-", strings.Join(prices, ","))
}

// cameBack compares the columns that a list can say.
func cameBack(t *testing.T, im *Imported, rows []*Row, ids []string, said []column) {
	t.Helper()
	var b strings.Builder
	if err := WriteCSV(&b, im.Rows); err != nil {
		t.Fatal(err)
	}
	override, err := Load(strings.NewReader(b.String()), "imported.csv")
	if err != nil {
		t.Fatal(err)
	}
	table := Builtin().With(override)
	for i, r := range rows {
		m, ok := table.Resolve(r.Provider, ids[i], day)
		if !ok || !m.Row.override {
			t.Errorf("%s %s: not priced by the list (%v)", r.Provider, ids[i], ok)
			continue
		}
		if m.Row.threshold != r.threshold || m.Row.atLeast != r.atLeast {
			t.Errorf("%s %s: long from %d, want %d", r.Provider, ids[i], m.Row.threshold, r.threshold)
		}
		for _, c := range said {
			if !r.set(c) {
				continue
			}
			if got := m.Row.numbers[c]; !m.Row.set(c) || got.rat.Cmp(r.numbers[c].rat) != 0 {
				t.Errorf("%s %s: %s is %s, want %s", r.Provider, ids[i], c, got, r.numbers[c])
			}
		}
	}
}

// sayable leaves out rows in which long prices stand without the usual one
// beside them, or the other way round, and those that are free.
func sayable(rows []*Row, ids []string, fits func(*Row) bool) (r []*Row, names []string) {
	for i := range rows {
		if fits(rows[i]) && !rows[i].allZero() {
			r, names = append(r, rows[i]), append(names, ids[i])
		}
	}
	return r, names
}

func TestImportALargeList(t *testing.T) {
	rows, ids := listed(t)
	t.Run("litellm", func(t *testing.T) {
		rows, ids := sayable(rows, ids, func(r *Row) bool { return r.set(inputCol) && r.threshold%1000 == 0 && r.Mode != moderation })
		list := []string{`"sample_spec":{"litellm_provider":"one of https://example.com","mode":"one of: chat","input_cost_per_token":0.0,"max_tokens":"LEGACY"}`}
		for i, r := range rows {
			key := ids[i]
			if i%3 == 0 && !strings.Contains(key, "/") { // the list has many models under both names
				front := map[string]string{"google": "gemini"}[r.Provider]
				if front == "" {
					front = r.Provider
				}
				list = append(list, fmt.Sprintf("%q:%s", front+"/"+key, litellmEntryOf(r)))
			}
			list = append(list, fmt.Sprintf("%q:%s", keyOf(r, key), litellmEntryOf(r)))
		}
		for i := range 3000 { // of makers that nobody here calls
			list = append(list, fmt.Sprintf(`"other%d/model-%d":{"litellm_provider":"other%d","mode":"chat","input_cost_per_token":%de-07,"output_cost_per_token":1.5e-06}`, i%40, i, i%40, i+1))
		}
		im, err := Import(strings.NewReader("{" + strings.Join(list, ",\n") + "}"))
		if err != nil {
			t.Fatal(err)
		}
		if len(im.Rows) != len(rows)+3000 {
			t.Errorf("%d rows, want %d: skipped %.2000v", len(im.Rows), len(rows)+3000, im.Skipped)
		}
		said := []column{flexCol}
		for c := range litellmSaid {
			said = append(said, c)
		}
		cameBack(t, im, rows, ids, said)
	})
	t.Run("genai-prices", func(t *testing.T) {
		rows, ids := sayable(rows, ids, func(r *Row) bool { return r.set(inputCol) && r.Mode != moderation })
		byProvider := map[string][]string{}
		for i, r := range rows {
			byProvider[r.Provider] = append(byProvider[r.Provider], genaiEntryOf(r, ids[i]))
		}
		var list []string
		for provider, models := range byProvider {
			for from, to := range genaiProviders {
				if to == provider {
					provider = from
				}
			}
			list = append(list, fmt.Sprintf(`{"id":%q,"name":"n","api_pattern":"x","models":[%s]}`, provider, strings.Join(models, ",\n")))
		}
		im, err := Import(strings.NewReader("[" + strings.Join(list, ",") + "]"))
		if err != nil {
			t.Fatal(err)
		}
		if len(im.Rows) != len(rows) {
			t.Errorf("%d rows, want %d: skipped %.2000v", len(im.Rows), len(rows), im.Skipped)
		}
		var said []column
		for _, c := range genaiColumns {
			said = append(said, c)
			if long, ok := longColumns[c]; ok {
				said = append(said, long)
			}
		}
		cameBack(t, im, rows, ids, said)
	})
}

// keyOf is the name under which the list has an id.
func keyOf(r *Row, id string) string {
	switch r.Provider {
	case "openai", "anthropic", "bedrock":
		return id
	case "google":
		return "gemini/" + id
	}
	return r.Provider + "/" + id
}
