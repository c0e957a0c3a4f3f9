"""What a training says on its standard output: a line an epoch, or a bar on a terminal."""

import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import IO

from plimsoll.quantities import loss_text, memory, rate, whole_duration
from plimsoll.train.telemetry.events import Ended, EpochFinished, Event, Saved, Started, Stepped

QUIET_SECONDS = 5.0
"""A line about the steps of a long epoch comes no sooner than this after the line before it."""
QUIET_SHARE = 0.01
"""Nor sooner than this share of the time that the training has taken."""
_BAR = 20
_CLEAR = "\r\x1b[K"


class Console:
    """Says how a training goes: quiet lines in a log, a bar below them on a terminal.

    Args:
        stream: Where to; standard output unless given.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self, stream: IO[str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._began = self._last = clock()
        self._started: Started | None = None
        self._best = math.inf
        self._latest: Stepped | None = None

    def on_event(self, event: Event) -> None:
        """Says what an event means, or nothing if it is too soon."""
        if isinstance(event, Started):
            self._on_start(event)
        elif isinstance(event, Stepped):
            self._on_step(event)
        elif isinstance(event, EpochFinished):
            self._finish_epoch(event)
        elif isinstance(event, Saved):
            if not self._live:
                self._say(f"checkpoint of step {event.step:,} ({event.seconds:.1f} s)")
        else:
            self._say(end_text(event))

    def _on_start(self, event: Started) -> None:
        self._started, self._best, self._latest = event, math.inf, None
        self._began = self._clock()
        self._say(
            f"{event.model}: {event.rows:,} rows, {event.batch_size:,} a step, at most "
            f"{event.epochs:,} epochs of {event.steps_an_epoch:,} steps; "
            f"{event.weights:,} weights, on {event.place}"
        )
        if event.resumed_at:
            self._say(f"goes on from step {event.resumed_at:,}")

    def _on_step(self, event: Stepped) -> None:
        self._latest = event
        if self._live:
            self._show(self._bar(event))
            return
        now = self._clock()
        wait = max(QUIET_SECONDS, QUIET_SHARE * (now - self._began))
        if now - self._last >= wait:
            parts = [
                f"epoch {event.epoch}{self._of_epochs()} {self._share(event):.0%}",
                f"train loss {loss_text(event.train_loss)}",
                rate(event.samples_a_second),
                f"{whole_duration(event.seconds_left)} left at most",
                gpu_text(event),
            ]
            self._say("  ".join(part for part in parts if part))

    def _finish_epoch(self, event: EpochFinished) -> None:
        lowest = event.eval_loss < self._best
        self._best = min(self._best, event.eval_loss)
        if not event.again:
            self._say(self._epoch_line(event, lowest=lowest))

    def _epoch_line(self, event: EpochFinished, *, lowest: bool) -> str:
        speed = self._latest
        parts = [
            f"epoch {event.number}{self._of_epochs()}",
            f"train loss {loss_text(event.train_loss)}",
            f"eval loss {loss_text(event.eval_loss)}",
            f"{event.seconds:.1f} s",
            rate(speed.samples_a_second) if speed else "",
            "lowest" if lowest else "",
        ]
        return "  ".join(part for part in parts if part)

    def _of_epochs(self) -> str:
        return f"/{self._started.epochs}" if self._started else ""

    def _share(self, event: Stepped) -> float:
        """Returns the share of the epoch that is done."""
        if self._started is None:
            return 0.0
        before = (event.epoch - 1) * self._started.steps_an_epoch
        return min(1.0, max(0.0, (event.step - before) / max(1, self._started.steps_an_epoch)))

    def _bar(self, event: Stepped) -> str:
        share = self._share(event)
        full, empty = ("━", "─") if _can_encode(self._stream, "━─") else ("#", "-")
        done = round(share * _BAR)
        parts = [
            f"epoch {event.epoch}{self._of_epochs()} {full * done}{empty * (_BAR - done)}",
            f"{share:4.0%}",
            f"train {loss_text(event.train_loss)}",
            "" if math.isinf(self._best) else f"lowest eval {loss_text(self._best)}",
            rate(event.samples_a_second),
            f"{whole_duration(event.seconds_left)} left",
            gpu_text(event),
        ]
        return "  ".join(part for part in parts if part)

    def _show(self, text: str) -> None:
        # A line that wraps could not be taken back.
        room = shutil.get_terminal_size().columns - 1
        self._stream.write(_CLEAR + text[:room])
        self._stream.flush()

    def _say(self, text: str) -> None:
        self._last = self._clock()
        self._stream.write((_CLEAR if self._live else "") + text + "\n")
        self._stream.flush()


def say(line: str) -> None:
    """Prints a line of progress at once."""
    print(line, flush=True)  # noqa: T201 - the step's log is its standard output


def warn(line: str) -> None:
    """Prints a line on standard error at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def end_text(event: Ended) -> str:
    """Returns in words how a training ended."""
    if event.reason in ("failed", "interrupted"):
        return ": ".join(part for part in (event.reason, event.error) if part)
    reason = "all epochs were run" if event.reason == "all epochs" else event.reason
    return f"{reason}: best epoch {event.best_epoch}, eval loss {loss_text(event.eval_loss)}"


def gpu_text(event: Stepped) -> str:
    """Returns the first GPU's memory and utilisation; empty where there is none."""
    if not event.gpu_memory:
        return ""
    used = f", {event.gpu_utilisation:.0%} busy" if event.gpu_utilisation else ""
    return f"GPU {memory(event.gpu_memory)}{used}"


def _can_encode(stream: IO[str], letters: str) -> bool:
    try:
        letters.encode(getattr(stream, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
