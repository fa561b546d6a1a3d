package proxy

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// split returns the record of the call itself and those of its parts.
func split(t *testing.T, records []usage.Record) (call usage.Record, parts []usage.Record) {
	t.Helper()
	seen := map[uint64]bool{}
	calls := 0
	for _, r := range records {
		if seen[r.Seq] {
			t.Errorf("seq %d twice", r.Seq)
		}
		seen[r.Seq] = true
		if r.Part == 0 {
			call = r
			calls++
			continue
		}
		parts = append(parts, r)
		if r.Part != int64(len(parts)) {
			t.Errorf("part %d at place %d", r.Part, len(parts))
		}
	}
	if calls != 1 {
		t.Fatalf("%d calls", calls)
	}
	return call, parts
}

// sameCaller holds the parts' attribution against the call's.
func sameCaller(t *testing.T, call usage.Record, parts []usage.Record) {
	t.Helper()
	who := func(r usage.Record) string {
		return fmt.Sprint(r.Upstream, r.Provider, r.Endpoint, r.Method, r.Status, r.End, r.Agent, r.AgentSource, r.User, r.Session,
			r.TraceID, r.Step, r.Tags, r.KeyID, r.Client, r.UserAgent, r.Project, r.Geo, r.Retry)
	}
	for _, p := range parts {
		if who(p) != who(call) {
			t.Errorf("part %d: %s\ncall:   %s", p.Part, who(p), who(call))
		}
	}
}

var callerHeaders = []string{
	"Authorization", "Bearer sk-secret", "X-Agent-ID", "nightly", "X-User-ID", "u1", "X-Session-ID", "s1", "User-Agent", "curl/8",
	"X-Trace-ID", "t1", "Helicone-Property-Team", "blue", "OpenAI-Project", "proj_1", "X-Stainless-Retry-Count", "1",
}

func TestBatchFileIsManyParts(t *testing.T) {
	const lines = 20000 // more than the log has room for
	var file bytes.Buffer
	for i := range lines {
		if i%10 == 9 {
			fmt.Fprintf(&file, `{"id":"batch_req_%d","custom_id":"c%d","response":{"status_code":429,"body":{"error":{"message":"no","code":"rate_limit_exceeded"}}},"error":null}`+"\n", i, i)
			continue
		}
		fmt.Fprintf(&file, `{"id":"batch_req_%d","custom_id":"c%d","response":{"status_code":200,"request_id":"req_%d","body":{"id":"chatcmpl-%d","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":2}}},"error":null}`+"\n", i, i, i, i, strings.Repeat("text ", 100), i%1000+1)
	}
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		if r.Header.Get("Accept-Encoding") == "" {
			w.Write(file.Bytes())
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(file.Bytes())
		z.Close()
	})
	for _, coding := range []string{"", "gzip"} {
		t.Run("coding "+coding, func(t *testing.T) {
			p := startProxy(t, nil, "openai="+up.URL)
			req, _ := http.NewRequest("GET", p.url("/v1/files/file-1/content"), nil)
			for i := 0; i < len(callerHeaders); i += 2 {
				req.Header.Set(callerHeaders[i], callerHeaders[i+1])
			}
			if coding != "" {
				req.Header.Set("Accept-Encoding", coding)
			}
			if _, body := do(t, req); coding == "" && body != file.String() {
				t.Fatalf("client got %d bytes of %d", len(body), file.Len())
			}
			call, parts := split(t, p.finish())
			for _, l := range p.lines() {
				if l.Kind == usage.KindGap || l.Dropped > 0 {
					t.Errorf("parts were folded: %+v", l)
				}
			}
			if len(parts) != lines*9/10 {
				t.Fatalf("%d parts", len(parts))
			}
			sameCaller(t, call, parts)
			if call.UsageSource != usage.SourceNone || call.Operation != "batch_result" || call.Agent != "nightly" || call.Input != 0 || call.ResponseBytes != int64(file.Len()) {
				t.Errorf("call: %+v", call)
			}
			var tokens int64
			for _, r := range parts {
				tokens += r.Input
				if r.TS != call.TS || r.Operation != "batch_result" || r.ServiceTier != "batch" || r.UsageSource != usage.SourceReported ||
					r.ResponseModel != "gpt-4o-mini-2024-07-18" || r.Output != 2 || r.RawUsage == nil {
					t.Fatalf("part: %+v", r)
				}
			}
			last := parts[len(parts)-1]
			if last.ResponseID != fmt.Sprint("chatcmpl-", lines-2) || last.RequestID != fmt.Sprint("req_", lines-2) || tokens != 9000000 {
				t.Errorf("last part %s %s, %d tokens", last.ResponseID, last.RequestID, tokens)
			}
		})
	}
}

// wsFrame writes a whole message of a websocket.
func wsFrame(first byte, mask, payload []byte) []byte {
	b := []byte{first, byte(len(payload))}
	if len(payload) > 125 {
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	}
	if mask == nil {
		return append(b, payload...)
	}
	b[1] |= 0x80
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// readWSFrame reads a frame of the client and returns its payload.
func readWSFrame(in *bufio.Reader) ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	n := int(head[1] & 0x7f)
	if n == 126 {
		if _, err := io.ReadFull(in, head); err != nil {
			return nil, err
		}
		n = int(binary.BigEndian.Uint16(head))
	}
	b := make([]byte, 4+n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, err
	}
	for i := range n {
		b[4+i] ^= b[i%4]
	}
	return b[4:], nil
}

// realtimeServer answers each message of the client with the next of answers,
// then closes.
func realtimeServer(t *testing.T, extensions string, first byte, pack func([]byte) []byte, answers ...string) string {
	return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: req_ws\r\n"+extensions+"\r\n")
		for _, a := range answers {
			if _, err := readWSFrame(in); err != nil {
				return
			}
			c.Write(wsFrame(first, nil, pack([]byte(a))))
		}
		c.Write(wsFrame(0x88, nil, []byte{3, 232}))
	})
}

// talk opens a websocket through the proxy, sends messages in lockstep and
// returns what came back after the head.
func talk(t *testing.T, addr, path string, answers int, messages ...string) []byte {
	t.Helper()
	c := dial(t, addr)
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Agent-ID: voice\r\nX-User-ID: u1\r\n\r\n", path)
	in := bufio.NewReader(c)
	if head, err := readHead(in); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("head %q, %v", head, err)
	}
	for i := range answers {
		m := messages[min(i, len(messages)-1)]
		if _, err := c.Write(wsFrame(0x81, []byte("mask"), []byte(m))); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return b
}

func TestRealtimeAnswersAreParts(t *testing.T) {
	answers := []string{
		`{"type":"session.created","session":{"model":"gpt-realtime-2025-08-28"}}`,
		`{"type":"response.output_audio.delta","delta":"` + strings.Repeat("UklGRiQA", 5000) + `"}`,
		`{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":100,"output_tokens":40,"total_tokens":140,"input_token_details":{"audio_tokens":60,"cached_tokens":10},"output_token_details":{"audio_tokens":30}}}}`,
		`{"type":"response.done","response":{"id":"resp_2","status":"cancelled","usage":{"input_tokens":200,"output_tokens":4,"total_tokens":204}}}`,
	}
	plain := func(b []byte) []byte { return b }
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, 6)
	packed := func(b []byte) []byte {
		out.Reset()
		z.Write(b)
		z.Flush()
		return bytes.Clone(bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff}))
	}
	for _, x := range []struct {
		name, extensions string
		first            byte
		pack             func([]byte) []byte
	}{
		{"plain", "", 0x81, plain},
		{"deflate", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n", 0xc1, packed},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := startProxy(t, nil, "openai="+realtimeServer(t, x.extensions, x.first, x.pack, answers...))
			talk(t, p.addr, "/v1/realtime?model=gpt-realtime", len(answers), `{"type":"response.create"}`)
			call, parts := split(t, p.finish())
			sameCaller(t, call, parts)
			if call.UsageSource != usage.SourceNone || call.Status != 101 || call.Events != 4 || call.Agent != "voice" || call.RequestID != "req_ws" ||
				call.RequestModel != "gpt-realtime" || call.ResponseModel != "gpt-realtime-2025-08-28" || call.Endpoint != "/v1/realtime" || len(call.Flags) > 0 {
				t.Errorf("call: %+v", call)
			}
			if len(parts) != 2 {
				t.Fatalf("%d parts", len(parts))
			}
			want := []usage.Tokens{{Input: 100, CacheRead: 10, Output: 40, AudioInput: 60, AudioOutput: 30}, {Input: 200, Output: 4}}
			for i, r := range parts {
				if r.Tokens != want[i] || r.ResponseID != fmt.Sprint("resp_", i+1) || r.UsageSource != usage.SourceReported || r.Operation != "realtime" ||
					r.ResponseModel != "gpt-realtime-2025-08-28" || r.RequestModel != "gpt-realtime" || r.TS < call.TS {
					t.Errorf("part: %+v", r)
				}
			}
			if parts[1].FinishReason != "cancelled" {
				t.Errorf("finish reason %s", parts[1].FinishReason)
			}
		})
	}
}

func TestLiveSessionNamesItsModel(t *testing.T) {
	url := realtimeServer(t, "", 0x82, func(b []byte) []byte { return b },
		`{"setupComplete":{}}`,
		`{"serverContent":{"modelTurn":{"parts":[{"text":"hi"}]}}}`,
		`{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":10,"responseTokenCount":5,"totalTokenCount":15}}`)
	p := startProxy(t, nil, "gemini="+url)
	talk(t, p.addr, "/gemini/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=secret", 3,
		`{"setup":{"model":"models/gemini-live-2.5-flash"}}`, `{"realtimeInput":{"text":"hello"}}`)
	call, parts := split(t, p.finish())
	if len(parts) != 1 || parts[0].Input != 10 || parts[0].Output != 5 || parts[0].RequestModel != "gemini-live-2.5-flash" || call.RequestModel != "gemini-live-2.5-flash" ||
		call.Endpoint != "/ws/*.BidiGenerateContent" {
		t.Errorf("call: %+v\nparts: %+v", call, parts)
	}
}

// A websocket passes unchanged both ways, whatever burn makes of it.
func TestUnreadableSessionPassesUnchanged(t *testing.T) {
	garbage := bytes.Repeat([]byte("\xff\x00GET no frame\r\n"), 20000)
	url := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := readRequest(in); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(c, in)
	})
	p := startProxy(t, nil, "openai="+url)
	c := dial(t, p.addr)
	io.WriteString(c, "GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(c)
	if _, err := readHead(in); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.Write(garbage)
		c.(*net.TCPConn).CloseWrite()
	}()
	if b, err := io.ReadAll(in); err != nil || !bytes.Equal(b, garbage) {
		t.Errorf("%d bytes came back of %d, %v", len(b), len(garbage), err)
	}
	r := only(t, p.finish())
	if r.UsageSource != usage.SourceMissing || len(r.Flags) != 1 || r.Flags[0] != "decode_failed" {
		t.Errorf("%s %v", r.UsageSource, r.Flags)
	}
}
