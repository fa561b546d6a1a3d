package usage

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Reasons why a line is rejected (Error.Reason): a closed set, counted in every
// report.
const (
	ReasonSyntax   = "syntax"   // not JSON
	ReasonObject   = "object"   // JSON, but not an object
	ReasonVersion  = "version"  // v is missing or not Version
	ReasonIdentity = "identity" // boot or seq is missing or malformed
	ReasonKind     = "kind"     // a kind this version does not know
	ReasonTime     = "time"     // ts is missing or not RFC 3339 with a zone
	ReasonType     = "type"     // a key's value has the wrong JSON type
	ReasonRange    = "range"    // a number is negative, not whole, or too large for its key
	ReasonTooLong  = "too_long" // longer than MaxDecode
	ReasonClock    = "clock"    // set by ingest: ts is far in the future or before LLM APIs existed
)

// MaxDecode is the longest line Decode accepts, in bytes. Lines of this
// version are at most MaxLine; the room is for later versions.
const MaxDecode = 64 << 10

// Error says why a line is not a record. It never quotes the line.
type Error struct {
	Reason string // one of the Reason constants
	Key    string // the key concerned, if any; always one of this format's keys
	Offset int    // byte position in the line
}

func (e *Error) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("%s: %s (byte %d)", e.Reason, e.Key, e.Offset)
	}
	return fmt.Sprintf("%s (byte %d)", e.Reason, e.Offset)
}

// Decoder turns lines into records. The zero value is ready. It is not safe
// for concurrent use.
type Decoder struct {
	b   []byte
	i   int
	ts  timeCache
	rec *Record

	version, boot, seq, tsSet bool
	err                       *Error
}

// Decode reads one line, without its newline, into r, replacing all of r but
// reusing its slices. Strings of r may share memory with line: they are valid
// as long as line is not changed. The error is an *Error.
func (d *Decoder) Decode(line []byte, r *Record) error {
	*r = Record{
		FPTurns: r.FPTurns[:0], FPPrefix: r.FPPrefix[:0], FPParts: r.FPParts[:0],
		Tags: r.Tags[:0], SubUsage: r.SubUsage[:0], Flags: r.Flags[:0], Cut: r.Cut[:0],
	}
	d.b, d.i, d.rec, d.err = line, 0, r, nil
	d.version, d.boot, d.seq, d.tsSet = false, false, false, false
	if len(line) > MaxDecode {
		return &Error{Reason: ReasonTooLong}
	}
	d.space()
	if d.peek() != '{' {
		if d.skip(0) && d.end() {
			return &Error{Reason: ReasonObject}
		}
		return &Error{Reason: ReasonSyntax, Offset: d.i}
	}
	if !d.object((*Decoder).member) || !d.end() {
		return &Error{Reason: ReasonSyntax, Offset: d.i}
	}
	return d.check()
}

// check applies the rules on required keys after the whole line was read, so
// that a line which is not JSON is always counted as that.
func (d *Decoder) check() error {
	r := d.rec
	switch {
	case !d.version:
		return &Error{Reason: ReasonVersion, Key: "v"}
	case d.err != nil:
		return d.err
	case !d.boot:
		return &Error{Reason: ReasonIdentity, Key: "boot"}
	case !d.seq || r.Seq == 0:
		return &Error{Reason: ReasonIdentity, Key: "seq"}
	case !d.tsSet:
		return &Error{Reason: ReasonTime, Key: "ts"}
	}
	switch r.Kind {
	case KindCall, KindStart, KindOpen, KindBeat, KindStop, KindGap:
		return nil
	}
	return &Error{Reason: ReasonKind, Key: "kind"}
}

// fail keeps the first semantic error; syntax is still read to the end.
func (d *Decoder) fail(reason, key string, at int) {
	if d.err == nil {
		d.err = &Error{Reason: reason, Key: key, Offset: at}
	}
}

// member reads the value of one top-level key. It reports false only on bad
// syntax.
func (d *Decoder) member(key string) bool {
	r := d.rec
	switch key {
	case "v":
		n, ok := d.uint("v", math.MaxInt64)
		d.version = n == Version
		return ok
	case "kind":
		return d.text(key, &r.Kind)
	case "boot":
		return d.bootID()
	case "seq":
		n, ok := d.uint(key, math.MaxInt64)
		r.Seq, d.seq = uint64(n), true
		return ok
	case "ts":
		return d.time()
	case "latency_ms":
		return d.float(key, &r.LatencyMS)
	case "ttft_ms":
		return d.float(key, &r.TTFTMS)
	case "upstream":
		return d.text(key, &r.Upstream)
	case "provider":
		return d.text(key, &r.Provider)
	case "operation":
		return d.text(key, &r.Operation)
	case "endpoint":
		return d.text(key, &r.Endpoint)
	case "method":
		return d.text(key, &r.Method)
	case "status":
		n, ok := d.uint(key, 999)
		r.Status = int(n)
		return ok
	case "error_type":
		return d.text(key, &r.ErrorType)
	case "end":
		return d.text(key, &r.End)
	case "stream":
		return d.bool(key, &r.Stream)
	case "request_model":
		return d.text(key, &r.RequestModel)
	case "response_model":
		return d.text(key, &r.ResponseModel)
	case "service_tier":
		return d.text(key, &r.ServiceTier)
	case "speed":
		return d.text(key, &r.Speed)
	case "geo":
		return d.text(key, &r.Geo)
	case "finish_reason":
		return d.text(key, &r.FinishReason)
	case "response_id":
		return d.text(key, &r.ResponseID)
	case "prev_response_id":
		return d.text(key, &r.PrevResponseID)
	case "request_id":
		return d.text(key, &r.RequestID)
	case "org":
		return d.text(key, &r.Org)
	case "project":
		return d.text(key, &r.Project)
	case "agent":
		return d.text(key, &r.Agent)
	case "agent_source":
		return d.text(key, &r.AgentSource)
	case "user":
		return d.text(key, &r.User)
	case "session":
		return d.text(key, &r.Session)
	case "trace_id":
		return d.text(key, &r.TraceID)
	case "span_id":
		return d.text(key, &r.SpanID)
	case "parent_id":
		return d.text(key, &r.ParentID)
	case "step":
		return d.text(key, &r.Step)
	case "tags":
		return d.tags()
	case "key_id":
		return d.text(key, &r.KeyID)
	case "client":
		return d.text(key, &r.Client)
	case "user_agent":
		return d.text(key, &r.UserAgent)
	case "usage_source":
		return d.text(key, &r.UsageSource)
	case "cost_usd":
		return d.cost(&r.CostUSD)
	case "raw_usage":
		return d.raw(key, &r.RawUsage)
	case "sub_usage":
		return d.subUsage()
	case "fp_system":
		return d.fingerprint(key, &r.FPSystem)
	case "fp_tools":
		return d.fingerprint(key, &r.FPTools)
	case "fp_input":
		return d.fingerprint(key, &r.FPInput)
	case "fp_request":
		return d.fingerprint(key, &r.FPRequest)
	case "fp_turns":
		return d.fingerprints(key, &r.FPTurns, MaxTurns)
	case "fp_prefix":
		return d.fingerprints(key, &r.FPPrefix, MaxPrefixes)
	case "fp_parts":
		return d.fingerprints(key, &r.FPParts, MaxParts)
	case "flags":
		return d.texts(key, &r.Flags)
	case "cut":
		return d.texts(key, &r.Cut)
	case "version":
		return d.text(key, &r.BurnVersion)
	case "last_seq":
		n, ok := d.uint(key, math.MaxInt64)
		r.LastSeq = uint64(n)
		return ok
	}
	if p := r.count(key); p != nil {
		return d.count(key, p)
	}
	return d.tokenMember(key, &r.Tokens)
}

// count returns where a key that counts things other than tokens lives.
func (r *Record) count(key string) *int64 {
	switch key {
	case "retry":
		return &r.Retry
	case "part":
		return &r.Part
	case "request_bytes":
		return &r.RequestBytes
	case "response_bytes":
		return &r.ResponseBytes
	case "events":
		return &r.Events
	case "output_bytes":
		return &r.OutputBytes
	case "messages":
		return &r.Messages
	case "tools":
		return &r.Tools
	case "max_tokens":
		return &r.MaxTokens
	case "tool_calls":
		return &r.ToolCalls
	case "system_bytes":
		return &r.SystemBytes
	case "tools_bytes":
		return &r.ToolsBytes
	case "history_bytes":
		return &r.HistoryBytes
	case "recent_bytes":
		return &r.RecentBytes
	case "input_bytes":
		return &r.InputBytes
	case "file":
		return &r.File
	case "refused":
		return &r.Refused
	case "dropped":
		return &r.Dropped
	case "write_errors":
		return &r.WriteErrors
	case "skipped":
		return &r.Skipped
	case "lost_lines":
		return &r.LostLines
	case "calls":
		return &r.Calls
	}
	return nil
}

// tokenMember reads a key of Tokens, and skips any other.
func (d *Decoder) tokenMember(key string, t *Tokens) bool {
	if p := t.field(key); p != nil {
		return d.count(key, p)
	}
	if key == "seconds" {
		return d.seconds(&t.Seconds)
	}
	return d.skip(0)
}

func (t *Tokens) field(key string) *int64 {
	switch key {
	case "input_tokens":
		return &t.Input
	case "cache_read_tokens":
		return &t.CacheRead
	case "cache_write_tokens":
		return &t.CacheWrite
	case "cache_write_1h_tokens":
		return &t.CacheWrite1h
	case "output_tokens":
		return &t.Output
	case "reasoning_tokens":
		return &t.Reasoning
	case "citation_tokens":
		return &t.Citation
	case "audio_input_tokens":
		return &t.AudioInput
	case "audio_cache_read_tokens":
		return &t.AudioCacheRead
	case "audio_output_tokens":
		return &t.AudioOutput
	case "image_input_tokens":
		return &t.ImageInput
	case "image_output_tokens":
		return &t.ImageOutput
	case "web_searches":
		return &t.WebSearches
	case "requests":
		return &t.Requests
	}
	return nil
}

// MaxCount is the greatest count a record may hold (tokens, bytes, events).
const MaxCount = math.MaxUint32

func (d *Decoder) count(key string, p *int64) bool {
	n, ok := d.uint(key, MaxCount)
	*p = n
	return ok
}

// uint reads a whole number from 0 to max.
func (d *Decoder) uint(key string, max int64) (int64, bool) {
	at := d.i
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, d.null(key)
	}
	lit, whole, ok := d.number()
	if !ok {
		return 0, false
	}
	if !whole || len(lit) > 19 {
		d.fail(ReasonRange, key, at)
		return 0, true
	}
	var n uint64
	for _, c := range lit {
		n = n*10 + uint64(c-'0')
	}
	if n > uint64(max) {
		d.fail(ReasonRange, key, at)
		return 0, true
	}
	return int64(n), true
}

// MaxMillis is the greatest duration a record may hold, in milliseconds.
const MaxMillis = 1e12

func (d *Decoder) float(key string, p *float64) bool {
	at := d.i
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		*p = 0
		return d.null(key)
	}
	lit, whole, ok := d.number()
	if !ok {
		return false
	}
	f, exact := smallDecimal(lit, whole)
	if !exact {
		var err error
		if f, err = strconv.ParseFloat(view(lit), 64); err != nil {
			f = math.Inf(1)
		}
	}
	if lit[0] == '-' || f > MaxMillis {
		d.fail(ReasonRange, key, at)
		f = 0
	}
	*p = f
	return true
}

// smallDecimal reads what the encoder writes, up to 15 digits and one point:
// both the digits and the power of ten are exact floats then, so that one
// division rounds correctly.
func smallDecimal(lit []byte, whole bool) (float64, bool) {
	if len(lit) > 16 || lit[0] == '-' {
		return 0, false
	}
	n, scale, point := 0, 1, false
	for _, c := range lit {
		switch {
		case c == '.':
			point = true
		case c < '0' || c > '9':
			return 0, false
		default:
			n = n*10 + int(c-'0')
			if point {
				scale *= 10
			}
		}
	}
	if n >= 1<<53 {
		return 0, false
	}
	return float64(n) / float64(scale), true
}

// seconds keeps a non-negative number as its literal.
func (d *Decoder) seconds(p *string) bool {
	at := d.i
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		*p = ""
		return d.null("seconds")
	}
	lit, _, ok := d.number()
	if !ok {
		return false
	}
	*p = ""
	if f, err := strconv.ParseFloat(view(lit), 64); err != nil || lit[0] == '-' || f > MaxMillis || len(lit) > 64 {
		d.fail(ReasonRange, "seconds", at)
		return true
	}
	*p = view(lit)
	return true
}

// cost reads a string that holds a plain non-negative decimal number.
func (d *Decoder) cost(p *string) bool {
	at := d.i
	if !d.text("cost_usd", p) {
		return false
	}
	digits, points := 0, 0
	for i := 0; i < len(*p); i++ {
		switch c := (*p)[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && i > 0 && i < len(*p)-1:
			points++
		default:
			points = 2
		}
	}
	if *p != "" && (digits == 0 || points > 1 || digits > 60) {
		d.fail(ReasonRange, "cost_usd", at)
		*p = ""
	}
	return true
}

func (d *Decoder) text(key string, p *string) bool {
	if d.peek() != '"' {
		*p = ""
		return d.null(key)
	}
	var ok bool
	*p, ok = d.string()
	return ok
}

func (d *Decoder) bool(key string, p *bool) bool {
	switch d.peek() {
	case 't':
		*p = true
		return d.word("true")
	case 'f':
		*p = false
		return d.word("false")
	}
	*p = false
	return d.null(key)
}

// null reads null, which is the same as absent, or skips a value of another
// type, which is an error.
func (d *Decoder) null(key string) bool {
	if d.peek() != 'n' {
		d.fail(ReasonType, key, d.i)
	}
	return d.skip(0)
}

func (d *Decoder) bootID() bool {
	at := d.i
	d.boot = false
	if d.peek() != '"' {
		return d.skip(0)
	}
	s, ok := d.string()
	if !ok {
		return false
	}
	d.rec.Boot, d.boot = ParseHex(s)
	if !d.boot {
		d.fail(ReasonIdentity, "boot", at)
	}
	return true
}

func (d *Decoder) fingerprint(key string, p *uint64) bool {
	at := d.i
	*p = 0
	if d.peek() != '"' {
		return d.null(key)
	}
	s, ok := d.string()
	if !ok {
		return false
	}
	n, hex := ParseHex(s)
	if !hex {
		d.fail(ReasonType, key, at)
	}
	*p = n
	return true
}

// ParseHex reads exactly 16 lower- or upper-case hex digits.
func ParseHex(s string) (uint64, bool) {
	if len(s) != 16 {
		return 0, false
	}
	var n uint64
	for i := 0; i < 16; i++ {
		v := hexValue[s[i]]
		if v > 15 {
			return 0, false
		}
		n = n<<4 | uint64(v)
	}
	return n, true
}

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := byte(0); i < 10; i++ {
		t['0'+i] = i
	}
	for i := byte(0); i < 6; i++ {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

func (d *Decoder) fingerprints(key string, p *[]uint64, max int) bool {
	*p = (*p)[:0]
	if d.peek() != '[' {
		return d.null(key)
	}
	return d.array(func(d *Decoder) bool {
		var n uint64
		ok := d.fingerprint(key, &n)
		if len(*p) < max {
			*p = append(*p, n)
		}
		return ok
	})
}

func (d *Decoder) texts(key string, p *[]string) bool {
	*p = (*p)[:0]
	if d.peek() != '[' {
		return d.null(key)
	}
	return d.array(func(d *Decoder) bool {
		var s string
		ok := d.text(key, &s)
		*p = append(*p, s)
		return ok
	})
}

func (d *Decoder) tags() bool {
	d.rec.Tags = d.rec.Tags[:0]
	if d.peek() != '{' {
		return d.null("tags")
	}
	return d.object(func(d *Decoder, key string) bool {
		var s string
		ok := d.text("tags", &s)
		d.rec.Tags = append(d.rec.Tags, Tag{key, s})
		return ok
	})
}

func (d *Decoder) subUsage() bool {
	d.rec.SubUsage = d.rec.SubUsage[:0]
	if d.peek() != '[' {
		return d.null("sub_usage")
	}
	return d.array(func(d *Decoder) bool {
		var s SubUsage
		if d.peek() != '{' {
			return d.null("sub_usage")
		}
		ok := d.object(func(d *Decoder, key string) bool {
			if key == "model" {
				return d.text(key, &s.Model)
			}
			return d.tokenMember(key, &s.Tokens)
		})
		d.rec.SubUsage = append(d.rec.SubUsage, s)
		return ok
	})
}

// raw keeps an object as its bytes.
func (d *Decoder) raw(key string, p *[]byte) bool {
	at := d.i
	*p = nil
	if d.peek() != '{' {
		return d.null(key)
	}
	if !d.skip(0) {
		return false
	}
	*p = d.b[at:d.i:d.i]
	return true
}

func (d *Decoder) time() bool {
	at := d.i
	d.tsSet = false
	if d.peek() != '"' {
		if d.peek() != 'n' {
			d.fail(ReasonTime, "ts", at)
		}
		return d.skip(0)
	}
	s, ok := d.string()
	if !ok {
		return false
	}
	d.rec.TS, d.tsSet = d.ts.parse(s)
	if !d.tsSet {
		d.fail(ReasonTime, "ts", at)
	}
	return true
}

// timeCache parses times; records of one hour share the expensive part.
type timeCache struct {
	hour string // "2006-01-02T15"
	base int64  // its milliseconds
}

func (c *timeCache) parse(s string) (ms int64, ok bool) {
	if len(s) != len("2006-01-02T15:04:05.000Z") || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		return parseTime(s)
	}
	min, ok1 := twoDigits(s[14:])
	sec, ok2 := twoDigits(s[17:])
	cs, ok3 := twoDigits(s[20:])
	if !ok1 || !ok2 || !ok3 || min > 59 || sec > 59 || s[22] < '0' || s[22] > '9' {
		return 0, false
	}
	if c.hour != s[:13] {
		t, err := time.Parse("2006-01-02T15", s[:13])
		if err != nil {
			return 0, false
		}
		c.hour, c.base = string(append([]byte(nil), s[:13]...)), t.UnixMilli()
	}
	return c.base + (min*60+sec)*1000 + cs*10 + int64(s[22]-'0'), true
}

func twoDigits(s string) (int64, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int64(a)*10 + int64(b), a <= 9 && b <= 9
}

func parseTime(s string) (int64, bool) {
	if len(s) > 40 {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}

// AsError returns the *Error in err, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
