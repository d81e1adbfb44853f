"""Starts a provider and the proxy, runs the SDKs of both languages against them and prints the matrix. Exit status 1 when a cell
fails. Arguments: the program, a Python with the SDKs, a folder with Node's (or nothing)."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
UPSTREAMS = ["openai", "anthropic", "gemini"]
# Providers: their name, dialect, and what is behind the address. The last has the API of Responses as well as Chat.
PROVIDERS = [("openai", "openai", "/v1"), ("anthropic", "anthropic", ""), ("gemini", "gemini", ""), ("responses", "openai", "/v1")]
ABILITIES = ["tools", "thinking", "json_schema", "json_object", "vision", "sampling"]
# What the upstream's dialect has no word for, and the field that is named before anybody is asked.
REFUSED = {("ai, Anthropic", "gemini", "structured"): "parallel_tool_calls"}
# Anthropic has no embeddings: whoever asks one of its models for them is told so, by message or by code.
TOLD = {"openai (Python)": "has no embeddings", "openai (Node)": "has no embeddings", "ai, OpenAI chat": "has no embeddings",
        "google-genai": "not_expressible", "@google/genai": "not_expressible"}
REFUSED |= {(client, "anthropic", "embeddings"): words for client, words in TOLD.items()}
CASES = ["plain", "stream", "tools", "structured", "image", "error", "cancel", "embeddings"]


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def config(provider, data, admin, folder):
    text = f"""[server]
listen = ["127.0.0.1:{data}"]
admin = "127.0.0.1:{admin}"
[ledger]
path = "{folder}/ledger.db"
"""
    for name, dialect, suffix in PROVIDERS:
        abilities = [*ABILITIES, "responses"] if name == "responses" else ABILITIES
        text += f"""
[[providers]]
id = "{name}"
dialect = "{dialect}"
base_url = "http://127.0.0.1:{provider}{suffix}"
auth = "none"
credential = "none"
[[models]]
id = "{name}-model"
tier = "frontier"
context_tokens = 200000
max_output_tokens = 64000
capabilities = {json.dumps(abilities)}
price = {{ input = 1.0, output = 2.0, cache_read = 0.1 }}
deployments = [{{ provider = "{name}", upstream_name = "{name}-model-1" }}]
[[policies]]
name = "{name}"
match = {{ models = ["auto"] }}
mode = "route"
baseline = "{name}-model"
candidates = ["{name}-model"]
"""
    return text


def rows(command):
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


@contextlib.contextmanager
def running(program):
    """A provider of all dialects and the proxy before it: the addresses of the proxy, its admin listener and the provider."""
    provider = subprocess.Popen([sys.executable, f"{HERE}/provider.py"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
    at = int(provider.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        data, admin = free_port(), free_port()
        with open(f"{folder}/pointsman.toml", "w") as file:
            file.write(config(at, data, admin, folder))
        proxy = subprocess.Popen([program, "--config", f"{folder}/pointsman.toml", "serve"],
                                 stdout=subprocess.DEVNULL, stderr=open(f"{folder}/log", "w"))
        try:
            base = f"http://127.0.0.1:{data}"
            for _ in range(200):
                try:
                    urllib.request.urlopen(base + "/readyz").close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield base, f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{at}"
        finally:
            proxy.terminate()
            proxy.wait()
            provider.stdin.close()
            provider.wait()


def main():
    program, python, node = [*sys.argv[1:], ""][:3]
    with running(program) as (base, _, provider):
        found = rows([python, f"{HERE}/clients.py", base, *UPSTREAMS])
        if node:
            found += rows(["node", f"{node}/clients.mjs", base, *UPSTREAMS])
        time.sleep(1)
        gone = json.load(urllib.request.urlopen(f"{provider}/gone"))["gone"]
    show(found, gone)


def word(mark, case):
    if mark is None:
        return "-" if case == "embeddings" else "missing"
    return "refused" if mark.get("refused") else "ok" if mark["ok"] else "FAILS"


def show(found, gone):
    print(f"{'client':20} {'upstream':10} " + " ".join(f"{case:10}" for case in CASES))
    cells = {(row["client"], row["upstream"], row["case"]): row for row in found}
    for cell, field in REFUSED.items():
        if cell in cells and not cells[cell]["ok"] and field in cells[cell]["what"]:
            cells[cell].update(ok=True, refused=True)
    for client, upstream in dict.fromkeys((row["client"], row["upstream"]) for row in found):
        words = [word(cells.get((client, upstream, case)), case) for case in CASES]
        print(f"{client:20} {upstream:10} " + " ".join(f"{said:10}" for said in words))
    failed = [row for row in found if not row["ok"]]
    for row in failed:
        print(f"{row['client']}, {row['upstream']}, {row['case']}: {row['what']}")
    cancelled = sum(row["case"] == "cancel" for row in found)
    print(f"{len(found)} cells, {len(failed)} failed; {len(gone)} of {cancelled} cancelled streams were noticed by the provider")
    sys.exit(1 if failed or not found or len(gone) < cancelled else 0)


if __name__ == "__main__":
    main()
