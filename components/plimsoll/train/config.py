"""The knobs of train."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from plimsoll.configs import check_whole, from_json
from plimsoll.errors import ConfigError, nearest

NAME = "train config"
NETWORKS = ("linear", "mlp", "tabm", "dcn", "module")
"""Families of networks; ``module`` is the user's own."""
MODELS = ("auto", *NETWORKS, "boosting")
NUMBERS = ("bins", "embedded", "periodic", "plain")
CLASS_WEIGHTS = ("none", "balanced")
PRECISIONS = ("auto", "float32", "bfloat16")
COMPILE = ("auto", "always", "never")
PLACES = ("auto", "resident", "streamed")
PARALLEL = ("ddp", "fsdp")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What is trained and how. A 0 where noted means: chosen by the number of rows."""

    model: str = "auto"
    """``auto`` tries several and keeps what is best on eval, mostly a blend; or ``linear``, ``mlp``
    ``tabm`` (a parameter-efficient ensemble), ``dcn`` (crosses), ``module`` (your own),
    ``boosting``."""
    numbers: str = "embedded"
    """How numbers go in: ``bins`` (piecewise-linear), ``embedded`` (bins, then a layer of each
    column's own), ``periodic``, or ``plain``."""
    hidden: tuple[int, ...] = (256, 256)
    """Width of each hidden layer; none makes a linear model of bins and embeddings."""
    dropout: float = 0.3
    """Share of the hidden units left out in each step, at least 0 and below 1."""
    bins: int = 32
    """Most piecewise-linear bins a numeric column; 0: numbers go in as they are."""
    frequencies: int = 16
    """Periodic: sines and cosines a numeric column."""
    number_width: int = 8
    """Embedded and periodic: numbers that are made of each numeric column."""
    frequency_spread: float = 0.1
    """Periodic: standard deviation of the first frequencies, in periods a unit; above 0."""
    embedding: int = 16
    """Greatest width of a category's embedding."""
    members: int = 16
    """TabM: models in the ensemble."""
    crosses: int = 2
    """DCN: cross layers."""
    unknown_rate: float = 0.05
    """Share of the categories shown as unknown in each step, so that unknown means something."""
    epochs: int = 0
    """Most passes over the training split; 0: enough for 2,000 steps, from 4 to 200."""
    patience: int = 0
    """Epochs without a lower eval loss after which to stop; 0: a fifth of epochs, at least 3."""
    batch_size: int = 0
    """Rows a step, all processes together; 0: a sixteenth of the rows, from 16 to 256,
    or one in 500 of very many, at most 2,048."""
    learning_rate: float = 3e-3
    """The highest learning rate; it warms up to this and falls along a cosine."""
    warm_up: float = 0.1
    """Share of the steps in which the learning rate rises, at least 0 and below 1; the weights of
    an epoch that ends within it are not kept."""
    weight_decay: float = 1e-2
    """AdamW's decoupled weight decay, at least 0."""
    clip: float = 1.0
    """Gradients longer than this are shortened to it; 0: none are."""
    averaging: float = 0.99
    """Decay of the running average of the weights that is evaluated and kept; 0: none is taken."""
    class_weights: str = "none"
    """``balanced``: every class weighs the same in the loss, however rare; answers are then no
    longer calibrated probabilities."""
    precision: str = "auto"
    """``bfloat16`` computes matrix products in 16 bits; ``auto``: on GPUs that can."""
    compile: str = "auto"
    """``auto`` replays a step as one CUDA graph on a single GPU; ``always`` compiles the network,
    too, which needs a compiler of C; ``never`` does neither."""
    data: str = "auto"
    """``resident`` keeps the rows on the device, ``streamed`` reads them from disk in blocks;
    ``auto``: resident where they fit."""
    parallel: str = "ddp"
    """How several processes share a model: ``ddp`` copies it, ``fsdp`` cuts it into shards."""
    devices: int = 0
    """Processes on one machine, each with a GPU or its share of the cores; 0: one a GPU, or one."""
    checkpoint_steps: int = 0
    """Steps between checkpoints; 0: by time alone."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints; 0: by steps alone."""
    checkpoints_kept: int = 2
    """Checkpoints that stay, at least 2: the newest may be cut short."""
    time_budget: float = 0.0
    """Auto: seconds for all models together; 0: no limit but theirs."""
    trees: int = 1000
    """Most trees a class of gradient boosting, reported beside every network; it stops earlier
    once the eval loss no longer falls."""
    tree_rate: float = 0.0
    """Learning rate of gradient boosting; 0: 0.05, and more where fewer than 100 trees may be."""
    leaves: int = 31
    """Most leaves a tree of gradient boosting."""
    leaf_rows: int = 20
    """Fewest rows of a leaf of gradient boosting; fewer where there are few rows."""
    tree_columns: float = 1.0
    """Share of the columns that a tree of gradient boosting may split, above 0 and at most 1."""
    importance: bool = False
    """Whether the report tells how much the model leans on each column: the rise of the eval loss
    once the column's values are dealt out anew."""
    seed: int = 0
    """Seed of weights, batches and dropout."""
    threads: int = 0
    """Threads of the processor; 0: all that this process may use, but one where a step is so small
    that threads would wait for each other longer than they compute: then several are slower, and
    many times so on a busy machine. How small follows from the batch and the network alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", _widths(self.hidden))
        for name, least in _LEAST.items():
            check_whole(NAME, name, getattr(self, name), least)
        for width in self.hidden:
            check_whole(NAME, "a width in hidden", width, 1)
        for name in ("warm_up", "dropout", "unknown_rate", "averaging"):
            _check_number(name, getattr(self, name), 0, below=1)
        for name in ("weight_decay", "learning_rate", "clip", "checkpoint_minutes", "time_budget"):
            _check_number(name, getattr(self, name), 0)
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        for name in ("frequency_spread", "tree_rate"):
            _check_number(name, getattr(self, name), 0)
        _check_number("tree_columns", self.tree_columns, 0, below=math.nextafter(1, 2))
        if not isinstance(self.importance, bool):
            raise ConfigError(
                "train config: importance must be true or false",
                cause=f"it is {self.importance!r}",
            )
        for name in ("learning_rate", "frequency_spread", "tree_columns"):
            if getattr(self, name) == 0:
                raise ConfigError(f"train config: {name} must be above 0")

    def for_rows(self, rows: int) -> TrainConfig:
        """Returns this config with what was left open chosen for so many training rows."""
        batch_size = self.batch_size or max(16, min(256, rows // 16), min(2048, rows // 500))
        steps = math.ceil(rows / batch_size)
        epochs = self.epochs or min(200, max(4, math.ceil(2000 / steps)))
        patience = self.patience or max(3, epochs // 5)
        return dataclasses.replace(self, batch_size=batch_size, epochs=epochs, patience=patience)

    def to_dict(self) -> dict[str, Any]:
        """Returns the config as JSON values."""
        return {**dataclasses.asdict(self), "hidden": list(self.hidden)}


_CHOICES = {
    "model": MODELS,
    "numbers": NUMBERS,
    "class_weights": CLASS_WEIGHTS,
    "precision": PRECISIONS,
    "compile": COMPILE,
    "data": PLACES,
    "parallel": PARALLEL,
}
_LEAST = {
    "epochs": 0,
    "patience": 0,
    "batch_size": 0,
    "bins": 0,
    "frequencies": 1,
    "number_width": 1,
    "embedding": 1,
    "members": 1,
    "crosses": 1,
    "devices": 0,
    "checkpoint_steps": 0,
    "checkpoints_kept": 2,
    "trees": 1,
    "leaf_rows": 1,
    "leaves": 2,
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


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(
            f"train config: {name} is {value!r}",
            cause=nearest(str(value), choices),
            choices=choices,
        )


def _check_number(name: str, value: Any, least: float, *, below: float = math.inf) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value < below:
        bound = f"at least {least}" + (f" and below {below}" if below < math.inf else "")
        raise ConfigError(
            f"train config: {name} must be a number {bound}", cause=f"it is {value!r}"
        )
