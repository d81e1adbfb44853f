#!/usr/bin/env bash
# The program killed, stopped, reloaded and replaced under 500 requests a second, 20 to 50 times each, a quarter of an hour
# at 1,000, bombs, a full disk, a million inputs to two JSON readers, and a million drawn worlds with plans of several models;
# about three quarters of an hour after the build, on a machine that does nothing else. What comes out is kept in
# benches/results/proof.json, each part with its date and commit. The tests run a few rounds of the same. Arguments run those
# parts only: `scripts/proof.sh soak bombs`, `scripts/proof.sh plans`.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=(--test proof)
[ $# -gt 0 ] || tests+=(--test it --lib)
cargo test --release --locked --no-run "${tests[@]}"
if [ "$*" != plans ]; then
    PROOF=full PROOF_OUT="$work" cargo test --release --locked --test proof -- --nocapture --test-threads 1 "$@"
fi
[ $# -gt 0 ] || INPUTS=1000000 cargo test --release --locked --test it differential -- --nocapture
if [ $# -eq 0 ] || [ "$*" = plans ]; then
    PLANS=1000000 PROOF_OUT="$work" cargo test --release --locked --lib no_run_of_a_plan -- --nocapture
fi
python3 - "$work" benches/results/proof.json <<'E2'
import datetime, glob, json, os, subprocess, sys

work, kept = sys.argv[1:]
try:
    results = json.load(open(kept))
except OSError:
    results = {}
uname = os.uname()
results["machine"] = f"{uname.sysname} {uname.machine}, {os.cpu_count()} cores"
commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
for path in sorted(glob.glob(f"{work}/*.json")):
    part = {"date": datetime.date.today().isoformat(), "commit": commit}
    results[os.path.basename(path)[:-5]] = {**part, **json.load(open(path))}
with open(kept, "w") as file:
    json.dump(results, file, indent=2)
    file.write("\n")
E2
cat benches/results/proof.json
