"""What a tracker of experiments is, and what it knows of a training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from plimsoll.train.telemetry.events import Ended, EpochFinished, Started, Stepped


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What is trained, as trackers show it."""

    name: str
    """The problem's name, or its label."""
    facts: Mapping[str, str]
    """Tags: model family, task, data id, version."""
    parameters: Mapping[str, Any]
    """The hyperparameters: fields of the config, rows, processes."""


class Tracker(Protocol):
    """One tracker, called by one thread alone."""

    def start(self, info: RunInfo, started: Started, run: str) -> str:
        """Opens a run, or goes on with the one given, and returns its id."""

    def epoch(self, epoch: EpochFinished) -> None:
        """Takes what an epoch came to."""

    def speed(self, stepped: Stepped) -> None:
        """Takes how fast it goes."""

    def end(self, ended: Ended, history: Mapping[str, Any]) -> None:
        """Takes the end and the whole history, and closes the run."""
