package price

import (
	"errors"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// picoDigits is the number of decimals of a cost: 1e-12 USD is the unit.
const picoDigits = 12

// Limits on a number's text, so that a hostile literal cannot cost memory.
const (
	maxNumberLen = 128
	maxExponent  = 400
)

var errNumber = errors.New("not a decimal number")

// Decimal is an exact decimal number; the zero value is 0. It is immutable.
type Decimal struct{ rat *big.Rat }

// ParseDecimal reads a decimal number exactly, never through a float: an
// optional minus sign, digits, optional decimals, and an optional exponent of
// at most 400 in size (JSON's grammar, leading zeros allowed), at most 128
// bytes in all.
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > maxNumberLen || !isNumber(s) {
		return Decimal{}, errNumber
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > maxExponent || e < -maxExponent {
			return Decimal{}, errNumber
		}
	}
	rat, ok := new(big.Rat).SetString(s)
	if !ok {
		return Decimal{}, errNumber
	}
	return Decimal{rat}, nil
}

// isNumber reports whether s is written as ParseDecimal's comment says.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
			exponent = exponent[1:]
		}
		if !digits(exponent) {
			return false
		}
	}
	whole, decimals, hasPoint := strings.Cut(mantissa, ".")
	return digits(whole) && (!hasPoint || digits(decimals))
}

// digits reports whether s is one or more decimal digits.
func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Rat returns the number as a fraction, the caller's to change.
func (d Decimal) Rat() *big.Rat {
	if d.rat == nil {
		return new(big.Rat)
	}
	return new(big.Rat).Set(d.rat)
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	if d.rat == nil {
		return 0
	}
	return d.rat.Sign()
}

// String returns the number as a plain decimal without exponent and without
// trailing zeros.
func (d Decimal) String() string {
	if d.rat == nil {
		return "0"
	}
	return ratString(d.rat)
}

// scaled returns d × 10^places, places at most 18, if that is an integer of at
// most 63 bits and d is not negative.
func (d Decimal) scaled(places int) (uint64, bool) {
	if d.rat == nil {
		return 0, true
	}
	num, den := d.rat.Num(), d.rat.Denom()
	if !num.IsUint64() || !den.IsUint64() {
		return 0, false
	}
	unit := uint64(1)
	for range places {
		unit *= 10
	}
	hi, lo := bits.Mul64(num.Uint64(), unit)
	if hi >= den.Uint64() {
		return 0, false
	}
	quotient, rest := bits.Div64(hi, lo, den.Uint64())
	return quotient, rest == 0 && quotient <= math.MaxInt64
}

// ratDigits is how many decimals are shown of a fraction that has no end, such
// as a third of a second's price.
const ratDigits = 24

// ratString writes r as a plain decimal without trailing zeros: exactly if it
// ends, else rounded to ratDigits decimals.
func ratString(r *big.Rat) string {
	n, exact := r.FloatPrec()
	if !exact {
		n = ratDigits
	}
	return trimZeros(r.FloatString(n))
}

func trimZeros(s string) string {
	if strings.IndexByte(s, '.') < 0 {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// FormatPico writes p, units of 1e-12 USD, as dollars: a plain decimal without
// exponent and without trailing zeros, "0" for zero.
func FormatPico(p int64) string {
	var buf [24]byte
	return string(AppendPico(buf[:0], p))
}

// AppendPico appends FormatPico(p) to dst and returns the extended slice.
func AppendPico(dst []byte, p int64) []byte {
	u := uint64(p)
	if p < 0 {
		dst = append(dst, '-')
		u = -u
	}
	const unit = 1_000_000_000_000
	dst = strconv.AppendUint(dst, u/unit, 10)
	frac := u % unit
	if frac == 0 {
		return dst
	}
	var d [1 + picoDigits]byte
	d[0] = '.'
	for i := picoDigits; i > 0; i-- {
		d[i] = byte('0' + frac%10)
		frac /= 10
	}
	n := len(d)
	for d[n-1] == '0' {
		n--
	}
	return append(dst, d[:n]...)
}

// ParsePico reads a non-negative amount of dollars from its literal and rounds
// it half away from zero to units of 1e-12 USD. overflow says that the literal
// is a number but does not fit; ok is false then, and for anything that is not
// a number or is negative.
func ParsePico(s string) (p int64, ok, overflow bool) {
	if p, ok := plainPico(s); ok {
		return p, true, false
	}
	d, err := ParseDecimal(s)
	if err != nil || d.Sign() < 0 {
		return 0, false, false
	}
	p, ok = roundPico(d.Rat())
	return p, ok, !ok
}

// plainPico is ParsePico for the usual literal, up to six digits and decimals:
// in decimal, the 13th decimal alone decides the rounding.
func plainPico(s string) (int64, bool) {
	i, whole := 0, int64(0)
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		if i == 6 {
			return 0, false
		}
		whole = whole*10 + int64(s[i]-'0')
	}
	if i == 0 {
		return 0, false
	}
	if i == len(s) {
		return whole * 1e12, true
	}
	if s[i] != '.' || i+1 == len(s) || len(s) > maxNumberLen {
		return 0, false
	}
	decimals := s[i+1:]
	frac, up := int64(0), int64(0)
	for j := 0; j < len(decimals); j++ {
		c := decimals[j]
		if c < '0' || c > '9' {
			return 0, false
		}
		if j < picoDigits {
			frac = frac*10 + int64(c-'0')
		} else if j == picoDigits && c >= '5' {
			up = 1
		}
	}
	for j := len(decimals); j < picoDigits; j++ {
		frac *= 10
	}
	return whole*1e12 + frac + up, true
}

// roundPico rounds usd half away from zero to units of 1e-12 USD; false if it
// does not fit an int64 (from 9,223,372 USD on).
func roundPico(usd *big.Rat) (int64, bool) {
	num := new(big.Int).Mul(usd.Num(), pow10(picoDigits))
	den := usd.Denom()
	sign := num.Sign()
	num.Abs(num)
	num.Lsh(num, 1).Add(num, den)
	num.Quo(num, new(big.Int).Lsh(den, 1))
	if !num.IsInt64() {
		return 0, false
	}
	p := num.Int64()
	if sign < 0 {
		p = -p
	}
	return p, p != math.MinInt64
}
