"""``plimsoll data``: the versions of data sets."""

import argparse
from typing import Any

from plimsoll.cli.options import add_actions, add_usual, answer, from_data_role

NAMES = "an id or its beginning, a dataset folder, or a run (last)"


def add(commands: Any) -> None:
    """Adds ``data``."""
    actions = add_actions(commands, "data", "list, show and compare versions of data sets")
    listing = actions.add_parser("list", help="list the versions that runs have kept")
    add_usual(listing, _list)
    show = actions.add_parser(
        "show", help="what a version holds: rows, columns, where it came from"
    )
    show.add_argument("data", metavar="ID", help=NAMES)
    add_usual(show, _show)
    diff = actions.add_parser("diff", help="what differs between two versions, column by column")
    diff.add_argument("first", metavar="ID", help=NAMES)
    diff.add_argument("second", metavar="ID", help=NAMES)
    add_usual(diff, _diff)


def _list(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.data import print_versions
    from plimsoll.formats.versions import versions_in
    from plimsoll.local.pipelines.named_data import store_in
    from plimsoll.local.record import runs_folder

    store = store_in(runs_folder(options.out))
    versions = list(versions_in(store))
    rows = [
        {
            "id": version.id,
            "folder": str(version.folder),
            "rows": dict(version.rows),
            "bytes": version.bytes,
            "columns": len(version.columns),
            "ingested": list(version.ingested),
        }
        for version in versions
    ]
    answer(options, rows, lambda _: print_versions(versions, store))
    return 0


def _show(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.data import print_version
    from plimsoll.formats.versions import read_version
    from plimsoll.local.pipelines.named_data import dataset_named, store_in
    from plimsoll.local.record import runs_folder

    out = runs_folder(options.out)
    folder = dataset_named(options.data, out)
    parameters = {"folder": str(folder)}
    version = from_data_role("data show", parameters, out, f"reading {options.data}")
    # A run's own folder has no records; those of its version are in the store.
    kept = store_in(out) / version["id"]
    version["ingested"] = list(read_version(kept if kept.is_dir() else folder).ingested)
    answer(options, version, print_version)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.data import print_difference
    from plimsoll.local.pipelines.named_data import dataset_named
    from plimsoll.local.record import runs_folder

    out = runs_folder(options.out)
    folders = {
        name: str(dataset_named(getattr(options, name), out)) for name in ("first", "second")
    }
    doing = f"reading {options.first} and {options.second}"
    answer(options, from_data_role("data diff", folders, out, doing), print_difference)
    return 0
