package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"burn/analyze"
)

// streamFix is the one line that makes such streams say what they used.
func streamFix(s analyze.Stream) string {
	if strings.HasSuffix(s.Endpoint, "/completions") {
		return `set stream_options: {"include_usage": true} in the request`
	}
	return "read each stream to its end, where usage comes last"
}

// streamFixes are the distinct fixes of streams, each with the agents it is for.
func streamFixes(streams []analyze.Stream) []string {
	const most = 5
	var fixes []string
	agents := map[string][]string{}
	for _, s := range streams {
		fix := streamFix(s)
		if agents[fix] == nil {
			fixes = append(fixes, fix)
		}
		if name := named(s.Agent); !slices.Contains(agents[fix], name) {
			agents[fix] = append(agents[fix], name)
		}
	}
	for i, fix := range fixes {
		shown, hidden := first(agents[fix], most)
		who := strings.Join(shown, ", ")
		if hidden > 0 {
			who += " and " + plural(hidden, "other agent")
		}
		fixes[i] = fix + " (" + who + ")"
	}
	return fixes
}

// explainCommand shows why a model has no price.
func explainCommand(u analyze.Unpriced) string {
	return "burn prices explain " + shellWord(u.Model) + " --provider " + shellWord(u.Provider)
}

// Command writes words as a command line that a shell takes apart into the same
// words, as far as they can be shown.
func Command(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		switch flag, value, given := strings.Cut(w, "="); {
		case given && strings.HasPrefix(flag, "--"):
			quoted[i] = Clean(flag) + "=" + shellWord(value)
		case strings.HasPrefix(w, "-") && plainWord(w): // a flag, or - for standard output
			quoted[i] = w
		default:
			quoted[i] = shellWord(w)
		}
	}
	return strings.Join(quoted, " ")
}

// shellWord quotes a foreign name so that a shell takes it for one word.
func shellWord(s string) string {
	s = Clean(s)
	if s != "" && s[0] != '-' && s[0] != '=' && plainWord(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// plainWord reports whether nothing in s means something to a shell.
func plainWord(s string) bool {
	return strings.TrimFunc(s, func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.,:/@+=", r)
	}) == ""
}

// UnpricedLine says what is in no sum, "" if everything has a price.
func UnpricedLine(r *analyze.Result) string {
	if len(r.Unpriced) == 0 {
		return ""
	}
	var calls, tokens int64
	for _, u := range r.Unpriced {
		calls, tokens = calls+u.Requests, tokens+u.Tokens
	}
	first := r.Unpriced[0]
	who := named(first.Model) + " of " + named(first.Provider)
	if n := len(r.Unpriced) - 1; n > 0 {
		who += " and " + plural(int64(n), "other model")
	}
	return fmt.Sprintf("not priced: %s, %s tokens: %s; they are in no sum: %s", plural(calls, "call"), Count(tokens), who, explainCommand(first))
}

// maxPriceAge is from when on a price table is called old.
const maxPriceAge = 60 * 24 * time.Hour

// priceAge is how old a price table is at a moment, false if nobody knows.
func priceAge(date string, now time.Time) (time.Duration, bool) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 0, false
	}
	return now.Sub(day), true
}

// PriceWarning says that prices are old, "" if they are not.
func PriceWarning(date string, now time.Time) string {
	age, ok := priceAge(date, now)
	if !ok || age <= maxPriceAge {
		return ""
	}
	return fmt.Sprintf("prices of %s are %s old: newer ones may differ; update burn, or give yours with --prices FILE", date, plural(int64(age/(24*time.Hour)), "day"))
}
