"""Divides rows by time: train is the past, test the latest."""

import dataclasses
import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.formats.dataset import type_name
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.split.cut_points import candidates, ordinals
from plimsoll.ingest.types.dates import DATE_FORMATS, misfits
from plimsoll.problem import Problem, Split
from plimsoll.timestamps import EPOCH, MICROSECOND


def check_time(rows: Rows, problem: Problem) -> None:
    """Checks that the time column holds times, or numbers that can be put in order.

    Raises:
        DataError: if it does not, with the first values that are none and their rows; without
            the values where the column is private.
    """
    if not problem.time:
        return
    kind = type_name(rows.types[problem.time])
    if kind == "bool":
        raise DataError(f"the time column {problem.time!r} holds true and false, not times")
    if kind != "string":
        return
    if rows.missing(problem.time) == rows.read:
        raise DataError(f"the time column {problem.time!r} has no values")
    counts = dict.fromkeys(DATE_FORMATS, 0)
    for batch in rows.batches([problem.time]):
        for date_format in DATE_FORMATS:
            counts[date_format] += int(misfits(batch.column(0), date_format).sum())
    best = min(DATE_FORMATS, key=lambda date_format: counts[date_format])
    wrong, first = rows.find(problem.time, lambda texts: misfits(texts, best))
    private = problem.time in problem.private
    raise DataError(
        f"the time column {problem.time!r} does not parse as times",
        cause="\n".join(
            [
                f"{wrong:,} of {rows.read:,} values do not, or differ from the others:",
                *(where if private else f"{where}: {value}" for where, value in first),
            ]
        ),
        hint="write all as 2013-12-31 or 2013-12-31T18:30:00",
    )


def with_times(rows: Rows, problem: Problem, notes: list[str]) -> Rows:
    """Returns the rows whose time is known; without one a row belongs to no split by time.

    Args:
        rows: Rows that have a label.
        problem: Names the time column.
        notes: Takes a sentence where rows are left out.
    """
    missing = rows.missing(problem.time)
    if not missing:
        return rows
    total = rows.count()
    notes.append(
        f"{missing:,} of {total:,} rows have no {problem.time}: left out, "
        "because the split is by time"
    )
    return rows.needing(problem.time)


def boundaries(rows: Rows, problem: Problem, total: int) -> tuple[NDArray[np.int64], Split]:
    """Returns where eval and test begin; rows of one timestamp are never parted.

    Args:
        rows: Rows that all have a time.
        problem: Its split names the first timestamps of eval and test; where it does not, they are
            the timestamps that come nearest to its fractions.
        total: How many rows there are.

    Returns:
        The first ``ordinals`` of eval and of test, and the split with its timestamps filled in.

    Raises:
        DataError: if there are too few timestamps, or those named are no numbers' match.
    """
    split = dataclasses.replace(problem.split, by="time")
    timed = pa.types.is_timestamp(rows.types[problem.time])
    if split.eval_from:
        if not timed:
            raise DataError(
                f"the time column {problem.time!r} holds numbers, not times",
                cause="split.eval_from and split.test_from are moments",
                hint="use split.fractions, or write the column as 2013-12-31T18:30:00",
            )
        named = (split.eval_from, split.test_from)
        return np.asarray([_microseconds(timestamp) for timestamp in named], dtype=np.int64), split
    starts = _boundaries_by_share(rows, split, problem.time, total)
    if timed and problem.time not in problem.private:
        split = _with_timestamps(split, starts)
    return starts, split


def by_time(times: pa.Array, starts: NDArray[np.int64]) -> NDArray[np.int8]:
    """Returns each row's split by its time.

    Args:
        times: None of them missing.
        starts: The first ordinals of eval and of test.

    Returns:
        0, 1 or 2 a row: train, eval, test.
    """
    return np.searchsorted(starts, ordinals(times), side="right").astype(np.int8)


def time_range(rows: Rows, problem: Problem) -> str:
    """Returns what times there are, for a message; nothing of a private column."""
    if problem.time in problem.private:
        return ""
    ends = [pc.min_max(batch.column(0)).as_py() for batch in rows.batches([problem.time])]
    first, last = min(end["min"] for end in ends), max(end["max"] for end in ends)
    return f"{problem.time} goes from {first} to {last}"


def _boundaries_by_share(rows: Rows, split: Split, time: str, total: int) -> NDArray[np.int64]:
    """Returns the first timestamps of eval and test that part the rows nearest to the fractions."""
    train, evaluated, _ = split.fractions
    targets = (train * total, (train + evaluated) * total)
    values, before = candidates(
        lambda: (ordinals(batch.column(0)) for batch in rows.batches([time])), targets
    )
    if len(values) < 3:
        raise DataError(
            f"the time column {time!r} has {len(values)} different moments, three are needed",
            hint="name another time column, or write split: {by: hash}",
        )
    first = _nearest(before, targets[0], 1, len(values) - 1)
    second = _nearest(before, targets[1], first + 1, len(values))
    return values[[first, second]]


def _nearest(before: NDArray[np.int64], target: float, start: int, stop: int) -> int:
    return start + int(np.argmin(np.abs(before[start:stop] - target)))


def _microseconds(timestamp: str) -> int:
    return (datetime.datetime.fromisoformat(timestamp) - EPOCH) // MICROSECOND


def _with_timestamps(split: Split, starts: NDArray[np.int64]) -> Split:
    try:
        timestamps = [EPOCH + int(start) * MICROSECOND for start in starts]
    except OverflowError:
        return split
    return dataclasses.replace(
        split, eval_from=timestamps[0].isoformat(), test_from=timestamps[1].isoformat()
    )
