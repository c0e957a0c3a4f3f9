"""Follows quantile tables: straight between their knots."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.transform.apply.steps import FEW

CELLS = 4096
"""How many cells of equal width lie over a table's knots, to find a value's interval."""
_INNER = (0, 50, 20, 10)
"""One in so many knots at each end is left out of the cells' range, or none."""


class QuantileTable:
    """A table from knots to scores."""

    def __init__(self, knots: Sequence[float], scores: Sequence[float]) -> None:
        """Lays the table out.

        Args:
            knots: Strictly rising, at least two.
            scores: The score of each.
        """
        known, scored = np.array(knots, np.float64), np.array(scores, np.float64)
        self._start, self._width = known[:-1], np.diff(known)
        self._score, self._rise = scored[:-1], np.diff(scored)
        columns = (self._start, self._width, self._score, self._rise)
        self._listed = tuple(column.tolist() for column in columns)
        self._grid = _grid(self._start)

    def scores_of(self, values: NDArray[np.float64]) -> NDArray[np.float64] | list[float]:
        """Returns the scores of values, shape (rows,), that lie within the knots."""
        if len(values) <= FEW:
            return self._scores_of_few(values)
        intervals = self._intervals(values)
        share = (values - self._start.take(intervals)) / self._width.take(intervals)
        return np.asarray(self._score.take(intervals) + share * self._rise.take(intervals))

    def _scores_of_few(self, values: NDArray[np.float64]) -> list[float]:
        """Does the same arithmetic with Python's own floats."""
        start, width, score, rise = self._listed
        scores = []
        for value in values.tolist():
            index = bisect_right(start, value) - 1
            scores.append(score[index] + (value - start[index]) / width[index] * rise[index])
        return scores

    def _intervals(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        cells = self._grid
        if cells is None:
            return self._start.searchsorted(values, side="right") - 1
        where = cells.of(values)
        intervals = cells.before.take(where)
        # A cell has one knot at most: it is below the value, or above.
        intervals += values >= cells.following.take(intervals)
        crowded = cells.crowded.take(where)
        if crowded.any():
            intervals[crowded] = self._start.searchsorted(values[crowded], side="right")
        intervals -= 1
        return intervals


class _Grid(NamedTuple):
    """Cells of equal width over the range where most knots are, the outer ones without end.

    A value's cell never falls as the value rises, whatever the rounding: a knot of a lower cell
    is below the value, a knot of a higher cell above it.
    """

    low: float
    high: float
    scale: float
    before: NDArray[np.intp]
    """How many knots lie in the cells before each."""
    crowded: NDArray[np.bool_]
    """Whether a cell has more than one knot."""
    following: NDArray[np.float64]
    """The knots, and infinity."""

    def of(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        cells = np.maximum(values, self.low)
        np.minimum(cells, self.high, out=cells)
        cells -= self.low
        cells *= self.scale
        return cells.astype(np.intp)


def _grid(knots: NDArray[np.float64]) -> _Grid | None:
    """Returns the cells that leave the fewest knots in crowded ones."""
    best, fewest = None, len(knots)
    for share in _INNER:
        skipped = len(knots) // share if share else 0
        low, high = float(knots[skipped]), float(knots[len(knots) - 1 - skipped])
        with np.errstate(over="ignore", divide="ignore"):
            scale = float(np.float64(CELLS) / np.float64(high - low))
        if not np.isfinite(scale):
            continue
        empty = np.empty(0, np.intp)
        cells = _Grid(low, high, scale, empty, empty.astype(np.bool_), np.append(knots, np.inf))
        counts = np.bincount(cells.of(knots), minlength=CELLS + 2)
        crowd = int(counts[counts > 1].sum())
        if crowd < fewest:
            fewest = crowd
            before = (np.cumsum(counts) - counts).astype(np.intp)
            best = cells._replace(before=before, crowded=counts > 1)
    return best
