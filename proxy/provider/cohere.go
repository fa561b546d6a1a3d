package provider

// cohereRoot is what matters in Cohere's v2 answers and streams, whose last
// event is message-end with delta.usage, and in v1's, which keep it in meta.
var cohereRoot = obj(
	key("id", keep(slotID)),
	key("response_id", keep(slotID)),
	key("type", keep(slotType)),
	key("finish_reason", keep(slotFinish).then(hookChoice)),
	key("usage", whole(treeUsage)),
	key("meta", whole(treeUsage)),
	key("text", length(textDelta)), // v1
	key("message", cohereMessage(textWhole)),
	key("delta", obj(
		key("finish_reason", keep(slotFinish).then(hookChoice)),
		key("usage", whole(treeUsage)),
		key("message", cohereMessage(textDelta)),
	)),
	key("response", obj( // v1's stream-end
		key("response_id", keep(slotID)),
		key("finish_reason", keep(slotFinish).then(hookChoice)),
		key("meta", whole(treeUsage)),
	)),
	key("error", errorObject()),
)

// cohereMessage has its content and tool calls as arrays in a whole answer and
// as single objects in the pieces of a stream.
func cohereMessage(t text) *node {
	part := []child{key("text", length(t)), key("thinking", length(t))}
	call := obj(
		key("id", keep(slotCallID)),
		key("function", obj(key("name", keep(slotCallName)), key("arguments", length(t)))),
	).then(hookCall)
	return obj(
		key("content", obj(part...).or(obj(part...))),
		key("tool_plan", length(t)),
		key("tool_calls", (&node{keys: call.keys, hook: hookCall}).or(call)),
	)
}

// readCohere reads billed_units, which are what the bill counts; the tokens
// beside them can be forty times as many and are not billed. Search units are
// the requests that a rerank is billed by. Where only the tokens are there, they
// are taken and marked derived. Units of text and of images are beside each
// other, as they have prices of their own.
func readCohere(r *reading, raw []byte, c *Call) {
	units := member(raw, []byte("billed_units"))
	if units == nil {
		units = member(raw, []byte("tokens"))
		r.derived = units != nil
	}
	r.cohereUnits(units)
}

func (r *reading) cohereUnits(units []byte) {
	for u := object(units); u.next(); {
		switch string(u.key) {
		case "input_tokens":
			r.Input = r.count(u.val)
		case "output_tokens":
			r.Output = r.count(u.val)
		case "search_units":
			r.Requests = r.count(u.val)
		case "image_tokens":
			r.ImageInput = r.count(u.val)
		}
	}
	r.Input += r.ImageInput
}
