"""Makes cycles and calendars of times, all parts of a column together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.columns import Columns
from plimsoll.artifacts.transform_parts import FIRST_KNOWN, MISSING, Calendar, Cycle, Missing
from plimsoll.transform.apply_steps import FEW, Features, Fill, Step

MINUTES_A_DAY = 1440
DAYS_A_YEAR = 366
DAYS_AT_ONCE = 2048
"""Times within so many days look their days up: there are fewer of these than of rows."""
_MICROSECONDS_A_MINUTE = 60_000_000
_MICROSECONDS_A_DAY = 86_400_000_000
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0.

TimesPart = Cycle | Calendar | Missing


def elapsed_days(times: NDArray[Any]) -> NDArray[np.float64]:
    """Returns days since 1970, NaN for missing."""
    return np.where(np.isnat(times), np.nan, times.view(np.int64) / _MICROSECONDS_A_DAY)


def times_step(name: str, parts: Sequence[tuple[TimesPart, int]]) -> Step:
    """Returns the step that makes the parts of a column of times.

    Args:
        name: The column.
        parts: Each part, and where its outputs begin.
    """
    gone = [place for part, place in parts if isinstance(part, Missing)]
    made = [
        (_tables(part), part.of, isinstance(part, Cycle), place)
        for part, place in parts
        if not isinstance(part, Missing)
    ]

    def step(columns: Columns) -> Fill:
        times = np.asarray(columns[name])

        def fill(rows: slice, out: Features) -> None:
            some = times[rows]
            absent = np.isnat(some)
            for place in gone:
                out.numeric[:, place] = absent
            if not made:
                return
            clock = _Clock(np.where(absent, 0, some.view(np.int64)))
            missing = bool(absent.any())
            for table, of, cycle, place in made:
                values = clock.read(of, table)
                if missing:
                    values[absent] = MISSING
                if cycle:
                    out.numeric[:, place : place + 2] = values
                else:
                    out.categorical[:, place] = values

        return fill

    return step


class _Clock:
    """Tells the hour, the day and so on of times, given in microseconds since 1970."""

    def __init__(self, ticks: NDArray[np.int64]) -> None:
        self._days = ticks // _MICROSECONDS_A_DAY
        self._ticks = ticks
        self._base = self._days
        self._index: NDArray[np.int64] | None = None
        self._minutes: NDArray[np.int64] | None = None
        if len(ticks) > FEW:
            first, last = int(self._days.min()), int(self._days.max())
            if last - first < DAYS_AT_ONCE:
                self._base = np.arange(first, last + 1)
                self._index = self._days - first

    def read(self, of: str, table: NDArray[Any]) -> NDArray[Any]:
        """Returns what a table says of each time's hour, day or the like."""
        if of in _OF_DAY:
            values = table[_OF_DAY[of](self._base)]
            return values if self._index is None else values.take(self._index, axis=0)
        return table[self.minutes() // (60 if of == "hour" else 1)]

    def minutes(self) -> NDArray[np.int64]:
        """Returns the minutes since midnight."""
        if self._minutes is None:
            since = self._ticks - self._days * _MICROSECONDS_A_DAY
            self._minutes = since // _MICROSECONDS_A_MINUTE
        return self._minutes


def _day_of_week(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray((days + _FIRST_WEEKDAY) % 7)


def _month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    months = days.view("datetime64[D]").astype("datetime64[M]").view(np.int64)
    return np.asarray(months % 12)


def _day_of_month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return _since(days, "datetime64[M]")


def _day_of_year(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return _since(days, "datetime64[Y]")


def _since(days: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    first = days.view("datetime64[D]").astype(unit).astype("datetime64[D]").view(np.int64)
    return np.asarray(days - first)


_OF_DAY: Mapping[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "day_of_week": _day_of_week,
    "month": _month,
    "day_of_month": _day_of_month,
    "day_of_year": _day_of_year,
}


def _tables(part: Cycle | Calendar) -> NDArray[Any]:
    if isinstance(part, Cycle):
        return _circle(MINUTES_A_DAY if part.of == "time_of_day" else DAYS_A_YEAR)
    return np.arange(FIRST_KNOWN, FIRST_KNOWN + 31, dtype=np.int32)


@lru_cache(maxsize=4)
def _circle(steps: int) -> NDArray[np.float32]:
    """Returns sine and cosine of each of the steps around, shape (steps, 2)."""
    angles = [2 * math.pi * step / steps for step in range(steps)]
    return np.array([(math.sin(angle), math.cos(angle)) for angle in angles], np.float32)
