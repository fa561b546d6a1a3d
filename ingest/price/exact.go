package price

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// The scales of the fast arithmetic: a price of at most 6 decimals per million
// tokens is a whole number of 1e-12 USD per token, a fee of at most 9 decimals
// per thousand is one per unit. Multipliers become fractions in lowest terms.
const (
	priceDecimals      = 6
	feeDecimals        = 9
	multiplierDecimals = 4
)

// units are a row's numbers as integers of 1e-12 USD per token or unit.
// Numbers with more decimals have no such form; slow has their bits.
type units struct {
	slow  uint32
	price [numCols]uint64
	ratio [firstFee - firstMultiplier]fraction
}

// fraction is a non-negative number num/den, den > 0.
type fraction struct{ num, den uint64 }

func (r *Row) compile() (u units) {
	for c := range numCols {
		if !r.set(c) {
			continue
		}
		ok := false
		switch {
		case c < firstMultiplier:
			u.price[c], ok = r.numbers[c].scaled(priceDecimals)
		case c < firstFee:
			u.ratio[c-firstMultiplier], ok = r.numbers[c].fraction()
		case c != minuteCol: // minutes need a division by 60: always exactly
			u.price[c], ok = r.numbers[c].scaled(feeDecimals)
		}
		if !ok {
			u.slow |= 1 << c
		}
	}
	return u
}

// fraction returns d in lowest terms if it has few decimals.
func (d Decimal) fraction() (fraction, bool) {
	if _, ok := d.scaled(multiplierDecimals); !ok {
		return fraction{}, false
	}
	return fraction{d.rat.Num().Uint64(), d.rat.Denom().Uint64()}, true
}

func (d Decimal) above(n int64) bool {
	return d.rat != nil && d.rat.Cmp(new(big.Rat).SetInt64(n)) > 0
}

// fast returns the bill's amount in units of 1e-12 USD; false if it does not
// fit 64 bits on the way or needs more decimals, then exact must do it.
func (b *bill) fast() (fraction, bool) {
	u := &b.row.units
	if b.seconds != "" || b.used&u.slow != 0 {
		return fraction{}, false
	}
	var sum uint64
	for i := range b.n {
		c := &b.charges[i]
		hi, lo := bits.Mul64(uint64(c.quantity), u.price[c.column])
		total, carry := bits.Add64(sum, lo, 0)
		if hi|carry != 0 {
			return fraction{}, false
		}
		sum = total
	}
	total := fraction{sum, 1}
	for _, c := range b.multipliers[:b.m] {
		m := u.ratio[c-firstMultiplier]
		hi, lo := bits.Mul64(total.num, m.num)
		if hi != 0 {
			return fraction{}, false
		}
		total.num = lo
		total.den *= m.den // at most (10^4)^3
	}
	ok := true
	if b.requests > 0 {
		total, ok = total.addUnits(b.requests, u.price[requestsCol])
	}
	if ok && b.searches > 0 {
		total, ok = total.addUnits(b.searches, u.price[searchesCol])
	}
	return total, ok
}

// addUnits adds n units at a whole price each.
func (f fraction) addUnits(n int64, price uint64) (fraction, bool) {
	hi, lo := bits.Mul64(uint64(n), price)
	if hi != 0 {
		return f, false
	}
	return f.add(fraction{lo, 1})
}

func (f fraction) add(g fraction) (fraction, bool) {
	if f.den != g.den {
		hi1, n1 := bits.Mul64(f.num, g.den)
		hi2, n2 := bits.Mul64(g.num, f.den)
		hi3, den := bits.Mul64(f.den, g.den)
		if hi1|hi2|hi3 != 0 {
			return f, false
		}
		f, g = fraction{n1, den}, fraction{n2, den}
	}
	sum, carry := bits.Add64(f.num, g.num, 0)
	return fraction{sum, f.den}, carry == 0
}

// round returns the nearest integer, halves away from zero; false if it does
// not fit.
func (f fraction) round() (int64, bool) {
	q, r := f.num, uint64(0)
	if f.den != 1 {
		q, r = f.num/f.den, f.num%f.den
	}
	if r >= f.den-r {
		q++
	}
	return int64(q), q <= math.MaxInt64
}

// exact returns the bill's amount in USD, whatever its numbers.
func (b *bill) exact() *big.Rat {
	sum := new(big.Rat)
	for i := range b.n {
		sum.Add(sum, b.amount(&b.charges[i]))
	}
	sum.Mul(sum, b.multiplier())
	for _, f := range b.fees() {
		sum.Add(sum, f.amount)
	}
	return sum
}

// amount returns what a charge costs in USD before multipliers.
func (b *bill) amount(c *charge) *big.Rat {
	amount := b.row.numbers[c.column].Rat()
	return amount.Mul(amount, big.NewRat(c.quantity, 1_000_000))
}

// multiplier returns the product of the bill's multipliers.
func (b *bill) multiplier() *big.Rat {
	product := big.NewRat(1, 1)
	for _, c := range b.multipliers[:b.m] {
		product.Mul(product, b.row.numbers[c].rat)
	}
	return product
}

// fee is a charge that is not for tokens.
type fee struct {
	name     string
	column   column
	quantity string
	per      string
	amount   *big.Rat
}

func (b *bill) fees() (fees []fee) {
	add := func(name string, c column, quantity *big.Rat, per int64) {
		amount := b.row.numbers[c].Rat()
		amount.Mul(amount, quantity).Mul(amount, big.NewRat(1, per))
		fees = append(fees, fee{name, c, ratString(quantity), strconv.FormatInt(per, 10), amount})
	}
	if b.requests > 0 {
		add("requests", requestsCol, new(big.Rat).SetInt64(b.requests), 1000)
	}
	if b.searches > 0 {
		add("web_searches", searchesCol, new(big.Rat).SetInt64(b.searches), 1000)
	}
	if b.seconds != "" {
		seconds, _ := ParseDecimal(b.seconds) // checked when the bill was made
		add("seconds", minuteCol, seconds.Rat(), 60)
	}
	return fees
}
