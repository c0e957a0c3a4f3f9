"""``progress.jsonl``: a training's events, a JSON object a line, readable while it grows.

A line holds an event's fields, ``event`` (``started``, ``stepped``, ``epoch``, ``saved``,
``ended``) and ``at``, seconds since 1970. What is not a number is null. A training that goes on
after a kill appends to its file; several may stand in one file, each from its ``started`` on.
"""

import dataclasses
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError
from plimsoll.storage.files import finite
from plimsoll.train.telemetry.events import Ended, EpochFinished, Event, Saved, Started, Stepped

PROGRESS = "progress.jsonl"
INTERRUPTED = "interrupted"
_KINDS: dict[str, type[Event]] = {
    "started": Started,
    "stepped": Stepped,
    "epoch": EpochFinished,
    "saved": Saved,
    "ended": Ended,
}
_UNKNOWN = Started(
    model="training",
    task="",
    rows=0,
    batch_size=0,
    steps_an_epoch=0,
    epochs=0,
    weights=0,
    place="",
    processes=0,
)
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """What a file holds of one training. A number that was null in the file is NaN."""

    started: Started
    """As it began, or went on the last time."""
    began: float
    """When it began, seconds since 1970."""
    epochs: tuple[EpochFinished, ...] = ()
    """In order; what was taken back by a resume from before them is left out."""
    latest: Stepped | None = None
    """Where it is."""
    ended: Ended | None = None
    """How it ended; None while it runs, and where it was killed."""
    updated: float = 0.0
    """When its last event was written, seconds since 1970."""

    @property
    def best(self) -> EpochFinished | None:
        """The epoch that was kept, or while it runs the one of the lowest eval loss so far."""
        if self.ended is not None:
            kept = [epoch for epoch in self.epochs if epoch.number == self.ended.best_epoch]
            if kept:
                return kept[0]
        finite_ones = [epoch for epoch in self.epochs if math.isfinite(epoch.eval_loss)]
        return min(finite_ones, key=lambda epoch: epoch.eval_loss, default=None)

    @property
    def over(self) -> bool:
        """Whether it ended for good: one that was interrupted may go on."""
        return self.ended is not None and self.ended.reason != INTERRUPTED


class ProgressFile:
    """Writes the file, line by line; the file comes to be with the first event."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS
        self._begun = False

    def on_event(self, event: Event) -> None:
        """Appends an event, and hands it to the system at once."""
        if not self._begun:
            _end_last_line(self._path)
            self._begun = True
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(event_line(event, time.time()) + "\n")


def event_line(event: Event, at: float) -> str:
    """Returns an event as a line of the file, without its end."""
    values = {"event": _NAMES[type(event)], "at": round(at, 3), **dataclasses.asdict(event)}
    return json.dumps(finite(values), ensure_ascii=False, allow_nan=False)


class ProgressReader:
    """Reads a file that grows: each time only what is new.

    Args:
        path: The file, or the folder that it lies in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / PROGRESS if path.is_dir() else path
        self._offset = 0
        self._trainings: list[TrainingProgress] = []

    def read(self) -> tuple[TrainingProgress, ...]:
        """Returns all trainings as they are now.

        Raises:
            ArtifactError: if the file is not there, or cannot be read.
        """
        try:
            with self.path.open("rb") as stream:
                if os.fstat(stream.fileno()).st_size < self._offset:
                    # Another file has taken its place.
                    self._offset, self._trainings = 0, []
                stream.seek(self._offset)
                new = stream.read()
        except OSError as error:
            raise ArtifactError(
                f"{self.path} cannot be read", cause=error.strerror or str(error)
            ) from error
        # The last line may still be written.
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for text in whole.split(b"\n"):
            _add_line(self._trainings, text)
        return tuple(self._trainings)


def _end_last_line(path: Path) -> None:
    """Makes the folder, and ends the half line that a process may have left when it was killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")


def _add_line(trainings: list[TrainingProgress], text: bytes) -> None:
    """Adds a line to the trainings; one that was cut short, or is of a later version, is none."""
    try:
        values = json.loads(text)
        at = float(values.pop("at"))
        event = _event(values)
    except (AttributeError, KeyError, TypeError, ValueError):
        return
    if isinstance(event, Started):
        _with_start(trainings, event, at)
    elif isinstance(event, Ended) and (not trainings or trainings[-1].over):
        # It failed before it could say what it was.
        trainings.append(TrainingProgress(started=_UNKNOWN, began=at, ended=event, updated=at))
    elif trainings:
        trainings[-1] = _with_event(trainings[-1], event, at)


def _event(values: dict[str, Any]) -> Event:
    kind = _KINDS[values.pop("event")]
    known = {item.name for item in dataclasses.fields(kind)}
    # Numbers alone can be null: each was NaN or an infinity.
    fields: dict[str, Any] = {
        name: math.nan if item is None else item for name, item in values.items() if name in known
    }
    return kind(**fields)


def _with_start(trainings: list[TrainingProgress], event: Started, at: float) -> None:
    last = trainings[-1] if trainings else None
    goes_on = last is not None and not last.over and last.started.model == event.model
    if last is None or not goes_on:
        trainings.append(TrainingProgress(started=event, began=at, updated=at))
        return
    kept = event.resumed_at // max(1, event.steps_an_epoch)
    trainings[-1] = TrainingProgress(
        started=event,
        began=last.began,
        epochs=tuple(epoch for epoch in last.epochs if epoch.number <= kept),
        updated=at,
    )


def _with_event(training: TrainingProgress, event: Event, at: float) -> TrainingProgress:
    if isinstance(event, EpochFinished):
        before = tuple(item for item in training.epochs if item.number < event.number)
        return dataclasses.replace(training, epochs=(*before, event), updated=at)
    if isinstance(event, Stepped):
        return dataclasses.replace(training, latest=event, updated=at)
    if isinstance(event, Ended):
        return dataclasses.replace(training, ended=event, updated=at)
    return dataclasses.replace(training, updated=at)
