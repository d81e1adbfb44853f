#!/bin/sh
# Fails when Cargo.lock (or the file named) holds a version below its floor in scripts/floors.tsv.
# Needs no network and no tool but awk; says against which date it has looked, because older is not cleaner.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
lock=${1:-$here/../Cargo.lock}

awk -v tab="$(printf '\t')" '
    function number(version, part,   fields) {
        sub(/[-+].*/, "", version)
        split(version, fields, ".")
        return fields[part] + 0
    }
    # The release line a version belongs to, in the sense of Cargo: 1, 0.23, 0.0.5.
    function line_of(version) {
        if (number(version, 1) > 0) return number(version, 1)
        if (number(version, 2) > 0) return "0." number(version, 2)
        return "0.0." number(version, 3)
    }
    function below(version, floor,   part) {
        for (part = 1; part <= 3; part++)
            if (number(version, part) != number(floor, part)) return number(version, part) < number(floor, part)
        # Before a release of the same number.
        return version ~ /^[0-9.]*-/ && floor !~ /-/
    }
    FNR == NR && /^#.*database of/ { date = substr($0, 3) }
    FNR == NR && !/^#/ && NF {
        split($0, row, tab)
        floor[row[1], line_of(row[2])] = row[2]
        if (!(row[1] in highest) || below(highest[row[1]], row[2])) highest[row[1]] = row[2]
        why[row[1]] = row[3]
        next
    }
    FNR == NR { next }
    $1 == "name" { gsub(/"/, "", $3); crate = $3 }
    $1 == "version" && crate in highest {
        gsub(/"/, "", $3)
        seen++
        key = crate SUBSEP line_of($3)
        wanted = (key in floor) ? floor[key] : highest[crate]
        if (below($3, wanted)) {
            printf "floors: %s %s is below %s (%s)\n", crate, $3, wanted, why[crate]
            broken++
        }
    }
    END {
        if (!seen) { print "floors: no known crate in the lock file"; exit 1 }
        printf "floors: %d locked versions looked at, %d below their floor. %s\n", seen, broken, date
        exit broken > 0
    }
' "$here/floors.tsv" "$lock"
