package price

import (
	"bytes"

	"burn/proxy/usage"
)

// A bill is what is charged for one model: quantities of columns of a row. All
// decisions are made when it is filled; what is left is arithmetic.
type bill struct {
	row         *Row
	n, m        int        // of charges and multipliers
	charges     [12]charge // of a call in passes ten: Anthropic's have no sound or pictures of their own price
	multipliers [3]column
	used        uint32 // columns, as bits
	requests    int64
	searches    int64
	seconds     string // "" if seconds are not charged
	flags       Flags
}

// charge is a quantity of tokens at the price in a column.
type charge struct {
	part     part
	column   column
	quantity int64
}

// part is a kind of tokens.
type part uint8

const (
	inputPart part = iota
	cacheReadPart
	write5mPart
	write1hPart
	audioInPart
	audioReadPart
	imageInPart
	citationPart
	outputPart
	reasoningPart
	audioOutPart
	imageOutPart
)

var partNames = [...]string{
	"input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "audio_cache_read", "image_input",
	"citation", "output", "reasoning", "audio_output", "image_output",
}

// fill makes the bill of the call's own tokens.
func (b *bill) fill(row *Row, rec *usage.Record) {
	b.tokens(row, &rec.Tokens, rec)
	switch rec.Speed {
	case "", "standard":
	case "fast":
		b.multiply(fastCol, FlagFastMissing)
	default:
		b.flags |= FlagSpeedUnknown
	}
}

// tokens divides the tokens among the prices of the row, and adds tier, geo and
// fees. They are the call's own or those of a further model inside it.
func (b *bill) tokens(row *Row, t *usage.Tokens, rec *usage.Record) {
	b.row = row
	// A gap line sums many calls: none of them need have been long.
	long := rec.Kind != usage.KindGap && row.long(t.Input)
	if !long || t != &rec.Tokens || !b.passes(rec) {
		b.inputs(t, long)
		b.outputs(t, long)
	}
	b.tier(rec.ServiceTier)
	switch rec.Geo {
	case "", "global", "default", "not_available":
	default:
		if row.set(geoCol) { // no cell: the region does not change the price
			b.multiply(geoCol, 0)
		}
	}
	b.fee(t)
}

// passes charges the passes of a call, if its raw usage tells them apart.
func (b *bill) passes(rec *usage.Record) bool {
	if !bytes.Contains(rec.RawUsage, iterationsKey) {
		return false
	}
	short, long, ok := b.row.divide(rec.RawUsage, &rec.Tokens)
	if ok {
		b.inputs(&short, false)
		b.outputs(&short, false)
		b.inputs(&long, true)
		b.outputs(&long, true)
	}
	return ok
}

// maxCount is beyond what a call can count; sums of a few such counts still fit.
const maxCount = 1 << 50

// count returns n if it can be one. A negative one, when parts say more than
// their total, is 0 with a flag; an absurd one makes the cost unknown.
func (b *bill) count(n int64) int64 {
	if n < 0 {
		b.flags |= FlagInconsistent
		return 0
	}
	if n > maxCount {
		b.flags |= FlagOverflow
		return 0
	}
	return n
}

// inputs charges what the model read. Audio and images are divided from the
// text only where the row prices them apart.
func (b *bill) inputs(t *usage.Tokens, long bool) {
	read := b.count(t.CacheRead)
	write := b.count(t.CacheWrite)
	write1h := b.count(t.CacheWrite1h)
	if write1h > write {
		b.flags |= FlagInconsistent
		write1h = write
	}
	text := b.count(t.Input) - read - write
	if b.row.set(audioInCol) && t.AudioInput != 0 {
		audioRead := min(b.count(t.AudioCacheRead), read)
		audio := b.count(b.count(t.AudioInput) - audioRead)
		read -= audioRead
		text -= audio
		b.charge(audioInPart, audioInCol, audio)
		b.audioRead(audioRead)
	}
	if b.row.set(imageInCol) && t.ImageInput != 0 {
		// Cached images are among the cached tokens and charged as those.
		image := min(b.count(t.ImageInput), max(text, 0))
		text -= image
		b.charge(imageInPart, imageInCol, image)
	}
	b.charge(inputPart, b.inputColumn(text, long), b.count(text))
	b.cached(read, write-write1h, write1h, long)
}

func (b *bill) audioRead(n int64) {
	switch {
	case n == 0:
	case b.row.set(audioReadCol):
		b.charge(audioReadPart, audioReadCol, n)
	default:
		b.flags |= FlagAudioReadMissing
		b.charge(audioReadPart, audioInCol, n)
	}
}

// cached charges cached input. A missing price falls back to the next dearer
// kind of input: 1 h write, 5 min write, input; cache read, input.
func (b *bill) cached(read, write5m, write1h int64, long bool) {
	readCol, w5Col, w1Col := cacheReadCol, write5mCol, write1hCol
	readMissing, w5Missing, w1Missing, w1Input := FlagReadMissing, FlagWrite5mMissing, FlagWrite1hMissing, FlagWritesMissing
	if long {
		readCol, w5Col, w1Col = longReadCol, longWrite5mCol, longWrite1hCol
		readMissing, w5Missing, w1Missing, w1Input = FlagLongReadMissing, FlagLongWrite5mMissing, FlagLongWrite1hMissing, FlagLongWritesMissing
	}
	if read > 0 {
		if !b.row.set(readCol) {
			b.flags |= readMissing
			readCol = b.inputColumn(read, long)
		}
		b.charge(cacheReadPart, readCol, read)
	}
	if write1h > 0 {
		switch {
		case b.row.set(w1Col):
		case b.row.set(w5Col):
			b.flags |= w1Missing
			w1Col = w5Col
		default:
			b.flags |= w1Input
			w1Col = b.inputColumn(write1h, long)
		}
		b.charge(write1hPart, w1Col, write1h)
	}
	if write5m > 0 {
		if !b.row.set(w5Col) {
			b.flags |= w5Missing
			w5Col = b.inputColumn(write5m, long)
		}
		b.charge(write5mPart, w5Col, write5m)
	}
}

// inputColumn returns the column that prices n plain input tokens.
func (b *bill) inputColumn(n int64, long bool) column {
	if long {
		if b.row.set(longInputCol) {
			return longInputCol
		}
		b.flags |= FlagLongInputMissing
	}
	if n > 0 && !b.row.set(inputCol) && b.row.Mode != moderation {
		b.flags |= FlagInputMissing
	}
	return inputCol
}

// outputs charges what the model generated. Citation tokens (Perplexity) are
// text that the model read: they cost what input costs.
func (b *bill) outputs(t *usage.Tokens, long bool) {
	text := b.count(t.Output)
	apart := func(p part, c column, n int64) {
		if n = b.count(n); b.row.set(c) {
			text -= n
			b.charge(p, c, n)
		}
	}
	apart(reasoningPart, reasoningCol, t.Reasoning)
	apart(audioOutPart, audioOutCol, t.AudioOutput)
	apart(imageOutPart, imageOutCol, t.ImageOutput)
	if n := b.count(t.Citation); n > 0 {
		text -= n
		b.charge(citationPart, b.inputColumn(n, long), n)
	}
	text = b.count(text)
	col := outputCol
	switch {
	case text == 0:
		return
	case long && b.row.set(longOutputCol):
		col = longOutputCol
	case long:
		b.flags |= FlagLongOutputMissing
	}
	if !b.row.set(col) && b.row.Mode != moderation {
		b.flags |= FlagOutputMissing
	}
	b.charge(outputPart, col, text)
}

func (b *bill) charge(p part, c column, n int64) {
	if n <= 0 {
		return
	}
	b.charges[b.n] = charge{p, c, n}
	b.n++
	b.used |= 1 << c
}

// multiply adds the multiplier in a column, or a flag if the row has none.
func (b *bill) multiply(c column, missing Flags) {
	if !b.row.set(c) {
		b.flags |= missing
		return
	}
	b.multipliers[b.m] = c
	b.m++
	b.used |= 1 << c
}

// fee charges what is not tokens. requests counts calls to models with a fee
// per request; a row without such a fee has none.
func (b *bill) fee(t *usage.Tokens) {
	if t.Requests > 0 && b.row.set(requestsCol) {
		b.requests = t.Requests
		b.used |= 1 << requestsCol
	}
	if t.WebSearches > 0 {
		if b.row.set(searchesCol) {
			b.searches = t.WebSearches
			b.used |= 1 << searchesCol
		} else {
			b.flags |= FlagSearchesMissing
		}
	}
	if t.Seconds == "" {
		return
	}
	seconds, err := ParseDecimal(t.Seconds)
	switch {
	case err != nil || seconds.Sign() < 0:
		b.flags |= FlagSecondsUnreadable
	case seconds.Sign() == 0:
	case b.row.set(minuteCol):
		b.seconds = t.Seconds
	case t.Input == 0 && t.Output == 0:
		b.flags |= FlagMinuteMissing
	}
}

// The tiers that change a price.
type tier uint8

const (
	tierStandard tier = iota
	tierBatch
	tierFlex
	tierPriority
	tierProvisioned
	tierUnknown
)

// tierOf reads a served tier, in the words of OpenAI, Anthropic, Bedrock, Groq,
// Gemini (serviceTier) and Vertex (trafficType). OpenAI's fast is its priority.
func tierOf(s string) tier {
	switch s {
	case "", "standard", "default", "auto", "on_demand", "ON_DEMAND", "STANDARD", "unspecified":
		return tierStandard
	case "batch", "BATCH":
		return tierBatch
	case "flex", "FLEX", "on_demand_flex", "ON_DEMAND_FLEX":
		return tierFlex
	case "priority", "PRIORITY", "fast", "on_demand_priority", "ON_DEMAND_PRIORITY":
		return tierPriority
	case "provisioned", "provisioned_throughput", "PROVISIONED_THROUGHPUT":
		return tierProvisioned
	}
	return tierUnknown
}

// Plain reports whether calls of a served tier and speed pay the list price.
func Plain(tier, speed string) bool {
	return tierOf(tier) == tierStandard && (speed == "" || speed == "standard")
}

func (b *bill) tier(s string) {
	switch tierOf(s) {
	case tierStandard:
	case tierBatch:
		b.multiply(batchCol, FlagBatchMissing)
	case tierFlex:
		b.multiply(flexCol, FlagFlexMissing)
	case tierPriority:
		b.multiply(priorityCol, FlagPriorityMissing)
	case tierProvisioned:
		b.n, b.used = 0, 0
		b.flags = FlagProvisioned
	default:
		b.flags |= FlagTierUnknown
	}
}
