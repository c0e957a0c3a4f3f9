"""``plimsoll config``: the configurations and their JSON Schemas, for people and editors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError, nearest
from plimsoll.shipped import folder


def add(commands: Any) -> None:
    """Adds ``config``."""
    config = commands.add_parser("config", help="list configurations, and show their JSON Schemas")
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser(
        "list",
        help="each configuration, and where the schemas are",
        description="List the configurations, and where their JSON Schemas are.",
    )
    listed.add_argument("--json", action="store_true", help="print JSON")
    listed.set_defaults(call=_list)
    shown = actions.add_parser(
        "show", help="print a JSON Schema", description="Print the JSON Schema of a configuration."
    )
    shown.add_argument("name", metavar="NAME", help="problem, train, ...; see plimsoll config list")
    shown.set_defaults(call=_show)


def _list(options: argparse.Namespace) -> int:
    rows = [
        {"name": name, "about": json.loads(path.read_text("utf-8"))["description"], "path": path}
        for name, path in _schemas().items()
    ]
    if options.json:
        print(json.dumps(rows, default=str))
        return 0
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['about']}")
    print(f"schemas in {folder('schemas')}")
    return 0


def _show(options: argparse.Namespace) -> int:
    schemas = _schemas()
    if options.name not in schemas:
        raise UsageError(
            f"there is no configuration {options.name!r}",
            cause=nearest(options.name, schemas),
            choices=tuple(schemas),
        )
    print(schemas[options.name].read_text("utf-8"), end="")
    return 0


def _schemas() -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder("schemas").glob("*.json"))}
