"""What came of a training: its epochs, and which one was best."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the training split came to."""

    number: int
    """From 1."""
    train_loss: float
    """Mean over the batches as they were trained on, dropout included."""
    eval_loss: float
    """Mean over the eval split; of the averaged weights, if there are."""
    learning_rate: float
    """At the end of the epoch."""


@dataclass(frozen=True, kw_only=True)
class History:
    """The whole training."""

    epochs: tuple[Epoch, ...]
    """In order, those after the best included."""
    best: int
    """Number of the epoch past the warm-up with the lowest eval loss; its weights were kept."""
    planned: int
    """Epochs that were allowed; fewer were needed if it stopped early."""
    device: str = ""
    """What it was trained on, in words."""
    notes: tuple[str, ...] = ()
    """What has to be known of how it went: where it was resumed, what could not be read."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of ``history.json``, which does not depend on where it ran."""
        return {
            "epochs": [dataclasses.asdict(epoch) for epoch in self.epochs],
            "best_epoch": self.best,
            "planned_epochs": self.planned,
        }
