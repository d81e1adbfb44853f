#!/usr/bin/env python3
"""How much the loss of a plan differs from class to class: the scale in src/catalog/pooling.rs, found on `train` rows alone.

    scripts/pooling-scale.py DATA

DATA is a folder of labelled rows, which is not in this repository: benches/data/README.md says where they come from. Of every
cascade by agreement of two cheap models and a dear one the three sources are taken for classes. For each scale of the prior, in
deviations of single requests: how likely the losses are, and how often the mean loss of a source lies below (above) the one-sided
95 % bound that the other two give it. Then, at the scale in use, of a source of which so many rows are known, drawn by lot: how
often its other rows lie below (above) the bound. The cascades share their rows, so these shares are no independent trials. About
twenty seconds.
"""

import collections
import gzip
import itertools
import json
import math
import random
import sys
from statistics import NormalDist

SOURCES = ("zeroeval_gsm", "zeroeval_crux", "zeroeval_mathl5")
NORMAL = NormalDist()
GRID = 40
IN_USE = 0.09


def read(folder):
    rows = collections.defaultdict(list)
    for source in SOURCES:
        with gzip.open(f"{folder}/{source}.jsonl.gz", "rt") as lines:
            rows[source] = [row for row in map(json.loads, lines) if row["split"] == "train"]
    every = [row for source in SOURCES for row in rows[source]]
    priced = lambda row, model: row["outcomes"].get(model, {}).get("cost_usd") is not None
    models = sorted({model for row in every for model in row["outcomes"]})
    models = [model for model in models if sum(priced(row, model) for row in every) >= 0.98 * len(every)]
    whole = {source: [row for row in rows[source] if all(priced(row, model) for model in models)] for source in SOURCES}
    return models, whole


def cascades(models, rows):
    """Two that cost less than a third of the last and are not hopeless beside it; the last is right on 70 % at least."""
    every = [row["outcomes"] for source in SOURCES for row in rows[source]]
    quality = {model: sum(row[model]["score"] for row in every) / len(every) for model in models}
    cost = {model: sum(row[model]["cost_usd"] for row in every) / len(every) for model in models}
    for last in (model for model in models if quality[model] >= 0.7):
        near = lambda model: quality[last] - 0.25 < quality[model] < quality[last] + 0.02
        cheap = [model for model in models if cost[model] < cost[last] / 3 and near(model)]
        for one, other in itertools.combinations(cheap, 2):
            yield [[loss(row["outcomes"], one, other, last) for row in rows[source]] for source in SOURCES]


def loss(row, one, other, last):
    stands = row[one].get("ans") is not None and row[one].get("ans") == row[other].get("ans")
    return row[last]["score"] - row[one]["score"] if stands else 0


def measured(losses):
    """Pairs, mean and error as `paired_loss` has them: with two imaginary pairs, one lost and one won."""
    pairs = len(losses) + 2
    centre = sum(losses) / pairs
    squares = sum((value - centre) ** 2 for value in losses + [1, -1])
    return len(losses), sum(losses) / len(losses), math.sqrt(squares / (pairs - 1) / pairs)


def pool(classes, scale):
    """(weight, between, mean, variance of the mean) over a half-normal prior by its quantiles; and the log likelihood."""
    pairs = sum(pairs for pairs, _, _ in classes)
    deviation = math.sqrt(sum((pairs * error) ** 2 for pairs, _, error in classes) / pairs)
    draws = []
    for at in range(GRID):
        between = (scale * deviation * NORMAL.inv_cdf(0.5 + 0.5 * (at + 0.5) / GRID)) ** 2
        weights = [1 / (error**2 + between) for _, _, error in classes]
        variance = 1 / sum(weights)
        mean = variance * sum(weight * value for weight, (_, value, _) in zip(weights, classes))
        fit = sum(math.log(weight) - weight * (value - mean) ** 2 for weight, (_, value, _) in zip(weights, classes))
        draws.append((0.5 * (math.log(variance) + fit), between, mean, variance))
    most = max(log for log, *_ in draws)
    total = sum(math.exp(log - most) for log, *_ in draws)
    return [(math.exp(log - most) / total, *rest) for log, *rest in draws], most + math.log(total / GRID)


def thin(plans, known):
    """How often the rest of a source lies below and above the bounds from `known` rows of it and from the other sources."""
    chance, below, above, trials = random.Random(5), 0, 0, 0
    for losses in chance.sample(plans, 250):
        for at, of in enumerate(losses):
            drawn = chance.sample(of, len(of))
            few, rest = measured(drawn[:known]), measured(drawn[known:])
            draws, _ = pool([measured(other) for other in losses[:at] + losses[at + 1 :]] + [few], IN_USE)
            own, share = few[2] ** 2, 0.0
            for weight, between, mean, variance in draws:
                kept = between / (between + own)
                spread = kept * own + (1 - kept) ** 2 * variance + rest[2] ** 2
                share += weight * NORMAL.cdf((rest[1] - kept * few[1] - (1 - kept) * mean) / math.sqrt(spread))
            below, above, trials = below + (share <= 0.95), above + (share >= 0.05), trials + 1
    return below / trials, above / trials


def main(folder):
    models, rows = read(folder)
    losses = list(cascades(models, rows))
    plans = [[measured(source) for source in plan] for plan in losses]
    print(f"{len(models)} models, {sum(map(len, rows.values()))} rows, {len(plans)} cascades")
    for scale in (0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10, 0.12):
        likely, below, above, trials = 0.0, 0, 0, 0
        for classes in plans:
            likely += pool(classes, scale)[1]
            for left_out, (_, value, error) in enumerate(classes):
                draws, _ = pool(classes[:left_out] + classes[left_out + 1 :], scale)
                share = sum(
                    weight * NORMAL.cdf((value - mean) / math.sqrt(variance + between + error**2))
                    for weight, between, mean, variance in draws
                )
                below, above, trials = below + (share <= 0.95), above + (share >= 0.05), trials + 1
        print(f"scale {scale:.2f}: log likelihood {likely / len(plans):.4f}, below the upper bound {below / trials:.3f}, "
              f"above the lower {above / trials:.3f}")
    for known in (5, 20, 40, 80, 160):
        below, above = thin(losses, known)
        print(f"{known} rows known: below the upper bound {below:.3f}, above the lower {above:.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/pooling-scale.py DATA")
    main(sys.argv[1])
