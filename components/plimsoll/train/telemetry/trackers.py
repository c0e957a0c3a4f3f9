"""Trackers of experiments, called beside the training and never in its way.

MLflow where ``MLFLOW_TRACKING_URI`` is set, Weights & Biases where ``WANDB_PROJECT`` or
``WANDB_API_KEY`` is, and Kubeflow Trainer's own status where a TrainJob asks for it. They are
called by a thread of their own: one that is down costs one warning, and a bounded wait at the end.
"""

import dataclasses
import importlib.util
import os
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plimsoll import __version__
from plimsoll.errors import ArtifactError, EnvironmentBuildError
from plimsoll.formats.examples import MANIFEST
from plimsoll.storage.files import read_json, write_json
from plimsoll.train.job import Job
from plimsoll.train.telemetry.console import warn
from plimsoll.train.telemetry.events import (
    Ended,
    EpochFinished,
    Event,
    Listener,
    Saved,
    Started,
    Stepped,
)
from plimsoll.train.telemetry.redaction import without_secrets
from plimsoll.train.telemetry.tracker import RunInfo, Tracker

LAST_SECONDS = 60.0
"""Longest wait, at the end, for a tracker to take the events that it did not yet get."""
MOST_WAITING = 10_000
"""Events that wait for a slow tracker; more are left out."""
IDS_FILE = "tracking.json"
"""Beside the checkpoints: the trackers' runs, which a training that goes on continues."""


def trackers_for(job: Job) -> tuple[Listener, ...]:
    """Returns a listener for each tracker that the environment asks for.

    Raises:
        EnvironmentBuildError: if one is asked for whose package is not installed.
    """
    from plimsoll.train.telemetry import mlflow as tracking_mlflow
    from plimsoll.train.telemetry import trainer_status as tracking_trainer
    from plimsoll.train.telemetry import wandb as tracking_wandb

    trackers: list[Listener] = []
    if os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        _check_installed("mlflow", "MLFLOW_TRACKING_URI", "pip install 'mlflow-skinny>=3,<4'")
        tracking_mlflow.prepare()
        trackers.append(BackgroundTracker(job, "MLflow", tracking_mlflow.MLflow))
    if _wants_wandb():
        _check_installed(
            "wandb", "WANDB_PROJECT or WANDB_API_KEY", "pip install 'kfp-plimsoll[wandb]'"
        )
        folder = job.logs
        trackers.append(
            BackgroundTracker(
                job, "Weights & Biases", lambda: tracking_wandb.WeightsAndBiases(folder)
            )
        )
    if os.environ.get(tracking_trainer.VARIABLE) and importlib.util.find_spec("kubeflow"):
        trackers.append(BackgroundTracker(job, "Kubeflow Trainer", tracking_trainer.TrainerStatus))
    return tuple(trackers)


class BackgroundTracker:
    """Calls a tracker in a thread of its own, in order; its first failure ends that, not more.

    Args:
        job: The training.
        name: The tracker's name.
        open_tracker: Makes the tracker, in its thread: that may import and connect.
    """

    def __init__(self, job: Job, name: str, open_tracker: Callable[[], Tracker]) -> None:
        self._job = job
        self._name = name
        self._open = open_tracker
        self._events: queue.Queue[Event] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._failed = threading.Event()
        self._warned = threading.Lock()
        self._appends = False

    def on_event(self, event: Event) -> None:
        """Takes an event, and waits for nothing but the end."""
        if isinstance(event, Started) and self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        if self._thread is None or self._failed.is_set() or isinstance(event, Saved):
            return
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._give_up("it is too slow")
        if isinstance(event, Ended):
            self._thread.join(LAST_SECONDS)
            if self._thread.is_alive():
                self._give_up(f"it did not answer within {LAST_SECONDS:g} s")
            self._thread = None

    def _run(self) -> None:
        try:
            tracker = self._open()
            epochs: list[EpochFinished] = []
            event: Event | None = None
            while not isinstance(event, Ended) and not self._failed.is_set():
                event = self._events.get()
                if isinstance(event, EpochFinished):
                    epochs.append(event)
                self._forward(tracker, event, epochs)
        except BaseException as error:
            # Whatever a tracker's packages raise, and SystemExit is among it, is no reason to
            # end a training.
            self._give_up(without_secrets(_first_line(error)))

    def _forward(self, tracker: Tracker, event: Event, epochs: list[EpochFinished]) -> None:
        if isinstance(event, Started):
            ids = RunIds(self._job.checkpoints)
            known = ids.get(self._name) if event.resumed_at else ""
            run = tracker.start(run_info(self._job, event), event, known)
            ids.put(self._name, run)
            self._appends = bool(run) and run == known
        elif isinstance(event, EpochFinished):
            if not (event.again and self._appends):
                tracker.epoch(event)
        elif isinstance(event, Stepped):
            tracker.speed(event)
        elif isinstance(event, Ended):
            tracker.end(event, final_history(self._job, epochs))

    def _give_up(self, why: str) -> None:
        with self._warned:
            if self._failed.is_set():
                return
            self._failed.set()
        warn(f"warning: {self._name} is told nothing more: {why}; the training goes on")


class RunIds:
    """The ids of the trackers' runs, beside the checkpoints, so that they live as long."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / IDS_FILE if folder else None

    def get(self, tracker: str) -> str:
        """Returns the id of a tracker's run, or nothing."""
        if self._file is None:
            return ""
        try:
            values = read_json(self._file)
        except (ArtifactError, OSError):
            return ""
        return str(values.get(tracker, "")) if isinstance(values, dict) else ""

    def put(self, tracker: str, run: str) -> None:
        """Keeps the id of a tracker's run."""
        if self._file is None or not run:
            return
        with _WRITING:
            try:
                values = read_json(self._file)
            except ArtifactError:
                values = {}
            known = values if isinstance(values, dict) else {}
            write_json(self._file, {**known, tracker: run})


_WRITING = threading.Lock()


def run_info(job: Job, started: Started) -> RunInfo:
    """Returns what trackers show of a training."""
    try:
        manifest = read_json(job.examples / MANIFEST)
    except (ArtifactError, OSError):
        # Damaged examples are refused where they are read.
        manifest = {}
    return RunInfo(
        name=job.title,
        facts={
            "plimsoll.model": started.model,
            "plimsoll.task": started.task,
            "plimsoll.data_id": str(manifest.get("dataset_id", "")),
            "plimsoll.version": __version__,
        },
        parameters={
            **job.config.to_dict(),
            "rows": started.rows,
            "weights": started.weights,
            "processes": started.processes,
            "place": started.place,
        },
    )


def final_history(job: Job, epochs: list[EpochFinished]) -> Mapping[str, Any]:
    """Returns the history that the training wrote, or the events of its epochs if it wrote none."""
    try:
        values = read_json(job.out / "history.json")
    except (ArtifactError, OSError):
        values = None
    if isinstance(values, dict):
        return values
    return {"epochs": [dataclasses.asdict(epoch) for epoch in epochs]}


def _wants_wandb() -> bool:
    requested = os.environ.get("WANDB_PROJECT") or os.environ.get("WANDB_API_KEY")
    return bool(requested) and os.environ.get("WANDB_MODE", "").lower() != "disabled"


def _check_installed(package: str, variable: str, hint: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise EnvironmentBuildError(
            f"{variable} is set, but the package {package} is not installed here",
            hint=f"{hint}, or unset it",
        )


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
