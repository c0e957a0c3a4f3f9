"""What is measured of a column of numbers as its rows pass, in bounded memory.

While the distinct values are few each is counted, and all that is said of them is exact. Beyond
that a sketch stands for them: ``tfx_bsl.sketches.QuantilesSketch``, given a batch's values, or
of some 2048 of them at even steps of rank: of ten million rows a rank was off by 0.04% at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.statistics.moments import Moments

LARGEST = 1e30
"""Values further from zero count as this, so that squares and sums stay finite."""
POINTS = 2000
"""Intervals into which a sketch is read out."""
THINNED_TO = 2048
"""So many values of a batch go into a sketch, each for those around it."""
PRECISION = 0.003
"""Of the sketch: the share of the rows by which a rank may be off; far less in practice."""
SKETCHED_AT_MOST = 1 << 18
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NumberStats:
    """What is known of a column's finite values."""

    rows: int
    missing: int
    """Rows without a finite value."""
    low: float
    high: float
    mean: float
    """Of the values, brought within 1e30 of zero; so is the spread."""
    std: float
    values: Numbers
    """The distinct values, rising; or points at even steps of rank, if there are many."""
    counts: NDArray[np.int64]
    """How often each occurs; of points, nothing."""

    @property
    def exact(self) -> bool:
        """Whether each distinct value was counted."""
        return len(self.counts) > 0 or not self.known

    @property
    def known(self) -> int:
        """Rows that have a finite value."""
        return self.rows - self.missing

    def distinct_up_to(self, most: int) -> bool:
        """Says if there are no more distinct values than so many."""
        return self.exact and len(self.values) <= most

    def quantiles(self, levels: Numbers) -> Numbers:
        """Returns the values at levels of rank from 0 to 1, straight between two values."""
        if not self.exact:
            return np.interp(levels, np.linspace(0.0, 1.0, len(self.values)), self.values)
        ends = np.cumsum(self.counts)
        positions = (self.known - 1) * levels
        before = np.floor(positions)
        after = np.minimum(before + 1, self.known - 1)
        low = self.values[np.searchsorted(ends, before, side="right")]
        high = self.values[np.searchsorted(ends, after, side="right")]
        # Halved first, so that the difference of two large values stays finite.
        rise = (high / 2 - low / 2) * (positions - before) * 2
        return np.asarray(low + rise)

    def median(self) -> float:
        """Returns the middle value, or the mean of the two in the middle."""
        if not self.exact:
            return float(self.quantiles(np.array([0.5]))[0])
        ends = np.cumsum(self.counts)
        middle = [(self.known - 1) // 2, self.known // 2]
        low, high = self.values[np.searchsorted(ends, middle, side="right")].tolist()
        if low == high:
            return float(low)
        return float((low + high) / 2 if math.isfinite(low + high) else low / 2 + high / 2)


class NumberAccumulator:
    """Measures numbers; what it holds does not grow with the rows.

    Args:
        limit: So many distinct values are counted one by one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows = self._known = 0
        self._low, self._high = math.inf, -math.inf
        self._values: Numbers = np.empty(0)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._sketch: Any = None
        self._moments = Moments()

    def add(self, values: Numbers) -> None:
        """Adds rows; what is not finite counts as missing."""
        finite = np.isfinite(values)
        ordered = np.sort(values if finite.all() else values[finite])
        # Zero is added so that a negative zero is not a value of its own.
        ordered += 0.0
        self._rows += len(values)
        if not len(ordered):
            return
        self._known += len(ordered)
        self._low = min(self._low, float(ordered[0]))
        self._high = max(self._high, float(ordered[-1]))
        if self._sketch is None:
            values, counts = _counted(ordered)
            if not self._many_with(values):
                self._count(values, counts)
                return
            self._begin_sketch()
        self._sketch_ordered(np.clip(ordered, -LARGEST, LARGEST))

    def merge(self, later: NumberAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        if later._sketch is not None and self._sketch is None:
            self._begin_sketch()
        self._rows += later._rows
        self._low, self._high = min(self._low, later._low), max(self._high, later._high)
        if self._sketch is None:
            self._known += later._known
            self._count(later._values, later._counts)
            return
        if later._sketch is None:
            later._begin_sketch()
        self._sketch.Merge(later._sketch)
        self._moments.merge(later._moments)
        self._known += later._known

    def close(self) -> None:
        """Makes it smaller, once all rows of a part are added."""
        if self._sketch is not None:
            self._sketch.Compact()

    def finish(self) -> NumberStats:
        """Returns what was measured; nothing may be added afterwards."""
        counts = self._counts
        if self._sketch is None:
            values, (mean, std) = self._values, _moments(self._values, self._counts)
        else:
            points = self._sketch.GetQuantiles(POINTS)[0].values
            values = np.maximum.accumulate(np.asarray(points, np.float64))
            # A batch's ends are thinned away too, and are known all the same.
            values[0], values[-1] = np.clip([self._low, self._high], -LARGEST, LARGEST)
            mean, std = self._moments.mean, self._moments.std
        return NumberStats(
            rows=self._rows,
            missing=self._rows - self._known,
            low=self._low,
            high=self._high,
            mean=mean,
            std=std,
            values=values,
            counts=counts,
        )

    def _count(self, values: Numbers, counts: NDArray[np.int64]) -> None:
        if len(self._values):
            both = np.concatenate([self._values, values])
            self._values, indices = np.unique(both, return_inverse=True)
            sums = np.zeros(len(self._values), np.int64)
            np.add.at(sums, indices, np.concatenate([self._counts, counts]))
            self._counts = sums
        else:
            self._values, self._counts = values, counts
        if len(self._values) > self._limit:
            self._begin_sketch()

    def _begin_sketch(self) -> None:
        from tfx_bsl import sketches

        self._sketch = sketches.QuantilesSketch(PRECISION, SKETCHED_AT_MOST, 1)
        values, counts = np.clip(self._values, -LARGEST, LARGEST), self._counts
        if len(values):
            count = int(counts.sum())
            mean = float((values * counts).sum()) / count
            squares = float((np.square(values - mean) * counts).sum())
            self._moments = Moments(count, mean, squares)
            self._sketch.AddValues(*map(pa.array, _thinned(values, counts.astype(np.float64))))
        self._values, self._counts = np.empty(0), np.empty(0, np.int64)

    def _many_with(self, values: Numbers) -> bool:
        """Says if another batch's distinct values make it likely that they exceed the limit."""
        fewest = self._limit - self._limit // 4
        return min(len(self._values), len(values)) > fewest

    def _sketch_ordered(self, ordered: Numbers) -> None:
        mean = float(ordered.mean())
        squares = float(np.square(ordered - mean).sum())
        self._moments.merge(Moments(len(ordered), mean, squares))
        thin = max(1, len(ordered) // THINNED_TO)
        groups = len(ordered) // thin
        weights = np.full(groups, float(thin))
        # The last group takes what is left over.
        weights[-1] += len(ordered) - groups * thin
        middles = ordered[thin // 2 : groups * thin : thin]
        self._sketch.AddValues(pa.array(middles), pa.array(weights))


def _thinned(values: Numbers, counts: Numbers) -> tuple[Numbers, Numbers]:
    """Returns the values at even steps of rank, each for those around it, if there are many."""
    if len(values) <= THINNED_TO:
        return values, counts
    ends = np.cumsum(counts)
    middles = (np.arange(THINNED_TO) + 0.5) * (ends[-1] / THINNED_TO)
    weights = np.full(THINNED_TO, ends[-1] / THINNED_TO)
    return values[np.searchsorted(ends, middles, side="right")], weights


def _counted(ordered: Numbers) -> tuple[Numbers, NDArray[np.int64]]:
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _moments(values: Numbers, counts: NDArray[np.int64]) -> tuple[float, float]:
    """Returns mean and standard deviation, the same in whatever order the rows came."""
    count = int(counts.sum())
    if not count:
        return 0.0, 0.0
    clipped = np.clip(values, -LARGEST, LARGEST)
    mean = math.fsum((clipped * counts).tolist()) / count
    return mean, math.sqrt(math.fsum((np.square(clipped - mean) * counts).tolist()) / count)
