"""``plimsoll data``: the versions of data sets."""

from __future__ import annotations

import argparse
import json
from typing import Any

from plimsoll.cli.runs import add_out

NAMES = "an id or its beginning, a dataset folder, or a run (last)"


def add(commands: Any) -> None:
    """Adds ``data``."""
    data = commands.add_parser("data", help="list, show and compare versions of data sets")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="list the versions that runs have kept")
    listed.set_defaults(call=_list)
    show = actions.add_parser(
        "show", help="what a version holds: rows, columns, where it came from"
    )
    show.add_argument("data", metavar="ID", help=NAMES)
    show.set_defaults(call=_show)
    diff = actions.add_parser("diff", help="what differs between two versions, column by column")
    diff.add_argument("first", metavar="ID", help=NAMES)
    diff.add_argument("second", metavar="ID", help=NAMES)
    diff.set_defaults(call=_diff)
    for parser in (listed, show, diff):
        add_out(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")


def _list(options: argparse.Namespace) -> int:
    from plimsoll.formats.versions import versions_in
    from plimsoll.local.pipelines.named_data import store_in
    from plimsoll.local.record import runs_folder

    store = store_in(runs_folder(options.out))
    found = list(versions_in(store))
    if options.json:
        rows = [
            {
                "id": version.id,
                "folder": str(version.folder),
                "rows": dict(version.rows),
                "bytes": version.bytes,
                "columns": len(version.columns),
                "ingested": list(version.ingested),
            }
            for version in found
        ]
        print(json.dumps(rows))
        return 0
    from plimsoll.cli.tables.data import print_versions

    print_versions(found, store)
    return 0


def _show(options: argparse.Namespace) -> int:
    from plimsoll.formats.versions import read_version
    from plimsoll.local.engine.role_command import ask, scratch
    from plimsoll.local.pipelines.named_data import dataset_named, store_in
    from plimsoll.local.record import runs_folder

    out = runs_folder(options.out)
    folder = dataset_named(options.data, out)
    with scratch(out) as place:
        found = ask("data show", {"folder": str(folder)}, place, f"reading {options.data}")
    # A run's own folder has no records; those of its version are in the store.
    kept = store_in(out) / found["id"]
    found["ingested"] = list(read_version(kept if kept.is_dir() else folder).ingested)
    if options.json:
        print(json.dumps(found))
        return 0
    from plimsoll.cli.tables.data import print_version
    from plimsoll.printable import all_printable

    print_version(all_printable(found))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from plimsoll.local.engine.role_command import ask, scratch
    from plimsoll.local.pipelines.named_data import dataset_named
    from plimsoll.local.record import runs_folder

    out = runs_folder(options.out)
    named = {name: str(dataset_named(getattr(options, name), out)) for name in ("first", "second")}
    with scratch(out) as place:
        found = ask("data diff", named, place, f"reading {options.first} and {options.second}")
    if options.json:
        print(json.dumps(found))
        return 0
    from plimsoll.cli.tables.data import print_difference
    from plimsoll.printable import all_printable

    print_difference(all_printable(found))
    return 0
