"""``plimsoll cache``: what is kept of steps, so that they need not run again."""

import argparse
from typing import Any

from plimsoll.cli.options import add_actions, add_usual, answer


def add(commands: Any) -> None:
    """Adds ``cache``."""
    actions = add_actions(commands, "cache", "free the disk of cached steps")
    prune = actions.add_parser(
        "prune",
        help="remove cached steps that no run here shows",
        description="Remove cached steps whose runs were removed, and what killed runs left.",
    )
    prune.add_argument("--days", type=int, metavar="N", help="also those made over N days ago")
    add_usual(prune, _prune)


def _prune(options: argparse.Namespace) -> int:
    from plimsoll.local.engine.pruning import prune
    from plimsoll.local.record import runs_folder
    from plimsoll.quantities import size

    freed = prune(runs_folder(options.out), options.days)
    removed = f"removed {freed.entries:,} cached steps and leftovers, {size(freed.bytes)}"
    text = removed if freed.entries else "nothing to remove"
    answer(options, {"removed": freed.entries, "bytes": freed.bytes}, lambda _: print(text))
    return 0
