#!/usr/bin/env bash
# Everything that must hold before a change is good, in one command: `scripts/test.sh`.
# Arguments go to the test runner: `scripts/test.sh routing`. The runner comes last, so its closing line ends the
# output; whatever fails first ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
    echo
    echo "== $*"
    "$@"
}

step scripts/floors.sh
step scripts/build/check.sh
step cargo fmt --check
step cargo clippy --locked --all-targets -- -D warnings
if cargo deny --version >/dev/null 2>&1; then
    step cargo deny --offline check bans licenses sources
fi
[ $# -gt 0 ] || step scripts/test-clients.sh
[ $# -gt 0 ] || step scripts/test-intercept.sh
if cargo nextest --version >/dev/null 2>&1; then
    step cargo test --locked --doc
    step cargo nextest run --locked "$@"
else
    step cargo test --locked "$@"
fi
