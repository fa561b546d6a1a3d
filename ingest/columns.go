//go:build cgo

package ingest

import (
	"encoding/json"
	"math"
	"unsafe"

	"github.com/marcboeker/go-duckdb/mapping"

	"burn/proxy/usage"
)

// column is one column of the table call: its name, its type, and how a cell
// is written at row of a vector. The order is the table's.
type column struct {
	name string
	typ  mapping.Type
	put  func(v *vector, row int, e *entry)
}

// vector is where a column's cells of the current chunk live.
type vector struct {
	data  unsafe.Pointer
	valid unsafe.Pointer // of nullable columns only
	vec   mapping.Vector
}

// null clears the row's bit of the validity mask, here and not through C: most
// rows have two NULLs.
func (v *vector) null(row int) {
	word := (*uint64)(unsafe.Add(v.valid, row/64*8))
	*word &^= 1 << (row % 64)
}

func cell[T any](v *vector, row int, x T) {
	var size = unsafe.Sizeof(x)
	*(*T)(unsafe.Add(v.data, uintptr(row)*size)) = x
}

func u64(name string, get func(*entry) uint64) column {
	return column{name, mapping.TypeUBigInt, func(v *vector, row int, e *entry) { cell(v, row, get(e)) }}
}

func u32(name string, get func(*entry) int64) column {
	return column{name, mapping.TypeUInteger, func(v *vector, row int, e *entry) { cell(v, row, uint32(min(get(e), usage.MaxCount))) }}
}

func boolean(name string, get func(*entry) bool) column {
	return column{name, mapping.TypeBoolean, func(v *vector, row int, e *entry) { cell(v, row, get(e)) }}
}

// nth returns the i-th fingerprint, 0 if there are fewer.
func nth(fps []uint64, i int) uint64 {
	if i < len(fps) {
		return fps[i]
	}
	return 0
}

// columns builds the list; words and spellings are numbered through l.
func (l *loader) columns() []column {
	word := func(name, kind string, get func(*entry) string) column {
		d := l.dimension(kind)
		return column{name, mapping.TypeUInteger, func(v *vector, row int, e *entry) { cell(v, row, d.id(get(e))) }}
	}
	hash := func(name string, get func(*entry) string) column {
		return column{name, mapping.TypeUBigInt, func(v *vector, row int, e *entry) { cell(v, row, l.names.hash(get(e))) }}
	}
	plainHash := func(name string, get func(*entry) string) column {
		return column{name, mapping.TypeUBigInt, func(v *vector, row int, e *entry) { cell(v, row, hash64(get(e))) }}
	}
	tokens := func(name string, get func(*usage.Tokens) *int64) column {
		return u32(name, func(e *entry) int64 { return *get(&e.Tokens) })
	}
	return []column{
		u64("boot", func(e *entry) uint64 { return e.Boot }),
		u64("seq", func(e *entry) uint64 { return e.Seq }),
		u32("part", func(e *entry) int64 { return e.Part }),
		u32("requests", func(e *entry) int64 {
			if e.Kind == usage.KindGap {
				return e.Calls
			}
			return 1
		}),
		boolean("gap", func(e *entry) bool { return e.Kind == usage.KindGap }),
		{"ts", mapping.TypeTimestamp, func(v *vector, row int, e *entry) { cell(v, row, e.TS*1000) }},
		u64("latency_us", func(e *entry) uint64 { return uint64(math.Round(e.LatencyMS * 1000)) }),
		u64("ttft_us", func(e *entry) uint64 { return uint64(math.Round(e.TTFTMS * 1000)) }),
		word("upstream_id", "upstream", func(e *entry) string { return e.Upstream }),
		word("provider_id", "provider", func(e *entry) string { return e.Provider }),
		word("operation_id", "operation", func(e *entry) string { return e.Operation }),
		word("endpoint_id", "endpoint", func(e *entry) string { return e.Endpoint }),
		word("method_id", "method", func(e *entry) string { return e.Method }),
		{"status", mapping.TypeUSmallInt, func(v *vector, row int, e *entry) { cell(v, row, uint16(e.Status)) }},
		word("error_type_id", "error_type", func(e *entry) string { return e.ErrorType }),
		word("end_id", "end", func(e *entry) string { return e.End }),
		boolean("stream", func(e *entry) bool { return e.Stream }),
		word("request_model_id", "request_model", func(e *entry) string { return e.RequestModel }),
		word("response_model_id", "response_model", func(e *entry) string { return e.ResponseModel }),
		word("service_tier_id", "service_tier", func(e *entry) string { return e.ServiceTier }),
		word("speed_id", "speed", func(e *entry) string { return e.Speed }),
		word("geo_id", "geo", func(e *entry) string { return e.Geo }),
		word("finish_reason_id", "finish_reason", func(e *entry) string { return e.FinishReason }),
		plainHash("response_hash", func(e *entry) string { return e.ResponseID }),
		plainHash("prev_response_hash", func(e *entry) string { return e.PrevResponseID }),
		word("org_id", "org", func(e *entry) string { return e.Org }),
		word("project_id", "project", func(e *entry) string { return e.Project }),
		u32("retry", func(e *entry) int64 { return e.Retry }),
		word("agent_id", "agent", func(e *entry) string { return e.Agent }),
		word("agent_source_id", "agent_source", func(e *entry) string { return e.AgentSource }),
		word("user_id", "user", func(e *entry) string { return e.User }),
		hash("session_hash", func(e *entry) string { return e.Session }),
		hash("trace_hash", func(e *entry) string { return e.TraceID }),
		plainHash("span_hash", func(e *entry) string { return e.SpanID }),
		plainHash("parent_hash", func(e *entry) string { return e.ParentID }),
		word("step_id", "step", func(e *entry) string { return e.Step }),
		word("tags_id", "tags", func(e *entry) string { return l.tagText(e.Tags) }),
		word("key_id_id", "key_id", func(e *entry) string { return e.KeyID }),
		word("client_id", "client", func(e *entry) string { return e.Client }),
		word("user_agent_id", "user_agent", func(e *entry) string { return e.UserAgent }),
		word("usage_source_id", "usage_source", func(e *entry) string { return e.UsageSource }),
		word("flags_id", "flags", func(e *entry) string { return join(e.Flags) }),
		u32("seen_input_tokens", func(e *entry) int64 { return seenTokens(e, e.Input) }),
		u32("seen_output_tokens", func(e *entry) int64 { return seenTokens(e, e.Output) }),
		tokens("input_tokens", func(t *usage.Tokens) *int64 { return &t.Input }),
		tokens("cache_read_tokens", func(t *usage.Tokens) *int64 { return &t.CacheRead }),
		tokens("cache_write_tokens", func(t *usage.Tokens) *int64 { return &t.CacheWrite }),
		tokens("cache_write_1h_tokens", func(t *usage.Tokens) *int64 { return &t.CacheWrite1h }),
		tokens("output_tokens", func(t *usage.Tokens) *int64 { return &t.Output }),
		tokens("reasoning_tokens", func(t *usage.Tokens) *int64 { return &t.Reasoning }),
		tokens("citation_tokens", func(t *usage.Tokens) *int64 { return &t.Citation }),
		tokens("audio_input_tokens", func(t *usage.Tokens) *int64 { return &t.AudioInput }),
		tokens("audio_cache_read_tokens", func(t *usage.Tokens) *int64 { return &t.AudioCacheRead }),
		tokens("audio_output_tokens", func(t *usage.Tokens) *int64 { return &t.AudioOutput }),
		tokens("image_input_tokens", func(t *usage.Tokens) *int64 { return &t.ImageInput }),
		tokens("image_output_tokens", func(t *usage.Tokens) *int64 { return &t.ImageOutput }),
		tokens("web_searches", func(t *usage.Tokens) *int64 { return &t.WebSearches }),
		tokens("billed_requests", func(t *usage.Tokens) *int64 { return &t.Requests }),
		{"seconds", mapping.TypeVarchar, func(v *vector, row int, e *entry) { textOrNull(v, row, e.Seconds) }},
		{"sub_usage", mapping.TypeVarchar, func(v *vector, row int, e *entry) { textOrNull(v, row, subUsageText(e.SubUsage)) }},
		{"cost_usd", mapping.TypeDecimal, func(v *vector, row int, e *entry) {
			cell(v, row, e.cost.Pico)
			if !e.cost.Known() {
				v.null(row)
			}
		}},
		word("cost_basis_id", "cost_basis", func(e *entry) string { return e.cost.Basis }),
		boolean("estimated", func(e *entry) bool { return e.Kind == usage.KindGap }),
		u32("request_bytes", func(e *entry) int64 { return e.RequestBytes }),
		u32("response_bytes", func(e *entry) int64 { return e.ResponseBytes }),
		u32("events", func(e *entry) int64 { return e.Events }),
		u32("output_bytes", func(e *entry) int64 { return e.OutputBytes }),
		u32("messages", func(e *entry) int64 { return e.Messages }),
		u32("tools", func(e *entry) int64 { return e.Tools }),
		u32("max_tokens", func(e *entry) int64 { return e.MaxTokens }),
		u32("tool_calls", func(e *entry) int64 { return e.ToolCalls }),
		u32("system_bytes", func(e *entry) int64 { return e.SystemBytes }),
		u32("tools_bytes", func(e *entry) int64 { return e.ToolsBytes }),
		u32("history_bytes", func(e *entry) int64 { return e.HistoryBytes }),
		u32("recent_bytes", func(e *entry) int64 { return e.RecentBytes }),
		u32("input_bytes", func(e *entry) int64 { return e.InputBytes }),
		u64("fp_system", func(e *entry) uint64 { return e.FPSystem }),
		u64("fp_tools", func(e *entry) uint64 { return e.FPTools }),
		u64("fp_input", func(e *entry) uint64 { return e.FPInput }),
		u64("fp_request", func(e *entry) uint64 { return e.FPRequest }),
		u64("fp_turn_0", func(e *entry) uint64 { return nth(e.FPTurns, 0) }),
		u64("fp_turn_1", func(e *entry) uint64 { return nth(e.FPTurns, 1) }),
		u64("fp_turn_2", func(e *entry) uint64 { return nth(e.FPTurns, 2) }),
		u64("fp_turn_3", func(e *entry) uint64 { return nth(e.FPTurns, 3) }),
		u64("fp_prefix_4k", func(e *entry) uint64 { return nth(e.FPPrefix, 0) }),
		u64("fp_prefix_8k", func(e *entry) uint64 { return nth(e.FPPrefix, 1) }),
		u64("fp_prefix_16k", func(e *entry) uint64 { return nth(e.FPPrefix, 2) }),
		u64("fp_prefix_32k", func(e *entry) uint64 { return nth(e.FPPrefix, 3) }),
		u64("fp_prefix_64k", func(e *entry) uint64 { return nth(e.FPPrefix, 4) }),
		u64("fp_prefix_128k", func(e *entry) uint64 { return nth(e.FPPrefix, 5) }),
		u64("fp_part_0", func(e *entry) uint64 { return nth(e.FPParts, 0) }),
		u64("fp_part_1", func(e *entry) uint64 { return nth(e.FPParts, 1) }),
		u64("fp_part_2", func(e *entry) uint64 { return nth(e.FPParts, 2) }),
		u64("fp_part_3", func(e *entry) uint64 { return nth(e.FPParts, 3) }),
	}
}

// seenTokens is n for calls whose usage will be estimated.
func seenTokens(e *entry, n int64) int64 {
	if e.UsageSource == usage.SourceMissing || e.UsageSource == usage.SourcePartial {
		return n
	}
	return 0
}

// nullable are the columns that may be NULL.
var nullable = map[string]bool{"seconds": true, "sub_usage": true, "cost_usd": true}

func textOrNull(v *vector, row int, s string) {
	if s == "" {
		v.null(row)
		return
	}
	mapping.VectorAssignStringElement(v.vec, mapping.IdxT(row), s)
}

// subUsageText keeps further models as JSON, to price them again later.
func subUsageText(subs []usage.SubUsage) string {
	if len(subs) == 0 {
		return ""
	}
	b, err := json.Marshal(subs)
	if err != nil {
		panic("ingest: sub usage: " + err.Error()) // strings and integers only: cannot fail
	}
	return string(b)
}

// tagText writes tags as one JSON object, the spelling of the word in dim.
func (l *loader) tagText(tags []usage.Tag) string {
	if len(tags) == 0 {
		return ""
	}
	b := append(l.tagBuf[:0], '{')
	for i, t := range tags {
		if i > 0 {
			b = append(b, ',')
		}
		b = usage.AppendString(b, t.Key)
		b = append(b, ':')
		b = usage.AppendString(b, t.Value)
	}
	l.tagBuf = append(b, '}')
	return unsafe.String(unsafe.SliceData(l.tagBuf), len(l.tagBuf))
}

func join(flags []string) string {
	switch len(flags) {
	case 0:
		return ""
	case 1:
		return flags[0]
	}
	n := 0
	for _, f := range flags {
		n += len(f) + 1
	}
	b := make([]byte, 0, n)
	for i, f := range flags {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, f...)
	}
	return string(b)
}
