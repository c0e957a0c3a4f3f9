"""``plimsoll watch``: how a run and its training stand, live."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from plimsoll.cli.options import add_out, add_usual

if TYPE_CHECKING:
    from plimsoll.local.watch.watching import LogsWatch, RunWatch, Snapshot

LOOK_SECONDS = 0.5


def add(commands: Any) -> None:
    """Adds ``watch``."""
    watch = commands.add_parser(
        "watch",
        help="see how a run and its training stand, live",
        description="Show a run's steps and its training: epochs, losses, speed, time left. "
        "Ends when the run does, with its exit code; Ctrl-C leaves the run alone.",
        epilog="example: plimsoll watch last",
    )
    watch.add_argument(
        "run",
        metavar="RUN",
        help="an id, a part of one, or last; or a progress.jsonl or the folder of one",
    )
    add_out(watch)
    watch.add_argument("--once", action="store_true", help="show it once, and exit")
    add_usual(watch, _watch, out=False, json_help="a line of JSON each time it changes")


def _watch(options: argparse.Namespace) -> int:
    from plimsoll.local import api

    api.require_local_extra()
    from plimsoll.local.record import runs_folder
    from plimsoll.local.watch.watching import watch_of

    watch = watch_of(options.run, runs_folder(options.out))
    try:
        snapshot = _followed(watch, options)
    except KeyboardInterrupt:
        print("the run is left alone", file=sys.stderr)
        return 0
    return 0 if snapshot.status in ("running", "succeeded") else 1


def _followed(watch: RunWatch | LogsWatch, options: argparse.Namespace) -> Snapshot:
    if options.json:
        return _as_json(watch, once=options.once)
    from plimsoll.local.console import plain_console
    from plimsoll.local.watch import view as watch_view

    console = plain_console()
    snapshot = watch.look()
    if options.once:
        console.print(watch_view.picture(snapshot, console))
    elif console.is_terminal:
        from rich.live import Live

        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                live.update(watch_view.picture(snapshot, console), refresh=True)
                if snapshot.over:
                    break
                time.sleep(LOOK_SECONDS)
                snapshot = watch.look()
    else:
        lines = watch_view.Lines(console)
        lines.show(snapshot)
        while not snapshot.over:
            time.sleep(LOOK_SECONDS)
            snapshot = watch.look()
            lines.show(snapshot)
    return snapshot


def _as_json(watch: RunWatch | LogsWatch, *, once: bool) -> Snapshot:
    from plimsoll.local.watch import view as watch_view

    before = None
    while True:
        snapshot = watch.look()
        values = watch_view.as_json(snapshot, history=once)
        # A second that went by is no change.
        steps = [{**step, "seconds": 0} for step in values["steps"]]
        now = {**values, "seconds": 0, "steps": steps}
        if now != before:
            print(json.dumps(values), flush=True)
        before = now
        if once or snapshot.over:
            return snapshot
        time.sleep(LOOK_SECONDS)
