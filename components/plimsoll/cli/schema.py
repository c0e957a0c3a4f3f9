"""``plimsoll schema``: the file that people edit and commit, and data are held to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.cli.runs import add_out

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = "a file, folder or pattern of data; or the id of a data set, its folder, or a run (last)"
MODES = ("fail", "warn")


def add(commands: Any) -> None:
    """Adds ``schema``."""
    schema = commands.add_parser("schema", help="infer, compare, check and edit schemas")
    actions = schema.add_subparsers(dest="action", required=True, metavar="ACTION")
    for one in (_add_infer, _add_diff, _add_check, _add_accept):
        parser = one(actions)
        parser.add_argument("--json", action="store_true", help="print JSON")


def _add_infer(actions: Any) -> argparse.ArgumentParser:
    infer: argparse.ArgumentParser = actions.add_parser(
        "infer", help="write the schema that data have", description="Write a first schema."
    )
    _add_data(infer)
    infer.add_argument("--to", default="schema.pbtxt", metavar="FILE", help="default: schema.pbtxt")
    infer.add_argument("--force", action="store_true", help="replace FILE if it is there")
    infer.set_defaults(call=_infer)
    return infer


def _add_diff(actions: Any) -> argparse.ArgumentParser:
    diff: argparse.ArgumentParser = actions.add_parser(
        "diff",
        help="what differs between two schemas, in words",
        description="Say what differs between two schemas; exits with 1 if something does.",
    )
    diff.add_argument("first", metavar="SCHEMA")
    diff.add_argument("second", metavar="SCHEMA")
    diff.set_defaults(call=_diff)
    return diff


def _add_check(actions: Any) -> argparse.ArgumentParser:
    check: argparse.ArgumentParser = actions.add_parser(
        "check",
        help="hold data to a schema",
        description="Hold data to a schema; exits with 1 if there are anomalies.",
    )
    _add_data(check)
    check.add_argument("schema", metavar="SCHEMA", help="a .pbtxt file")
    check.add_argument(
        "--mode", default="fail", choices=MODES, help="warn exits with 0 in any case; default: fail"
    )
    check.add_argument("--config", default="", metavar="JSON", help="the gate's, or @FILE")
    check.add_argument(
        "--baseline", default="", metavar="DIR", help="an earlier run's statistics, or last"
    )
    check.add_argument("--report", metavar="FILE", help="write the page there, HTML")
    check.set_defaults(call=_check)
    return check


def _add_accept(actions: Any) -> argparse.ArgumentParser:
    accept: argparse.ArgumentParser = actions.add_parser(
        "accept",
        help="edit a schema so that it accepts the anomalies of data",
        description="Edit a schema so that it accepts exactly the anomalies of a run or of data.",
    )
    _add_data(accept, "RUN|DATA")
    accept.add_argument("schema", metavar="SCHEMA", help="a .pbtxt file")
    accept.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="C",
        help="accept this column alone, a changed type too; may be given again",
    )
    accept.add_argument("--to", metavar="FILE", help="default: SCHEMA itself")
    accept.set_defaults(call=_accept)
    return accept


def _add_data(parser: argparse.ArgumentParser, name: str = "DATA") -> None:
    parser.add_argument("data", metavar=name, help=DATA)
    parser.add_argument("--label", default="", metavar="COLUMN", help="the column to predict")
    parser.add_argument("--problem", default="", metavar="FILE", help="the problem file")
    parser.add_argument(
        "--ingest-config", default="", metavar="JSON", help="ingest's config, or @FILE"
    )
    add_out(parser)


def _infer(options: argparse.Namespace) -> int:
    from plimsoll.errors import UsageError
    from plimsoll.storage.files import write_text

    target = Path(options.to)
    if target.exists() and not options.force:
        raise UsageError(
            f"{target} is there already",
            hint="name another with --to FILE, or replace it with --force; "
            "plimsoll schema accept edits it and keeps your comments",
        )
    found = _asked("schema infer", options, {}, f"reading {options.data}")
    write_text(target, found["text"])
    if options.json:
        print(json.dumps({**found, "path": str(target)}))
        return 0
    from plimsoll.cli.tables.schema import print_inferred

    print_inferred(found, target)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from plimsoll.local.engine.role_command import ask, scratch
    from plimsoll.local.record import runs_folder

    with scratch(runs_folder(Path.cwd())) as place:
        named = {"first": options.first, "second": options.second}
        found = ask("schema diff", named, place, "comparing")
    if options.json:
        print(json.dumps(found))
    else:
        from plimsoll.cli.tables.schema import print_differences

        print_differences(found["differences"])
    return 1 if found["differences"] else 0


def _check(options: argparse.Namespace) -> int:
    from plimsoll.local.pipelines.arguments import text_of
    from plimsoll.local.pipelines.baselines import statistics_named
    from plimsoll.local.record import runs_folder

    more = {
        "schema": options.schema,
        "config": text_of("config", options.config),
        "baseline": statistics_named(
            options.baseline,
            runs_folder(options.out),
            label=options.label,
            problem_text=text_of("problem", options.problem),
        ),
    }
    found = _asked(
        "schema check", options, more, f"checking {options.data}", page=options.report or ""
    )
    if options.json:
        print(json.dumps(found))
    else:
        from plimsoll.cli.tables.schema import print_check

        print_check(found, options.report or "")
    return 1 if found["anomalies"] and options.mode == "fail" else 0


def _accept(options: argparse.Namespace) -> int:
    from plimsoll.storage.files import write_text

    target = Path(options.to or options.schema)
    more = {"schema": options.schema, "columns": options.column}
    found = _asked("schema accept", options, more, f"checking {options.data}")
    if found["differences"] or not target.exists():
        write_text(target, found["text"])
    if options.json:
        print(json.dumps({**found, "path": str(target)}))
    else:
        from plimsoll.cli.tables.schema import print_accepted

        print_accepted(found, target)
    return 1 if found["left"] else 0


def _asked(
    command: str,
    options: argparse.Namespace,
    more: Mapping[str, Any],
    doing: str,
    page: str = "",
) -> dict[str, Any]:
    """Asks the data role about the data that the options name; keeps the page where asked."""
    from plimsoll.local.engine.role_command import ask, scratch
    from plimsoll.local.pipelines.named_data import data_named
    from plimsoll.local.record import runs_folder
    from plimsoll.storage.files import write_bytes

    out = runs_folder(options.out)
    data = _data(options, data_named(options.data, out))
    with scratch(out) as place:
        asked = {"data": data, "scratch": str(place), **more}
        found = ask(command, asked, place, doing)
        if page:
            write_bytes(Path(page), (place / "report").read_bytes())
    return found


def _data(options: argparse.Namespace, named: Any) -> dict[str, Any]:
    from plimsoll.errors import UsageError
    from plimsoll.local.pipelines.arguments import text_of

    if not named.is_dataset and not options.label and not options.problem:
        raise UsageError(
            f"which column of {options.data} is predicted?",
            cause="data are divided into train, eval and test by the problem they are for",
            hint="--label COLUMN, or --problem FILE",
        )
    return {
        "path": named.path,
        "is_dataset": named.is_dataset,
        "label": options.label,
        "problem": text_of("problem", options.problem),
        "config": text_of("ingest_config", options.ingest_config),
    }
