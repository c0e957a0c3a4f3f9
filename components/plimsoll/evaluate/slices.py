"""Metrics of parts of the test split: each value of the columns that the problem names."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.dataset import Dataset
from plimsoll.formats.rows import rows_from_table

MOST_VALUES = 20
LEAST_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The rows of the test split in which a column has a value."""

    column: str
    """The column."""
    value: str
    """Its value, as text."""
    rows: int
    """How many rows."""
    metrics: dict[str, float]
    """Their metrics."""


def measure_slices(
    dataset: Dataset, measure: Callable[[NDArray[np.bool_]], dict[str, float]]
) -> list[Slice]:
    """Measures the commonest values of each slice column, largest first.

    Args:
        dataset: The dataset; its problem names the columns.
        measure: Returns the metrics of the test rows that a mask chooses.
    """
    slices = []
    for column in dataset.problem.slices:
        values = np.array(
            [
                "(missing)" if row[column] is None else str(row[column])
                for row in rows_from_table(dataset.read("test", [column]))
            ]
        )
        names, counts = np.unique(values, return_counts=True)
        commonest = np.lexsort((names, -counts))[:MOST_VALUES]
        slices += [
            Slice(column=column, value=str(names[index]), rows=int(counts[index]), metrics=measured)
            for index in commonest
            if counts[index] >= LEAST_ROWS
            for measured in [measure(values == names[index])]
        ]
    return slices
