package price

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// genaiProviders are the providers' ids in genai-prices that differ from all of
// our names.
var genaiProviders = map[string]string{"aws": "bedrock", "x-ai": "xai", "moonshotai": "moonshot"}

// genaiColumns are its prices, all per million tokens.
var genaiColumns = map[string]column{
	"input_mtok": inputCol, "cache_read_mtok": cacheReadCol, "cache_write_mtok": write5mCol, "output_mtok": outputCol,
	"input_audio_mtok": audioInCol, "cache_audio_read_mtok": audioReadCol, "output_audio_mtok": audioOutCol,
}

func (im *importer) genai(data []byte) error {
	var list []any
	if err := decode(data, &list); err != nil {
		return err
	}
	return im.genaiProviders(list)
}

func (im *importer) genaiProviders(list []any) error {
	im.Format = "genai-prices"
	known := false
	for _, v := range list {
		provider, _ := v.(map[string]any)
		id, _ := provider["id"].(string)
		models, ok := provider["models"].([]any)
		if id == "" || !ok {
			continue
		}
		known = true
		name, ok := genaiProviders[id]
		if !ok {
			name = TableName(id)
		}
		for _, v := range models {
			im.Entries++
			model, _ := v.(map[string]any)
			m := genaiModel{im: im, provider: name, fees: provider["tool_use_kcount"]}
			m.id, _ = model["id"].(string)
			m.entry = id + "/" + m.id
			if err := m.read(model); err != nil {
				im.skip(m.entry, "%v", err)
			}
		}
	}
	if !known {
		return errors.New("no provider with an id and models in the array")
	}
	return nil
}

// genaiModel is a model of the list being read.
type genaiModel struct {
	im                  *importer
	provider, id, entry string
	fees                any // of the provider, for its tools
	patterns            []pattern
	left                []string
}

func (m *genaiModel) read(model map[string]any) error {
	if m.id == "" {
		return errors.New("no id")
	}
	m.match(model["match"])
	if len(m.patterns) == 0 {
		m.patterns = []pattern{newPattern(kindExact, m.id)}
	}
	var periods []genaiPeriod
	switch prices := model["prices"].(type) {
	case map[string]any:
		periods = []genaiPeriod{{prices: prices}}
	case []any:
		var err error
		if periods, err = m.periods(prices); err != nil {
			return err
		}
	default:
		return errors.New("no prices")
	}
	kept := len(m.im.Rows)
	for _, p := range periods {
		row, err := m.row(p)
		if err != nil {
			return err
		}
		m.im.add(m.entry, row, strings.HasSuffix(m.id, ":free"))
	}
	if len(m.left) > 0 && len(m.im.Rows) > kept {
		slices.Sort(m.left)
		m.im.partly(m.entry, "without %s", strings.Join(slices.Compact(m.left), ", "))
	}
	return nil
}

// match turns the rules that our patterns can say into patterns.
func (m *genaiModel) match(v any) {
	rule, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(rule)) {
		kind, ok := map[string]patternKind{"equals": kindExact, "starts_with": kindPrefix, "ends_with": kindSuffix, "contains": kindPart}[name]
		text, isText := rule[name].(string)
		switch {
		case name == "or":
			list, _ := rule[name].([]any)
			for _, v := range list {
				m.match(v)
			}
		case !ok:
			m.left = append(m.left, "the ids of its "+name+" rule")
		case !isText || text == "" || strings.ContainsAny(text, "* \t\r\n") || strings.HasPrefix(text, "="):
			m.left = append(m.left, "the ids of a rule that no pattern can say")
		default:
			if p := newPattern(kind, text); !slices.Contains(m.patterns, p) {
				m.patterns = append(m.patterns, p)
			}
		}
	}
}

// genaiPeriod are prices from a day on, until a day.
type genaiPeriod struct {
	from, to string // "" open
	prices   map[string]any
}

// periods divides time at the start dates. Of the prices that have begun, the
// last one of the list holds; before all of them, the first.
func (m *genaiModel) periods(list []any) ([]genaiPeriod, error) {
	var dated []genaiPeriod
	starts := []string{""}
	for _, v := range list {
		condition, _ := v.(map[string]any)
		prices, ok := condition["prices"].(map[string]any)
		if !ok {
			return nil, errors.New("no prices in one of its periods")
		}
		constraint, _ := condition["constraint"].(map[string]any)
		start, hasStart := constraint["start_date"].(string)
		if len(constraint) > 0 && !hasStart {
			m.left = append(m.left, "prices by the time of day")
			continue
		}
		if _, err := parseDay(start, 0); err != nil {
			return nil, fmt.Errorf("start_date %w", err)
		}
		dated = append(dated, genaiPeriod{from: start, prices: prices})
		starts = append(starts, start)
	}
	if len(dated) == 0 {
		return nil, errors.New("all its prices are by the time of day")
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	var periods []genaiPeriod
	for i, from := range starts {
		holds := dated[0]
		for _, p := range dated {
			if p.from <= from {
				holds = p
			}
		}
		p := genaiPeriod{from: from, prices: holds.prices}
		if i+1 < len(starts) {
			p.to = starts[i+1]
		}
		periods = append(periods, p)
	}
	return periods, nil
}

func (m *genaiModel) row(p genaiPeriod) (*Row, error) {
	row := &Row{Provider: m.provider, Model: m.id, From: p.from, To: p.to, Source: "genai-prices", Confidence: "B", patterns: slices.Clone(m.patterns)}
	var err error
	if row.from, err = parseDay(p.from, math.MinInt64); err != nil {
		return nil, err
	}
	if row.to, err = parseDay(p.to, math.MaxInt64); err != nil {
		return nil, err
	}
	if err := m.tools(row, m.fees); err != nil {
		return nil, err
	}
	fees := row.has
	for _, name := range slices.Sorted(maps.Keys(p.prices)) {
		if err := m.price(row, name, p.prices[name]); err != nil {
			return nil, fmt.Errorf("%s %w", name, err)
		}
	}
	if row.has == fees {
		return nil, errors.New("no price")
	}
	row.fillLong()
	return row, nil
}

func (m *genaiModel) price(row *Row, name string, v any) error {
	c, ok := genaiColumns[name]
	switch {
	case name == "requests_kcount":
		c = requestsCol
	case name == "tool_use_kcount":
		return m.tools(row, v)
	case !ok:
		m.left = append(m.left, name)
		return nil
	}
	if tiered, ok := v.(map[string]any); ok {
		return m.tiers(row, c, tiered)
	}
	d, err := amount(v, 1)
	if err != nil {
		return err
	}
	row.put(c, d)
	return nil
}

// tiers reads a price with a second one beyond a number of input tokens.
func (m *genaiModel) tiers(row *Row, c column, tiered map[string]any) error {
	base, err := amount(tiered["base"], 1)
	if err != nil {
		return fmt.Errorf("base %w", err)
	}
	row.put(c, base)
	list, _ := tiered["tiers"].([]any)
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		return errors.New("has more than one long-context limit")
	}
	tier, _ := list[0].(map[string]any)
	price, err := amount(tier["price"], 1)
	if err != nil {
		return fmt.Errorf("tier %w", err)
	}
	start, err := parseThreshold(fmt.Sprint(tier["start"]))
	if err != nil || start == 0 {
		return errors.New("has a tier without a number of tokens")
	}
	long, ok := longColumns[c]
	if !ok {
		m.left = append(m.left, "the long-context price of "+c.String())
		return nil
	}
	if row.threshold != 0 && row.threshold != start {
		return fmt.Errorf("begins its tier at %d, another price at %d", start, row.threshold)
	}
	row.threshold, row.atLeast = start, row.Provider == "xai"
	row.put(long, price)
	return nil
}

// tools reads the fees per thousand uses of the provider's own tools.
func (m *genaiModel) tools(row *Row, v any) error {
	fees, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fees)) {
		if name != "web_search" {
			m.left = append(m.left, "the fee of "+name)
			continue
		}
		d, err := amount(fees[name], 1)
		if err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		row.put(searchesCol, d)
	}
	return nil
}
