"""What commands have in common: their usual options, what they ask of a role, how they answer."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plimsoll.printable import all_printable

DEFAULT_OUT = "runs"
RUN = "an id, a part of one, or last"

Command = Callable[[argparse.Namespace], int]


def add_actions(commands: Any, name: str, description: str) -> Any:
    """Adds a command whose first word is what it does: ``plimsoll data list``."""
    parser = commands.add_parser(name, help=description)
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def add_out(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names the folder of runs."""
    parser.add_argument("--out", default=DEFAULT_OUT, metavar="DIR", help="default: runs")


def add_usual(
    parser: argparse.ArgumentParser,
    command: Command,
    *,
    out: bool = True,
    json_help: str = "print JSON",
) -> None:
    """Adds ``--out`` and ``--json``, which stand last, and says what the parser calls.

    Args:
        parser: The command's parser.
        command: What it calls; returns the exit code.
        out: Whether the command has a folder of runs.
        json_help: What ``--json`` does; empty: there is none.
    """
    if out:
        add_out(parser)
    if json_help:
        parser.add_argument("--json", action="store_true", help=json_help)
    parser.set_defaults(call=command)


def answer(options: argparse.Namespace, result: Any, show: Callable[[Any], None]) -> None:
    """Prints a result: as JSON where that is wanted, else as ``show`` prints it for people."""
    if options.json:
        print(json.dumps(result))
    else:
        show(all_printable(result))


def from_data_role(
    command: str, parameters: Mapping[str, Any], out: str | Path, doing: str
) -> dict[str, Any]:
    """Returns the result of a command of ``plimsoll.commands``, which reads data.

    Args:
        command: Its name: ``data show``.
        parameters: Its function's arguments.
        out: The folder of runs.
        doing: What to show meanwhile.
    """
    from plimsoll.local.engine.role_command import call, scratch
    from plimsoll.local.record import runs_folder

    with scratch(runs_folder(out)) as folder:
        return call(command, parameters, folder, doing)
