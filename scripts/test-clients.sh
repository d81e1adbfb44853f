#!/usr/bin/env bash
# Real SDKs of both languages against the proxy, every upstream dialect. Installs them (pinned) into target/clients; without
# Python or Node their part is skipped, and said so (scripts/build/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build/needs.sh
. scripts/build/sdks.sh
sdks
if [ -z "$python" ]; then
    # Where Node's are missing too, that has been said.
    [ -z "$node" ] || without "$python_need" "the SDKs of Node by base URL (what runs them has to have Python's)"
    exit 0
fi
cargo build --locked --quiet
python3 tests/clients/run.py "${CARGO_TARGET_DIR:-target}/debug/pointsman" "$python" ${node:+"$node"}
