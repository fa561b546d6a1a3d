package provider

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
)

// Bounds on what is believed. A count beyond 2^32 is no token count; a cost
// with more digits than these is no amount of dollars.
const (
	maxCount    = 1<<32 - 1
	maxDigits   = 40
	maxExponent = 40
	maxWhole    = 9 // digits before the point of an amount or a number of seconds
)

// parseCount reads a whole number ≥ 0 in any of JSON's notations: 12, 12.0 and
// 1.2e1 are the same count. Signs, fractions, strings and anything over maxCount
// are none.
func parseCount(b []byte) (int64, bool) {
	if bytes.IndexByte(b, 'e') >= 0 || bytes.IndexByte(b, 'E') >= 0 {
		s, ok := decimal(b, 0)
		if !ok {
			return 0, false
		}
		b = []byte(s)
	}
	var n int64
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if n = n*10 + int64(b[i]-'0'); n > maxCount {
			return 0, false
		}
	}
	if i == 0 {
		return 0, false
	}
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && b[i] == '0'; i++ {
		}
	}
	return n, i == len(b)
}

// decimal reads a JSON number ≥ 0, multiplied by ten to the power of shift, as
// a plain decimal without exponent or superfluous zeros, exactly. It refuses
// what is absurd as an amount.
func decimal(lit []byte, shift int) (string, bool) {
	digits, exp, ok := scanNumber(lit)
	if !ok {
		return "", false
	}
	exp += shift
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return "0", true
	}
	trimmed := strings.TrimRight(digits, "0")
	exp += len(digits) - len(trimmed)
	digits = trimmed
	if len(digits) > maxDigits || exp < -maxExponent || len(digits)+exp > maxWhole {
		return "", false
	}
	switch {
	case exp >= 0:
		return digits + strings.Repeat("0", exp), true
	case len(digits) > -exp:
		return digits[:len(digits)+exp] + "." + digits[len(digits)+exp:], true
	}
	return "0." + strings.Repeat("0", -exp-len(digits)) + digits, true
}

// scanNumber takes a JSON number ≥ 0 apart: its value is digits × 10^exp.
func scanNumber(lit []byte) (digits string, exp int, ok bool) {
	var err error
	if ok, _ := literal(lit); !ok || lit[0] == '-' {
		return "", 0, false
	}
	s := strings.ToLower(string(lit))
	s, power, scientific := strings.Cut(s, "e")
	if scientific {
		if exp, err = strconv.Atoi(power); err != nil || exp > maxWhole*maxExponent || exp < -maxWhole*maxExponent {
			return "", 0, false
		}
	}
	whole, frac, _ := strings.Cut(s, ".")
	return whole + frac, exp - len(frac), true
}

// sum adds two plain decimals exactly.
func sum(a, b string) string {
	aw, af, _ := strings.Cut(a, ".")
	bw, bf, _ := strings.Cut(b, ".")
	places := max(len(af), len(bf))
	x, _ := new(big.Int).SetString(aw+af+strings.Repeat("0", places-len(af)), 10)
	y, _ := new(big.Int).SetString(bw+bf+strings.Repeat("0", places-len(bf)), 10)
	if x == nil || y == nil {
		return a
	}
	s := x.Add(x, y).String()
	if len(s) <= places {
		s = strings.Repeat("0", places-len(s)+1) + s
	}
	s = s[:len(s)-places] + "." + s[len(s)-places:]
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// literal reports whether b is a JSON number that may stand in a record as it
// is, and whether it is zero.
func literal(b []byte) (ok, zero bool) {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	whole := digits(b)
	if whole == 0 || whole > 1 && b[0] == '0' || len(b) > 2*maxDigits {
		return false, false
	}
	zero = zeros(b[:whole])
	if b = b[whole:]; len(b) > 0 && b[0] == '.' {
		n := digits(b[1:])
		if n == 0 {
			return false, false
		}
		zero = zero && zeros(b[1:1+n])
		b = b[1+n:]
	}
	if len(b) > 1 && b[0]|0x20 == 'e' {
		if b = b[1:]; b[0] == '-' || b[0] == '+' {
			b = b[1:]
		}
		n := digits(b)
		return n > 0 && n == len(b), zero
	}
	return len(b) == 0, zero
}

// digits is the length of the run of digits at the start of b.
func digits(b []byte) (n int) {
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return n
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return true
}
