package usage

import (
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Ident returns s if it is a plain identifier of a provider, that is, matches
// [A-Za-z0-9_.:/-]{1,64}; "" stays "", everything else is Other. Error codes,
// tiers, ids and the like pass through here so that free text, which can quote
// a prompt or a key, never reaches a file.
func Ident(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > 64 {
		return Other
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '_', c == '.', c == ':', c == '/', c == '-':
		default:
			return Other
		}
	}
	return s
}

// Label cleans a caller's label: control, format (bidirectional, zero-width)
// and line separator characters are removed, invalid UTF-8 becomes U+FFFD,
// surrounding space is trimmed, and a result longer than max bytes (at least
// 16) is cut at a rune and given a suffix of "~" and 8 hex digits of a hash of
// the whole, so that two long labels stay apart. changed tells whether the
// result differs from s. Label is idempotent.
func Label(s string, max int) (clean string, changed bool) {
	clean = s
	if !plain(s) {
		clean = strings.Map(func(r rune) rune {
			if hidden(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "\uFFFD"))
		clean = strings.TrimSpace(clean)
	}
	if len(clean) > max {
		h := fnv.New32a()
		h.Write([]byte(clean))
		cut := max - 9
		for cut > 0 && !utf8.RuneStart(clean[cut]) {
			cut--
		}
		const digits = "0123456789abcdef"
		b := append([]byte(clean[:cut]), '~')
		for sum, i := h.Sum32(), 28; i >= 0; i -= 4 {
			b = append(b, digits[sum>>i&15])
		}
		clean = string(b)
	}
	return clean, clean != s
}

// plain reports whether s needs no cleaning: printable ASCII without
// surrounding space, which is what nearly every label is.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

func hidden(r rune) bool {
	return unicode.Is(unicode.C, r) || r == '\u2028' || r == '\u2029' ||
		r == '\u034f' || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0'
}
