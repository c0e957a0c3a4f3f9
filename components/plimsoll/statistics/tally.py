"""What TFDV does not say of a column, or says only of some types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.formats.dataset import type_name

ORDERED = ("int", "float", "timestamp")


@dataclass
class Tally:
    """Counts and bounds of a column; exact, whatever the sample rate."""

    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    low: Any = None
    """The least finite value of a number or a timestamp; None without any."""
    high: Any = None
    """The greatest."""

    @property
    def missing(self) -> int:
        """The rows without a value that a model could use: null, NaN or infinite."""
        return self.nulls + self.nan + self.infinite

    def add(self, array: pa.Array) -> None:
        """Adds a batch of the column, as the data set keeps it."""
        self.nulls += array.null_count
        if pa.types.is_floating(array.type):
            array = self._finite_part(array)
        if type_name(array.type) in ORDERED:
            ends = pc.min_max(array).as_py()
            self._extend(ends["min"], ends["max"])

    def merge(self, other: Tally) -> None:
        """Adds what was counted of other rows of the column."""
        self.nulls += other.nulls
        self.nan += other.nan
        self.infinite += other.infinite
        self._extend(other.low, other.high)

    def _finite_part(self, array: pa.Array) -> pa.Array:
        nan = pc.sum(pc.is_nan(array)).as_py() or 0
        infinite = pc.sum(pc.is_inf(array)).as_py() or 0
        self.nan += nan
        self.infinite += infinite
        return array.filter(pc.is_finite(array)) if nan or infinite else array

    def _extend(self, low: Any, high: Any) -> None:
        if low is None:
            return
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
