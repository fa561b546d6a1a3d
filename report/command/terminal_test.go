package command

import (
	"strings"
	"testing"
	"time"
)

// TestProgressLeavesNothing holds that what was written on a terminal's line while
// files were read is gone when the reading is over, whenever the last step came.
func TestProgressLeavesNothing(t *testing.T) {
	begin := time.Unix(0, 0)
	for _, tt := range []struct {
		name  string
		steps []time.Duration
		lines int
	}{
		{"quick", []time.Duration{time.Millisecond, 499 * time.Millisecond}, 0},
		{"the last step long after the one before", []time.Duration{500 * time.Millisecond, time.Second}, 2},
		{"the last step soon after the one before", []time.Duration{500 * time.Millisecond, 501 * time.Millisecond}, 1},
	} {
		var out strings.Builder
		g := newProgress(&out, begin)
		for i, after := range tt.steps {
			g.show(begin.Add(after), int64(i+1)<<20, int64(len(tt.steps))<<20)
		}
		g.clear()
		if n := strings.Count(out.String(), "reading log files"); n != tt.lines {
			t.Errorf("%s: written %d times, want %d", tt.name, n, tt.lines)
		}
		if tt.lines > 0 && !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Errorf("%s: the line is left: %q", tt.name, out.String())
		}
	}
	(*progress)(nil).clear()
}
