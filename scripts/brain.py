#!/usr/bin/env python3
"""Puts the reports of scripts/brain.sh into one file, and prints a short table of it.

    brain.py REPORTS DATA OUT
"""
import hashlib
import json
import sys
from pathlib import Path


def without_curves(value):
    """A report without what only a plot needs; the ten points of a calibration stay."""
    if isinstance(value, dict):
        return {key: without_curves(item) for key, item in value.items() if key != "singles" and not is_curve(key, item)}
    if isinstance(value, list):
        return [without_curves(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def is_curve(key, item):
    return key == "curve" and not (item and len(item[0]) == 3)


def main(reports, data, out):
    reports, data = Path(reports), Path(data)
    card = json.loads((reports / "card.json").read_text())
    files = sorted(path for path in data.iterdir() if ".jsonl" in path.name)
    targets = card["card"]["targets"]
    found = {
        "data": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files},
        "profile": {
            "version": card["version"],
            "bytes": card["bytes"],
            "ridge": card["card"]["ridge"],
            "sources": card["card"]["sources"],
            "models": sorted(target["kind"]["model"] for target in targets if "model" in target["kind"]),
        },
        "reports": {
            path.stem: without_curves(json.loads(path.read_text()))
            for path in sorted(reports.glob("*.json"))
            if path.stem != "card"
        },
    }
    Path(out).write_text(json.dumps(found, indent=1) + "\n")
    for name, report in found["reports"].items():
        for what, figure in figures(report):
            print(f"{name:36} {what:34} {shown(figure)}")


def figures(report):
    """What is worth a line."""
    if "apgr" in report:
        gains = {order["name"]: order["apgr_gain"] for order in report["orders"]}
        yield f"APGR, {report['rows']} rows", report["apgr"]
        yield "APGR gain over length", gains["length"]
        yield "APGR gain over domain mean", gains["domain mean"]
        yield "CPT50", report["cpt50"]
        yield "CPT80", report["cpt80"]
        yield f"frozen loss, weak {100 * report['frozen']['weak_share']:.1f} %", report["frozen"]["loss"]
    if "aiq" in report:
        ways = {way["name"]: way for way in report["ways"]}
        yield f"AIQ, {len(report['models'])} models, {report['rows']} rows", report["aiq"]
        yield "AIQ gain over any single", ways["any single"]["aiq_gain"]
        yield "frozen cost saved", report["cost_save"]
        yield "frozen quality difference", report["quality_difference"]
    if "calibration" in report:
        calibration = report["calibration"]
        yield f"Brier skill over class, {calibration['outcomes']}", calibration["skill_over_class"]
        yield "Brier skill over domain", calibration["skill_over_domain"]
        yield "90 % intervals hold", calibration["coverage"]
    for source in report.get("complexity", []):
        yield f"rank corr. {source['source']}", source["learned"]
        yield "  gain over length", source["gain"]


def shown(figure):
    if figure["value"] is None:
        return "not defined"
    low, high = ("-" if figure[end] is None else f"{figure[end]:.3f}" for end in ("low", "high"))
    return f"{figure['value']:8.3f} ({low} to {high})"


if __name__ == "__main__":
    main(*sys.argv[1:])
