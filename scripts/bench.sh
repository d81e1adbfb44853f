#!/usr/bin/env bash
# What the proxy costs, beside a bare Pingora built from the same lock file and beside no proxy, in one run.
# About 90 seconds after the build. Options go to the bench: --quick, --rounds N, --seconds S, --targets A,B,
# --save [NAME] (benches/results/NAME.json), --check (fail when a limit is broken). Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo bench --locked --bench overhead -- "$@"
