package usage

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// full is a record with every field of a call set.
func full() *Record {
	return &Record{
		Boot: 0x0123456789abcdef, Seq: 7, TS: 1795442400123, LatencyMS: 812.345, TTFTMS: 90.5,
		Upstream: "openai", Provider: "openai", Operation: "chat", Endpoint: "/v1/chat/completions", Method: "POST",
		Status: 200, ErrorType: "rate_limit", End: EndComplete, Stream: true,
		RequestModel: "gpt-5", ResponseModel: "gpt-5-2025-08-07", ServiceTier: "default", Speed: "fast", Geo: "us", FinishReason: "stop",
		ResponseID: "chatcmpl-1", PrevResponseID: "resp_0", RequestID: "req_1", Org: "org-1", Project: "proj_1", Retry: 1, Part: 2,
		Agent: `triage "β"`, AgentSource: "x-agent-id", User: "u\\1", Session: "s-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		SpanID: "00f067aa0ba902b7", ParentID: "00f067aa0ba902b8", Step: "plan", Tags: []Tag{{"env", "prod"}, {"team", "a,b"}},
		KeyID: "89abcdef01234567", Client: "10.0.0.7", UserAgent: "OpenAI/Python", UsageSource: SourceReported,
		Tokens: Tokens{Input: 100, CacheRead: 40, CacheWrite: 30, CacheWrite1h: 20, Output: 50, Reasoning: 10, Citation: 5,
			AudioInput: 4, AudioCacheRead: 3, AudioOutput: 2, ImageInput: 6, ImageOutput: 7, WebSearches: 8, Requests: 9, Seconds: "0.333333"},
		CostUSD: "0.0123", RawUsage: []byte(`{"prompt_tokens":100}`),
		SubUsage:     []SubUsage{{Model: "advisor", Tokens: Tokens{Input: 11, Output: 12}}},
		RequestBytes: 1000, ResponseBytes: 2000, Events: 30, OutputBytes: 200, Messages: 3, Tools: 4, MaxTokens: 512, ToolCalls: 1,
		SystemBytes: 10, ToolsBytes: 20, HistoryBytes: 30, RecentBytes: 25, InputBytes: 40,
		FPSystem: 1, FPTools: 2, FPInput: 3, FPRequest: 1 << 63, FPTurns: []uint64{5, 6, 7, 8}, FPPrefix: []uint64{9, 10}, FPParts: []uint64{11},
		Flags: []string{"clock_jump"}, Cut: []string{"tags"},
	}
}

func TestRoundTrip(t *testing.T) {
	records := map[string]*Record{
		"call":  full(),
		"bare":  {Boot: 1, Seq: 1, TS: 0},
		"start": {Kind: KindStart, Boot: 2, Seq: 1, TS: 1, BurnVersion: "1.0", File: 3},
		"beat":  {Kind: KindBeat, Boot: 2, Seq: 9, TS: 1, LastSeq: 4, Refused: 5, Dropped: 6, WriteErrors: 7, Skipped: 8, LostLines: 9},
		"gap":   {Kind: KindGap, Boot: 2, Seq: 1, TS: 3600000, Provider: "openai", Calls: 12, Tokens: Tokens{Input: 99}},
	}
	for name, r := range records {
		t.Run(name, func(t *testing.T) {
			line := r.AppendJSON(nil)
			if !json.Valid(line) || bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
				t.Fatalf("not one line of JSON: %s", line)
			}
			var d Decoder
			var got Record
			if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &got); err != nil {
				t.Fatal(err)
			}
			if !same(&got, r) {
				t.Errorf("got  %+v\nwant %+v", got, *r)
			}
		})
	}
}

// TestEveryFieldTravels fails when a field is added to Record but not to the
// encoder or the decoder: every field of full or of the other kinds must be
// set by somebody.
func TestEveryFieldTravels(t *testing.T) {
	r := full()
	other := Record{Kind: KindBeat, BurnVersion: "v", File: 1, LastSeq: 2, Refused: 3, Dropped: 4, WriteErrors: 5, Skipped: 6, LostLines: 7, Calls: 8}
	a, b := reflect.ValueOf(*r), reflect.ValueOf(other)
	for i := range a.NumField() {
		if a.Field(i).IsZero() && b.Field(i).IsZero() {
			t.Errorf("the test sets no %s", a.Type().Field(i).Name)
		}
	}
	other.Boot, other.Seq = 1, 1
	var d Decoder
	var got Record
	if err := d.Decode(other.AppendJSON(nil), &got); err != nil || !same(&got, &other) {
		t.Errorf("err %v\ngot  %+v\nwant %+v", err, got, other)
	}
}

// same compares records, empty and nil slices alike.
func same(a, b *Record) bool {
	return bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil)) && reflect.DeepEqual(a.Tokens, b.Tokens) && a.Boot == b.Boot && a.Seq == b.Seq
}

func TestDecodeRules(t *testing.T) {
	const head = `{"v":1,"boot":"00000000000000ff","seq":1,"ts":"2026-11-23T14:00:00.123Z"`
	tests := []struct {
		name, line string
		reason     string // "" accepted
		input      int64  // wanted input_tokens
	}{
		{"plain", head + `,"input_tokens":5}`, "", 5},
		{"spaces and CR", " " + head + ` , "input_tokens" : 5 } ` + "\r", "", 5},
		{"null is absent", head + `,"input_tokens":null,"agent":null,"tags":null,"fp_turns":null,"stream":null,"latency_ms":null}`, "", 0},
		{"extra keys", head + `,"later":{"a":[1,2,{"b":null}]},"input_tokens":5}`, "", 5},
		{"other case is another key", head + `,"INPUT_TOKENS":5}`, "", 0},
		{"last duplicate wins", head + `,"input_tokens":4,"input_tokens":5}`, "", 5},
		{"escaped key", head + `,"input\u005ftokens":5}`, "", 5},
		{"zone is converted", `{"v":1,"boot":"00000000000000ff","seq":1,"ts":"2026-11-23T15:00:00+01:00","input_tokens":5}`, "", 5},
		{"largest count", head + `,"input_tokens":4294967295}`, "", 4294967295},
		{"largest seq", `{"v":1,"boot":"00000000000000ff","seq":9223372036854775807,"ts":"2026-11-23T14:00:00Z"}`, "", 0},
		{"1.0", head + `,"input_tokens":1.0}`, ReasonRange, 0},
		{"1e3", head + `,"input_tokens":1e3}`, ReasonRange, 0},
		{"negative", head + `,"input_tokens":-1}`, ReasonRange, 0},
		{"negative zero", head + `,"input_tokens":-0}`, ReasonRange, 0},
		{"2^32", head + `,"input_tokens":4294967296}`, ReasonRange, 0},
		{"2^63", `{"v":1,"boot":"00000000000000ff","seq":9223372036854775808,"ts":"2026-11-23T14:00:00Z"}`, ReasonRange, 0},
		{"twenty digits", head + `,"input_tokens":99999999999999999999}`, ReasonRange, 0},
		{"1e400", head + `,"latency_ms":1e400}`, ReasonRange, 0},
		{"negative latency", head + `,"latency_ms":-0.5}`, ReasonRange, 0},
		{"NaN", head + `,"latency_ms":NaN}`, ReasonSyntax, 0},
		{"Infinity", head + `,"latency_ms":Infinity}`, ReasonSyntax, 0},
		{"leading zero", head + `,"input_tokens":05}`, ReasonSyntax, 0},
		{"string for a number", head + `,"input_tokens":"5"}`, ReasonType, 0},
		{"number for a string", head + `,"agent":5}`, ReasonType, 0},
		{"object for a list", head + `,"fp_turns":{}}`, ReasonType, 0},
		{"list for tags", head + `,"tags":[]}`, ReasonType, 0},
		{"number in tags", head + `,"tags":{"env":1}}`, ReasonType, 0},
		{"string for raw_usage", head + `,"raw_usage":"x"}`, ReasonType, 0},
		{"short fingerprint", head + `,"fp_system":"abc"}`, ReasonType, 0},
		{"cost with exponent", head + `,"cost_usd":"1e-3"}`, ReasonRange, 0},
		{"negative cost", head + `,"cost_usd":"-1"}`, ReasonRange, 0},
		{"status 1000", head + `,"status":1000}`, ReasonRange, 0},
		{"no version", `{"boot":"00000000000000ff","seq":1,"ts":"2026-11-23T14:00:00Z"}`, ReasonVersion, 0},
		{"version 2", `{"v":2,"boot":"00000000000000ff","seq":1,"ts":"2026-11-23T14:00:00Z"}`, ReasonVersion, 0},
		{"no boot", `{"v":1,"seq":1,"ts":"2026-11-23T14:00:00Z"}`, ReasonIdentity, 0},
		{"short boot", `{"v":1,"boot":"ff","seq":1,"ts":"2026-11-23T14:00:00Z"}`, ReasonIdentity, 0},
		{"no seq", `{"v":1,"boot":"00000000000000ff","ts":"2026-11-23T14:00:00Z"}`, ReasonIdentity, 0},
		{"seq 0", `{"v":1,"boot":"00000000000000ff","seq":0,"ts":"2026-11-23T14:00:00Z"}`, ReasonIdentity, 0},
		{"no time", `{"v":1,"boot":"00000000000000ff","seq":1}`, ReasonTime, 0},
		{"time without zone", `{"v":1,"boot":"00000000000000ff","seq":1,"ts":"2026-11-23T14:00:00.123"}`, ReasonTime, 0},
		{"leap second", `{"v":1,"boot":"00000000000000ff","seq":1,"ts":"2016-12-31T23:59:60.000Z"}`, ReasonTime, 0},
		{"30 February", `{"v":1,"boot":"00000000000000ff","seq":1,"ts":"2026-02-30T10:00:00.000Z"}`, ReasonTime, 0},
		{"unknown kind", head + `,"kind":"later"}`, ReasonKind, 0},
		{"array", `[1,2]`, ReasonObject, 0},
		{"null", `null`, ReasonObject, 0},
		{"number", `12`, ReasonObject, 0},
		{"empty", ``, ReasonSyntax, 0},
		{"torn", head + `,"input_tok`, ReasonSyntax, 0},
		{"two objects", head + `}{"v":1}`, ReasonSyntax, 0},
		{"NUL", head + ",\"input_tokens\":5}\x00", ReasonSyntax, 0},
		{"raw newline in a string", head + ",\"agent\":\"a\nb\"}", ReasonSyntax, 0},
		{"BOM", "\ufeff" + head + `}`, ReasonSyntax, 0}, // the reader strips a file's BOM
		{"too long", head + `,"x":"` + strings.Repeat("a", MaxDecode) + `"}`, ReasonTooLong, 0},
		{"depth 10000", head + `,"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, ReasonSyntax, 0},
		{"depth 9999", head + `,"x":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, "", 0},
	}
	var d Decoder
	var r Record
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := d.Decode([]byte(tt.line), &r)
			got := ""
			if err != nil {
				got = AsError(err).Reason
			}
			if got != tt.reason {
				t.Fatalf("reason %q, want %q (%v)", got, tt.reason, err)
			}
			if err == nil && r.Input != tt.input {
				t.Errorf("input_tokens %d, want %d", r.Input, tt.input)
			}
		})
	}
}

// White space and another order of the keys take the decoder's long way, which
// must read the same.
func TestLongWayReadsTheSame(t *testing.T) {
	line := full().AppendJSON(nil)
	want := decode(t, line)
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, line, "\r", " \t"); err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		t.Fatal(err)
	}
	shuffled, err := json.Marshal(members) // keys in the order of the alphabet
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string][]byte{"spaced": spaced.Bytes(), "shuffled": shuffled} {
		got := decode(t, line)
		if got.RawUsage = want.RawUsage; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
}

func decode(t *testing.T, line []byte) *Record {
	t.Helper()
	var d Decoder
	r := new(Record)
	if err := d.Decode(line, r); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return r
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	line := []byte("{\"v\":1,\"boot\":\"00000000000000ff\",\"seq\":1,\"ts\":\"2026-11-23T14:00:00Z\",\"agent\":\"a\xff\xfeb\",\"user\":\"\\ud800x\"}")
	var d Decoder
	var r Record
	if err := d.Decode(line, &r); err != nil {
		t.Fatal(err)
	}
	if r.Agent != "a\uFFFD\uFFFDb" || r.User != "\uFFFDx" {
		t.Errorf("agent %q, user %q", r.Agent, r.User)
	}
}

func TestCutsToMaxLine(t *testing.T) {
	long := strings.Repeat("x", 120)
	r := full()
	r.Cut = nil
	r.RawUsage = []byte(`{"a":"` + strings.Repeat("9", 7500) + `"}`)
	line := r.AppendJSON(nil)
	check := func(line []byte, cut string) {
		t.Helper()
		var d Decoder
		var got Record
		if err := d.Decode(line[:len(line)-1], &got); err != nil {
			t.Fatal(err)
		}
		if len(line) > MaxLine || strings.Join(got.Cut, " ") != cut {
			t.Errorf("%d bytes, cut %q, want %q", len(line), got.Cut, cut)
		}
	}
	check(line, "raw_usage")

	for i := range 400 {
		r.SubUsage = append(r.SubUsage, SubUsage{Model: "m" + string(rune('a'+i%20)), Tokens: Tokens{Input: 1}})
	}
	line = r.AppendJSON(nil)
	check(line, "raw_usage sub_usage")
	var d Decoder
	var got Record
	if err := d.Decode(line, &got); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, s := range got.SubUsage {
		sum += s.Input
	}
	if len(got.SubUsage) != MaxSubUsage || sum != 411 {
		t.Errorf("%d models with %d tokens left, want %d with 411", len(got.SubUsage), sum, MaxSubUsage)
	}

	for i := range 60 {
		r.Tags = append(r.Tags, Tag{"k" + string(rune('a'+i%26)), long})
	}
	check(r.AppendJSON(nil), "raw_usage sub_usage tags")

	r.FPParts = nil // else named as well
	r.SpanID, r.ParentID, r.Flags = long, long, slices.Repeat([]string{long}, 80)
	line = r.AppendJSON(nil)
	check(line, "raw_usage sub_usage tags labels")
	if err := d.Decode(line, &got); err != nil || len(got.SpanID) > 32 || len(got.ParentID) > 32 {
		t.Errorf("spans %q and %q, %v", got.SpanID, got.ParentID, err)
	}
	if r.Tags == nil || r.RawUsage == nil || r.SpanID != long {
		t.Error("the record itself was changed")
	}
}

func TestLabel(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "triage", "triage"},
		{"space", "  a b ", "a b"},
		{"newline", "a\nb", "ab"},
		{"escape", "\x1b[31mred", "[31mred"},
		{"C1", "a\u009bb", "ab"},
		{"bidi", "a\u202eb\u2066c", "abc"},
		{"zero width", "a\u200bb\ufeff", "ab"},
		{"line separator", "a\u2028b", "ab"},
		{"invalid", "a\xffb", "a\uFFFDb"},
		{"letters", "größe 東京", "größe 東京"},
		{"only hidden", "\u200b", ""},
		{"space behind hidden", "a \u200b", "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, changed := Label(tt.in, MaxLabel)
			if got != tt.want || changed != (tt.in != tt.want) {
				t.Errorf("%q, %v, want %q", got, changed, tt.want)
			}
		})
	}
	a, _ := Label(strings.Repeat("a", 200)+"1", MaxLabel)
	b, _ := Label(strings.Repeat("a", 200)+"2", MaxLabel)
	if a == b || len(a) != MaxLabel {
		t.Errorf("long labels: %q and %q", a, b)
	}
}

func FuzzLabel(f *testing.F) {
	f.Add("agent", 32)
	f.Add("\u202e\xff"+strings.Repeat("é", 90), 128)
	f.Fuzz(func(t *testing.T, s string, max int) {
		max = 16 + max&0xff
		got, _ := Label(s, max)
		if len(got) > max || !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) {
			t.Fatalf("Label(%q, %d) = %q", s, max, got)
		}
		if again, changed := Label(got, max); changed || again != got {
			t.Fatalf("not idempotent: %q, then %q", got, again)
		}
	})
}

func TestIdent(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "rate_limit_exceeded": "rate_limit_exceeded", "a/b:c.d-e": "a/b:c.d-e",
		"has space": Other, "Incorrect key sk-1": Other, "é": Other, strings.Repeat("a", 65): Other,
	} {
		if got := Ident(in); got != want {
			t.Errorf("Ident(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzDecode compares the decoder with encoding/json on any bytes: what is
// JSON, and what the values are.
func FuzzDecode(f *testing.F) {
	f.Add(full().AppendJSON(nil))
	f.Add([]byte(`{"v":1,"boot":"00000000000000ff","seq":1,"ts":"2026-11-23T14:00:00.123Z","agent":"\ud83d\ude00","x":[1e5,-0.1,true,{}]}`))
	f.Add([]byte("{\"v\":1,\"boot\":\"00000000000000ff\",\"seq\":1,\"ts\":\"2026-11-23T14:00:00Z\",\"agent\":\"\xc3\x28\"}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) > MaxDecode {
			return
		}
		var d Decoder
		var r Record
		err := d.Decode(line, &r)
		if valid := json.Valid(line); valid == (err != nil && AsError(err).Reason == ReasonSyntax) {
			t.Fatalf("json.Valid %v, Decode %v: %q", valid, err, line)
		}
		var again Record
		if errAgain := d.Decode(line, &again); !sameDecoded(err, errAgain, &r, &again) {
			t.Fatalf("first %v %+v, then %v %+v: %q", err, r, errAgain, again, line)
		}
		if err != nil {
			return
		}
		var m map[string]any
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		for key, got := range map[string]string{"agent": r.Agent, "user": r.User, "request_model": r.RequestModel, "end": r.End, "kind": r.Kind} {
			if want, _ := m[key].(string); want != got {
				t.Fatalf("%s: %q, want %q", key, got, want)
			}
		}
		for _, tf := range tokenFields {
			want := int64(0)
			if n, ok := m[tf.key].(json.Number); ok {
				want, _ = n.Int64()
			}
			if got := *tf.at(&r.Tokens); got != want {
				t.Fatalf("%s: %d, want %d", tf.key, got, want)
			}
		}
		if list, ok := m["fp_parts"].([]any); ok {
			for i, v := range list[:min(len(list), MaxParts)] {
				text, _ := v.(string)
				if want, _ := ParseHex(text); want != r.FPParts[i] {
					t.Fatalf("fp_parts: %x, want %v", r.FPParts, list)
				}
			}
		}
		if n, ok := m["latency_ms"].(json.Number); ok {
			if want, _ := n.Float64(); want != r.LatencyMS {
				t.Fatalf("latency_ms: %v, want %v", r.LatencyMS, want)
			}
		}
	})
}

// sameDecoded compares two results of Decode; after an error the record is of
// no interest.
func sameDecoded(err1, err2 error, a, b *Record) bool {
	if err1 != nil || err2 != nil {
		return err1 != nil && err2 != nil && *AsError(err1) == *AsError(err2)
	}
	return bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil))
}

// Random damage to a good line finds no difference either; this runs in every
// test run, the fuzzer only on demand.
func TestDamagedLinesAgreeWithStandardLibrary(t *testing.T) {
	good := full().AppendJSON(nil)
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("\"\\{}[]:,0123456789eE+-.untrfals \t\n\x00\x1f\xc3\xa9\xff")
	accepted := 0
	var warm Decoder // expects what the good line has
	var again Record
	if err := warm.Decode(bytes.TrimSpace(good), &again); err != nil {
		t.Fatal(err)
	}
	for range 200_000 {
		line := bytes.Clone(good)
		for range 1 + rng.IntN(3) {
			i := rng.IntN(len(line))
			switch rng.IntN(3) {
			case 0:
				line[i] = alphabet[rng.IntN(len(alphabet))]
			case 1:
				line = append(line[:i], line[i+1:]...)
			case 2:
				line = append(line[:i+1], line[i:]...)
			}
		}
		var d Decoder
		var r Record
		err := d.Decode(line, &r)
		if valid := json.Valid(line); valid == (err != nil && AsError(err).Reason == ReasonSyntax) {
			t.Fatalf("json.Valid %v, Decode %v: %q", valid, err, line)
		}
		if errAgain := warm.Decode(line, &again); !sameDecoded(err, errAgain, &r, &again) {
			t.Fatalf("a first line gives %v %+v, after another one %v %+v: %q", err, r, errAgain, again, line)
		}
		if err == nil {
			accepted++
		}
	}
	if accepted == 0 || accepted == 200_000 {
		t.Fatalf("%d of 200000 accepted: the damage proves nothing", accepted)
	}
}

func BenchmarkDecode(b *testing.B) {
	line := full().AppendJSON(nil)
	line = line[:len(line)-1]
	b.Run("burn", func(b *testing.B) {
		var d Decoder
		var r Record
		b.SetBytes(int64(len(line)))
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Decode(line, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(line)))
		for b.Loop() {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := full()
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = r.AppendJSON(buf[:0])
	}
}
