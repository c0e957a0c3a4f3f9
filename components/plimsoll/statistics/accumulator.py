"""What every measuring of rows is made of: accumulators, and how a split is cut for them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import pyarrow as pa

BATCH_ROWS = 1 << 16
BATCH_CELLS = 1 << 23
PART_ROWS = 1 << 18
PART_ROWS_WHEN_WIDE = 1 << 16

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Accumulator(Protocol[Result_co]):
    """Measures rows as they pass, in bounded memory."""

    def add(self, batch: pa.RecordBatch, first: int, /) -> None:
        """Adds rows, of which the first has the number ``first``."""

    def finish(self) -> Result_co:
        """Returns what was measured; nothing may be added afterwards."""


class PartAccumulator(Accumulator[Result_co], Protocol[Result_co]):
    """Measures the rows of a part of a split; it travels between processes."""

    def close(self) -> None:
        """Makes it smaller, once all rows of a part are added."""

    def merge(self, later: Self, /) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""


@dataclass(frozen=True, kw_only=True)
class Measurement(Generic[Result]):
    """What is measured of a split; it travels to other processes."""

    split: str
    columns: tuple[str, ...]
    """Those that are read, in this order."""
    start: Callable[[], PartAccumulator[Result]]
    """Makes an accumulator of no rows."""
    load: Callable[[], Sequence[type]]
    """Imports what accumulators need, so that forked processes have it, and returns the classes
    that a result is made of, beside those of Python, numpy and Arrow."""
    width: int
    """Columns that are measured."""
    wide: int
    """With more columns than this parts have fewer rows."""
    in_dictionaries: bool = False
    """Whether texts come as dictionary arrays."""
    cells_that_pay: int
    """Rows times columns below which one process is faster."""
    config: str
    """Whose settings name the runner, for errors: ``validate config``."""
    purpose: str
    """What is done, for errors: ``measure train``."""
    done: str
    """The same as something done: ``measured train``."""

    @property
    def part_rows(self) -> int:
        """Rows of a part, the last but one included: a power of two."""
        return PART_ROWS if self.width <= self.wide else PART_ROWS_WHEN_WIDE

    @property
    def batch_rows(self) -> int:
        """Rows that are added at once: a power of two, fewer for wide data."""
        return min(BATCH_ROWS, self.part_rows, power_of_two(BATCH_CELLS // max(self.width, 1)))


def power_of_two(most: int) -> int:
    """Returns the largest power of two that is at most ``most``, and 1 at least."""
    return 1 << max(most.bit_length() - 1, 0)


def accumulate(accumulator: Accumulator[Result], batches: Iterable[pa.RecordBatch]) -> Result:
    """Returns what one accumulator makes of rows, cut as they come.

    Args:
        accumulator: Of no rows yet.
        batches: The rows, from number 0 on.
    """
    first = 0
    for batch in batches:
        accumulator.add(batch, first)
        first += batch.num_rows
    return accumulator.finish()
