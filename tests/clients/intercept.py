"""Runs inside a network namespace of its own (scripts/test-intercept.sh): clients that were not told of the proxy, or only by
their environment, by each mode. Prints a matrix; exit status 1 when a cell fails. Arguments: the program, a Python with the SDKs
(or nothing), a folder with Node's (or nothing)."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import inside
from world import (ADDRESS, FAULTS, HERE, NODE, OTHER, PROGRAM, PROXY_UID, PYTHON, SEEN, Proxy, belongs, certificates, config,
                   environment, expect, hosts, provide, redirect, requests, rules, run, without)


def programs(mode):
    """Clients by name, as commands that print their calls, and what they were taught from outside to be led here."""
    if PYTHON:
        yield "Python SDKs", [PYTHON, f"{HERE}/intercepted.py"], ""
    if NODE:
        # Before 24, fetch reads no proxy from the environment by itself.
        taught = mode in ("HTTPS_PROXY", "run") and int(run("node", "--version")[1:].split(".")[0]) < 24
        teach = ["--import", os.path.abspath(f"{NODE}/proxied.mjs")] if taught else []
        yield "Node SDKs", ["node", *teach, f"{NODE}/intercepted.mjs"], "preload" if taught else ""
    yield "curl", [sys.executable, os.path.abspath(__file__), "curl"], ""


def curl():
    """The client that is curl, one call a dialect."""
    ask = {"messages": [{"role": "user", "content": "Where is Tartu?"}], "max_tokens": 60}
    openai = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") + "/chat/completions"
    anthropic = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com") + "/v1/messages"
    for call, url, model, key in (("openai", openai, "large-1", "authorization: Bearer sk-1"),
                                  ("anthropic", anthropic, "claude-large-1", "x-api-key: sk-2")):
        body = json.dumps({"model": model, **ask})
        answer = subprocess.run(["curl", "--silent", "--show-error", "--fail", "--max-time", "20", "--header", key, "--header",
                                 "content-type: application/json", "--data", body, url], check=True,
                                stdout=subprocess.PIPE).stdout
        print(json.dumps({"call": call, "answer": hashlib.sha256(answer).hexdigest()}))


def calls(name, command, env, before=()):
    """Runs a client: its calls as it and the provider saw them, and what it wrote to standard error."""
    begin = len(SEEN)
    try:
        done = subprocess.run([*before, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    except subprocess.TimeoutExpired as late:
        expect(False, f"{name} does not end within {late.timeout} s: {late.stderr}")
        return [], ""
    if not expect(done.returncode == 0, f"{name} ends with {done.returncode}: {done.stderr[-700:]}"):
        return [], done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    seen = SEEN[begin:]
    expect(len(said) == len(seen) > 0, f"{name}: {len(said)} calls made, {len(seen)} arrived")
    return [{**one, **two} for one, two in zip(said, seen)], done.stderr


def compare(where, policy, found, direct):
    """Observed, both bodies are those of a call without the proxy; routed, another model answers."""
    for call, plain in zip(found, direct):
        what = f"{where}, {call['call']}"
        expect(call["through"] and not plain["through"], f"{what}: did not come through the proxy")
        if policy == "observed":
            expect(call["request"] == plain["request"], f"{what}: the request's body was changed")
            expect(call["answer"] == plain["answer"], f"{what}: the answer's body was changed")
            expect(call["model"] == plain["model"], f"{what}: observed, and served by {call['model']}")
        else:
            expect(call["model"] == plain["model"].replace("large", "small"), f"{what}: served by {call['model']}")
    return len(found)


def keeps_its_certificate(where, folder, **env):
    """A host off the list shows its own certificate through the proxy, and never one of ours."""
    for trust, right in (("world.pem", True), ("ca.pem", False)):
        done = subprocess.run(["curl", "--silent", "--max-time", "20", f"https://{OTHER}/"], stdout=subprocess.DEVNULL,
                              env=environment(folder, trust, **env))
        expect((done.returncode == 0) == right, f"{where}: {OTHER} with {trust}: curl ends with {done.returncode}")


def is_shown_nothing(where, proxy):
    """A host off the list that a hosts file leads here is closed without a certificate: nobody knows where it was going."""
    before = proxy.metric('pointsman_intercept_ended_total{end="nowhere"}')
    hosts("127.0.0.1", "127.0.0.1")
    done = subprocess.run(["curl", "--silent", "--verbose", "--insecure", "--max-time", "20", f"https://{OTHER}/"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    hosts("127.0.0.1")
    expect(done.returncode == 35 and "subject:" not in done.stderr, f"{where}: {OTHER} led here: {done.stderr[-400:]}")
    ended = proxy.until('pointsman_intercept_ended_total{end="nowhere"}', before + 1) - before
    expect(ended == 1, f"{where}: {OTHER} led here: {ended} connections ended so")


def reaches_what_is_no_tls():
    """Whatever else was going to a redirected port arrives there: plain HTTP, and a server that speaks first."""
    class Plain(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_):
            pass

    plain, banner = ThreadingHTTPServer((ADDRESS, 8099), Plain), socket.create_server((ADDRESS, 8098))
    threading.Thread(target=plain.serve_forever, daemon=True).start()

    def speak():
        one, _ = banner.accept()
        one.sendall(b"220 first\r\n")
        time.sleep(0.2)
        one.close()

    threading.Thread(target=speak, daemon=True).start()
    got = subprocess.run(["curl", "--silent", "--max-time", "20", f"http://{ADDRESS}:8099/"], stdout=subprocess.PIPE, text=True)
    expect(got.stdout == "here", f"plain HTTP does not reach where it was going: {got.stdout!r}")
    with socket.create_connection((ADDRESS, 8098), timeout=20) as client:
        said = client.recv(64)
    expect(said == b"220 first\r\n", f"a server that speaks first is not heard: {said!r}")
    plain.shutdown()
    plain.server_close()
    banner.close()


def by_mode(folder, mode, policy, direct):
    """All clients by one mode under one policy: a cell each."""
    env = {"base URL": {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:8080"},
           "HTTPS_PROXY": {"HTTPS_PROXY": "http://127.0.0.1:443", "NODE_USE_ENV_PROXY": "1"}}.get(mode, {})
    own_address = mode == "hosts"
    hosts("127.0.0.1" if own_address else ADDRESS)
    proxy = Proxy(folder, policy, [ADDRESS] if own_address else [])
    before = rules()
    if mode == "REDIRECT":
        for _ in range(2):  # `up` may be repeated
            code, said = redirect("up")
            expect(code == 0, f"intercept.sh up: {said}")
        expect(redirect("status")[0] == 0, "intercept.sh status says off")
    cells, made = {}, 0
    for name, command, taught in programs(mode):
        faults, where = len(FAULTS), " with a ".join(filter(None, [name, taught])) + f" by {mode}, {policy}"
        found, _ = calls(where, command, environment(folder, "ca.pem", **env))
        made += compare(where, policy, found, direct[name])
        cells[name] = cell(faults, taught)
    if mode == "hosts":
        is_shown_nothing(f"{mode}, {policy}", proxy)
    elif mode != "base URL":
        keeps_its_certificate(f"{mode}, {policy}", folder, **env)
    if mode != "base URL":
        expect(proxy.metric('pointsman_intercept_ended_total{end="tls"}') > 0, f"{mode}: nothing was decrypted")
    if mode in ("HTTPS_PROXY", "REDIRECT"):
        expect(proxy.metric('pointsman_intercept_ended_total{end="tunnel"}') > 0, f"{mode}: nothing was tunnelled")
    if mode == "REDIRECT":
        done = subprocess.run(["curl", "--silent", "--insecure", "--max-time", "20", f"https://{ADDRESS}/"],
                              stdout=subprocess.DEVNULL)
        expect(done.returncode == 0, f"TLS without a name does not reach where it was going: {done.returncode}")
        reaches_what_is_no_tls()
        for _ in range(2):
            expect(redirect("down")[0] == 0, "intercept.sh down fails")
        expect(rules() == before, f"intercept.sh left something behind: {rules()}")
        expect(redirect("status")[0] == 1, "intercept.sh status says on")
    if mode == "HTTPS_PROXY":
        for own in ("http://127.0.0.1:8081/metrics", "http://localhost:8081/metrics", "http://169.254.169.254/"):
            for tunnel in ([], ["--proxytunnel"]):
                done = subprocess.run(["curl", "--silent", "--max-time", "20", "--noproxy", "", "--proxy", "http://127.0.0.1:443",
                                       "--write-out", "%{http_code} %{http_connect}", "--output", "/dev/null", *tunnel, own],
                                      stdout=subprocess.PIPE, text=True)
                expect("403" in done.stdout, f"a caller reaches {own} through the proxy: {done.stdout}")
    recorded = proxy.on_record()
    expect(recorded == made, f"{mode}, {policy}: {made} calls made, {recorded} on record")
    return cells


def by_run(folder, policy, direct):
    """`pointsman run -- COMMAND`: nothing else is running, and the sums are printed at the end."""
    hosts(ADDRESS)
    Proxy(folder, policy, []).stop()
    refused = subprocess.run([f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "run", "--", "true"],
                             stderr=subprocess.PIPE, text=True)
    expect(refused.returncode == 1 and f"belongs to user {PROXY_UID}" in refused.stderr,
           f"run with the key of another user: {refused.returncode} {refused.stderr}")
    belongs(folder, 0)
    cells, made = {}, 0
    for name, command, taught in programs("run"):
        faults, where = len(FAULTS), " with a ".join(filter(None, [name, taught])) + f" by run, {policy}"
        run_it = [f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "run", "--"]
        found, said = calls(where, command, environment(folder, "world.pem"), run_it)
        count = compare(where, policy, found, direct[name])
        made += count
        expect(f"pointsman: {count} requests, spent $0.00" in said, f"{name} by run: it says {said!r}")
        observed = f"{count} of them were observed at $" in said and "quality unknown (0 pairs)" in said
        expect(observed == (policy == "observed"), f"{name} by run, {policy}: it says {said!r}")
        cells[name] = cell(faults, taught)
        print(f"{where}: {said.strip()}")
    expect(requests(folder) == made, f"run, {policy}: {made} calls made, {requests(folder)} on record")
    belongs(folder, PROXY_UID)
    return cells


def by_agent(folder):
    """The coding agent that scripts/test-agents.sh has installed, unchanged: its calls come through and are on record."""
    agent = shutil.which("claude", path=os.path.abspath(f"{HERE}/../../target/agents/node_modules/.bin"))
    if not agent:
        without("agent", "Claude Code by `run` (scripts/test-agents.sh puts it into target/agents)")
        return
    hosts(ADDRESS)
    Proxy(folder, "observed", []).stop()
    belongs(folder, 0)
    begin = len(SEEN)
    try:
        done = subprocess.run([f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "run", "--", agent, "--print",
                               "Where is Tartu?", "--model", "claude-large-1"], cwd=folder, timeout=120, text=True,
                              env=environment(folder, "world.pem", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1"),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired as late:
        expect(False, f"the agent does not end within {late.timeout} s: {late.stdout} {late.stderr}")
        return
    finally:
        belongs(folder, PROXY_UID)
    came = [call for call in SEEN[begin:] if call["through"]]
    expect(done.returncode == 0 and "Tartu" in done.stdout, f"the agent ends with {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
    expect(came and len(came) == len(SEEN) - begin, f"the agent: {len(came)} of {len(SEEN) - begin} calls came through")
    expect(requests(folder) >= len(came), f"the agent: {len(came)} calls, {requests(folder)} on record")
    print(f"coding agent: {done.stdout.strip()!r}, {len(came)} calls; {done.stderr.strip()}")


def main():
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copy(PROGRAM, f"{folder}/pointsman")
        certificates(folder)
        config(folder, "observed", [])
        run(f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "ca", "init")
        with open(f"{folder}/both.pem", "w") as both:
            both.writelines(open(f"{folder}/{one}").read() for one in ("world.pem", "ca.pem"))
        os.chown(folder, PROXY_UID, PROXY_UID)
        belongs(folder, PROXY_UID)
        provide(folder)
        hosts(ADDRESS)
        direct = {name: calls(f"{name}, without a proxy", command, environment(folder, "world.pem"))[0]
                  for name, command, _ in programs("directly")}
        modes = ["base URL", "HTTPS_PROXY", "hosts", "REDIRECT"]
        if not shutil.which("iptables"):
            modes.remove("REDIRECT")
            without("iptables", "REDIRECT")
        cells = {(mode, policy): by_mode(folder, mode, policy, direct)
                 for mode in modes for policy in ("observed", "routed")}
        for policy in ("observed", "routed"):
            cells["run", policy] = by_run(folder, policy, direct)
        by_agent(folder)
        inside.never_loops(folder)
        if "REDIRECT" in modes:
            inside.half_of_it(folder)
            inside.wrong_user(folder)
            inside.by_group(folder)
            inside.stays_inside(folder)
        inside.looks_once(folder)
        show(cells, ["Python SDKs", "Node SDKs", "curl"])
        if FAULTS:
            print(open(f"{folder}/log").read()[-3000:], file=sys.stderr)
    sys.exit(1 if FAULTS else 0)


def cell(faults, taught):
    """What the table says: that nothing went wrong since, and whether the client had to be taught for it."""
    return "FAILS" if len(FAULTS) > faults else f"ok, {taught}" if taught else "ok"


def show(cells, names):
    print(f"{'mode':14} {'policy':10} " + " ".join(f"{name:12}" for name in names))
    for (mode, policy), row in cells.items():
        print(f"{mode:14} {policy:10} " + " ".join(f"{row.get(name, 'skipped'):12}" for name in names))
    if any("preload" in word for row in cells.values() for word in row.values()):
        print(f"preload: Node {run('node', '--version').strip()} reads no HTTPS_PROXY by itself, and did by --import proxied.mjs")
    for fault in FAULTS:
        print(fault)
    print(f"{sum(len(row) for row in cells.values())} cells, {len(SEEN)} calls at the provider, {len(FAULTS)} faults")


curl() if sys.argv[1:] == ["curl"] else main()
