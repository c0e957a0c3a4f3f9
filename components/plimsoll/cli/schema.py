"""``plimsoll schema``: the file that people edit and commit, and data are held to."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.cli.options import add_actions, add_out, add_usual, answer, from_data_role

DATA = "a file, folder or pattern of data; or the id of a data set, its folder, or a run (last)"
MODES = ("fail", "warn")


def add(commands: Any) -> None:
    """Adds ``schema``."""
    actions = add_actions(commands, "schema", "infer, compare, check and edit schemas")
    for add_action in (_add_infer, _add_diff, _add_check, _add_accept):
        add_action(actions)


def _add_infer(actions: Any) -> None:
    infer = actions.add_parser(
        "infer", help="write the schema that data have", description="Write a first schema."
    )
    _add_data(infer)
    infer.add_argument("--to", default="schema.pbtxt", metavar="FILE", help="default: schema.pbtxt")
    infer.add_argument("--force", action="store_true", help="replace FILE if it is there")
    add_usual(infer, _infer, out=False)


def _add_diff(actions: Any) -> None:
    diff = actions.add_parser(
        "diff",
        help="what differs between two schemas, in words",
        description="Say what differs between two schemas; exits with 1 if something does.",
    )
    diff.add_argument("first", metavar="SCHEMA")
    diff.add_argument("second", metavar="SCHEMA")
    add_usual(diff, _diff, out=False)


def _add_check(actions: Any) -> None:
    check = actions.add_parser(
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
    add_usual(check, _check, out=False)


def _add_accept(actions: Any) -> None:
    accept = actions.add_parser(
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
    add_usual(accept, _accept, out=False)


def _add_data(parser: argparse.ArgumentParser, name: str = "DATA") -> None:
    parser.add_argument("data", metavar=name, help=DATA)
    parser.add_argument("--label", default="", metavar="COLUMN", help="the column to predict")
    parser.add_argument("--problem", default="", metavar="FILE", help="the problem file")
    parser.add_argument(
        "--ingest-config", default="", metavar="JSON", help="ingest's config, or @FILE"
    )
    add_out(parser)


def _infer(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.schema import print_inferred
    from plimsoll.errors import UsageError
    from plimsoll.storage.files import write_text

    target = Path(options.to)
    if target.exists() and not options.force:
        raise UsageError(
            f"{target} is there already",
            hint="name another with --to FILE, or replace it with --force; "
            "plimsoll schema accept edits it and keeps your comments",
        )
    schema = _of_data("schema infer", options, {}, f"reading {options.data}")
    write_text(target, schema["text"])
    answer(options, {**schema, "path": str(target)}, print_inferred)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.schema import print_differences

    names = {"first": options.first, "second": options.second}
    result = from_data_role("schema diff", names, Path.cwd(), "comparing")
    answer(options, result, print_differences)
    return 1 if result["differences"] else 0


def _check(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.schema import print_check
    from plimsoll.local.pipelines.arguments import text_of
    from plimsoll.local.pipelines.baselines import statistics_named
    from plimsoll.local.record import runs_folder

    parameters = {
        "schema": options.schema,
        "config": text_of("config", options.config),
        "baseline": statistics_named(
            options.baseline,
            runs_folder(options.out),
            label=options.label,
            problem_text=text_of("problem", options.problem),
        ),
    }
    page = options.report or ""
    result = _of_data("schema check", options, parameters, f"checking {options.data}", page)
    answer(options, result, lambda shown: print_check(shown, page))
    return 1 if result["anomalies"] and options.mode == "fail" else 0


def _accept(options: argparse.Namespace) -> int:
    from plimsoll.cli.tables.schema import print_accepted
    from plimsoll.storage.files import write_text

    target = Path(options.to or options.schema)
    parameters = {"schema": options.schema, "columns": options.column}
    result = _of_data("schema accept", options, parameters, f"checking {options.data}")
    if result["differences"] or not target.exists():
        write_text(target, result["text"])
    answer(options, {**result, "path": str(target)}, print_accepted)
    return 1 if result["left"] else 0


def _of_data(
    command: str,
    options: argparse.Namespace,
    parameters: Mapping[str, Any],
    doing: str,
    page: str = "",
) -> dict[str, Any]:
    """Returns what the data role says of the data that the options name; keeps its page."""
    from plimsoll.local.engine.role_command import call, scratch
    from plimsoll.local.pipelines.named_data import data_named
    from plimsoll.local.record import runs_folder
    from plimsoll.storage.files import write_bytes

    out = runs_folder(options.out)
    data = _data(options, data_named(options.data, out))
    with scratch(out) as folder:
        request = {"data": data, "scratch": str(folder), **parameters}
        result = call(command, request, folder, doing)
        if page:
            write_bytes(Path(page), (folder / "report").read_bytes())
    return result


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
