"""Features that are computed from a request: the same functions in training and in serving.

They take columns and give columns, in Feast's ``mode="python"`` on batches, and import the
standard library alone: a server runs this file without Feast.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

Columns = Mapping[str, Sequence[Any]]

JUNETEENTH_SINCE = 2021
THURSDAY = 3


def calendar(inputs: Columns) -> dict[str, list[Any]]:
    """Computes where a departure lies in the day, the week, and between holidays.

    Args:
        inputs: ``time_hour``, the hour of the scheduled departure in UTC: times, seconds since
            1970, or ISO 8601 text; ``sched_dep_time``, the airport's clock as the number HHMM.

    Returns:
        ``local_hour_of_day`` in [0, 24), ``local_day_of_week`` (0 is Monday), ``is_holiday``, and
        ``days_to_holiday``: days to the nearest US federal holiday, negative after it. None
        where an input is missing.
    """
    made: dict[str, list[Any]] = {
        name: []
        for name in ("local_hour_of_day", "local_day_of_week", "is_holiday", "days_to_holiday")
    }
    for when, clock in zip(inputs["time_hour"], inputs["sched_dep_time"], strict=True):
        hour, minutes = moment(when), minutes_of_day(clock)
        if hour is None or minutes is None:
            values: tuple[Any, ...] = (None, None, None, None)
        else:
            day = local_date(hour, minutes)
            away = days_to_holiday(day)
            values = (minutes / 60, day.weekday(), away == 0, away)
        for column, value in zip(made.values(), values, strict=True):
            column.append(value)
    return made


def plane_ages(inputs: Columns) -> dict[str, list[Any]]:
    """Computes how long ago the plane last left and last arrived.

    Args:
        inputs: ``time_hour`` as in ``calendar``; ``plane_departed_at`` and ``plane_arrived_at``,
            times likewise.

    Returns:
        ``plane_minutes_since_departure`` and ``plane_minutes_since_arrival``, whole minutes. None
        where an input is missing.
    """
    return {
        f"plane_minutes_since_{leg}": [
            minutes_between(moment(then), moment(now))
            for then, now in zip(inputs[column], inputs["time_hour"], strict=True)
        ]
        for leg, column in (("departure", "plane_departed_at"), ("arrival", "plane_arrived_at"))
    }


def moment(value: Any) -> datetime | None:
    """Returns a time in UTC; one that names no zone is in UTC. None where there is none.

    Args:
        value: A time, seconds since 1970, or ISO 8601 text.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if value.strip() else None
    if missing(value):
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime.fromtimestamp(float(value), UTC)


def missing(value: Any) -> bool:
    """Returns whether a value is None, NaN, or a time that is none."""
    # What is no value differs from itself: NaN, and the time that pandas has for none.
    return value is None or value != value  # noqa: PLR0124


def minutes_of_day(clock: Any) -> int | None:
    """Returns the minutes since midnight of a clock that is the number HHMM; 2400 is midnight."""
    if missing(clock) or clock == "":
        return None
    hours, minutes = divmod(int(float(clock)), 100)
    return (hours * 60 + minutes) % 1440


def local_date(hour: datetime, minutes: int) -> date:
    """Returns the airport's date.

    Its clock is behind UTC by the whole hours between the two; so no zone's history is needed.
    """
    behind = (hour.hour - minutes // 60) % 24
    return (hour - timedelta(hours=behind)).date()


def minutes_between(then: datetime | None, now: datetime | None) -> int | None:
    """Returns the whole minutes from one time to another."""
    return None if then is None or now is None else (now - then) // timedelta(minutes=1)


@lru_cache(maxsize=4096)
def days_to_holiday(day: date) -> int:
    """Returns the days to the nearest federal holiday, negative after it; the next wins a tie."""
    near = [near for year in (day.year - 1, day.year, day.year + 1) for near in holidays(year)]
    return min(((holiday - day).days for holiday in near), key=lambda days: (abs(days), -days))


@lru_cache(maxsize=64)
def holidays(year: int) -> tuple[date, ...]:
    """Returns the federal holidays of a year, on their own days (5 U.S.C. 6103)."""
    found: list[date] = [
        date(year, 1, 1),
        nth(year, 1, 0, 3),
        nth(year, 2, 0, 3),
        nth(year, 6, 0, 1) - timedelta(weeks=1),
        date(year, 7, 4),
        nth(year, 9, 0, 1),
        nth(year, 10, 0, 2),
        date(year, 11, 11),
        nth(year, 11, THURSDAY, 4),
        date(year, 12, 25),
    ]
    if year >= JUNETEENTH_SINCE:
        found.append(date(year, 6, 19))
    return tuple(sorted(found))


def nth(year: int, month: int, weekday: int, which: int) -> date:
    """Returns a month's first, second ... Monday (0) to Sunday (6)."""
    first = date(year, month, 1)
    ahead = (weekday - first.weekday()) % 7
    return first + timedelta(days=ahead, weeks=which - 1)
