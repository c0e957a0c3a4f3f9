"""``plimsoll run``, and what is shown of runs afterwards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.cli.options import RUN, add_out, add_usual, answer

if TYPE_CHECKING:
    from plimsoll.local.pipelines.graph import Compiled


def add(commands: Any) -> None:
    """Adds ``run``, ``runs``, ``report`` and ``diff``."""
    _add_run(commands)
    _add_records(commands)


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        add_help=False,
        # An input named like the start of an option is still the pipeline's: --n is no --no-cache.
        allow_abbrev=False,
        help="run a pipeline on this machine",
        description="Run a pipeline on this machine, each step in its role's environment.",
        epilog="example: plimsoll run training --data my.csv --label y",
    )
    run.add_argument("-h", "--help", action="store_true", help="show this, and PIPELINE's inputs")
    run.add_argument(
        "pipeline",
        nargs="?",
        metavar="PIPELINE",
        help="a name in the library (training), a compiled YAML, or file.py:function",
    )
    add_out(run)
    run.add_argument("--no-cache", action="store_true", help="run every step")
    add_usual(run, _run, out=False, json_help="print the record last, on stdout")
    run.set_defaults(parser=run)


def _add_records(commands: Any) -> None:
    runs = commands.add_parser("runs", help="list runs")
    add_usual(runs, _runs)
    report = commands.add_parser("report", help="where a run's report is; made anew if missing")
    report.add_argument("run", metavar="RUN", help=RUN)
    add_usual(report, _report)
    diff = commands.add_parser("diff", help="what differs between two runs")
    diff.add_argument("first", metavar="RUN")
    diff.add_argument("second", metavar="RUN")
    add_usual(diff, _diff)


def _run(options: argparse.Namespace) -> int:
    if options.pipeline is None:
        options.parser.print_help()
        return 0 if options.help else 2
    from plimsoll.local import api
    from plimsoll.local.pipelines import arguments, library, variants
    from plimsoll.local.record import runs_folder

    api.require_local_extra()
    pipeline = library.find(options.pipeline)
    if options.help:
        options.parser.print_help()
        print(_inputs_help(pipeline))
        return 0
    out = runs_folder(options.out)
    given = arguments.parse(options.rest, pipeline)
    pipeline = variants.fitting(pipeline, given)
    record = api.execute(
        pipeline, arguments.complete(given, pipeline, out), out, not options.no_cache
    )
    from plimsoll.local.summary import print_failures, print_summary
    from plimsoll.storage.files import finite

    print_failures(record)
    answer(options, finite(record.to_dict()), lambda _: print_summary(record))
    return 0 if record.status == "succeeded" else 1


def _inputs_help(pipeline: Compiled) -> str:
    lines = [f"\ninputs of {pipeline.name}: {pipeline.description}"]
    for item in pipeline.inputs().values():
        default = "" if item.required else f" (default: {item.default!r})"
        lines.append(f"  --{item.name:<16} {item.description}{default}")
    return "\n".join(lines)


def _runs(options: argparse.Namespace) -> int:
    from plimsoll.local.record import runs_folder, runs_in
    from plimsoll.local.summary import print_runs

    out = runs_folder(options.out)
    records = list(runs_in(out))
    answer(options, records, lambda _: print_runs(records, out))
    return 0


def _report(options: argparse.Namespace) -> int:
    from plimsoll.local.record import find_run, runs_folder
    from plimsoll.local.report.page import write_report

    record = find_run(options.run, runs_folder(options.out))
    report = Path(record["report"] or "missing")
    if not report.is_file():
        report = write_report(record, Path(record["folder"]))
    answer(options, {"report": str(report)}, lambda _: print(report))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from plimsoll.local.diff import differences
    from plimsoll.local.record import find_run, runs_folder
    from plimsoll.local.summary import print_differences

    out = runs_folder(options.out)
    result = differences(find_run(options.first, out), find_run(options.second, out))
    answer(options, result, lambda _: print_differences(result, options.first, options.second))
    return 0
