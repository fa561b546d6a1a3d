package provider

import "burn/proxy/usage"

// anthropicRoot is what matters in a message and in its stream, on Anthropic's
// own API, Vertex AI, Azure and Bedrock. message_start carries the beginning
// of the usage (and can be repeated), message_delta the cumulative rest.
var anthropicRoot = obj(append(anthropicMessage(),
	key("message", obj(
		key("id", keep(slotID)),
		key("model", keep(slotModel)),
		key("usage", whole(treeEarly)),
	)),
	key("content_block", obj(key("type", keep(slotItem))).then(hookItem)),
	key("delta", obj(
		key("text", length(textDelta)),
		key("thinking", length(textDelta)),
		key("partial_json", length(textDelta)),
		key("stop_reason", keep(slotFinish).then(hookChoice)),
	)),
	key("completion", length(textDelta)), // the legacy completions
	key("error", errorObject()),
	key("request_id", keep(slotRequest)),
)...)

func anthropicMessage() []child {
	return []child{
		key("id", keep(slotID)),
		key("model", keep(slotModel)),
		key("type", keep(slotType)),
		key("stop_reason", keep(slotFinish).then(hookChoice)),
		key("usage", whole(treeUsage)),
		key("content", arr(obj(
			key("type", keep(slotItem)),
			key("text", length(textWhole)),
			key("thinking", length(textWhole)),
		).then(hookItem))),
	}
}

// anthropicCounts are the counts of a usage object or of one of its iterations.
type anthropicCounts struct {
	input, read, write, write5m, write1h, output, thinking int64
	searches                                               int64
}

// readAnthropic reads a message's usage. Its input excludes what was read from
// and written to the cache, so the three are added up; thinking is inside the
// output.
//
// iterations, where present, is the whole truth: the totals beside it leave out
// compaction steps and, as those run on another model, advisor steps. Where
// another model took over after a refusal the totals hold, for they are that
// model's; what the refusing one had written by then is billed beside them, at
// its own price, and nothing if it had written nothing
// (platform.claude.com/docs, "Refusals and fallback").
func readAnthropic(r *reading, raw []byte, c *Call) {
	var u anthropicCounts
	var cost told // by a router that speaks Anthropic's dialect
	var iterations []byte
	for m := object(raw); m.next(); {
		switch string(m.key) {
		case "iterations":
			iterations = m.val
		case "service_tier":
			r.tier = usage.Ident(stringOf(m.val))
		case "speed":
			if s := usage.Ident(stringOf(m.val)); s != "standard" {
				r.speed = s
			}
		case "inference_geo":
			if s := usage.Ident(stringOf(m.val)); s != "not_available" && s != "global" {
				r.geo = s
			}
		default:
			u.member(r, m.key, m.val)
			cost.money(r, m.key, m.val)
		}
	}
	cost.settle(r, c)
	if it, ok := r.iterations(iterations); ok && it.holds(&u) {
		it.searches = u.searches
		it.thinking = max(it.thinking, u.thinking)
		u = it
	}
	r.Tokens = u.tokens()
}

func (u *anthropicCounts) member(r *reading, key, val []byte) {
	switch string(key) {
	case "input_tokens":
		u.input = r.count(val)
	case "cache_read_input_tokens":
		u.read = r.count(val)
	case "cache_creation_input_tokens":
		u.write = r.count(val)
	case "output_tokens":
		u.output = r.count(val)
	case "cache_creation":
		for m := object(val); m.next(); {
			switch string(m.key) {
			case "ephemeral_5m_input_tokens":
				u.write5m = r.count(m.val)
			case "ephemeral_1h_input_tokens":
				u.write1h = r.count(m.val)
			}
		}
	case "output_tokens_details":
		if v := member(val, []byte("thinking_tokens")); v != nil {
			u.thinking = r.count(v)
		}
	case "server_tool_use":
		if v := member(val, []byte("web_search_requests")); v != nil {
			u.searches = r.count(v)
		}
	}
}

// tokens brings the counts into the record's form. The split by lifetime can
// be all there is, or older than the total.
func (u *anthropicCounts) tokens() usage.Tokens {
	if u.write == 0 {
		u.write = u.write5m + u.write1h
	}
	return usage.Tokens{
		Input:        u.input + u.read + u.write,
		CacheRead:    u.read,
		CacheWrite:   u.write,
		CacheWrite1h: u.write1h,
		Output:       u.output,
		Reasoning:    u.thinking,
		WebSearches:  u.searches,
	}
}

func (u *anthropicCounts) add(o anthropicCounts) {
	u.input += o.input
	u.read += o.read
	u.write += max(o.write, o.write5m+o.write1h)
	u.write1h += o.write1h
	u.output += o.output
	u.thinking += o.thinking
}

// holds reports whether c can be the whole of what t is a part of: steps that
// leave out their counts cannot.
func (c *anthropicCounts) holds(t *anthropicCounts) bool {
	all, part := c.tokens(), t.tokens()
	return all.Input >= part.Input && all.Output >= part.Output
}

// iterations sums up the steps of the message's own model and keeps those of
// others as sub-usage. ok tells whether the sum replaces the totals.
func (r *reading) iterations(list []byte) (sum anthropicCounts, ok bool) {
	var own []step
	fallback := false
	for e := array(list); e.next(); {
		s := r.step(e.val)
		switch s.typ {
		case "advisor_message":
			r.sub = append(r.sub, s.subUsage())
			continue
		case "fallback_message":
			fallback, r.model = true, s.model
		}
		own = append(own, s)
		sum.add(s.anthropicCounts)
	}
	if !fallback {
		return sum, len(own) > 0
	}
	for _, s := range own { // a message_start can name the model that refused
		if s.model != "" && s.model != r.model && s.output > 0 {
			r.sub = append(r.sub, s.subUsage())
		}
	}
	return sum, false
}

// step is one entry of iterations.
type step struct {
	typ, model string
	anthropicCounts
}

func (r *reading) step(entry []byte) (s step) {
	for m := object(entry); m.next(); {
		switch string(m.key) {
		case "type":
			s.typ = stringOf(m.val)
		case "model":
			s.model, _ = usage.Label(stringOf(m.val), usage.MaxLabel)
		default:
			s.member(r, m.key, m.val)
		}
	}
	return s
}

func (s *step) subUsage() usage.SubUsage {
	return usage.SubUsage{Model: s.model, Tokens: s.tokens()}
}
