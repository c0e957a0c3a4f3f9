"""The events that a training emits to its listeners: a screen, a file, a tracker."""

from dataclasses import dataclass
from typing import Protocol

from plimsoll.train.telemetry import history


@dataclass(frozen=True, kw_only=True)
class Started:
    """A training began, or went on: then the epochs before are emitted again."""

    model: str
    """The family of networks."""
    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    rows: int
    """Rows of the training split."""
    batch_size: int
    """Rows a step, all processes together."""
    steps_an_epoch: int
    epochs: int
    """Most epochs that it may take."""
    weights: int
    """Numbers that are learnt."""
    place: str
    """What it runs on, in words: ``2 GPUs (NVIDIA H100)``, ``2 threads``."""
    processes: int
    resumed_at: int = 0
    """The step that it goes on from; 0: from the start."""


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """Some steps were taken; emitted about once a second, and at the end of each epoch."""

    epoch: int
    """From 1."""
    step: int
    """Steps taken since the very start."""
    train_loss: float
    """Mean over the epoch so far."""
    learning_rate: float
    samples_a_second: float
    """Over the last seconds, all processes together."""
    seconds_left: float
    """To the last epoch allowed, at this speed; early stopping may end it sooner."""
    gpu_memory: int = 0
    """Bytes in use on the first GPU; 0: there is none."""
    gpu_utilisation: float = 0.0
    """Share of the time in which the first GPU computed, 0 to 1; 0 where it is not measured."""


@dataclass(frozen=True, kw_only=True)
class EpochFinished(history.Epoch):
    """One pass over the training split, evaluated."""

    seconds: float = 0.0
    """How long it took; never written into an artifact, which must not differ by it."""
    again: bool = False
    """Whether it is emitted once more, after ``Started``, by a training that goes on."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A checkpoint was written."""

    step: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A training came to its end."""

    best_epoch: int
    eval_loss: float
    """Of the best epoch."""
    reason: str
    """``stopped early``, ``all epochs``, ``interrupted`` or ``failed``."""
    error: str = ""
    """Failed: the headline of what was raised."""


Event = Started | Stepped | EpochFinished | Saved | Ended


class Listener(Protocol):
    """Takes events, in order; only the first process of a training emits them.

    What a listener raises ends the training: tuning prunes a trial so.
    """

    def on_event(self, event: Event) -> None:
        """Takes an event."""
