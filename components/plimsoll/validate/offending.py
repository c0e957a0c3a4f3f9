"""The values behind an anomaly: read again, for the columns that have one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.artifacts.dataset import Dataset
from plimsoll.validate.check import MOST_VALUES

Counts = tuple[tuple[str, int], ...]
MOST_DISTINCT = 1_000_000
"""Past this many offending values the rarest are forgotten, so that memory stays bounded."""


def most_frequent(counter: Counter[str]) -> Counts:
    """Returns the first few values with their rows, ties by value."""
    return tuple(sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES])


def offending(
    dataset: Dataset, split: str, column: str, offends: Callable[[pa.Array], pa.Array]
) -> tuple[int, Counts]:
    """Counts the values of a column for which a condition holds.

    Args:
        dataset: The data set.
        split: Which part of it.
        column: Which column.
        offends: Maps an array to booleans; null counts as false.

    Returns:
        The number of rows, and the most frequent values with theirs.
    """
    counter: Counter[str] = Counter()
    rows = 0
    for batch in dataset.batches(split, [column]):
        array = batch.column(0)
        bad = array.filter(offends(array))
        rows += len(bad)
        for item in pc.value_counts(bad):
            counter[text_of(item["values"].as_py())] += item["counts"].as_py()
        if len(counter) > MOST_DISTINCT:
            counter = Counter(dict(counter.most_common(MOST_DISTINCT // 2)))
    return rows, most_frequent(counter)


def not_among(values: Collection[Any]) -> Callable[[pa.Array], pa.Array]:
    """Returns the condition of having a value, and none of ``values``."""
    known = list(values)

    def offends(array: pa.Array) -> pa.Array:
        among = pc.is_in(array, value_set=pa.array(known, array.type))
        return pc.and_(pc.invert(among), array.is_valid())

    return offends


def outside(low: float | None, high: float | None) -> Callable[[pa.Array], pa.Array]:
    """Returns the condition of being a finite number below ``low`` or above ``high``."""

    def offends(array: pa.Array) -> pa.Array:
        below = pc.less(array, low) if low is not None else pa.scalar(False)
        above = pc.greater(array, high) if high is not None else pa.scalar(False)
        return pc.and_kleene(pc.or_kleene(below, above), pc.is_finite(array))

    return offends


def infinite(array: pa.Array) -> pa.Array:
    """The condition of being an infinity."""
    return pc.is_inf(array)


def distinct_values(dataset: Dataset, split: str, column: str) -> set[Any]:
    """Returns the different values of a column in a split, without null."""
    found: set[Any] = set()
    for batch in dataset.batches(split, [column]):
        found.update(pc.unique(batch.column(0)).to_pylist())
    return found - {None}


def text_of(value: Any) -> str:
    """Returns a value as it is written in a file: ``true``, ``inf``, ``2013-10-01 05:00:00``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
