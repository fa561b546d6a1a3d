// Package usage is burn's log format, version 1: one JSON object per line,
// metadata about one call to an LLM provider, never a prompt, an answer or a key.
//
// Read in this order: Record (every field and its meaning), encode.go (record
// to line, and what is cut when a line would pass MaxLine), decode.go (line to
// record, strictly), log.go (how files are named, appended, rotated, synced).
//
// # Lines
//
// Absent means unknown or zero; keys this version does not know are ignored.
// Times are UTC. A line is at most MaxLine bytes, ends in one newline and is
// valid UTF-8. The identity of a line is (boot, kind, seq): boot is a random
// 64-bit number of the proxy process, kind is empty for a call, seq counts
// 1, 2, 3 … within the kind. A line without boot and seq is rejected.
//
// The other kinds are start (first line of a file), open (a call that still
// runs after one second; its seq is the later record's), beat (counters, every
// ten seconds while calls arrive), stop (clean end) and gap (calls whose detail
// was dropped, summed per key and UTC hour).
//
// # Strictness
//
// A line is decoded by the rules of encoding/json with these differences, each
// of which is tested: keys match case-sensitively; integers must be written as
// integers (1.0 and 1e3 are errors), be non-negative and fit their field;
// numbers must be finite. As there: a repeated key's last value wins, null is
// the same as absent, invalid UTF-8 inside a string is replaced by U+FFFD.
package usage

// Version is the format's version, written as "v" in every line.
const Version = 1

// MaxLine is the greatest length of an encoded line in bytes, newline included.
const MaxLine = 8 << 10

// Kinds of lines. A call has no kind.
const (
	KindCall  = ""
	KindStart = "start"
	KindOpen  = "open"
	KindBeat  = "beat"
	KindStop  = "stop"
	KindGap   = "gap"
)

// How a call ended, seen from the client (Record.End).
const (
	EndComplete      = "complete"
	EndClientAbort   = "client_abort"
	EndUpstreamAbort = "upstream_abort"
	EndTimeout       = "timeout"
	EndShutdown      = "shutdown"
)

// Where the token counts of a record come from (Record.UsageSource).
const (
	SourceReported = "reported" // the provider's own usage object
	SourceDerived  = "derived"  // a part was derived from a gap in the provider's total
	SourcePartial  = "partial"  // the stream was cut before its final usage
	SourceMissing  = "missing"  // a billable answer without usage
	SourceNone     = "none"     // nothing to bill (errors, token counting, listing)
)

// Error types burn itself answers with (Record.ErrorType).
const (
	ErrDial    = "burn_dial"
	ErrTLS     = "burn_tls"
	ErrTimeout = "burn_timeout"
	ErrBadBody = "burn_bad_body" // of the request, which could not be read
)

// Other replaces a provider's string that is not a plain identifier.
const Other = "other"

// Unknown is the agent of a call that nothing attributes.
const Unknown = "unknown"

// Tokens is what one call (or one model inside it) was billed for. Counts are
// whole numbers ≥ 0. Input and Output are inclusive totals, the others subsets
// as named, following the OpenTelemetry GenAI conventions
// (gen_ai.usage.input_tokens includes cached tokens).
type Tokens struct {
	Input        int64 // input_tokens: everything the model read, cached included
	CacheRead    int64 // cache_read_tokens: of Input, read from the provider's cache
	CacheWrite   int64 // cache_write_tokens: of Input, written to the cache, any lifetime
	CacheWrite1h int64 // cache_write_1h_tokens: of CacheWrite, with a lifetime of one hour
	Output       int64 // output_tokens: everything generated, reasoning included
	Reasoning    int64 // reasoning_tokens: of Output
	Citation     int64 // citation_tokens: of Output

	AudioInput     int64 // audio_input_tokens: of Input
	AudioCacheRead int64 // audio_cache_read_tokens: of AudioInput and of CacheRead
	AudioOutput    int64 // audio_output_tokens: of Output
	ImageInput     int64 // image_input_tokens: of Input
	ImageOutput    int64 // image_output_tokens: of Output

	WebSearches int64  // web_searches: server-side searches, billed per search
	Requests    int64  // requests: billed requests, where a fee per request applies
	Seconds     string // seconds: billed seconds as the provider's literal (plain JSON number), "" if none
}

// SubUsage is a further model that ran inside the same call, such as an
// advisor; its tokens are not part of the call's own.
type SubUsage struct {
	Model string // model
	Tokens
}

// Tag is one allow-listed label of the caller.
type Tag struct{ Key, Value string }

// Record is one line. The comment of each field starts with its key.
//
// Strings from providers (types, ids, tiers, reasons, org, project) match
// [A-Za-z0-9_.:/-]{1,64}, else they are Other (see Ident). Labels of the caller
// (Agent, User, Session, Step, tag values) are valid UTF-8 without control,
// bidirectional or zero-width characters, at most 128 bytes (see Label).
type Record struct {
	Boot uint64 // boot: 16 hex digits, random per proxy process
	Kind string // kind: empty for a call
	Seq  uint64 // seq: from 1, unique within (boot, kind)

	TS        int64   // ts: start of the call, milliseconds since the Unix epoch; on the line RFC 3339 UTC with 3 decimals
	LatencyMS float64 // latency_ms: to the last byte, monotonic clock, ≥ 0
	TTFTMS    float64 // ttft_ms: to the first body byte, monotonic clock, ≥ 0; 0 if there was none

	Upstream  string // upstream: the configured name
	Provider  string // provider: OpenTelemetry provider name, else the configured name
	Operation string // operation: chat, responses, text_completion, embeddings, messages, generate_content, retrieve, batch_result, other …
	Endpoint  string // endpoint: path template from a closed table, unknown segments "*", at most 6 segments
	Method    string // method: HTTP method
	Status    int    // status: what the client got; 0: nothing
	ErrorType string // error_type: provider's error type or code, or burn_dial, burn_tls, burn_timeout, burn_bad_body; never a message
	End       string // end: complete, client_abort, upstream_abort, timeout, shutdown

	Stream        bool   // stream: the answer was a stream
	RequestModel  string // request_model: the model asked for; the path's id where the model is in the path
	ResponseModel string // response_model: the model that served
	ServiceTier   string // service_tier: as served
	Speed         string // speed: as served (fast)
	Geo           string // geo: inference region that changes the price
	FinishReason  string // finish_reason: the first choice's

	ResponseID     string // response_id
	PrevResponseID string // prev_response_id: of the request, where the provider keeps the history
	RequestID      string // request_id: from the provider's response headers
	Org            string // org: billing owner from response headers
	Project        string // project: billing project from response or request headers
	Retry          int64  // retry: the client's own retry count
	Part           int64  // part: 1, 2 … for further usages of one call; 0 for the call itself

	Agent       string // agent: "unknown" when nothing says
	AgentSource string // agent_source: which header, body key or rule said so, lower case
	User        string // user
	Session     string // session
	TraceID     string // trace_id
	SpanID      string // span_id: the caller's span, of this call or of the operation around it; hex, or what the program calls it
	ParentID    string // parent_id: the span above span_id, where a header says it
	Step        string // step
	Tags        []Tag  // tags: object of strings, keys from the allow-list, sorted by key

	KeyID     string // key_id: keyed hash of the credential, 16 hex digits
	Client    string // client: peer IP
	UserAgent string // user_agent: first product token

	UsageSource string // usage_source: reported, derived, partial, missing, none
	Tokens
	CostUSD  string     // cost_usd: only when the provider reported it; plain decimal
	RawUsage []byte     // raw_usage: the provider's usage object, filtered (see provider), compact JSON, ≤ 2 KiB
	SubUsage []SubUsage // sub_usage

	RequestBytes  int64 // request_bytes: body, decoded
	ResponseBytes int64 // response_bytes: body, decoded
	Events        int64 // events: stream events
	OutputBytes   int64 // output_bytes: generated text delivered, where usage is missing or partial
	Messages      int64 // messages: in the request
	Tools         int64 // tools: tool definitions in the request
	MaxTokens     int64 // max_tokens: the request's output limit
	ToolCalls     int64 // tool_calls: in the answer

	SystemBytes  int64 // system_bytes: text of the system prompt
	ToolsBytes   int64 // tools_bytes: tool definitions
	HistoryBytes int64 // history_bytes: earlier turns, tool messages after the last user turn included
	RecentBytes  int64 // recent_bytes: of HistoryBytes, the last 5 messages
	InputBytes   int64 // input_bytes: last user turn

	FPSystem  uint64   // fp_system: keyed fingerprint, 16 hex digits on the line; 0 absent (all fingerprints)
	FPTools   uint64   // fp_tools
	FPInput   uint64   // fp_input: last human user turn
	FPRequest uint64   // fp_request: whole canonical text
	FPTurns   []uint64 // fp_turns: ≤ 4 chain values, newest first
	FPPrefix  []uint64 // fp_prefix: ≤ 6, the chain at 4, 8, 16, 32, 64, 128 KiB
	FPParts   []uint64 // fp_parts: ≤ 4, smallest keyed hashes of the last user turn's long lines

	Flags []string // flags: what the proxy noticed: clock_jump, label_repeated, inspection_skipped, decode_failed, decode_ratio, inconsistent …
	Cut   []string // cut: keys dropped to keep the line within MaxLine

	// The other kinds.
	BurnVersion string // version (start): burn's version
	File        int64  // file (start): number of the file within the boot, from 1
	LastSeq     uint64 // last_seq (beat, stop): newest call seq given out
	Refused     int64  // refused (beat, stop): requests answered by burn without forwarding (404, 401, 400 …)
	Dropped     int64  // dropped (beat, stop): calls folded into gap lines
	WriteErrors int64  // write_errors (beat, stop)
	Skipped     int64  // skipped (beat, stop): calls whose request was not inspected
	LostLines   int64  // lost_lines (beat, stop): lines in files that were deleted or truncated under the proxy
	Calls       int64  // calls (gap): how many calls this line stands for
}

// Limits on repeated fields.
const (
	MaxTurns    = 4
	MaxPrefixes = 6
	MaxParts    = 4
	MaxSubUsage = 8
	MaxRawUsage = 2 << 10
	MaxLabel    = 128
)

// PrefixBytes are the lengths of canonical text at which FPPrefix is taken.
var PrefixBytes = [MaxPrefixes]int{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10}
