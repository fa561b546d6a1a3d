//go:build cgo

package ingest

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/marcboeker/go-duckdb/mapping"

	"burn/ingest/price"
	"burn/proxy/usage"
)

// callCells are the columns of the table call in a chunk.
type callCells struct {
	boot, seq                *u64s
	part, requests           *u32s
	gap                      *bools
	ts                       *times
	latency, ttft            *u64s
	word                     [wordKinds]*u16s // but for users
	user                     *u32s
	status                   *u16s
	stream                   *bools
	response, prevResponse   *u64s
	retry                    *u32s
	session, trace           *u64s
	span, parent             *u64s
	seenInput, seenOutput    *u32s
	input, output            *u32s
	cacheRead, cacheWrite    *u32s
	cacheWrite1h, reasoning  *u32s
	citation                 *u32s
	audioIn, audioCacheRead  *u32s
	audioOut                 *u32s
	imageIn, imageOut        *u32s
	searches, billed         *u32s
	seconds, subUsage        texts
	cost                     picos
	estimated                *bools
	requestBytes, respBytes  *u32s
	events, outputBytes      *u32s
	messages, tools          *u32s
	maxTokens, toolCalls     *u32s
	systemBytes, toolsBytes  *u32s
	historyBytes, inputBytes *u32s
	recentBytes              *u32s
	fpSystem, fpTools        *u64s
	fpInput, fpRequest       *u64s
	fpTurn                   [usage.MaxTurns]*u64s
	fpPrefix                 [usage.MaxPrefixes]*u64s
	fpPart                   [usage.MaxParts]*u64s
}

// columns lists the columns in the table's order.
func (c *callCells) columns() []column {
	word := func(kind int) column { return column{wordNames[kind] + "_id", &c.word[kind]} }
	return []column{
		{"boot", &c.boot},
		{"seq", &c.seq},
		{"part", &c.part},
		{"requests", &c.requests},
		{"gap", &c.gap},
		{"ts", &c.ts},
		{"latency_us", &c.latency},
		{"ttft_us", &c.ttft},
		word(wordUpstream),
		word(wordProvider),
		word(wordOperation),
		word(wordEndpoint),
		word(wordMethod),
		{"status", &c.status},
		word(wordErrorType),
		word(wordEnd),
		{"stream", &c.stream},
		word(wordRequestModel),
		word(wordResponseModel),
		word(wordServiceTier),
		word(wordSpeed),
		word(wordGeo),
		word(wordFinishReason),
		{"response_hash", &c.response},
		{"prev_response_hash", &c.prevResponse},
		word(wordOrg),
		word(wordProject),
		{"retry", &c.retry},
		word(wordAgent),
		word(wordAgentSource),
		{"user_id", &c.user},
		{"session_hash", &c.session},
		{"trace_hash", &c.trace},
		{"span_hash", &c.span},
		{"parent_hash", &c.parent},
		word(wordStep),
		word(wordTags),
		word(wordKeyID),
		word(wordClient),
		word(wordUserAgent),
		word(wordUsageSource),
		word(wordFlags),
		{"seen_input_tokens", &c.seenInput},
		{"seen_output_tokens", &c.seenOutput},
		{"input_tokens", &c.input},
		{"cache_read_tokens", &c.cacheRead},
		{"cache_write_tokens", &c.cacheWrite},
		{"cache_write_1h_tokens", &c.cacheWrite1h},
		{"output_tokens", &c.output},
		{"reasoning_tokens", &c.reasoning},
		{"citation_tokens", &c.citation},
		{"audio_input_tokens", &c.audioIn},
		{"audio_cache_read_tokens", &c.audioCacheRead},
		{"audio_output_tokens", &c.audioOut},
		{"image_input_tokens", &c.imageIn},
		{"image_output_tokens", &c.imageOut},
		{"web_searches", &c.searches},
		{"billed_requests", &c.billed},
		{"seconds", &c.seconds},
		{"sub_usage", &c.subUsage},
		{"cost_usd", &c.cost},
		word(wordCostBasis),
		{"estimated", &c.estimated},
		{"request_bytes", &c.requestBytes},
		{"response_bytes", &c.respBytes},
		{"events", &c.events},
		{"output_bytes", &c.outputBytes},
		{"messages", &c.messages},
		{"tools", &c.tools},
		{"max_tokens", &c.maxTokens},
		{"tool_calls", &c.toolCalls},
		{"system_bytes", &c.systemBytes},
		{"tools_bytes", &c.toolsBytes},
		{"history_bytes", &c.historyBytes},
		{"recent_bytes", &c.recentBytes},
		{"input_bytes", &c.inputBytes},
		{"fp_system", &c.fpSystem},
		{"fp_tools", &c.fpTools},
		{"fp_input", &c.fpInput},
		{"fp_request", &c.fpRequest},
		{"fp_turn_0", &c.fpTurn[0]},
		{"fp_turn_1", &c.fpTurn[1]},
		{"fp_turn_2", &c.fpTurn[2]},
		{"fp_turn_3", &c.fpTurn[3]},
		{"fp_prefix_4k", &c.fpPrefix[0]},
		{"fp_prefix_8k", &c.fpPrefix[1]},
		{"fp_prefix_16k", &c.fpPrefix[2]},
		{"fp_prefix_32k", &c.fpPrefix[3]},
		{"fp_prefix_64k", &c.fpPrefix[4]},
		{"fp_prefix_128k", &c.fpPrefix[5]},
		{"fp_part_0", &c.fpPart[0]},
		{"fp_part_1", &c.fpPart[1]},
		{"fp_part_2", &c.fpPart[2]},
		{"fp_part_3", &c.fpPart[3]},
	}
}

// callChunk is a chunk of the table call, with what is still to be settled
// about its rows when they are written, in the order of the lines.
type callChunk struct {
	chunk
	callCells
	words []newWord  // cells whose word had no number yet
	names []spelling // sessions and traces, each at least once per chunk
	arena []byte     // the text of both
}

// newWord is a word that was unknown when its line was decoded.
type newWord struct {
	row, kind int
	text      string
}

func newCallChunk(types []mapping.LogicalType) *callChunk {
	c := new(callChunk)
	c.chunk = newChunk(types, c.columns())
	return c
}

func (c *callChunk) clear() {
	c.rows = 0
	c.words, c.names, c.arena = c.words[:0], c.names[:0], c.arena[:0]
	c.seconds.rows, c.subUsage.rows = c.seconds.rows[:0], c.subUsage.rows[:0]
}

// own copies text, which shares memory with a line, into the chunk.
func (c *callChunk) own(text string) string {
	at := len(c.arena)
	c.arena = append(c.arena, text...)
	return view(c.arena[at:])
}

// put adds the row of one record. The decoder has made sure that counts fit.
func (c *callChunk) put(r *usage.Record, cost price.Cost, s *speller) {
	i := c.rows & (chunkRows - 1) // the compiler sees that every cell is there
	s.chunk, s.row = c, i
	gap := r.Kind == usage.KindGap
	c.boot[i], c.seq[i] = r.Boot, r.Seq
	c.part[i] = uint32(r.Part)
	c.requests[i] = 1
	if gap {
		c.requests[i] = uint32(r.Calls)
	}
	c.gap[i], c.estimated[i] = gap, gap
	c.ts[i] = r.TS * 1000
	c.latency[i] = uint64(math.Round(r.LatencyMS * 1000))
	c.ttft[i] = uint64(math.Round(r.TTFTMS * 1000))
	c.status[i] = uint16(r.Status)
	c.stream[i] = r.Stream
	c.retry[i] = uint32(r.Retry)

	c.word[wordUpstream][i] = s.word16(wordUpstream, r.Upstream)
	c.word[wordProvider][i] = s.word16(wordProvider, r.Provider)
	c.word[wordOperation][i] = s.word16(wordOperation, r.Operation)
	c.word[wordEndpoint][i] = s.word16(wordEndpoint, r.Endpoint)
	c.word[wordMethod][i] = s.word16(wordMethod, r.Method)
	c.word[wordErrorType][i] = s.word16(wordErrorType, r.ErrorType)
	c.word[wordEnd][i] = s.word16(wordEnd, r.End)
	c.word[wordRequestModel][i] = s.word16(wordRequestModel, r.RequestModel)
	c.word[wordResponseModel][i] = s.word16(wordResponseModel, r.ResponseModel)
	c.word[wordServiceTier][i] = s.word16(wordServiceTier, r.ServiceTier)
	c.word[wordSpeed][i] = s.word16(wordSpeed, r.Speed)
	c.word[wordGeo][i] = s.word16(wordGeo, r.Geo)
	c.word[wordFinishReason][i] = s.word16(wordFinishReason, r.FinishReason)
	c.word[wordOrg][i] = s.word16(wordOrg, r.Org)
	c.word[wordProject][i] = s.word16(wordProject, r.Project)
	c.word[wordAgent][i] = s.word16(wordAgent, r.Agent)
	c.word[wordAgentSource][i] = s.word16(wordAgentSource, r.AgentSource)
	c.user[i] = s.word(wordUser, r.User)
	c.word[wordStep][i] = s.word16(wordStep, r.Step)
	c.word[wordTags][i] = s.word16(wordTags, s.tagText(r.Tags))
	c.word[wordKeyID][i] = s.word16(wordKeyID, r.KeyID)
	c.word[wordClient][i] = s.word16(wordClient, r.Client)
	c.word[wordUserAgent][i] = s.word16(wordUserAgent, r.UserAgent)
	c.word[wordUsageSource][i] = s.word16(wordUsageSource, r.UsageSource)
	c.word[wordFlags][i] = s.word16(wordFlags, join(r.Flags))
	c.word[wordCostBasis][i] = s.word16(wordCostBasis, cost.Basis)

	c.response[i], c.prevResponse[i] = hash64(r.ResponseID), hash64(r.PrevResponseID)
	c.session[i], c.trace[i] = s.name(r.Session), s.name(r.TraceID)
	c.span[i], c.parent[i] = hash64(r.SpanID), hash64(r.ParentID)

	c.seenInput[i], c.seenOutput[i] = 0, 0
	if r.UsageSource == usage.SourceMissing || r.UsageSource == usage.SourcePartial {
		c.seenInput[i], c.seenOutput[i] = uint32(r.Input), uint32(r.Output)
	}
	c.input[i], c.output[i] = uint32(r.Input), uint32(r.Output)
	c.cacheRead[i], c.cacheWrite[i] = uint32(r.CacheRead), uint32(r.CacheWrite)
	c.cacheWrite1h[i], c.reasoning[i] = uint32(r.CacheWrite1h), uint32(r.Reasoning)
	c.citation[i] = uint32(r.Citation)
	c.audioIn[i], c.audioCacheRead[i], c.audioOut[i] = uint32(r.AudioInput), uint32(r.AudioCacheRead), uint32(r.AudioOutput)
	c.imageIn[i], c.imageOut[i] = uint32(r.ImageInput), uint32(r.ImageOutput)
	c.searches[i], c.billed[i] = uint32(r.WebSearches), uint32(r.Requests)
	if r.Seconds != "" {
		c.seconds.rows = append(c.seconds.rows, text{i, clone(r.Seconds)})
	}
	if passes := price.Passes(r.RawUsage); len(r.SubUsage) > 0 || passes != nil {
		c.subUsage.rows = append(c.subUsage.rows, text{i, subUsageText(r.SubUsage, passes)})
	}
	c.cost.put(i, cost.Pico, cost.Known())

	c.requestBytes[i], c.respBytes[i] = uint32(r.RequestBytes), uint32(r.ResponseBytes)
	c.events[i], c.outputBytes[i] = uint32(r.Events), uint32(r.OutputBytes)
	c.messages[i], c.tools[i] = uint32(r.Messages), uint32(r.Tools)
	c.maxTokens[i], c.toolCalls[i] = uint32(r.MaxTokens), uint32(r.ToolCalls)
	c.systemBytes[i], c.toolsBytes[i] = uint32(r.SystemBytes), uint32(r.ToolsBytes)
	c.historyBytes[i], c.recentBytes[i], c.inputBytes[i] = uint32(r.HistoryBytes), uint32(r.RecentBytes), uint32(r.InputBytes)
	c.fpSystem[i], c.fpTools[i], c.fpInput[i], c.fpRequest[i] = r.FPSystem, r.FPTools, r.FPInput, r.FPRequest
	for k := range c.fpTurn {
		c.fpTurn[k][i] = nth(r.FPTurns, k)
	}
	for k := range c.fpPrefix {
		c.fpPrefix[k][i] = nth(r.FPPrefix, k)
	}
	for k := range c.fpPart {
		c.fpPart[k][i] = nth(r.FPParts, k)
	}
	c.rows++
}

// setWord fills in a word that had no number when its row was added.
func (c *callChunk) setWord(kind, row int, id uint32) {
	if kind == wordUser {
		c.user[row] = id
	} else {
		c.word[kind][row] = uint16(id)
	}
}

// nth returns the i-th fingerprint, 0 if there are fewer.
func nth(fps []uint64, i int) uint64 {
	if i < len(fps) {
		return fps[i]
	}
	return 0
}

// take copies rows of another chunk, one at least and in ascending order,
// behind its own.
func (c *callChunk) take(from *callChunk, rows []int) {
	for i, v := range c.vecs {
		switch other := from.vecs[i]; v.size {
		case 8:
			copyCells[uint64](v, other, c.rows, rows)
		case 4:
			copyCells[uint32](v, other, c.rows, rows)
		case 2:
			copyCells[uint16](v, other, c.rows, rows)
		case 1:
			copyCells[uint8](v, other, c.rows, rows)
		}
	}
	for k, row := range rows {
		c.cost.known.set(c.rows+k, from.cost.known.get(row))
	}
	c.seconds.take(&from.seconds, c.rows, rows)
	c.subUsage.take(&from.subUsage, c.rows, rows)
	c.rows += len(rows)
}

func copyCells[T any](to, from vector, at int, rows []int) {
	dst, src := (*[chunkRows]T)(to.cells), (*[chunkRows]T)(from.cells)
	if first := rows[0]; rows[len(rows)-1]-first == len(rows)-1 { // all between
		copy(dst[at:at+len(rows)], src[first:])
		return
	}
	for k, row := range rows {
		dst[at+k] = src[row]
	}
}

func (t *texts) take(from *texts, at int, rows []int) {
	for _, x := range from.rows {
		if k, ok := slices.BinarySearch(rows, x.row); ok {
			t.rows = append(t.rows, text{at + k, x.s})
		}
	}
}

// subUsage is what the column of that name holds where a call took several
// passes; else it is the list alone.
type subUsage struct {
	Subs   []usage.SubUsage `json:"subs,omitempty"`
	Passes json.RawMessage  `json:"passes"`
}

// subUsageText keeps further models and passes as JSON, to price them again
// later.
func subUsageText(subs []usage.SubUsage, passes []byte) string {
	kept := any(subs)
	if len(passes) > 0 {
		kept = subUsage{subs, passes}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		panic("ingest: sub usage: " + err.Error()) // strings, integers and checked JSON: cannot fail
	}
	return string(b)
}

func join(flags []string) string {
	switch len(flags) {
	case 0:
		return ""
	case 1:
		return flags[0]
	}
	return strings.Join(flags, " ")
}
