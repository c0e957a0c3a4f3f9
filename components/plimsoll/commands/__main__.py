"""Answers one question that the command line asks: ``python -m plimsoll.commands FOLDER``.

The folder holds ``request.json``, and ``answer.json`` comes to be in it: a result, or one of
our own errors. What packages print goes elsewhere, and so cannot garble the answer.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

from plimsoll.errors import PlimsollError, UsageError
from plimsoll.storage.files import read_json, write_json

REQUEST = "request.json"
ANSWER = "answer.json"
COMMANDS = {
    "data show": ("plimsoll.commands.data", "show"),
    "data diff": ("plimsoll.commands.data", "diff"),
    "schema infer": ("plimsoll.commands.schema", "infer"),
    "schema diff": ("plimsoll.commands.schema", "diff"),
    "schema check": ("plimsoll.commands.schema", "check"),
    "schema accept": ("plimsoll.commands.schema", "accept"),
    "features list": ("plimsoll.feature_commands.listing", "list_repository"),
    "features show": ("plimsoll.feature_commands.show", "show"),
    "features check": ("plimsoll.feature_commands.check", "check"),
}


def main(folder: Path) -> int:
    """Reads a request, does what it asks and writes the answer; returns the exit code."""
    request = read_json(folder / REQUEST)
    try:
        answer = {"result": _called(str(request["command"]), dict(request["parameters"]))}
        code = 0
    except PlimsollError as error:
        code = error.exit_code
        answer = {
            "error": {
                "headline": error.headline,
                "cause": error.cause,
                "choices": list(error.choices),
                "hint": error.hint,
                "exit_code": code,
            }
        }
    write_json(folder / ANSWER, answer)
    return code


def _called(command: str, parameters: dict[str, Any]) -> Any:
    if command not in COMMANDS:
        raise UsageError(f"there is no command {command!r}", choices=tuple(COMMANDS))
    module, function = COMMANDS[command]
    return getattr(importlib.import_module(module), function)(**parameters)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
