#!/usr/bin/env bash
# Every figure of what the router knows: benches/results/brain.json, three plots beside it, a short table; classes.json,
# worlds.txt and decision.txt.
#
#   scripts/brain.sh DATA [PROFILE]
#
# DATA is a folder of labelled rows, which is not in this repository: benches/data/README.md says where they come from and
# what a row looks like. PROFILE is where the predictor goes (default: conf/default.pred). POINTSMAN names a binary to use
# instead of building one; worlds and decisions are left out then. Rows of `test` are never learned from; what is left out of a training is reported whole.
# About ten minutes after the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:?"usage: scripts/brain.sh DATA [PROFILE]"}
profile=${2:-conf/default.pred}
[ -n "${POINTSMAN:-}" ] || cargo build --release --locked --bin pointsman
pointsman=${POINTSMAN:-${CARGO_TARGET_DIR:-target}/release/pointsman}
results=benches/results
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

pair=gpt-4-1106-preview,mixtral-8x7b-instruct-v0.1
mmlu=routellm_mmlu gsm=routellm_gsm8k mtbench=routellm_mtbench

train() { # OUT OPTIONS...
    local out=$1
    shift
    "$pointsman" --json train --data "$data" --tiers benches/data/tiers.toml --out "$out" "$@" 2>/dev/null
}
report() { # NAME PROFILE OPTIONS...
    local name=$1 of=$2
    shift 2
    echo "$name" >&2
    "$pointsman" --json eval --profile "$of" "$@" >"$reports/$name.json"
}
both() { # NAME OPTIONS...: by cross-validation, and on rows of `test`
    local name=$1
    shift
    report "$name.crossed" "$profile" "$@"
    report "$name.test" "$profile" --data "$data" --split test "$@"
}

train "$profile" >"$reports/card.json"

both pair.all --pair $pair
both pair.mmlu_gsm8k --pair $pair --source $mmlu --source $gsm
for source in $mmlu $gsm $mtbench; do both "pair.$source" --pair $pair --source $source; done
both pool.single --pool all
both pool.cascade --pool all --plans single,cascade
both calibration --calibration
both complexity --complexity
"$pointsman" eval --profile "$profile" --pair $pair --plot $results/pair.svg >/dev/null
"$pointsman" eval --profile "$profile" --pool all --plans single,cascade --plot $results/pool.svg >/dev/null
"$pointsman" eval --profile "$profile" --calibration --plot $results/calibration.svg >/dev/null

# Sources the predictor has seen nothing of. The two with GSM8K's questions go together.
without="$reports/without.pred"
transfer() { # NAME OPTIONS...: a report on rows of a source that was left out
    local name=$1
    shift
    report "transfer.$name" "$without" --data "$data" "$@"
}
pools() { # NAME OPTIONS...
    local name=$1
    shift
    transfer "$name.single" --pool all "$@"
    transfer "$name.cascade" --pool all --plans single,cascade "$@"
}
train "$without" --exclude-source $mmlu >/dev/null
transfer $mmlu --pair $pair --source $mmlu
train "$without" --exclude-source $mtbench >/dev/null
transfer $mtbench --pair $pair --source $mtbench
train "$without" --exclude-source $gsm --exclude-source zeroeval_gsm >/dev/null
transfer $gsm --pair $pair --source $gsm
pools zeroeval_gsm --source zeroeval_gsm
for source in zeroeval_crux zeroeval_mathl5; do
    train "$without" --exclude-source $source >/dev/null
    pools $source --source $source
done

# Subjects of MMLU it has seen nothing of, by the groups of its authors; "other" is cut into medicine and the rest.
stem="abstract_algebra astronomy college_biology college_chemistry college_computer_science college_mathematics
    college_physics computer_security conceptual_physics electrical_engineering elementary_mathematics high_school_biology
    high_school_chemistry high_school_computer_science high_school_mathematics high_school_physics high_school_statistics
    machine_learning"
humanities="formal_logic high_school_european_history high_school_us_history high_school_world_history international_law
    jurisprudence logical_fallacies moral_disputes moral_scenarios philosophy prehistory professional_law world_religions"
social="econometrics high_school_geography high_school_government_and_politics high_school_macroeconomics
    high_school_microeconomics high_school_psychology human_sexuality professional_psychology public_relations
    security_studies sociology us_foreign_policy"
medicine="anatomy clinical_knowledge college_medicine human_aging medical_genetics nutrition professional_medicine virology"
other="business_ethics global_facts management marketing miscellaneous professional_accounting"
for group in stem humanities social medicine other; do
    excluded=() reported=()
    for subject in ${!group}; do
        excluded+=(--exclude-domain "knowledge/$subject")
        reported+=(--domain "knowledge/$subject")
    done
    train "$without" "${excluded[@]}" >/dev/null
    transfer "$mmlu.$group" --pair $pair --source $mmlu "${reported[@]}"
done

# What needs no labelled answers: task classes, worlds with known truth, and what a decision takes.
"$pointsman" --json eval --classes benches/data/classes.jsonl >$results/classes.json
if [ -z "${POINTSMAN:-}" ]; then
    cargo test --release --locked --test worlds -- --ignored report --nocapture 2>/dev/null |
        grep -v -e '^test ' -e '^running ' -e '^$' >$results/worlds.txt
    cargo bench --locked --bench decision 2>/dev/null >$results/decision.txt
fi

exec python3 scripts/brain.py "$reports" "$data" $results/brain.json
