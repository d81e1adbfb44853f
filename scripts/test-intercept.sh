#!/usr/bin/env bash
# Interception end to end: unmodified SDKs and curl against https://api.openai.com and https://api.anthropic.com, in a network
# namespace of the test's own where these names lead to a simulated provider. By each mode (base URL, HTTPS_PROXY, hosts
# override, REDIRECT, `pointsman run`), observed and routed. Needs root, ip and openssl, for REDIRECT iptables; what cannot be
# tested here is skipped, and said so. Nothing outside the namespace is touched but its folder in /etc/netns.
#
# POINTSMAN_TESTS_STRICT=1, as .ci/run sets it: where root may make network namespaces, whatever is missing or left out is a
# failure. Where it may not, nothing could be tested, and that is said.
set -euo pipefail
cd "$(dirname "$0")/.."

# Left out, and why; a failure where nothing may be.
without() {
    if [ "${POINTSMAN_TESTS_STRICT:-0}" != 0 ]; then
        echo "FAILED: $1, so $2 is not tested, and POINTSMAN_TESTS_STRICT lets nothing be left out here" >&2
        exit 1
    fi
    echo "SKIPPED: $1, so $2 is not tested" >&2
}

if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null; then
    echo "SKIPPED: no network namespace can be made here (root is needed), so interception end to end is not tested" >&2
    exit 0
fi
for need in python3 openssl curl ip; do
    command -v "$need" >/dev/null || { without "no $need" "interception end to end"; exit 0; }
done
for need in iptables ip6tables; do
    command -v "$need" >/dev/null || without "no $need" "REDIRECT"
done
name="pointsman-$$"
hosts="/etc/netns/$name"
ip netns add "$name" || { without "ip netns fails" "interception end to end"; exit 0; }
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
[ -n "$python" ] || without "no Python SDKs" "that client"
[ -n "$node" ] || without "no Node SDKs" "that client"
cargo build --locked --quiet
program="${CARGO_TARGET_DIR:-target}/debug/pointsman"
ip netns exec "$name" sysctl --quiet --write net.ipv4.ip_unprivileged_port_start=0
ip netns exec "$name" python3 tests/clients/intercept.py "$program" "$python" "$node"
