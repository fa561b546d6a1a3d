package provider

import (
	"slices"
	"strings"
	"testing"
)

// chat wraps messages (and more members) into a chat request.
func chat(messages string) string { return `{"model":"m","messages":[` + messages + `]}` }

func user(text string) string { return `{"role":"user","content":"` + text + `"}` }

// TestSameText: requests that the model reads alike have one fingerprint.
func TestSameText(t *testing.T) {
	tests := []struct {
		name string
		call Call
		a, b string
	}{
		{"string and text part", callChat, chat(user(longUser)), chat(`{"content":[{"text":"` + longUser + `","type":"text"}],"role":"user"}`)},
		{"string and block", callMessages, chat(user(longUser)), chat(`{"role":"user","content":[{"type":"text","text":"` + longUser + `","cache_control":{"type":"ephemeral"}}]}`)},
		{"string and item", callResponses, `{"input":"` + longUser + `"}`, `{"input":[{"type":"message","id":"msg_1","status":"completed","role":"user","content":[{"type":"input_text","text":"` + longUser + `"}]}]}`},
		{"answer echoed", callResponses, `{"input":[{"role":"assistant","content":"hi"}]}`,
			`{"input":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[],"logprobs":[]}]}]}`},
		{"system string and blocks", callMessages, `{"system":"` + longSystem + `","messages":[]}`, `{"messages":[],"system":[{"type":"text","text":"` + longSystem + `"}]}`},
		{"system in both spellings", callGemini, `{"systemInstruction":{"parts":[{"text":"x"}]},"contents":[]}`, `{"contents":[],"system_instruction":{"role":"user","parts":[{"text":"x"}]}}`},
		{"messages before system and tools", callMessages, `{"messages":[` + user("x") + `],"system":"s","tools":[{"name":"f"}]}`, `{"tools":[{"name":"f"}],"system":"s","messages":[` + user("x") + `]}`},
		{"model and parameters", callChat, `{"model":"a","temperature":1,"messages":[` + user("x") + `]}`, `{"model":"b","seed":5,"messages":[` + user("x") + `]}`},
		{"keys of a tool", callChat, `{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{"b":1,"a":{"d":[1,2],"c":null}}}}]}`,
			`{"tools":[{"function":{"parameters":{"a":{"c":null,"d":[1, 2]},"b":1},"name":"f"},"type":"function"}],"messages":[]}`},
		{"keys of an input", callMessages, chat(`{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"a":1,"b":2}}]}`),
			chat(`{"role":"assistant","content":[{"input":{"b":2,"a":1},"name":"f","type":"tool_use","id":"2"}]}`)},
		{"cache_control on a tool", callMessages, `{"messages":[],"tools":[{"name":"f"}]}`, `{"messages":[],"tools":[{"name":"f","cache_control":{"type":"ephemeral"}}]}`},
		{"call ids of chat", callChat, chat(`{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"r"}`),
			chat(`{"role":"assistant","tool_calls":[{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}],"refusal":null,"annotations":[]},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"r"}]}`)},
		{"call ids of responses", callResponses, `{"input":[{"type":"function_call","id":"fc_1","call_id":"a","name":"f","arguments":"{}","status":"completed"},{"type":"function_call_output","call_id":"a","output":"r"}]}`,
			`{"input":[{"type":"function_call","call_id":"b","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"b","output":[{"type":"input_text","text":"r"}]}]}`},
		{"call ids of messages", callMessages, chat(`{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"r"}]}`),
			chat(`{"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"r"}]}]}`)},
		{"call ids of gemini", callGemini, `{"contents":[{"role":"model","parts":[{"functionCall":{"id":"a","name":"f","args":{"x":1}}}]}]}`,
			`{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"x":1},"id":"b"}}],"role":"model"}]}`},
		{"cache point of converse", callConverse, `{"system":[{"text":"s"}],"messages":[{"role":"user","content":[{"text":"x"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]}}`,
			`{"system":[{"text":"s"},{"cachePoint":{"type":"default"}}],"messages":[{"role":"user","content":[{"text":"x"},{"cachePoint":{"type":"default"}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f"}},{"cachePoint":{"type":"default"}}],"toolChoice":{"auto":{}}}}`},
		{"escapes", callChat, chat(user("a/b\u00e9\U0001F600")), chat(`{"\u0072ole":"user","content":"\u0061\/b\u00e9\ud83d\ude00"}`)},
		{"one text and a list of it", callEmbed, `{"input":"x"}`, `{"input":["x"]}`},
		{"same data", callMessages, chat(`{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}`),
			chat(`{"role":"user","content":[{"cache_control":{"type":"ephemeral"},"source":{"data":"AAAA","type":"base64","media_type":"image/png"},"type":"image"}]}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := readBody(tt.call, tt.a), readBody(tt.call, tt.b)
			if !a.OK || !b.OK || a.FPRequest == 0 && a.Input+a.System+a.ToolsB > 0 {
				t.Fatalf("not read: %+v %+v", a, b)
			}
			if a.FPRequest != b.FPRequest || a.FPInput != b.FPInput || a.FPSystem != b.FPSystem || a.FPTools != b.FPTools || !slices.Equal(a.FPTurns, b.FPTurns) {
				t.Errorf("differ:\n%+v\n%+v", a, b)
			}
		})
	}
}

// TestOtherText: what the model reads differently differs.
func TestOtherText(t *testing.T) {
	pic := func(data string) string {
		return chat(`{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + data + `"}}]}`)
	}
	tests := []struct {
		name string
		call Call
		a, b string
	}{
		{"two parts and one text", callChat, chat(user("ab")), chat(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`)},
		{"two messages and one", callChat, chat(user("ab")), chat(user("a") + "," + user("b"))},
		{"roles", callChat, chat(user("a")), chat(`{"role":"assistant","content":"a"}`)},
		{"system and user", callMessages, `{"system":"a","messages":[]}`, chat(user("a"))},
		{"arguments with an id", callMessages, chat(`{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{"id":1}}]}`), chat(`{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{"id":2}}]}`)},
		{"number and text", callChat, `{"messages":[],"tools":[1]}`, `{"messages":[],"tools":["1"]}`},
		{"array order", callChat, `{"messages":[],"tools":[1,2]}`, `{"messages":[],"tools":[2,1]}`},
		{"nesting", callChat, `{"messages":[],"tools":[[1],2]}`, `{"messages":[],"tools":[[1,2]]}`},
		{"images", callChat, pic("AAAA"), pic("AAAB")},
		{"image and text of its hash", callChat, pic("AAAA"), chat(user("x"))},
		{"another history at the provider", callResponses, `{"input":"yes","previous_response_id":"resp_1"}`, `{"input":"yes","previous_response_id":"resp_2"}`},
		{"stored prompts", callResponses, `{"input":"yes","prompt":{"id":"p1"}}`, `{"input":"yes","prompt":{"id":"p2"}}`},
		{"references", callResponses, `{"input":[{"type":"item_reference","id":"a"}]}`, `{"input":[{"type":"item_reference","id":"b"}]}`},
		{"names of speakers", callChat, chat(`{"role":"user","name":"ann","content":"x"}`), chat(`{"role":"user","name":"bob","content":"x"}`)},
		{"embedded texts", callEmbed, `{"input":["a","b"]}`, `{"input":["ab"]}`},
		{"tokens", callEmbed, `{"input":[1,2]}`, `{"input":[12]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := readBody(tt.call, tt.a), readBody(tt.call, tt.b)
			if !a.OK || !b.OK || a.FPRequest == 0 || a.FPRequest == b.FPRequest {
				t.Errorf("equal or absent: %x %x", a.FPRequest, b.FPRequest)
			}
		})
	}
}

// dialectTurns builds a conversation of n user turns with a tool call in each
// answer but the last, as each dialect writes it.
type dialectTurns struct {
	name string
	call Call
	// pieces of one turn: user, call, result, answer
	user, toolCall, result, answer string
	open, close                    string
}

var conversations = []dialectTurns{
	{"chat", callChat, `{"role":"user","content":"U"}`, `{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":N}"}}]}`,
		`{"role":"tool","tool_call_id":"c","content":"R"}`, `{"role":"assistant","content":"A"}`,
		`{"messages":[{"role":"system","content":"S"},`, `],"tools":[{"type":"function","function":{"name":"f"}}]}`},
	{"responses", callResponses, `{"role":"user","content":"U"}`, `{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"xxxx"},{"type":"function_call","call_id":"c","name":"f","arguments":"N"}`,
		`{"type":"function_call_output","call_id":"c","output":"R"}`, `{"type":"message","role":"assistant","content":[{"type":"output_text","text":"A"}]}`,
		`{"instructions":"S","tools":[{"type":"function","name":"f"}],"input":[`, `]}`},
	{"anthropic", callMessages, `{"role":"user","content":"U"}`, `{"role":"assistant","content":[{"type":"text","text":"hm"},{"type":"tool_use","id":"c","name":"f","input":{"a":N}}]}`,
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"R"}]}`, `{"role":"assistant","content":[{"type":"text","text":"A"}]}`,
		`{"messages":[`, `],"system":"S","tools":[{"name":"f","input_schema":{}}]}`},
	{"gemini", callGemini, `{"role":"user","parts":[{"text":"U"}]}`, `{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":N}}}]}`,
		`{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":"R"}}}]}`, `{"role":"model","parts":[{"text":"A"}]}`,
		`{"contents":[`, `],"systemInstruction":{"parts":[{"text":"S"}]},"tools":[{"functionDeclarations":[{"name":"f"}]}]}`},
	{"converse", callConverse, `{"role":"user","content":[{"text":"U"}]}`, `{"role":"assistant","content":[{"toolUse":{"toolUseId":"c","name":"f","input":{"a":N}}}]}`,
		`{"role":"user","content":[{"toolResult":{"toolUseId":"c","content":[{"text":"R"}]}}]}`, `{"role":"assistant","content":[{"text":"A"}]}`,
		`{"messages":[`, `],"system":[{"text":"S"}],"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]}}`},
	{"ollama", callOllama, `{"role":"user","content":"U"}`, `{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":N}}}]}`,
		`{"role":"tool","tool_name":"f","content":"R"}`, `{"role":"assistant","content":"A"}`,
		`{"messages":[{"role":"system","content":"S"},`, `],"tools":[{"type":"function","function":{"name":"f"}}]}`},
	{"cohere", callCohere, `{"role":"user","content":"U"}`, `{"role":"assistant","tool_plan":"p","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"N"}}]}`,
		`{"role":"tool","tool_call_id":"c","content":[{"type":"document","document":{"data":"R"}}]}`, `{"role":"assistant","content":[{"type":"text","text":"A"}]}`,
		`{"messages":[{"role":"system","content":"S"},`, `],"tools":[{"type":"function","function":{"name":"f"}}]}`},
}

// requests returns the bodies of an agent's calls over five user turns: in each
// one after the user's words, and one after the tool's result.
func (d dialectTurns) requests(id string) (bodies []string) {
	var said []string
	for turn := range 5 {
		n := string(rune('1' + turn))
		fill := strings.NewReplacer(`"U"`, `"`+id+" "+n+" "+longUser+`"`, `"R"`, `"result `+n+strings.Repeat(" of the tool", 100)+`"`, `"A"`, `"answer `+n+`"`, "N", n)
		said = append(said, fill.Replace(d.user))
		bodies = append(bodies, d.open+strings.Join(said, ",")+d.close)
		said = append(said, fill.Replace(d.toolCall), fill.Replace(d.result))
		bodies = append(bodies, d.open+strings.Join(said, ",")+d.close)
		said = append(said, fill.Replace(d.answer))
	}
	for i := range bodies {
		bodies[i] = strings.Replace(bodies[i], `"S"`, `"`+longSystem+`"`, 1)
	}
	return bodies
}

func TestContinuation(t *testing.T) {
	for _, d := range conversations {
		t.Run(d.name, func(t *testing.T) {
			bodies := d.requests("here")
			foreign := readBody(d.call, d.requests("elsewhere")[0])
			var before got
			for i, body := range bodies {
				g := readBody(d.call, body)
				if !g.OK || len(g.FPTurns) != min(4, i+1) {
					t.Fatalf("call %d: %d turns, OK %v", i, len(g.FPTurns), g.OK)
				}
				if g.FPRequest != g.FPTurns[0] || g.FPSystem == 0 {
					t.Errorf("call %d: %+v", i, g)
				}
				if i > 0 && g.FPTurns[1] != before.FPTurns[0] {
					t.Errorf("call %d does not continue the one before", i)
				}
				if i > 0 && slices.Contains(g.FPTurns, foreign.FPTurns[0]) {
					t.Errorf("call %d continues another session", i)
				}
				if i > 0 && (g.FPInput == before.FPInput) != (i%2 == 1) {
					t.Errorf("call %d: the last user turn is equal: %v", i, g.FPInput == before.FPInput)
				}
				if n := len(before.FPPrefix); n > 0 && !slices.Equal(g.FPPrefix[:n], before.FPPrefix) {
					t.Errorf("call %d: prefix values changed", i)
				}
				if i == len(bodies)-1 && len(g.FPPrefix) == 0 {
					t.Error("no prefix after 4 KiB")
				}
				before = g
			}
		})
	}
}

func TestPartsDiffer(t *testing.T) {
	body := func(system, tool, user string) string {
		return `{"system":"` + system + `","tools":[{"name":"` + tool + `","description":"` + longSystem + `"}],"messages":[` +
			`{"role":"user","content":"` + user + `"}]}`
	}
	base := readBody(callMessages, body(longSystem, "f", longUser))
	if base.FPSystem == 0 || base.FPTools == 0 || base.FPInput == 0 {
		t.Fatalf("missing: %+v", base)
	}
	type same struct{ system, tools, input, request bool }
	tests := []struct {
		name string
		body string
		want same
	}{
		{"nothing", body(longSystem, "f", longUser), same{true, true, true, true}},
		{"system", body(longSystem+"!", "f", longUser), same{false, true, true, false}},
		{"tools", body(longSystem, "g", longUser), same{true, false, true, false}},
		{"input", body(longSystem, "f", otherUser), same{true, true, false, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := readBody(callMessages, tt.body)
			if s := (same{g.FPSystem == base.FPSystem, g.FPTools == base.FPTools, g.FPInput == base.FPInput, g.FPRequest == base.FPRequest}); s != tt.want {
				t.Errorf("equal: %+v, want %+v", s, tt.want)
			}
		})
	}
	other := readKeyed(callMessages, body(longSystem, "f", longUser), newKeys(make([]byte, keyBytes)))
	if other.FPSystem == base.FPSystem || other.FPRequest == base.FPRequest || other.FPParts[0] == base.FPParts[0] {
		t.Error("another key gives the same fingerprints")
	}
	off := readKeyed(callMessages, body(longSystem, "f", longUser), nil)
	if off.FPSystem|off.FPTools|off.FPInput|off.FPRequest != 0 || len(off.FPTurns)+len(off.FPPrefix)+len(off.FPParts) != 0 {
		t.Errorf("fingerprints without keys: %+v", off)
	}
	if off.System != base.System || off.ToolsB != base.ToolsB || off.Input != base.Input || base.Input == 0 {
		t.Errorf("sizes depend on keys: %+v", off)
	}
}

func TestSharedLines(t *testing.T) {
	var doc []string
	for _, c := range "abcdefghijkl" {
		doc = append(doc, strings.Repeat(string(c), 40))
	}
	text := strings.Join(doc, `\n`)
	one := readBody(callChat, chat(user(`Classify this.\n`+text+`\nThanks.`)))
	two := readBody(callMessages, chat(user(`Which of these labels fits the document below?\r\n`+strings.ReplaceAll(text, `\n`, `\r\n`))))
	if len(one.FPParts) != 4 || !slices.IsSorted(one.FPParts) {
		t.Fatalf("parts %x", one.FPParts)
	}
	shared := 0
	for _, f := range one.FPParts {
		if slices.Contains(two.FPParts, f) {
			shared++
		}
	}
	if shared < 3 {
		t.Errorf("%d shared of %x and %x", shared, one.FPParts, two.FPParts)
	}
	if short := readBody(callChat, chat(user(`one\ntwo\nthree`))); len(short.FPParts) != 0 || short.FPInput != 0 {
		t.Errorf("fingerprints of short text: %+v", short)
	}
	single := readBody(callChat, chat(user(longUser)))
	if len(single.FPParts) != 1 || single.FPParts[0] != single.FPInput {
		t.Errorf("one line: parts %x, input %x", single.FPParts, single.FPInput)
	}
}
