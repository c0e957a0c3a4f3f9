"""Applies a transform with numpy alone: the same code for training and for serving.

A row gives the same bytes alone as in any batch: every step is exact or is done element by
element in IEEE arithmetic, and sines come from tables, since numpy's own may differ by position.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.artifacts.transform import (
    FIRST_KNOWN,
    MISSING,
    UNKNOWN,
    Calendar,
    Cycle,
    Label,
    Missing,
    Number,
    Transform,
    Vocabulary,
)
from plimsoll.errors import DataError, RequestError, nearest
from plimsoll.transform.instances import (
    check_lists,
    check_rows,
    columns_from_lists,
    columns_from_rows,
    wrong_value,
)

__all__ = [
    "Columns",
    "Features",
    "apply",
    "check_lists",
    "check_rows",
    "columns_from_lists",
    "columns_from_rows",
    "encode_labels",
    "wrong_value",
]

Columns = Mapping[str, NDArray[Any]]
"""Column name -> values, shape (rows,). int and float columns: float64, NaN for missing; bool:
float64 0 or 1, NaN for missing; string: object array of str, None for missing; timestamp:
datetime64[us] in UTC, NaT for missing. An infinity counts as missing."""

ROWS_AT_ONCE = 16384
FEW = 64
"""Up to so many look-ups, Python's bisect is faster than calling numpy's for each column."""
MINUTES_A_DAY = 1440
DAYS_A_YEAR = 366
_MICROSECONDS_A_MINUTE = 60_000_000
_MICROSECONDS_A_DAY = 86_400_000_000
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0.


class Features(NamedTuple):
    """Transformed rows."""

    numeric: NDArray[np.float32]
    """Shape (rows, numeric outputs)."""
    categorical: NDArray[np.int32]
    """Shape (rows, categorical outputs): 0 missing, 1 unknown, 2.. the vocabulary."""


def apply(transform: Transform, columns: Columns) -> Features:
    """Transforms rows.

    Args:
        transform: The fitted transform.
        columns: The raw columns, at least ``transform.inputs``, all of one length.

    Raises:
        RequestError: if an input column is missing.
        DataError: if the columns' lengths differ.
    """
    plan = _plan(transform)
    values = _taken(plan, columns)
    rows = len(next(iter(values.values()))) if values else _rows(columns)
    features = Features(
        np.empty((rows, plan.numeric), np.float32), np.empty((rows, plan.categorical), np.int32)
    )
    for start in range(0, rows, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        piece = {name: array[part] for name, array in values.items()}
        target = Features(features.numeric[part], features.categorical[part])
        _fill_numbers(plan, piece, target.numeric)
        for step in plan.steps:
            step(piece, target)
    return features


def encode_labels(transform: Transform, values: NDArray[Any]) -> NDArray[Any]:
    """Turns label values into what is trained on.

    Args:
        transform: The fitted transform.
        values: The label column, as in ``Columns``.

    Returns:
        int64 indices into ``transform.label.classes``, or float32 for regression.

    Raises:
        DataError: if a value is missing, or is a class that the train split does not have.
    """
    label = transform.label
    if label.task == "regression":
        return _label_values(label, values)
    places = {value: place for place, value in enumerate(label.classes)}
    try:
        found = [places[value] for value in values.tolist()]
    except KeyError as error:
        raise DataError(
            f"the label {label.name!r} has a value that the train split does not have",
            cause=f"{error.args[0]!r} is not among its {len(places)} classes",
            choices=[str(value) for value in label.classes],
            hint="split otherwise, or leave out the rows of such rare classes",
        ) from error
    return np.array(found, np.int64)


def _label_values(label: Label, values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        encoded = values.astype(np.float32)
    if not np.isfinite(encoded).all():
        worst = values[~np.isfinite(encoded)][0]
        raise DataError(
            f"the label {label.name!r} has a value that cannot be trained on",
            cause=f"{worst} is missing or too large for single precision",
            hint="fill it in, or write the label in a larger unit, such as thousands",
        )
    return encoded


Step = Callable[[Columns, Features], None]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A transform laid out for speed: numbers of all columns side by side, the rest in steps."""

    inputs: tuple[tuple[str, str], ...]
    """Name and type of each column that is read."""
    numeric: int
    categorical: int
    sources: tuple[tuple[str, bool], ...]
    """Column of each number, and if it is a timestamp."""
    places: NDArray[np.intp]
    """Output of each number."""
    fill: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    tables: _Tables
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """The quantile tables of several numbers, one behind another."""

    rows: NDArray[np.intp]
    """Which numbers go by a table."""
    knots: tuple[NDArray[np.float64], ...]
    """Each table's knots but the last: what is looked up."""
    lists: tuple[list[float], ...]
    offsets: NDArray[np.intp]
    """Where each table begins in the arrays below, shape (tables, 1)."""
    start: NDArray[np.float64]
    width: NDArray[np.float64]
    score: NDArray[np.float64]
    rise: NDArray[np.float64]


@lru_cache(maxsize=16)
def _plan(transform: Transform) -> _Plan:
    numbers: list[tuple[str, bool, Number, int]] = []
    steps: list[Step] = []
    numeric = categorical = 0
    for (column, *_), part in transform.parts():
        timed = column.type == "timestamp"
        if isinstance(part, Number):
            numbers.append((column.name, timed, part, numeric))
            numeric += 1
        elif isinstance(part, Missing):
            steps.append(_missing_step(column.name, column.type, numeric))
            numeric += 1
        elif isinstance(part, Cycle):
            steps.append(_cycle_step(column.name, part.of, numeric))
            numeric += 2
        elif isinstance(part, Vocabulary):
            steps.append(_vocabulary_step(column.name, column.type, part, categorical))
            categorical += 1
        elif isinstance(part, Calendar):
            steps.append(_weekday_step(column.name, categorical))
            categorical += 1
    return _Plan(
        inputs=tuple((column.name, column.type) for column in transform.inputs),
        numeric=numeric,
        categorical=categorical,
        sources=tuple((name, timed) for name, timed, _, _ in numbers),
        places=np.array([place for *_, place in numbers], np.intp),
        fill=_upright(part.fill for _, _, part, _ in numbers),
        low=_upright(part.low for _, _, part, _ in numbers),
        high=_upright(part.high for _, _, part, _ in numbers),
        center=_upright(part.center for _, _, part, _ in numbers),
        spread=_upright(part.spread for _, _, part, _ in numbers),
        tables=_tables([part for _, _, part, _ in numbers]),
        steps=tuple(steps),
    )


def _tables(numbers: Sequence[Number]) -> _Tables:
    rows = [row for row, part in enumerate(numbers) if part.knots]
    knots = [np.array(numbers[row].knots) for row in rows]
    scores = [np.array(numbers[row].scores) for row in rows]
    lengths = [len(table) - 1 for table in knots]
    return _Tables(
        rows=np.array(rows, np.intp),
        knots=tuple(table[:-1] for table in knots),
        lists=tuple(table[:-1].tolist() for table in knots),
        offsets=np.array([sum(lengths[:place]) for place in range(len(rows))], np.intp)[:, None],
        start=_joined([table[:-1] for table in knots]),
        width=_joined([np.diff(table) for table in knots]),
        score=_joined([table[:-1] for table in scores]),
        rise=_joined([np.diff(table) for table in scores]),
    )


def _fill_numbers(plan: _Plan, columns: Columns, out: NDArray[np.float32]) -> None:
    if not plan.sources:
        return
    raw = np.empty((len(plan.sources), len(out)))
    for row, (name, timed) in enumerate(plan.sources):
        raw[row] = _elapsed_days(columns[name]) if timed else columns[name]
    # Zero is added so that a negative zero, which maximum may or may not keep, becomes zero.
    filled = np.where(np.isfinite(raw), raw, plan.fill) + 0.0
    clipped = np.minimum(np.maximum(filled, plan.low), plan.high)
    scaled = (clipped - plan.center) / plan.spread
    tables = plan.tables
    if len(tables.rows):
        scaled[tables.rows] = _looked_up(tables, scaled[tables.rows])
    out[:, plan.places] = scaled.T


def _looked_up(tables: _Tables, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Follows the tables of scores; values, shape (tables, rows), lie within each's knots."""
    if values.size <= FEW:
        found = [
            [bisect_right(knots, value) for value in row]
            for knots, row in zip(tables.lists, values.tolist(), strict=True)
        ]
        places = np.array(found, np.intp).reshape(values.shape)
    else:
        places = np.empty(values.shape, np.intp)
        for row, knots in enumerate(tables.knots):
            places[row] = knots.searchsorted(values[row], side="right")
    places += tables.offsets - 1
    share = (values - tables.start[places]) / tables.width[places]
    return np.asarray(tables.score[places] + share * tables.rise[places])


def _missing_step(name: str, kind: str, place: int) -> Step:
    absent = {"timestamp": np.isnat, "string": _is_none}.get(kind, _not_finite)

    def step(columns: Columns, out: Features) -> None:
        out.numeric[:, place] = absent(columns[name])

    return step


def _vocabulary_step(name: str, kind: str, part: Vocabulary, place: int) -> Step:
    indices: dict[Any, int] = {value: index for index, value in enumerate(part.values, FIRST_KNOWN)}
    if kind == "string":
        indices[None] = MISSING
    find = indices.get

    def step(columns: Columns, out: Features) -> None:
        values = columns[name]
        found = np.fromiter(
            map(find, values.tolist(), repeat(UNKNOWN)), np.int32, count=len(values)
        )
        if kind != "string":
            found[_not_finite(values)] = MISSING
        out.categorical[:, place] = found

    return step


def _cycle_step(name: str, of: str, place: int) -> Step:
    table = _circle(MINUTES_A_DAY if of == "time_of_day" else DAYS_A_YEAR)
    position = _minute_of_day if of == "time_of_day" else _day_of_year

    def step(columns: Columns, out: Features) -> None:
        times = columns[name]
        absent = np.isnat(times)
        around = table[position(np.where(absent, _EPOCH, times))]
        around[absent] = 0.0
        out.numeric[:, place : place + 2] = around

    return step


def _weekday_step(name: str, place: int) -> Step:
    def step(columns: Columns, out: Features) -> None:
        times = columns[name]
        days = times.view(np.int64) // _MICROSECONDS_A_DAY
        found = (days + _FIRST_WEEKDAY) % 7 + FIRST_KNOWN
        out.categorical[:, place] = np.where(np.isnat(times), MISSING, found)

    return step


_EPOCH = np.datetime64(0, "us")


def _circle(steps: int) -> NDArray[np.float32]:
    """Returns sine and cosine of each of the steps around, shape (steps, 2)."""
    angles = [2 * math.pi * step / steps for step in range(steps)]
    return np.array([(math.sin(angle), math.cos(angle)) for angle in angles], np.float32)


def _minute_of_day(times: NDArray[Any]) -> NDArray[np.int64]:
    minutes = times.view(np.int64) // _MICROSECONDS_A_MINUTE
    return np.asarray(minutes % MINUTES_A_DAY)


def _day_of_year(times: NDArray[Any]) -> NDArray[np.int64]:
    days = times.view(np.int64) // _MICROSECONDS_A_DAY
    first = times.astype("datetime64[Y]").astype("datetime64[D]").view(np.int64)
    return np.asarray(days - first)


def _elapsed_days(times: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(np.isnat(times), np.nan, times.view(np.int64) / _MICROSECONDS_A_DAY)


def _not_finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~np.isfinite(values))


def _is_none(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([value is None for value in values.tolist()], np.bool_)


def _upright(values: Any) -> NDArray[np.float64]:
    return np.array(list(values), np.float64)[:, None]


def _joined(arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(arrays) if arrays else np.empty(0)


def _taken(plan: _Plan, columns: Columns) -> dict[str, NDArray[Any]]:
    taken: dict[str, NDArray[Any]] = {}
    for name, kind in plan.inputs:
        if name not in columns:
            raise RequestError(f"the column {name!r} is missing", cause=nearest(name, columns))
        values = columns[name]
        if kind == "timestamp":
            values = np.ascontiguousarray(values, "datetime64[us]")
        taken[name] = values
    lengths = {len(values) for values in taken.values()}
    if len(lengths) > 1:
        raise DataError(
            "the columns are of different lengths",
            cause=", ".join(f"{name}: {len(values)}" for name, values in taken.items()),
        )
    return taken


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values()))) if columns else 0
