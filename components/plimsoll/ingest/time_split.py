"""Divides rows by time: train is the past, test the latest."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.artifacts.dataset import type_name
from plimsoll.errors import DataError
from plimsoll.ingest.dates import misfits
from plimsoll.ingest.reading import Rows
from plimsoll.problem import Problem, Split

TRAIN, EVAL, TEST = range(3)
SHOWN = 5


def check_time(rows: Rows, problem: Problem) -> None:
    """Checks that the time column holds times, or numbers that can be put in order.

    Raises:
        DataError: if it does not, with the first values that are none and their rows; without
            the values where the column is private.
    """
    if not problem.time:
        return
    column = rows.table.column(problem.time)
    kind = type_name(column.type)
    if kind == "bool":
        raise DataError(f"the time column {problem.time!r} holds true and false, not times")
    if kind != "string":
        return
    if column.null_count == len(column):
        raise DataError(f"the time column {problem.time!r} has no values")
    wrong = np.flatnonzero(misfits(column))
    examples = [
        rows.where(int(row))
        if problem.time in problem.private
        else f"{rows.where(int(row))}: {column[int(row)].as_py()!r}"
        for row in wrong[:SHOWN]
    ]
    raise DataError(
        f"the time column {problem.time!r} does not parse as times",
        cause="\n".join(
            [
                f"{len(wrong):,} of {len(column):,} values do not, or differ from the others:",
                *examples,
            ]
        ),
        hint="write all as 2013-12-31 or 2013-12-31T18:30:00",
    )


def with_times(rows: Rows, problem: Problem, notes: list[str]) -> Rows:
    """Returns the rows whose time is known; without one a row belongs to no split by time."""
    column = rows.table.column(problem.time)
    if not column.null_count:
        return rows
    notes.append(
        f"{column.null_count:,} of {len(column):,} rows have no {problem.time}: left out, "
        "because the split is by time"
    )
    return rows.kept(pc.is_valid(column).to_numpy().astype(np.bool_))


def by_time(rows: Rows, problem: Problem) -> tuple[NDArray[np.int8], Split]:
    """Returns each row's split by its time; rows of one moment are never parted.

    Args:
        rows: Rows that all have a time.
        problem: Its split names the first moments of eval and test; where it does not, they are
            the moments that come nearest to its fractions.

    Returns:
        0, 1 or 2 a row (train, eval, test), and the split with its moments filled in.

    Raises:
        DataError: if there are too few moments, or the moments named are no numbers' match.
    """
    column = rows.table.column(problem.time)
    split = dataclasses.replace(problem.split, by="time")
    if pa.types.is_timestamp(column.type):
        values = column.to_numpy().astype("datetime64[us]")
    else:
        values = column.to_numpy()
    if split.eval_from:
        if values.dtype.kind != "M":
            raise DataError(
                f"the time column {problem.time!r} holds numbers, not times",
                cause="split.eval_from and split.test_from are moments",
                hint="use split.fractions, or write the column as 2013-12-31T18:30:00",
            )
        starts = np.asarray([split.eval_from, split.test_from], dtype="datetime64[us]")
    else:
        starts = _moments(values, split, problem.time)
        if values.dtype.kind == "M" and problem.time not in problem.private:
            split = _with_moments(split, starts)
    return np.searchsorted(starts, values, side="right").astype(np.int8), split


def span(rows: Rows, problem: Problem) -> str:
    """Returns what times there are, for a message; nothing of a private column."""
    if problem.time in problem.private:
        return ""
    ends = pc.min_max(rows.table.column(problem.time)).as_py()
    return f"{problem.time} goes from {ends['min']} to {ends['max']}"


def _moments(values: NDArray[np.generic], split: Split, time: str) -> NDArray[np.generic]:
    """Returns the first moments of eval and test that part the rows nearest to the fractions."""
    moments, counts = np.unique(values, return_counts=True)
    if len(moments) < 3:
        raise DataError(
            f"the time column {time!r} has {len(moments)} different moments, three are needed",
            hint="name another time column, or write split: {by: hash}",
        )
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    train, evaluated, _ = split.fractions
    first = _nearest(before, train * len(values), 1, len(moments) - 1)
    second = _nearest(before, (train + evaluated) * len(values), first + 1, len(moments))
    return moments[[first, second]]


def _nearest(before: NDArray[np.int64], target: float, start: int, stop: int) -> int:
    return start + int(np.argmin(np.abs(before[start:stop] - target)))


def _with_moments(split: Split, starts: NDArray[np.generic]) -> Split:
    moments = [start.item() for start in starts]
    if not all(isinstance(moment, datetime.datetime) for moment in moments):
        return split
    return dataclasses.replace(
        split, eval_from=moments[0].isoformat(), test_from=moments[1].isoformat()
    )
