#!/usr/bin/env bash
# Real SDKs of both languages against the proxy, every upstream dialect. Installs them (pinned) into target/clients; without
# Python or Node their part is skipped, and said so.
set -euo pipefail
cd "$(dirname "$0")/.."
home="target/clients"
mkdir -p "$home"
if ! command -v python3 >/dev/null; then
    echo "SKIPPED: no python3, so no SDK is tested" >&2
    exit 0
fi
[ -x "$home/venv/bin/python" ] || python3 -m venv "$home/venv" || { echo "SKIPPED: no venv" >&2; exit 0; }
if ! "$home/venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/clients/requirements.txt; then
    echo "SKIPPED: the Python SDKs cannot be installed, so no SDK is tested" >&2
    exit 0
fi
node=""
if command -v npm >/dev/null; then
    mkdir -p "$home/node"
    cp tests/clients/package.json tests/clients/clients.mjs "$home/node/"
    if (cd "$home/node" && npm install --silent --no-package-lock --no-audit --no-fund); then
        node="$home/node"
    else
        echo "SKIPPED: Node's SDKs cannot be installed, so they are not tested" >&2
    fi
else
    echo "SKIPPED: no npm, so Node's SDKs are not tested" >&2
fi
cargo build --locked --quiet
python3 tests/clients/run.py target/debug/pointsman "$home/venv/bin/python" ${node:+"$node"}
