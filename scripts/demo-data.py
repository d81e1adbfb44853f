#!/usr/bin/env python3
"""Writes benches/data/demo.jsonl.gz: the sample rows of `pointsman demo`.

Usage: scripts/demo-data.py LABELLED_DIR [OUT]

LABELLED_DIR holds zeroeval_gsm.jsonl.gz and zeroeval_crux.jsonl.gz (rows of prompt, split and, per model, score,
tokens and cost; see benches/data/README.md for where they come from). Only these two sources are read: their texts
may be copied. Prices are derived from cost and tokens and must agree with the list prices of the models' own time.
The output is the same byte for byte for the same input.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path

SOURCES = ["zeroeval_gsm", "zeroeval_crux"]
# Cheapest first, as src/demo/sample.rs declares them; USD per million tokens, list prices of 2024.
MODELS = {
    "gpt-4o-mini-2024-07-18": (0.15, 0.60),
    "gpt-4o-2024-08-06": (2.50, 10.00),
    "claude-3-5-sonnet-20241022": (3.00, 15.00),
}


def rows(folder):
    for source in SOURCES:
        with gzip.open(folder / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if all(model in row["outcomes"] for model in MODELS):
                    yield row


def derived_price(outcomes):
    """Least squares of cost on input and output tokens, in USD per million."""
    points = [(o["in_tokens"], o["out_tokens"], o["cost_usd"] * 1e6) for o in outcomes]
    ii = sum(i * i for i, _, _ in points)
    io = sum(i * o for i, o, _ in points)
    oo = sum(o * o for _, o, _ in points)
    ic = sum(i * c for i, _, c in points)
    oc = sum(o * c for _, o, c in points)
    det = ii * oo - io * io
    return (ic * oo - oc * io) / det, (ii * oc - io * ic) / det


def checked_prices(sample):
    prices = []
    for model, listed in MODELS.items():
        derived = derived_price([row["outcomes"][model] for row in sample])
        if any(abs(one - other) > 0.005 * other for one, other in zip(derived, listed)):
            sys.exit(f"{model}: the data says {derived}, the price list {listed}")
        prices.append({"name": model, "input": listed[0], "output": listed[1]})
    return prices


def short(row):
    """Outcomes as [score, input tokens, output tokens] in the order of the models."""
    outcomes = [row["outcomes"][model] for model in MODELS]
    return {
        "id": row["id"],
        "split": row["split"],
        "domain": row["domain"],
        "prompt": row["prompt"],
        "outcomes": [[o["score"], o["in_tokens"], o["out_tokens"]] for o in outcomes],
    }


def main():
    folder = Path(sys.argv[1])
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "benches/data/demo.jsonl.gz")
    sample = list(rows(folder))
    # Both sources mixed, in an order that depends on nothing but the ids.
    sample.sort(key=lambda row: hashlib.sha256(row["id"].encode()).digest())
    lines = [{"models": checked_prices(sample)}] + [short(row) for row in sample]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    with out.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode("utf-8"))
    count = {split: sum(row["split"] == split for row in sample) for split in ("train", "test")}
    print(f"{out}: {count['train']} train and {count['test']} test rows, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
