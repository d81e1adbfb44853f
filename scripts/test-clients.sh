#!/usr/bin/env bash
# Real SDKs of both languages against the proxy, every upstream dialect. Installs them (pinned) into target/clients; without
# Python or Node their part is skipped, and said so (scripts/build/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build/needs.sh
. scripts/build/sdks.sh
sdks
[ -n "$python" ] || exit 0
cargo build --locked --quiet
python3 tests/clients/run.py "${CARGO_TARGET_DIR:-target}/debug/pointsman" "$python" ${node:+"$node"}
