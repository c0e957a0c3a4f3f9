"""How much a model's answers lean on each column: permutation importance (Breiman, 2001).

A column's values are dealt out anew among the rows; the more the loss rises, the more the model
leans on the column. Columns that tell the same stand in for each other, and then both look small;
a cross of columns stands for itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.examples import Batch, Examples
from plimsoll.models.model import open_model
from plimsoll.models.transform import CategoricalOutput
from plimsoll.train.candidates.blending import loss_of

ROWS = 20_000
"""Rows that are looked at, evenly spread over the split."""
REPEATS = 3
"""How often each column is dealt out."""
_SUFFIXES = re.compile(
    r"\.(missing|category|time_of_day|day_of_year|day_of_week|day_of_month|month|hour"
    r"|elapsed_days|sin|cos|\d+)_*$"
)

Predict = Callable[[Batch], NDArray[np.float64]]
"""Answers rows: probabilities, shape (rows, classes), or values, shape (rows,)."""


@dataclass(frozen=True)
class ColumnIndices:
    """Where a column stands in the arrays."""

    numeric: tuple[int, ...] = ()
    categorical: tuple[int, ...] = ()


@dataclass(frozen=True)
class Importance:
    """How much the loss rises without a column."""

    column: str
    rise: float
    """Of the eval loss: nats a row, or of the root mean squared error in the label's unit; about
    0: the column is not used."""
    spread: float
    """Standard deviation over the repeats."""


def eval_importance(source: Examples, model: Path, seed: int) -> tuple[Importance, ...]:
    """Measures how much a model leans on each raw column, on the eval split, the most first."""
    columns = indices_by_column(source.numeric_names, source.categorical_outputs)
    return permutation_importance(
        open_model(model).predict, source.batch("eval"), columns, task=source.task, seed=seed
    )


def permutation_importance(
    predict: Predict,
    rows: Batch,
    columns: Mapping[str, ColumnIndices],
    *,
    task: str,
    repeats: int = REPEATS,
    most: int = ROWS,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """Measures how much a model leans on each column, the most first.

    Args:
        predict: The model.
        rows: Rows that it was not trained on, eval's say; at least one.
        columns: What is dealt out together: see ``indices_by_column``.
        task: ``binary``, ``multiclass`` or ``regression``.
        repeats: How often each is dealt out.
        most: Rows that are looked at.
        seed: Of the dealing.
    """
    step = max(1, -(-len(rows.label) // most))
    sample = Batch(*(np.array(array[::step]) for array in rows))
    baseline = loss_of(task, sample.label, predict(sample))
    importances = []
    for number, (name, positions) in enumerate(columns.items()):
        rises = []
        for repeat in range(repeats):
            permutation = np.random.default_rng([seed, number, repeat]).permutation(
                len(sample.label)
            )
            predictions = predict(_permuted(sample, positions, permutation))
            rises.append(loss_of(task, sample.label, predictions) - baseline)
        importances.append(Importance(name, float(np.mean(rises)), float(np.std(rises))))
    return tuple(sorted(importances, key=lambda item: (-item.rise, item.column)))


def indices_by_column(
    numeric: Sequence[str], categorical: Sequence[CategoricalOutput]
) -> dict[str, ColumnIndices]:
    """Returns where each raw column stands, by the names of the outputs that are made of it.

    Args:
        numeric: Names of the numeric outputs, such as ``price`` and ``price.missing``.
        categorical: The categorical outputs.
    """
    indices: dict[str, tuple[list[int], list[int]]] = {}
    for index, name in enumerate(numeric):
        indices.setdefault(_raw_column(name), ([], []))[0].append(index)
    start = 0
    for output in categorical:
        columns = range(start, start + output.width)
        indices.setdefault(_raw_column(output.name), ([], []))[1].extend(columns)
        start += output.width
    return {
        name: ColumnIndices(tuple(numbers), tuple(categories))
        for name, (numbers, categories) in indices.items()
    }


def _permuted(rows: Batch, positions: ColumnIndices, permutation: NDArray[np.int64]) -> Batch:
    numeric, categorical = rows.numeric, rows.categorical
    if positions.numeric:
        numeric = numeric.copy()
        numeric[:, positions.numeric] = rows.numeric[:, positions.numeric][permutation]
    if positions.categorical:
        categorical = categorical.copy()
        categorical[:, positions.categorical] = rows.categorical[:, positions.categorical][
            permutation
        ]
    return Batch(numeric, categorical, rows.label)


def _raw_column(output: str) -> str:
    while (shorter := _SUFFIXES.sub("", output)) not in ("", output):
        output = shorter
    return output
