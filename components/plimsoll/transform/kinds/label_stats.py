"""What is measured of the label as its rows pass: its classes, or its mean and spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError
from plimsoll.formats.rows import column_from_arrow
from plimsoll.statistics.moments import Moments

MOST_CLASSES = 1 << 14


@dataclass(frozen=True, kw_only=True)
class LabelStats:
    """What is known of the label."""

    rows: int
    missing: int
    finite: bool
    """Whether all values are; of classes, True."""
    counts: Mapping[Any, int]
    """How often each class occurs; of values, nothing."""
    mean: float
    std: float


class LabelAccumulator:
    """Measures the label.

    Args:
        name: The label's column, for errors.
        regression: Whether it is a value rather than a class.
    """

    def __init__(self, name: str, *, regression: bool) -> None:
        self._name = name
        self._regression = regression
        self.rows = self.missing = 0
        self.finite = True
        self.counts: dict[Any, int] = {}
        """How often each class occurs."""
        self._moments = Moments()

    def add(self, column: pa.Array) -> None:
        """Adds rows.

        Raises:
            DataError: if there are more classes than can be learnt.
        """
        self.rows += len(column)
        self.missing += column.null_count
        if not self._regression and not pa.types.is_timestamp(column.type):
            known = column.drop_null()
            if pa.types.is_floating(known.type):
                known = known.filter(pc.invert(pc.is_nan(known)))
                self.missing += len(column) - column.null_count - len(known)
            counted = pc.value_counts(known)
            values, counts = counted.field("values"), counted.field("counts")
            self._count(dict(zip(values.to_pylist(), counts.to_pylist(), strict=True)))
        elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            values = column_from_arrow(column)
            self.finite = self.finite and bool(np.isfinite(values).all())
            if self.finite and len(values):
                self._moments.merge(_moments_of(values))

    def merge(self, later: LabelAccumulator) -> None:
        """Adds what was measured of the rows that follow."""
        self.rows += later.rows
        self.missing += later.missing
        self.finite = self.finite and later.finite
        self._count(later.counts)
        self._moments.merge(later._moments)

    def finish(self) -> LabelStats:
        """Returns what was measured."""
        return LabelStats(
            rows=self.rows,
            missing=self.missing,
            finite=self.finite,
            counts=self.counts,
            mean=self._moments.mean,
            std=self._moments.std,
        )

    def _count(self, counts: dict[Any, int]) -> None:
        for value, count in counts.items():
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > MOST_CLASSES:
            raise DataError(
                f"the label {self._name!r} has more than {MOST_CLASSES} classes",
                hint="task: regression, if it is an amount",
            )


def _moments_of(values: Any) -> Moments:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean())
        return Moments(len(values), mean, float(np.square(values - mean).sum()))
