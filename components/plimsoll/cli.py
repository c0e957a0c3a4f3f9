"""The command line. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll import __version__
from plimsoll.errors import PlimsollError

if TYPE_CHECKING:
    from plimsoll.local.graph import Compiled

DEFAULT_OUT = "runs"


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
    _add_run(commands)
    _add_records(commands)
    _add_env(commands)
    _add_compile(commands)
    _add_serve(commands)
    return parser


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
    run.add_argument("--out", default=DEFAULT_OUT, metavar="DIR", help="default: runs")
    run.add_argument("--no-cache", action="store_true", help="run every step")
    run.add_argument("--json", action="store_true", help="print the record last, on stdout")
    run.set_defaults(call=_run, parser=run)


def _add_records(commands: Any) -> None:
    runs = commands.add_parser("runs", help="list runs")
    runs.set_defaults(call=_runs)
    report = commands.add_parser("report", help="where a run's report is; made anew if missing")
    report.add_argument("run", metavar="RUN", help="an id, a part of one, or last")
    report.set_defaults(call=_report)
    diff = commands.add_parser("diff", help="what differs between two runs")
    diff.add_argument("first", metavar="RUN")
    diff.add_argument("second", metavar="RUN")
    diff.set_defaults(call=_diff)
    for parser in (runs, report, diff):
        parser.add_argument("--out", default=DEFAULT_OUT, metavar="DIR", help="default: runs")
        parser.add_argument("--json", action="store_true", help="print JSON")


def _add_env(commands: Any) -> None:
    env = commands.add_parser("env", help="build, list and prune the roles' environments")
    actions = env.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="build environments (all roles if none is named)")
    build.add_argument("roles", nargs="*", metavar="ROLE")
    build.set_defaults(call=_env_build)
    listed = actions.add_parser("list", help="list environments")
    listed.add_argument("--json", action="store_true", help="print JSON")
    listed.set_defaults(call=_env_list)
    path = actions.add_parser("path", help="print a role's interpreter; build it if missing")
    path.add_argument("role", metavar="ROLE")
    path.set_defaults(call=_env_path)
    prune = actions.add_parser("prune", help="remove environments of other locks and leftovers")
    prune.set_defaults(call=_env_prune)


def _add_compile(commands: Any) -> None:
    compiling = commands.add_parser("compile", help="compile pipelines to YAML")
    compiling.add_argument(
        "pipelines",
        nargs="*",
        metavar="FILE.py[:FUNCTION]",
        help="default: every pipeline of the checkout",
    )
    compiling.add_argument("--to", metavar="DIR", help="default: pipelines/compiled")
    compiling.add_argument(
        "--images", metavar="FILE", help="JSON of role -> image reference by digest"
    )
    compiling.set_defaults(call=_compile)


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="answer requests from a pushed model")
    serve.add_argument("model_dir", metavar="MODEL_DIR", help="a pushed model or a package")
    serve.add_argument("--port", type=int, default=8080, help="default: 8080")
    serve.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    serve.set_defaults(call=_serve)


def _run(options: argparse.Namespace) -> int:
    if options.pipeline is None:
        options.parser.print_help()
        return 0 if options.help else 2
    from plimsoll.local import api, arguments, library
    from plimsoll.local.record import runs_folder

    api.require_local_extra()
    pipeline = library.find(options.pipeline)
    if options.help:
        options.parser.print_help()
        print(_inputs_help(pipeline))
        return 0
    out = runs_folder(options.out)
    given = arguments.parse(options.rest, pipeline)
    record = api.execute(
        pipeline, arguments.complete(given, pipeline, out), out, not options.no_cache
    )
    from plimsoll.artifacts.files import finite
    from plimsoll.local.summary import print_failures, print_summary

    print_failures(record)
    if options.json:
        print(json.dumps(finite(record.to_dict())))
    else:
        print_summary(record)
    return 0 if record.status == "succeeded" else 1


def _inputs_help(pipeline: Compiled) -> str:
    lines = [f"\ninputs of {pipeline.name}: {pipeline.description}"]
    for item in pipeline.inputs().values():
        default = "" if item.required else f" (default: {item.default!r})"
        lines.append(f"  --{item.name:<16} {item.description}{default}")
    return "\n".join(lines)


def _runs(options: argparse.Namespace) -> int:
    from plimsoll.local.record import runs_folder, runs_in

    out = runs_folder(options.out)
    records = list(runs_in(out))
    if options.json:
        print(json.dumps(records))
        return 0
    from plimsoll.local.summary import print_runs

    print_runs(records, out)
    return 0


def _report(options: argparse.Namespace) -> int:
    from plimsoll.local.record import find_run, runs_folder
    from plimsoll.local.report import write_report

    record = find_run(options.run, runs_folder(options.out))
    report = Path(record["report"] or "missing")
    if not report.is_file():
        report = write_report(record, Path(record["folder"]))
    print(json.dumps({"report": str(report)}) if options.json else report)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from plimsoll.local.diff import differences
    from plimsoll.local.record import find_run, runs_folder

    out = runs_folder(options.out)
    found = differences(find_run(options.first, out), find_run(options.second, out))
    if options.json:
        print(json.dumps(found))
        return 0
    from plimsoll.local.summary import print_differences

    print_differences(found, options.first, options.second)
    return 0


def _env_build(options: argparse.Namespace) -> int:
    from plimsoll.images import ROLES
    from plimsoll.local import environments

    for role in options.roles:
        environments.environment(role)
    for role in options.roles or ROLES:
        with _building(role) as announce:
            found = environments.ensure(role, announce)
        print(f"{role:<9} {found.folder}")
    return 0


def _building(role: str) -> Any:
    from plimsoll.local.summary import building

    return building(role)


def _env_list(options: argparse.Namespace) -> int:
    from plimsoll.images import ROLES
    from plimsoll.local import environments

    found = [environments.environment(role) for role in ROLES]
    if options.json:
        rows = [
            {"role": item.role, "ready": item.ready, "folder": str(item.folder)} for item in found
        ]
        print(json.dumps(rows))
        return 0
    for item in found:
        print(f"{item.role:<9} {'ready' if item.ready else 'not built':<10} {item.folder}")
    return 0


def _env_path(options: argparse.Namespace) -> int:
    from plimsoll.local import environments

    with _building(options.role) as announce:
        found = environments.ensure(options.role, announce)
    print(found.python)
    return 0


def _env_prune(_: argparse.Namespace) -> int:
    from plimsoll.local import environments

    removed = environments.prune()
    for path in removed:
        print(f"removed {path}")
    if not removed:
        print("nothing to remove")
    return 0


def _compile(options: argparse.Namespace) -> int:
    from plimsoll.local import compiling

    for path in compiling.compile_all(options.pipelines, options.to, options.images):
        print(path)
    return 0


def _serve(options: argparse.Namespace) -> int:
    from plimsoll.local import serving

    return serving.serve(Path(options.model_dir), options.host, options.port)


def _complain(text: str, options: argparse.Namespace) -> None:
    headline, _, rest = text.partition("\n")
    red, plain = ("\033[31;1m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red}error:{plain} {headline}" + (f"\n{rest}" if rest else ""), file=sys.stderr)
    if getattr(options, "json", False):
        print(json.dumps({"status": "failed", "error": text}))


if __name__ == "__main__":
    sys.exit(main())
