package price

import (
	"math/big"

	"burn/proxy/usage"
)

// Explanation is a cost in its parts, for people. Amounts are plain decimals in
// USD, exact unless they have no end (seconds of a minute's price), and then
// rounded to 24 decimals for show only.
type Explanation struct {
	Provider   string   `json:"provider"`            // as in the price table
	Model      string   `json:"model"`               // the id that was priced
	PriceRow   *string  `json:"price_row"`           // name of the row; null if none priced the call
	How        string   `json:"matched,omitempty"`   // exact, prefix, suffix, part
	Pattern    string   `json:"pattern,omitempty"`   // which entry of the row's match column
	Candidate  string   `json:"candidate,omitempty"` // which form of the id
	From       string   `json:"effective_from,omitempty"`
	To         string   `json:"effective_to,omitempty"`
	Source     string   `json:"source,omitempty"`
	Confidence string   `json:"confidence,omitempty"`
	Note       string   `json:"note,omitempty"`
	Override   bool     `json:"override,omitempty"` // the row is from an override file
	CostBasis  string   `json:"cost_basis"`
	CostUSD    *string  `json:"cost_usd"` // null if not known
	Flags      []string `json:"flags"`
	Parts      []Part   `json:"parts"`
}

// Part is one summand of a cost: quantity × unit price ÷ per × multiplier.
type Part struct {
	Model      string `json:"model,omitempty"` // of sub_usage
	Name       string `json:"name"`            // input, cache_read, …, requests, web_searches, seconds, reported
	Column     string `json:"column,omitempty"`
	Quantity   string `json:"quantity"`
	UnitPrice  string `json:"unit_price_usd,omitempty"`
	Per        string `json:"per,omitempty"` // 1000000 tokens, 1000 units, 60 seconds
	Multiplier string `json:"multiplier"`    // product of tier, speed and geo
	Amount     string `json:"amount_usd"`
}

// Explain prices a call as Cost does and says how.
func (t *Table) Explain(rec *usage.Record) Explanation {
	c := t.Cost(rec)
	name := rec.Provider
	if name == "" {
		name = rec.Upstream
	}
	seller := t.lookup(name)
	e := Explanation{
		Provider:  seller.table,
		Model:     billedModel(rec, seller.byRequest),
		CostBasis: c.Basis,
		Flags:     c.Flags.Strings(),
		Parts:     []Part{},
	}
	if c.Known() {
		usd := FormatPico(c.Pico)
		e.CostUSD = &usd
	}
	if c.Basis == BasisReported {
		d, _ := ParseDecimal(rec.CostUSD) // ParsePico read it
		e.Parts = append(e.Parts, Part{Name: "reported", Quantity: "1", Multiplier: "1", Amount: d.String()})
	}
	if c.Row == nil {
		return e
	}
	e.row(seller.dated(t, e.Model).at(rec.TS))
	if c.Basis != BasisMissing {
		e.parts(t.bills(rec, c.Row, seller))
	}
	return e
}

func (e *Explanation) row(m *Match) {
	e.PriceRow = &m.Row.Model
	e.How, e.Pattern, e.Candidate = m.How, m.Pattern, m.Candidate
	e.From, e.To = m.Row.From, m.Row.To
	e.Source, e.Confidence, e.Note = m.Row.Source, m.Row.Confidence, m.Row.Note
	e.Override = m.Row.override
}

// parts lists the charges of all bills: the call's own first, then those of
// the models inside it.
func (e *Explanation) parts(bills []bill) {
	for i := range bills {
		b, model := &bills[i], ""
		if i > 0 {
			model = b.row.Model
		}
		multiplier := b.multiplier()
		for j := range b.n {
			c := &b.charges[j]
			amount := b.amount(c)
			e.Parts = append(e.Parts, Part{
				Model: model, Name: partNames[c.part], Column: c.column.String(),
				Quantity: big.NewInt(c.quantity).String(), UnitPrice: b.row.numbers[c.column].String(), Per: "1000000",
				Multiplier: ratString(multiplier), Amount: ratString(amount.Mul(amount, multiplier)),
			})
		}
		for _, f := range b.fees() {
			e.Parts = append(e.Parts, Part{
				Model: model, Name: f.name, Column: f.column.String(),
				Quantity: f.quantity, UnitPrice: b.row.numbers[f.column].String(), Per: f.per,
				Multiplier: "1", Amount: ratString(f.amount),
			})
		}
	}
}
