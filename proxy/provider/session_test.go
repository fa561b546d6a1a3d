package provider

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// dialogue is one case of testdata/<provider>/<case>: the messages of both
// sides of a websocket, one per line, and what records must say of them.
type dialogue struct {
	name           string
	call           Call
	server, client [][]byte
	Path, Query    string
	Want           map[string]any
	Parts          []map[string]any
}

func dialogues(t testing.TB) []dialogue {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*/session.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d cases, error %v", len(files), err)
	}
	var list []dialogue
	for _, f := range files {
		dir := filepath.Dir(f)
		d := dialogue{name: strings.TrimPrefix(dir, "testdata/")}
		if err := json.Unmarshal(read(t, f), &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		p, ok := Lookup(filepath.Base(filepath.Dir(dir)))
		if !ok {
			t.Fatalf("%s: no such provider", f)
		}
		d.call = Classify(p, "GET", d.Path)
		d.call.ReadQuery(d.Query)
		d.server = messages(read(t, filepath.Join(dir, "server.jsonl")))
		if files, _ := filepath.Glob(filepath.Join(dir, "client.jsonl")); files != nil {
			d.client = messages(read(t, files[0]))
		}
		list = append(list, d)
	}
	return list
}

func messages(b []byte) (list [][]byte) {
	for line := range bytes.Lines(b) {
		list = append(list, bytes.TrimSpace(line))
	}
	return list
}

// wsFrame writes one frame; mask is nil on the server's side.
func wsFrame(first byte, mask, payload []byte) []byte {
	b := []byte{first, 0}
	switch n := len(payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if mask == nil {
		return append(b, payload...)
	}
	b[1] |= frameMasked
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// wire is a way to send messages.
type wire struct {
	name       string
	extensions string
	opcode     byte
	pieces     int // frames per message, with a ping between two
	pack       func() func(message []byte) []byte
}

// deflater compresses messages; keep: with the window of those before.
func deflater(keep, final bool) func() func([]byte) []byte {
	return func() func([]byte) []byte {
		var out bytes.Buffer
		z, _ := flate.NewWriter(&out, 6)
		return func(message []byte) []byte {
			out.Reset()
			if !keep {
				z.Reset(&out)
			}
			z.Write(message)
			if final {
				z.Close()
				return append(bytes.Clone(out.Bytes()), 0)
			}
			z.Flush()
			return bytes.Clone(bytes.TrimSuffix(out.Bytes(), messageTail))
		}
	}
}

var wires = []wire{
	{"plain", "", opText, 1, nil},
	{"binary", "", opBinary, 1, nil},
	{"fragments", "x-other", opText, 5, nil},
	{"deflate", "permessage-deflate", opText, 1, deflater(true, false)},
	{"deflate, fragments", "x-other, permessage-deflate; client_max_window_bits=15", opText, 4, deflater(true, false)},
	{"deflate without context", "Permessage-Deflate; server_no_context_takeover; client_no_context_takeover", opText, 3, deflater(false, false)},
	{"deflate with final blocks", "permessage-deflate; server_no_context_takeover", opText, 2, deflater(false, true)},
	{"not deflated though agreed", "permessage-deflate", opText, 2, nil},
}

// send puts messages on the wire, a close frame last.
func (w *wire) send(list [][]byte, masked bool) (b []byte) {
	var mask []byte
	if masked {
		mask = []byte{0x1f, 0xe2, 0x03, 0x84}
	}
	var pack func([]byte) []byte
	if w.pack != nil {
		pack = w.pack()
	}
	for _, m := range list {
		first := w.opcode
		if pack != nil {
			m = pack(m)
			first |= framePacked
		}
		size := len(m)/w.pieces + 1
		for i := range w.pieces {
			n := min(size, len(m))
			if i == w.pieces-1 {
				first |= frameFinal
			}
			b = append(b, wsFrame(first, mask, m[:n])...)
			m, first = m[n:], opContinue
			if i < w.pieces-1 {
				b = append(b, wsFrame(frameFinal|9, mask, []byte(`{"type":"ping"}`))...)
			}
		}
	}
	return append(b, wsFrame(frameFinal|opClose, mask, []byte{3, 232})...)
}

// pass reads both directions; the client begins.
func (d *dialogue) pass(extensions string, server, client [][]byte) passed {
	got := passed{Record: new(usage.Record)}
	h := http.Header{}
	if extensions != "" {
		h.Set("Sec-Websocket-Extensions", extensions)
	}
	s := NewSession(d.call, h, func(rec *usage.Record) { got.parts = append(got.parts, rec) })
	for _, p := range client {
		s.Client(bytes.Clone(p))
	}
	for _, p := range server {
		s.Server(bytes.Clone(p))
	}
	s.Finish(got.Record)
	return got
}

// shownPart is what a dialogue's want may name.
func shownPart(rec *usage.Record) map[string]any {
	m := shown(rec)
	if rec.RequestModel != "" {
		m["request_model"] = rec.RequestModel
	}
	if rec.Operation != "" {
		m["operation"] = rec.Operation
	}
	return m
}

func TestSessions(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, d := range dialogues(t) {
		for _, w := range wires {
			t.Run(d.name+"/"+w.name, func(t *testing.T) {
				server, client := w.send(d.server, false), w.send(d.client, true)
				whole := d.pass(w.extensions, [][]byte{server}, [][]byte{client})
				compare(t, shownPart(whole.Record), d.Want)
				if len(whole.parts) != len(d.Parts) {
					t.Fatalf("%d parts, want %d: %s", len(whole.parts), len(d.Parts), everything(whole))
				}
				for i, part := range whole.parts {
					compare(t, shownPart(part), d.Parts[i])
				}
				if strings.Contains(everything(whole), "secret") {
					t.Errorf("free text in a record: %s", everything(whole))
				}
				if n := int64(len(bytes.Join(d.server, nil))); whole.ResponseBytes != n {
					t.Errorf("response_bytes %d, want %d", whole.ResponseBytes, n)
				}
				if got := d.pass(w.extensions, singles(server), singles(client)); everything(got) != everything(whole) {
					t.Errorf("byte by byte\ngot  %s\nwant %s", everything(got), everything(whole))
				}
				for range 20 {
					if got := d.pass(w.extensions, randomSplit(rnd, server), randomSplit(rnd, client)); everything(got) != everything(whole) {
						t.Fatalf("random split\ngot  %s\nwant %s", everything(got), everything(whole))
					}
				}
			})
		}
	}
}

// A session that is cut keeps the parts it had.
func TestCutSessions(t *testing.T) {
	d := dialogues(t)
	for _, w := range wires {
		for _, d := range d {
			server, client := w.send(d.server, false), w.send(d.client, true)
			last := 0
			for n := 0; n <= len(server); n += 7 {
				got := d.pass(w.extensions, [][]byte{server[:n]}, [][]byte{client})
				if len(got.parts) < last || len(got.parts) > len(d.Parts) || len(got.Flags) > 0 {
					t.Fatalf("%s, %s, cut at %d: %d parts, %d before, flags %v", d.name, w.name, n, len(got.parts), last, got.Flags)
				}
				last = len(got.parts)
			}
		}
	}
}

func TestSessionGivesUp(t *testing.T) {
	const good = `{"type":"response.done","response":{"id":"r","status":"completed","usage":{"input_tokens":7,"output_tokens":8}}}`
	ok := wsFrame(frameFinal|opText, nil, []byte(good))
	packed := deflater(true, false)()([]byte(good))
	long := wsFrame(frameFinal|opText, nil, make([]byte, 1<<16))
	binary.BigEndian.PutUint64(long[2:], 1<<63)
	for _, c := range []struct {
		name  string
		wire  []byte
		parts int
		flag  string
	}{
		{"all well", slices.Concat(ok, ok), 2, ""},
		{"HTTP", append(bytes.Clone(ok), "HTTP/1.1 400 Bad Request\r\n\r\n"...), 1, FlagDecodeFailed},
		{"masked by the server", slices.Concat(wsFrame(frameFinal|opText, []byte("mask"), []byte(good)), ok), 0, FlagDecodeFailed},
		{"reserved bit", slices.Concat(ok, wsFrame(frameFinal|0x20|opText, nil, []byte(good)), ok), 1, FlagDecodeFailed},
		{"reserved opcode", slices.Concat(ok, wsFrame(frameFinal|3, nil, []byte(good)), ok), 1, FlagDecodeFailed},
		{"reserved control opcode", slices.Concat(ok, wsFrame(frameFinal|11, nil, nil), ok), 1, FlagDecodeFailed},
		{"long control frame", slices.Concat(ok, wsFrame(frameFinal|9, nil, make([]byte, 126)), ok), 1, FlagDecodeFailed},
		{"control frame in pieces", slices.Concat(ok, wsFrame(9, nil, nil), ok), 1, FlagDecodeFailed},
		{"continuation of nothing", slices.Concat(ok, wsFrame(frameFinal, nil, []byte(good)), ok), 1, FlagDecodeFailed},
		{"message within a message", slices.Concat(ok, wsFrame(opText, nil, []byte("{")), ok), 1, FlagDecodeFailed},
		{"length of 2^63", slices.Concat(ok, long), 1, FlagDecodeFailed},
		{"compressed continuation", slices.Concat(wsFrame(opText|framePacked, nil, packed[:5]), wsFrame(frameFinal|framePacked, nil, packed[5:]), ok), 0, FlagDecodeFailed},
		{"broken deflate", slices.Concat(ok, wsFrame(frameFinal|opText|framePacked, nil, []byte("\xff\xff\xff\xff")), ok), 1, FlagDecodeFailed},
		{"reference before the beginning", slices.Concat(ok, wsFrame(frameFinal|opText|framePacked, nil, secondOnly(good)), ok), 1, FlagDecodeFailed},
		{"empty messages", slices.Concat(wsFrame(frameFinal|opText, nil, nil), wsFrame(opText, nil, nil), wsFrame(frameFinal, nil, nil), ok), 1, ""},
		{"broken JSON", slices.Concat(wsFrame(frameFinal|opText, nil, []byte(`{"response":{"usage":{"input_tokens":9`)), ok), 1, ""},
		{"audio in binary frames", slices.Concat(wsFrame(frameFinal|opBinary, nil, []byte{0, 1, 2, '{', '"'}), ok), 1, ""},
		{"text that is no object", slices.Concat(wsFrame(frameFinal|opText, nil, []byte(`["response.done"]`)), wsFrame(frameFinal|opText, nil, []byte("hello")), ok), 1, ""},
		{"another message", slices.Concat(wsFrame(frameFinal|opText, nil, []byte(strings.Replace(good, "response.done", "response.created", 1))), ok), 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dialogue{call: Classify(named("openai"), "GET", "/v1/realtime")}
			for _, pieces := range [][][]byte{{c.wire}, singles(c.wire)} {
				got := d.pass("permessage-deflate", pieces, nil)
				want, flags := usage.SourceNone, []string(nil)
				if c.flag != "" {
					want, flags = usage.SourceMissing, []string{c.flag}
				}
				if len(got.parts) != c.parts || got.UsageSource != want || !slices.Equal(got.Flags, flags) {
					t.Errorf("%d parts, %s, %v; want %d, %s, %v", len(got.parts), got.UsageSource, got.Flags, c.parts, want, flags)
				}
				for _, p := range got.parts {
					if p.Input != 7 || p.Output != 8 {
						t.Errorf("part of %d/%d tokens", p.Input, p.Output)
					}
				}
			}
		})
	}
	// What is compressed though nobody agreed to it cannot be read.
	d := dialogue{call: Classify(named("openai"), "GET", "/v1/realtime")}
	got := d.pass("", [][]byte{slices.Concat(ok, wsFrame(frameFinal|opText|framePacked, nil, packed), ok)}, nil)
	if len(got.parts) != 1 || !slices.Equal(got.Flags, []string{FlagDecodeFailed}) {
		t.Errorf("compressed without agreement: %d parts, %v", len(got.parts), got.Flags)
	}
}

// secondOnly is the second of two equal messages, which refers to the first.
func secondOnly(message string) []byte {
	pack := deflater(true, false)()
	pack([]byte(message))
	return pack([]byte(message))
}

func TestSessionMemoryIsBounded(t *testing.T) {
	audio := bytes.Repeat([]byte("UklGRiQAAABXQVZF"), 4<<10)
	var parts int
	s := NewSession(Classify(named("openai"), "GET", "/v1/realtime"), http.Header{}, func(*usage.Record) { parts++ })
	send := func(size int, pieces ...[]byte) {
		h := wsFrame(frameFinal|opText, nil, make([]byte, 1<<16))[:10]
		binary.BigEndian.PutUint64(h[2:], uint64(size))
		s.Server(h)
		for _, p := range pieces {
			s.Server(p)
		}
	}
	for range 3 {
		head, tail := []byte(`{"type":"response.output_audio.delta","delta":"`), []byte(`"}`)
		pieces := [][]byte{head}
		for range 1600 { // 100 MB
			pieces = append(pieces, audio)
		}
		send(len(head)+1600*len(audio)+len(tail), append(pieces, tail)...)
		done := []byte(`{"type":"response.done","response":{"usage":{"input_tokens":1}}}`)
		send(len(done), done)
	}
	if n := cap(s.server.walk.tree) + cap(s.server.gather.usage) + cap(s.turn.usage) + 2*(len(s.server.gather.vals)*scalarCap+len(s.server.scratch)+len(s.server.walk.buf)); n > 64<<10 {
		t.Errorf("%d bytes kept", n)
	}
	var rec usage.Record
	s.Finish(&rec)
	if parts != 3 || rec.Events != 6 || rec.ResponseBytes < 300<<20 {
		t.Errorf("%d parts, %d messages, %d bytes", parts, rec.Events, rec.ResponseBytes)
	}
}

func TestReadQuery(t *testing.T) {
	for _, c := range []struct{ path, query, want string }{
		{"/v1/realtime", "model=gpt-realtime", "gpt-realtime"},
		{"/v1/realtime", "x=1&model=gpt%2Frealtime&model=second", "gpt/realtime"},
		{"/openai/realtime", "api-version=1&deployment=prod+voice", "prod voice"},
		{"/v1/realtime", "model=%zz", ""},
		{"/v1/realtime", "models=a&amodel=b", ""},
		{"/v1/realtime", "", ""},
		{"/v1/models", "model=gpt-realtime", ""},
	} {
		call := Classify(named("openai"), "GET", c.path)
		if call.ReadQuery(c.query); call.Model != c.want {
			t.Errorf("%s?%s: model %q, want %q", c.path, c.query, call.Model, c.want)
		}
	}
}

// FuzzSession reads foreign bytes as both sides of a websocket, whole and in
// pieces.
func FuzzSession(f *testing.F) {
	for _, d := range dialogues(f) {
		for _, w := range wires {
			f.Add(w.send(d.server, false), w.send(d.client, true), w.pack != nil, d.call.Dialect == Gemini, uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, server, client []byte, deflated, gemini bool, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		d := dialogue{call: Classify(named("openai"), "GET", "/v1/realtime")}
		if gemini {
			d.call = Classify(named("gemini"), "GET", "/ws/x."+liveMethod)
		}
		extensions := ""
		if deflated {
			extensions = "permessage-deflate"
		}
		whole := d.pass(extensions, [][]byte{server}, [][]byte{client})
		pieces := d.pass(extensions, randomSplit(rnd, server), [][]byte{client})
		for _, p := range slices.Concat(whole.parts, pieces.parts) {
			sound(t, p)
		}
		sound(t, whole.Record)
		if deflated && len(whole.Flags) > 0 {
			return // how much comes out before an error depends on the pieces
		}
		if everything(pieces) != everything(whole) {
			t.Fatalf("\nwhole  %s\npieces %s", everything(whole), everything(pieces))
		}
	})
}
