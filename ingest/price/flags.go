package price

import "math/bits"

// Flags are the unusual things about one cost, as bits.
type Flags uint32

// The flags. The first ones name a price that is missing and what was used
// instead.
const (
	FlagReadMissing Flags = 1 << iota
	FlagWrite5mMissing
	FlagWrite1hMissing
	FlagWritesMissing
	FlagLongReadMissing
	FlagLongWrite5mMissing
	FlagLongWrite1hMissing
	FlagLongWritesMissing
	FlagLongInputMissing
	FlagLongOutputMissing
	FlagAudioReadMissing
	FlagBatchMissing
	FlagFlexMissing
	FlagPriorityMissing
	FlagFastMissing
	FlagTierUnknown
	FlagSpeedUnknown
	FlagProvisioned        // provisioned throughput: tokens cost nothing per piece
	FlagSearchesMissing    // web searches without a price: not in the cost
	FlagInconsistent       // parts beyond their total; the rest was taken as 0
	FlagReportedUnreadable // the provider's own cost is no amount; computed instead
	FlagInputMissing       // from here on the cost is not known
	FlagOutputMissing
	FlagMinuteMissing
	FlagSecondsUnreadable
	FlagSubUnknown
	FlagOverflow // 9.2 million USD and more in one call, or counts beyond 2^50
)

// unpriced are the flags that make a cost unknown.
const unpriced = FlagInputMissing | FlagOutputMissing | FlagMinuteMissing | FlagSecondsUnreadable | FlagSubUnknown | FlagOverflow

// flagNames are the flags in words, in the order of their bits.
var flagNames = [...]string{
	"cache_read_per_mtok missing, used input_per_mtok",
	"cache_write_5m_per_mtok missing, used input_per_mtok",
	"cache_write_1h_per_mtok missing, used cache_write_5m_per_mtok",
	"cache_write_1h_per_mtok missing, used input_per_mtok",
	"long_cache_read_per_mtok missing, used long_input_per_mtok",
	"long_cache_write_5m_per_mtok missing, used long_input_per_mtok",
	"long_cache_write_1h_per_mtok missing, used long_cache_write_5m_per_mtok",
	"long_cache_write_1h_per_mtok missing, used long_input_per_mtok",
	"long_input_per_mtok missing, used input_per_mtok",
	"long_output_per_mtok missing, used output_per_mtok",
	"audio_cache_read_per_mtok missing, used audio_input_per_mtok",
	"batch_multiplier missing, used standard",
	"flex_multiplier missing, used standard",
	"priority_multiplier missing, used standard",
	"fast_multiplier missing, used standard",
	"service_tier unknown, used standard",
	"speed unknown, used standard",
	"provisioned throughput, tokens cost nothing",
	"usd_per_1k_web_searches missing, searches not priced",
	"token counts inconsistent",
	"reported cost unreadable, computed instead",
	"input_per_mtok missing",
	"output_per_mtok missing",
	"usd_per_minute missing",
	"seconds unreadable",
	"sub_usage model unknown",
	"cost overflow",
}

// Strings returns the flags in words; empty but not nil if there are none.
func (f Flags) Strings() []string {
	s := make([]string, 0, bits.OnesCount32(uint32(f)))
	for ; f != 0; f &= f - 1 {
		s = append(s, flagNames[bits.TrailingZeros32(uint32(f))])
	}
	return s
}
