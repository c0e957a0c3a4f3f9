"""Who listens to a training: its log, a file, TensorBoard, a webhook, trackers."""

import importlib.util
import math
import time
from collections.abc import Callable

from plimsoll.train.job import Job
from plimsoll.train.telemetry import webhook
from plimsoll.train.telemetry.console import Console, warn
from plimsoll.train.telemetry.events import Event, Listener, Stepped
from plimsoll.train.telemetry.progress_file import ProgressFile
from plimsoll.train.telemetry.tensorboard import TensorBoard
from plimsoll.train.telemetry.trackers import trackers_for

LONGEST_GAP = 15.0
"""Seconds: steps are written to files at least this often."""
GAP_SHARE = 0.005
"""Nor less often than this share of the time that the training has taken."""


class BestEffort:
    """Passes events on until a file cannot be written; the training goes on without it.

    A full disk of logs must not cost the hours that were trained; what matters is kept elsewhere.
    """

    def __init__(self, listener: Listener, name: str) -> None:
        self._listener: Listener | None = listener
        self._name = name

    def on_event(self, event: Event) -> None:
        """Passes an event on, if nothing failed before."""
        if self._listener is None:
            return
        try:
            self._listener.on_event(event)
        except OSError as error:
            self._listener = None
            warn(f"{self._name} can no longer be written: {error.strerror or error}")


class Throttled:
    """Passes events on, but of steps only as many as a file of a long training can hold.

    Where the file lies in a bucket, each of its lines costs writing all of it again.

    Args:
        listener: Takes the events.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, listener: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._clock = clock
        self._began, self._last = clock(), -math.inf

    def on_event(self, event: Event) -> None:
        """Passes an event on, unless it is of a step and comes too soon after the last such."""
        if isinstance(event, Stepped):
            now = self._clock()
            if now - self._last < min(LONGEST_GAP, GAP_SHARE * (now - self._began)):
                return
            self._last = now
        self._listener.on_event(event)


def listeners_for(job: Job) -> tuple[Listener, ...]:
    """Returns the listeners that a job and the environment ask for.

    Nothing is written before the first event, so that all processes of a training may ask.

    Raises:
        EnvironmentBuildError: if a tracker is asked for whose package is not installed.
    """
    listeners: list[Listener] = [Console()]
    if job.logs is not None:
        listeners.append(BestEffort(Throttled(ProgressFile(job.logs)), "the progress file"))
        if importlib.util.find_spec("tensorboard"):
            listeners.append(BestEffort(Throttled(TensorBoard(job.logs)), "TensorBoard's files"))
        else:
            warn("no files for TensorBoard: the package tensorboard is not installed")
    alerted = webhook.webhook_from_environment(job.title, job.logs)
    if alerted is not None:
        listeners.append(alerted)
    return (*listeners, *trackers_for(job))
