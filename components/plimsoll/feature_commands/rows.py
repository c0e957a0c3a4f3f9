"""The row that a command is given: as of when, its keys, its values as the store types them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from plimsoll.errors import UsageError, nearest, shortened
from plimsoll.formats.feature_plan import FeaturePlan, Key

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
"""How a value of a row begins that can say when the row is; a bare date or year cannot."""
_INTEGERS = {"INT32": 31, "INT64": 63}
"""Type of a key -> the bits of its numbers, without the sign."""


def parse_timestamp(text: str, what: str) -> datetime:
    """Reads a timestamp.

    Args:
        text: ISO 8601; UTC where it names no zone.
        what: What to call it in errors.

    Raises:
        UsageError: if it is none.
    """
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{what} is {text!r}, which is no moment",
            cause=str(error),
            hint="2013-07-01T10:00:00Z",
        ) from error
    return timestamp.replace(tzinfo=UTC) if timestamp.tzinfo is None else timestamp.astimezone(UTC)


def time_of(row: Mapping[str, Any], at: str) -> tuple[str, datetime]:
    """Returns the row's column that says as of when features are wanted, and that timestamp.

    Args:
        row: Column -> value.
        at: A timestamp, or the name of a column; empty: the row's only value that is one.

    Returns:
        The column, empty if the timestamp is not the row's; and the timestamp in UTC.

    Raises:
        UsageError: if there is none, or there are several.
    """
    if at in row:
        return at, parse_timestamp(str(row[at]), f"the row's {at}")
    if at:
        if not at[0].isdigit():
            raise UsageError(
                f"the row has no column {at!r}", cause=nearest(at, row), choices=[*row]
            )
        return "", parse_timestamp(at, "--at")
    columns = [
        name for name, value in row.items() if isinstance(value, str) and _TIMESTAMP.match(value)
    ]
    if len(columns) != 1:
        raise UsageError(
            "as of when are the row's features wanted?",
            cause=f"{shortened(columns)} are moments" if columns else "no value is a moment",
            choices=columns,
            hint="--at TIME, or --at COLUMN",
        )
    return columns[0], parse_timestamp(str(row[columns[0]]), f"the row's {columns[0]}")


def check_row(row: Mapping[str, Any], plan: FeaturePlan, types: Mapping[str, str]) -> None:
    """Refuses a row that lacks what the features need, or gives it of the wrong type.

    Args:
        row: Column -> value.
        plan: The features' plan.
        types: On-demand input -> the column type that it is taken as.

    Raises:
        UsageError: naming what is missing or wrong.
    """
    needed = [
        *(key.column for view in plan.views for key in view.keys if key.column),
        *(name for part in plan.on_demand for name in part.inputs if name in types),
    ]
    for name in dict.fromkeys(needed):
        if name not in row:
            raise UsageError(
                f"the row has no {name!r}, which the features of {plan.service} need",
                cause=nearest(name, row),
                choices=list(dict.fromkeys(needed)),
                hint="give it in --row; null where there is no value",
            )
    for view in plan.views:
        for key in view.keys:
            if key.column and row[key.column] is not None:
                _check_key(row[key.column], key, view.name)
    for name, kind in types.items():
        input_value(row[name], kind, name)


def input_value(value: Any, kind: str, name: str) -> Any:
    """Returns a value of a row as an on-demand function takes it.

    Args:
        value: As JSON has it.
        kind: The dataset's column type.
        name: The column.

    Raises:
        UsageError: if the value is of another type.
    """
    if value is None:
        return None
    if kind == "timestamp" and isinstance(value, str):
        return parse_timestamp(value, f"the row's {name}").replace(microsecond=0)
    wanted = {"int": (int,), "float": (int, float), "bool": (bool,), "string": (str,)}
    if type(value) not in wanted.get(kind, ()):
        raise UsageError(f"the row's {name!r} is {value!r}", cause=f"it is taken as {kind}")
    return float(value) if kind == "float" else value


def store_value(value: Any, kind: str) -> Any:
    """Returns a value of JSON as the store's type has it: a time for a text of one."""
    is_time = kind == "UNIX_TIMESTAMP" and value is not None
    return parse_timestamp(str(value), "a value") if is_time else value


def _check_key(value: Any, key: Key, view: str) -> None:
    fits = isinstance(value, str)
    if key.type in _INTEGERS:
        fits = type(value) is int and abs(value) < 2 ** _INTEGERS[key.type]
    if not fits:
        raise UsageError(
            f"the row's {key.column!r} is {value!r}",
            cause=f"the view {view} is looked up by {key.join_key}, {key.type}",
        )
