package analyze_test

import (
	"encoding/json"
	"testing"

	"burn/analyze"
)

func TestMoneyIsExact(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"0", "0"}, {"0.000000000000", "0"}, {"-0", "0"}, {"1.500000000000", "1.5"}, {"0.000000000001", "0.000000000001"},
		{"-0.01", "-0.01"}, {"100", "100"}, {"12345678901234567890.123456789012", "12345678901234567890.123456789012"}, {"007.10", "7.1"},
	} {
		u, err := analyze.ParseUSD(c.in)
		if err != nil || u.String() != c.want {
			t.Errorf("ParseUSD(%q) = %q, %v; want %q", c.in, u, err, c.want)
		}
		b, err := json.Marshal(u)
		if err != nil || string(b) != `"`+c.want+`"` {
			t.Errorf("%q as JSON: %s, %v", c.in, b, err)
		}
		var back analyze.USD
		if err := json.Unmarshal(b, &back); err != nil || back.Cmp(u) != 0 {
			t.Errorf("%s read back: %q, %v", b, back, err)
		}
	}
	for _, bad := range []string{"", "-", ".", ".5", "1.", "1e3", "+1", "1,5", "0.0000000000001", "NaN", " 1", "--1", "1.-5"} {
		if u, err := analyze.ParseUSD(bad); err == nil {
			t.Errorf("ParseUSD(%q) = %s, want an error", bad, u)
		}
	}
}

func TestMoneyAddsWhatIsKnown(t *testing.T) {
	var unknown analyze.USD
	if s := unknown.Add(usd("1")).Add(unknown).Sub(usd("3")).Sub(unknown); s.String() != "-2" {
		t.Errorf("sum %q, want -2", s)
	}
	if unknown.Add(unknown).Known() || unknown.Cmp(usd("-1")) != -1 || unknown.Sub(unknown).Known() {
		t.Error("unknown amounts add up to something")
	}
	if b, err := json.Marshal(unknown); err != nil || string(b) != "null" {
		t.Errorf("unknown as JSON: %s, %v", b, err)
	}
}

func usd(s string) analyze.USD {
	u, err := analyze.ParseUSD(s)
	if err != nil {
		panic(err)
	}
	return u
}
