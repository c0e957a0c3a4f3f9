"""Quality: what ``auto`` makes of a data set, against LightGBM with searched parameters.

Both see the same columns and splits: the flights with their features (the examples of the newest
finished run), three data sets that scikit-learn carries, and two made ones of 100,000 rows. Of
all but the flights a seed draws the split too. LightGBM's parameters are searched by Optuna's TPE
on eval, on every seed where rows are few, else on the first seed alone and fitted anew with each.
Everything is chosen on eval and reported on test: mean of the seeds, and a 95 % interval of the
difference, paired by seed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import in_role

RUNS = in_role.ROOT / "runs"
SMALL = ("breast_cancer", "digits", "diabetes")
MADE = ("interactions", "heavy_noise")
FLIGHTS = "flights"
SCORES = {"diabetes": "R2", "heavy_noise": "R2", "digits": "accuracy"}
"""What the score is where it is not AUC."""
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t of 95 %, two-sided, by the number of seeds."""
SECONDS_A_SEARCH = 240


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_quality")
    parser.add_argument("--quick", action="store_true", help="two seeds, eight trials")
    parser.add_argument("--only", help="data sets, with commas between")
    parser.add_argument("--seeds", type=int, choices=sorted(T_95), help="seeds (default 5)")
    parser.add_argument("--trials", type=int, help="of a search (default 30)")
    parser.add_argument("--flights", type=Path, help="examples artifact of the flights")
    asked = parser.parse_args(arguments)
    seeds = asked.seeds or (2 if asked.quick else 5)
    trials = asked.trials or (8 if asked.quick else 30)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"test split, {seeds} seeds, LightGBM: {trials} trials of TPE or {SECONDS_A_SEARCH} s")
    found: list[tuple[str, float, float]] = []
    for name in (FLIGHTS, *SMALL, *MADE):
        if asked.only and name not in asked.only.split(","):
            continue
        source = str(asked.flights or newest_flights() or "") if name == FLIGHTS else name
        if not source:
            print("\nno flights with features: make run")
            continue
        found.append((name, *compared(name, source, seeds, trials)))
    lost = [name for name, mean, interval in found if mean > interval]
    level = [name for name, mean, interval in found if abs(mean) <= interval]
    print(f"\nlost: {', '.join(lost) or 'none'}; within the interval: {', '.join(level) or 'none'}")


def compared(name: str, source: str, seeds: int, trials: int) -> tuple[float, float]:
    """Prints what each way came to; returns the difference of losses and its interval."""
    ours, theirs = [], []
    parameters: dict[str, Any] = {}
    for seed in range(seeds):
        ours.append(in_role.told("model_quality", "train", source, str(seed), "auto", "{}"))
        search: dict[str, Any] = {"trials": trials, "seconds": SECONDS_A_SEARCH}
        if parameters:
            search = {"parameters": parameters}
        told = in_role.told("model_quality", "train", source, str(seed), "tuned", _j(search))
        theirs.append(told)
        if name not in SMALL:
            parameters = told["parameters"]
    score = SCORES.get(name, "AUC")
    loss = "RMSE" if score == "R2" else "log loss"
    print(f"\n{name}: {ours[0]['rows']:,} rows, {theirs[0]['trials']} trials")
    _print_row("", loss, "", score, "", "seconds")
    _print_told("auto", ours)
    _print_told("LightGBM, searched", theirs)
    families = sorted({item["model"] for told in ours for item in told["tried"]})
    for family in families:
        _print_told(f"  {family}", [_best(told, family) for told in ours])
    differences = [
        mine["test_loss"] - other["test_loss"] for mine, other in zip(ours, theirs, strict=True)
    ]
    mean, interval = _mean(differences)
    said = "better" if mean < -interval else "worse" if mean > interval else "level"
    chosen = sorted({told["chosen"] for told in ours})
    less = f"{loss} less LightGBM's: {mean:+.5f} ± {interval:.5f}, {said}"
    print(f"auto chose {', '.join(chosen)}; its {less}", flush=True)
    return mean, interval


def newest_flights() -> Path | None:
    """Returns the examples of the newest run of the flights that joined features."""
    found = []
    for path in RUNS.glob("*/transform/examples/manifest.json"):
        problem = json.loads(path.read_text("utf-8"))["problem"]
        if problem.get("name") == "flights-late" and problem.get("features"):
            found.append(path.parent)
    return max(found, key=lambda folder: folder.stat().st_mtime, default=None)


def _best(told: dict[str, Any], family: str) -> dict[str, Any]:
    own = [item for item in told["tried"] if item["model"] == family]
    return min(own, key=lambda item: float(item["eval_loss"]), default={})


def _mean(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return statistics.fmean(values), math.inf
    deviation = statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), T_95[len(values)] * deviation


def _print_told(name: str, told: Sequence[dict[str, Any]]) -> None:
    whole = [item for item in told if item]
    cells = []
    for key in ("test_loss", "test_score"):
        mean, interval = _mean([item[key] for item in whole])
        cells += [f"{mean:.4f}", f"± {interval:.4f}"]
    if "seconds" in whole[0]:
        cells.append(f"{statistics.fmean(item['seconds'] for item in whole):.0f}")
    note = "" if len(whole) == len(told) else f"  (of {len(whole)} seeds)"
    _print_row(name, *cells, note)


def _print_row(name: str, *cells: str) -> None:
    print(f"{name:<22}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


def _j(value: dict[str, Any]) -> str:
    return json.dumps(value)


if __name__ == "__main__":
    main(sys.argv[1:])
