"""Fit and apply of the transform against scikit-learn's and a bare pass of pyarrow, in one run.

Each contender reads the same Parquet files, fits on train and saves the arrays of all splits; it
runs alone in a fresh process, and its imports are not timed. Ours also checks the files' digests,
looks at tails, ranks the columns and writes a report.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import in_role

ROWS = 1_000_000
RUNS = 3
OURS, ARROW, SKLEARN = "ours", "a bare pass of pyarrow", "ColumnTransformer"
PROGRAMS = {
    OURS: ("transform_ours", "data"),
    ARROW: ("transform_arrow", "data"),
    SKLEARN: ("transform_sklearn", "train"),
}
LINE_SKLEARN = 3.0
LINE_ARROW = 1.5
LINE_MEMORY = 1.2


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the comparison, then what ten times the rows take in memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transform")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--runs", type=int, default=RUNS, help="of each, of which the median is")
    parser.add_argument("--no-growth", action="store_true", help="leave ten times the rows out")
    asked = parser.parse_args(arguments)
    machine = platform.processor() or platform.machine()
    load = os.getloadavg()[0]
    print(f"{machine}, {os.cpu_count()} cores, load {load:.1f} at the start")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        ours = compare(Path(folder), asked.rows, asked.runs)
        if not asked.no_growth:
            grow(Path(folder), asked.rows, ours)


def compare(folder: Path, rows: int, runs: int) -> dict[str, Any]:
    """Prints all contenders on the same rows; returns ours."""
    dataset = made(folder, rows)
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in PROGRAMS}
    # In turn, so that what else the machine does falls on all alike.
    for _ in range(runs):
        for name in PROGRAMS:
            told[name].append(run(name, dataset, folder))
    found = {name: middle(some) for name, some in told.items()}
    print(f"\n{rows:,} rows x 18: fit on train, apply to all, median of {runs}")
    print_row("", "seconds", "CPU s", "peak MB", "a worker's")
    for name, one in found.items():
        print_row(name, *cells(one))
    ours = found[OURS]
    for name, line, sign in ((SKLEARN, LINE_SKLEARN, "at least"), (ARROW, LINE_ARROW, "at most")):
        times, of = (found[name], ours) if name == SKLEARN else (ours, found[name])
        print(
            f"{name}: {times['seconds'] / of['seconds']:.2f}x by the clock, "
            f"{times['busy_seconds'] / of['busy_seconds']:.2f}x by the processor "
            f"(line: {sign} {line}x)"
        )
    return ours


def grow(folder: Path, rows: int, before: dict[str, Any]) -> None:
    """Prints what ours takes for ten times the rows."""
    after = run(OURS, made(folder, rows * 10), folder)
    print(f"\nours, {rows * 10:,} rows")
    print_row("", "seconds", "CPU s", "peak MB", "a worker's")
    print_row(OURS, *cells(after))
    for name, of in (("this process", "peak_mb"), ("a worker", "worker_mb")):
        ratio = after[of] / before[of] if before[of] else 1.0
        print(f"memory of {name}: {ratio:.2f}x (line: at most {LINE_MEMORY}x)")


def made(folder: Path, rows: int) -> Path:
    """Returns a data set of so many rows."""
    dataset = folder / f"rows-{rows}"
    in_role.told("transform_rows", "data", str(dataset), str(rows))
    return dataset


def run(name: str, dataset: Path, folder: Path) -> dict[str, Any]:
    """Runs a contender once."""
    program, role = PROGRAMS[name]
    target = folder / "made"
    found: dict[str, Any] = in_role.told(program, role, str(dataset), str(target))
    shutil.rmtree(target)
    return found


def middle(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the median of each number of several runs."""
    names = ("seconds", "busy_seconds", "peak_mb", "worker_mb")
    return {name: statistics.median(one[name] for one in runs) for name in names}


def cells(one: dict[str, Any]) -> tuple[str, ...]:
    """Returns a contender's numbers as text."""
    worker = f"{one['worker_mb']:.0f}" if one["worker_mb"] else "-"
    return (
        f"{one['seconds']:.2f}", f"{one['busy_seconds']:.2f}", f"{one['peak_mb']:.0f}", worker,
    )  # fmt: skip


def print_row(name: str, *columns: str) -> None:
    """Prints a line of a table."""
    print(f"{name:<26}" + "".join(f"{cell:>12}" for cell in columns), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
