#!/usr/bin/env bash
# The program killed, stopped, reloaded and replaced under 500 requests a second, 20 to 50 times each, a quarter of an hour
# at 1,000, bombs, a full disk, and a million inputs to two JSON readers; about half an hour after the build, on a machine
# that does nothing else. What comes out is kept in benches/results/proof.json. The tests run a few rounds of the same.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo test --release --locked --no-run --test proof --test it
PROOF=full PROOF_OUT="$work" cargo test --release --locked --test proof -- --nocapture --test-threads 1
INPUTS=1000000 cargo test --release --locked --test it differential -- --nocapture
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
