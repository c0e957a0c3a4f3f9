"""Chooses the shape of a network for some examples, and builds it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from plimsoll.artifacts.examples import Examples
from plimsoll.artifacts.network import Network, NetworkConfig, bin_edges, build
from plimsoll.errors import DataError
from plimsoll.train.config import TrainConfig

ROWS_A_BIN = 32
FEWEST_BINS = 4
MOST_BINNED = 4096
"""Bins of all numeric columns together; wide data has fewer each."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A network's configuration, and the edges of its bins."""

    network: NetworkConfig
    edges: tuple[NDArray[np.float32], ...]
    """Rising, of each numeric column; none if numbers go in as they are."""


def shape_for(examples: Examples, config: TrainConfig) -> Shape:
    """Chooses the shape of the network.

    Raises:
        DataError: if the training split has one class, or there is no input column.
    """
    mean, std = 0.0, 1.0
    label = np.array(examples.label("train"))
    if examples.task == "regression":
        values = label.astype(np.float64)
        mean, std = float(values.mean()), float(values.std()) or 1.0
    elif len(examples.classes) < 2 or len(np.unique(label)) < 2:
        raise DataError(
            f"the label {examples.problem.label!r} has one class only in the train split",
            cause=f"all {len(label)} rows are of one class",
            hint="split otherwise, or bring rows of another class",
        )
    numeric = len(examples.numeric_names)
    sizes = tuple(item.size for item in examples.categorical_outputs)
    if not numeric and not sizes:
        raise DataError("there is no input column to learn from")
    edges = _edges(examples, _bins(config.bins, len(label), numeric))
    network = NetworkConfig(
        task=examples.task,
        outputs=1 if examples.task == "regression" else len(examples.classes),
        numeric=numeric,
        categories=sizes,
        embeddings=tuple(_width(size, config.embedding) for size in sizes),
        bins=sum(len(ends) - 1 for ends in edges),
        hidden=config.hidden,
        dropout=config.dropout,
        unknown_rate=config.unknown_rate,
        target_mean=mean,
        target_std=std,
    )
    return Shape(network=network, edges=edges)


def fresh_network(shape: Shape, seed: int) -> Network:
    """Returns an untrained network with its bins set."""
    torch.manual_seed(seed)
    module = build(shape.network)
    if module.bins is not None:
        module.bins.fit(shape.edges)
    return module


def _edges(examples: Examples, bins: int) -> tuple[NDArray[np.float32], ...]:
    if not bins:
        return ()
    columns = np.array(examples.numeric("train")).T
    return tuple(bin_edges(np.ascontiguousarray(values), bins) for values in columns)


def _width(size: int, greatest: int) -> int:
    return min(greatest, max(2, round(1.6 * math.pow(size, 0.4))))


def _bins(most: int, rows: int, columns: int) -> int:
    """Returns bins a column: few rows cannot fill many, and wide data cannot carry many."""
    bins = min(most, rows // ROWS_A_BIN, MOST_BINNED // max(1, columns))
    return bins if columns and bins >= min(most, FEWEST_BINS) else 0
