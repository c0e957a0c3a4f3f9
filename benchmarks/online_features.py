"""Online look-ups of features: ours against Feast's own path, on SQLite and on Redis.

Six views of seven features, a key of one or two parts each, 100 entities and more; both sides
read the same values, each from the store that its own library wrote, and are asked the same rows
in turn. Ours keeps TTLs and counts what it gives; Feast's path serves values of any age.
"""

from __future__ import annotations

import os
import platform

from benchmarks import in_role


def main() -> None:
    """Prints p50 and p99 of both, and how many times ours is ahead."""
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print("\nlook-up of 42 features in 6 views, in process: milliseconds, and Feast's over ours")
    _print_row("", "ours p50", "p99", "Feast p50", "p99", "p50", "p99")
    for store, sizes in in_role.told("online_features", "features").items():
        for size, found in sizes.items():
            ours, feast = found["ours"], found["Feast"]
            ratios = (theirs / mine for theirs, mine in zip(feast, ours, strict=True))
            rows = "1 row" if size == "1" else f"{size} rows"
            cells = [f"{value:.2f}" for value in (*ours, *feast)]
            _print_row(f"{store}, {rows}", *cells, *(f"{ratio:.1f}x" for ratio in ratios))


def _print_row(name: str, *cells: str) -> None:
    print(f"{name:<20}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
