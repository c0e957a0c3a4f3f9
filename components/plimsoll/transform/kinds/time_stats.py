"""What is measured of a column of times as its rows pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.transform.kinds.number_stats import NumberAccumulator, NumberStats

DAY = 86_400_000_000
"""Microseconds."""
_NONE = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True)
class TimeStats:
    """What is known of a column's times."""

    rows: int
    known: int
    low: int
    """Microseconds since 1970 of the first time; 0: there is none."""
    high: int
    within_days: bool
    """Whether a time is later than midnight."""
    elapsed: NumberStats | None
    """The days that have passed since 1970; None: they were not measured."""


class TimeAccumulator:
    """Measures times.

    Args:
        limit: So many distinct days are counted one by one.
        elapsed: Whether the days that have passed are measured as a number.
    """

    def __init__(self, limit: int, *, elapsed: bool) -> None:
        self.rows = self.known = 0
        self.low: int | None = None
        self.high: int | None = None
        self.within_days = False
        self.elapsed = NumberAccumulator(limit) if elapsed else None

    def add(self, times: NDArray[Any]) -> None:
        """Adds rows: datetime64[us], NaT for missing."""
        ticks = times.view(np.int64)
        known = ticks[ticks != _NONE]
        self.rows += len(ticks)
        self.known += len(known)
        if len(known):
            self._widen(int(known.min()), int(known.max()))
            self.within_days = self.within_days or bool((known % DAY != 0).any())
        if self.elapsed:
            self.elapsed.add(known / DAY)

    def merge(self, later: TimeAccumulator) -> None:
        """Adds what was measured of the rows that follow; ``later`` is used up."""
        self.rows += later.rows
        self.known += later.known
        if later.low is not None and later.high is not None:
            self._widen(later.low, later.high)
        self.within_days = self.within_days or later.within_days
        if self.elapsed and later.elapsed:
            self.elapsed.merge(later.elapsed)

    def close(self) -> None:
        """Makes it smaller, once all rows of a part are added."""
        if self.elapsed:
            self.elapsed.close()

    def finish(self) -> TimeStats:
        """Returns what was measured."""
        return TimeStats(
            rows=self.rows,
            known=self.known,
            low=self.low or 0,
            high=self.high or 0,
            within_days=self.within_days,
            elapsed=self.elapsed.finish() if self.elapsed else None,
        )

    def _widen(self, low: int, high: int) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
