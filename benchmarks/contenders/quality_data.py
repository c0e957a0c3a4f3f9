"""Data sets of the quality benchmark: three that scikit-learn carries, two made ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from plimsoll import problem as problems
from plimsoll.formats.examples import Batch, Header, write_examples
from plimsoll.models.transform import CategoricalOutput

FRACTIONS = (0.6, 0.8)
"""Train is the rows before the first, eval those before the second, test the rest."""
MADE_ROWS = 100_000
LEVELS = 12


@dataclass(frozen=True)
class Table:
    """Rows before they are split."""

    task: str
    numeric: NDArray[np.float32]
    label: NDArray[Any]
    categorical: NDArray[np.int32] | None = None
    """From 0; each column takes ``LEVELS`` values."""


def breast_cancer(_: int) -> Table:
    """569 rows, 30 numbers, 2 classes."""
    found = datasets.load_breast_cancer()
    return Table("binary", found.data, found.target)


def digits(_: int) -> Table:
    """1,797 rows, 64 numbers, 10 classes."""
    found = datasets.load_digits()
    return Table("multiclass", found.data, found.target)


def diabetes(_: int) -> Table:
    """442 rows, 10 numbers, regression."""
    found = datasets.load_diabetes()
    return Table("regression", found.data, found.target)


def interactions(seed: int) -> Table:
    """Products, a wave, a quotient and a product of categories decide; 8 of 14 columns count."""
    rng = np.random.default_rng([seed, 1])
    numbers = rng.normal(size=(MADE_ROWS, 12))
    categories = rng.integers(0, LEVELS, (MADE_ROWS, 2)).astype(np.int32)
    pairs = np.random.default_rng(1).normal(size=(LEVELS, LEVELS))
    score = (
        numbers[:, 0] * numbers[:, 1]
        + np.sin(2 * numbers[:, 2]) * numbers[:, 3]
        + numbers[:, 4] / (1 + numbers[:, 5] ** 2)
        + pairs[categories[:, 0], categories[:, 1]]
    )
    label = rng.random(MADE_ROWS) < 1 / (1 + np.exp(-2 * score))
    return Table("binary", numbers, label.astype(np.int64), categories)


def heavy_noise(seed: int) -> Table:
    """Steps and bends in 6 of 40 columns, under noise of three times their spread."""
    rng = np.random.default_rng([seed, 2])
    numbers = rng.normal(size=(MADE_ROWS, 40))
    signal = (
        (numbers[:, 0] > 0.5) * 1.0
        + np.abs(numbers[:, 1])
        + 0.5 * numbers[:, 2]
        + np.where(numbers[:, 3] > 0, numbers[:, 4], -numbers[:, 4])
        + np.tanh(2 * numbers[:, 5])
    )
    noise = rng.standard_t(5, MADE_ROWS) * math.sqrt(3 / 5) * 3 * signal.std()
    return Table("regression", numbers, signal + noise)


TABLES: dict[str, Callable[[int], Table]] = {
    "breast_cancer": breast_cancer,
    "digits": digits,
    "diabetes": diabetes,
    "interactions": interactions,
    "heavy_noise": heavy_noise,
}


def write(name: str, seed: int, folder: Path) -> None:
    """Writes a data set as examples, split at random, its numbers standardised.

    Args:
        name: One of ``TABLES``.
        seed: Of the split, and of the rows if they are made.
        folder: Where the examples artifact comes to be.
    """
    table = TABLES[name](seed)
    rows = len(table.label)
    order = np.random.default_rng([seed, 3]).permutation(rows)
    ends = [0, *(int(rows * part) for part in FRACTIONS), rows]
    places = {
        split: order[ends[place] : ends[place + 1]]
        for place, split in enumerate(("train", "eval", "test"))
    }
    known = np.asarray(table.numeric, np.float64)[places["train"]]
    numbers = (table.numeric - known.mean(axis=0)) / np.maximum(known.std(axis=0), 1e-9)
    categories = table.categorical
    if categories is None:
        categories = np.zeros((rows, 0), np.int32)
    # 0 and 1 stand for missing and unknown.
    shifted = (categories + 2).astype(np.int32)
    regression = table.task == "regression"
    label = table.label.astype(np.float32 if regression else np.int64)
    batches = {
        split: [Batch(numbers[own].astype(np.float32), shifted[own], label[own])]
        for split, own in places.items()
    }
    write_examples(
        folder, header(name, table), {split: len(own) for split, own in places.items()}, batches
    )


def header(name: str, table: Table) -> Header:
    """Returns what the arrays of a data set mean."""
    classes = () if table.task == "regression" else tuple(range(int(table.label.max()) + 1))
    positive = 1 if table.task == "binary" else None
    told: dict[str, Any] = {"label": "label", "name": name.replace("_", "-"), "task": table.task}
    if positive is not None:
        told["positive"] = str(positive)
    columns = 0 if table.categorical is None else table.categorical.shape[1]
    return Header(
        dataset_id="0" * 64,
        problem=problems.from_dict(told),
        numeric_names=tuple(f"x{place}" for place in range(table.numeric.shape[1])),
        categorical_outputs=tuple(
            CategoricalOutput(name=f"c{place}", size=LEVELS + 2) for place in range(columns)
        ),
        task=table.task,
        classes=classes,
        positive=positive,
    )
