"""What the label is where a column has a value, measured as rows pass, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plimsoll.transform.kinds.category_stats import Encoded

ROWS = "rows"
SUM = "sum"
"""Regression: what a value's rows are counted, and their labels added up, under."""
Cells: TypeAlias = NDArray[np.float64]
"""Shape (folds,)."""


@dataclass(frozen=True)
class Targets:
    """The labels of some rows, ready to be added up."""

    fold: NDArray[np.int64]
    """Shape (rows,): the fold of each."""
    folds: int
    weights: Mapping[Any, NDArray[np.float64]]
    """What is added up, by name: for each class 1 where the label is it, else 0; for regression
    ``ROWS``, 1 everywhere, and ``SUM``, the label."""


@dataclass(frozen=True)
class TargetStats:
    """What is known of the labels by a column's values."""

    folds: int
    sums: Mapping[Any, Mapping[Any, Cells]]
    """What is added up -> value -> its sum in each fold; the value None is a missing one."""


class TargetAccumulator:
    """Adds up labels by value and fold.

    Args:
        limit: Values that are kept at most; beyond, the rarest so far are let go.
        folds: Into how many folds the rows are dealt.
    """

    def __init__(self, limit: int, folds: int) -> None:
        self._limit = limit
        self.folds = folds
        self.sums: dict[Any, dict[Any, Cells]] = {}

    def add(self, encoded: Encoded, targets: Targets) -> None:
        """Adds rows."""
        sizes = len(encoded.values) + 1, self.folds
        indices = (encoded.codes + 1) * self.folds + targets.fold
        names = [None, *encoded.values.to_pylist()]
        for name, weights in targets.weights.items():
            sums = np.bincount(indices, weights, sizes[0] * sizes[1]).reshape(sizes)
            self._add(name, names, sums)
        self._prune()

    def merge(self, later: TargetAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        for name, cells in later.sums.items():
            self._add(name, list(cells), np.array(list(cells.values())).reshape(-1, self.folds))
        self._prune()

    def finish(self) -> TargetStats:
        """Returns what was measured."""
        return TargetStats(self.folds, self.sums)

    def _add(self, name: Any, values: list[Any], cells: Cells) -> None:
        by_value = self.sums.setdefault(name, {})
        for index in np.flatnonzero(cells.any(axis=1)).tolist():
            value, more = values[index], cells[index]
            by_value[value] = by_value[value] + more if value in by_value else more

    def _prune(self) -> None:
        if max(map(len, self.sums.values()), default=0) <= self._limit:
            return
        rows: dict[Any, float] = {}
        for name, cells in self.sums.items():
            if name != SUM:
                for value, sums in cells.items():
                    rows[value] = rows.get(value, 0.0) + float(sums.sum())
        rows.pop(None, None)
        # Half of them, so that pruning is rare.
        kept = sorted(rows, key=lambda value: (-rows[value], value))[: self._limit // 2]
        wanted = {None, *kept}
        for name, cells in self.sums.items():
            self.sums[name] = {value: sums for value, sums in cells.items() if value in wanted}
