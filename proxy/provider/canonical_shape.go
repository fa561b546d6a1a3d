package provider

// canonShape says where in a request's top level the parts of its text are. The
// names are tried in order and all that are there count; a message, a part and
// a tool read the same in every dialect (see canonical.go), so a new dialect is
// a few rows here.
type canonShape struct {
	dialect   Dialect
	operation string

	tools    []string // arrays of definitions, or objects that hold one as "tools"
	system   []string // text, parts, or an object with parts
	state    []string // ids that stand for text the provider keeps
	messages []string // arrays of messages, or one; a plain text is a user's message
	prompt   []string // the text of one user's message
	input    []string // what is embedded: text, texts or tokens
}

// canonShapes has a row for each dialect and operation whose text is
// fingerprinted.
var canonShapes = []canonShape{
	{dialect: OpenAI, operation: OpChat, tools: []string{"tools", "functions"}, messages: []string{"messages"}},
	{dialect: OpenAI, operation: OpTextCompletion, prompt: []string{"prompt", "suffix"}},
	{dialect: OpenAI, operation: OpEmbeddings, input: []string{"input"}},
	{dialect: Responses, operation: OpResponses, tools: []string{"tools"}, system: []string{"instructions", "prompt"},
		state: []string{"previous_response_id", "conversation"}, messages: []string{"input"}},
	{dialect: Anthropic, operation: OpMessages, tools: []string{"tools"}, system: []string{"system"}, messages: []string{"messages"}},
	{dialect: Anthropic, operation: OpTextCompletion, prompt: []string{"prompt"}},
	{dialect: Gemini, operation: OpGenerateContent, tools: []string{"tools"}, system: []string{"systemInstruction", "system_instruction"},
		state: []string{"cachedContent", "cached_content"}, messages: []string{"contents"}},
	{dialect: Gemini, operation: OpEmbeddings, input: []string{"content", "requests", "instances"}},
	{dialect: Bedrock, operation: OpChat, tools: []string{"toolConfig"}, system: []string{"system"}, messages: []string{"messages"}},
	{dialect: Bedrock, operation: OpTextCompletion, tools: []string{"tools"}, system: []string{"system"}, messages: []string{"messages"},
		prompt: []string{"prompt", "inputText", "texts"}},
	{dialect: Cohere, operation: OpChat, tools: []string{"tools"}, system: []string{"preamble", "documents"},
		messages: []string{"chat_history", "messages"}, prompt: []string{"message"}},
	{dialect: Cohere, operation: OpTextCompletion, prompt: []string{"prompt"}},
	{dialect: Cohere, operation: OpEmbeddings, input: []string{"texts", "inputs", "images"}},
	{dialect: Ollama, operation: OpChat, tools: []string{"tools"}, messages: []string{"messages"}},
	{dialect: Ollama, operation: OpTextCompletion, system: []string{"system"}, prompt: []string{"prompt", "suffix"}},
	{dialect: Ollama, operation: OpEmbeddings, input: []string{"input", "prompt"}},
}

// canonShapeOf returns the row of a call, nil if its text is not looked at.
func canonShapeOf(c Call) *canonShape {
	for i := range canonShapes {
		if s := &canonShapes[i]; s.dialect == c.Dialect && s.operation == c.Operation {
			return s
		}
	}
	return nil
}

// Roles of messages in the canonical text.
const (
	canonUser      = 'u'
	canonAssistant = 'a'
	canonSystem    = 's'
	canonTool      = 't' // what a tool returned, whatever role carried it
	canonOther     = 'o'
)

var canonRoles = map[string]byte{
	"": canonUser, "user": canonUser, "USER": canonUser, "human": canonUser, "User": canonUser,
	"assistant": canonAssistant, "model": canonAssistant, "CHATBOT": canonAssistant, "Chatbot": canonAssistant,
	"system": canonSystem, "developer": canonSystem, "SYSTEM": canonSystem, "System": canonSystem,
	"tool": canonTool, "function": canonTool, "TOOL": canonTool, "Tool": canonTool,
}

// canonClass is what a key of a message or part means to the canonical text.
type canonClass uint8

const (
	canonPlain   canonClass = iota
	canonDrop               // ids of messages and calls, cache marks, what a server says of its own state
	canonWrapper            // holds a call or a result, itself read as a part
	canonContent            // text or parts
	canonCalls              // array of calls
	canonOpaque             // signatures and data that only a hash of is worth having
)

var canonKeys = map[string]canonClass{
	"cache_control": canonDrop, "cachePoint": canonDrop, "id": canonDrop, "call_id": canonDrop, "tool_call_id": canonDrop,
	"tool_use_id": canonDrop, "toolUseId": canonDrop, "status": canonDrop,
	"functionCall": canonWrapper, "function_call": canonWrapper, "functionResponse": canonWrapper, "function_response": canonWrapper,
	"toolUse": canonWrapper, "toolResult": canonWrapper,
	"content": canonContent, "output": canonContent,
	"tool_calls": canonCalls,
	"signature":  canonOpaque, "encrypted_content": canonOpaque, "thoughtSignature": canonOpaque, "thought_signature": canonOpaque,
	"images": canonOpaque, "redactedContent": canonOpaque,
}

// canonTextTypes are the types of parts that are text.
var canonTextTypes = map[string]bool{"": true, "text": true, "input_text": true, "output_text": true}

// canonMediaTypes are the types of parts that are images, recordings or files.
var canonMediaTypes = map[string]bool{
	"image_url": true, "image": true, "input_image": true, "input_audio": true, "audio": true, "audio_url": true,
	"video_url": true, "video": true, "file": true, "input_file": true, "computer_screenshot": true,
	"image_generation_call": true, "redacted_thinking": true,
}

// canonMediaKeys mark a part as one where it has no type (Gemini, Converse).
var canonMediaKeys = map[string]bool{
	"inlineData": true, "inline_data": true, "fileData": true, "file_data": true,
	"image": true, "document": true, "video": true, "audio": true,
}

// canonFileSources are the types of source that make a document a file; in the
// others it is text (Anthropic).
var canonFileSources = map[string]bool{"base64": true, "url": true, "file": true}

// canonResultKeys mark a part as the result of a tool where it has no type.
var canonResultKeys = map[string]bool{"functionResponse": true, "function_response": true, "toolResult": true}
