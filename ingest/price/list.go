package price

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Selection says which rows of a table are wanted.
type Selection struct {
	Providers []string // any of their names; empty: all
	Models    []string // globs of row names, or ids that the rows price; empty: all
	At        time.Time
}

// InForce returns the rows of the selection whose period holds its time, by
// provider and model. In a glob * stands for any text and ? for one character.
func (t *Table) InForce(sel Selection) []*Row {
	ms := sel.At.UnixMilli()
	var rows []*Row
	for _, row := range t.rows {
		if row.active(ms) && sel.sells(row) && t.selects(&sel, row) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b *Row) int {
		if c := strings.Compare(a.Provider, b.Provider); c != 0 {
			return c
		}
		return strings.Compare(a.Model, b.Model)
	})
	return rows
}

func (sel *Selection) sells(row *Row) bool {
	return len(sel.Providers) == 0 ||
		slices.ContainsFunc(sel.Providers, func(name string) bool { return TableName(name) == row.Provider })
}

func (t *Table) selects(sel *Selection, row *Row) bool {
	return len(sel.Models) == 0 || slices.ContainsFunc(sel.Models, func(model string) bool {
		if glob(model).MatchString(row.Model) {
			return true
		}
		match, ok := t.Resolve(row.Provider, model, sel.At)
		return ok && match.Row == row
	})
}

// glob makes an expression that matches all of a name.
func glob(s string) *regexp.Regexp {
	s = regexp.QuoteMeta(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(s)
	return regexp.MustCompile(`(?s)\A` + s + `\z`)
}

// Models returns the names of all rows of a provider, under any of its names,
// each once.
func (t *Table) Models(provider string) []string {
	p := findProvider(provider)
	var names []string
	for _, table := range []string{p.table, p.then} {
		for _, row := range t.byProvider[table] {
			names = append(names, row.Model)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Sellers returns the names of the providers, as in the table, that have a
// price for a model at a time.
func (t *Table) Sellers(model string, at time.Time) []string {
	var names []string
	for name := range t.byProvider {
		if t.resolve(name, model, at.UnixMilli()) != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Providers returns every name that the table or a record may use for a
// provider.
func (t *Table) Providers() []string {
	var names []string
	for name := range t.byProvider {
		names = append(names, name)
	}
	for name := range providerByName {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Listed is a row for programs. Prices are plain decimals by column.
type Listed struct {
	Provider   string            `json:"provider"`
	Model      string            `json:"model"`
	Match      string            `json:"match"`
	Mode       string            `json:"mode,omitempty"`
	From       string            `json:"effective_from,omitempty"`
	To         string            `json:"effective_to,omitempty"`
	Threshold  int64             `json:"long_threshold,omitempty"`
	LongOp     string            `json:"long_op,omitempty"`
	Prices     map[string]string `json:"prices"`
	Source     string            `json:"source,omitempty"`
	Confidence string            `json:"confidence,omitempty"`
	Note       string            `json:"note,omitempty"`
	Override   bool              `json:"override,omitempty"` // the row is from an override file
}

// List returns the row for programs.
func (r *Row) List() Listed {
	return Listed{
		Provider: r.Provider, Model: r.Model, Match: r.Match(), Mode: r.Mode, From: r.From, To: r.To,
		Threshold: r.threshold, LongOp: r.longOp(), Prices: r.Numbers(),
		Source: r.Source, Confidence: r.Confidence, Note: r.Note, Override: r.override,
	}
}

// SummaryHeads are the columns of Summary.
var SummaryHeads = []string{"Provider", "Model", "Input", "Cache read", "Cache write", "Output", "Long from", "Other", "From", "To"}

// Summary returns the row's most asked for cells for people, in the order of
// SummaryHeads. Prices are USD per million tokens. Other names what else the
// row prices.
func (r *Row) Summary() []string {
	number := func(c column) string {
		if r.set(c) {
			return r.numbers[c].String()
		}
		return "-"
	}
	long := ""
	if r.threshold > 0 {
		long = r.cell("long_threshold")
	}
	return []string{r.Provider, r.Model, number(inputCol), number(cacheReadCol), number(write5mCol), number(outputCol),
		long, r.others(), r.From, r.To}
}

// others names the kinds of prices beside those of Summary.
func (r *Row) others() string {
	var kinds []string
	for _, k := range []struct {
		name    string
		columns []column
	}{
		{"1h write", []column{write1hCol}},
		{"reasoning", []column{reasoningCol}},
		{"audio", []column{audioInCol, audioReadCol, audioOutCol}},
		{"images", []column{imageInCol, imageReadCol, imageOutCol}},
		{"video", []column{videoInCol}},
		{"batch", []column{batchCol}},
		{"flex", []column{flexCol}},
		{"priority", []column{priorityCol}},
		{"fast", []column{fastCol}},
		{"geo", []column{geoCol}},
		{"requests", []column{requestsCol}},
		{"searches", []column{searchesCol}},
		{"minutes", []column{minuteCol}},
	} {
		if slices.ContainsFunc(k.columns, r.set) {
			kinds = append(kinds, k.name)
		}
	}
	if r.override {
		kinds = append(kinds, "(override)")
	}
	return strings.Join(kinds, ", ")
}
