"""A program that knows nothing of a proxy: the SDKs of both vendors with their defaults, a key, and what the environment says.
Prints a line of JSON for each call: its name and the hash of the answer's bytes."""

import hashlib
import json

import anthropic
import openai

TEXT = "Tartu lies on the river Emajõgi."
ASK = [{"role": "user", "content": "Where is Tartu?"}]
chat = openai.OpenAI(max_retries=0, timeout=20).chat.completions
messages = anthropic.Anthropic(max_retries=0, timeout=20).messages


def report(call, body):
    print(json.dumps({"call": call, "answer": hashlib.sha256(body).hexdigest()}), flush=True)


raw = chat.with_raw_response.create(model="large-1", messages=ASK)
assert raw.parse().choices[0].message.content == TEXT
report("openai", raw.http_response.content)
with chat.with_streaming_response.create(model="large-1", messages=ASK, stream=True) as raw:
    report("openai, streamed", b"".join(raw.iter_bytes()))
raw = messages.with_raw_response.create(model="claude-large-1", messages=ASK, max_tokens=60)
assert raw.parse().content[0].text == TEXT
report("anthropic", raw.http_response.content)
with messages.with_streaming_response.create(model="claude-large-1", messages=ASK, max_tokens=60, stream=True) as raw:
    report("anthropic, streamed", b"".join(raw.iter_bytes()))
