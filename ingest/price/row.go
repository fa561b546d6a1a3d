package price

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// column is a column of the table that holds a number.
type column uint8

const (
	inputCol column = iota
	cacheReadCol
	write5mCol
	write1hCol
	outputCol
	reasoningCol
	audioInCol
	audioReadCol
	audioOutCol
	imageInCol
	imageReadCol
	imageOutCol
	videoInCol
	longInputCol
	longReadCol
	longWrite5mCol
	longWrite1hCol
	longOutputCol
	batchCol
	flexCol
	priorityCol
	fastCol
	geoCol
	requestsCol
	searchesCol
	minuteCol
	numCols
)

const (
	firstLong       = longInputCol
	firstMultiplier = batchCol
	firstFee        = requestsCol
)

// columnNames are the names of the numeric columns.
var columnNames = [numCols]string{
	"input_per_mtok", "cache_read_per_mtok", "cache_write_5m_per_mtok", "cache_write_1h_per_mtok",
	"output_per_mtok", "reasoning_per_mtok",
	"audio_input_per_mtok", "audio_cache_read_per_mtok", "audio_output_per_mtok",
	"image_input_per_mtok", "image_cache_read_per_mtok", "image_output_per_mtok", "video_input_per_mtok",
	"long_input_per_mtok", "long_cache_read_per_mtok", "long_cache_write_5m_per_mtok", "long_cache_write_1h_per_mtok",
	"long_output_per_mtok",
	"batch_multiplier", "flex_multiplier", "priority_multiplier", "fast_multiplier", "geo_multiplier",
	"usd_per_1k_requests", "usd_per_1k_web_searches", "usd_per_minute",
}

func (c column) String() string { return columnNames[c] }

// Row is one line of the table: what one model costs in one period. An empty
// cell means that there is no such price.
//
// match lists, separated by spaces, which ids the row prices: =id exactly,
// prefix*, *suffix, *part*. effective_from and effective_to bound the period,
// days in UTC, the last one excluded.
//
// Prices are USD per million tokens. The long_* ones replace the others for the
// whole request when its input tokens are above (long_op gt) or at least (ge)
// long_threshold. cache_write_5m is also the only price there is where caches
// have one lifetime. Reasoning, audio and image tokens are priced as text where
// their columns are empty. Records do not tell cached images and video apart:
// those two columns are facts without a use so far.
//
// The multipliers apply to all tokens of a call: batch, flex and priority for
// the tier served, fast for the speed, geo for a region that is named. Fees come
// after them: usd_per_1k_requests, usd_per_1k_web_searches, usd_per_minute.
type Row struct {
	Provider   string // as in the table, see TableName
	Model      string // the row's name
	Mode       string // chat, embedding, image, moderation, realtime, rerank, speech, transcription or ""
	From, To   string // the period [From, To), days in UTC as 2006-01-02; "" is open
	Source     string // where the figures were read, and when
	Confidence string // A two sources agree, B one source, C disputed and chosen
	Note       string

	from, to  int64 // milliseconds since the epoch
	patterns  []pattern
	threshold int64 // long prices apply above it; 0: none
	atLeast   bool  // … or from it on
	has       uint32
	numbers   [numCols]Decimal
	override  bool
	line      int // in its file, from 1; 0 if it was not read from one
	units         // for the fast arithmetic
}

// Override reports whether the row comes from an override file.
func (r *Row) Override() bool { return r.override }

// Match returns the ids that the row prices, as in the match column.
func (r *Row) Match() string {
	s := make([]string, len(r.patterns))
	for i, p := range r.patterns {
		s[i] = p.source()
	}
	return strings.Join(s, " ")
}

// Numbers returns all filled numeric cells by their column, as plain decimals.
func (r *Row) Numbers() map[string]string {
	m := make(map[string]string)
	for c := range numCols {
		if r.set(c) {
			m[c.String()] = r.numbers[c].String()
		}
	}
	return m
}

// Number returns the number in one of the table's numeric columns, such as
// input_per_mtok; false if the cell is empty or there is no such column.
func (r *Row) Number(name string) (Decimal, bool) {
	i := slices.Index(columnNames[:], name)
	if i < 0 || !r.set(column(i)) {
		return Decimal{}, false
	}
	return r.numbers[i], true
}

// LongThreshold returns the number of input tokens beyond which the long
// prices apply to the whole request, and whether they already apply at it;
// 0 if the row has none.
func (r *Row) LongThreshold() (tokens int64, atLeast bool) { return r.threshold, r.atLeast }

func (r *Row) set(c column) bool { return r.has&(1<<c) != 0 }

func (r *Row) put(c column, d Decimal) {
	r.numbers[c] = d
	r.has |= 1 << c
}

func (r *Row) active(ms int64) bool { return ms >= r.from && ms < r.to }

func (r *Row) overlaps(o *Row) bool { return r.from < o.to && o.from < r.to }

func (r *Row) sameModel(o *Row) bool { return r.Provider == o.Provider && r.Model == o.Model }

// writeFacts writes everything of the row that can change a cost.
func (r *Row) writeFacts(w io.Writer) {
	fmt.Fprintf(w, "%q %q %q %q %q %q %v %d %v", r.Provider, r.Model, r.Mode, r.From, r.To, r.Match(), r.override, r.threshold, r.atLeast)
	for c := range numCols {
		if r.set(c) {
			fmt.Fprintf(w, " %d=%s", uint8(c), r.numbers[c].rat.RatString())
		}
	}
	io.WriteString(w, "\n")
}
