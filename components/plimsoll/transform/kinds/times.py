"""Fits a timestamp column: which of its parts the train split has gone around."""

from plimsoll.models.transform_parts import Calendar, Cycle, Part
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.kinds.numbers import fit_number
from plimsoll.transform.kinds.time_stats import DAY, TimeStats
from plimsoll.transform.treatments import DEFAULT_TREATMENT, Treatment

ROUNDS = {"time_of_day": DAY, "day_of_week": 7 * DAY, "day_of_year": 365 * DAY}
"""Part -> microseconds after which it comes round again."""
_CYCLES = ("time_of_day", "day_of_year")
_NAMES = {
    "time_of_day": "the time of day",
    "day_of_week": "the day of the week",
    "day_of_year": "the day of the year",
}
ELAPSED = "elapsed_days"


def fit_times(
    name: str,
    stats: TimeStats,
    config: TransformConfig,
    *,
    by_time: bool,
    treatment: Treatment = DEFAULT_TREATMENT,
) -> tuple[tuple[Part, ...], str]:
    """Chooses the parts of a timestamp.

    A part that comes round again (time of day, day of the week, day of the year) is used only if
    the train split goes around it at least once: values never seen say nothing. Time elapsed
    goes on for ever, so it is not used where eval and test come after train. Parts that the
    treatment names are used all the same.

    Args:
        name: The column.
        stats: What was measured of it; at least one time is there.
        config: The settings.
        by_time: Whether the dataset is split by time.
        treatment: Which parts are requested.

    Returns:
        The parts, and why these.
    """
    low, high = stats.low, stats.high
    days = (high - low) // DAY + 1
    notes = [f"the train split covers {days} day{'s' if days > 1 else ''}"]
    if treatment.parts:
        notes.append("parts as configured")
    names = treatment.parts or _chosen(stats, high - low, notes, by_time=by_time)
    parts: list[Part] = []
    for part in names:
        if part == ELAPSED:
            parts += _elapsed(name, stats, config, notes)
        elif part in _CYCLES:
            parts.append(Cycle(output=f"{name}.{part}", of=part))
        else:
            parts.append(Calendar(output=f"{name}.{part}", of=part))
    return tuple(parts), "; ".join(notes)


def _chosen(stats: TimeStats, span: int, notes: list[str], *, by_time: bool) -> list[str]:
    chosen = []
    for part, around in ROUNDS.items():
        if part == "time_of_day" and not stats.within_days:
            notes.append("no time of day is given")
        elif span >= around:
            chosen.append(part)
        else:
            notes.append(f"too few for {_NAMES[part]}")
    if by_time:
        notes.append("no elapsed time, since the split is by time")
    elif span:
        chosen.append(ELAPSED)
    return chosen


def _elapsed(
    name: str, stats: TimeStats, config: TransformConfig, notes: list[str]
) -> tuple[Part, ...]:
    if stats.elapsed is None or stats.low == stats.high:
        notes.append("no elapsed time, since all times are the same")
        return ()
    number = fit_number(f"{name}.{ELAPSED}", stats.elapsed, config, of=ELAPSED)
    notes.append(f"elapsed time {number.part.scale}: {number.why}")
    return (number.part,)
