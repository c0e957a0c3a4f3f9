"""How much a model's answers lean on each column: permutation importance (Breiman, 2001).

A column's values are dealt out anew among the rows; the more the loss rises, the more the model
leans on the column. Columns that tell the same stand in for each other, and then both look small.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.examples import Batch
from plimsoll.artifacts.transform import CategoricalOutput

ROWS = 20_000
"""Rows that are looked at, evenly spread over the split."""
REPEATS = 3
LEAST_SHARE = 1e-12
"""A class's probability counts as no less, so that a loss stays finite."""
_MADE = re.compile(
    r"\.(missing|category|time_of_day|day_of_year|day_of_week|day_of_month|month|hour"
    r"|elapsed_days|sin|cos|\d+)_*$"
)

Predict = Callable[[Batch], NDArray[np.float64]]
"""Answers rows: probabilities, shape (rows, classes), or values, shape (rows,)."""


@dataclass(frozen=True)
class Places:
    """Where a column stands in the arrays."""

    numeric: tuple[int, ...] = ()
    categorical: tuple[int, ...] = ()


@dataclass(frozen=True)
class Importance:
    """How much the loss rises without a column."""

    column: str
    rise: float
    """Of the loss: nats a row, or squared units of the label; about 0: the column is not used."""
    spread: float
    """Standard deviation over the repeats."""


def importance(
    predict: Predict,
    rows: Batch,
    columns: Mapping[str, Places],
    *,
    repeats: int = REPEATS,
    most: int = ROWS,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """Measures how much a model leans on each column, the most first.

    Args:
        predict: The model.
        rows: Rows that it was not trained on, eval's say; at least one.
        columns: What is dealt out together: see ``columns_of``.
        repeats: How often each is dealt out.
        most: Rows that are looked at.
        seed: Of the dealing.
    """
    step = max(1, -(-len(rows.label) // most))
    some = Batch(*(np.array(array[::step]) for array in rows))
    usual = loss(predict(some), some.label)
    found = []
    for number, (name, places) in enumerate(columns.items()):
        rises = []
        for repeat in range(repeats):
            order = np.random.default_rng([seed, number, repeat]).permutation(len(some.label))
            rises.append(loss(predict(_dealt(some, places, order)), some.label) - usual)
        found.append(Importance(name, float(np.mean(rises)), float(np.std(rises))))
    return tuple(sorted(found, key=lambda item: (-item.rise, item.column)))


def columns_of(
    numeric: Sequence[str], categorical: Sequence[CategoricalOutput]
) -> dict[str, Places]:
    """Returns where each raw column stands, by the names of the outputs that are made of it.

    Args:
        numeric: Names of the numeric outputs, such as ``price`` and ``price.missing``.
        categorical: The categorical outputs.
    """
    found: dict[str, tuple[list[int], list[int]]] = {}
    for place, name in enumerate(numeric):
        found.setdefault(_source(name), ([], []))[0].append(place)
    start = 0
    for output in categorical:
        places = range(start, start + output.width)
        found.setdefault(_source(output.name), ([], []))[1].extend(places)
        start += output.width
    return {name: Places(tuple(some), tuple(others)) for name, (some, others) in found.items()}


def loss(answers: NDArray[np.float64], labels: NDArray[Any]) -> float:
    """Returns the mean loss of answers: log loss of probabilities, squared error of values."""
    if answers.ndim == 1:
        return float(np.square(answers - labels).mean())
    chosen = answers[np.arange(len(labels)), labels.astype(np.int64)]
    return float(-np.log(np.maximum(chosen, LEAST_SHARE)).mean())


def _dealt(rows: Batch, places: Places, order: NDArray[np.int64]) -> Batch:
    numeric, categorical = rows.numeric, rows.categorical
    if places.numeric:
        numeric = numeric.copy()
        numeric[:, places.numeric] = numeric[order][:, places.numeric]
    if places.categorical:
        categorical = categorical.copy()
        categorical[:, places.categorical] = categorical[order][:, places.categorical]
    return Batch(numeric, categorical, rows.label)


def _source(output: str) -> str:
    while (shorter := _MADE.sub("", output)) not in ("", output):
        output = shorter
    return output
