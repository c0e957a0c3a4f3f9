"""``plimsoll fork``: a run like an earlier one, but for what is set."""

import argparse
from typing import Any

from plimsoll.cli.options import RUN, add_out, add_usual, answer


def add(commands: Any) -> None:
    """Adds ``fork``."""
    fork = commands.add_parser(
        "fork",
        help="run a run again with something changed",
        description="Run the pipeline of an earlier run with the same arguments but those that "
        "are set; steps that nothing changed for come from the cache.",
        epilog="example: plimsoll fork last --set learning_rate=0.001 --set model=tabm "
        "--set transform_config.clip=6",
    )
    fork.add_argument("run", metavar="RUN", help=RUN)
    fork.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a knob of train_config (learning_rate or lr, model, ...), an input of the pipeline, "
        "or a field within one (transform_config.clip); JSON or text; null: the default",
    )
    add_out(fork)
    fork.add_argument("--no-cache", action="store_true", help="run every step")
    add_usual(fork, _fork, out=False, json_help="print the record last, on stdout")


def _fork(options: argparse.Namespace) -> int:
    from plimsoll.local import api

    api.require_local_extra()
    from plimsoll.local import fork as forking
    from plimsoll.local.comparison import print_compared
    from plimsoll.local.record import find_run, runs_folder
    from plimsoll.local.summary import print_failures, print_summary
    from plimsoll.storage.files import finite

    out = runs_folder(options.out)
    origin = find_run(options.run, out)
    fork = forking.forked(origin, options.set, out)
    record = api.execute(
        fork.pipeline,
        fork.arguments,
        out,
        not options.no_cache,
        fork=(origin["id"], fork.changed),
    )
    print_failures(record)
    written = finite(record.to_dict())

    def show(_: object) -> None:
        print_summary(record)
        print_compared(origin, written)

    answer(options, written, show)
    return 0 if record.status == "succeeded" else 1
