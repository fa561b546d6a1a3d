package usage

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// A field is how one key of a line is read.
type field struct {
	key    string
	quoted string // as it is written: "key":
	read   func(*Decoder) bool

	form form
	at   uintptr // where it is in a Record, if it has a form

	// quoted as whole words, since comparing two of them costs less than a call:
	// bytes 0 to 7, of which mask counts, 8 to 15, and the last 8.
	head, mask, mid, tail uint64
}

// form tells how this package's encoder writes a value, for which members has a
// short way. The zero form has none.
type form uint8

const (
	formOther       form = iota
	formText             // string
	formCount            // int64, up to MaxCount
	formMillis           // float64
	formFingerprint      // uint64
)

// fieldCount is how many keys Decode knows, and one for all others.
const fieldCount = 92

// fields are the keys of a line, in the order in which they are written. The
// first one stands for every key that this version does not know.
var fields = func() (all [fieldCount]field) {
	n := 0
	add := func(key string, read func(*Decoder) bool) {
		all[n] = newField(key, read)
		n++
	}
	var r Record
	short := func(form form, at unsafe.Pointer) {
		all[n-1].form, all[n-1].at = form, uintptr(at)-uintptr(unsafe.Pointer(&r))
	}
	text := func(key string, at func(*Record) *string) {
		add(key, func(d *Decoder) bool { return d.text(key, at(d.rec)) })
		short(formText, unsafe.Pointer(at(&r)))
	}
	count := func(key string, at func(*Record) *int64) {
		add(key, func(d *Decoder) bool { return d.count(key, at(d.rec)) })
		short(formCount, unsafe.Pointer(at(&r)))
	}
	millis := func(key string, at func(*Record) *float64) {
		add(key, func(d *Decoder) bool { return d.float(key, at(d.rec)) })
		short(formMillis, unsafe.Pointer(at(&r)))
	}
	fingerprint := func(key string, at func(*Record) *uint64) {
		add(key, func(d *Decoder) bool { return d.fingerprint(key, at(d.rec)) })
		short(formFingerprint, unsafe.Pointer(at(&r)))
	}
	fingerprints := func(key string, max int, at func(*Record) *[]uint64) {
		add(key, func(d *Decoder) bool { return d.fingerprints(key, at(d.rec), max) })
	}
	add("", func(d *Decoder) bool { return d.skip(0) })
	add("v", func(d *Decoder) bool {
		n, ok := d.uint("v", math.MaxInt64)
		d.version = n == Version
		return ok
	})
	text("kind", func(r *Record) *string { return &r.Kind })
	add("boot", (*Decoder).bootID)
	add("seq", func(d *Decoder) bool {
		n, ok := d.uint("seq", math.MaxInt64)
		d.rec.Seq, d.seq = uint64(n), true
		return ok
	})
	add("ts", (*Decoder).time)
	millis("latency_ms", func(r *Record) *float64 { return &r.LatencyMS })
	millis("ttft_ms", func(r *Record) *float64 { return &r.TTFTMS })
	text("upstream", func(r *Record) *string { return &r.Upstream })
	text("provider", func(r *Record) *string { return &r.Provider })
	text("operation", func(r *Record) *string { return &r.Operation })
	text("endpoint", func(r *Record) *string { return &r.Endpoint })
	text("method", func(r *Record) *string { return &r.Method })
	add("status", func(d *Decoder) bool {
		n, ok := d.uint("status", 999)
		d.rec.Status = int(n)
		return ok
	})
	text("error_type", func(r *Record) *string { return &r.ErrorType })
	text("end", func(r *Record) *string { return &r.End })
	add("stream", func(d *Decoder) bool { return d.bool("stream", &d.rec.Stream) })
	text("request_model", func(r *Record) *string { return &r.RequestModel })
	text("response_model", func(r *Record) *string { return &r.ResponseModel })
	text("service_tier", func(r *Record) *string { return &r.ServiceTier })
	text("speed", func(r *Record) *string { return &r.Speed })
	text("geo", func(r *Record) *string { return &r.Geo })
	text("finish_reason", func(r *Record) *string { return &r.FinishReason })
	text("response_id", func(r *Record) *string { return &r.ResponseID })
	text("prev_response_id", func(r *Record) *string { return &r.PrevResponseID })
	text("request_id", func(r *Record) *string { return &r.RequestID })
	text("org", func(r *Record) *string { return &r.Org })
	text("project", func(r *Record) *string { return &r.Project })
	count("retry", func(r *Record) *int64 { return &r.Retry })
	count("part", func(r *Record) *int64 { return &r.Part })
	text("agent", func(r *Record) *string { return &r.Agent })
	text("agent_source", func(r *Record) *string { return &r.AgentSource })
	text("user", func(r *Record) *string { return &r.User })
	text("session", func(r *Record) *string { return &r.Session })
	text("trace_id", func(r *Record) *string { return &r.TraceID })
	text("span_id", func(r *Record) *string { return &r.SpanID })
	text("parent_id", func(r *Record) *string { return &r.ParentID })
	text("step", func(r *Record) *string { return &r.Step })
	add("tags", (*Decoder).tags)
	text("key_id", func(r *Record) *string { return &r.KeyID })
	text("client", func(r *Record) *string { return &r.Client })
	text("user_agent", func(r *Record) *string { return &r.UserAgent })
	text("usage_source", func(r *Record) *string { return &r.UsageSource })
	for _, f := range tokenFields {
		count(f.key, func(r *Record) *int64 { return f.at(&r.Tokens) })
	}
	add("seconds", func(d *Decoder) bool { return d.seconds(&d.rec.Seconds) })
	add("cost_usd", func(d *Decoder) bool { return d.cost(&d.rec.CostUSD) })
	add("raw_usage", func(d *Decoder) bool { return d.raw("raw_usage", &d.rec.RawUsage) })
	add("sub_usage", (*Decoder).subUsage)
	count("request_bytes", func(r *Record) *int64 { return &r.RequestBytes })
	count("response_bytes", func(r *Record) *int64 { return &r.ResponseBytes })
	count("events", func(r *Record) *int64 { return &r.Events })
	count("output_bytes", func(r *Record) *int64 { return &r.OutputBytes })
	count("messages", func(r *Record) *int64 { return &r.Messages })
	count("tools", func(r *Record) *int64 { return &r.Tools })
	count("max_tokens", func(r *Record) *int64 { return &r.MaxTokens })
	count("tool_calls", func(r *Record) *int64 { return &r.ToolCalls })
	count("system_bytes", func(r *Record) *int64 { return &r.SystemBytes })
	count("tools_bytes", func(r *Record) *int64 { return &r.ToolsBytes })
	count("history_bytes", func(r *Record) *int64 { return &r.HistoryBytes })
	count("recent_bytes", func(r *Record) *int64 { return &r.RecentBytes })
	count("input_bytes", func(r *Record) *int64 { return &r.InputBytes })
	fingerprint("fp_system", func(r *Record) *uint64 { return &r.FPSystem })
	fingerprint("fp_tools", func(r *Record) *uint64 { return &r.FPTools })
	fingerprint("fp_input", func(r *Record) *uint64 { return &r.FPInput })
	fingerprint("fp_request", func(r *Record) *uint64 { return &r.FPRequest })
	fingerprints("fp_turns", MaxTurns, func(r *Record) *[]uint64 { return &r.FPTurns })
	fingerprints("fp_prefix", MaxPrefixes, func(r *Record) *[]uint64 { return &r.FPPrefix })
	fingerprints("fp_parts", MaxParts, func(r *Record) *[]uint64 { return &r.FPParts })
	add("flags", func(d *Decoder) bool { return d.texts("flags", &d.rec.Flags) })
	text("version", func(r *Record) *string { return &r.BurnVersion })
	count("file", func(r *Record) *int64 { return &r.File })
	add("last_seq", func(d *Decoder) bool {
		n, ok := d.uint("last_seq", math.MaxInt64)
		d.rec.LastSeq = uint64(n)
		return ok
	})
	count("refused", func(r *Record) *int64 { return &r.Refused })
	count("dropped", func(r *Record) *int64 { return &r.Dropped })
	count("write_errors", func(r *Record) *int64 { return &r.WriteErrors })
	count("skipped", func(r *Record) *int64 { return &r.Skipped })
	count("lost_lines", func(r *Record) *int64 { return &r.LostLines })
	count("calls", func(r *Record) *int64 { return &r.Calls })
	add("cut", func(d *Decoder) bool { return d.texts("cut", &d.rec.Cut) })
	if n != fieldCount {
		panic("usage: fieldCount is not the number of fields") // when the program starts, in every test
	}
	return all
}()

func newField(key string, read func(*Decoder) bool) field {
	f := field{key: key, quoted: `"` + key + `":`, read: read}
	var words [4 * 8]byte
	size := copy(words[:], f.quoted)
	f.head, f.mask = binary.LittleEndian.Uint64(words[:]), math.MaxUint64
	if size < 8 {
		f.mask = 1<<(8*size) - 1
		return f
	}
	f.mid, f.tail = binary.LittleEndian.Uint64(words[8:]), binary.LittleEndian.Uint64(words[size-8:])
	return f
}

// begins reports whether b starts with the field's key as it is written. It may
// say no of the last bytes of a line.
func (f *field) begins(b []byte) bool {
	size := len(f.quoted)
	if len(b) < 4*8 || (binary.LittleEndian.Uint64(b)^f.head)&f.mask != 0 {
		return false
	}
	switch {
	case size <= 8:
		return true
	case size <= 16:
		return binary.LittleEndian.Uint64(b[size-8:]) == f.tail
	case size <= 24:
		return binary.LittleEndian.Uint64(b[8:]) == f.mid && binary.LittleEndian.Uint64(b[size-8:]) == f.tail
	}
	return view(b[:size]) == f.quoted
}

// fieldByKey is the place of a key in fields.
var fieldByKey = func() map[string]uint8 {
	m := make(map[string]uint8, fieldCount)
	for i, f := range fields[1:] {
		m[f.key] = uint8(i + 1)
	}
	return m
}()

// tokenMember reads a key of Tokens inside another object, and skips any other.
func (d *Decoder) tokenMember(key string, t *Tokens) bool {
	for _, f := range tokenFields {
		if f.key == key {
			return d.count(key, f.at(t))
		}
	}
	if key == "seconds" {
		return d.seconds(&t.Seconds)
	}
	return d.skip(0)
}
