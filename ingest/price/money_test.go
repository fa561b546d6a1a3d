package price

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestFormatPico(t *testing.T) {
	for _, c := range []struct {
		pico int64
		want string
	}{
		{0, "0"},
		{1, "0.000000000001"},
		{10, "0.00000000001"},
		{942_500_000, "0.0009425"},
		{1e12, "1"},
		{-1_500_000_000_000, "-1.5"},
		{math.MaxInt64, "9223372.036854775807"},
		{math.MinInt64, "-9223372.036854775808"},
	} {
		if got := FormatPico(c.pico); got != c.want {
			t.Errorf("%d: got %s, want %s", c.pico, got, c.want)
		}
	}
}

func TestParsePico(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     int64
		ok, over bool
	}{
		{"zero", "0", 0, true, false},
		{"zero with decimals", "0.000", 0, true, false},
		{"float noise below", "0.00014579999999999999", 145_800_000, true, false},
		{"exponent", "9.78e-05", 97_800_000, true, false},
		{"exponent, upper case and plus", "1E+2", 100e12, true, false},
		{"half a unit rounds up", "0.0000000000005", 1, true, false},
		{"just under half", "0.00000000000049999999999999999", 0, true, false},
		{"half a unit with exponent", "5e-13", 1, true, false},
		{"many whole digits", "9223372.036854775807", math.MaxInt64, true, false},
		{"one more", "9223372.036854775808", 0, false, true},
		{"rounded beyond", "9223372.0368547758075", 0, false, true},
		{"great", "1e300", 0, false, true},
		{"leading zeros", "0000000001.5", 1.5e12, true, false},
		{"negative", "-0.1", 0, false, false},
		{"empty", "", 0, false, false},
		{"no digits after the point", "1.", 0, false, false},
		{"no digits before the point", ".5", 0, false, false},
		{"not a number", "NaN", 0, false, false},
		{"infinite", "Inf", 0, false, false},
		{"hex", "0x10", 0, false, false},
		{"fraction", "1/3", 0, false, false},
		{"underscore", "1_000", 0, false, false},
		{"space", " 1", 0, false, false},
		{"exponent without digits", "1e", 0, false, false},
		{"exponent too great", "1e999999999", 0, false, false},
		{"too long", "0." + strings.Repeat("1", maxNumberLen), 0, false, false},
	} {
		got, ok, over := ParsePico(c.in)
		if got != c.want || ok != c.ok || over != c.over {
			t.Errorf("%s: got %d %v %v, want %d %v %v", c.name, got, ok, over, c.want, c.ok, c.over)
		}
	}
}

func TestDecimalString(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "1.500": "1.5", "100": "100", "0.0000015": "0.0000015", "1e-3": "0.001", "2.50E2": "250", "-1.10": "-1.1",
	} {
		if got := parseDecimal(t, in).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := (Decimal{}).String(); got != "0" {
		t.Errorf("zero value: got %s", got)
	}
	if got, want := ratString(big.NewRat(1, 3)), "0."+strings.Repeat("3", ratDigits); got != want {
		t.Errorf("a third: got %s, want %s", got, want)
	}
}

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		in     string
		places int
		want   uint64
		ok     bool
	}{
		{"0", 6, 0, true},
		{"2.5", 6, 2_500_000, true},
		{"0.003625", 6, 3625, true},
		{"0.0000001", 6, 0, false},
		{"1e-30", 6, 0, false},
		{"9223372036854.775807", 6, 1<<63 - 1, true},
		{"9223372036854.775808", 6, 0, false},
		{"1e15", 9, 0, false},
		{"1e40", 0, 0, false},
		{"-1", 0, 0, false},
	} {
		got, ok := parseDecimal(t, c.in).scaled(c.places)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s by %d places: got %d %v, want %d %v", c.in, c.places, got, ok, c.want, c.ok)
		}
	}
	if got, ok := (Decimal{}).scaled(6); got != 0 || !ok {
		t.Errorf("zero value: got %d %v", got, ok)
	}
}

func TestRoundPicoHalfAwayFromZero(t *testing.T) {
	for num, want := range map[int64]int64{-15: -2, -14: -1, -5: -1, -4: 0, 0: 0, 4: 0, 5: 1, 14: 1, 15: 2} {
		got, ok := roundPico(new(big.Rat).SetFrac(big.NewInt(num), pow10(picoDigits+1)))
		if !ok || got != want {
			t.Errorf("%d tenths of a unit: got %d, want %d", num, got, want)
		}
	}
}

// FuzzParsePico compares the digit-wise reading with the one by fractions, and
// reads back what was written.
func FuzzParsePico(f *testing.F) {
	for _, s := range []string{"0", "0.00014579999999999999", "9.78e-05", "1.", "9223372.0368547758075", "999999.9999999999995"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok, over := ParsePico(s)
		d, err := ParseDecimal(s)
		if err != nil || d.Sign() < 0 {
			if ok || over {
				t.Fatalf("%q: read as %d %v %v", s, p, ok, over)
			}
			return
		}
		want, fits := roundPico(d.Rat())
		if ok != fits || over != !fits || ok && p != want {
			t.Fatalf("%q: got %d %v %v, want %d %v", s, p, ok, over, want, fits)
		}
		if again, _, _ := ParsePico(FormatPico(p)); ok && again != p {
			t.Fatalf("%q: %d is written %s and read back as %d", s, p, FormatPico(p), again)
		}
	})
}
