"""Point-in-time joins: the flights with hourly weather, their carrier's hours, their plane's legs.

Ours, through Feast's `get_historical_features`, against a bare DuckDB ASOF JOIN of the same tables,
Feast's DuckDB store, and Feast's dask store under a memory limit. Ours and the bare join run in
turns in one process, so that what else the machine does slows both alike; for the peak of memory,
and the others, each runs alone in a fresh one. Imports are not timed. The bare join knows no TTL,
so it finds more values; ours and Feast's find the same.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import in_role
from plimsoll.local.engine import environments

DATA = in_role.ROOT / "examples" / "flights" / "data"
REPOSITORY = in_role.ROOT / "feature_repo"
TABLES = ("weather", "carrier_at_origin", "plane_departures")
TIMES = 7
"""Of each of two in turns."""
LINE = 2.0
"""Times of the bare join."""
DASK_MB = 8_000


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the comparison, then what ten times the rows cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feature_join")
    parser.add_argument("--alone", action="store_true", help="leave Feast's own stores out")
    asked = parser.parse_args(arguments)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        tables = feature_tables(Path(folder))
        if tables is None:
            print("no flights at examples/flights/data: python examples/flights/make_data.py")
            return
        once = flights(Path(folder), 1)
        compare(tables, once, alone=asked.alone)
        grow(tables, once, flights(Path(folder), 10))


def compare(tables: Path, rows: Path, *, alone: bool) -> None:
    """Prints ours beside the others."""
    turns = in_turns(("bare", "ours"), tables, rows)
    bare, ours = (run(way, tables, rows) | turns[way] for way in turns)
    print(f"\n{ours['rows']:,} flights joined with {', '.join(TABLES)}, after imports")
    _print_row("", "seconds", "of bare", "peak MB", "values found")
    _print_found("a bare ASOF JOIN, no TTL", bare, bare)
    _print_found(f"ours (line: {LINE:.0f}x)", ours, bare)
    if not alone:
        _print_found("Feast's DuckDB store", run("feast_duckdb", tables, rows), bare)
        dask = run("feast_dask", tables, rows, DASK_MB)
        _print_found(f"Feast's dask store, {DASK_MB / 1000:.0f} GB at most", dask, bare)


def grow(tables: Path, once: Path, ten: Path) -> None:
    """Prints what ours takes for ten times the rows, read from Parquet and streamed."""
    print("\nours, rows from Parquet, results streamed, DuckDB's memory_limit 500 MB")
    _print_row("", "seconds", "ratio", "peak MB", "ratio")
    first: dict[str, Any] = {}
    for rows in (once, ten):
        found = run("streamed", tables, rows)
        first = first or found
        ratios = (found[name] / first[name] for name in ("seconds", "peak_mb"))
        seconds, memory = (f"{ratio:.2f}" for ratio in ratios)
        told = (f"{found['seconds']:.2f}", seconds, f"{found['peak_mb']:.0f}", memory)
        _print_row(f"{found['rows']:,} rows", *told)


def in_turns(ways: Sequence[str], tables: Path, rows: Path) -> dict[str, dict[str, Any]]:
    """Makes the join several ways in one process, in turns; returns the medians of each."""
    asked = (",".join(ways), str(tables), str(rows), str(TIMES), "0")
    told = in_role.told("feature_join", "features", *asked)
    return {way: told[way] for way in ways}


def run(way: str, tables: Path, rows: Path, memory_mb: int = 0) -> dict[str, Any]:
    """Makes the join once, alone in a process; returns what it took, or why it failed."""
    asked = (way, str(tables), str(rows), "1", str(memory_mb))
    try:
        told: dict[str, Any] = in_role.told("feature_join", "features", *asked)
    except subprocess.CalledProcessError as error:
        return {"failed": f"killed, code {error.returncode}"}
    return told if "failed" in told else {"peak_mb": told["peak_mb"], **told[way]}


def feature_tables(folder: Path) -> Path | None:
    """Returns the folder of the repository's feature tables, made if they are not there."""
    made = REPOSITORY / "data"
    if all((made / f"{name}.parquet").is_file() for name in TABLES):
        return made
    if not (DATA / "weather.csv").is_file():
        return None
    program = str(REPOSITORY / "make_sources.py")
    subprocess.run(
        [
            str(environments.ensure("features", print).python),
            program,
            "--data",
            str(DATA),
            "--to",
            str(folder),
        ],
        check=True,
        timeout=in_role.SECONDS_AT_MOST,
    )
    return folder


def flights(folder: Path, times: int) -> Path:
    """Returns a Parquet file of the flights' keys and times, each so many times."""
    path = folder / f"flights-{times}.parquet"
    in_role.told("flight_rows", "features", str(DATA / "flights.csv"), str(path), str(times))
    return path


def _print_found(name: str, found: dict[str, Any], bare: dict[str, Any]) -> None:
    if "failed" in found:
        _print_row(name, "failed", "", "", found["failed"])
        return
    ratio = f"{found['seconds'] / bare['seconds']:.2f}"
    told = (f"{found['seconds']:.2f}", ratio, f"{found['peak_mb']:.0f}", f"{found['found']:,}")
    _print_row(name, *told)


def _print_row(name: str, *cells: str) -> None:
    numbers = "".join(f"{cell:>10}" for cell in cells[:3])
    print(f"{name:<42}{numbers}  {cells[3]:>14}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
