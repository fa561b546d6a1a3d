package price

import (
	"encoding/json"
	"fmt"
	"strings"
)

// PartHeads are the columns of Arithmetic.
var PartHeads = []string{"Part", "Quantity", "", "USD", "", "per", "", "Factor", "", "Amount in USD", "Price column"}

// Arithmetic returns the parts line by line, in the order of PartHeads, so that
// each reads as quantity × price / per × factor = amount.
func (e *Explanation) Arithmetic() [][]string {
	var rows [][]string
	for _, p := range e.Parts {
		name := p.Name
		if p.Model != "" {
			name = p.Model + ": " + name
		}
		if p.Column == "" {
			rows = append(rows, []string{name, "", "", "", "", "", "", "", "", p.Amount, ""})
			continue
		}
		rows = append(rows, []string{name, p.Quantity, "×", p.UnitPrice, "/", p.Per, "×", p.Multiplier, "=", p.Amount, p.Column})
	}
	return rows
}

// Why says which row prices the model, and why that one, line by line.
func (e *Explanation) Why() []string {
	lines := []string{"model       " + e.Model + " of " + e.Provider}
	if e.PriceRow == nil {
		return append(lines, "price row   none")
	}
	kind := "built in"
	if e.Override {
		kind = "from the override file"
	}
	lines = append(lines,
		"price row   "+*e.PriceRow+", "+kind+", in force "+e.period(),
		fmt.Sprintf("matched     by %s pattern %s, the id taken %s", e.How, e.Pattern, e.Candidate))
	if e.Source != "" {
		source := "source      " + e.Source
		if e.Confidence != "" {
			source += ", confidence " + e.Confidence
		}
		lines = append(lines, source)
	}
	if e.Note != "" {
		lines = append(lines, "note        "+e.Note)
	}
	return lines
}

func (e *Explanation) period() string {
	switch {
	case e.From == "" && e.To == "":
		return "always"
	case e.To == "":
		return "from " + e.From
	case e.From == "":
		return "until " + e.To
	}
	return "from " + e.From + " until " + e.To
}

// Outcome says what the parts add up to, how that is rounded and what was
// unusual, line by line.
func (e *Explanation) Outcome() []string {
	basis := strings.ReplaceAll(e.CostBasis, "_", " ")
	var lines []string
	if len(e.factors) > 0 {
		lines = append(lines, "factor      "+strings.Join(e.factors, ", "))
	}
	switch {
	case e.CostUSD == nil:
		lines = append(lines, "cost        not known ("+basis+")")
	case e.sum != "" && e.sum != *e.CostUSD:
		lines = append(lines, "sum         "+e.sum, "cost        "+*e.CostUSD+" USD, rounded half up to 1e-12 ("+basis+")")
	default:
		lines = append(lines, "cost        "+*e.CostUSD+" USD, exact ("+basis+")")
	}
	for _, f := range e.Flags {
		lines = append(lines, "flag        "+f)
	}
	return lines
}

// Read says which counts the prices were applied to, in one line.
func (e *Explanation) Read() string {
	b, err := json.Marshal(e.Tokens)
	if err != nil || e.Tokens == nil {
		return "usage       none given"
	}
	s := strings.NewReplacer(`"`, "", ":", " ", ",", ", ").Replace(strings.Trim(string(b), "{}"))
	return "usage       " + s
}
