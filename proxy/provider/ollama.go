package provider

// ollamaRoot is what matters in Ollama's own answers, one JSON object per line
// when streamed (its default), and in the llama.cpp server's /completion. The
// counts stand among the rest of the last object and are picked out of it.
var ollamaRoot = obj(
	key("model", keep(slotModel)),
	key("done_reason", keep(slotFinish).then(hookChoice)),
	key("done", keep(slotTurn)),
	key("stop", keep(slotTurn)), // llama.cpp, which counts in each chunk
	key("message", obj(
		key("content", length(textDelta)),
		key("thinking", length(textDelta)),
		key("tool_calls", arr((&node{}).then(hookTool))),
	)),
	key("response", length(textDelta)),
	key("thinking", length(textDelta)),
	key("content", length(textDelta)), // llama.cpp
	pick("prompt_eval_count"),
	pick("eval_count"),
	pick("total_duration"),
	pick("load_duration"),
	pick("prompt_eval_duration"),
	pick("eval_duration"),
	pick("tokens_evaluated"),
	pick("tokens_predicted"),
	key("timings", obj(pick("cache_n"))),
	key("error", errorObject()),
)

// readOllama reads the counts. A prompt that was wholly cached may have none.
func readOllama(r *reading, raw []byte, c *Call) {
	for m := object(raw); m.next(); {
		switch string(m.key) {
		case "prompt_eval_count", "tokens_evaluated":
			r.Input = r.count(m.val)
		case "eval_count", "tokens_predicted":
			r.Output = r.count(m.val)
		case "cache_n":
			r.CacheRead = r.count(m.val)
		}
	}
}
