package provider

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// benchBody is a chat request of about size bytes: a system prompt, tools and
// turns of prose and code with the escapes that those have.
func benchBody(size int) []byte {
	para := strings.Repeat("The quick brown fox jumps over the lazy dog, and then some. ", 3) + "\nfunc main() {\n\tfmt.Println(\"hello, world\")\n}\n"
	type msg map[string]any
	messages := []msg{{"role": "system", "content": longSystem}}
	total := 0
	for i := 0; ; i++ {
		role := "user"
		if i%2 == 1 {
			role = "assistant"
		}
		n := min(max(1, (size-total-300)/len(para)), 20)
		text := fmt.Sprintf("%d: %s", i, strings.Repeat(para, n))
		messages = append(messages, msg{"role": role, "content": text})
		if total += len(text) + 40; total > size-500 && role == "user" {
			break
		}
	}
	b, err := json.Marshal(msg{"model": "gpt-5", "stream": true, "messages": messages})
	if err != nil {
		panic(err)
	}
	return b
}

// BenchmarkReadRequest reads requests, with and without fingerprints, beside
// what json.Unmarshal takes for the same bodies.
func BenchmarkReadRequest(b *testing.B) {
	oneTurn, _ := json.Marshal(map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": string(benchBody(900 << 10))}}})
	code, _ := json.Marshal(map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": strings.Repeat("fmt.Println(x + 1) // and so on, line after line\n", 20<<10)}}})
	turns := []byte(`{"model":"m","max_tokens":64,"messages":[{"role":"system","content":"` + longSystem + `"}` + strings.Repeat(
		`,{"role":"user","content":"`+strings.Repeat("The quick brown fox jumps over the lazy dog again. ", 8)+`"},{"role":"assistant","content":"yes"}`, 2180) + `]}`)
	plain, _ := json.Marshal(map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": strings.Repeat("The quick brown fox. ", 50<<10)}}})
	bodies := []struct {
		name string
		body []byte
	}{
		{"1KB", benchBody(1 << 10)}, {"50KB", benchBody(50 << 10)}, {"1MB", benchBody(1 << 20)}, {"1MB-short-turns", turns}, {"1MB-one-turn", plain}, {"1MB-one-turn-of-JSON", oneTurn}, {"1MB-one-turn-of-code", code},
	}
	for _, bb := range bodies {
		run := func(name string, f func()) {
			b.Run(bb.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(bb.body)))
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
		run("fingerprints", func() { ReadRequest(callChat, "application/json", "", bb.body, testKeys).Release() })
		run("sizes", func() { ReadRequest(callChat, "application/json", "", bb.body, nil).Release() })
		run("unmarshal", func() {
			var v any
			if err := json.Unmarshal(bb.body, &v); err != nil {
				b.Fatal(err)
			}
		})
	}
}
