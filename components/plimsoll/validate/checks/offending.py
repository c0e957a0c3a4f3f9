"""The values behind an anomaly: read again, for the columns that have one."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.formats.dataset import Dataset
from plimsoll.validate.checks.check import MOST_VALUES
from plimsoll.validate.statistics.arrays import text_of

Counts = tuple[tuple[str, int], ...]
MOST_DISTINCT = 1_000_000
"""Past this many offending values the rarest are forgotten, so that memory stays bounded."""


@dataclass(frozen=True, kw_only=True)
class OffendingValues:
    """The values for which a condition holds."""

    rows: int = 0
    """How many rows have one."""
    values: Counts = ()
    """The most frequent ones with their rows, ties by value; ``MOST_VALUES`` at most."""
    locations: tuple[str, ...] = ()
    """Where the first of each stands."""


@dataclass
class _ValueStats:
    rows: int
    first: int


def find(
    dataset: Dataset, split: str, column: str, offends: Callable[[pa.Array], pa.Array]
) -> OffendingValues:
    """Returns the values of a column for which a condition holds.

    Args:
        dataset: The data set.
        split: Which part of it.
        column: Which column.
        offends: Maps an array to booleans; null counts as false.
    """
    stats: dict[str, _ValueStats] = {}
    rows = start = 0
    for batch in dataset.batches(split, [column]):
        array = batch.column(0)
        mask = pc.fill_null(offends(array), False).to_numpy(zero_copy_only=False)
        indices = np.flatnonzero(mask)
        rows += len(indices)
        if len(indices):
            _add(stats, array.take(pa.array(indices)), indices + start)
        start += len(array)
        if len(stats) > MOST_DISTINCT:
            common = sorted(stats, key=lambda value: -stats[value].rows)[: MOST_DISTINCT // 2]
            stats = {value: stats[value] for value in common}
    most = sorted(stats, key=lambda value: (-stats[value].rows, value))[:MOST_VALUES]
    return OffendingValues(
        rows=rows,
        values=tuple((value, stats[value].rows) for value in most),
        locations=tuple(row_location(dataset, split, stats[value].first) for value in most),
    )


def _add(stats: dict[str, _ValueStats], bad: pa.Array, rows: NDArray[np.int64]) -> None:
    encoded = bad.dictionary_encode()
    codes, first, counts = np.unique(
        encoded.indices.to_numpy(), return_index=True, return_counts=True
    )
    for code, index, count in zip(codes, first, counts, strict=True):
        value = text_of(encoded.dictionary[int(code)].as_py())
        one = stats.setdefault(value, _ValueStats(0, int(rows[index])))
        one.rows += int(count)


def row_location(dataset: Dataset, split: str, row: int) -> str:
    """Returns where a row stands: ``train row 1,204``, and its shard if there are several.

    Args:
        dataset: The data set.
        split: Which part of it.
        row: The row's number in the split, from 0.
    """
    text = f"{split} row {row + 1:,}"
    shards = dataset.splits[split]
    if len(shards) < 2:
        return text
    for shard in shards:
        if row < shard.rows:
            return f"{text} (row {row + 1:,} of {shard.path})"
        row -= shard.rows
    return text


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
    values: set[Any] = set()
    for batch in dataset.batches(split, [column]):
        values.update(pc.unique(batch.column(0)).to_pylist())
    return values - {None}
