"""Turns the instances of a request, JSON objects of raw values, into columns."""

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import RequestError, nearest
from plimsoll.models.transform import Transform
from plimsoll.models.transform_parts import Tokens
from plimsoll.timestamps import EPOCH, MICROSECOND

LISTED = "texts"
"""The type of a string column whose text is a list of texts, within a request."""
_TYPE_TEXTS: Mapping[str, str] = {
    "int": "a whole number or null",
    "float": "a number or null",
    "bool": "true, false or null",
    "string": "text or null",
    LISTED: "text, a list of texts or null",
    "timestamp": "a time as ISO 8601 text, such as 2013-10-01T06:00:00, or null",
}
_NUMBERS = frozenset({int, float, type(None)})
_BOOLS = frozenset({bool, type(None)})
_TEXTS = frozenset({str, type(None)})
_NAT = np.iinfo(np.int64).min
_LONGEST_REASON = 100


class _RefusedError(Exception):
    """A value that its column's type does not take."""

    def __init__(self, row: int, reason: str = "") -> None:
        self.row = row
        self.reason = reason


def columns_from_rows(
    transform: Transform, rows: Sequence[Mapping[str, Any]]
) -> dict[str, NDArray[Any]]:
    """Checks the instances of a request and lays them out as columns.

    A number is an int or a float, never a bool nor text; an int column takes whole numbers only.
    Times are ISO 8601 text; a zone is brought to UTC. Null, NaN and infinities are missing values.
    Where a text lists texts, a list of them does as well: they are joined by the separator.
    Columns of the dataset that are no features may be there and are ignored.

    Args:
        transform: The fitted transform.
        rows: One mapping of raw column values an instance.

    Returns:
        The columns of ``transform.inputs``, as ``apply`` takes them.

    Raises:
        RequestError: if an instance lacks a column, has one that is not known, or a value has
            the wrong type; it names the instance, counted from 0.
    """
    check_rows(transform, rows)
    inputs, _ = _expected(transform)
    columns: dict[str, NDArray[Any]] = {}
    for name, kind, separator in inputs:
        try:
            values = [row[name] for row in rows]
        except KeyError:
            raise _lacking(name, rows) from None
        columns[name] = _column(name, kind, values, separator)
    return columns


def columns_from_lists(
    transform: Transform, lists: Mapping[str, Sequence[Any]]
) -> dict[str, NDArray[Any]]:
    """Does as ``columns_from_rows`` for a request that comes column by column.

    Args:
        transform: The fitted transform.
        lists: Column name -> its values, all of one length.

    Raises:
        RequestError: as ``columns_from_rows``, and if the lengths differ.
    """
    _check_known(transform, lists)
    inputs, _ = _expected(transform)
    for name, _, _ in inputs:
        if name not in lists:
            raise RequestError(
                f"the column {name!r} is missing",
                cause=f"the request has {', '.join(lists) or 'no columns'}",
            )
    _check_lengths(lists)
    return {name: _column(name, kind, lists[name], sep) for name, kind, sep in inputs}


def check_rows(transform: Transform, rows: Sequence[Mapping[str, Any]]) -> None:
    """Checks that instances are mappings of columns that are known, whatever they leave out.

    Raises:
        RequestError: if one is not.
    """
    _, known = _expected(transform)
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise RequestError(
                f"instances[{index}] must be an object of raw column values",
                cause=f"it is {_shown(row)}",
            )
        if not known.issuperset(row):
            raise _unknown(index, row, known)


def check_lists(transform: Transform, lists: Mapping[str, Sequence[Any]]) -> None:
    """Checks that columns are known, and of one length, whatever is left out.

    Raises:
        RequestError: if one is not.
    """
    _check_known(transform, lists)
    _check_lengths(lists)


def _check_known(transform: Transform, lists: Mapping[str, Sequence[Any]]) -> None:
    _, known = _expected(transform)
    for name in lists:
        if name not in known:
            raise RequestError(
                f"there is no column {name!r}",
                cause=nearest(str(name), known),
                choices=sorted(known),
            )


def _check_lengths(lists: Mapping[str, Sequence[Any]]) -> None:
    if len({len(values) for values in lists.values()}) > 1:
        raise RequestError(
            "the columns have different numbers of values",
            cause=", ".join(f"{name}: {len(values)}" for name, values in lists.items()),
        )


@lru_cache(maxsize=16)
def _expected(transform: Transform) -> tuple[tuple[tuple[str, str, str], ...], frozenset[str]]:
    """Returns name, type and separator of each input, and the names that a request may have."""
    separators = {
        column.name: part.separator
        for column in transform.inputs
        for part in column.parts
        if isinstance(part, Tokens)
    }
    inputs = tuple(
        (
            column.name,
            LISTED if column.name in separators else column.type,
            separators.get(column.name, ""),
        )
        for column in transform.inputs
    )
    unused = (column.name for column in transform.columns)
    return inputs, frozenset([*unused, *transform.ignored])


def _column(name: str, kind: str, values: Sequence[Any], separator: str) -> NDArray[Any]:
    try:
        if kind == LISTED:
            return _texts(_joined(values, separator))
        return _CONVERTERS[kind](values)
    except _RefusedError as refused:
        raise wrong_value(refused.row, name, kind, values[refused.row], refused.reason) from None


def wrong_value(row: int, name: str, kind: str, value: Any, because: str = "") -> RequestError:
    """Returns the error of a value that its column's type does not take.

    Args:
        row: The instance, counted from 0.
        name: The column.
        kind: Its type: int, float, bool, string or timestamp.
        value: What was given.
        because: What more there is to say.
    """
    cause = f"it must be {_TYPE_TEXTS[kind]}; it is {_shown(value)}"
    because = because if len(because) <= _LONGEST_REASON else f"{because[:_LONGEST_REASON]}..."
    return RequestError(
        f"instances[{row}]: the column {name!r} has a wrong value",
        cause=f"{cause} ({because})" if because else cause,
        hint=_hint(kind, value),
    )


def _floats(values: Sequence[Any]) -> NDArray[Any]:
    if not _NUMBERS.issuperset(map(type, values)):
        values = [_number(row, value) for row, value in enumerate(values)]
    try:
        return np.array(values, np.float64)
    except OverflowError:
        row = next(row for row, value in enumerate(values) if _too_large(value))
        raise _RefusedError(row, "too large") from None


def _too_large(value: Any) -> bool:
    try:
        float(value or 0)
    except OverflowError:
        return True
    return False


def _ints(values: Sequence[Any]) -> NDArray[Any]:
    numbers = _floats(values)
    if float in set(map(type, values)):
        finite = np.isfinite(numbers)
        odd = np.flatnonzero(finite & (np.where(finite, numbers, 0.0) % 1 != 0))
        if len(odd):
            raise _RefusedError(int(odd[0]))
    return numbers


def _number(row: int, value: Any) -> float | int | None:
    """Takes what the fast check does not know: numbers of numpy and the like."""
    if value is None:
        return None
    if isinstance(value, bool | np.bool_ | str | bytes) or not hasattr(value, "__float__"):
        raise _RefusedError(row)
    return value if isinstance(value, int) else float(value)


def _bools(values: Sequence[Any]) -> NDArray[Any]:
    if not _BOOLS.issuperset(map(type, values)):
        raise _RefusedError(
            next(row for row, value in enumerate(values) if type(value) not in _BOOLS)
        )
    return np.array(values, np.float64)


def _texts(values: Sequence[Any]) -> NDArray[Any]:
    if not _TEXTS.issuperset(map(type, values)):
        raise _RefusedError(
            next(row for row, value in enumerate(values) if type(value) not in _TEXTS)
        )
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _joined(values: Sequence[Any], separator: str) -> list[Any]:
    joined = []
    for row, value in enumerate(values):
        if isinstance(value, list | tuple):
            if not {str}.issuperset(map(type, value)):
                raise _RefusedError(row)
            value = separator.join(value)
        joined.append(value)
    return joined


def _times(values: Sequence[Any]) -> NDArray[Any]:
    ticks = [_NAT if value is None else _tick(row, value) for row, value in enumerate(values)]
    return np.array(ticks, np.int64).view("datetime64[us]")


def _tick(row: int, value: Any) -> int:
    """Returns microseconds since 1970."""
    if type(value) is not str:
        raise _RefusedError(row)
    try:
        timestamp = datetime.datetime.fromisoformat(value.strip())
        if timestamp.tzinfo is not None:
            timestamp = timestamp.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise _RefusedError(row, str(error)) from None
    return (timestamp - EPOCH) // MICROSECOND


_CONVERTERS: Mapping[str, Callable[[Sequence[Any]], NDArray[Any]]] = {
    "int": _ints,
    "float": _floats,
    "bool": _bools,
    "string": _texts,
    "timestamp": _times,
}


def _unknown(index: int, row: Mapping[str, Any], known: frozenset[str]) -> RequestError:
    odd = next(name for name in row if name not in known)
    return RequestError(
        f"instances[{index}]: there is no column {odd!r}",
        cause=nearest(str(odd), known),
        choices=sorted(known),
    )


def _lacking(name: str, rows: Sequence[Mapping[str, Any]]) -> RequestError:
    index = next(index for index, row in enumerate(rows) if name not in row)
    return RequestError(
        f"instances[{index}]: the column {name!r} is missing",
        cause=f"it has {', '.join(map(str, rows[index])) or 'no columns'}",
        hint="give null for a value that is not known",
    )


def _hint(kind: str, value: Any) -> str:
    if kind in ("int", "float") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        return f"write {value.strip()} without quotes" if math.isfinite(number) else ""
    if kind in ("string", LISTED) and isinstance(value, int | float):
        return f'write it in quotes: "{value}"'
    return ""


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
