"""Makes cycles and calendars of times, all parts of a column together."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.columns import Columns
from plimsoll.models.transform_parts import (
    CALENDARS,
    FIRST_KNOWN,
    MISSING,
    Calendar,
    Cycle,
    Missing,
)
from plimsoll.transform.apply.steps import FEW, Features, Fill, Step

MINUTES_A_DAY = 1440
DAYS_A_YEAR = 366
MOST_DAYS = 1 << 16
"""Times within so many days look their days up, if these are fewer than the times."""
_MICROSECONDS_A_MINUTE = 60_000_000
_MICROSECONDS_A_DAY = 86_400_000_000
_FIRST_TICK = -(2**63) + 1
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0.

TimesPart = Cycle | Calendar | Missing


def elapsed_days(times: NDArray[Any]) -> NDArray[np.float64]:
    """Returns days since 1970, NaN for missing."""
    return np.where(np.isnat(times), np.nan, times.view(np.int64) / _MICROSECONDS_A_DAY)


class _PartTables(NamedTuple):
    """The outputs of a part: what a table each says of an hour, a day or the like."""

    of: str
    tables: tuple[NDArray[Any], ...]
    numeric: bool
    first_output: int


def times_step(name: str, parts: Sequence[tuple[TimesPart, int]]) -> Step:
    """Returns the step that makes the parts of a column of times.

    Args:
        name: The column.
        parts: Each part, and where its outputs begin.
    """
    gone = [output for part, output in parts if isinstance(part, Missing)]
    made = [_part_tables(part, output) for part, output in parts if not isinstance(part, Missing)]

    def step(columns: Columns) -> Fill:
        times = np.asarray(columns[name])
        days = _days(times) if made else None
        first = 0 if days is None else int(days[0])
        instead = max(first * _MICROSECONDS_A_DAY, _FIRST_TICK)
        tabulated = made if days is None else [_by_day(item, days) for item in made]

        def fill(rows: slice, out: Features) -> None:
            some = times[rows]
            absent = np.isnat(some)
            for output in gone:
                out.numeric[:, output] = absent
            if not tabulated:
                return
            ticks = np.where(absent, instead, some.view(np.int64))
            clock = _Clock(ticks, None if days is None else first)
            missing = bool(absent.any())
            for of, tables, numeric, output in tabulated:
                index = clock.read(of)
                for column, table in enumerate(tables, output):
                    values = table.take(index)
                    if missing:
                        values[absent] = MISSING
                    out[not numeric][:, column] = values

        return fill

    return step


class _Clock:
    """The hour, the day and so on of times, given in microseconds since 1970."""

    def __init__(self, ticks: NDArray[np.int64], first: int | None) -> None:
        self._ticks = ticks
        self._days = ticks // _MICROSECONDS_A_DAY
        self._since = None if first is None else self._days - first
        self._minutes: NDArray[np.int64] | None = None

    def read(self, of: str) -> NDArray[np.int64]:
        """Returns each time's hour or the like; of a day, how many days it is after the first."""
        if of in _OF_DAY:
            return _OF_DAY[of](self._days) if self._since is None else self._since
        if self._minutes is None:
            since = self._ticks - self._days * _MICROSECONDS_A_DAY
            self._minutes = since // _MICROSECONDS_A_MINUTE
        return self._minutes // 60 if of == "hour" else self._minutes


def _days(times: NDArray[Any]) -> NDArray[np.int64] | None:
    """Returns all days from the first to the last, where they are fewer than the times."""
    if len(times) <= FEW:
        return None
    first, last = np.fmin.reduce(times), np.fmax.reduce(times)
    if np.isnat(first):
        return None
    low, high = (int(end.view(np.int64)) // _MICROSECONDS_A_DAY for end in (first, last))
    return np.arange(low, high + 1) if high - low < min(len(times), MOST_DAYS) else None


def _by_day(made: _PartTables, days: NDArray[np.int64]) -> _PartTables:
    if made.of not in _OF_DAY:
        return made
    indices = _OF_DAY[made.of](days)
    return made._replace(tables=tuple(table.take(indices) for table in made.tables))


def _part_tables(part: Cycle | Calendar, output: int) -> _PartTables:
    if isinstance(part, Calendar):
        indices = np.arange(FIRST_KNOWN, FIRST_KNOWN + CALENDARS[part.of], dtype=np.int32)
        return _PartTables(part.of, (indices,), False, output)
    circle = _circle(MINUTES_A_DAY if part.of == "time_of_day" else DAYS_A_YEAR)
    return _PartTables(part.of, circle, True, output)


def _month(days: NDArray[np.int64]) -> NDArray[np.int64]:
    months = days.view("datetime64[D]").astype("datetime64[M]").view(np.int64)
    return np.asarray(months % 12)


def _since(days: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    first = days.view("datetime64[D]").astype(unit).astype("datetime64[D]").view(np.int64)
    return np.asarray(days - first)


_OF_DAY: Mapping[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "day_of_week": lambda days: np.asarray((days + _FIRST_WEEKDAY) % 7),
    "month": _month,
    "day_of_month": lambda days: _since(days, "datetime64[M]"),
    "day_of_year": lambda days: _since(days, "datetime64[Y]"),
}


@lru_cache(maxsize=4)
def _circle(steps: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns the sine and the cosine of each of the steps around."""
    angles = [2 * math.pi * step / steps for step in range(steps)]
    sine, cosine = ([round_(angle) for angle in angles] for round_ in (math.sin, math.cos))
    return np.array(sine, np.float32), np.array(cosine, np.float32)
