"""``plimsoll features``: what a Feast repository defines, holds and gives to a row."""

import argparse
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.cli.options import add_actions, add_usual, answer

DEFAULT_REPO = "feature_repo"
REPO = f"a Feast repository: a folder, or its address; default: {DEFAULT_REPO}"
CONFIG_FILES = "feature_store*.yaml"
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
"""How Feast's configuration names an environment variable."""


def add(commands: Any) -> None:
    """Adds ``features``."""
    actions = add_actions(
        commands, "features", "list, show and check the features of a Feast repository"
    )
    for add_action, command in ((_add_list, _list), (_add_show, _show), (_add_check, _check)):
        parser = add_action(actions)
        parser.add_argument("--repo", default=DEFAULT_REPO, metavar="DIR", help=REPO)
        add_usual(parser, command)


def _add_list(actions: Any) -> argparse.ArgumentParser:
    listing: argparse.ArgumentParser = actions.add_parser(
        "list",
        help="list services and views, with their keys, ages and features",
        description="List what a Feast repository defines.",
    )
    listing.add_argument(
        "view", nargs="?", default="", metavar="VIEW", help="this view alone, with its features"
    )
    return listing


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
    return show


def _add_check(actions: Any) -> argparse.ArgumentParser:
    check: argparse.ArgumentParser = actions.add_parser(
        "check",
        help="hold definitions, sources, registry and online store against each other",
        description="Check a Feast repository: definitions, sources and their columns, the "
        "registry, the online store, the last materialisation; exits with 1 if something fails.",
    )
    return check


def _list(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.features import print_listed

    parameters = {"view": options.view}
    result = _of_repository("features list", options, parameters, f"reading {options.repo}")
    answer(options, result, print_listed)
    return 0


def _show(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.features import print_row

    parameters = {
        "service": options.service,
        "row": _row(options.row),
        "at": options.at,
        "now": options.now,
    }
    result = _of_repository("features show", options, parameters, f"asking {options.repo}")
    answer(options, result, print_row)
    return 1 if result["trouble"] else 0


def _check(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.features import print_checks

    result = _of_repository("features check", options, {}, f"checking {options.repo}")
    answer(options, result, print_checks)
    return 1 if any(item["level"] == "error" for item in result["checks"]) else 0


def _of_repository(
    command: str, options: argparse.Namespace, parameters: Mapping[str, Any], doing: str
) -> dict[str, Any]:
    """Returns what the features role says of the repository that the options name."""
    from plimsoll.local.engine.role_command import FEATURES, call, scratch
    from plimsoll.local.record import runs_folder

    repo, variables = _repository(options.repo)
    with scratch(runs_folder(options.out)) as folder:
        request = {"repo": repo, "scratch": str(folder), **parameters}
        return call(command, request, folder, doing, role=FEATURES, variables=variables)


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
