"""How often each value of the label comes, in bounded memory."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.formats.dataset import ARROW_TYPES

MOST = 1 << 20
"""Different values that are counted apart."""
LARGEST_WHOLE = float(2**53)


class ValueCounts:
    """Counts the values of one column, none of them missing."""

    def __init__(self) -> None:
        self.rows = 0
        self.all_whole = True
        """Of floats: whether all are whole numbers that an integer keeps exactly."""
        self.more = False
        """Whether there are more different values than are counted."""
        self.farthest = 0.0
        """Of floats: the one farthest from zero."""
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def add(self, values: pa.Array) -> None:
        """Takes more values."""
        self.rows += len(values)
        if values.type == ARROW_TYPES["float"] and len(values):
            self.farthest = max(self.farthest, *pc.min_max(values).as_py().values(), key=abs)
            numbers = values.to_numpy(zero_copy_only=False)
            whole = (numbers == np.floor(numbers)) & (np.abs(numbers) < LARGEST_WHOLE)
            self.all_whole = self.all_whole and bool(whole.all())
        if self.more or not len(values):
            return
        counted = values.value_counts()
        self._waiting.append(pa.Table.from_arrays(counted.flatten(), names=["value", "count"]))
        self._waiting_rows += len(counted)
        if self._waiting_rows > 2 * MOST:
            self._merge()
            self.more = self._waiting_rows > MOST

    @property
    def different(self) -> int:
        """How many different values there are; where ``more``, so many at least."""
        self._merge()
        return self._waiting_rows

    @property
    def number(self) -> str:
        """How many different values there are, in words."""
        return f"more than {MOST:,}" if self.more else f"{self.different:,}"

    def pairs(self, most: int) -> list[tuple[Any, int]]:
        """Returns the lowest values and how often each comes, sorted by value."""
        self._merge()
        if not self._waiting:
            return []
        table = self._waiting[0]
        order = pc.sort_indices(table, sort_keys=[("value", "ascending")])
        lowest = table.take(order.slice(0, most))
        columns = (lowest.column(name).to_pylist() for name in ("value", "count"))
        return list(zip(*columns, strict=True))

    def _merge(self) -> None:
        if len(self._waiting) < 2:
            return
        table = pa.concat_tables(self._waiting).group_by("value").aggregate([("count", "sum")])
        merged = pa.table({"value": table.column("value"), "count": table.column("count_sum")})
        self._waiting, self._waiting_rows = [merged], merged.num_rows
