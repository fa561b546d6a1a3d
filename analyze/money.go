package analyze

import (
	"database/sql/driver"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// places is how many decimal places of a dollar burn keeps: costs are whole
// numbers of 1e-12 USD.
const places = 12

var (
	one      = new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil)
	zeroPico = new(big.Int)
	zeros    = strings.Repeat("0", places)
)

// USD is an exact amount of US dollars, a whole number of 1e-12 USD, or unknown.
// The zero value is unknown: nothing in the sum had a price. Amounts are never
// held in a float. Values are immutable and may be copied.
type USD struct{ pico *big.Int }

// ParseUSD reads a plain decimal such as "-12.5" with at most 12 decimal places.
func ParseUSD(s string) (USD, error) {
	digits := strings.TrimPrefix(s, "-")
	whole, frac, _ := strings.Cut(digits, ".")
	if whole == "" || len(frac) > places || strings.Trim(whole+frac, "0123456789") != "" || strings.HasSuffix(s, ".") {
		return USD{}, fmt.Errorf("parse amount %q: want a plain decimal of at most %d places", s, places)
	}
	text := whole + frac + zeros[len(frac):]
	if len(digits) != len(s) {
		text = "-" + text
	}
	if small, err := strconv.ParseInt(text, 10, 64); err == nil {
		if small == 0 {
			return USD{zeroPico}, nil
		}
		return USD{big.NewInt(small)}, nil
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return USD{}, fmt.Errorf("parse amount %q: not a number", s)
	}
	return USD{n}, nil
}

// Known reports whether u is an amount.
func (u USD) Known() bool { return u.pico != nil }

// Pico returns u in units of 1e-12 USD, 0 if it is unknown.
func (u USD) Pico() *big.Int {
	if u.pico == nil {
		return new(big.Int)
	}
	return new(big.Int).Set(u.pico)
}

// Float returns about u, for drawing and for shares; sums are never made of it.
func (u USD) Float() float64 {
	if u.pico != nil && u.pico.IsInt64() {
		// Both are exact as floats, so their quotient is the nearest one.
		if n := u.pico.Int64(); -1<<53 <= n && n <= 1<<53 {
			return float64(n) / 1e12
		}
	}
	f, _ := new(big.Rat).SetFrac(u.Pico(), one).Float64()
	return f
}

// Add returns the sum of what is known of u and v, unknown if neither is.
func (u USD) Add(v USD) USD {
	switch {
	case u.pico == nil:
		return v
	case v.pico == nil:
		return u
	}
	return USD{new(big.Int).Add(u.pico, v.pico)}
}

// Sub returns u - v, an unknown amount counting as 0; unknown if both are.
func (u USD) Sub(v USD) USD {
	if v.pico == nil {
		return u
	}
	return USD{new(big.Int).Sub(u.Pico(), v.pico)}
}

// Cmp compares u with v: -1, 0 or 1. Unknown is below every amount.
func (u USD) Cmp(v USD) int {
	switch {
	case u.pico == nil && v.pico == nil:
		return 0
	case u.pico == nil:
		return -1
	case v.pico == nil:
		return 1
	}
	return u.pico.Cmp(v.pico)
}

// String returns u as a plain decimal: no exponent, no trailing zeros, "0" for
// zero, "" if it is unknown.
func (u USD) String() string {
	if u.pico == nil {
		return ""
	}
	q, r := new(big.Int).QuoRem(new(big.Int).Abs(u.pico), one, new(big.Int))
	s := strings.TrimRight(fmt.Sprintf("%s.%0*d", q, places, r), "0")
	s = strings.TrimSuffix(s, ".")
	if u.pico.Sign() < 0 {
		return "-" + s
	}
	return s
}

// MarshalJSON writes u as a JSON string, null if it is unknown.
func (u USD) MarshalJSON() ([]byte, error) {
	if u.pico == nil {
		return []byte("null"), nil
	}
	return []byte(`"` + u.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (u *USD) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		*u = USD{}
		return nil
	}
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return fmt.Errorf("parse amount %s: want a string", s)
	}
	v, err := ParseUSD(s[1 : len(s)-1])
	if err != nil {
		return err
	}
	*u = v
	return nil
}

// Scan reads a decimal that the database sent as text (sql.Scanner).
func (u *USD) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*u = USD{}
		return nil
	case string:
		amount, err := ParseUSD(v)
		*u = amount
		return err
	}
	return fmt.Errorf("scan amount: %T instead of text", src)
}

// Value gives u to the database as text (driver.Valuer).
func (u USD) Value() (driver.Value, error) {
	if u.pico == nil {
		return nil, nil
	}
	return u.String(), nil
}
