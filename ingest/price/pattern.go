package price

import (
	"fmt"
	"slices"
	"strings"
)

// How a pattern matches, best first.
type patternKind uint8

const (
	kindExact patternKind = iota
	kindPrefix
	kindSuffix
	kindPart
)

var kindNames = [...]string{"exact", "prefix", "suffix", "part"}

// pattern is one entry of a row's match column.
type pattern struct {
	kind        patternKind
	text, lower string // without = and *
}

// source returns the pattern as it is written in the table.
func (p pattern) source() string {
	switch p.kind {
	case kindExact:
		return "=" + p.text
	case kindPrefix:
		return p.text + "*"
	case kindSuffix:
		return "*" + p.text
	}
	return "*" + p.text + "*"
}

func (p pattern) matches(c candidate) bool {
	text := p.text
	if c.fold {
		text = p.lower
	}
	switch p.kind {
	case kindExact:
		return c.id == text
	case kindPrefix:
		return strings.HasPrefix(c.id, text)
	case kindSuffix:
		return strings.HasSuffix(c.id, text)
	}
	return strings.Contains(c.id, text)
}

func newPattern(kind patternKind, text string) pattern {
	return pattern{kind, text, strings.ToLower(text)}
}

func parsePatterns(cell string) ([]pattern, error) {
	var patterns []pattern
	for _, s := range strings.Fields(cell) {
		p, err := parsePattern(s)
		if err != nil {
			return nil, err
		}
		if slices.Contains(patterns, p) {
			return nil, fmt.Errorf("%s is there twice", s)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

func parsePattern(s string) (pattern, error) {
	text, exact := strings.CutPrefix(s, "=")
	text, open := strings.CutPrefix(text, "*")
	text, more := strings.CutSuffix(text, "*")
	switch {
	case strings.Contains(text, "*"), exact && (open || more):
		return pattern{}, fmt.Errorf("%q has a * that is neither first nor last", s)
	case text == "" && s != "*":
		return pattern{}, fmt.Errorf("%q names no id", s)
	case exact:
		return newPattern(kindExact, text), nil
	case open && more:
		return newPattern(kindPart, text), nil
	case open && text != "":
		return newPattern(kindSuffix, text), nil
	case more || open: // a lone * is the prefix of every id
		return newPattern(kindPrefix, text), nil
	}
	return pattern{}, fmt.Errorf("%q needs a = in front for an exact id, or a * for a part", s)
}
