"""``plimsoll config``: the configurations and their JSON Schemas, for people and editors."""

import argparse
import json
from pathlib import Path
from typing import Any

from plimsoll.cli.options import add_actions, add_usual, answer
from plimsoll.errors import UsageError, nearest
from plimsoll.shipped import folder


def add(commands: Any) -> None:
    """Adds ``config``."""
    actions = add_actions(commands, "config", "list configurations, and show their JSON Schemas")
    listing = actions.add_parser(
        "list",
        help="each configuration, and where the schemas are",
        description="List the configurations, and where their JSON Schemas are.",
    )
    add_usual(listing, _list, out=False)
    show = actions.add_parser(
        "show", help="print a JSON Schema", description="Print the JSON Schema of a configuration."
    )
    show.add_argument("name", metavar="NAME", help="problem, train, ...; see plimsoll config list")
    add_usual(show, _show, out=False, json_help="")


def _list(options: argparse.Namespace) -> int:
    rows = [
        {
            "name": name,
            "about": json.loads(path.read_text("utf-8"))["description"],
            "path": str(path),
        }
        for name, path in _schemas().items()
    ]
    width = max(len(row["name"]) for row in rows)
    lines = [f"{row['name']:<{width}}  {row['about']}" for row in rows]
    lines.append(f"schemas in {folder('schemas')}")
    answer(options, rows, lambda _: print("\n".join(lines)))
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
