"""Slices: the rows in which a column has one value, measured apart beside the whole."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import ConfigError, DataError, nearest
from plimsoll.formats.dataset import Dataset
from plimsoll.problem import SPLITS
from plimsoll.validate.statistics.arrays import text_of

MOST_SLICES = 20
"""Slices of a column: its most frequent values."""
MOST_VALUES = 100_000
"""A column with more different values than this is not sliced by."""
SLICED_BY = ("string", "bool", "int")


@dataclass(frozen=True)
class Slices:
    """The slices by one column.

    ``values`` are in the column's type, most frequent first; ``distinct`` counts those of the
    column, ``rows`` the rows that have none of ``values``.
    """

    column: str
    values: tuple[Any, ...]
    distinct: int
    rows: int

    def names(self) -> tuple[str, ...]:
        """Returns the slices' names: ``column=value``."""
        return tuple(f"{self.column}={text_of(value)}" for value in self.values)

    def note(self) -> str:
        """Says which values have no slice; empty if all have one."""
        if self.distinct <= len(self.values):
            return ""
        return (
            f"slices by {self.column!r}: the {len(self.values)} most frequent of "
            f"{self.distinct:,} values; the other values' {self.rows:,} rows are in none"
        )


def slices_of(dataset: Dataset, columns: Sequence[str]) -> tuple[Slices, ...]:
    """Chooses the slices by some columns, the same for each split: the most frequent values.

    Raises:
        ConfigError: if a column is not there, or cannot be sliced by.
    """
    types = {column.name: column.type for column in dataset.columns}
    for name in columns:
        check_column(name, types, SLICED_BY, "slices")
    return tuple(_of_column(dataset, name) for name in columns)


def check_column(name: str, types: Mapping[str, str], allowed: Sequence[str], field: str) -> None:
    """Checks that a column that a config names is there, and of a type that will do.

    Raises:
        ConfigError: if it is not.
    """
    if name not in types:
        raise ConfigError(
            f"{field}: there is no column {name!r} in the data set",
            cause=nearest(name, types),
            choices=tuple(types),
        )
    if types[name] not in allowed:
        raise ConfigError(
            f"{field}: column {name!r} is of type {types[name]}",
            choices=tuple(column for column, kind in types.items() if kind in allowed),
            hint=f"a column for this is one of: {', '.join(allowed)}",
        )


def sliced(batch: pa.RecordBatch, slices: Slices) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields the name and the rows of each slice that a batch has rows of."""
    column = batch.column(batch.schema.get_field_index(slices.column))
    indices = pc.index_in(column, value_set=pa.array(slices.values, column.type))
    codes = indices.fill_null(len(slices.values)).to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(slices.values) + 1))
    ordered = batch.take(pa.array(order[: ends[-2]]))
    start = 0
    for name, end in zip(slices.names(), ends[:-1].tolist(), strict=True):
        if end > start:
            yield name, ordered.slice(start, end - start)
        start = end


def check_weights(array: pa.Array, column: str) -> None:
    """Checks that each row has a weight: finite, and not below zero.

    Raises:
        DataError: if one has not.
    """
    bad = array.null_count + (pc.sum(pc.invert(pc.is_finite(array))).as_py() or 0)
    if not bad:
        bad = pc.sum(pc.less(array, 0)).as_py() or 0
    if bad:
        raise DataError(
            f"the weights in column {column!r} cannot be used",
            cause=f"in {bad:,} of {len(array):,} rows looked at the weight is missing, "
            "not finite or below zero",
            hint="correct the column, or measure without weights",
        )


def _of_column(dataset: Dataset, name: str) -> Slices:
    counted: Counter[Any] = Counter()
    for split in SPLITS:
        for batch in dataset.batches(split, [name]):
            for item in batch.column(0).drop_null().value_counts():
                counted[item["values"].as_py()] += item["counts"].as_py()
            if len(counted) > MOST_VALUES:
                raise ConfigError(
                    f"slices: column {name!r} has more than {MOST_VALUES:,} values",
                    hint="slice by a column of few values",
                )
    ranked = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))
    kept = ranked[:MOST_SLICES]
    rest = sum(rows for _, rows in ranked[MOST_SLICES:])
    return Slices(name, tuple(value for value, _ in kept), len(ranked), rest)
