package provider

// A dialect says what is worth reading in an answer as a tree of nodes that
// mirrors the JSON: what is not in the tree is skipped without being looked at.

// node describes one JSON value. A node can describe a value that comes in
// several types (content is a string or an array of parts).
type node struct {
	keys []child // the object's members that matter
	elem *node   // each element of the array
	slot slot    // a scalar to keep
	name string  // of a slotPick
	text text    // a string whose length counts as generated text
	tree tree    // an object to keep whole: the usage
	hook hook    // told when the value ends
}

type child struct {
	key string
	*node
}

// find returns the member's node, or nil if it does not matter.
func (n *node) find(key []byte) *node {
	for i := range n.keys {
		if k := &n.keys[i]; len(k.key) == len(key) && k.key == string(key) {
			return k.node
		}
	}
	return nil
}

// The constructors keep the dialects' trees short.
func obj(keys ...child) *node            { return &node{keys: keys} }
func arr(elem *node) *node               { return &node{elem: elem} }
func keep(s slot) *node                  { return &node{slot: s} }
func length(t text) *node                { return &node{text: t} }
func whole(t tree) *node                 { return &node{tree: t} }
func (n *node) then(h hook) *node        { n.hook = h; return n }
func (n *node) or(elem *node) *node      { n.elem = elem; return n }
func key(name string, value *node) child { return child{name, value} }
func pick(name string) child             { return child{name, &node{slot: slotPick, name: name}} }

// slot names a kept scalar.
type slot uint8

const (
	noSlot          slot = iota
	slotID               // response_id
	slotModel            // response_model
	slotTier             // service_tier
	slotRequest          // request_id, where a body has it
	slotType             // of the event, or of the body
	slotStatus           // of a response object: completed, incomplete, queued …
	slotReason           // why it is incomplete
	slotFinish           // finish reason of the choice being read
	slotIndex            // index of the choice being read
	slotErrType          // error.type
	slotErrCode          // error.code
	slotErrStatus        // error.status (Google)
	slotBodyCode         // code beside the error
	slotCallID           // id of the tool call being read
	slotCallName         // its name, never kept beyond the call
	slotItem             // type of the output item or content block being read
	slotAction           // what the web search call being read did
	slotSearches         // web searches of a response, as its provider counts them
	slotPainter          // model that draws the images of a response
	slotTokens           // a count to be added (Vertex predictions)
	slotLine             // id of a line of a batch's results
	slotCustom           // the caller's own name of that line, never kept
	slotTurn             // whether the model's turn is over (Gemini's sessions, Ollama)
	slotSession          // model of a realtime session
	slotTranscriber      // model that transcribes a session's input
	slotDuration         // length in seconds of what was transcribed
	slotSpoken           // item of a session that was transcribed
	slotPick             // a number that belongs to the usage, which has no object of its own
	numSlots
)

// scalarCap bounds a kept scalar, in bytes as written.
const scalarCap = 192

// sticky slots keep the first value that is not empty; the others the last. So
// does the model of a Responses stream (gather.renamed).
var sticky = [numSlots]bool{slotID: true, slotModel: true, slotRequest: true}

// tree tells usage objects apart.
type tree uint8

const (
	noTree      tree = iota
	treeUsage        // the usage, or the newest state of it
	treeEarly        // the beginning of a usage that a later one completes (Anthropic's message_start)
	treeDrawing      // the usage of the model that drew images inside a response
)

// text names a counter of generated text.
type text uint8

const (
	noText    text = iota
	textDelta      // a piece of a stream
	textMaybe      // a piece of a stream, if the event's type says it is text
	textWhole      // in a whole answer
	numTexts
)

// hook names what happens when a value ends.
type hook uint8

const (
	noHook     hook = iota
	hookChoice      // a choice or candidate ended: slotFinish, slotIndex
	hookCall        // a tool call with slotCallID ended
	hookItem        // an output item or content block ended: slotItem
	hookTool        // one tool call
	hookSearch      // one search query
	hookAdd         // slotTokens is to be added
	hookError       // an error object ended
	hookPart        // an answer among several ended: gather.part takes it
)
