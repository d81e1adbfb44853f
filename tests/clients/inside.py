"""What interception may not do, and what it must not be led to: call itself, or anywhere but where its providers are. Packets are
counted by the kernel. Runs inside the world of scripts/test-intercept.sh."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time

from world import ADDRESS, OTHER, PROXY_UID, SEEN, Proxy, environment, expect, hosts, redirect, run, without


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


def wrong_user(folder):
    """Rules that exempt another user than the proxy's: refused while it listens; else our own calls come back to us once, and
    that is said, instead of a tunnel in a tunnel until there is no room."""
    hosts(ADDRESS)
    proxy = Proxy(folder, "observed", [])
    code, said = redirect("up", POINTSMAN_UID="12345")
    expect(code == 1 and "is listened on by user 65534" in said, f"up for the wrong user: {code} {said}")
    expect(redirect("status")[0] == 1, "rules for the wrong user stand all the same")
    proxy.stop()
    expect(redirect("up", POINTSMAN_UID="12345")[0] == 0, "up before the proxy is there")
    proxy = Proxy(folder, "observed", [])
    # Off the list: the caller's own TLS hears of it, and its plain HTTP reads it.
    for url, marks in ((f"https://{OTHER}/", ("access denied",)), (f"http://{ADDRESS}:8099/", ("508",))):
        loops = proxy.metric('pointsman_intercept_ended_total{end="loop"}')
        began, all_before = time.monotonic(), proxy.metric("pointsman_intercept_ended_total")
        done = subprocess.run(["curl", "--silent", "--show-error", "--include", "--max-time", "20", url], text=True,
                              env=environment(folder, "world.pem"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        took, said = time.monotonic() - began, done.stdout + done.stderr
        expect(any(mark in said.lower() for mark in marks), f"{url} with the wrong user exempt: {said}")
        ends = proxy.until("pointsman_intercept_ended_total", all_before + 2) - all_before
        turns = proxy.metric('pointsman_intercept_ended_total{end="loop"}') - loops
        expect(turns == 1 and ends == 2 and took < 5, f"{url}: {turns} turns, {ends} connections in {took:.1f} s")
    # A provider of the list: our own call is not let into our own TLS; nothing goes round.
    begin, before = len(SEEN), proxy.metric("pointsman_intercept_ended_total")
    done = subprocess.run(["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", "--header",
                           "authorization: Bearer sk-1", "--data", '{"model":"large-1","messages":[]}',
                           "https://api.openai.com/v1/chat/completions"], env=environment(folder, "ca.pem"),
                          stdout=subprocess.PIPE, text=True)
    ends = proxy.metric("pointsman_intercept_ended_total") - before
    expect(done.stdout.endswith("502") and ends < 8 and len(SEEN) == begin,
           f"a provider with the wrong user exempt: {done.stdout}, {ends} connections")
    with open(f"{folder}/log") as log:
        expect("POINTSMAN_UID or POINTSMAN_CGROUP" in log.read(), "the log does not say what is wrong")
    print(f"wrong POINTSMAN_UID: one turn each, {ends:.0f} connections for a provider, nothing at the provider")
    redirect("down")
    proxy.stop()


def half_of_it(folder):
    """Rules for IPv4 alone where connections over IPv6 can leave the machine: refused, unless that is what is wanted."""
    if not os.path.exists("/proc/net/if_inet6"):
        without("ip6tables", "rules for IPv4 alone (this kernel has no IPv6)")
        return
    os.mkdir(f"{folder}/half")
    with open(f"{folder}/half/ip6tables", "w") as file:
        file.write("#!/bin/sh\nexit 3\n")
    os.chmod(f"{folder}/half/ip6tables", 0o755)
    half = {"POINTSMAN_UID": str(PROXY_UID), "PATH": f"{folder}/half:{os.environ['PATH']}"}
    code, said = redirect("up", **half)
    expect(code == 0, f"up without ip6tables, and nothing but loopback has IPv6: {code} {said}")
    redirect("down", **half)
    run("ip", "-6", "address", "add", "fd78::1/128", "dev", "lo")
    code, said = redirect("up", **half)
    expect(code == 1 and "connections over IPv6 would go past" in said, f"up without ip6tables: {code} {said}")
    expect(redirect("status")[0] == 1, "half a set of rules stands")
    code, said = redirect("up", POINTSMAN_IPV6="past", **half)
    expect(code == 0 and "go past, unseen" in said, f"up without ip6tables, which is wanted: {code} {said}")
    code, said = redirect("status", **half)
    expect(code == 0 and "connections over IPv6 go past" in said, f"status without ip6tables: {code} {said}")
    redirect("down", **half)
    run("ip", "-6", "address", "del", "fd78::1/128", "dev", "lo")
    print("without ip6tables: refused where an address of IPv6 leads outside, and let past when told to")


class Names(threading.Thread):
    """Answers for names that no file has: `moves.example.net` is ADDRESS when asked for the first time, and this machine from then
    on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))

    def run(self):
        while True:
            query, client = self.socket.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            address = b""
            if query[13:18] == b"moves" and query[end - 4:end] == b"\0\1\0\1":
                self.asked += 1
                address = socket.inet_aton(ADDRESS if self.asked == 1 else "127.0.0.1")
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + address if address else b""
            counts = b"\0\1" + (b"\0\1" if address else b"\0\0") + b"\0\0\0\0"
            self.socket.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + answer, client)


def looks_once(folder):
    """A tunnel goes to the place that was looked at: its name is asked for once, whatever it leads to a moment later."""
    hosts(ADDRESS)
    proxy = Proxy(folder, "observed", [])
    names = Names()
    names.start()
    done = subprocess.run(["curl", "--silent", "--show-error", "--insecure", "--max-time", "20", "--output", "/dev/null",
                           "--write-out", "%{http_connect} %{http_code}", "--proxy", "http://127.0.0.1:443",
                           "https://moves.example.net/"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    expect(names.asked == 1, f"a tunnel's name was looked up {names.asked} times")
    expect(done.stdout.startswith("200 ") and done.returncode == 0, f"a tunnel to a name: {done.stdout} {done.stderr}")
    print(f"a tunnel's name: looked up {names.asked} times, {done.stdout}")
    names.socket.close()
    proxy.stop()


def by_group(folder):
    """Exempt by control group: programs of the proxy's own user are intercepted, the proxy is not."""
    groups, name = f"{folder}/groups", f"pointsman-test-{os.getpid()}"
    os.mkdir(groups)
    mounted = subprocess.run(["mount", "-t", "cgroup2", "none", groups], stderr=subprocess.PIPE, text=True)
    if mounted.returncode:
        without("cgroup", f"exemption by group: cgroup v2 cannot be mounted ({mounted.stderr.strip()})")
        return
    group = f"{groups}/{name}"
    os.mkdir(group)
    proxy = None
    try:
        hosts(ADDRESS)
        proxy = Proxy(folder, "observed", [])
        with open(f"{group}/cgroup.procs", "w") as procs:
            procs.write(str(proxy.process.pid))
        code, said = redirect("up", POINTSMAN_CGROUP="no/such/group")
        expect(code == 1 and "a group that is there" in said, f"up for a group that is not there: {code} {said}")
        expect(redirect("status")[0] == 1, "half a set of rules is left")
        code, said = redirect("up", POINTSMAN_CGROUP="/")
        expect(code == 1 and redirect("status")[0] == 1, f"up for the group of everything: {code} {said}")
        code, said = redirect("up", POINTSMAN_CGROUP=f"/{name}")
        if code:
            without("cgroup", f"exemption by group: this kernel has no match of control groups: {said}")
            return
        begin = len(SEEN)
        done = subprocess.run(["curl", "--silent", "--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}",
                               "--header", "authorization: Bearer sk-1", "--data",
                               '{"model":"large-1","messages":[{"role":"user","content":"hi"}]}',
                               "https://api.openai.com/v1/chat/completions"], env=environment(folder, "ca.pem"),
                              user=PROXY_UID, group=PROXY_UID, extra_groups=[], cwd="/", stdout=subprocess.PIPE, text=True)
        came = SEEN[begin:]
        expect(done.stdout == "200" and len(came) == 1 and came[0]["through"],
               f"exempt by group: {done.stdout}, {came}")
        loops = proxy.metric('pointsman_intercept_ended_total{end="loop"}')
        expect(loops == 0, f"exempt by group: {loops} loops")
        print(f"exempt by control group: a program of the proxy's user is served ({done.stdout}), {loops:.0f} loops")
    finally:
        redirect("down")
        if proxy:
            proxy.stop()
        os.rmdir(group)
        subprocess.run(["umount", groups], check=False)


class Packets:
    """Connections that a user begins, counted by the kernel: by family, those of loopback and those that leave."""

    def __init__(self, user):
        self.user = user
        self.tables = {"iptables": ("127.0.0.0/8", ["!", "-d", ADDRESS]), "ip6tables": ("::1/128", [])}
        for table, (loopback, elsewhere) in self.tables.items():
            begun = ["-p", "tcp", "--syn", "-m", "owner", "--uid-owner", str(user)]
            run(table, "-w", "-N", "BEGUN")
            run(table, "-w", "-A", "BEGUN", *begun, "-d", loopback, "-j", "RETURN")
            run(table, "-w", "-A", "BEGUN", *begun, *elsewhere, "-j", "RETURN")
            run(table, "-w", "-I", "OUTPUT", "-j", "BEGUN")

    def counted(self):
        """By family and place, since the last time this was asked."""
        found = {}
        for table in self.tables:
            listed = run(table, "-w", "-v", "-x", "-n", "-L", "BEGUN", "-Z").splitlines()
            rows = [int(line.split()[0]) for line in listed if "owner UID match" in line]
            family = "IPv4" if table == "iptables" else "IPv6"
            found[f"{family} loopback"], found[f"{family} elsewhere"] = rows
        return found

    def prove(self):
        """A counter that cannot count proves nothing: each must see a connection of this user."""
        for address in ("127.0.0.1", "[::1]", "10.0.0.1", "[fd00:ec2::254]"):
            subprocess.run(["curl", "--silent", "--max-time", "1", f"http://{address}:9/"], user=self.user, group=self.user,
                           extra_groups=[], cwd="/", stdout=subprocess.DEVNULL)
        seen = self.counted()
        expect(all(count > 0 for count in seen.values()), f"packets are not counted: {seen}")


def stays_inside(folder):
    """No field, header, name or address makes the proxy call another place than its providers: packets are counted, of both
    families and on loopback too."""
    if not shutil.which("ip6tables") or not os.path.exists("/proc/net/if_inet6"):
        without("ip6tables", "packets of the proxy's own, which are counted")
        return
    hosts(ADDRESS)
    for command in ("link add outside type veth peer name nobody", "link set nobody up", "link set outside up",
                    "address add 10.78.0.1/24 dev outside", "route add default dev outside",
                    "-6 address add fd77::1/64 dev outside nodad", "-6 route add default dev outside"):
        run("ip", *command.split())
    with open("/etc/hosts", "a") as file:
        file.write("169.254.169.254 rebound.example.com\nfd00:ec2::254 rebound6.example.com\n")
    proxy = Proxy(folder, "observed", [], off_list="refuse")
    packets = Packets(PROXY_UID)
    packets.prove()
    quick = ["curl", "--silent", "--insecure", "--max-time", "5", "--output", "/dev/null", "--write-out",
             "%{http_code} %{http_connect}\n"]
    places = ["169.254.169.254", "127.0.0.1:8081", "[::1]:8081", "10.0.0.1", "100.64.0.1", "[fd00:ec2::254]",
              "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[::ffff:169.254.169.254]", "0xa9fea9fe", "2852039166",
              "rebound.example.com", "rebound6.example.com", OTHER, ADDRESS]
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
    for place in ("169.254.169.254", "10.0.0.1", "[fd00:ec2::254]", OTHER):
        done = subprocess.run([*quick, f"https://{place}/"], stdout=subprocess.DEVNULL)
        expect(done.returncode != 0, f"{place}: a refused host answers through REDIRECT")
        asked += 1
    redirect("down")
    counted = packets.counted()
    expect(not any(counted.values()), f"connections of the proxy elsewhere: {counted}")
    words = ", ".join(f"{count} {place}" for place, count in counted.items())
    print(f"destinations chosen by callers: {asked} tries, connections of the proxy: {words}; {len(SEEN) - begin} at the provider")
    proxy.stop()
