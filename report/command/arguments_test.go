package command

import (
	"strings"
	"testing"
)

// TestOperandLast moves operands behind flags and nothing else.
func TestOperandLast(t *testing.T) {
	app := new(program).app()
	for _, c := range []struct{ in, want string }{
		{"burn prices explain M --provider P", "burn prices explain --provider P -- M"},
		{"burn prices explain --provider=P M --format json", "burn prices explain --provider=P --format json -- M"},
		{"burn prices explain --usage - M", "burn prices explain --usage - -- M"},
		{"burn prices check -", "burn prices check -- -"},
		{"burn prices check -- --odd", "burn prices check -- --odd"},
		{"burn prices check a b", "burn prices check -- a b"},
		{"burn prices list x --format json", "burn prices list x --format json"},
		{"burn analyze x --since 7d", "burn analyze x --since 7d"},
		{"burn prices", "burn prices"},
		{"burn", "burn"},
	} {
		if got := strings.Join(operandLast(app, strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}
