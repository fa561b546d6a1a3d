package price

import (
	"encoding/json"
	"math/big"

	"burn/proxy/usage"
)

// Explanation is a cost in its parts, for people. Amounts are plain decimals in
// USD, exact unless they have no end (seconds of a minute's price), and then
// rounded to 24 decimals for show only.
type Explanation struct {
	Provider    string            `json:"provider"`               // as in the price table
	Model       string            `json:"model"`                  // the id that was priced
	UsageSource string            `json:"usage_source,omitempty"` // where the counts come from
	Tokens      *Counts           `json:"tokens"`                 // what was priced; null if there was no usage to look at
	PriceRow    *string           `json:"price_row"`              // name of the row; null if none priced the call
	How         string            `json:"matched,omitempty"`      // exact, prefix, suffix, part
	Pattern     string            `json:"pattern,omitempty"`      // which entry of the row's match column
	Candidate   string            `json:"candidate,omitempty"`    // which form of the id
	From        string            `json:"effective_from,omitempty"`
	To          string            `json:"effective_to,omitempty"`
	Source      string            `json:"source,omitempty"`
	Confidence  string            `json:"confidence,omitempty"`
	Note        string            `json:"note,omitempty"`
	Override    bool              `json:"override,omitempty"` // the row is from an override file
	Prices      map[string]string `json:"prices,omitempty"`   // all of the row's numbers, by column
	CostBasis   string            `json:"cost_basis"`
	CostUSD     *string           `json:"cost_usd"` // null if not known
	Flags       []string          `json:"flags"`    // what was unusual: of the price first, then of the usage
	Parts       []Part            `json:"parts"`

	sum     string   // of the parts, before it is rounded
	factors []string // multipliers of the call's own tokens, each with its column
}

// Counts are usage.Tokens and what else of a record decides its price, under
// the record's keys. Input and output are always there; of the others only what
// differs from the usual: no standard tier, no usage_source reported.
type Counts struct {
	Input          int64       `json:"input_tokens"`
	CacheRead      int64       `json:"cache_read_tokens,omitempty"`
	CacheWrite     int64       `json:"cache_write_tokens,omitempty"`
	CacheWrite1h   int64       `json:"cache_write_1h_tokens,omitempty"`
	Output         int64       `json:"output_tokens"`
	Reasoning      int64       `json:"reasoning_tokens,omitempty"`
	Citation       int64       `json:"citation_tokens,omitempty"`
	AudioInput     int64       `json:"audio_input_tokens,omitempty"`
	AudioCacheRead int64       `json:"audio_cache_read_tokens,omitempty"`
	AudioOutput    int64       `json:"audio_output_tokens,omitempty"`
	ImageInput     int64       `json:"image_input_tokens,omitempty"`
	ImageOutput    int64       `json:"image_output_tokens,omitempty"`
	WebSearches    int64       `json:"web_searches,omitempty"`
	Requests       int64       `json:"requests,omitempty"`
	Seconds        json.Number `json:"seconds,omitempty"`
	ServiceTier    string      `json:"service_tier,omitempty"`
	Speed          string      `json:"speed,omitempty"`
	Geo            string      `json:"geo,omitempty"`
	UsageSource    string      `json:"usage_source,omitempty"`
	SubUsage       []SubCounts `json:"sub_usage,omitempty"`
}

// SubCounts are the tokens of a further model inside the same call.
type SubCounts struct {
	Model string `json:"model"`
	Counts
}

func counts(t *usage.Tokens) Counts {
	return Counts{
		Input: t.Input, CacheRead: t.CacheRead, CacheWrite: t.CacheWrite, CacheWrite1h: t.CacheWrite1h,
		Output: t.Output, Reasoning: t.Reasoning, Citation: t.Citation,
		AudioInput: t.AudioInput, AudioCacheRead: t.AudioCacheRead, AudioOutput: t.AudioOutput,
		ImageInput: t.ImageInput, ImageOutput: t.ImageOutput,
		WebSearches: t.WebSearches, Requests: t.Requests, Seconds: json.Number(t.Seconds),
	}
}

func recordCounts(rec *usage.Record) *Counts {
	c := counts(&rec.Tokens)
	if tierOf(rec.ServiceTier) != tierStandard {
		c.ServiceTier = rec.ServiceTier
	}
	if rec.Speed != "standard" {
		c.Speed = rec.Speed
	}
	c.Geo = rec.Geo
	if rec.UsageSource != usage.SourceReported {
		c.UsageSource = rec.UsageSource
	}
	for i := range rec.SubUsage {
		sub := &rec.SubUsage[i]
		c.SubUsage = append(c.SubUsage, SubCounts{sub.Model, counts(&sub.Tokens)})
	}
	return &c
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
		Provider:    seller.table,
		Model:       billedModel(rec, seller.byRequest),
		UsageSource: rec.UsageSource,
		Tokens:      recordCounts(rec),
		CostBasis:   c.Basis,
		Flags:       append(c.Flags.Strings(), rec.Flags...),
		Parts:       []Part{},
	}
	if c.Known() {
		usd := FormatPico(c.Pico)
		e.CostUSD = &usd
	}
	if c.Basis == BasisReported {
		d, _ := ParseDecimal(rec.CostUSD) // ParsePico read it
		e.Parts = append(e.Parts, Part{Name: "reported", Quantity: "1", Multiplier: "1", Amount: d.String()})
		e.sum = d.String()
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
	e.Prices = m.Row.Numbers()
}

// parts lists the charges of all bills: the call's own first, then those of
// the models inside it.
func (e *Explanation) parts(bills []bill) {
	sum := new(big.Rat)
	for i := range bills {
		sum.Add(sum, bills[i].exact())
		b, model := &bills[i], ""
		if i > 0 {
			model = b.row.Model
		}
		multiplier := b.multiplier()
		if i == 0 {
			for _, c := range b.multipliers[:b.m] {
				e.factors = append(e.factors, c.String()+" "+b.row.numbers[c].String())
			}
		}
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
	e.sum = ratString(sum)
}
