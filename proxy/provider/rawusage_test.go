package provider

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"burn/proxy/usage"
)

func TestRawUsage(t *testing.T) {
	many := "{"
	for i := range 400 {
		many += fmt.Sprintf(`"key%d":%d,`, i, i+1)
	}
	many += `"d":{"e":[{"f":1}]}}`
	for _, c := range []struct{ name, obj, want string }{
		{"numbers as written", `{"a":1,"b":2.50,"c":1e-05,"d":-3}`, `{"a":1,"b":2.50,"c":1e-05,"d":-3}`},
		{"zeros and nulls dropped", `{"a":0,"b":0.0,"c":null,"d":-0,"e":0e9,"f":1}`, `{"f":1}`},
		{"booleans kept", `{"a":true,"b":false}`, `{"a":true,"b":false}`},
		{"strings under known keys", `{"service_tier":"flex","note":"text","type":"a b","modality":"AUDIO"}`, `{"service_tier":"flex","type":"other","modality":"AUDIO"}`},
		{"empties dropped", `{"a":{},"b":{"c":0},"d":[],"e":[{"f":0},{"f":2}]}`, `{"e":[{"f":2}]}`},
		{"keys that are none", `{"a b":1,"":2,"é":3,"x\u0020":4,"\"":4,"x\u0041":4,"ok.key-1_":5}`, `{"xA":4,"ok.key-1_":5}`},
		{"too deep", `{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}},"z":1}`, `{"z":1}`},
		{"words", `{"a":NaN,"b":hello,"c":01,"d":1}`, `{"d":1}`},
		{"nothing left", `{"a":0}`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(rawUsage([]byte(c.obj))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		got := rawUsage([]byte(many))
		if len(got) > usage.MaxRawUsage || !json.Valid(got) || !strings.HasPrefix(string(got), `{"key0":1,`) {
			t.Errorf("%d bytes: %s", len(got), got)
		}
	})
}

func TestOverlay(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"later wins", `{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`},
		{"null changes nothing", `{"a":1}`, `{"a":null}`, `{"a":1}`},
		{"null is replaced", `{"a":null}`, `{"a":2}`, `{"a":2}`},
		{"objects within", `{"a":{"x":1,"y":2}}`, `{"a":{"y":3}}`, `{"a":{"x":1,"y":3}}`},
		{"arrays are replaced", `{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
		{"broken", `{"a":1,`, `{"b"`, `{"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(overlay(nil, []byte(c.old), []byte(c.new), 0)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
