package report_test

import (
	"strings"
	"testing"

	"burn/analyze"
	"burn/report"
)

// TestCloudOfOneValue: equal calls stand in the middle of their axes, and a line that
// the axes do not hold is not spoken of.
func TestCloudOfOneValue(t *testing.T) {
	const line = "Right of the dashed line"
	for _, c := range []struct {
		in, out int64
		dot     string
		line    bool
	}{
		{1000, 100, `d="M50 50h0"`, true},
		{1000, 1000, `d="M50 50h0"`, true},
		{150, 150, "", false},
	} {
		r := one()
		r.Scenes.Sample = []analyze.Prompt{{Agent: "agent-000", Input: c.in, Output: c.out}}
		text := page(t, r, report.HTMLOptions{})
		if !strings.Contains(text, c.dot) {
			t.Errorf("%d : %d: the dot is not in the middle", c.in, c.out)
		}
		_, legend, _ := strings.Cut(text, `data-chart="prompts"`)
		legend, _, _ = strings.Cut(legend, "</figure>")
		if drawn := strings.Count(legend, "over l-ink"); strings.Contains(legend, line) != c.line || strings.Contains(legend, "dash l-ink") != c.line || drawn > 0 != c.line {
			t.Errorf("%d : %d: legend %s", c.in, c.out, legend)
		}
	}
}
