"""The distinct entity keys of a request, and the times of its rows."""

from collections.abc import Callable, Sequence
from typing import Any

from plimsoll.formats.feature_plan import Key
from plimsoll.serving.features.requests import Request
from plimsoll.serving.online.keys import DUMMY_VALUE, WrongKeyError, microseconds, normal
from plimsoll.serving.online.store import Entity, EntityKeys
from plimsoll.transform.apply.apply import wrong_value

NO_KEY = -1
_TEXTS = frozenset({str, type(None)})


def entity_keys(
    entity: Entity, request: Request, rows: Sequence[int]
) -> tuple[list[int], EntityKeys]:
    """Returns the keys of some rows, each distinct one once.

    Args:
        entity: The key.
        request: The request.
        rows: The rows that need it.

    Returns:
        Row -> index among the keys, ``NO_KEY`` where a part is null or the row needs none; and
        the keys.

    Raises:
        RequestError: if a row lacks a part, or has one of a wrong type.
    """
    parts = [_part(key, request, rows) for key in entity.keys]
    indices: list[int] = [NO_KEY] * request.size
    distinct: dict[tuple[Any, ...], int] = {}
    for row, values in zip(rows, zip(*parts, strict=True), strict=True):
        if None not in values:
            indices[row] = distinct.setdefault(values, len(distinct))
    write = entity.writer.write
    return indices, EntityKeys(keys=[write(values) for values in distinct], values=list(distinct))


def row_times(request: Request, column: str, now: Callable[[], float]) -> list[int]:
    """Returns the time of each row, microseconds since 1970: its own, or else now.

    Args:
        request: The request.
        column: The column of times.
        now: Returns seconds since 1970.

    Raises:
        RequestError: if a time is not ISO 8601 text.
    """
    current = int(now() * 1_000_000)
    values = request.optional(column)
    if values is None:
        return [current] * request.size
    known: dict[str, int] = {}
    return [
        current if value is None else _time(column, row, value, known)
        for row, value in enumerate(values)
    ]


def _part(key: Key, request: Request, rows: Sequence[int]) -> Sequence[Any]:
    if not key.column:
        return [DUMMY_VALUE] * len(rows)
    values = request.values(key.column, rows)
    if _as_they_are(key.type, values):
        return values
    settled = []
    for row, value in zip(rows, values, strict=True):
        try:
            settled.append(normal(key.type, value))
        except WrongKeyError as error:
            raise wrong_value(row, key.column, key.column_type, value, str(error)) from None
    return settled


def _as_they_are(value_type: str, values: Sequence[Any]) -> bool:
    """Says if no value needs a look of its own: all are null, or text that surely is UTF-8."""
    if value_type != "STRING" or not _TEXTS.issuperset(map(type, values)):
        return False
    return all(text is None or text.isascii() for text in values)


def _time(column: str, row: int, value: Any, known: dict[str, int]) -> int:
    if type(value) is not str:
        raise wrong_value(row, column, "timestamp", value)
    us = known.get(value)
    if us is None:
        try:
            us = known[value] = microseconds(value)
        except (ValueError, OverflowError) as error:
            raise wrong_value(row, column, "timestamp", value, str(error)) from None
    return us
