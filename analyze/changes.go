package analyze

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// What became of an agent between two periods (AgentChange.Kind).
const (
	Changed = "changed"
	New     = "new"  // it made no call in the compared period
	Gone    = "gone" // it makes none any more
)

// AgentChange is why an agent's cost differs from the compared period's. The parts
// add up to Change, and the Changes of all agents to the difference of the totals,
// both to 1e-12 USD. All amounts are known but the cost of a period in which none of
// the agent's calls had a price. See Changes for what each part means.
type AgentChange struct {
	Agent  string `json:"agent"`
	Kind   string `json:"kind"` // changed, new or gone
	Before USD    `json:"before_usd"`
	After  USD    `json:"after_usd"`
	Change USD    `json:"change_usd"`
	Parts

	Requests          int64   `json:"requests"`
	PreviousRequests  int64   `json:"previous_requests"`
	AvgTokens         float64 `json:"avg_tokens"` // input and output per billed call, 0 without one
	PreviousAvgTokens float64 `json:"previous_avg_tokens"`
	Why               string  `json:"why"` // the largest part in words
}

// Parts are the causes of a change in cost.
type Parts struct {
	Price    USD `json:"price_usd"`    // tokens of the same kinds and models cost more
	Volume   USD `json:"volume_usd"`   // more calls
	Size     USD `json:"size_usd"`     // more tokens per call, or dearer kinds of tokens
	Mix      USD `json:"mix_usd"`      // more of the calls go to dearer models
	Presence USD `json:"presence_usd"` // all of a new agent's cost, less all of one that is gone
	Unpriced USD `json:"unpriced_usd"` // the price of the same calls was known in one period only
}

// Add sums part by part.
func (p Parts) Add(q Parts) Parts {
	return Parts{p.Price.Add(q.Price), p.Volume.Add(q.Volume), p.Size.Add(q.Size), p.Mix.Add(q.Mix), p.Presence.Add(q.Presence), p.Unpriced.Add(q.Unpriced)}
}

// Sum is what the parts add up to.
func (p Parts) Sum() USD {
	return p.Price.Add(p.Volume).Add(p.Size).Add(p.Mix).Add(p.Presence).Add(p.Unpriced)
}

// consumption is a row of the query of that name: what an agent's calls of a
// model consist of. Tokens and list are by kind: input that no cache took part
// in, cache reads, cache writes, output; price is that of 1,000 tokens.
type consumption struct {
	agent, model, basis string
	requests            int64
	cost                USD
	tokens              [4]int64
	list, price         [4]USD
}

const consumptionCols = "agent model basis requests cost_usd plain_tokens read_tokens write_tokens output_tokens " +
	"plain_list_usd read_list_usd write_list_usd output_list_usd plain_price_usd read_price_usd write_price_usd output_price_usd"

func readConsumption(r *Result, scan scanner) error {
	var c consumption
	dest := []any{&c.agent, &c.model, &c.basis, &c.requests, &c.cost}
	for i := range c.tokens {
		dest = append(dest, &c.tokens[i])
	}
	for i := range c.list {
		dest = append(dest, &c.list[i])
	}
	for i := range c.price {
		dest = append(dest, &c.price[i])
	}
	if err := scan(dest...); err != nil {
		return err
	}
	r.consumption = append(r.consumption, c)
	return nil
}

// Changes splits the difference of two periods' costs, agent by agent, the largest
// difference first. Both results are of runs with Split.
//
// The parts come from an ordered substitution, so nothing is left over and nothing
// counted twice. Start from the old cost and replace, one after the other, what
// it consists of by what it is now; each part is the difference of two steps:
//
//	volume  the new number of billed calls, at the old mean cost of a call
//	mix     spread over models as now, each call at its model's old mean; in a
//	        model that is new to the agent, a call of the agent's old mean tokens
//	        at the prices of that model
//	size    with as many tokens of each kind (uncached, read from cache, written
//	        to it, output) as now, at old prices; fees that go by no token too
//	price   at the prices of now. A price is what one token of a kind cost on
//	        average in the agent's calls of the model: list price, tier, region
//	        and rates of long prompts. What had no old price had today's.
//
// Calls that had nothing to bill count in no part. Agents that are new or gone are
// a part of their own, presence. Calls without a price cost nothing in totals:
// where the same model has one on the other side, what they would cost by it is
// the part unpriced, so that a price that becomes known is no rise in volume.
// Steps are exact fractions, rounded to 1e-12 USD before they are subtracted.
func Changes(before, after *Result) []AgentChange {
	type pair struct{ old, now side }
	agents := map[string]*pair{}
	add := func(r *Result, pick func(*pair) *side) {
		for i := range r.consumption {
			c := &r.consumption[i]
			p := agents[c.agent]
			if p == nil {
				p = &pair{}
				agents[c.agent] = p
			}
			pick(p).add(c)
		}
	}
	add(before, func(p *pair) *side { return &p.old })
	add(after, func(p *pair) *side { return &p.now })
	list := make([]AgentChange, 0, len(agents))
	for name, p := range agents {
		list = append(list, change(name, &p.old, &p.now))
	}
	slices.SortFunc(list, func(a, b AgentChange) int {
		if c := b.Change.Pico().CmpAbs(a.Change.Pico()); c != 0 {
			return c
		}
		return strings.Compare(a.Agent, b.Agent)
	})
	return list
}

// kindsOfTokens are the four of consumption, and tokens whose kinds have no prices
// of their own.
const kindsOfTokens, untold = 5, 4

// mass is calls with their tokens, their cost, and the part of it that goes by the
// tokens of a kind.
type mass struct {
	calls  int64
	cost   *big.Rat
	tokens [kindsOfTokens]int64
	byKind [kindsOfTokens]*big.Rat
	rate   [kindsOfTokens]*big.Rat // of a token, where no token of the kind was used; nil: not known
}

func (m *mass) total() (n int64) {
	for _, t := range m.tokens {
		n += t
	}
	return n
}

// price is what a token of a kind cost; nil: not known.
func (m *mass) price(kind int) *big.Rat {
	switch {
	case m == nil:
		return nil
	case m.tokens[kind] > 0 && m.byKind[kind] != nil:
		return new(big.Rat).Quo(m.byKind[kind], whole(m.tokens[kind]))
	case kind == untold && m.total() > 0 && m.cost != nil:
		return new(big.Rat).Quo(m.cost, whole(m.total()))
	}
	return m.rate[kind]
}

// side is what an agent did in one period, by model.
type side struct {
	present  bool
	requests int64
	cost     USD
	priced   map[string]*mass
	unpriced map[string]*mass
}

func whole(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

// exact is u in 1e-12 USD.
func exact(u USD) *big.Rat { return new(big.Rat).SetInt(u.Pico()) }

func (s *side) add(c *consumption) {
	if s.priced == nil {
		s.priced, s.unpriced = map[string]*mass{}, map[string]*mass{}
	}
	s.present = true
	s.requests += c.requests
	s.cost = s.cost.Add(c.cost)
	if c.basis == "none" {
		return
	}
	to := s.priced
	if c.basis == "unpriced" {
		to = s.unpriced
	}
	m := to[c.model]
	if m == nil {
		m = &mass{cost: new(big.Rat)}
		to[c.model] = m
	}
	m.calls += c.requests
	m.cost.Add(m.cost, exact(c.cost))
	// A cost that the provider reported stands to the list price as a whole.
	factor := whole(1)
	if c.basis == "reported" {
		var list USD
		for _, u := range c.list {
			list = list.Add(u)
		}
		if list.Pico().Sign() > 0 {
			factor.Quo(exact(c.cost), exact(list))
		}
	}
	for k, n := range c.tokens {
		switch c.basis {
		case "rated", "reported":
			m.grow(k, n, new(big.Rat).Mul(exact(c.list[k]), factor))
			rate := new(big.Rat).Mul(exact(c.price[k]), factor)
			m.rate[k] = rate.Quo(rate, whole(1000))
		case "unrated":
			m.grow(untold, n, nil)
		default:
			m.tokens[k] += n
		}
	}
	if c.basis == "unrated" && m.tokens[untold] > 0 {
		m.grow(untold, 0, exact(c.cost))
	}
}

func (m *mass) grow(kind int, n int64, cost *big.Rat) {
	m.tokens[kind] += n
	if cost != nil {
		if m.byKind[kind] == nil {
			m.byKind[kind] = new(big.Rat)
		}
		m.byKind[kind].Add(m.byKind[kind], cost)
	}
}

// settle gives calls without a price the one that their model has on either side,
// this one first, and returns what they would cost.
func (s *side) settle(other *side) *big.Rat {
	sum := new(big.Rat)
	for model, m := range s.unpriced {
		known := s.priced[model]
		if known == nil {
			known = other.priced[model]
		}
		if known == nil {
			continue
		}
		to := s.priced[model]
		if to == nil {
			to = &mass{cost: new(big.Rat)}
			s.priced[model] = to
		}
		for k, n := range m.tokens {
			if n == 0 {
				continue
			}
			p := known.price(k)
			if p == nil {
				p = known.price(untold)
			}
			if p == nil {
				p = new(big.Rat)
			}
			cost := new(big.Rat).Mul(p, whole(n))
			to.grow(k, n, cost)
			to.cost.Add(to.cost, cost)
			sum.Add(sum, cost)
		}
		to.calls += m.calls
	}
	return sum
}

// whole side in one mass; byKind and rate stay empty.
func (s *side) all() (m mass) {
	m.cost = new(big.Rat)
	for _, x := range s.priced {
		m.calls += x.calls
		m.cost.Add(m.cost, x.cost)
		for k, n := range x.tokens {
			m.tokens[k] += n
		}
	}
	return m
}

// change compares two sides of an agent, one of which may be absent.
func change(agent string, old, now *side) AgentChange {
	zero := USD{zeroPico}
	c := AgentChange{Agent: agent, Kind: Changed, Before: old.cost.Add(zero), After: now.cost.Add(zero), Requests: now.requests, PreviousRequests: old.requests,
		Parts: Parts{zero, zero, zero, zero, zero, zero}}
	c.Change = c.After.Sub(c.Before)
	if old.present {
		c.Before = old.cost
	}
	if now.present {
		c.After = now.cost
	}
	switch {
	case !old.present:
		c.Kind, c.Presence = New, c.Change
	case !now.present:
		c.Kind, c.Presence = Gone, c.Change
	default:
		oldSettled, nowSettled := rounded(old.settle(now)), rounded(now.settle(old))
		c.Unpriced = oldSettled.Sub(nowSettled)
		c.split(old, now, oldSettled.Add(c.Before), nowSettled.Add(c.After))
	}
	a, b := now.all(), old.all()
	c.AvgTokens, c.PreviousAvgTokens = float64(a.total())/float64(max(a.calls, 1)), float64(b.total())/float64(max(b.calls, 1))
	c.Why = c.why(&b, &a)
	return c
}

// split walks from the old cost to the new one.
func (c *AgentChange) split(old, now *side, start, end USD) {
	was, is := old.all(), now.all()
	if was.calls == 0 || is.calls == 0 {
		c.Volume = end.Sub(start) // nothing was billed on one side
		return
	}
	mean := new(big.Rat).Quo(was.cost, whole(was.calls))
	volume := new(big.Rat).Mul(mean, whole(is.calls))
	mix, dearer := new(big.Rat), new(big.Rat)
	for model, m := range now.priced {
		before := old.priced[model]
		if before == nil || before.calls == 0 {
			mix.Add(mix, new(big.Rat).Mul(whole(m.calls), m.costOf(&was)))
			continue
		}
		mix.Add(mix, new(big.Rat).Mul(whole(m.calls), new(big.Rat).Quo(before.cost, whole(before.calls))))
		for k, n := range m.tokens {
			p, q := before.price(k), m.price(k)
			if n > 0 && p != nil && q != nil {
				dearer.Add(dearer, new(big.Rat).Mul(whole(n), new(big.Rat).Sub(q, p)))
			}
		}
	}
	afterVolume, afterMix := rounded(volume), rounded(mix)
	afterSize := end.Sub(rounded(dearer))
	c.Volume, c.Mix, c.Size, c.Price = afterVolume.Sub(start), afterMix.Sub(afterVolume), afterSize.Sub(afterMix), end.Sub(afterSize)
}

// costOf is what the mean call of other would cost at m's prices.
func (m *mass) costOf(other *mass) *big.Rat {
	sum := new(big.Rat)
	for k, n := range other.tokens {
		p := m.price(k)
		if p == nil {
			p = m.price(untold)
		}
		if n > 0 && p != nil {
			sum.Add(sum, new(big.Rat).Mul(p, whole(n)))
		}
	}
	return sum.Quo(sum, whole(max(other.calls, 1)))
}

// rounded is x, in 1e-12 USD, half away from zero.
func rounded(x *big.Rat) USD {
	twice := new(big.Int).Mul(new(big.Int).Abs(x.Num()), big.NewInt(2))
	twice.Add(twice, x.Denom())
	q := twice.Quo(twice, new(big.Int).Mul(x.Denom(), big.NewInt(2)))
	if x.Sign() < 0 {
		q.Neg(q)
	}
	return USD{q}
}

func calls(n int64) string {
	if n == 1 {
		return "1 call"
	}
	return count(n) + " calls"
}

// why says the largest part in words, with the figures behind it.
func (c *AgentChange) why(old, now *mass) string {
	parts := []struct {
		usd  USD
		text string
	}{
		{c.Presence, map[string]string{New: "new: " + calls(c.Requests), Gone: "gone: " + calls(c.PreviousRequests) + " before"}[c.Kind]},
		{c.Volume, fmt.Sprintf("%s billed calls, before %s", count(now.calls), count(old.calls))},
		{c.Size, fmt.Sprintf("%s tokens per call, before %s", count(int64(c.AvgTokens+0.5)), count(int64(c.PreviousAvgTokens+0.5)))},
		{c.Mix, "other models"},
		{c.Price, "other prices"},
		{c.Unpriced, "calls without a price in one of the periods"},
	}
	best := parts[0]
	for _, p := range parts[1:] {
		if p.usd.Pico().CmpAbs(best.usd.Pico()) > 0 {
			best = p
		}
	}
	if best.usd.Pico().Sign() == 0 {
		return ""
	}
	return best.text
}
