package price

import "strings"

// Family is what findings need to know of a model beside its price.
type Family struct {
	// Sibling is a cheaper model of the same maker that may do for short
	// answers; "" if there is none.
	Sibling string
	// CacheMinimum is the shortest prefix, in tokens, that the provider caches.
	CacheMinimum int64
}

// families are looked up by the longest beginning of a model's id, without the
// region or maker in front of it. The minimums are those of the makers' pages on
// prompt caching; 1,024 tokens is the usual one.
var families = []struct {
	prefix  string
	sibling string
	minimum int64
}{
	{"claude-opus-4-5", "claude-haiku-4-5", 4096},
	{"claude-opus-4-6", "claude-haiku-4-5", 4096},
	{"claude-opus", "claude-haiku-4-5", 1024},
	{"claude-sonnet", "claude-haiku-4-5", 1024},
	{"claude-3-opus", "claude-haiku-4-5", 1024},
	{"claude-haiku-4-5", "", 4096},
	{"claude-3-5-haiku", "", 2048},
	{"claude-3-haiku", "", 2048},
	{"gpt-5-nano", "", 1024},
	{"gpt-5-mini", "gpt-5-nano", 1024},
	{"gpt-5", "gpt-5-mini", 1024},
	{"gpt-4.1-nano", "", 1024},
	{"gpt-4.1-mini", "gpt-4.1-nano", 1024},
	{"gpt-4.1", "gpt-4.1-mini", 1024},
	{"gpt-4o-mini", "", 1024},
	{"gpt-4o", "gpt-4o-mini", 1024},
	{"o3-mini", "", 1024},
	{"o3", "o4-mini", 1024},
	{"o1", "o4-mini", 1024},
	{"gemini-2.5-pro", "gemini-2.5-flash", 4096},
	{"gemini-2.5-flash-lite", "", 1024},
	{"gemini-2.5-flash", "gemini-2.5-flash-lite", 1024},
	{"gemini-3-pro", "gemini-2.5-flash", 4096},
}

// FamilyOf finds what is known of a model's id.
func FamilyOf(model string) Family {
	best, found := 0, Family{CacheMinimum: 1024}
	for _, f := range families {
		at := strings.Index(model, f.prefix)
		if at < 0 || at > 0 && !strings.ContainsRune("./@", rune(model[at-1])) || len(f.prefix) <= best {
			continue
		}
		best, found = len(f.prefix), Family{f.sibling, f.minimum}
	}
	return found
}
