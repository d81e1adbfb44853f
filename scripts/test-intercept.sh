#!/usr/bin/env bash
# Interception end to end: unmodified SDKs and curl against https://api.openai.com and https://api.anthropic.com, in a network
# namespace of the test's own where these names lead to a simulated provider. By each mode (base URL, HTTPS_PROXY, hosts
# override, REDIRECT, `pointsman run`), observed and routed. Needs root, ip and openssl, for REDIRECT iptables; what cannot be
# tested here is skipped, and said so, or a failure (scripts/build/needs.sh). Nothing outside the namespace is touched but its
# folder in /etc/netns.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build/needs.sh

if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null; then
    without namespaces "interception end to end (root is needed, and the right to make a network namespace)"
    exit 0
fi
for need in python3 openssl curl ip; do
    command -v "$need" >/dev/null || { without "$need" "interception end to end"; exit 0; }
done
command -v iptables >/dev/null || without iptables "REDIRECT"
command -v ip6tables >/dev/null || without ip6tables "packets of the proxy's own, which are counted"
name="pointsman-$$"
hosts="/etc/netns/$name"
ip netns add "$name" || { without namespaces "interception end to end (ip netns add fails)"; exit 0; }
cleanup() {
    ip netns del "$name" || true
    rm -rf "$hosts"
    rmdir --ignore-fail-on-non-empty /etc/netns
}
trap cleanup EXIT
mkdir -p "$hosts"
: >"$hosts/hosts"
echo "nameserver 127.0.0.1" >"$hosts/resolv.conf"
. scripts/build/sdks.sh
sdks
cargo build --locked --quiet
program="${CARGO_TARGET_DIR:-target}/debug/pointsman"
ip netns exec "$name" sysctl --quiet --write net.ipv4.ip_unprivileged_port_start=0
ip netns exec "$name" python3 tests/clients/intercept.py "$program" "$python" "$node"
