package analyze

import "time"

// Schema names the shape of a Result as JSON. Within version 1 fields are only
// added.
const Schema = "burn.analyze/1"

// Result is everything a run found, as plain data. Its JSON form is the output
// of analyze --format json: every array whole and in a fixed order, money as
// decimal strings, null where a row holds nothing priced.
type Result struct {
	Schema      string    `json:"schema"`
	GeneratedAt time.Time `json:"generated_at"`
	Period      Span      `json:"period"`
	Compared    *Between  `json:"compared"`
	Totals      Totals    `json:"totals"`
	Previous    *Totals   `json:"previous"` // totals of Compared; avoidable is null where it was not looked for

	ByAgent       []AgentRow `json:"by_agent"`        // dearest first, as are user, model, endpoint, session
	ByUser        []Row      `json:"by_user"`         // keys: user
	ByModel       []Row      `json:"by_model"`        // keys: the model that served, else the one asked for, verbatim
	ByEndpoint    []Row      `json:"by_endpoint"`     // keys: path template
	ByTeam        []Row      `json:"by_team"`         // keys: the tag team; "unknown" without one; filled for Whole and Pictures
	BySession     []Row      `json:"by_session"`      // keys: session; no row for calls without one
	ByDay         []Row      `json:"by_day"`          // keys: 2026-11-23, in Period.TZ
	ByHour        []Row      `json:"by_hour"`         // keys: hour of day 00 … 23, in Period.TZ
	ByTime        []Row      `json:"by_time"`         // keys: hour 2026-11-23T14, UTC
	ByWeekdayHour []Row      `json:"by_weekday_hour"` // keys: 1-14 is Monday 14:00 to 15:00, in Period.TZ

	Waste        []Waste        `json:"waste"`
	Findings     []Finding      `json:"findings"`
	Traces       []Trace        `json:"traces"` // the 1,000 dearest, of sessions 100
	Marks        []Mark         `json:"marks"`  // those before the end of the period, oldest first
	Budgets      []Budget       `json:"budgets"`
	Unpriced     []Unpriced     `json:"unpriced"`
	Inconsistent []Inconsistent `json:"inconsistent"`
	Streams      []Stream       `json:"streams_without_usage"`
	Quality      Quality        `json:"quality"`

	Strangers []Stranger `json:"unknown_callers"` // calls without an agent by what they share, the 1,000 dearest

	Changes []AgentChange `json:"changes"` // since Compared, by size; none without it
	Spikes  []Spike       `json:"spikes"`  // far above an agent's own history; the 20 dearest

	Roster *Roster `json:"agents_file"` // null if no agents file was given
	Filter *Filter `json:"filter"`      // null if all calls were looked at

	// For reports, not part of the JSON.
	Trend          []TrendPoint   `json:"-"` // by day; by hour for periods up to TrendHours
	TrendHourly    bool           `json:"-"`
	PreviousAgents map[string]USD `json:"-"` // cost by agent in Compared
	Before         *Result        `json:"-"` // the by-tables and the trend of Compared; filled for Pictures
	Beside         *Result        `json:"-"` // Compared with what Options.Beside adds
	Scenes         Scenes         `json:"-"`
	Installation   string         `json:"-"` // from the database's meta table
	FirstCall      time.Time      `json:"-"` // oldest recorded call of any time; set for Split
	LastCall       time.Time      `json:"-"` // newest recorded call of any time; set when the period is empty
	Exam           *Examination   `json:"-"` // of Examine alone

	agents map[string]Agent `json:"-"` // the agents file

	consumption []consumption `json:"-"` // what Changes is made of
	markDays    []markDay     `json:"-"` // what verdicts on marks are made of
	changed     []Mark        `json:"-"` // Marks and those of agents that the filter hides
	spent       spent         `json:"-"` // what Budgets and Spikes are made of
}

// Between is a half-open range [Since, Until).
type Between struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// Span is the resolved period and the time zone it is shown in.
type Span struct {
	Between
	TZ string `json:"tz"`
}

// Totals are sums over a whole period.
type Totals struct {
	Cost             USD       `json:"cost_usd"`
	Requests         int64     `json:"requests"`
	InputTokens      int64     `json:"input_tokens"`
	CacheReadTokens  int64     `json:"cache_read_tokens"`
	CacheWriteTokens int64     `json:"cache_write_tokens"`
	OutputTokens     int64     `json:"output_tokens"`
	ReasoningTokens  int64     `json:"reasoning_tokens"`
	AvgTokens        float64   `json:"avg_tokens"` // (input + output) / requests
	Errors           int64     `json:"errors"`
	RateLimited      int64     `json:"rate_limited"`
	Estimated        USD       `json:"estimated_usd"` // part of Cost whose tokens were estimated
	Agents           int64     `json:"agents"`
	PeakHour         *PeakHour `json:"peak_hour"` // null if nothing was priced
	Avoidable        Avoidable `json:"avoidable_usd"`

	gapRequests, estimatedRequests, unpricedRequests, inconsistentRequests int64
}

// PeakHour is the hour of day ("00" … "23") on which most money went, summed over
// all days of the period; the earlier one of equals.
type PeakHour struct {
	Hour      string `json:"hour"`
	Cost      USD    `json:"cost_usd"`
	Estimated USD    `json:"estimated_usd"`
}

// Avoidable sums what findings would save, by class; each dollar counts once.
type Avoidable struct {
	Certain USD `json:"certain"`
	Likely  USD `json:"likely"`
	Test    USD `json:"test"`
}

// Row is one row of a by-table. Requests counts all records, further usages of a
// call and calls of gap lines included. Estimated is the part of Cost whose
// tokens were estimated; Unpriced counts the requests that are no part of it, because
// no price is known. Errors have status ≥ 400 or did not end
// complete; RateLimited have status 429 or 529. The quantiles are of latency in
// ms over calls that ended complete with status < 400, interpolated between
// neighbours; nil if there are none, and where Options.Need left them out.
type Row struct {
	Key              string   `json:"key"`
	Cost             USD      `json:"cost_usd"`
	Requests         int64    `json:"requests"`
	InputTokens      int64    `json:"input_tokens"`
	CacheReadTokens  int64    `json:"cache_read_tokens"`
	CacheWriteTokens int64    `json:"cache_write_tokens"`
	OutputTokens     int64    `json:"output_tokens"`
	ReasoningTokens  int64    `json:"reasoning_tokens"`
	AvgTokens        float64  `json:"avg_tokens"`
	Errors           int64    `json:"errors"`
	RateLimited      int64    `json:"rate_limited"`
	Estimated        USD      `json:"estimated_usd"`
	Unpriced         int64    `json:"unpriced_requests"`
	P50              *float64 `json:"p50_ms"`
	P95              *float64 `json:"p95_ms"`
}

// AgentRow is a Row with what the agents file says about its agent; empty where
// it says nothing.
type AgentRow struct {
	Row
	Agent
}

// Roster sets the agents file beside the calls of the period. Silent is left
// empty where a filter leaves calls out.
type Roster struct {
	Unregistered []string `json:"unregistered"` // agents that call and are not in the file, the dearest first
	Silent       []string `json:"silent"`       // agents of the file without a call, by name
}

// Agent is an entry of the agents file.
type Agent struct {
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	Purpose string `json:"purpose"`
	Budget  USD    `json:"-"` // per month; unknown if the file names none
}

// Waste is an agent that reads more than ten tokens for each one it writes: Ratio
// is the mean of input per output token over its calls with output. Sums are
// over the same calls. Most input first.
type Waste struct {
	Agent        string  `json:"agent"`
	Ratio        float64 `json:"ratio"`
	InputTokens  int64   `json:"input_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	Cost         USD     `json:"cost_usd"`
	Estimated    USD     `json:"estimated_usd"`
}

// Finding is avoidable spending with its cause and fix. Class is certain, likely
// or test.
type Finding struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Class    string   `json:"class"`
	Agents   []string `json:"agents"`
	Title    string   `json:"title"`
	Evidence string   `json:"evidence"`
	Fix      string   `json:"fix"`
	Calls    int64    `json:"calls"`
	Cost     USD      `json:"cost_usd"`
	Saving   USD      `json:"saving_usd"`

	Estimated USD `json:"estimated_usd"` // part of Saving, of calls whose tokens were estimated

	Proof *Proof   `json:"-"` // filled for Pictures
	Means [2]int64 `json:"-"` // of its calls' two columns of evidence: tokens read and written where Kind is history, bloat or dearer_model

	place         int64  // in the catalogue, from 1
	caller, other string // ids in the table charge
}

// BySession is Trace.By where calls of one session make one action.
const BySession = "session"

// Trace is one user action of at least two calls, dearest first: calls under one
// trace id or, where no trace has two calls, in one session.
type Trace struct {
	ID    string `json:"trace_id"` // the session's key where By says so
	By    string `json:"by"`       // trace or session
	Cost  USD    `json:"cost_usd"`
	Calls []Call `json:"calls"`

	hash  string  // of its id, a decimal number
	links []links // of Calls, until nest has read them
}

// Call is one call of a trace, in order of start.
type Call struct {
	At              time.Time `json:"ts"`
	Agent           string    `json:"agent"`
	User            string    `json:"user"`
	Model           string    `json:"model"`
	Endpoint        string    `json:"endpoint"`
	Step            string    `json:"step"`
	Status          int64     `json:"status"`
	End             string    `json:"end"`
	LatencyMS       float64   `json:"latency_ms"`
	InputTokens     int64     `json:"input_tokens"`
	CacheReadTokens int64     `json:"cache_read_tokens"`
	OutputTokens    int64     `json:"output_tokens"`
	Cost            USD       `json:"cost_usd"`
	Estimated       bool      `json:"estimated"`

	Kind    string `json:"kind"`    // of the finding that takes the most of its cost; "" if none charges it
	Finding string `json:"finding"` // its id
	Boot    string `json:"boot"`    // with Seq its identity, as in the log files: 16 hex digits
	Seq     uint64 `json:"seq"`

	// The call that this one is part of, by its identity; "" and 0 if that is not
	// known. ParentBy is what tells it: span, step, tool, turn (see Trace.nest), or "".
	ParentBoot string `json:"parent_boot"`
	ParentSeq  uint64 `json:"parent_seq"`
	ParentBy   string `json:"parent_by"`
	Depth      int    `json:"depth"`       // how many calls are above it
	Subtree    USD    `json:"subtree_usd"` // its cost and that of all calls below it
}

// identity tells calls apart, as in Call.
type identity struct {
	boot string
	seq  uint64
}

// Unpriced is a model without a price; Tokens are input and output.
type Unpriced struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Requests int64  `json:"requests"`
	Tokens   int64  `json:"tokens"`
}

// Inconsistent counts the calls of a model whose counts contradict each other,
// such as more cached tokens than were read. Most calls first.
type Inconsistent struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Requests int64  `json:"requests"`
}

// Stream counts streams that ended well without saying what they used; all of
// Cost is estimated. Dearest first.
type Stream struct {
	Agent    string `json:"agent"`
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Endpoint string `json:"endpoint"`
	Requests int64  `json:"requests"`
	Cost     USD    `json:"cost_usd"`
}

// Quality says how far the figures can be trusted. Files to OpenCalls are of
// everything that was read, the rest of the period. Lines = Accepted + the sum of
// Rejected + Duplicates + Torn + OtherKinds. MissingSeq are calls that a proxy
// numbered and no line shows; OpenCalls began and were not seen to end.
type Quality struct {
	Files             int64            `json:"files"`
	Lines             int64            `json:"lines"`
	Accepted          int64            `json:"accepted"`
	Rejected          map[string]int64 `json:"rejected"`
	Duplicates        int64            `json:"duplicates"`
	Torn              int64            `json:"torn"`
	OtherKinds        int64            `json:"other_kinds"`
	MissingSeq        int64            `json:"missing_seq"`
	OpenCalls         int64            `json:"open_calls"`
	GapRequests       int64            `json:"gap_requests"`
	EstimatedRequests int64            `json:"estimated_requests"`
	UnpricedRequests  int64            `json:"unpriced_requests"`
	PriceTableDate    string           `json:"price_table_date"`

	// InconsistentRequests are calls whose usage contradicts itself, such as more
	// cached tokens than input. They are priced as they are.
	InconsistentRequests int64 `json:"inconsistent_requests"`
	// How far estimates of whole calls were off, on average per token, on the
	// calls of everything that was read that did report; nil: nothing was
	// estimated.
	EstimateInputErrorPct  *float64 `json:"estimate_input_error_pct"`
	EstimateOutputErrorPct *float64 `json:"estimate_output_error_pct"`
	// What proxies say of writing their files: failures, lines in files that were
	// deleted or cut under them, and calls folded into gap lines.
	WriteErrors int64 `json:"write_errors"`
	LostLines   int64 `json:"lost_lines"`
	Dropped     int64 `json:"dropped"`
	// Calls whose log files are no longer there, so that a new database would not
	// have them, and when the oldest of them was (RFC 3339); "" if there are none.
	BeyondRebuild      int64  `json:"beyond_rebuild"`
	BeyondRebuildSince string `json:"beyond_rebuild_since"`
	// Calls that an earlier database had alone when it had to be made anew, so that
	// they are in no sum any more, and when the oldest of them was.
	LostCalls int64  `json:"lost_calls"`
	LostSince string `json:"lost_since"`
	// Log files of which a part could not be read, such as half of an archive, and
	// files and directories that could not be read at all in the newest run.
	DamagedFiles int64 `json:"damaged_files"`
	UnreadFiles  int64 `json:"unread_files"`

	// FindingsSkipped says why avoidable dollars were not looked for; "": they were.
	FindingsSkipped string `json:"findings_skipped,omitempty"`
}

// RejectedLines counts the lines that could not be read, for whatever reason.
func (q Quality) RejectedLines() (n int64) {
	for _, lines := range q.Rejected {
		n += lines
	}
	return n
}

// TrendPoint is one agent's cost in one day or hour (Result.TrendHourly). Keys
// are 2026-11-23 or 2026-11-23 14:00 in the report's zone.
type TrendPoint struct {
	Key       string
	Agent     string
	Cost      USD
	Estimated USD
}
