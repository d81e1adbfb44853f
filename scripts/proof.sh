#!/usr/bin/env bash
# The program killed, stopped, reloaded and replaced under 500 requests a second, 20 to 50 times each; about ten minutes
# after the build. What comes out is kept in benches/results/proof.json. The tests run a few rounds of the same.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PROOF=full PROOF_OUT="$work" cargo test --release --locked --test proof -- --nocapture --test-threads 1
{
    printf '{\n  "date": "%s",\n  "machine": "%s, %s cores",\n' "$(date -u +%F)" "$(uname -sm)" "$(nproc)"
    first=1
    for file in "$work"/*.json; do
        [ "$first" = 1 ] || printf ',\n'
        first=0
        printf '  "%s": %s' "$(basename "$file" .json)" "$(cat "$file")"
    done
    printf '\n}\n'
} >benches/results/proof.json
cat benches/results/proof.json
