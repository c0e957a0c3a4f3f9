"""Finds the values that part ordered rows into shares: exact, in bounded memory."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MOST = 1 << 20
"""Different values, or ranges of values, that are counted apart."""
LOWEST, HIGHEST = -(2**63), 2**63 - 1
Window = tuple[int, int]
"""The lowest and the highest ordinal of a range."""


def ordinals(values: pa.Array) -> NDArray[np.int64]:
    """Returns whole numbers that stand in the order of the values: times, integers or floats.

    Args:
        values: None of them missing.
    """
    if not pa.types.is_floating(values.type):
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.int64)
    # The two zeros are equal but have different bits.
    bits = (np.asarray(values.to_numpy(zero_copy_only=False), np.float64) + 0.0).view(np.int64)
    return np.asarray(bits ^ ((bits >> np.int64(63)) & np.int64(HIGHEST)))


def candidates(
    read: Callable[[], Iterable[NDArray[np.int64]]], targets: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns ordinals near those that part the rows at given counts.

    All ordinals where they are few. Else ranges of ordinals are counted, and those around each
    target are read again, finer, until single ordinals are told apart.

    Args:
        read: Yields all rows' ordinals; called a few times.
        targets: How many rows should come before each parting, in rising order.

    Returns:
        Ordinals in rising order, and how many rows have a lower one, of each. Those nearest to the
        targets on either side are among them, and the highest, and more than one.
    """
    windows: list[Window] = [(LOWEST, HIGHEST)]
    while True:
        counter = _Counter(windows)
        for values in read():
            counter.add(values)
        starts, before, counts = counter.result()
        if not counter.shift:
            return starts, before
        windows = _around(starts, before, counts, counter.shift, targets)


class _Counter:
    """Counts ordinals, or ranges of 2**shift of them, within windows."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.shift = 0
        self._windows = windows
        self._lower = np.zeros(len(windows), dtype=np.int64)
        self._values = np.zeros(0, dtype=np.int64)
        self._counts = np.zeros(0, dtype=np.int64)
        self._waiting: list[NDArray[np.int64]] = []
        self._waiting_rows = 0

    def add(self, values: NDArray[np.int64]) -> None:
        for number, (low, high) in enumerate(self._windows):
            self._lower[number] += int((values < low).sum())
            inside = values[(values >= low) & (values <= high)]
            self._waiting.append(inside)
            self._waiting_rows += len(inside)
        if self._waiting_rows > MOST:
            self._merge()

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Returns the first ordinal of each range, the rows below it, and the rows in it."""
        self._merge()
        starts = self._values << self.shift
        before = np.concatenate([[0], np.cumsum(self._counts)[:-1]]).astype(np.int64)
        inside = 0
        for (low, high), lower in zip(self._windows, self._lower.tolist(), strict=True):
            # A range that holds a window's end starts below it.
            mine = (starts >= (low >> self.shift) << self.shift) & (starts <= high)
            before[mine] += lower - inside
            inside += int(self._counts[mine].sum())
        return starts, before, self._counts

    def _merge(self) -> None:
        if not self._waiting_rows:
            return
        new, counts = np.unique(np.concatenate(self._waiting) >> self.shift, return_counts=True)
        self._waiting, self._waiting_rows = [], 0
        self._add(np.concatenate([self._values, new]), np.concatenate([self._counts, counts]))
        while len(self._values) > MOST:
            self.shift += 1
            self._add(self._values >> 1, self._counts)

    def _add(self, values: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self._values, inverse = np.unique(values, return_inverse=True)
        self._counts = np.bincount(inverse, weights=counts).astype(np.int64)


def _around(
    values: NDArray[np.int64],
    before: NDArray[np.int64],
    counts: NDArray[np.int64],
    shift: int,
    targets: Sequence[float],
) -> list[Window]:
    """Returns the ranges around each target, as windows that do not overlap."""
    last = len(values) - 1
    wanted: set[int] = set()
    for target in targets:
        crossing = int(np.searchsorted(before + counts, target, side="left"))
        wanted.update(range(max(crossing - 1, 0), min(crossing + 1, last) + 1))
    # The rows before the last value are needed where most rows have it.
    wanted.update((max(last - 1, 0), last))
    size = 1 << shift
    windows: list[Window] = []
    for index in sorted(wanted):
        low = int(values[index])
        high = min(low + size - 1, HIGHEST)
        if windows and windows[-1][1] + 1 == low:
            windows[-1] = (windows[-1][0], high)
        else:
            windows.append((low, high))
    return windows
