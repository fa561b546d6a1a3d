package report

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"burn/analyze"
)

// rounded writes u with the given decimal places and thousands separated by
// commas, without a sign; half a unit is rounded up.
func rounded(u analyze.USD, decimals int) string {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(12-decimals)), nil)
	n := u.Pico()
	n.Abs(n).Mul(n, big.NewInt(2)).Add(n, unit).Quo(n, unit.Mul(unit, big.NewInt(2)))
	digits := n.String()
	if decimals == 0 {
		return group(digits)
	}
	for len(digits) <= decimals {
		digits = "0" + digits
	}
	cut := len(digits) - decimals
	return group(digits[:cut]) + "." + digits[cut:]
}

func group(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func sign(u analyze.USD) string {
	if u.Pico().Sign() < 0 {
		return "-"
	}
	return ""
}

// Money writes dollars and cents, rounded half up: $2,300.30. What is less than
// half a cent but not nothing is <$0.01; what has no price is "not priced".
func Money(u analyze.USD) string {
	if !u.Known() {
		return "not priced"
	}
	s := rounded(u, 2)
	if s == "0.00" {
		if u.Pico().Sign() == 0 {
			return "$0.00"
		}
		return sign(u) + "<$0.01"
	}
	return sign(u) + "$" + s
}

// Cents writes a small amount with four decimal places: $0.0116.
func Cents(u analyze.USD) string {
	if !u.Known() {
		return "not priced"
	}
	s := rounded(u, 4)
	if s == "0.0000" && u.Pico().Sign() != 0 {
		return sign(u) + "<$0.0001"
	}
	return sign(u) + "$" + s
}

// perThousand is the cost of a thousand requests, of those that have a price.
func perThousand(u analyze.USD, requests int64) string {
	if rate := perThousandOf(u, requests); rate.Known() {
		return Money(rate)
	}
	return "-"
}

// perThousandOf is perThousand as an amount, unknown where nothing has a price.
func perThousandOf(u analyze.USD, requests int64) analyze.USD {
	if !u.Known() || requests <= 0 {
		return analyze.USD{}
	}
	pico := u.Pico()
	return picos(pico.Mul(pico, big.NewInt(1000)).Quo(pico, big.NewInt(requests)))
}

// picos makes an amount of a number of 1e-12 USD.
func picos(n *big.Int) analyze.USD {
	digits := new(big.Int).Abs(n).String()
	for len(digits) <= 12 {
		digits = "0" + digits
	}
	s := digits[:len(digits)-12] + "." + digits[len(digits)-12:]
	if n.Sign() < 0 {
		s = "-" + s
	}
	u, err := analyze.ParseUSD(s)
	if err != nil {
		panic("report: " + err.Error()) // digits of an integer are a decimal
	}
	return u
}

// Count writes a whole number with its thousands separated: 143,000.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	if n < 0 {
		return "-" + group(s[1:])
	}
	return group(s)
}

// plural writes a count and its noun: 1 call, 2 calls.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Tokens shortens a number of tokens: 910 M.
func Tokens(n int64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v := float64(n) / unit.size; v >= 0.9995 {
			return short(v) + " " + unit.name
		}
	}
	return Count(n)
}

// short writes three significant digits at most, whole numbers from 100 on.
func short(v float64) string {
	switch {
	case v >= 99.95:
		return group(strconv.FormatFloat(math.Floor(v+0.5), 'f', 0, 64))
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Share writes part of whole as a percentage: 27 %, <1 %, "-" of nothing, or of
// what has no price.
func Share(part, whole analyze.USD) string {
	f, ok := fraction(part, whole)
	switch {
	case !ok || !part.Known():
		return "-"
	case f > 0 && f < 0.005:
		return "<1 %"
	}
	return strconv.FormatFloat(math.Floor(100*f+0.5), 'f', 0, 64) + " %"
}

// fraction is part / whole, false if whole is nothing.
func fraction(part, whole analyze.USD) (float64, bool) {
	if whole.Pico().Sign() == 0 {
		return 0, false
	}
	f, _ := new(big.Rat).SetFrac(part.Pico(), whole.Pico()).Float64()
	return f, true
}

// percent writes a fraction with one decimal place, never rounded up to all or
// down to nothing: 98.7 %.
func percent(f float64) string {
	switch {
	case f > 0 && f < 0.001:
		return "<0.1 %"
	case f < 1 && f > 0.999:
		return ">99.9 %"
	case f == 0 || f == 1:
		return strconv.FormatFloat(100*f, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(math.Floor(1000*f+0.5)/10, 'f', 1, 64) + " %"
}

// est marks an amount of which a part is estimated: "est." if all of it is,
// "3 % est.", "" if nothing is.
func est(cost, estimated analyze.USD) string {
	f, ok := fraction(estimated, cost)
	switch {
	case !ok || f <= 0:
		return ""
	case estimated.Cmp(cost) >= 0:
		return "est."
	}
	return percent(f) + " est."
}

// marked is Money with its mark: $12.30 (3 % est.).
func marked(cost, estimated analyze.USD) string {
	if mark := est(cost, estimated); mark != "" {
		return Money(cost) + " (" + mark + ")"
	}
	return Money(cost)
}

// Change writes how now differs from before: +24 %, -5 %, new, gone, "-".
func Change(now, before analyze.USD) string {
	switch {
	case before.Pico().Sign() == 0 && now.Pico().Sign() == 0:
		return "-"
	case before.Pico().Sign() == 0:
		return "new"
	case now.Pico().Sign() == 0:
		return "gone"
	}
	f, _ := fraction(now.Sub(before), before)
	n := math.Floor(math.Abs(100*f) + 0.5)
	switch {
	case n == 0:
		return "±0 %"
	case n > 9999:
		return "×" + group(strconv.FormatFloat(math.Floor(f+1.5), 'f', 0, 64))
	case f < 0:
		return "-" + group(strconv.FormatFloat(n, 'f', 0, 64)) + " %"
	}
	return "+" + group(strconv.FormatFloat(n, 'f', 0, 64)) + " %"
}

// changeSince is Change of what cost so much before, by name: what is not in before
// is new, and of what had no price nothing can be said.
func changeSince(now analyze.USD, name string, before map[string]analyze.USD) string {
	if was, ok := before[name]; !now.Known() || ok && !was.Known() {
		return "-"
	}
	return Change(now, before[name])
}

// Ratio writes input per output: 37 : 1, 4.2 : 1; "-" without output.
func Ratio(input, output int64) string {
	if output == 0 {
		return "-"
	}
	return ratio(float64(input) / float64(output))
}

func ratio(v float64) string {
	if v >= 9.95 {
		return group(strconv.FormatFloat(math.Floor(v+0.5), 'f', 0, 64)) + " : 1"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " : 1"
}

// Millis writes how long something took: 840 ms, 7.9 s, 12 min 5 s, 10 h 54 min, 3 d 4 h;
// "-" if nobody knows.
func Millis(ms *float64) string {
	switch {
	case ms == nil:
		return "-"
	case *ms < 999.5:
		return strconv.FormatFloat(*ms, 'f', 0, 64) + " ms"
	}
	s := int64(math.Round(*ms / 1000))
	switch {
	case s < 120:
		return strconv.FormatFloat(*ms/1000, 'f', 1, 64) + " s"
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

// Clean makes foreign text safe for a terminal and for one line: control,
// formatting (bidirectional, zero-width), separator and invalid characters are
// written as \x1b or \u202e.
func Clean(s string) string {
	if strings.IndexFunc(s, unsafe) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unsafe(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// named is Clean, with a word for what has no name.
func named(s string) string {
	if s == "" {
		return "(none)"
	}
	return Clean(s)
}

// unsafe tells characters that move the cursor, reorder or hide text.
func unsafe(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// PeriodText writes a range for people, with the time of day unless both ends are
// midnights, when the last day is named: 24 Oct – 22 Nov 2026.
func PeriodText(b analyze.Between) string {
	first, last := b.Since, b.Until
	if midnight(first) && midnight(last) {
		last = last.AddDate(0, 0, -1)
		switch {
		case sameDay(first, last):
			return first.Format("2 Jan 2006")
		case first.Year() == last.Year():
			return first.Format("2 Jan") + " – " + last.Format("2 Jan 2006")
		}
		return first.Format("2 Jan 2006") + " – " + last.Format("2 Jan 2006")
	}
	clock := "15:04"
	if first.Second()+last.Second() > 0 && last.Sub(first) < 24*time.Hour {
		clock = "15:04:05"
	}
	switch {
	case sameDay(first, last):
		return first.Format("2 Jan 2006 "+clock) + " – " + last.Format(clock)
	case first.Year() == last.Year():
		return first.Format("2 Jan "+clock) + " – " + last.Format("2 Jan "+clock+" 2006")
	}
	return first.Format("2 Jan 2006 "+clock) + " – " + last.Format("2 Jan 2006 "+clock)
}

func midnight(t time.Time) bool { return t.Hour()+t.Minute()+t.Second()+t.Nanosecond() == 0 }

func sameDay(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

// lengthText writes how long a range is by the calendar: 30 days, 36 hours.
func lengthText(b analyze.Between) string {
	if b.Since.Format("15:04:05.999999999") == b.Until.Format("15:04:05.999999999") {
		day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
		if n := int64(day(b.Until).Sub(day(b.Since)) / (24 * time.Hour)); n > 0 {
			return plural(n, "day")
		}
	}
	d := b.Until.Sub(b.Since)
	switch {
	case d%time.Hour == 0:
		return plural(int64(d/time.Hour), "hour")
	case d >= 48*time.Hour:
		return strconv.FormatFloat(d.Hours()/24, 'f', 1, 64) + " days"
	case d >= 3*time.Hour:
		return strconv.FormatFloat(d.Hours(), 'f', 1, 64) + " hours"
	case d >= time.Minute:
		return plural(int64(d.Round(time.Minute)/time.Minute), "minute")
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " seconds"
}

// sentenceCase begins a sentence with a capital.
func sentenceCase(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return strings.ToUpper(string(first)) + s[n:]
}
