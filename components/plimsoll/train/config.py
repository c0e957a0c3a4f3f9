"""The options of train."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from plimsoll.configuration.fields import AboveZero, Count, Listed, Number, OneOf, Positive, Says
from plimsoll.configuration.validation import from_json, validated

NETWORKS = ("linear", "mlp", "tabm", "dcn", "module")
"""Families of networks; ``module`` is the user's own."""
MODELS = ("auto", *NETWORKS, "boosting")
NUMBERS = ("bins", "embedded", "periodic", "plain")
CLASS_WEIGHTS = ("none", "balanced")
PRECISIONS = ("auto", "float32", "bfloat16")
COMPILE = ("auto", "always", "never")
DATA_MODES = ("auto", "resident", "streamed")
PARALLEL = ("ddp", "fsdp")

AtLeastZero = Annotated[float, Number(ge=0)]
BelowOne = Annotated[float, Number(ge=0, lt=1)]


@validated("train config")
@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What is trained and how. A 0 where noted means: chosen by the number of rows."""

    model: Annotated[str, OneOf(MODELS)] = "auto"
    """``auto`` tries several and keeps what is best on eval, mostly a blend; or ``linear``, ``mlp``
    ``tabm`` (a parameter-efficient ensemble), ``dcn`` (crosses), ``module`` (your own),
    ``boosting``."""
    numbers: Annotated[str, OneOf(NUMBERS)] = "embedded"
    """How numbers go in: ``bins`` (piecewise-linear), ``embedded`` (bins, then a layer of each
    column's own), ``periodic``, or ``plain``."""
    hidden: Annotated[
        tuple[Positive, ...],
        Listed(),
        Says("a list of widths", hint='for example: {"hidden": [256, 128]}'),
    ] = (256, 256)
    """Width of each hidden layer; none makes a linear model of bins and embeddings."""
    dropout: BelowOne = 0.3
    """Share of the hidden units left out in each step, at least 0 and below 1."""
    bins: Count = 32
    """Most piecewise-linear bins a numeric column; 0: numbers go in as they are."""
    frequencies: Positive = 16
    """Periodic: sines and cosines a numeric column."""
    number_width: Positive = 8
    """Embedded and periodic: numbers that are made of each numeric column."""
    frequency_spread: AboveZero = 0.1
    """Periodic: standard deviation of the first frequencies, in periods a unit; above 0."""
    embedding: Positive = 16
    """Greatest width of a category's embedding."""
    members: Positive = 16
    """TabM: models in the ensemble."""
    crosses: Positive = 2
    """DCN: cross layers."""
    unknown_rate: BelowOne = 0.05
    """Share of the categories shown as unknown in each step, so that unknown means something."""
    epochs: Count = 0
    """Most passes over the training split; 0: enough for 2,000 steps, from 4 to 200."""
    patience: Count = 0
    """Epochs without a lower eval loss after which to stop; 0: a fifth of epochs, at least 3."""
    batch_size: Count = 0
    """Rows a step, all processes together; 0: a sixteenth of the rows, from 16 to 256,
    or one in 500 of very many, at most 2,048."""
    learning_rate: AboveZero = 3e-3
    """The highest learning rate; it warms up to this and falls along a cosine."""
    warm_up: BelowOne = 0.1
    """Share of the steps in which the learning rate rises, at least 0 and below 1; the weights of
    an epoch that ends within it are not kept."""
    weight_decay: AtLeastZero = 1e-2
    """AdamW's decoupled weight decay, at least 0."""
    clip: AtLeastZero = 1.0
    """Gradients longer than this are shortened to it; 0: none are."""
    averaging: BelowOne = 0.99
    """Decay of the running average of the weights that is evaluated and kept; 0: none is taken."""
    class_weights: Annotated[str, OneOf(CLASS_WEIGHTS)] = "none"
    """``balanced``: every class weighs the same in the loss, however rare; answers are then no
    longer calibrated probabilities."""
    precision: Annotated[str, OneOf(PRECISIONS)] = "auto"
    """``bfloat16`` computes matrix products in 16 bits; ``auto``: on GPUs that can."""
    compile: Annotated[str, OneOf(COMPILE)] = "auto"
    """``auto`` replays a step as one CUDA graph on a single GPU; ``always`` compiles the network,
    too, which needs a compiler of C; ``never`` does neither."""
    data: Annotated[str, OneOf(DATA_MODES)] = "auto"
    """``resident`` keeps the rows on the device, ``streamed`` reads them from disk in blocks;
    ``auto``: resident where they fit."""
    parallel: Annotated[str, OneOf(PARALLEL)] = "ddp"
    """How several processes share a model: ``ddp`` copies it, ``fsdp`` cuts it into shards."""
    devices: Count = 0
    """Processes on one machine, each with a GPU or its share of the cores; 0: one a GPU, or one."""
    checkpoint_steps: Count = 0
    """Steps between checkpoints; 0: by time alone."""
    checkpoint_minutes: AtLeastZero = 5.0
    """Minutes between checkpoints; 0: by steps alone."""
    checkpoints_kept: Annotated[int, Number(ge=2)] = 2
    """Checkpoints that stay, at least 2: the newest may be cut short."""
    time_budget: AtLeastZero = 0.0
    """Auto: seconds for all models together; 0: no limit but theirs."""
    trees: Positive = 1000
    """Most trees a class of gradient boosting, reported beside every network; it stops earlier
    once the eval loss no longer falls."""
    tree_rate: AtLeastZero = 0.0
    """Learning rate of gradient boosting; 0: 0.05, and more where fewer than 100 trees may be."""
    leaves: Annotated[int, Number(ge=2)] = 31
    """Most leaves a tree of gradient boosting."""
    leaf_rows: Positive = 20
    """Fewest rows of a leaf of gradient boosting; fewer where there are few rows."""
    tree_columns: Annotated[float, Number(gt=0, le=1)] = 1.0
    """Share of the columns that a tree of gradient boosting may split, above 0 and at most 1."""
    importance: bool = False
    """Whether the report tells how much the model leans on each column: the rise of the eval loss
    once the column's values are dealt out anew."""
    seed: Count = 0
    """Seed of weights, batches and dropout."""
    threads: Count = 0
    """Threads of the processor; 0: all that this process may use, but one where a step is so small
    that threads would wait for each other longer than they compute: then several are slower, and
    many times so on a busy machine. How small follows from the batch and the network alone."""

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


parse = partial(from_json, TrainConfig)
"""Reads a config from JSON text; empty text is the default."""
