"""The world of scripts/test-intercept.sh, inside a network namespace of its own: a provider that is called api.openai.com and
api.anthropic.com here, the proxy as a service runs it, and the rules of REDIRECT."""

import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import ThreadingHTTPServer

from provider import Provider

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM, PYTHON, NODE = (sys.argv[1:] + ["", "", ""])[:3]
# Where nothing may be left out but what WITHOUT names, what is left out is a fault: as scripts/build/needs.sh has it.
STRICT = os.environ.get("POINTSMAN_TESTS_STRICT", "0") not in ("", "0")
WITHOUT = os.environ.get("POINTSMAN_TESTS_WITHOUT", "").split()
LEFT_OUT = os.environ.get("POINTSMAN_TESTS_LEFT_OUT")
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


def without(need, what):
    """Says aloud what is not tested here for want of something."""
    print(f"SKIPPED: no {need}: {what}", file=sys.stderr)
    if LEFT_OUT:
        with open(LEFT_OUT, "a") as file:
            file.write(f"no {need}: {what}\n")
    expect(not STRICT or need in WITHOUT,
           f"no {need}, so this is not tested: {what}; POINTSMAN_TESTS_WITHOUT={need} would leave it out")


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def hosts(address, other=ADDRESS):
    """The namespace's own /etc/hosts, written in place: it is mounted over the real one."""
    with open("/etc/hosts", "w") as file:
        file.write(f"127.0.0.1 localhost\n{other} {OTHER}\n")
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

    def until(self, beginning, value):
        """The metric once it has come to this value, or what it is after two seconds."""
        for _ in range(40):
            found = self.metric(beginning)
            if found >= value:
                break
            time.sleep(0.05)
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def on_record(self):
        self.stop()
        return requests(self.folder)


def requests(folder):
    report = run(f"{folder}/pointsman", "--config", f"{folder}/pointsman.toml", "--json", "report")
    return json.loads(report)["all"]["requests"]


def belongs(folder, user):
    """Gives the key of the authority to a user: nobody else may use it."""
    os.chown(f"{folder}/ca.key", user, user)


def environment(folder, trust, **more):
    """What a client has; of certificates it trusts this file only."""
    bundle = f"{folder}/{trust}"
    names = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]
    clean = {"PATH": os.environ["PATH"], "HOME": folder, "OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"}
    return {**clean, **dict.fromkeys(names, bundle), **more}


def rules():
    """All rules of the namespace's nat tables, or nothing where there is no iptables."""
    tables = [table for table in ("iptables", "ip6tables") if shutil.which(table)]
    return [run(table, "-w", "-t", "nat", "-S") for table in tables]


def redirect(action, **exempt):
    """scripts/intercept.sh, by default with the proxy's user exempt."""
    exempt = exempt or {"POINTSMAN_UID": str(PROXY_UID)}
    ports = {"POINTSMAN_PORT": "443", "POINTSMAN_PORTS": "443,8098,8099"}
    done = subprocess.run([f"{HERE}/../../scripts/intercept.sh", action], env={**os.environ, **ports, **exempt}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout
