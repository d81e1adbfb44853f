"""Runs inside a network namespace of its own (scripts/test-intercept.sh): a provider that is called api.openai.com and
api.anthropic.com here, the proxy, and clients that were not told of it, or only by their environment. Prints a matrix; exit
status 1 when a cell fails. Arguments: the program, a Python with the SDKs (or nothing), a folder with Node's (or nothing)."""

import hashlib
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from provider import Provider

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM, PYTHON, NODE = (sys.argv[1:] + ["", ""])[:3]
NAMES = ["api.openai.com", "api.anthropic.com"]
OTHER = "other.example.com"
ADDRESS = "10.77.0.5"  # off loopback, which no rule redirects
PROXY_UID = 65534
SEEN = []  # what the provider got, in order
FAULTS = []


class Recorder(Provider):
    """Keeps what it was asked, then answers as ever."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        SEEN.append({"request": hashlib.sha256(body).hexdigest(), "model": json.loads(body)["model"],
                     "host": self.headers["host"], "through": "cdn-loop" in self.headers})
        self.rfile, kept = io.BytesIO(body), self.rfile
        super().do_POST()
        self.rfile = kept

    def wants(self, body, schema):
        """The prompt of a coding agent holds every word that would make the provider do otherwise."""
        return "text" if len(json.dumps(body)) > 20000 else super().wants(body, schema)


def expect(holds, what):
    if not holds:
        FAULTS.append(what)
    return holds


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def hosts(address):
    """The namespace's own /etc/hosts, written in place: it is mounted over the real one."""
    with open("/etc/hosts", "w") as file:
        file.write(f"127.0.0.1 localhost\n{ADDRESS} {OTHER}\n")
        file.writelines(f"{address} {name}\n" for name in NAMES)


def certificates(folder):
    """An authority of this world, and the provider's certificate by it."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    quiet = {"cwd": folder, "stderr": subprocess.DEVNULL}
    run("openssl", "req", "-x509", *curve, "-subj", "/CN=World", "-keyout", "world.key", "-out", "world.pem", **quiet)
    run("openssl", "req", *curve, "-subj", "/CN=provider", "-keyout", "provider.key", "-out", "provider.csr", **quiet)
    with open(f"{folder}/names", "w") as file:
        file.write("subjectAltName=" + ",".join(f"DNS:{name}" for name in [*NAMES, OTHER]))
    run("openssl", "x509", "-req", "-in", "provider.csr", "-CA", "world.pem", "-CAkey", "world.key", "-CAcreateserial",
        "-days", "2", "-extfile", "names", "-out", "provider.pem", **quiet)


def provide(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/provider.pem", f"{folder}/provider.key")
    server = ThreadingHTTPServer((ADDRESS, 443), Recorder)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # a client that refuses our certificate is not our fault
    threading.Thread(target=server.serve_forever, daemon=True).start()


def config(folder, policy, addresses, off_list="tunnel"):
    route = policy == "routed"
    text = f"""[server]
listen = ["127.0.0.1:8080"]
head_seconds = 3
admin = "127.0.0.1:8081"
default_provider = {{ openai = "openai", anthropic = "anthropic" }}
[intercept]
enabled = true
listen = "127.0.0.1:443"
ca = {{ cert = "{folder}/ca.pem", key = "{folder}/ca.key" }}
mode = "{'policy' if route else 'observe'}"
off_list = "{off_list}"
[ledger]
path = "{folder}/ledger.db"
"""
    for dialect, prefix, base, path in (("openai", "", "/v1", "/v1/chat/completions"),
                                        ("anthropic", "claude-", "", "/v1/messages")):
        text += f"""
[[providers]]
id = "{dialect}"
dialect = "{dialect}"
base_url = "https://api.{dialect}.com{base}"
credential = "passthrough"
addresses = {json.dumps(addresses)}
[[policies]]
name = "{dialect}"
match = {{ models = ["*"], paths = ["{path}"] }}
mode = "{'route' if route else 'observe'}"
baseline = "{prefix}large"
candidates = ["{prefix}small", "{prefix}large"]
license = "prior"
max_quality_loss = 0.5
"""
        for size, price, quality in (("small", 0.25, 0.8), ("large", 2.5, 0.9)):
            text += f"""
[[models]]
id = "{prefix}{size}"
tier = "{'edge' if size == 'small' else 'frontier'}"
context_tokens = 200000
max_output_tokens = 8000
price = {{ input = {price}, output = {price * 4}, cache_read = {price / 10} }}
quality = {{ default = {quality} }}
deployments = [{{ provider = "{dialect}", upstream_name = "{prefix}{size}-1" }}]
"""
    with open(f"{folder}/pointsman.toml", "w") as file:
        file.write(text)


class Proxy:
    """The program as a service runs it: a user of its own, which may bind to 443 in this namespace."""

    def __init__(self, folder, policy, addresses, trust="world.pem", off_list="tunnel"):
        for old in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            if os.path.exists(f"{folder}/{old}"):
                os.remove(f"{folder}/{old}")
        config(folder, policy, addresses, off_list)
        self.folder = folder
        self.process = subprocess.Popen(
            [f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "serve"], cwd=folder, user=PROXY_UID,
            group=PROXY_UID, extra_groups=[], stdout=subprocess.DEVNULL, stderr=open(f"{folder}/log", "a"),
            env={"SSL_CERT_FILE": f"{folder}/{trust}", "PATH": os.environ["PATH"]})
        for _ in range(300):
            try:
                urllib.request.urlopen("http://127.0.0.1:8080/readyz").close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the proxy does not start:\n" + open(f"{folder}/log").read())

    def metric(self, beginning):
        lines = urllib.request.urlopen("http://127.0.0.1:8081/metrics").read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(beginning))

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def on_record(self):
        self.stop()
        return requests(self.folder)


def requests(folder):
    report = run(f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "--json", "report")
    return json.loads(report)["all"]["requests"]


def environment(folder, trust, **more):
    """What a client has; of certificates it trusts this file only."""
    bundle = f"{folder}/{trust}"
    names = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]
    clean = {"PATH": os.environ["PATH"], "HOME": folder, "OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"}
    return {**clean, **dict.fromkeys(names, bundle), **more}


def programs(mode):
    """Clients by name, as commands that print their calls."""
    if PYTHON:
        yield "Python SDKs", [PYTHON, f"{HERE}/intercepted.py"]
    node_knows_proxies = NODE and int(run("node", "--version")[1:].split(".")[0]) >= 24
    if NODE and (mode not in ("HTTPS_PROXY", "run") or node_knows_proxies):
        yield "Node SDKs", ["node", f"{NODE}/intercepted.mjs"]
    elif NODE:
        print(f"SKIPPED: Node's SDKs by {mode}: before Node 24 fetch knows no proxy")
    yield "curl", [sys.executable, os.path.abspath(__file__), "curl"]


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
    done = subprocess.run([*before, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
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
    """A host off the list shows its own certificate, and never one of ours."""
    for trust, right in (("world.pem", True), ("ca.pem", False)):
        done = subprocess.run(["curl", "--silent", "--max-time", "20", f"https://{OTHER}/"], stdout=subprocess.DEVNULL,
                              env=environment(folder, trust, **env))
        expect((done.returncode == 0) == right, f"{where}: {OTHER} with {trust}: curl ends with {done.returncode}")


def rules():
    """All rules of the namespace's nat tables, or nothing where there is no iptables."""
    tables = [table for table in ("iptables", "ip6tables") if shutil.which(table)]
    return [run(table, "-w", "-t", "nat", "-S") for table in tables]


def redirect(action):
    port = {"POINTSMAN_UID": str(PROXY_UID), "POINTSMAN_PORT": "443", "POINTSMAN_PORTS": "443,8098,8099"}
    done = subprocess.run([f"{HERE}/../../scripts/intercept.sh", action], env={**os.environ, **port}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


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
    for name, command in programs(mode):
        faults = len(FAULTS)
        found, _ = calls(f"{name} by {mode}, {policy}", command, environment(folder, "ca.pem", **env))
        made += compare(f"{name} by {mode}, {policy}", policy, found, direct[name])
        cells[name] = len(FAULTS) == faults
    if mode != "base URL":
        keeps_its_certificate(f"{mode}, {policy}", folder, **env)
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
    cells, made = {}, 0
    for name, command in programs("run"):
        faults = len(FAULTS)
        run_it = [f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "run", "--"]
        found, said = calls(f"{name} by run, {policy}", command, environment(folder, "world.pem"), run_it)
        count = compare(f"{name} by run, {policy}", policy, found, direct[name])
        made += count
        expect(f"pointsman: {count} requests, spent $0.00" in said, f"{name} by run: it says {said!r}")
        observed = f"{count} of them were observed at $" in said and "quality unknown (0 pairs)" in said
        expect(observed == (policy == "observed"), f"{name} by run, {policy}: it says {said!r}")
        cells[name] = len(FAULTS) == faults
        print(f"{name}, {policy}: {said.strip()}")
    expect(requests(folder) == made, f"run, {policy}: {made} calls made, {requests(folder)} on record")
    return cells


def by_agent(folder):
    """A coding agent that is on this machine, unchanged: its calls come through and are on record."""
    agent = shutil.which("claude")
    if not agent:
        print("SKIPPED: no coding agent (claude) on the PATH", file=sys.stderr)
        return
    hosts(ADDRESS)
    Proxy(folder, "observed", []).stop()
    begin = len(SEEN)
    done = subprocess.run([f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "run", "--", agent, "--print",
                           "Where is Tartu?", "--model", "claude-large-1"], cwd=folder, timeout=120, text=True,
                          env=environment(folder, "world.pem", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1"),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    came = [call for call in SEEN[begin:] if call["through"]]
    expect(done.returncode == 0 and "Tartu" in done.stdout, f"the agent ends with {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}")
    expect(came and len(came) == len(SEEN) - begin, f"the agent: {len(came)} of {len(SEEN) - begin} calls came through")
    expect(requests(folder) >= len(came), f"the agent: {len(came)} calls, {requests(folder)} on record")
    print(f"coding agent: {done.stdout.strip()!r}, {len(came)} calls; {done.stderr.strip()}")


def never_loops(folder):
    """A hosts file that leads the provider's name to the proxy, and a proxy that was not told where else it is."""
    hosts("127.0.0.1")
    for trust in ("world.pem", "both.pem"):
        proxy = Proxy(folder, "observed", [], trust)
        begin, began = len(SEEN), time.monotonic()
        done = subprocess.run(["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", "--header",
                               "authorization: Bearer sk-1", "--data", '{"model":"large-1","messages":[]}',
                               "https://api.openai.com/v1/chat/completions"], env=environment(folder, "ca.pem"),
                              stdout=subprocess.PIPE, text=True)
        body, status = done.stdout.rsplit("\n", 1)
        took = time.monotonic() - began
        expect(status in ("502", "503", "508"), f"a proxy that calls itself answers {status} {body}")
        expect("error" in body, f"a proxy that calls itself says {body}")
        count = proxy.metric("pointsman_intercept_ended_total")
        expect(took < 5 and count < 12, f"a proxy that calls itself: {count} connections in {took:.1f} s")
        expect(len(SEEN) == begin, "a proxy that calls itself reached the provider")
        print(f"hosts without `addresses`, proxy trusts {trust}: {status} after {took * 1000:.0f} ms, {body[:160]}")
        proxy.stop()


def stays_inside(folder):
    """No field, header, name or address makes the proxy call another place than its providers: packets are counted."""
    hosts(ADDRESS)
    for command in ("link add outside type veth peer name nobody", "link set nobody up", "link set outside up",
                    "address add 10.78.0.1/24 dev outside", "route add default dev outside"):
        run("ip", *command.split())
    with open("/etc/hosts", "a") as file:
        file.write("169.254.169.254 rebound.example.com\n")
    proxy = Proxy(folder, "observed", [], off_list="refuse")
    count = ["OUTPUT", "-p", "tcp", "--syn", "-m", "owner", "--uid-owner", str(PROXY_UID), "!", "-d", ADDRESS, "-j", "ACCEPT"]
    run("iptables", "-w", "-I", *count)
    run("iptables", "-w", "-I", "OUTPUT", "-d", "127.0.0.0/8", "-j", "ACCEPT")
    quick = ["curl", "--silent", "--insecure", "--max-time", "5", "--output", "/dev/null", "--write-out",
             "%{http_code} %{http_connect}\n"]
    places = ["169.254.169.254", "127.0.0.1:8081", "[::1]:8081", "10.0.0.1", "100.64.0.1", "[fd00:ec2::254]",
              "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[::ffff:169.254.169.254]", "0xa9fea9fe", "2852039166",
              "rebound.example.com", OTHER, ADDRESS]
    asked = 0
    begin = len(SEEN)
    for place in places:
        for url in (f"https://{place}/", f"http://{place}/"):
            said = subprocess.run([*quick, "--proxy", "http://127.0.0.1:443", url], stdout=subprocess.PIPE, text=True).stdout
            expect("403" in said, f"{url} through the proxy: {said}")
            asked += 1
        body = json.dumps({"model": "large-1", "messages": [], "base_url": f"http://{place}", "api_base": f"http://{place}"})
        for header in (f"host: {place}", f"x-forwarded-host: {place}", f"x-pointsman-provider: http://{place}"):
            subprocess.run([*quick, "--header", header, "--header", "authorization: Bearer sk-1", "--data", body,
                            "http://127.0.0.1:8080/v1/chat/completions"], stdout=subprocess.DEVNULL)
            asked += 1
    expect(redirect("up")[0] == 0, "intercept.sh up fails")
    for place in ("169.254.169.254", "10.0.0.1", OTHER):
        done = subprocess.run([*quick, f"https://{place}/"], stdout=subprocess.DEVNULL)
        expect(done.returncode != 0, f"{place}: a refused host answers through REDIRECT")
        asked += 1
    redirect("down")
    listed = run("iptables", "-w", "-v", "-x", "-n", "-L", "OUTPUT").splitlines()
    packets = [line.split()[0] for line in listed if "owner UID match" in line]
    expect(packets == ["0"], f"connections outside: {listed}")
    print(f"destinations chosen by callers: {asked} tries, {packets[0]} connections of the proxy elsewhere, "
          f"{len(SEEN) - begin} at the provider")
    proxy.stop()


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
        for path in (folder, f"{folder}/ca.key"):
            os.chown(path, PROXY_UID, PROXY_UID)
        provide(folder)
        hosts(ADDRESS)
        direct = {name: calls(f"{name}, without a proxy", command, environment(folder, "world.pem"))[0]
                  for name, command in programs("directly")}
        modes = ["base URL", "HTTPS_PROXY", "hosts", "REDIRECT"]
        if not shutil.which("iptables"):
            modes.remove("REDIRECT")
            print("SKIPPED: no iptables, so REDIRECT is not tested", file=sys.stderr)
        cells = {(mode, policy): by_mode(folder, mode, policy, direct)
                 for mode in modes for policy in ("observed", "routed")}
        for policy in ("observed", "routed"):
            cells["run", policy] = by_run(folder, policy, direct)
        by_agent(folder)
        never_loops(folder)
        if "REDIRECT" in modes:
            stays_inside(folder)
        show(cells, list(direct))
        if FAULTS:
            print(open(f"{folder}/log").read()[-3000:], file=sys.stderr)
    sys.exit(1 if FAULTS else 0)


def show(cells, names):
    print(f"{'mode':14} {'policy':10} " + " ".join(f"{name:12}" for name in names))
    for (mode, policy), row in cells.items():
        words = {None: "skipped", True: "ok", False: "FAILS"}
        print(f"{mode:14} {policy:10} " + " ".join(f"{words[row.get(name)]:12}" for name in names))
    for fault in FAULTS:
        print(fault)
    print(f"{sum(len(row) for row in cells.values())} cells, {len(SEEN)} calls at the provider, {len(FAULTS)} faults")


curl() if sys.argv[1:] == ["curl"] else main()
