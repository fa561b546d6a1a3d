package price

import (
	"bytes"
	"encoding/json"

	"burn/proxy/usage"
)

// A call of Anthropic's can take several passes over the model, each billed by
// itself: usage.iterations. The threshold of long prices holds for each of them,
// while a record holds their sum.

// Passes returns the part of a call's raw usage that tells its passes apart, to
// be kept where the whole of it is not: it prices the call as the whole would.
// It is nil for calls of one pass, whose record says all.
func Passes(raw []byte) []byte {
	if bytes.IndexByte(raw, '[') < 0 || !bytes.Contains(raw, iterationsKey) {
		return nil
	}
	var u struct {
		Iterations []json.RawMessage `json:"iterations"`
	}
	if json.Unmarshal(raw, &u) != nil || len(u.Iterations) < 2 {
		return nil
	}
	b, err := json.Marshal(&u)
	if err != nil {
		return nil
	}
	return b
}

var iterationsKey = []byte(`"iterations"`)

// divide sums up the passes of raw that are short and those that are long. ok is
// false if raw does not tell, or tells of other tokens than t.
func (r *Row) divide(raw []byte, t *usage.Tokens) (short, long usage.Tokens, ok bool) {
	var u struct {
		Iterations []struct {
			Type   string `json:"type"`
			Input  int64  `json:"input_tokens"`
			Read   int64  `json:"cache_read_input_tokens"`
			Write  int64  `json:"cache_creation_input_tokens"`
			Output int64  `json:"output_tokens"`
			Split  struct {
				Write5m int64 `json:"ephemeral_5m_input_tokens"`
				Write1h int64 `json:"ephemeral_1h_input_tokens"`
			} `json:"cache_creation"`
		} `json:"iterations"`
	}
	if json.Unmarshal(raw, &u) != nil {
		return short, long, false
	}
	for _, pass := range u.Iterations {
		if pass.Type == "advisor_message" { // sub_usage
			continue
		}
		write := max(pass.Write, pass.Split.Write5m+pass.Split.Write1h)
		p := usage.Tokens{
			Input: pass.Input + pass.Read + write, CacheRead: pass.Read,
			CacheWrite: write, CacheWrite1h: pass.Split.Write1h, Output: pass.Output,
		}
		if r.long(p.Input) {
			long.Add(p)
		} else {
			short.Add(p)
		}
	}
	sum := short
	sum.Add(long)
	return short, long, sum.Input == t.Input && sum.CacheRead == t.CacheRead &&
		sum.CacheWrite == t.CacheWrite && sum.CacheWrite1h == t.CacheWrite1h && sum.Output == t.Output
}

// long reports whether the long prices apply to a request of that many tokens.
func (r *Row) long(input int64) bool {
	return r.threshold > 0 && (input > r.threshold || r.atLeast && input == r.threshold)
}
