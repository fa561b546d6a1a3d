package provider

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"burn/proxy/usage"
)

var testKeys = newKeys([]byte(strings.Repeat("k", keyBytes)))

// Calls of each dialect whose text is read.
var (
	callChat      = Call{Dialect: OpenAI, Operation: OpChat}
	callEmbed     = Call{Dialect: OpenAI, Operation: OpEmbeddings}
	callPrompt    = Call{Dialect: OpenAI, Operation: OpTextCompletion}
	callResponses = Call{Dialect: Responses, Operation: OpResponses}
	callMessages  = Call{Dialect: Anthropic, Operation: OpMessages}
	callGemini    = Call{Dialect: Gemini, Operation: OpGenerateContent, Model: "gemini-3-pro"}
	callGemEmbed  = Call{Dialect: Gemini, Operation: OpEmbeddings}
	callConverse  = Call{Dialect: Bedrock, Operation: OpChat, Model: "m"}
	callInvoke    = Call{Dialect: Bedrock, Operation: OpTextCompletion}
	callCohere    = Call{Dialect: Cohere, Operation: OpChat}
	callOllama    = Call{Dialect: Ollama, Operation: OpChat}
	callGenerate  = Call{Dialect: Ollama, Operation: OpTextCompletion}
)

// got is a Request without its pool.
type got struct {
	Model, Prev, Agent, User, Session               string
	Stream, IncludeUsage, OK                        bool
	MaxTokens, Messages, Tools                      int64
	Request, System, ToolsB, History, Recent, Input int64
	FPSystem, FPTools, FPInput, FPRequest           uint64
	FPTurns, FPPrefix, FPParts                      []uint64
	Metadata                                        []usage.Tag
}

func readBody(c Call, body string) got {
	return readKeyed(c, body, testKeys)
}

func readKeyed(c Call, body string, k *Keys) got {
	r := ReadRequest(c, "application/json", "", []byte(body), k)
	defer r.Release()
	return got{
		Model: r.Model, Prev: r.PrevResponseID, Agent: r.Agent, User: r.User, Session: r.Session,
		Stream: r.Stream, IncludeUsage: r.IncludeUsage, OK: r.OK,
		MaxTokens: r.MaxTokens, Messages: r.Messages, Tools: r.Tools,
		Request: r.RequestBytes, System: r.SystemBytes, ToolsB: r.ToolsBytes, History: r.HistoryBytes, Recent: r.RecentBytes, Input: r.InputBytes,
		FPSystem: r.FPSystem, FPTools: r.FPTools, FPInput: r.FPInput, FPRequest: r.FPRequest,
		FPTurns: slices.Clone(r.FPTurns), FPPrefix: slices.Clone(r.FPPrefix), FPParts: slices.Clone(r.FPParts),
		Metadata: slices.Clone(r.Metadata),
	}
}

const (
	longSystem = "You are a patient assistant who answers in one short sentence."
	longUser   = "Please tell me what the weather is like in the mountains today."
	otherUser  = "And what should I take with me when I go there tomorrow morning?"
)

func TestReadRequest(t *testing.T) {
	tests := []struct {
		name string
		call Call
		body string
		want got // sizes, counts and labels only
	}{
		{"chat", callChat, `{"model":"gpt-5","stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"user":"u1",
			"metadata":{"agent":"a1","session_id":"s1","team":"t"},
			"messages":[{"role":"system","content":"sys"},{"role":"user","content":"one"},{"role":"assistant","content":"two2"},{"role":"user","content":"h\u00e9llo\n"}],
			"tools":[{"type":"function","function":{"name":"f"}}]}`,
			got{Model: "gpt-5", Stream: true, IncludeUsage: true, OK: true, MaxTokens: 7, User: "u1", Agent: "a1", Session: "s1",
				Messages: 4, Tools: 1, System: 3, ToolsB: 25, History: 7, Recent: 7, Input: 7}},
		{"responses", callResponses, `{"model":"gpt-5","instructions":"sys","input":"hello","previous_response_id":"resp_1","max_output_tokens":9,"conversation":{"id":"c1"},"safety_identifier":"u2"}`,
			got{Model: "gpt-5", OK: true, Prev: "resp_1", MaxTokens: 9, User: "u2", Session: "c1", Messages: 1, System: 3, Input: 5}},
		{"anthropic tool loop", callMessages, `{"model":"claude","max_tokens":3,"system":[{"type":"text","text":"sys"}],"metadata":{"user_id":"u"},
			"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{"a":1}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"42"}]}]}`,
			got{Model: "claude", OK: true, MaxTokens: 3, User: "u", Messages: 3, System: 3, Input: 5,
				History: int64(len("inputa1namef"+"typetool_use") + len("content42typetool_result")), Recent: 48}},
		{"gemini", callGemini, `{"system_instruction":{"parts":[{"text":"sys"}]},"contents":[{"role":"user","parts":[{"text":"hello"}]}],
			"generationConfig":{"maxOutputTokens":5},"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}],"labels":{"team":"t"}}`,
			got{Model: "gemini-3-pro", OK: true, MaxTokens: 5, Messages: 1, Tools: 2, System: 3, Input: 5, ToolsB: 30}},
		{"embeddings", callEmbed, `{"model":"e","input":["ab","cde"]}`, got{Model: "e", OK: true, Input: 5}},
		{"claude code user", callMessages, `{"metadata":{"user_id":"user_1_account_2_session_3"},"messages":[]}`,
			got{OK: true, User: "user_1_account_2", Session: "3"}},
		{"duplicate keys: last wins", callChat, `{"model":"a","model":"b","messages":[],"messages":[{"role":"user","content":"x","content":"yz"}]}`,
			got{Model: "b", OK: true, Messages: 1, Input: 2}},
		{"recent is the last five", callChat, `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"},{"role":"user","content":"e"},{"role":"assistant","content":"f"},{"role":"tool","content":"g"},{"role":"user","content":"h"}]}`,
			got{OK: true, Messages: 8, History: 7, Recent: 5, Input: 1}},
		{"text completion", callPrompt, `{"prompt":["ab","c"],"max_tokens":4}`, got{OK: true, MaxTokens: 4, Messages: 1, Input: 3}},
		{"gemini embeddings", callGemEmbed, `{"requests":[{"model":"m","content":{"parts":[{"text":"ab"}]}},{"content":{"parts":[{"text":"c"}]}}]}`, got{OK: true, Input: 3}},
		{"converse", callConverse, `{"system":[{"text":"sys"}],"messages":[{"role":"user","content":[{"text":"hello"}]}],"inferenceConfig":{"maxTokens":6},"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]}}`,
			got{Model: "m", OK: true, MaxTokens: 6, Messages: 1, Tools: 1, System: 3, ToolsB: 13, Input: 5}},
		{"invoke with a Claude body", callInvoke, `{"anthropic_version":"bedrock-2023-05-31","max_tokens":2,"system":"sys","messages":[{"role":"user","content":"hello"}]}`,
			got{OK: true, MaxTokens: 2, Messages: 1, System: 3, Input: 5}},
		{"cohere v1", callCohere, `{"model":"command","preamble":"sys","chat_history":[{"role":"USER","message":"one"},{"role":"CHATBOT","message":"two2"}],"message":"hello"}`,
			got{Model: "command", OK: true, Messages: 3, System: 3, History: 7, Recent: 7, Input: 5}},
		{"ollama generate", callGenerate, `{"model":"l","system":"sys","prompt":"hello","options":{"num_predict":8}}`, got{Model: "l", OK: true, MaxTokens: 8, Messages: 1, System: 3, Input: 5}},
		{"others: counts only", Call{Dialect: OpenAI, Operation: OpImages}, `{"model":"i","prompt":"a cat"}`, got{Model: "i", OK: true}},
		{"system messages later on stay there", callChat, `{"messages":[{"role":"developer","content":"sys"},{"role":"user","content":"hello"},{"role":"system","content":"be brief"}]}`,
			got{OK: true, Messages: 3, System: 3, Input: 5, History: 8, Recent: 8}},
		{"limits that are none", callChat, `{"max_tokens":-1,"max_completion_tokens":null,"max_output_tokens":1e3,"messages":[]}`, got{OK: true, MaxTokens: 1000}},
		{"not JSON", callChat, `{"model":"a"`, got{}},
		{"not an object", callChat, `["a"]`, got{}},
		{"too deep", callChat, `{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, got{}},
		{"too many messages", callChat, `{"model":"m","messages":[` + strings.Repeat("1,", reqMaxMessages) + `1]}`, got{}},
		{"too many members", callChat, `{"tools":[{` + strings.Repeat(`"a":1,`, reqMaxKeys) + `"b":1}]}`, got{}},
		{"too many containers", callChat, `{"a":[` + strings.Repeat(`{},`, reqMaxSpans) + `{}]}`, got{}},
		{"empty", callChat, ``, got{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := readBody(tt.call, tt.body)
			g.Request = 0
			g.FPSystem, g.FPTools, g.FPInput, g.FPRequest = 0, 0, 0, 0
			g.FPTurns, g.FPPrefix, g.FPParts, g.Metadata = nil, nil, nil, nil
			if g, w := fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", tt.want); g != w {
				t.Errorf("got  %s\nwant %s", g, w)
			}
		})
	}
}

// TestReadRequestAtOnce reads from many goroutines under one set of keys.
func TestReadRequestAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for _, d := range conversations {
		bodies := d.requests("here")
		var want []got
		for _, body := range bodies {
			want = append(want, readBody(d.call, body))
		}
		for range 4 {
			wg.Go(func() {
				for i, body := range bodies {
					if g := readBody(d.call, body); fmt.Sprint(g) != fmt.Sprint(want[i]) {
						t.Errorf("%s: got %+v, want %+v", d.name, g, want[i])
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestMetadata(t *testing.T) {
	g := readBody(callGemini, `{"contents":[],"labels":{"team":"a","n":1,"env":"\u0070rod"},"metadata":{"x":"y"}}`)
	if want := []usage.Tag{{Key: "x", Value: "y"}, {Key: "team", Value: "a"}, {Key: "env", Value: "prod"}}; !slices.Equal(g.Metadata, want) {
		t.Errorf("metadata %v, want %v", g.Metadata, want)
	}
	long := readBody(callChat, `{"messages":[],"user":"`+strings.Repeat("\u00fc", 4000)+`"}`)
	if n := len(long.User); n < reqMaxLabel || n > reqMaxLabel+4 || !utf8.ValidString(long.User) {
		t.Errorf("a user of %d bytes", n)
	}
}
