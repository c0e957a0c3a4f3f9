"""What is known of a run, or of a training, from outside: its record and its progress files."""

import datetime
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, UsageError
from plimsoll.local.pipelines.graph import in_order
from plimsoll.local.record import (
    FAILED,
    RECORD,
    RUNNING,
    SUCCEEDED,
    Step,
    find_run,
    read_record,
)
from plimsoll.quantities import loss_text, rate, whole_duration
from plimsoll.train.telemetry.progress_file import PROGRESS, ProgressReader, TrainingProgress

LOGS = "logs"
"""The output artifact of a step that trains, in which its progress lies."""
IN_A_STEP = (f"{LOGS}/{PROGRESS}", f"{LOGS}/*/{PROGRESS}")
ANYWHERE = (PROGRESS, *IN_A_STEP, f"*/{PROGRESS}")
SILENT_SECONDS = 120.0
"""A training that has reported nothing for so long may be gone."""
_LOOK_SECONDS = 0.5
_SHOWN = ("name", "state", "cached")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run, or a training without one, as it is now."""

    name: str
    """The run's id, or the path that was named."""
    pipeline: str = ""
    """Empty where only a training is watched."""
    status: str
    """As a run's, ``interrupted`` for a training that may go on."""
    reason: str = ""
    """Why it stopped or failed."""
    seconds: float = 0.0
    """How long it took, or takes."""
    steps: tuple[dict[str, Any], ...] = ()
    """The record's steps: ``name``, ``state``, ``seconds``, ``cached``."""
    trainings: tuple[TrainingProgress, ...] = ()
    """In the order in which they began."""
    report: str = ""
    """The report page, once there is one."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.status not in (RUNNING, "interrupted")


class Logs:
    """The progress files below a folder, read as they come to be and grow.

    Args:
        folder: Where to look.
        patterns: What to look for, relative to it.
    """

    def __init__(self, folder: Path, patterns: Sequence[str] = IN_A_STEP) -> None:
        self._folder = folder
        self._patterns = patterns
        self._files: dict[Path, ProgressReader] = {}

    def read(self) -> tuple[TrainingProgress, ...]:
        """Returns the trainings, in the order in which they began."""
        for pattern in self._patterns:
            for path in self._folder.glob(pattern):
                self._files.setdefault(path, ProgressReader(path))
        trainings: list[TrainingProgress] = []
        for path, file in list(self._files.items()):
            try:
                trainings += file.read()
            except ArtifactError:
                # A step that is tried again begins with an empty folder.
                del self._files[path]
        return tuple(sorted(trainings, key=lambda training: training.began))


class RunWatch:
    """Watches a run by its record, and by the progress files of its steps.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[str, Logs] = {}

    def look(self) -> Snapshot:
        """Returns the run as it is now.

        Raises:
            ArtifactError: if its record is gone or damaged.
        """
        record = read_record(self._folder)
        # A record has its steps sorted by name.
        names = in_order({name: step["after"] for name, step in record["steps"].items()})
        steps = [record["steps"][name] for name in names]
        for step in steps:
            self._logs.setdefault(step["name"], Logs(self._folder / step["name"]))
        trainings = [training for logs in self._logs.values() for training in logs.read()]
        began = datetime.datetime.fromisoformat(record["started"]).timestamp()
        running = record["status"] == RUNNING
        return Snapshot(
            name=record["id"],
            pipeline=record["pipeline"],
            status=record["status"],
            reason=record["reason"],
            seconds=max(0.0, time.time() - began) if running else record["seconds"],
            steps=tuple(
                {**{name: step[name] for name in _SHOWN}, "seconds": _seconds(step, running)}
                for step in steps
            ),
            trainings=tuple(sorted(trainings, key=lambda training: training.began)),
            report=record["report"],
        )


class LogsWatch:
    """Watches trainings that no run here holds: a TrainJob's, on shared storage.

    Args:
        path: A progress file, or a folder that has some.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        folder, patterns = (path, ANYWHERE) if path.is_dir() else (path.parent, (path.name,))
        self._logs = Logs(folder, patterns)

    def there(self) -> bool:
        """Returns whether there is any training."""
        return bool(self._logs.read())

    def look(self) -> Snapshot:
        """Returns the trainings as they are now.

        Raises:
            ArtifactError: if their files are gone.
        """
        trainings = self._logs.read()
        if not trainings:
            raise ArtifactError(f"{self._path} tells of no training any more")
        last = trainings[-1]
        return Snapshot(
            name=str(self._path),
            status=_status(last),
            reason=last.ended.error if last.ended else "",
            seconds=last.updated - trainings[0].began,
            trainings=trainings,
        )


def watch_of(name: str, out: Path) -> RunWatch | LogsWatch:
    """Returns how to watch what a name means.

    Args:
        name: A run's id, a part of one, ``last``; a run's folder; a progress file, or a folder
            with one.
        out: The folder of runs.

    Raises:
        UsageError: if it means nothing, or several runs.
    """
    path = Path(name)
    if path.is_dir() and (path / RECORD).is_file():
        return RunWatch(path)
    if path.is_file() or (path.is_dir() and any(next(path.glob(way), None) for way in ANYWHERE)):
        watch = LogsWatch(path)
        if watch.there():
            return watch
        raise UsageError(
            f"{path} tells of no training",
            hint=f"name the {PROGRESS} that a training writes into its logs, or its folder",
        )
    if path.is_dir() and os.sep in name:
        raise UsageError(
            f"there is no {PROGRESS} in {path}",
            cause="a training writes it into its logs as soon as it starts",
            hint="plimsoll watch LOGS, or plimsoll watch last for a run of this machine",
        )
    return RunWatch(Path(find_run(name, out)["folder"]))


class LiveLines:
    """Says in few words where the training of a running step is."""

    def __init__(self) -> None:
        self._logs: dict[str, Logs] = {}
        self._texts: dict[str, tuple[float, str]] = {}

    def of(self, step: Step) -> str:
        """Returns where a step's training is, or an empty text; looks no more than twice a second.

        Args:
            step: A step that runs.
        """
        now = time.monotonic()
        looked, text = self._texts.get(step.name, (0.0, ""))
        if now - looked < _LOOK_SECONDS:
            return text
        # The record knows the step's log, which lies in the run's folder beside the steps.
        run = Path(step.log.removesuffix(f"{step.name}.log")).parent
        trainings = self._logs.setdefault(step.name, Logs(run / step.name)).read()
        text = brief(trainings[-1]) if trainings else ""
        self._texts[step.name] = (now, text)
        return text


def brief(training: TrainingProgress) -> str:
    """Returns where a training is, in one line: epoch, losses, speed, time left."""
    started, latest, epochs = training.started, training.latest, training.epochs
    number = max(latest.epoch if latest else 0, epochs[-1].number if epochs else 0)
    parts = [f"{started.model} epoch {number}/{started.epochs}"]
    if epochs:
        parts.append(f"eval loss {loss_text(epochs[-1].eval_loss)}")
    elif latest:
        parts.append(f"train loss {loss_text(latest.train_loss)}")
    if latest and training.ended is None:
        parts.append(rate(latest.samples_a_second))
        parts.append(f"{whole_duration(latest.seconds_left)} left at most")
    return "  ".join(parts)


def _seconds(step: Mapping[str, Any], running: bool) -> float:
    """Returns how long a step took, or takes; 0 where that is not known."""
    if not running or step["state"] != RUNNING or not step["log"]:
        return float(step["seconds"])
    try:
        # Written beside the log when the step's process starts.
        return max(0.0, time.time() - Path(step["log"]).with_suffix(".py").stat().st_mtime)
    except OSError:
        return 0.0


def _status(training: TrainingProgress) -> str:
    if training.ended is None:
        return RUNNING
    if training.ended.reason in ("interrupted", FAILED):
        return training.ended.reason
    return SUCCEEDED
