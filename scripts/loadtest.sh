#!/usr/bin/env bash
# A load test on this machine alone: simulated providers, the proxy in front of them with the configuration of
# docker-compose.yml, and requests at a fixed rate. Options go to `pointsman loadtest` (--rps, --seconds, --streams,
# --connections, --json, ...). Ports: PROVIDERS_PORT (9090) and PROXY_PORT (8080) of loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet
program=target/release/pointsman
providers=${PROVIDERS_PORT:-9090} proxy=${PROXY_PORT:-8080}
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

sed -e "s#http://[a-z-]*:9090#http://127.0.0.1:$providers#" \
    -e "s#^listen = .*#listen = [\"127.0.0.1:$proxy\"]#" \
    -e 's#^admin = .*#admin = "none"#' -e '/^admin_token/d' \
    -e "s#^path = .*#path = \"$work/ledger.db\"#" conf/compose/pointsman.toml >"$work/pointsman.toml"
"$program" demo --providers-only --listen "127.0.0.1:$providers" >"$work/providers.log" 2>&1 &
pids+=($!)
"$program" --config "$work/pointsman.toml" serve >"$work/proxy.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$proxy") 2>/dev/null; then break; fi
    if ! kill -0 "${pids[1]}" 2>/dev/null; then
        cat "$work/proxy.log" >&2
        exit 1
    fi
    sleep 0.1
done
"$program" loadtest --url "http://127.0.0.1:$proxy" "$@"
