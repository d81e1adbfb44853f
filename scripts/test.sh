#!/usr/bin/env bash
# Everything that must hold before a change is good, in one command: `scripts/test.sh`.
# Arguments go to the test runner: `scripts/test.sh routing`. Whatever fails first ends the run. The last line says what was left
# out for want of something (scripts/build/needs.sh); a test that passes is not heard.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build/needs.sh

step() {
    echo
    echo "== $*"
    "$@"
}

export POINTSMAN_TESTS_LEFT_OUT
POINTSMAN_TESTS_LEFT_OUT="$(mktemp)"
closing() {
    local code=$? line="nothing"
    if [ -s "$POINTSMAN_TESTS_LEFT_OUT" ]; then
        line="$(sort -u "$POINTSMAN_TESTS_LEFT_OUT" | tr '\n' ';' | sed 's/;$//; s/;/; /g')"
    fi
    rm -f "$POINTSMAN_TESTS_LEFT_OUT"
    [ "$code" = 0 ] || line="whatever comes after the failure; $line"
    echo "left out: $line"
    exit "$code"
}
trap closing EXIT

step scripts/floors.sh
step scripts/build/check.sh
step cargo fmt --check
step cargo clippy --locked --all-targets -- -D warnings
if cargo deny --version >/dev/null 2>&1; then
    step cargo deny --offline check bans licenses sources
else
    without cargo-deny "licences and sources of dependencies"
fi
if [ $# -gt 0 ]; then
    echo "tests with real clients, and all but: $*" >>"$POINTSMAN_TESTS_LEFT_OUT"
else
    step scripts/test-clients.sh
    step scripts/test-intercept.sh
fi
if cargo nextest --version >/dev/null 2>&1; then
    step cargo test --locked --doc
    step cargo nextest run --locked "$@"
else
    step cargo test --locked "$@"
fi
