package provider

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var fuzzCalls = []Call{
	callChat, callEmbed, callPrompt, callResponses, callMessages, callGemini, callGemEmbed, callConverse, callInvoke, callCohere, callOllama, callGenerate,
	{Dialect: OpenAI, Operation: OpImages},
}

// compareRequest reads a body both ways.
func compareRequest(t *testing.T, c Call, body []byte) {
	t.Helper()
	r := readBody(c, string(body))
	want, ok := refRead(c, body)
	if r.OK != ok {
		t.Fatalf("%s %s: OK %v, want %v: %.300q", c.Dialect, c.Operation, r.OK, ok, body)
	}
	if len(want.Model) > 64 || len(want.Prev) > 64 { // may be cut
		want.Model, want.Prev, r.Model, r.Prev = "", "", "", ""
	}
	r.Agent, r.User, r.Session, r.Metadata, r.IncludeUsage, r.MaxTokens = "", "", "", nil, false, 0
	if got, want := fmt.Sprintf("%+v", r), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("%s %s: %.500q\ngot  %s\nwant %s", c.Dialect, c.Operation, body, got, want)
	}
}

func FuzzReadRequest(f *testing.F) {
	add := func(c Call, body string) {
		i := slices.IndexFunc(fuzzCalls, func(f Call) bool { return f == c })
		f.Add(uint8(i), []byte(body))
	}
	for _, d := range conversations {
		all := d.requests("here")
		add(d.call, all[1])
		add(d.call, all[len(all)-1])
	}
	for _, body := range []string{
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}},{"type":"text","text":"a\ud800b\u00e9\/"}]}]}`,
		"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe bytes that are no text\\r\\r\\nand one more line, long enough\\r\"}]}",
		`{"messages":[{"role":"user","\u0063ontent":"x","content":null}],"tools":[{"b":1e5,"a":-0.5,"b":[{}, [] ]}]}`,
		`{"functions":[{"name":"g"}],"tools":[{},{"name":"f","description":"` + longSystem + `"}],"toolConfig":{"tools":[{"cachePoint":{}},{"toolSpec":{"description":"` + longSystem + `"}}]}}`,
		`{"stream":true,"model":"m","prompt":["a","b"],"input":[[1,2],[3]]}`,
		`{"messages":[{"role":"user","content":"` + strings.Repeat(`long line \"quoted\" `, 400) + `"}]}`,
		`{"a":[[[[]]]],"b":{}}`, `[]`, `{"a":01}`, `{"a":"` + "\x01" + `"}`, `{"a":tru}`, `{"a" 1}`, `{"a":1,}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{} x`,
	} {
		for _, c := range fuzzCalls {
			add(c, body)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		compareRequest(t, fuzzCalls[int(which)%len(fuzzCalls)], body)
	})
}

// TestReferenceOnLongText compares where prefixes end and messages are folded:
// around every power of two and in the middle of runes and escapes.
func TestReferenceOnLongText(t *testing.T) {
	fill := []string{"plain text without anything special in it. ", `code\n\t\"x\" := 1\\n; `, "g\u00fcnstige \u4e16\u754c \U0001F600 ", `\u00e9\ud83d\ude00\r\n`, "bad \xff\xfe "}
	for _, size := range []int{0, 4095, 4096, 4097, 9000, 131071, 131072, 131073, 200000} {
		for i, f := range fill {
			text := strings.Repeat("x", size%7) + strings.Repeat(f, size/len(f)+1)
			if f == fill[0] {
				text = strings.Repeat("y", size)
			}
			for _, body := range []string{
				`{"system":"` + text + `","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`,
				`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"` + text + `"}]}`,
				`{"messages":[{"role":"user","content":"` + text + `"},{"role":"assistant","content":[{"type":"image","source":{"data":"` + text[:size/2] + `"}},{"type":"tool_use","name":"` + strconv.Itoa(i) + `"}]},{"role":"user","content":"c"}]}`,
			} {
				if json.Valid([]byte(body)) {
					compareRequest(t, callMessages, []byte(body))
				}
			}
			compareRequest(t, callEmbed, []byte(`{"input":["`+text+`","tail"]}`))
		}
	}
}
