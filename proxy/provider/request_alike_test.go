package provider

import (
	"fmt"
	"strings"
	"testing"
)

// TestObjectsThatBeginAlike compares with the reference what is read of objects
// that begin as one before them, and then go on alike or not.
func TestObjectsThatBeginAlike(t *testing.T) {
	const one = `{"role":"user","content":"one"}`
	long := strings.Repeat("long text of a message. ", 20)
	var many []string
	for i := range 300 {
		m := fmt.Sprintf(`{"role":"user","name":"n%d","content":"x"}`, i)
		many = append(many, m, m)
	}
	deep := func(depth int) string {
		return `{"messages":[` + one + `,` + one + `],"x":` + strings.Repeat("[", depth) + one + strings.Repeat("]", depth) + `}`
	}
	tests := []struct {
		name string
		body string
	}{
		{"alike", chat(one + "," + user("two") + "," + user(long) + "," + user("") + "," + user(long+`\n`))},
		{"two speakers", chat(strings.Repeat(one+`,{"role":"assistant","content":"`+long+`"},`, 9) + one)},
		{"spaces", chat(strings.Repeat(`{ "role": "user", "content": "x" },{"role": "user", "content": "y"},`, 3) + one)},
		{"space before the end", chat(one + `,{"role":"user","content":"two" },` + one)},
		{"a member more", chat(one + `,{"role":"user","content":"two","name":"n"},` + one)},
		{"content again", chat(one + `,{"role":"user","content":"two","content":"three"},{"role":"user","content":"two","content":"four"}`)},
		{"another role behind", chat(one + `,{"role":"user","content":"two","role":"assistant"},` + one)},
		{"another kind of content", chat(one + `,{"role":"user","content":["two"]},{"role":"user","content":null},` + one)},
		{"content first", chat(`{"content":"a","role":"user"},{"content":"a","role":"assistant"},{"content":"a","role":"user"}`)},
		{"escapes", chat(one + `,{"role":"user","content":"\"}"},{"role":"user","content":"\u00e9\\"},` + one)},
		{"no UTF-8", chat(one + ",{\"role\":\"user\",\"content\":\"\xff\xfe\"},{\"role\":\"user\",\"content\":\"\xff\"}")},
		{"escaped key", chat(strings.Repeat(`{"role":"user","cont\u0065nt":"x"},`, 3) + one)},
		{"a name", chat(strings.Repeat(`{"role":"user","name":"n","content":"x"},`, 3) + one)},
		{"other values between", chat(strings.Repeat(one+`,1,`+one+`,"",`+one+`,[],`+one+` ,`+user(long)+`, `+one+`,null,"`+long+`",`, 3) + one)},
		{"lists in a row", `{"messages":[` + one + `,` + one + `],"chat_history":[` + one + `],"contents":[[` + one + `],[` + one + `],` + one + `]}`},
		{"items", `{"input":[` + strings.Repeat(`{"type":"input_text","text":"x"},{"type":"item_reference","id":"i"},`, 4) + one + `]}`},
		{"parts", chat(strings.Repeat(`{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"`+long+`"}]},`, 4) + one)},
		{"tools between", `{"tools":[` + strings.Repeat(`{"type":"string","description":"`+long+`"},{"name":"f","d":{"type":"string","description":"d"}},`, 5) + `{}],"messages":[` + one + `,` + one + `]}`},
		{"more forms than are remembered", chat(strings.Join(many, ",") + "," + one + "," + one)},
		{"control character", chat(one + ",{\"role\":\"user\",\"content\":\"two\x01\"}")},
		{"cut in the text", `{"messages":[` + one + `,` + one[:27]},
		{"cut behind the text", `{"messages":[` + one + `,` + one[:len(one)-1]},
		{"cut at the text", `{"messages":[` + one + `,` + one[:26]},
		{"as deep as may be", deep(reqMaxDepth - 2)},
		{"deeper", deep(reqMaxDepth - 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range fuzzCalls {
				compareRequest(t, c, []byte(tt.body))
			}
		})
	}
	for _, n := range []int{reqMaxKeys/2 - 1, reqMaxKeys / 2} {
		g := readBody(callChat, `{"tools":[`+strings.Repeat(`{"a":"1","bcd":"2"},`, n-1)+`{"a":"1","bcd":"2"}]}`)
		if want := n < reqMaxKeys/2; g.OK != want {
			t.Errorf("%d tools of two members: OK %v", n, g.OK)
		}
	}
}
