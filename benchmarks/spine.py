"""The spine: the flights from raw CSV to a pushed model, again from the cache, and the engine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS = ROOT / "examples" / "flights"
REPEATS = 5


def main() -> None:
    """Prints each measurement beside the line that it has to keep."""
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        fresh, fresh_seconds = flights(Path(folder), "without_features.yaml")
        again, again_seconds = flights(Path(folder), "without_features.yaml")
        joined, joined_seconds = flights(Path(folder), "problem.yaml")
    steps = fresh["steps"].values()
    overheads = [step["seconds"] - step["process_seconds"] for step in steps]
    heaviest = max(steps, key=lambda step: step["peak_memory"])
    test, baseline = fresh["metrics"]["test"], fresh["baseline_metrics"]["test"]
    rows = [
        ("flights, raw CSV to pushed model", f"{fresh_seconds:.1f} s", "120 s"),
        ("the same again, from the cache", f"{again_seconds:.1f} s", "10 s"),
        ("steps taken from the cache", cached(again), "all"),
        ("engine's overhead a step, mean", f"{statistics.mean(overheads):.3f} s", "0.3 s"),
        ("engine's overhead a step, most", f"{max(overheads):.3f} s", "0.3 s"),
        ("import plimsoll, beyond Python", f"{import_seconds() * 1000:.1f} ms", "50 ms"),
        (f"peak memory ({heaviest['name']})", f"{heaviest['peak_memory'] / 1e9:.2f} GB", "3 GB"),
        (
            "test AUC, what goes out / boosting",
            f"{test['auc']:.4f} / {baseline['auc']:.4f}",
            "above",
        ),
    ]
    after, boosted = joined["metrics"]["test"], joined["baseline_metrics"]["test"]
    peak = max(step["peak_memory"] for step in joined["steps"].values())
    rows += [
        ("with the feature store, raw CSV to pushed model", f"{joined_seconds:.1f} s", "none set"),
        ("peak memory", f"{peak / 1e9:.2f} GB", "3 GB"),
        (
            "test AUC, what goes out / boosting",
            f"{after['auc']:.4f} / {boosted['auc']:.4f}",
            "above",
        ),
    ]
    width = max(len(row[0]) for row in rows)
    for name, value, line in rows:
        print(f"{name:<{width}}  {value:>16}  (line: {line})")
    print("\nseconds a step:")
    for step in (*steps, joined["steps"]["features"]):
        memory = step["peak_memory"] / 1e6
        print(f"  {step['name']:<16} {step['seconds']:6.1f} s  {memory:6.0f} MB")


def flights(out: Path, problem: str) -> tuple[dict[str, Any], float]:
    """Runs the flights as a user does; returns the record and the seconds on the clock."""
    command = [
        *(sys.executable, "-m", "plimsoll.cli", "run", "training", "--json"),
        *("--data", str(FLIGHTS / "data" / "flights.csv")),
        *("--problem", str(FLIGHTS / problem)),
        *("--out", str(out)),
    ]
    begun = time.perf_counter()
    # The problem names the feature repository as seen from the checkout.
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return json.loads(ran.stdout.splitlines()[-1]), time.perf_counter() - begun


def cached(record: dict[str, Any]) -> str:
    """Says how many of a run's steps came from the cache."""
    steps = record["steps"].values()
    return f"{sum(step['cached'] for step in steps)} of {len(steps)}"


def import_seconds() -> float:
    """Returns what ``import plimsoll`` adds to a bare interpreter's start: medians' difference."""
    return median_seconds("import plimsoll") - median_seconds("pass")


def median_seconds(statement: str) -> float:
    """Returns the median time of a Python process that runs one statement."""
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)
