//go:build cgo

package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"burn/analyze"
)

// TestUnknownCallersAreHuntedDown: calls without an agent stand beside the agent
// whose prompt, tools, key or habits they share.
func TestUnknownCallersAreHuntedDown(t *testing.T) {
	w := newWorld(t)
	agent := func(name string, set cell) {
		w.each("03 08:00:00", time.Hour, 10, func(int) cell { return cell{"agent": name}.with(set) })
	}
	agent("writer", cell{"fp_system": 7, "key_id": "k1", "user_agent": "python", "request_model": "m1", "client": "10.0.0.1"})
	agent("coder", cell{"fp_system": 8, "fp_tools": 80, "key_id": "k2", "user_agent": "node", "request_model": "m2", "client": "10.0.0.2"})
	agent("retired", cell{"fp_system": 9, "key_id": "k3", "user_agent": "go", "request_model": "m3", "client": "10.0.0.3"})
	// The same prompt from elsewhere; the same tools and program behind a clock; an
	// agent that the file does not have; and one that nobody resembles.
	agent("", cell{"fp_system": 7, "key_id": "k9", "user_agent": "curl", "request_model": "m9", "client": "10.0.9.9", "cost_usd": "0.04"})
	w.each("03 08:00:00", time.Hour, 10, func(i int) cell {
		return cell{"agent": "", "fp_system": 1000 + i, "fp_tools": 80, "key_id": "k8", "user_agent": "node", "request_model": "m2", "client": "10.0.8.8", "cost_usd": "0.03"}
	})
	agent("", cell{"fp_system": 9, "key_id": "k3", "user_agent": "go", "request_model": "m3", "client": "10.0.0.3", "cost_usd": "0.02"})
	w.each("04 20:00:00", time.Minute, 5, func(int) cell {
		return cell{"agent": "unknown", "key_id": "k7", "user_agent": "php", "request_model": "m7", "client": "10.0.7.7", "cost_usd": "0.01"}
	})
	for _, c := range []struct {
		agents map[string]analyze.Agent
		want   string
	}{
		{nil, "curl: writer by system prompt, hours; node: coder by tools, model, program, hours; go: retired by system prompt, key, address, model, program, hours; php: nobody"},
		{map[string]analyze.Agent{"writer": {}, "coder": {}}, "curl: writer by system prompt, hours; node: coder by tools, model, program, hours; go: nobody; php: nobody"},
	} {
		r := w.run(analyze.Options{Period: november, Agents: c.agents})
		var got []string
		for _, s := range r.Strangers {
			line := s.Program + ": nobody"
			if s.Resembles != "" {
				line = fmt.Sprintf("%s: %s by %s", s.Program, s.Resembles, strings.Join(s.Shared, ", "))
			}
			got = append(got, line)
		}
		if list := strings.Join(got, "; "); list != c.want {
			t.Errorf("found %s\nwant  %s", list, c.want)
		}
		if s := r.Strangers[0]; s.System != "0000000000000007" || s.KeyID != "k9" || s.Client != "10.0.9.9" || s.Calls != 10 || s.Cost.String() != "0.4" || !s.First.Equal(at("2026-11-03 08:00:00")) {
			t.Errorf("dearest %+v", s)
		}
	}
}
