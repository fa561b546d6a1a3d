package provider

import (
	"encoding/json"
	"testing"
)

func TestParseCount(t *testing.T) {
	for _, c := range []struct {
		lit  string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"12", 12, true}, {"12.0", 12, true}, {"4294967295", 1<<32 - 1, true},
		{"4294967296", 0, false}, {"1e30", 0, false}, {"-1", 0, false}, {"-0", 0, false}, {"1.5", 0, false},
		{`"12"`, 0, false}, {"null", 0, false}, {"", 0, false}, {"99999999999999999999999999", 0, false}, {"true", 0, false},
	} {
		t.Run(c.lit, func(t *testing.T) {
			if got, ok := parseCount([]byte(c.lit)); ok != c.ok || ok && got != c.want {
				t.Errorf("%d %v", got, ok)
			}
		})
	}
}

func TestDecimal(t *testing.T) {
	for _, c := range []struct {
		lit   string
		shift int
		want  string // "": refused
	}{
		{"0", 0, "0"}, {"0.0", 0, "0"}, {"0e5", 0, "0"}, {"12", 0, "12"}, {"0.0160614", 0, "0.0160614"}, {"1.50", 0, "1.5"},
		{"9.78e-05", 0, "0.0000978"}, {"1E3", 0, "1000"}, {"1.25e+1", 0, "12.5"}, {"44325000", -10, "0.0044325"},
		{"10000000000", -10, "1"}, {"100000000000", -10, "10"}, {"0.000000000000000001", 0, "0.000000000000000001"},
		{"-1", 0, ""}, {"1e30", 0, ""}, {"1e-300", 0, ""}, {"1e99999", 0, ""}, {"01", 0, ""}, {".5", 0, ""}, {"1.", 0, ""},
		{"1e", 0, ""}, {"NaN", 0, ""}, {"Infinity", 0, ""}, {`"1"`, 0, ""}, {"", 0, ""}, {"1 2", 0, ""}, {"null", 0, ""},
	} {
		t.Run(c.lit, func(t *testing.T) {
			if got, ok := decimal([]byte(c.lit), c.shift); got != c.want || ok != (c.want != "") {
				t.Errorf("%q %v, want %q", got, ok, c.want)
			}
		})
	}
}

func TestSum(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"0", "0", "0"}, {"0", "0.0003253", "0.0003253"}, {"1.5", "2.5", "4"}, {"0.999", "0.0011", "1.0001"}, {"10", "0.1", "10.1"},
	} {
		if got := sum(c.a, c.b); got != c.want {
			t.Errorf("%s + %s = %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

// literal accepts just the numbers that JSON does.
func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.0", "1e5", "01", "1.", ".1", "1e", "-", "+1", "1E+05", "0x1", "1e5 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2*maxDigits {
			return
		}
		var n json.Number
		err := json.Unmarshal([]byte(s), &n)
		want := err == nil && string(n) == s
		if ok, _ := literal([]byte(s)); ok != want {
			t.Errorf("literal(%q) = %v", s, ok)
		}
		if d, ok := decimal([]byte(s), 0); ok {
			if again, ok := decimal([]byte(d), 0); !ok || again != d {
				t.Errorf("decimal(%q) = %q, read again %q", s, d, again)
			}
		}
	})
}
