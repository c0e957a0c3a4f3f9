"""Parses the command line, calls the command, and turns errors into exit codes."""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence

from plimsoll import __version__
from plimsoll.cli import (
    caches,
    config,
    data,
    environments,
    features,
    fork,
    katib,
    pipelines,
    runs,
    schema,
    watch,
)
from plimsoll.errors import PlimsollError
from plimsoll.printable import printable


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 0 done, 1 failed or stopped, 2 wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a letter of a path must not fail a run that succeeded.
        sys.stdout.reconfigure(errors="backslashreplace")
    options, rest = _parser().parse_known_args(argv)
    if rest and options.command != "run":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        code = int(options.call(options))
        sys.stdout.flush()
        return code
    except PlimsollError as error:
        _complain(str(error), options)
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted", options)
        return 1
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _complain(f"{error.strerror or error}\n  {error.filename or ''}".rstrip(), options)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plimsoll",
        description="From raw data to a model that answers requests, checked at every step.",
    )
    parser.add_argument("--version", action="version", version=f"plimsoll {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    groups = (
        *(runs, watch, fork, data, schema, config),
        *(features, katib, environments, caches, pipelines),
    )
    for group in groups:
        group.add(commands)
    return parser


def _complain(text: str, options: argparse.Namespace) -> None:
    headline, *rest = (printable(line) for line in text.split("\n"))
    red, plain = ("\033[31;1m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print("\n".join([f"{red}error:{plain} {headline}", *rest]), file=sys.stderr)
    if getattr(options, "json", False):
        print(json.dumps({"status": "failed", "error": text}))
