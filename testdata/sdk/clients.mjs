// Calls the provider at the given address once per case with the providers' own
// packages, and prints one line of JSON per case: its name, and everything the
// package made of the answer, or of the error.
//
//   node clients.mjs http://127.0.0.1:9090
//
// A case's name travels as the session's label, by which the fake provider
// knows what to answer and the test finds the record.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const base = process.argv[2];
const agent = { "X-Agent-ID": "node-client" };
const openai = new OpenAI({ apiKey: "sk-made-up", baseURL: base + "/v1", defaultHeaders: agent, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: "sk-ant-made-up", baseURL: base, defaultHeaders: agent, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: "AI-made-up", httpOptions: { baseUrl: base, headers: agent } });
const googleBeta = new GoogleGenAI({ apiKey: "AI-made-up", apiVersion: "v1beta", httpOptions: { baseUrl: base, headers: agent } });

const messages = [{ role: "system", content: "You answer in one word, and only in that word." }, { role: "user", content: "Is water wet at room temperature?" }];
const question = messages.slice(1);
const passage = "Water is wet, and has been for as long as anyone remembers.";
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const chatTools = [{ type: "function", function: { name: "weather", description: "Today's weather in a city", parameters: schema } }];
const messageTools = [{ name: "weather", description: "Today's weather in a city", input_schema: schema }];

async function all(stream) {
  const events = [];
  for await (const event of await stream) events.push(event);
  return events;
}

// The first event, after which the client leaves.
async function first(stream, leave) {
  for await (const event of await stream) {
    leave();
    return event;
  }
}

const chat = (o, extra) => openai.chat.completions.create({ model: "gpt-5-mini", messages, ...extra }, o);
const message = (o, extra) => anthropic.messages.create({ model: "claude-sonnet-4-5", max_tokens: 256, messages: question, ...extra }, o);
const gemini = (o, extra) => ({ model: "gemini-2.5-flash", contents: "Is water wet at room temperature?", config: { ...extra, httpOptions: o } });

const cases = {
  "openai-chat": (o) => chat(o),
  "openai-chat-stream": (o) => all(chat(o, { stream: true, stream_options: { include_usage: true } })),
  "openai-chat-stream-without-usage": (o) => all(chat(o, { stream: true })),
  "openai-chat-tools": (o) => chat(o, { tools: chatTools }),
  "openai-chat-tools-stream": (o) => all(chat(o, { tools: chatTools, stream: true, stream_options: { include_usage: true } })),
  "openai-chat-limited": (o) => chat(o),
  "openai-chat-retried": (o) => chat({ ...o, maxRetries: 1 }),
  "openai-chat-left": async (o) => {
    const stop = new AbortController();
    return first(chat({ ...o, signal: stop.signal }, { stream: true }), () => stop.abort());
  },
  "openai-responses": (o) => openai.responses.create({ model: "gpt-5-mini", instructions: messages[0].content, input: messages[1].content }, o),
  "openai-responses-stream": (o) => all(openai.responses.create({ model: "gpt-5-mini", instructions: messages[0].content, input: messages[1].content, stream: true }, o)),
  "openai-embeddings": (o) => openai.embeddings.create({ model: "text-embedding-3-small", input: passage }, o),
  "openai-models": (o) => all(openai.models.list(o)),

  "anthropic-message": (o) => message(o),
  "anthropic-message-stream": (o) => all(message(o, { stream: true })),
  "anthropic-message-cached": (o) => message(o, { system: [{ type: "text", text: messages[0].content, cache_control: { type: "ephemeral", ttl: "1h" } }] }),
  "anthropic-message-tools": (o) => message(o, { tools: messageTools }),
  "anthropic-message-tools-stream": (o) => anthropic.messages.stream({ model: "claude-sonnet-4-5", max_tokens: 256, messages: question, tools: messageTools }, o).finalMessage(),
  "anthropic-message-overloaded": (o) => message(o),
  "anthropic-message-left": async (o) => {
    const stop = new AbortController();
    return first(message({ ...o, signal: stop.signal }, { stream: true }), () => stop.abort());
  },
  "anthropic-count-tokens": (o) => anthropic.messages.countTokens({ model: "claude-sonnet-4-5", messages: question }, o),

  "google-generate": (o) => google.models.generateContent(gemini(o, { systemInstruction: messages[0].content })),
  "google-generate-v1beta": (o) => googleBeta.models.generateContent(gemini(o)),
  "google-generate-stream": (o) => all(google.models.generateContentStream(gemini(o, { systemInstruction: messages[0].content }))),
  "google-generate-tools": (o) => google.models.generateContent(gemini(o, { tools: [{ functionDeclarations: [{ name: "weather", description: "Today's weather in a city", parametersJsonSchema: schema }] }] })),
  "google-generate-refused": (o) => google.models.generateContent(gemini(o)),
  "google-embed": (o) => google.models.embedContent({ model: "gemini-embedding-001", contents: [passage], config: { httpOptions: o } }),
  "google-count-tokens": (o) => google.models.countTokens({ model: "gemini-2.5-flash", contents: passage, config: { httpOptions: o } }),
};

for (const [name, call] of Object.entries(cases)) {
  const line = { case: name };
  try {
    line.answer = await call({ headers: { "X-Session-ID": name } });
  } catch (error) {
    line.error = { name: error.constructor.name, message: String(error.message), status: error.status, type: error.type, id: error.requestID };
  }
  console.log(JSON.stringify(line));
}
