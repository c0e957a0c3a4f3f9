"""Fits a timestamp column: which of its parts the train split has gone around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.transform import Cycle, Part, Weekday
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.numbers import fit_number

DAY = np.timedelta64(1, "D")
WEEK = np.timedelta64(7, "D")
YEAR = np.timedelta64(365, "D")


def fit_times(
    name: str, times: NDArray[Any], config: TransformConfig, *, by_time: bool
) -> tuple[tuple[Part, ...], str]:
    """Chooses the parts of a timestamp.

    A part that comes round again (time of day, day of the week, day of the year) is used only if
    the train split goes around it at least once: values never seen say nothing. Time elapsed
    goes on for ever, so it is not used where eval and test come after train.

    Args:
        name: The column.
        times: datetime64[us], NaT for missing; at least one is there.
        config: The knobs.
        by_time: Whether the dataset is split by time.

    Returns:
        The parts, and why these.
    """
    known = times[~np.isnat(times)]
    span = known.max() - known.min()
    days = int(span // DAY) + 1
    parts: list[Part] = []
    notes = [f"the train split covers {days} day{'s' if days > 1 else ''}"]
    if not (known.astype("datetime64[D]") != known).any():
        notes.append("no time of day is given")
    elif span >= DAY:
        parts.append(Cycle(output=f"{name}.time_of_day", of="time_of_day"))
    else:
        notes.append("too few for the time of day")
    if span >= WEEK:
        parts.append(Weekday(output=f"{name}.day_of_week"))
    else:
        notes.append("too few for the day of the week")
    if span >= YEAR:
        parts.append(Cycle(output=f"{name}.day_of_year", of="day_of_year"))
    else:
        notes.append("too few for the day of the year")
    if by_time:
        notes.append("no elapsed time, since the split is by time")
    elif span:
        elapsed = known.view(np.int64) / (DAY / np.timedelta64(1, "us"))
        output = f"{name}.elapsed_days"
        number = fit_number(output, elapsed, config, scale="numeric", of="elapsed_days")
        parts.append(number.part)
        notes.append(f"elapsed time {number.part.scale}: {number.why}")
    return tuple(parts), "; ".join(notes)
