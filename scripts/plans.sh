#!/usr/bin/env bash
# What cascades by agreement are worth end to end: benches/results/plans.json. Models that say again what is on record of them,
# behind a running proxy; plans chosen on `train` rows, served on `test` rows, costs from the ledger.
#
#   scripts/plans.sh DATA
#
# DATA is a folder of labelled rows, which is not in this repository: benches/data/README.md says where they come from. Without
# them nothing is measured, and that is said. About a minute after the build.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:?"usage: scripts/plans.sh DATA"}
for source in zeroeval_gsm zeroeval_crux zeroeval_mathl5; do
    [ -f "$data/$source.jsonl.gz" ] && continue
    echo "SKIPPED: no $data/$source.jsonl.gz, so nothing was measured" >&2
    exit 0
done
data=$(cd "$data" && pwd)
POINTSMAN_DATA=$data PLANS_OUT=$PWD/benches/results/plans.json \
    cargo test --locked --test it plans::measured -- --ignored --nocapture
