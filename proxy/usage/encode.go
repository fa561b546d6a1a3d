package usage

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the record as one line, newline included, and returns the
// extended slice. A line that would be longer than MaxLine loses, in this
// order and named in "cut": raw_usage, sub_usage beyond MaxSubUsage (folded by
// model), tags, fp_parts, and at last all labels are cut to 32 bytes.
func (r *Record) AppendJSON(dst []byte) []byte {
	start := len(dst)
	dst = r.appendLine(dst, r.Cut)
	if len(dst)-start <= MaxLine {
		return dst
	}
	short := *r
	short.Cut = slices.Clone(r.Cut)
	for _, step := range cuts {
		if !step.apply(&short) {
			continue
		}
		short.Cut = append(short.Cut, step.name)
		dst = short.appendLine(dst[:start], short.Cut)
		if len(dst)-start <= MaxLine {
			break
		}
	}
	return dst
}

// cuts are the steps of AppendJSON, in order; apply reports whether there was
// anything to cut.
var cuts = []struct {
	name  string
	apply func(*Record) bool
}{
	{"raw_usage", func(r *Record) bool { had := r.RawUsage != nil; r.RawUsage = nil; return had }},
	{"sub_usage", foldSubUsage},
	{"tags", func(r *Record) bool { had := r.Tags != nil; r.Tags = nil; return had }},
	{"fp_parts", func(r *Record) bool { had := r.FPParts != nil; r.FPParts = nil; return had }},
	{"labels", cutLabels},
}

// foldSubUsage adds up the passes of each model. Only when more than
// MaxSubUsage models remain are the last ones added into one called Other.
func foldSubUsage(r *Record) bool {
	if len(r.SubUsage) <= 1 {
		return false
	}
	var folded []SubUsage
	for _, s := range r.SubUsage {
		i := slices.IndexFunc(folded, func(f SubUsage) bool { return f.Model == s.Model })
		if i < 0 && len(folded) < MaxSubUsage {
			folded = append(folded, s)
			continue
		}
		if i < 0 {
			i = MaxSubUsage - 1
			folded[i].Model = Other
		}
		folded[i].Tokens.Add(s.Tokens)
	}
	r.SubUsage = folded
	return true
}

func cutLabels(r *Record) bool {
	const short = 32
	cut := false
	for _, s := range []*string{
		&r.Agent, &r.AgentSource, &r.User, &r.Session, &r.Step, &r.TraceID, &r.SpanID, &r.ParentID, &r.UserAgent, &r.Upstream,
		&r.RequestModel, &r.ResponseModel, &r.ResponseID, &r.PrevResponseID, &r.RequestID, &r.Org, &r.Project,
	} {
		var changed bool
		*s, changed = Label(*s, short)
		cut = cut || changed
	}
	if len(r.Flags) > 16 {
		r.Flags, cut = r.Flags[:16], true
	}
	if len(r.SubUsage) > 0 {
		r.SubUsage = slices.Clone(r.SubUsage)
		for i := range r.SubUsage {
			r.SubUsage[i].Model, _ = Label(r.SubUsage[i].Model, short)
		}
	}
	return cut
}

// Add adds the counts of o to t. Seconds are kept as literals and only taken
// over when t has none.
func (t *Tokens) Add(o Tokens) {
	for _, f := range tokenFields {
		*f.at(t) += *f.at(&o)
	}
	if t.Seconds == "" {
		t.Seconds = o.Seconds
	}
}

// tokenFields lists the counts of Tokens with their keys, in the order in
// which they are written.
var tokenFields = []struct {
	key string
	at  func(*Tokens) *int64
}{
	{"input_tokens", func(t *Tokens) *int64 { return &t.Input }},
	{"cache_read_tokens", func(t *Tokens) *int64 { return &t.CacheRead }},
	{"cache_write_tokens", func(t *Tokens) *int64 { return &t.CacheWrite }},
	{"cache_write_1h_tokens", func(t *Tokens) *int64 { return &t.CacheWrite1h }},
	{"output_tokens", func(t *Tokens) *int64 { return &t.Output }},
	{"reasoning_tokens", func(t *Tokens) *int64 { return &t.Reasoning }},
	{"citation_tokens", func(t *Tokens) *int64 { return &t.Citation }},
	{"audio_input_tokens", func(t *Tokens) *int64 { return &t.AudioInput }},
	{"audio_cache_read_tokens", func(t *Tokens) *int64 { return &t.AudioCacheRead }},
	{"audio_output_tokens", func(t *Tokens) *int64 { return &t.AudioOutput }},
	{"image_input_tokens", func(t *Tokens) *int64 { return &t.ImageInput }},
	{"image_output_tokens", func(t *Tokens) *int64 { return &t.ImageOutput }},
	{"web_searches", func(t *Tokens) *int64 { return &t.WebSearches }},
	{"requests", func(t *Tokens) *int64 { return &t.Requests }},
}

// line is the state of one encoding: what is written so far.
type line []byte

func (r *Record) appendLine(dst []byte, cut []string) []byte {
	b := line(append(dst, `{"v":1`...))
	b.text("kind", r.Kind)
	b.hex("boot", r.Boot)
	b.key("seq")
	b = strconv.AppendUint(b, r.Seq, 10)
	b.key("ts")
	b = append(b, '"')
	b = AppendTime(b, r.TS)
	b = append(b, '"')
	b.float("latency_ms", r.LatencyMS)
	b.float("ttft_ms", r.TTFTMS)
	b.text("upstream", r.Upstream)
	b.text("provider", r.Provider)
	b.text("operation", r.Operation)
	b.text("endpoint", r.Endpoint)
	b.text("method", r.Method)
	if r.Kind == KindCall || r.Status != 0 {
		b.key("status")
		b = strconv.AppendInt(b, int64(r.Status), 10)
	}
	b.text("error_type", r.ErrorType)
	b.text("end", r.End)
	if r.Stream {
		b.key("stream")
		b = append(b, "true"...)
	}
	b.text("request_model", r.RequestModel)
	b.text("response_model", r.ResponseModel)
	b.text("service_tier", r.ServiceTier)
	b.text("speed", r.Speed)
	b.text("geo", r.Geo)
	b.text("finish_reason", r.FinishReason)
	b.text("response_id", r.ResponseID)
	b.text("prev_response_id", r.PrevResponseID)
	b.text("request_id", r.RequestID)
	b.text("org", r.Org)
	b.text("project", r.Project)
	b.int("retry", r.Retry)
	b.int("part", r.Part)
	b.text("agent", r.Agent)
	b.text("agent_source", r.AgentSource)
	b.text("user", r.User)
	b.text("session", r.Session)
	b.text("trace_id", r.TraceID)
	b.text("span_id", r.SpanID)
	b.text("parent_id", r.ParentID)
	b.text("step", r.Step)
	b.tags(r.Tags)
	b.text("key_id", r.KeyID)
	b.text("client", r.Client)
	b.text("user_agent", r.UserAgent)
	b.text("usage_source", r.UsageSource)
	b.tokens(&r.Tokens)
	b.text("cost_usd", r.CostUSD)
	if len(r.RawUsage) > 0 {
		b.key("raw_usage")
		b = append(b, r.RawUsage...)
	}
	b.subUsage(r.SubUsage)
	b.int("request_bytes", r.RequestBytes)
	b.int("response_bytes", r.ResponseBytes)
	b.int("events", r.Events)
	b.int("output_bytes", r.OutputBytes)
	b.int("messages", r.Messages)
	b.int("tools", r.Tools)
	b.int("max_tokens", r.MaxTokens)
	b.int("tool_calls", r.ToolCalls)
	b.int("system_bytes", r.SystemBytes)
	b.int("tools_bytes", r.ToolsBytes)
	b.int("history_bytes", r.HistoryBytes)
	b.int("recent_bytes", r.RecentBytes)
	b.int("input_bytes", r.InputBytes)
	b.fingerprint("fp_system", r.FPSystem)
	b.fingerprint("fp_tools", r.FPTools)
	b.fingerprint("fp_input", r.FPInput)
	b.fingerprint("fp_request", r.FPRequest)
	b.fingerprints("fp_turns", r.FPTurns)
	b.fingerprints("fp_prefix", r.FPPrefix)
	b.fingerprints("fp_parts", r.FPParts)
	b.texts("flags", r.Flags)
	if r.Kind != KindCall {
		b.text("version", r.BurnVersion)
		b.int("file", r.File)
		b.int("last_seq", int64(r.LastSeq))
		b.int("refused", r.Refused)
		b.int("dropped", r.Dropped)
		b.int("write_errors", r.WriteErrors)
		b.int("skipped", r.Skipped)
		b.int("lost_lines", r.LostLines)
		b.int("calls", r.Calls)
	}
	b.texts("cut", cut)
	return append(b, '}', '\n')
}

func (b *line) key(k string) {
	*b = append(*b, ',', '"')
	*b = append(*b, k...)
	*b = append(*b, '"', ':')
}

func (b *line) text(k, s string) {
	if s == "" {
		return
	}
	b.key(k)
	*b = AppendString(*b, s)
}

func (b *line) int(k string, n int64) {
	if n == 0 {
		return
	}
	b.key(k)
	*b = strconv.AppendInt(*b, n, 10)
}

// float writes milliseconds with at most three decimals.
func (b *line) float(k string, f float64) {
	if !(f > 0) {
		return
	}
	b.key(k)
	us := int64(f*1000 + 0.5)
	*b = strconv.AppendInt(*b, us/1000, 10)
	if frac := us % 1000; frac != 0 {
		digits := [4]byte{'.', byte('0' + frac/100), byte('0' + frac/10%10), byte('0' + frac%10)}
		n := 4
		for digits[n-1] == '0' {
			n--
		}
		*b = append(*b, digits[:n]...)
	}
}

func (b *line) hex(k string, n uint64) {
	b.key(k)
	*b = appendHex(*b, n)
}

func (b *line) fingerprint(k string, n uint64) {
	if n != 0 {
		b.hex(k, n)
	}
}

func (b *line) fingerprints(k string, ns []uint64) {
	if len(ns) == 0 {
		return
	}
	b.key(k)
	sep := byte('[')
	for _, n := range ns {
		*b = append(*b, sep)
		*b = appendHex(*b, n)
		sep = ','
	}
	*b = append(*b, ']')
}

func (b *line) texts(k string, ss []string) {
	if len(ss) == 0 {
		return
	}
	b.key(k)
	sep := byte('[')
	for _, s := range ss {
		*b = append(*b, sep)
		*b = AppendString(*b, s)
		sep = ','
	}
	*b = append(*b, ']')
}

func (b *line) tags(tags []Tag) {
	if len(tags) == 0 {
		return
	}
	b.key("tags")
	sep := byte('{')
	for _, t := range tags {
		*b = append(*b, sep)
		*b = AppendString(*b, t.Key)
		*b = append(*b, ':')
		*b = AppendString(*b, t.Value)
		sep = ','
	}
	*b = append(*b, '}')
}

func (b *line) tokens(t *Tokens) {
	b.int("input_tokens", t.Input)
	b.int("cache_read_tokens", t.CacheRead)
	b.int("cache_write_tokens", t.CacheWrite)
	b.int("cache_write_1h_tokens", t.CacheWrite1h)
	b.int("output_tokens", t.Output)
	b.int("reasoning_tokens", t.Reasoning)
	b.int("citation_tokens", t.Citation)
	b.int("audio_input_tokens", t.AudioInput)
	b.int("audio_cache_read_tokens", t.AudioCacheRead)
	b.int("audio_output_tokens", t.AudioOutput)
	b.int("image_input_tokens", t.ImageInput)
	b.int("image_output_tokens", t.ImageOutput)
	b.int("web_searches", t.WebSearches)
	b.int("requests", t.Requests)
	if t.Seconds != "" {
		b.key("seconds")
		*b = append(*b, t.Seconds...)
	}
}

func (b *line) subUsage(subs []SubUsage) {
	if len(subs) == 0 {
		return
	}
	b.key("sub_usage")
	sep := byte('[')
	for i := range subs {
		*b = append(*b, sep, '{')
		*b = append(*b, `"model":`...)
		*b = AppendString(*b, subs[i].Model)
		b.tokens(&subs[i].Tokens)
		*b = append(*b, '}')
		sep = ','
	}
	*b = append(*b, ']')
}

// AppendTime appends ms, milliseconds since the Unix epoch, as RFC 3339 in UTC
// with three decimals.
func AppendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

func appendHex(dst []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 60; i >= 0; i -= 4 {
		dst = append(dst, digits[n>>i&15])
	}
	return append(dst, '"')
}

// AppendString appends s as a JSON string; invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[done:i]...)
			if c == '"' || c == '\\' {
				dst = append(dst, '\\', c)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			}
			i++
			done = i
			continue
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 {
			dst = append(dst, s[done:i]...)
			dst = append(dst, "\uFFFD"...)
			done = i + 1
		}
		i += n
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}
