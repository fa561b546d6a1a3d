package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
)

const (
	jsonType   = "application/json"
	eventsType = "text/event-stream; charset=utf-8"
	framesType = "application/vnd.amazon.eventstream"
)

// openaiBases are the paths under which clients reach chat completions at the
// providers that took over OpenAI's shape, the provider's name before.
var openaiBases = map[string]string{
	"openai": "/v1", "azure": "/openai/deployments/prod-chat-eu", "groq": "/groq/openai/v1", "google": "/v1beta/openai",
	"deepseek": "/deepseek", "mistral": "/mistral/v1", "perplexity": "/perplexity", "openrouter": "/openrouter/api/v1",
	"together": "/together/v1", "voyage": "/voyage/v1",
}

// comments are what some providers send in a stream while it waits.
var comments = map[string]string{"deepseek": ": keep-alive\n\n", "openrouter": ": OPENROUTER PROCESSING\n\n"}

// servings are the ways in which a provider serves a usage of this flavour.
func servings(h hand, flavour string) []serving {
	raw := string(h.raw)
	switch flavour {
	case "openai.chat", "gemini.openai", "deepseek", "mistral", "perplexity", "openrouter":
		return openaiServings(h, raw)
	case "openai.stream":
		return []serving{openaiChunks(h, elements(h.raw))}
	case "openai.responses":
		return responsesServings(h, raw)
	case "openai.embeddings":
		return embeddingsServings(h, raw)
	case "openai.images":
		return imageServings(h, raw)
	case "openai.transcription":
		return transcriptionServings(h, raw)
	case "anthropic.messages":
		return anthropicServings(h, raw)
	case "anthropic.stream":
		return []serving{anthropicEvents(h, elements(h.raw))}
	case "gemini":
		return geminiServings(h, raw)
	case "gemini.stream":
		return geminiStreams(h, elements(h.raw))
	case "bedrock.converse":
		return converseServings(h, raw)
	case "bedrock.headers":
		return headerServings(h)
	case "cohere.v2":
		return cohereServings(h, raw)
	case "ollama":
		return ollamaServings(h, raw)
	}
	return nil
}

func elements(raw json.RawMessage) (list []string) {
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		panic(err) // the cases are the project's own
	}
	for _, e := range all {
		list = append(list, string(e))
	}
	return list
}

// with puts members at the front of a JSON object.
func with(members, object string) string {
	return "{" + members + "," + strings.TrimPrefix(object, "{")
}

func data(events ...string) (pieces []string) {
	for _, e := range events {
		pieces = append(pieces, "data: "+e+"\n\n")
	}
	return pieces
}

// named gives events their types as names, as Anthropic and OpenAI's Responses do.
func named(events ...string) (pieces []string) {
	for _, e := range events {
		var typed struct{ Type string }
		if err := json.Unmarshal([]byte(e), &typed); err != nil {
			panic(err) // made above
		}
		pieces = append(pieces, "event: "+typed.Type+"\ndata: "+e+"\n\n")
	}
	return pieces
}

// whole is an answer of one piece.
func whole(path, request, answer string) serving {
	return serving{name: "whole", path: path, requestType: jsonType, request: request, answerType: jsonType, pieces: []string{answer}}
}

// stream is one of events.
func stream(path, request string, pieces []string, final int) serving {
	return serving{name: "stream", path: path, requestType: jsonType, request: request, answerType: eventsType, pieces: pieces, final: final, stream: true}
}

func tierMember(h hand) string {
	switch {
	case h.Tier != "":
		return fmt.Sprintf(`"service_tier":%q,`, h.Tier)
	case h.Provider == "groq":
		return `"service_tier":"on_demand",`
	case h.Provider == "openai":
		return `"service_tier":"default",`
	}
	return ""
}

// servedModel is the answer's "model" member, which says nothing where the
// model is the deployment's name.
func servedModel(h hand) string {
	if h.Name == "azure-deployment-only" {
		return `"model":"",`
	}
	return fmt.Sprintf(`"model":%q,`, h.Model)
}

func openaiServings(h hand, raw string) []serving {
	const said = `"choices":[{"index":0,"message":{"role":"assistant","content":"{\"usage\":{\"prompt_tokens\":7}}"},"logprobs":null,"finish_reason":"stop"}],`
	answer := `{"id":"chatcmpl-` + h.Name + `","object":"chat.completion","created":1787270400,` + servedModel(h) + said + tierMember(h) + `"usage":` + raw + `}`
	if h.Tier == "batch" {
		return []serving{{
			name: "file", method: "GET", path: "/v1/files/file-1/content", answerType: "application/octet-stream",
			pieces: []string{`{"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"request_id":"r1","body":` + answer + `},"error":null}` + "\n"},
		}}
	}
	path := openaiBases[h.Provider] + "/chat/completions"
	list := []serving{
		whole(path, `{"model":"asked-for","messages":[{"role":"user","content":"hi"}]}`, answer),
		openaiChunks(h, []string{
			`{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`,
			`{"choices":[{"index":0,"delta":{"content":"\"usage\": {"},"finish_reason":null}],"usage":null}`,
			`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`,
			`{"choices":[],"usage":` + raw + `}`,
		}),
	}
	if h.Name == "azure-deployment-only" { // only the path says anything
		for i := range list {
			list[i].request = strings.Replace(list[i].request, `"model":"asked-for",`, "", 1)
		}
	}
	return list
}

// openaiChunks completes chunks by what each of a provider's has.
func openaiChunks(h hand, chunks []string) serving {
	var events []string
	for i, c := range chunks {
		members := `"id":"chatcmpl-1","object":"chat.completion.chunk","created":1787270400,` + servedModel(h) + tierMember(h) + `"system_fingerprint":null`
		if !strings.Contains(c, `"choices"`) {
			finish := "null"
			if i == len(chunks)-1 {
				finish = `"stop"`
			}
			members += `,"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":` + finish + `}]`
		}
		events = append(events, with(members, c))
	}
	pieces := data(append(events, "[DONE]")...)
	pieces[0] = comments[h.Provider] + pieces[0]
	return stream(openaiBases[h.Provider]+"/chat/completions",
		`{"model":"asked-for","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`, pieces, len(events))
}

func responsesServings(h hand, raw string) []serving {
	object := func(status, usage string) string {
		return fmt.Sprintf(`{"id":"resp_1","object":"response","status":%q,"error":null,"incomplete_details":null,"model":%q,"output":[],"service_tier":"default","usage":%s}`, status, h.Model, usage)
	}
	return []serving{
		whole("/v1/responses", `{"model":"asked-for","input":"hi"}`, object("completed", raw)),
		stream("/v1/responses", `{"model":"asked-for","input":"hi","stream":true}`, named(
			`{"type":"response.created","sequence_number":0,"response":`+object("in_progress", "null")+`}`,
			`{"type":"response.output_text.delta","sequence_number":1,"delta":"a"}`,
			`{"type":"response.completed","sequence_number":2,"response":`+object("completed", raw)+`}`), 3),
	}
}

func embeddingsServings(h hand, raw string) []serving {
	return []serving{whole(openaiBases[h.Provider]+"/embeddings", `{"model":"asked-for","input":"a"}`,
		fmt.Sprintf(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-0.2]}],"model":%q,"usage":%s}`, h.Model, raw))}
}

func imageServings(h hand, raw string) []serving {
	request := fmt.Sprintf(`{"model":%q,"prompt":"a cat"}`, h.Model)
	return []serving{
		whole("/v1/images/generations", request, `{"created":1787270400,"data":[{"b64_json":"AAAA"}],"usage":`+raw+`}`),
		stream("/v1/images/generations", request, named(
			`{"type":"image_generation.partial_image","b64_json":"AAAA","partial_image_index":0}`,
			`{"type":"image_generation.completed","b64_json":"AAAA","usage":`+raw+`}`), 2),
	}
}

func transcriptionServings(h hand, raw string) []serving {
	const boundary = "door"
	part := func(name, value string) string {
		return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	form := part(`file"; filename="a.wav`, "RIFF\x00\x01name=\"model\"") + part("model", h.Model) + part("response_format", "json") + "--" + boundary + "--\r\n"
	s := whole(openaiBases[h.Provider]+"/audio/transcriptions", form, `{"text":"hello","usage":`+raw+`}`)
	s.requestType = "multipart/form-data; boundary=" + boundary
	list := []serving{s}
	if strings.Contains(raw, "output_tokens") {
		e := stream(s.path, form, named(
			`{"type":"transcript.text.delta","delta":"hello"}`,
			`{"type":"transcript.text.done","text":"hello","usage":`+raw+`}`), 2)
		e.requestType = s.requestType
		list = append(list, e)
	}
	return list
}

const toolResult = `{"type":"web_search_tool_result","tool_use_id":"t","content":[{"usage":{"input_tokens":1000000}}]}`

func anthropicServings(h hand, raw string) []serving {
	var start map[string]json.RawMessage
	if err := json.Unmarshal(h.raw, &start); err != nil {
		panic(err) // the cases are the project's own
	}
	last := map[string]json.RawMessage{"output_tokens": start["output_tokens"]}
	for _, key := range []string{"iterations", "server_tool_use", "output_tokens_details", "speed"} { // known at the end alone
		if start[key] != nil {
			last[key] = start[key]
			delete(start, key)
		}
	}
	start["output_tokens"] = json.RawMessage("1")
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	events := anthropicEvents(h, []string{
		`{"type":"message_start","message":{"usage":` + text(start) + `}}`,
		`{"type":"message_delta","usage":` + text(last) + `}`,
	})
	path, request := "/v1/messages", `{"model":"asked-for","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	answer := fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":%q,"content":[%s,{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":%s}`, h.Model, toolResult, raw)
	switch h.Provider {
	case "vertex":
		path = "/vertex/v1/projects/p/locations/global/publishers/anthropic/models/" + h.Model + ":rawPredict"
	case "bedrock":
		path = "/model/" + url.PathEscape(h.Model) + "/invoke"
		return []serving{
			whole(path, `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[]}`, answer),
			bedrockChunks(path, events),
		}
	}
	return []serving{whole(path, request, answer), events}
}

// anthropicEvents puts what a case has of a stream between the rest of one.
func anthropicEvents(h hand, events []string) serving {
	var list []string
	final := 0
	for _, e := range events {
		if rest, ok := strings.CutPrefix(e, `{"type":"message_start","message":`); ok {
			e = `{"type":"message_start","message":` + with(fmt.Sprintf(`"id":"msg_1","type":"message","role":"assistant","model":%q,"content":[],"stop_reason":null`, h.Model), rest)
			list = append(list, e)
			continue
		}
		list = append(list, `{"type":"content_block_start","index":0,"content_block":`+toolResult+`}`, `{"type":"ping"}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}}`,
			with(`"delta":{"stop_reason":"end_turn","stop_sequence":null}`, e))
		final = len(list)
		list = append(list, `{"type":"message_stop"}`)
	}
	path := "/v1/messages"
	if h.Provider == "vertex" {
		path = "/vertex/v1/projects/p/locations/global/publishers/anthropic/models/" + h.Model + ":streamRawPredict"
	}
	s := stream(path, `{"model":"asked-for","stream":true,"max_tokens":9,"messages":[]}`, named(list...), final)
	s.cut = final == 0
	if s.cut {
		s.final = len(list)
	}
	return s
}

// frame is one message of AWS's binary event stream.
func frame(event, payload string) string {
	var headers bytes.Buffer
	for _, h := range [][2]string{{":event-type", event}, {":content-type", jsonType}, {":message-type", "event"}} {
		headers.WriteByte(byte(len(h[0])))
		headers.WriteString(h[0])
		headers.WriteByte(7)
		headers.Write(binary.BigEndian.AppendUint16(nil, uint16(len(h[1]))))
		headers.WriteString(h[1])
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(16+headers.Len()+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(headers.Len()))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, headers.Bytes()...), payload...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// bedrockChunks sends a vendor's events as Bedrock does; the last one also has
// Bedrock's own counts.
func bedrockChunks(path string, events serving) serving {
	var pieces []string
	for i, p := range events.pieces {
		_, event, _ := strings.Cut(strings.TrimSpace(p), "\ndata: ")
		if i == len(events.pieces)-1 {
			event = strings.TrimSuffix(event, "}") + `,"amazon-bedrock-invocationMetrics":{"inputTokenCount":100,"outputTokenCount":50,"invocationLatency":900,"firstByteLatency":400}}`
		}
		pieces = append(pieces, frame("chunk", `{"bytes":"`+base64.StdEncoding.EncodeToString([]byte(event))+`","p":"abcdefgh"}`))
	}
	s := stream(path+"-with-response-stream", `{"anthropic_version":"bedrock-2023-05-31","messages":[]}`, pieces, events.final)
	s.answerType = framesType
	return s
}

func converseServings(h hand, raw string) []serving {
	path := "/model/" + url.PathEscape(h.Model) + "/converse"
	const request = `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`
	s := stream(path+"-stream", request, []string{
		frame("messageStart", `{"role":"assistant"}`),
		frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"hi"}}`),
		frame("messageStop", `{"stopReason":"end_turn"}`),
		frame("metadata", `{"usage":`+raw+`,"metrics":{"latencyMs":900}}`),
	}, 4)
	s.answerType = framesType
	return []serving{
		whole(path, request, `{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":`+raw+`,"metrics":{"latencyMs":900}}`),
		s,
	}
}

func headerServings(h hand) []serving {
	s := whole("/model/"+url.PathEscape(h.Model)+"/invoke", `{"inputText":"hi"}`, `{"embedding":[0.1,-0.2]}`)
	if err := json.Unmarshal(h.raw, &s.header); err != nil {
		panic(err) // the cases are the project's own
	}
	return []serving{s}
}

const geminiRequest = `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`

func geminiPath(h hand, method string) string {
	return "/v1beta/models/" + strings.TrimPrefix(h.Model, "models/") + ":" + method
}

func geminiServings(h hand, raw string) []serving {
	if strings.Contains(h.Model, "embedding") {
		return []serving{whole(geminiPath(h, "embedContent"), `{"content":{"parts":[{"text":"hi"}]}}`, `{"embedding":{"values":[0.1,-0.2]},"usageMetadata":`+raw+`}`)}
	}
	list := geminiStreams(h, []string{`{"usageMetadata":{"promptTokenCount":1}}`, `{"usageMetadata":` + raw + `}`})
	return append(list, whole(geminiPath(h, "generateContent"), geminiRequest,
		fmt.Sprintf(`{"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":%s,"modelVersion":%q,"responseId":"r1"}`, raw, h.Model)))
}

// geminiStreams serves chunks as events and as one growing array.
func geminiStreams(h hand, chunks []string) []serving {
	var array []string
	for i, c := range chunks {
		finish := ""
		if i == len(chunks)-1 {
			finish = `,"finishReason":"STOP"`
		}
		chunks[i] = with(fmt.Sprintf(`"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"}%s,"index":0}],"modelVersion":%q,"responseId":"r1"`, finish, h.Model), c)
		array = append(array, ",\r\n"+chunks[i])
	}
	array[0] = "[" + strings.TrimPrefix(array[0], ",\r\n")
	path := geminiPath(h, "streamGenerateContent")
	events := stream(path+"?alt=sse", geminiRequest, data(chunks...), len(chunks))
	plain := stream(path, geminiRequest, append(array, "\n]\n"), len(chunks))
	plain.name, plain.answerType = "array", jsonType
	return []serving{events, plain}
}

func cohereServings(h hand, raw string) []serving {
	request := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, h.Model)
	if strings.HasPrefix(h.Model, "embed") {
		return []serving{whole("/cohere/v2/embed", request, `{"id":"e1","embeddings":{"float":[[0.1]]},"texts":["a"],"meta":`+raw+`}`)}
	}
	return []serving{
		whole("/cohere/v2/chat", request, `{"id":"c1","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"hi"}]},"usage":`+raw+`}`),
		stream("/cohere/v2/chat", request, named(
			`{"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[]}}}`,
			`{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"hi"}}}}`,
			`{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":`+raw+`}}`), 3),
	}
}

func ollamaServings(h hand, raw string) []serving {
	members := fmt.Sprintf(`"model":%q,"created_at":"2026-08-21T12:00:00Z","message":{"role":"assistant","content":"hi"}`, h.Model)
	last := with(members+`,"done_reason":"stop"`, raw)
	s := stream("/api/chat", `{"model":"asked-for","messages":[]}`, []string{"{" + members + `,"done":false}` + "\n", last + "\n"}, 2)
	s.answerType = "application/x-ndjson"
	return []serving{whole("/api/chat", `{"model":"asked-for","stream":false,"messages":[]}`, last), s}
}
