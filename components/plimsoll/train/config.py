"""The knobs of train."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError

NAME = "train config"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a network is trained. A 0 where noted means: chosen by the number of rows."""

    epochs: int = 0
    """Most passes over the training split; 0: enough for 2,000 steps, from 12 to 200."""
    patience: int = 0
    """Epochs without a lower eval loss after which to stop; 0: a fifth of epochs, at least 3."""
    batch_size: int = 0
    """Rows a step; 0: a sixteenth of the rows, from 16 to 2,048."""
    learning_rate: float = 1e-3
    """The highest learning rate; it warms up to this and falls along a cosine."""
    warm_up: float = 0.1
    """Share of the steps in which the learning rate rises, at least 0 and below 1; the weights of
    an epoch that ends within it are not kept."""
    weight_decay: float = 1e-2
    """AdamW's decoupled weight decay, at least 0."""
    hidden: tuple[int, ...] = (512, 256)
    """Width of each hidden layer; none makes a linear model of bins and embeddings."""
    dropout: float = 0.4
    """Share of the hidden units left out in each step, at least 0 and below 1."""
    bins: int = 16
    """Most piecewise-linear bins a numeric column; 0: numbers go in as they are."""
    embedding: int = 16
    """Greatest width of a category's embedding."""
    unknown_rate: float = 0.05
    """Share of the categories shown as unknown in each step, so that unknown means something."""
    averaging: float = 0.99
    """Decay of the running average of the weights that is evaluated and kept; 0: none is taken."""
    trees: int = 300
    """Trees a class of the gradient boosting that is reported beside the network."""
    seed: int = 0
    """Seed of weights, batches and dropout."""
    threads: int = 0
    """Threads of the processor; 0: all that this process may use."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", _widths(self.hidden))
        for name, least in _LEAST.items():
            check_whole(NAME, name, getattr(self, name), least)
        for width in self.hidden:
            check_whole(NAME, "a width in hidden", width, 1)
        for name in ("warm_up", "dropout", "unknown_rate", "averaging"):
            _check_number(name, getattr(self, name), 0, below=1)
        _check_number("weight_decay", self.weight_decay, 0)
        _check_number("learning_rate", self.learning_rate, 0)
        if self.learning_rate == 0:
            raise ConfigError("train config: learning_rate must be above 0")

    def for_rows(self, rows: int) -> TrainConfig:
        """Returns this config with what was left open chosen for so many training rows."""
        batch_size = self.batch_size or min(2048, max(16, rows // 16))
        steps = math.ceil(rows / batch_size)
        epochs = self.epochs or min(200, max(12, math.ceil(2000 / steps)))
        patience = self.patience or max(3, epochs // 5)
        return dataclasses.replace(self, batch_size=batch_size, epochs=epochs, patience=patience)

    def to_dict(self) -> dict[str, Any]:
        """Returns the config as JSON values."""
        return {**dataclasses.asdict(self), "hidden": list(self.hidden)}


_LEAST = {
    "epochs": 0,
    "patience": 0,
    "batch_size": 0,
    "bins": 0,
    "embedding": 1,
    "trees": 1,
    "seed": 0,
    "threads": 0,
}


def parse(text: str) -> TrainConfig:
    """Reads a config from JSON text; empty text is the default.

    Raises:
        ConfigError: if it is not a JSON object, or a field is unknown or does not hold.
    """
    return from_json(TrainConfig, text, NAME)


def _widths(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(
            "train config: hidden must be a list of widths",
            cause=f"it is {value!r}",
            hint='for example: {"hidden": [256, 128]}',
        )
    return tuple(value)


def _check_number(name: str, value: Any, least: float, *, below: float = math.inf) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value < below:
        bound = f"at least {least}" + (f" and below {below}" if below < math.inf else "")
        raise ConfigError(
            f"train config: {name} must be a number {bound}", cause=f"it is {value!r}"
        )
