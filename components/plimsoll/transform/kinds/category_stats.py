"""What is measured of a column of names as its rows pass, in bounded memory.

While the distinct values are few each is counted. Beyond that ``tfx_bsl.sketches`` stand for
them: MisraGriesSketch for the frequent ones, KmvSketch for how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

DISTINCT_BUCKETS = 1 << 12
"""Of the sketch that counts distinct values: off by 1.6% on average."""
BEYOND_WHOLE = 2.0**63
LARGEST_WHOLE = 2**63 - 1
Value = Any
"""Text, or a whole number."""


class Encoded(NamedTuple):
    """A column as indices of a list of its values."""

    codes: NDArray[np.int64]
    """Shape (rows,): -1 where a value is missing."""
    values: pa.Array
    """Distinct texts or whole numbers; not all of them need occur."""


@dataclass(frozen=True, kw_only=True)
class CategoryStats:
    """What is known of a column's values."""

    rows: int
    missing: int
    counts: Mapping[Value, int]
    """How often each value occurs; if there are many, the frequent ones, and how often they
    occur at least."""
    distinct: int
    """How many there are; if there are many, about."""
    exact: bool

    @property
    def known(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


class CategoryAccumulator:
    """Counts values; what it holds does not grow with the rows.

    Args:
        limit: So many distinct values are counted one by one.
        numbers: Whether they are whole numbers rather than texts.
    """

    def __init__(self, limit: int, *, numbers: bool = False) -> None:
        self._limit = limit
        self._numbers = numbers
        self._rows = self._known = 0
        self._values = pa.nulls(0, pa.int64() if numbers else pa.string())
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._frequent: Any = None
        self._distinct: Any = None

    def add(self, encoded: Encoded) -> None:
        """Adds rows."""
        counts = np.bincount(encoded.codes + 1, minlength=len(encoded.values) + 1)[1:]
        used = np.flatnonzero(counts)
        self.add_counts(encoded.values.take(pa.array(used)), counts[used])
        self.add_rows(len(encoded.codes), int(counts.sum()))

    def add_counts(self, values: pa.Array, counts: NDArray[np.int64]) -> None:
        """Adds distinct values that occur so often."""
        if self._frequent is not None:
            self._sketch(values, counts)
            return
        if len(self._values):
            both = pa.concat_arrays([self._values, values]).dictionary_encode()
            sums = np.zeros(len(both.dictionary), np.int64)
            indices = both.indices.to_numpy(zero_copy_only=False)
            np.add.at(sums, indices, np.concatenate([self._counts, counts]))
            self._values, self._counts = both.dictionary, sums
        else:
            self._values, self._counts = values, counts
        if len(self._values) > self._limit:
            self._begin_sketch()

    def add_rows(self, rows: int, known: int) -> None:
        """Counts rows whose values are added by ``add_counts``."""
        self._rows += rows
        self._known += known

    def merge(self, later: CategoryAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        self.add_rows(later._rows, later._known)
        if later._frequent is None:
            self.add_counts(later._values, later._counts)
            return
        if self._frequent is None:
            self._begin_sketch()
        self._frequent.Merge(later._frequent)
        self._distinct.Merge(later._distinct)

    def finish(self) -> CategoryStats:
        """Returns what was measured."""
        exact = self._frequent is None
        counts = self._listed() if exact else self._estimated()
        return CategoryStats(
            rows=self._rows,
            missing=self._rows - self._known,
            counts=counts,
            distinct=len(counts) if exact else int(self._distinct.Estimate()),
            exact=exact,
        )

    def _begin_sketch(self) -> None:
        from tfx_bsl import sketches

        # A hash table of a power of two is full at seven eighths, and would be doubled.
        self._frequent = sketches.MisraGriesSketch(self._limit - self._limit // 8)
        self._distinct = sketches.KmvSketch(DISTINCT_BUCKETS)
        values, counts = self._values, self._counts
        self._values, self._counts = values[:0], counts[:0]
        self._sketch(values, counts)

    def _listed(self) -> dict[Value, int]:
        return dict(zip(self._values.to_pylist(), self._counts.tolist(), strict=True))

    def _sketch(self, values: pa.Array, counts: NDArray[np.int64]) -> None:
        if len(values):
            texts = pc.cast(values, pa.string())
            self._frequent.AddValues(texts, pa.array(counts.astype(np.float32)))
            self._distinct.AddValues(texts)

    def _estimated(self) -> dict[Value, int]:
        """Returns values with the counts that they have at least.

        The sketch says how often they occur at most, all by the same number too much: the count
        of those that it holds by chance alone. Which these are differs from process to process.
        """
        estimates = self._frequent.Estimate()
        most = np.asarray(estimates.field("counts"), np.float64)
        over = most.min(initial=np.inf)
        frequent = np.flatnonzero(most > over)
        texts = pc.cast(estimates.field("values").take(pa.array(frequent)), pa.large_string())
        values = pc.cast(texts, pa.int64()) if self._numbers else texts
        least = (most[frequent] - over).astype(np.int64)
        return dict(zip(values.to_pylist(), least.tolist(), strict=True))


def encoded(column: pa.Array) -> Encoded:
    """Returns a column of texts, whole numbers or booleans as indices of a list of its values.

    Whole numbers are those that a double has, as they come when rows are transformed.
    """
    if not pa.types.is_dictionary(column.type):
        if pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.int64())
        elif pa.types.is_integer(column.type):
            column = _as_doubles_have_them(column)
        column = column.dictionary_encode()
    codes = pc.fill_null(pc.cast(column.indices, pa.int64()), -1)
    return Encoded(np.asarray(codes, np.int64), column.dictionary)


def _as_doubles_have_them(numbers: pa.Array) -> pa.Array:
    doubles = pc.cast(numbers, pa.float64(), safe=False)
    whole = pc.cast(doubles, pa.int64(), safe=False)
    # The largest whole numbers are 2**63 as doubles, which is none: the one before reads as it.
    return pc.if_else(pc.less(doubles, BEYOND_WHOLE), whole, LARGEST_WHOLE)
