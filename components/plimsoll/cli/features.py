"""``plimsoll features``: what a Feast repository defines, holds and gives to a row."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.cli.runs import add_out

DEFAULT_REPO = "feature_repo"
REPO = f"a Feast repository: a folder, or its address; default: {DEFAULT_REPO}"
CONFIG_FILES = "feature_store*.yaml"
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
"""How Feast's configuration names an environment variable."""


def add(commands: Any) -> None:
    """Adds ``features``."""
    features = commands.add_parser(
        "features", help="list, show and check the features of a Feast repository"
    )
    actions = features.add_subparsers(dest="action", required=True, metavar="ACTION")
    for one in (_add_list, _add_show, _add_check):
        parser = one(actions)
        parser.add_argument("--repo", default=DEFAULT_REPO, metavar="DIR", help=REPO)
        add_out(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")


def _add_list(actions: Any) -> argparse.ArgumentParser:
    listed: argparse.ArgumentParser = actions.add_parser(
        "list",
        help="list services and views, with their keys, ages and features",
        description="List what a Feast repository defines.",
    )
    listed.add_argument(
        "view", nargs="?", default="", metavar="VIEW", help="this view alone, with its features"
    )
    listed.set_defaults(call=_list)
    return listed


def _add_show(actions: Any) -> argparse.ArgumentParser:
    show: argparse.ArgumentParser = actions.add_parser(
        "show",
        help="one row's features, as of then and now",
        description="Show the features of one row: what was known as of its time, from the "
        "offline store, beside what the online store holds now, and how old that is.",
    )
    show.add_argument("service", metavar="SERVICE", help="a feature service")
    show.add_argument(
        "--row",
        required=True,
        metavar="JSON",
        help="""the row's keys and what on-demand features take: '{"origin": "JFK"}', or @FILE""",
    )
    show.add_argument(
        "--at",
        default="",
        metavar="TIME",
        help="as of when: a moment (UTC where it names no zone), or a column of the row; "
        "default: the row's only value that is a moment",
    )
    show.add_argument(
        "--now",
        default="",
        metavar="TIME",
        help="when the online store is asked, from which ages count; default: the clock's time",
    )
    show.set_defaults(call=_show)
    return show


def _add_check(actions: Any) -> argparse.ArgumentParser:
    check: argparse.ArgumentParser = actions.add_parser(
        "check",
        help="hold definitions, sources, registry and online store against each other",
        description="Check a Feast repository: definitions, sources and their columns, the "
        "registry, the online store, the last materialisation; exits with 1 if something fails.",
    )
    check.set_defaults(call=_check)
    return check


def _list(options: argparse.Namespace) -> int:
    found = _asked("features list", options, {"view": options.view}, f"reading {options.repo}")
    if options.json:
        print(json.dumps(found))
        return 0
    from plimsoll.cli.tables.features import print_listed
    from plimsoll.printable import all_printable

    print_listed(all_printable(found))
    return 0


def _show(options: argparse.Namespace) -> int:
    more = {
        "service": options.service,
        "row": _row(options.row),
        "at": options.at,
        "now": options.now,
    }
    found = _asked("features show", options, more, f"asking {options.repo}")
    if options.json:
        print(json.dumps(found))
    else:
        from plimsoll.cli.tables.features import print_row
        from plimsoll.printable import all_printable

        print_row(all_printable(found))
    return 1 if found["trouble"] else 0


def _check(options: argparse.Namespace) -> int:
    found = _asked("features check", options, {}, f"checking {options.repo}")
    if options.json:
        print(json.dumps(found))
    else:
        from plimsoll.cli.tables.features import print_checks
        from plimsoll.printable import all_printable

        print_checks(all_printable(found))
    return 1 if any(item["level"] == "error" for item in found["checks"]) else 0


def _asked(
    command: str, options: argparse.Namespace, more: Mapping[str, Any], doing: str
) -> dict[str, Any]:
    """Asks the features role about the repository that the options name."""
    from plimsoll.local.engine.role_command import FEATURES, ask, scratch
    from plimsoll.local.record import runs_folder

    repo, variables = _repository(options.repo)
    with scratch(runs_folder(options.out)) as place:
        asked = {"repo": repo, "scratch": str(place), **more}
        return ask(command, asked, place, doing, role=FEATURES, variables=variables)


def _repository(named: str) -> tuple[str, dict[str, str]]:
    """Returns where a repository lies, and the environment variables that its files name."""
    from plimsoll.errors import UsageError, nearest

    if "://" in named:
        return named, {}
    path = Path(named).absolute()
    if not path.exists():
        above = path.parent
        beside = [item.name for item in above.iterdir()] if above.is_dir() else []
        raise UsageError(
            f"there is no feature repository {named}",
            cause=nearest(path.name, beside),
            hint="--repo DIR: a folder with a feature_store.yaml",
        )
    files = [path] if path.is_file() else sorted(path.glob(CONFIG_FILES))
    if not files:
        raise UsageError(
            f"{named} is no feature repository",
            cause="it holds no feature_store.yaml",
            hint="--repo DIR: a folder with a feature_store.yaml",
        )
    text = "\n".join(file.read_text("utf-8", errors="replace") for file in files)
    names = {first or second for first, second in _REFERENCE.findall(text)}
    return str(path), {name: os.environ[name] for name in sorted(names) if name in os.environ}


def _row(text: str) -> dict[str, Any]:
    from plimsoll.errors import UsageError
    from plimsoll.local.pipelines.arguments import text_of

    hint = """--row '{"origin": "JFK", "time_hour": "2013-07-01T10:00:00Z"}', or --row @FILE"""
    text = text_of("row", text)
    try:
        row = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise UsageError("--row is no JSON", cause=str(error), hint=hint) from error
    if not isinstance(row, dict) or not row:
        raise UsageError("--row must be a JSON object of columns and values", hint=hint)
    for name, value in row.items():
        if isinstance(value, (dict, list)):
            raise UsageError(f"--row: {name!r} is not one value", hint=hint)
    return row


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
