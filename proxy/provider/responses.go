package provider

// responsesRoot is what matters in a Responses object and in its stream, whose
// response.completed, .incomplete and .failed carry the object with its usage.
// The served tier is the last one seen: response.created still has the one
// asked for.
var responsesRoot = &node{keys: append(responseObject(),
	key("type", keep(slotType)),
	key("response", obj(responseObject()...)),
	key("item", obj(
		key("type", keep(slotItem)),
		key("action", obj(key("type", keep(slotAction)))),
	).then(hookItem)),
	key("delta", length(textMaybe)),
	key("code", keep(slotBodyCode)),
)}

func responseObject() []child {
	return []child{
		key("id", keep(slotID)),
		key("model", keep(slotModel)),
		key("status", keep(slotStatus)),
		key("service_tier", keep(slotTier)),
		key("incomplete_details", obj(key("reason", keep(slotReason)))),
		key("error", errorObject()),
		key("usage", whole(treeUsage)),
		key("tool_usage", obj( // what hosted tools cost besides
			key("image_gen", whole(treeDrawing)),
			key("web_search", obj(key("num_requests", keep(slotSearches)))),
		)),
		key("tools", arr(obj(key("model", keep(slotPainter))))), // image_generation's
		key("output", arr(obj(
			key("type", keep(slotItem)),
			key("action", obj(key("type", keep(slotAction)))),
			key("content", arr(obj(key("text", length(textWhole))))),
			key("arguments", length(textWhole)),
		).then(hookItem))),
	}
}
