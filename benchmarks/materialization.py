"""Materialisation into SQLite and Redis: ours against Feast's own, in one run.

Both write the latest of five rows of each key, six columns, and end with the same values, which
is checked. A second run replaces every value. Ours never lets an older value replace a newer one,
under writers at once too; Feast's SQLite store does not look.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence

from benchmarks import in_role


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the keys a second of both, and how many times ours is ahead."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.materialization")
    parser.add_argument("--keys", type=int, default=50_000, help="entity keys that are written")
    asked = parser.parse_args(arguments)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"\nmaterialisation of {asked.keys:,} keys x 5 features, of 5 rows a key: keys/s")
    _print_row("", "ours", "Feast", "ratio")
    for store, sides in in_role.told("materialization", "features", str(asked.keys)).items():
        for run, ours, feast in zip(("first", "again"), sides["ours"], sides["Feast"], strict=True):
            _print_row(f"{store}, {run}", f"{ours:,.0f}", f"{feast:,.0f}", f"{ours / feast:.1f}x")


def _print_row(name: str, *cells: str) -> None:
    print(f"{name:<20}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
