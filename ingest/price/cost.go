package price

import (
	"math/big"

	"burn/proxy/usage"
)

// Where a cost comes from (Cost.Basis).
const (
	BasisComputed     = "computed"      // tokens × prices
	BasisReported     = "reported"      // the provider's own figure, which wins
	BasisFreeLocal    = "free_local"    // a model on one's own machines: 0
	BasisNone         = "none"          // nothing to bill: 0
	BasisUnknownModel = "unknown_model" // not known: no row matched, or a flag says what else is missing
	BasisMissing      = "missing"       // not known: the answer had no usage and nothing was estimated yet
)

// Cost is what one call cost.
type Cost struct {
	Pico  int64  // 1e-12 USD, rounded once, half away from zero; 0 if not Known
	Basis string // one of the Basis constants
	Flags Flags  // what was unusual
	Row   *Row   // the row that priced the call; nil if none did
}

// Known reports whether the cost is known; where it is not, it is NULL and the
// tokens count as unpriced.
func (c Cost) Known() bool { return c.Basis != BasisUnknownModel && c.Basis != BasisMissing }

// Cost prices one call or one gap line. It does not allocate for ordinary
// calls and may be called from several goroutines.
//
// The provider is rec.Provider, else rec.Upstream. The model is the one that
// served, else the one asked for; for Bedrock and Vertex the one asked for
// first, since their ids carry the region's price. Its row is the one in force
// at rec.TS.
//
// sub_usage is priced by its own model, at the call's tier and geo but without
// its speed. If its model is not known the whole call's cost is not known.
//
// Where the raw usage tells a call's passes apart, the long prices apply to those
// that are long, else to the sum. What it cannot see is how many of the cached
// tokens were images.
func (t *Table) Cost(rec *usage.Record) Cost {
	c, s := t.settle(rec)
	if c.Basis != BasisComputed || c.Row == nil {
		return c
	}
	var b bill
	b.fill(c.Row, rec)
	c.Flags |= b.flags
	total, ok := b.fast()
	for i := range rec.SubUsage {
		sub := &rec.SubUsage[i]
		match := s.dated(t, sub.Model).at(rec.TS)
		if match == nil {
			c.Flags |= FlagSubUnknown
			break
		}
		b = bill{}
		b.tokens(match.Row, &sub.Tokens, rec)
		c.Flags |= b.flags
		if ok {
			var f fraction
			if f, ok = b.fast(); ok {
				total, ok = total.add(f)
			}
		}
	}
	if c.Flags&unpriced != 0 {
		c.Basis = BasisUnknownModel
		return c
	}
	if ok {
		c.Pico, ok = total.round()
	} else {
		c.Pico, ok = roundPico(t.exact(rec, c.Row, s))
	}
	if !ok {
		c.Pico, c.Basis, c.Flags = 0, BasisUnknownModel, c.Flags|FlagOverflow
	}
	return c
}

// settle decides everything but the amount of a computed cost; that is still to
// be found if Basis is BasisComputed and there is a row.
func (t *Table) settle(rec *usage.Record) (c Cost, s *seller) {
	if rec.CostUSD != "" {
		p, ok, overflow := ParsePico(rec.CostUSD)
		switch {
		case ok:
			return Cost{Pico: p, Basis: BasisReported}, nil
		case overflow:
			return Cost{Basis: BasisUnknownModel, Flags: FlagOverflow}, nil
		}
		c.Flags |= FlagReportedUnreadable
	}
	if rec.UsageSource == usage.SourceNone {
		c.Basis = BasisNone
		return c, nil
	}
	name := rec.Provider
	if name == "" {
		name = rec.Upstream
	}
	s = t.lookup(name)
	match := s.dated(t, billedModel(rec, s.byRequest)).at(rec.TS)
	switch {
	case match == nil && s.free:
		c.Basis = BasisFreeLocal
		return c, nil
	case match == nil && prepaid(rec):
		c.Basis = BasisComputed
		c.Flags |= FlagProvisioned
		return c, s
	case match == nil:
		c.Basis = BasisUnknownModel
		return c, nil
	}
	c.Row = match.Row
	c.Basis = BasisComputed
	if rec.UsageSource == usage.SourceMissing {
		c.Basis = BasisMissing
	}
	return c, s
}

func billedModel(rec *usage.Record, byRequest bool) string {
	first, second := rec.ResponseModel, rec.RequestModel
	if byRequest {
		first, second = second, first
	}
	if first != "" {
		return first
	}
	return second
}

// prepaid reports whether the call is known to cost nothing whatever its
// model: its tokens are provisioned throughput and nothing else is billed.
func prepaid(rec *usage.Record) bool {
	return tierOf(rec.ServiceTier) == tierProvisioned && rec.WebSearches == 0 && rec.Requests == 0 &&
		rec.Seconds == "" && len(rec.SubUsage) == 0
}

// exact is the amount of the whole call in USD, by arithmetic that has no
// limits.
func (t *Table) exact(rec *usage.Record, row *Row, s *seller) *big.Rat {
	sum := new(big.Rat)
	for _, b := range t.bills(rec, row, s) {
		sum.Add(sum, b.exact())
	}
	return sum
}

// bills returns the bill of the call and those of the models inside it. Models
// that no row matches are left out.
func (t *Table) bills(rec *usage.Record, row *Row, s *seller) []bill {
	bills := make([]bill, 1, 1+len(rec.SubUsage))
	bills[0].fill(row, rec)
	for i := range rec.SubUsage {
		sub := &rec.SubUsage[i]
		if match := s.dated(t, sub.Model).at(rec.TS); match != nil {
			var b bill
			b.tokens(match.Row, &sub.Tokens, rec)
			bills = append(bills, b)
		}
	}
	return bills
}
