"""The data gate against others on the same CSV files, and as rows, columns and values grow.

Half of a size's rows are the reference, half are checked against it. Each contender runs alone
in a fresh process; its imports are not timed, and its memory is the process's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import peers
from plimsoll.local.engine import environments

CONTENDERS = Path(__file__).parent / "contenders"
ROOT = CONTENDERS.parents[1]
SECONDS_AT_MOST = 600
LINE = 5.0
"""Seconds for a million rows of 18 columns."""
OTHERS = (
    ("TFDV from CSV on Beam", "tfdv_beam", "data"),
    ("whylogs, profiles alone", "whylogs_profiles", "whylogs"),
    ("evidently, drift alone", "evidently_drift", "evidently"),
    ("a bare pass of pyarrow", "arrow_pass", "data"),
)


@dataclass(frozen=True)
class Size:
    """How much data there is."""

    rows: int
    columns: int = 18
    distinct: int = 100_000

    def __str__(self) -> str:
        return f"{self.rows:,} rows x {self.columns}, key of {self.distinct:,} values"


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the comparison, then what more rows, columns and values cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data_gate")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the comparison")
    parser.add_argument("--alone", action="store_true", help="leave the others out")
    parser.add_argument("--no-growth", action="store_true", help="leave larger sizes out")
    asked = parser.parse_args(arguments)
    machine = platform.processor() or platform.machine()
    load = os.getloadavg()[0]
    print(f"{machine}, {os.cpu_count()} cores, load {load:.1f} at the start")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        compare(Path(folder), Size(asked.rows), () if asked.alone else OTHERS)
        if not asked.no_growth:
            grow(Path(folder), asked.rows)


def compare(folder: Path, size: Size, others: Sequence[tuple[str, str, str]]) -> None:
    """Prints ours beside others on the same files."""
    files = made(folder, size)
    ours = run("ours", "data", files)
    print(f"\n{size}: statistics, schema, anomalies and drift from CSV, after imports")
    _print_row("", "seconds", "CPU s", "of ours", "peak MB", "found")
    _print_row("ours", *_told(ours, ours), ours["found"])
    for name, program, environment in others:
        try:
            found = run(program, environment, files)
        except subprocess.SubprocessError as error:
            _print_row(name, "failed", "", "", "", str(error)[:60])
            continue
        _print_row(name, *_told(found, ours), found["found"][:60])
    print(f"(the line for 1,000,000 rows of 18 columns: {LINE:.0f} s)")


def grow(folder: Path, rows: int) -> None:
    """Prints what ours takes for ten times the rows, for many columns, for many values."""
    pairs = (
        (Size(rows), Size(rows * 10)),
        (Size(rows // 10, 50), Size(rows // 10, 500)),
        (Size(rows), Size(rows, distinct=rows * 10)),
    )
    print("\nours as data grow: ten times the rows, ten times the columns, many values")
    _print_row("", "seconds", "ratio", "peak MB", "ratio")
    for first, second in pairs:
        before, after = (run("ours", "data", made(folder, size)) for size in (first, second))
        for size, found in ((first, before), (second, after)):
            seconds, memory = found["seconds"], found["peak_mb"]
            ratios = (seconds / before["seconds"], memory / before["peak_mb"])
            _print_row(
                str(size), f"{seconds:.2f}", f"{ratios[0]:.2f}", f"{memory:.0f}", f"{ratios[1]:.2f}"
            )


def made(folder: Path, size: Size) -> tuple[Path, Path]:
    """Returns the two files of a size, written at the first call."""
    below = folder / f"{size.rows}-{size.columns}-{size.distinct}"
    if not below.is_dir():
        below.mkdir()
        numbers = (str(size.rows), str(size.columns), str(size.distinct))
        command = [str(interpreter("data")), str(CONTENDERS / "made_csv.py"), str(below), *numbers]
        subprocess.run(command, check=True, timeout=SECONDS_AT_MOST)
    return below / "reference.csv", below / "current.csv"


def run(program: str, environment: str, files: tuple[Path, Path]) -> dict[str, Any]:
    """Runs a contender; returns its seconds, its memory and what it found."""
    command = [str(interpreter(environment)), str(CONTENDERS / f"{program}.py")]
    ran = subprocess.run(
        [*command, *(str(path) for path in files)],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS_AT_MOST,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "components"),
            "OMP_WAIT_POLICY": "PASSIVE",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
    )
    return json.loads(ran.stdout.splitlines()[-1])


def interpreter(environment: str) -> Path:
    """Returns the Python of a role or of a peer."""
    if environment == "data":
        return environments.ensure("data", print).python
    return peers.python(environment)


def _told(found: dict[str, Any], ours: dict[str, Any]) -> tuple[str, str, str, str]:
    ratio = found["seconds"] / ours["seconds"]
    numbers = (found["seconds"], found["busy_seconds"])
    return (*(f"{number:.2f}" for number in numbers), f"{ratio:.2f}", f"{found['peak_mb']:.0f}")


def _print_row(name: str, *cells: str) -> None:
    numbers = "".join(f"{cell:>10}" for cell in cells[:4])
    print("  ".join([f"{name:<46}{numbers}", *cells[4:]]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
