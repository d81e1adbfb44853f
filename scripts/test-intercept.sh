#!/usr/bin/env bash
# Interception end to end: unmodified SDKs and curl against https://api.openai.com and https://api.anthropic.com, in a network
# namespace of the test's own where these names lead to a simulated provider. By each mode (base URL, HTTPS_PROXY, hosts
# override, REDIRECT, `pointsman run`), observed and routed. Needs root, ip and openssl, for REDIRECT iptables; what cannot be
# tested here is skipped, and said so. Nothing outside the namespace is touched but its folder in /etc/netns.
set -euo pipefail
cd "$(dirname "$0")/.."
for need in python3 openssl curl ip; do
    command -v "$need" >/dev/null || { echo "SKIPPED: no $need, so interception end to end is not tested" >&2; exit 0; }
done
name="pointsman-$$"
hosts="/etc/netns/$name"
if [ "$(id -u)" != 0 ] || ! ip netns add "$name" 2>/dev/null; then
    echo "SKIPPED: no network namespace can be made here (root is needed), so interception end to end is not tested" >&2
    exit 0
fi
cleanup() {
    ip netns del "$name" || true
    rm -rf "$hosts"
    rmdir --ignore-fail-on-non-empty /etc/netns
}
trap cleanup EXIT
mkdir -p "$hosts"
: >"$hosts/hosts"
. scripts/build/sdks.sh
sdks
cargo build --locked --quiet
ip netns exec "$name" sysctl --quiet --write net.ipv4.ip_unprivileged_port_start=0
ip netns exec "$name" python3 tests/clients/intercept.py target/debug/pointsman "$python" "$node"
