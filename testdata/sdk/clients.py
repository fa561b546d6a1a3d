"""Calls the provider at the given address once per case with the providers' own
packages, and prints one line of JSON per case, as clients.mjs does:

    python clients.py http://127.0.0.1:9090
"""

import json
import sys

from anthropic import Anthropic
from google import genai
from google.genai import types
from openai import OpenAI

base = sys.argv[1]
agent = {"X-Agent-ID": "python-client"}
openai = OpenAI(api_key="sk-made-up", base_url=base + "/v1", default_headers=agent, max_retries=0)
anthropic = Anthropic(api_key="sk-ant-made-up", base_url=base, default_headers=agent, max_retries=0)
google = genai.Client(api_key="AI-made-up", http_options={"base_url": base, "headers": agent})
google_beta = genai.Client(api_key="AI-made-up", http_options={"base_url": base, "api_version": "v1beta", "headers": agent})

instruction = "You answer in one word, and only in that word."
asked = "Is water wet at room temperature?"
messages = [{"role": "system", "content": instruction}, {"role": "user", "content": asked}]
question = messages[1:]
passage = "Water is wet, and has been for as long as anyone remembers."
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
chat_tools = [{"type": "function", "function": {"name": "weather", "description": "Today's weather in a city", "parameters": schema}}]
message_tools = [{"name": "weather", "description": "Today's weather in a city", "input_schema": schema}]
google_tools = [types.Tool(function_declarations=[types.FunctionDeclaration(
    name="weather", description="Today's weather in a city", parameters_json_schema=schema)])]


def plain(value):
    """What json can print of a package's own objects."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def chat(o, client=openai, **extra):
    return client.chat.completions.create(model="gpt-5-mini", messages=messages, **o, **extra)


def message(o, **extra):
    return anthropic.messages.create(model="claude-sonnet-4-5", max_tokens=256, messages=question, **o, **extra)


def respond(o, **extra):
    return openai.responses.create(model="gpt-5-mini", instructions=instruction, input=asked, **o, **extra)


def gemini(o, call=google.models.generate_content, **extra):
    return call(model="gemini-2.5-flash", contents=asked, config=types.GenerateContentConfig(
        http_options=types.HttpOptions(headers=o["extra_headers"]), **extra))


def first(stream):
    """The first event, after which the client leaves."""
    with stream:
        for event in stream:
            return event


def helper(o):
    with anthropic.messages.stream(model="claude-sonnet-4-5", max_tokens=256, messages=question, tools=message_tools, **o) as stream:
        return stream.get_final_message()


usage = {"stream_options": {"include_usage": True}}
cached = [{"type": "text", "text": instruction, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]

cases = {
    "openai-chat": chat,
    "openai-chat-stream": lambda o: list(chat(o, stream=True, **usage)),
    "openai-chat-stream-without-usage": lambda o: list(chat(o, stream=True)),
    "openai-chat-tools": lambda o: chat(o, tools=chat_tools),
    "openai-chat-tools-stream": lambda o: list(chat(o, tools=chat_tools, stream=True, **usage)),
    "openai-chat-limited": chat,
    "openai-chat-retried": lambda o: chat(o, client=openai.with_options(max_retries=1)),
    "openai-chat-left": lambda o: first(chat(o, stream=True)),
    "openai-responses": respond,
    "openai-responses-stream": lambda o: list(respond(o, stream=True)),
    "openai-embeddings": lambda o: openai.embeddings.create(model="text-embedding-3-small", input=passage, **o),
    "openai-models": lambda o: list(openai.models.list(**o)),
    "anthropic-message": message,
    "anthropic-message-stream": lambda o: list(message(o, stream=True)),
    "anthropic-message-cached": lambda o: message(o, system=cached),
    "anthropic-message-tools": lambda o: message(o, tools=message_tools),
    "anthropic-message-tools-stream": helper,
    "anthropic-message-overloaded": message,
    "anthropic-message-left": lambda o: first(message(o, stream=True)),
    "anthropic-count-tokens": lambda o: anthropic.messages.count_tokens(model="claude-sonnet-4-5", messages=question, **o),
    "google-generate": lambda o: gemini(o, system_instruction=instruction),
    "google-generate-v1beta": lambda o: gemini(o, google_beta.models.generate_content),
    "google-generate-stream": lambda o: list(gemini(o, google.models.generate_content_stream, system_instruction=instruction)),
    "google-generate-tools": lambda o: gemini(o, tools=google_tools),
    "google-generate-refused": gemini,
    "google-embed": lambda o: google.models.embed_content(
        model="gemini-embedding-001", contents=[passage],
        config=types.EmbedContentConfig(http_options=types.HttpOptions(headers=o["extra_headers"]))),
    "google-count-tokens": lambda o: google.models.count_tokens(
        model="gemini-2.5-flash", contents=passage,
        config=types.CountTokensConfig(http_options=types.HttpOptions(headers=o["extra_headers"]))),
}

for name, call in cases.items():
    line = {"case": name}
    try:
        line["answer"] = plain(call({"extra_headers": {"X-Session-ID": name}}))
    except Exception as error:
        line["error"] = {"name": type(error).__name__, "message": str(error), "code": getattr(error, "status_code", getattr(error, "code", None))}
    print(json.dumps(line, sort_keys=True), flush=True)
