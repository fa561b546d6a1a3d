package usage

import (
	"math/big"
	"strconv"
	"strings"
	"sync"
)

// maxFoldKeys is how many keys are told apart in one set of sums. Further keys
// lose the caller's labels, and then, after as many again, everything but the
// hour, so that no caller can make the sums grow without limit.
const maxFoldKeys = 1000

const hourMS = 3600 * 1000

// maxCostLen is the longest literal of a reported cost that is added up; sums
// of such stay within what Decode accepts.
const maxCostLen = 28

// foldKey is what calls must share to become one gap line: what the price
// depends on, and what reports ask for first.
type foldKey struct {
	hour                        int64 // first millisecond of the UTC hour
	provider, operation         string
	requestModel, responseModel string
	tier, speed, geo            string
	agent, user, endpoint       string
	reported                    bool // the provider reported the cost
}

func keyOf(r *Record) foldKey {
	return foldKey{
		hour:     r.TS - r.TS%hourMS,
		provider: r.Provider, operation: r.Operation,
		requestModel: r.RequestModel, responseModel: r.ResponseModel,
		tier: r.ServiceTier, speed: r.Speed, geo: r.Geo,
		agent: r.Agent, user: r.User, endpoint: r.Endpoint,
		reported: plainDecimal(r.CostUSD),
	}
}

// unlabelled is the key without what callers choose.
func (k foldKey) unlabelled() foldKey {
	k.agent, k.user, k.endpoint = Other, Other, Other
	return k
}

// rest is the key of all that has no better one.
func (k foldKey) rest() foldKey {
	return foldKey{
		hour: k.hour, reported: k.reported, provider: Other, operation: Other,
		requestModel: Other, agent: Other, user: Other, endpoint: Other,
	}
}

// clone keeps the key from holding on to whatever its strings were cut from.
func (k foldKey) clone() foldKey {
	for _, s := range []*string{
		&k.provider, &k.operation, &k.requestModel, &k.responseModel,
		&k.tier, &k.speed, &k.geo, &k.agent, &k.user, &k.endpoint,
	} {
		*s = strings.Clone(*s)
	}
	return k
}

// foldSum is what is known of the calls of one key.
type foldSum struct {
	calls   int64
	tokens  Tokens // without Seconds
	subs    []SubUsage
	all     Tokens // tokens and subs together, to see that nothing outgrows MaxCount
	seconds float64
	cost    *big.Rat // nil if not reported
}

// fits reports whether the sum can take the record with every count still
// within what Decode accepts.
func (s *foldSum) fits(calls int64, all *Tokens) bool {
	if s.calls+calls > MaxCount {
		return false
	}
	for _, f := range tokenFields {
		if *f.at(&s.all)+*f.at(all) > MaxCount {
			return false
		}
	}
	return true
}

func (s *foldSum) add(r *Record, calls int64, all Tokens) {
	s.calls += calls
	s.tokens.Add(r.Tokens)
	s.all.Add(all)
	for _, sub := range r.SubUsage {
		s.subs = append(s.subs, SubUsage{strings.Clone(sub.Model), sub.Tokens})
	}
	if len(s.subs) > 1 {
		folded := Record{SubUsage: s.subs}
		foldSubUsage(&folded)
		s.subs = folded.SubUsage
	}
	if f, err := strconv.ParseFloat(r.Seconds, 64); err == nil && f > 0 && f <= MaxMillis {
		s.seconds += f
	}
	if plainDecimal(r.CostUSD) {
		if s.cost == nil {
			s.cost = new(big.Rat)
		}
		if cost, ok := new(big.Rat).SetString(r.CostUSD); ok {
			s.cost.Add(s.cost, cost)
		}
	}
}

// plainDecimal reports whether s is a decimal number without sign or exponent,
// short enough to be added exactly.
func plainDecimal(s string) bool {
	if s == "" || len(s) > maxCostLen || s[0] == '.' || s[len(s)-1] == '.' || strings.Count(s, ".") > 1 {
		return false
	}
	return strings.Trim(s, "0123456789.") == ""
}

// foldTable sums calls whose detail is dropped. The zero value is ready.
type foldTable struct {
	mu   sync.Mutex
	sums map[foldKey]*foldSum
	full []*Record // sums that could take no more
}

// add sums a call, or a gap line that could not be written. The record stays
// the caller's.
func (t *foldTable) add(r *Record) {
	calls := int64(1)
	if r.Kind == KindGap {
		calls = r.Calls
	}
	all := r.Tokens
	for i := range r.SubUsage {
		all.Add(r.SubUsage[i].Tokens)
	}
	all.Seconds = ""
	t.mu.Lock()
	defer t.mu.Unlock()
	key, sum := t.find(keyOf(r))
	if !sum.fits(calls, &all) {
		t.full = append(t.full, sum.record(key))
		*sum = foldSum{}
	}
	sum.add(r, calls, all)
}

// find returns the sum of a call's key, or of a coarser one if the table is
// full, and the key it stands under.
func (t *foldTable) find(k foldKey) (foldKey, *foldSum) {
	sum := t.sums[k]
	if sum == nil && len(t.sums) >= maxFoldKeys {
		k = k.unlabelled()
		sum = t.sums[k]
	}
	if sum == nil && len(t.sums) >= 2*maxFoldKeys {
		k = k.rest()
		sum = t.sums[k]
	}
	if sum == nil {
		if t.sums == nil {
			t.sums = map[foldKey]*foldSum{}
		}
		k, sum = k.clone(), new(foldSum)
		t.sums[k] = sum
	}
	return k, sum
}

// take empties the table and returns its sums as gap lines, without boot, seq.
func (t *foldTable) take() []*Record {
	t.mu.Lock()
	sums, lines := t.sums, t.full
	t.sums, t.full = nil, nil
	t.mu.Unlock()
	for key, sum := range sums {
		lines = append(lines, sum.record(key))
	}
	return lines
}

func (s *foldSum) record(k foldKey) *Record {
	r := NewRecord()
	*r = Record{
		Kind: KindGap, TS: k.hour, Calls: s.calls,
		Provider: k.provider, Operation: k.operation, Endpoint: k.endpoint,
		RequestModel: k.requestModel, ResponseModel: k.responseModel,
		ServiceTier: k.tier, Speed: k.speed, Geo: k.geo,
		Agent: k.agent, User: k.user,
		Tokens: s.tokens, SubUsage: s.subs,
	}
	r.Seconds = ""
	if s.seconds > 0 {
		r.Seconds = trimZeros(strconv.FormatFloat(s.seconds, 'f', 6, 64))
	}
	if s.cost != nil {
		r.CostUSD = trimZeros(s.cost.FloatString(maxCostLen))
	}
	return r
}

// trimZeros shortens a decimal number that has a point.
func trimZeros(s string) string {
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
