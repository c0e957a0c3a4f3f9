"""``plimsoll cache``: what is kept of steps, so that they need not run again."""

from __future__ import annotations

import argparse
import json
from typing import Any

from plimsoll.cli.runs import add_out


def add(commands: Any) -> None:
    """Adds ``cache``."""
    cache = commands.add_parser("cache", help="free the disk of cached steps")
    actions = cache.add_subparsers(dest="action", required=True, metavar="ACTION")
    prune = actions.add_parser(
        "prune",
        help="remove cached steps that no run here shows",
        description="Remove cached steps whose runs were removed, and what killed runs left.",
    )
    prune.add_argument("--days", type=int, metavar="N", help="also those made over N days ago")
    add_out(prune)
    prune.add_argument("--json", action="store_true", help="print JSON")
    prune.set_defaults(call=_prune)


def _prune(options: argparse.Namespace) -> int:
    from plimsoll.local.engine.pruning import prune
    from plimsoll.local.record import runs_folder

    freed = prune(runs_folder(options.out), options.days)
    if options.json:
        print(json.dumps({"removed": freed.entries, "bytes": freed.bytes}))
        return 0
    from plimsoll.quantities import size

    if freed.entries:
        print(f"removed {freed.entries:,} cached steps and leftovers, {size(freed.bytes)}")
    else:
        print("nothing to remove")
    return 0
